# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task gives, looked at before Ansible's own check of arguments.

Ansible's check says of a list that one of its items is wrong, but not which one; it turns a list or dictionary into
text where text is wanted; and it refuses null for an option that has choices. Here an error names the place,
``reservations[3].instances``, and null is the same as not given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ansible.module_utils.common.validation import check_type_bool, check_type_float, check_type_int

from ..module_utils.model.errors import InvalidInput, unknown_options

_CHECKS: dict[str, tuple[Any, str, str]] = {
    "int": (check_type_int, "is not a whole number.", "Give one, such as 5."),
    "float": (check_type_float, "is not a number.", "Give one, such as 0.95."),
    "bool": (check_type_bool, "is not a boolean.", "Write true or false."),
}
_TEXTS = ("str", "path")


def read_arguments(spec: Mapping[str, Any], given: Mapping[str, Any], blank: bool = False) -> dict[str, Any]:
    """What was given, as a new dictionary without what is null. Values are left for Ansible to convert.

    Args:
        spec: an argument spec of Ansible's.
        given: the task's arguments.
        blank: whether empty text, such as an empty template makes, is not given either; in items of lists, and for
            options that have no default.

    Raises:
        InvalidInput: a value is of the wrong type, or inside of a list's item or a dictionary an option is unknown,
            missing or not one of its choices.
    """
    known = {key: value for key, value in given.items() if key in spec and not _absent(spec[key], value, blank)}
    strange = {key: value for key, value in given.items() if key not in spec}
    return {**{key: _read(spec[key], value, key, blank) for key, value in known.items()}, **strange}


def _absent(spec: Mapping[str, Any], value: Any, blank: bool) -> bool:
    if value is None:
        return True
    optional = spec.get("default") is None and not spec.get("required")
    return blank and optional and isinstance(value, str) and not value


def _read(spec: Mapping[str, Any], value: Any, place: str, blank: bool) -> Any:
    kind, options = spec.get("type", "str"), spec.get("options")
    if kind == "list":
        return _read_list(spec, value, place, blank)
    if kind == "dict":
        return value if options is None else _read_options(options, value, place, blank)
    if kind in _TEXTS and not _is_text(value):
        raise InvalidInput(f"expected text, not {_what(value)}.", parameter=place)
    if kind in _CHECKS:
        check, problem, fix = _CHECKS[kind]
        try:
            check(value)
        except (TypeError, ValueError):
            raise InvalidInput(f"'{value}' {problem}", parameter=place, fix=fix) from None
    if "choices" in spec and value not in spec["choices"] and "." in place:
        raise InvalidInput(
            f"'{value}' is not known.", parameter=place, fix=f"Choose one of {', '.join(map(str, spec['choices']))}."
        )
    return value


def _read_list(spec: Mapping[str, Any], value: Any, place: str, blank: bool) -> Any:
    kind, options = spec.get("elements"), spec.get("options")
    if isinstance(value, Mapping):
        raise InvalidInput(f"expected a list, not {_what(value)}.", parameter=place, fix="Begin each item with a dash.")
    if kind == "dict" and isinstance(value, (str, int, float)):
        raise InvalidInput(f"expected a list, not {_what(value)}.", parameter=place)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return value
    if kind == "dict" and options is not None:
        return [_read_options(options, item, f"{place}[{index}]", blank) for index, item in enumerate(value)]
    for index, item in enumerate(value):
        if kind in _TEXTS and (item is None or not _is_text(item)):
            raise InvalidInput(f"expected text, not {_what(item)}.", parameter=f"{place}[{index}]")
    return value


def _read_options(spec: Mapping[str, Any], value: Any, place: str, blank: bool) -> Any:
    if not isinstance(value, Mapping):
        raise InvalidInput(
            f"expected a dictionary, not {_what(value)}.", parameter=place, fix=f"Its options are: {', '.join(spec)}."
        )
    unknown = [str(key) for key in value if key not in spec]
    if unknown:
        raise unknown_options(unknown, list(spec), place)
    found = {
        key: _read(spec[key], item, f"{place}.{key}", blank)
        for key, item in value.items()
        if not _absent(spec[key], item, blank)
    }
    missing = [key for key, one in spec.items() if one.get("required") and key not in found]
    if missing:
        raise InvalidInput("is required.", parameter=f"{place}.{missing[0]}")
    return found


def _is_text(value: Any) -> bool:
    """What is text, or is written as text in only one way. YAML makes times of some text."""
    return isinstance(value, (str, int, float, date))


def _what(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "a dictionary"
    if isinstance(value, str):
        return f"the text '{value}'"
    return "a list" if isinstance(value, Sequence) else str(value)
