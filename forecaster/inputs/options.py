# SPDX-License-Identifier: GPL-3.0-or-later
"""A reader's options: a frozen data class, filled from a mapping so that every mistake names the option.

The data class's annotations say what a value may be: ``str``, ``int``, ``float``, ``bool``, ``Path``, ``datetime``,
`Duration`, ``Literal``, a tuple of words, a mapping of words, and any of them ``| None``.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import UTC, date, datetime
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any, Literal, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from ...plugins.module_utils.model.errors import InvalidInput
from ...plugins.module_utils.model.units import parse_duration

Duration = NewType("Duration", int)
"""Seconds, written as people do: ``15m``, ``2h``, ``28d``."""

Options = TypeVar("Options")


def read_options(cls: type[Options], given: Mapping[str, Any], place: str = "") -> Options:
    """The data class `cls` with the options in `given`.

    Args:
        place: what stands before an option's name in messages, as the user wrote it (``sources[2]``).

    Raises:
        InvalidInput: an option is unknown, missing, or has no meaning; ``parameter`` is its name.
    """
    known = {one.name: one for one in fields(cls)}  # type: ignore[arg-type]
    hints = get_type_hints(cls)
    for name in given:
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            fix = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(known)}."
            raise InvalidInput("there is no such option.", parameter=_at(place, str(name)), fix=fix)
    values = {}
    for name, one in known.items():
        if name in given:
            values[name] = read_value(hints[name], given[name], _at(place, name))
        elif one.default is MISSING and one.default_factory is MISSING:
            raise InvalidInput("is required.", parameter=_at(place, name))
    try:
        return cls(**values)
    except InvalidInput as error:
        # What a class checks itself knows the option's name, but not where the user wrote it.
        raise InvalidInput(error.message, parameter=_at(place, error.parameter or ""), fix=error.fix) from None


def _at(place: str, name: str) -> str:
    return ".".join(one for one in (place, name) if one)


def read_value(hint: Any, value: Any, where: str) -> Any:
    """`value` as `hint` wants it.

    Raises:
        InvalidInput: it is something else; the message says what it should be.
    """
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        (hint,) = [one for one in get_args(hint) if one is not type(None)]
        return read_value(hint, value, where)
    if origin is Literal:
        if value not in get_args(hint):
            choices = ", ".join(str(one) for one in get_args(hint))
            raise InvalidInput(f"'{value}' is none of the choices.", parameter=where, fix=f"Choose one of: {choices}.")
        return value
    if origin is tuple:
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list | tuple) or not listed:
            raise InvalidInput("must be a word or a list of words.", parameter=where)
        return tuple(read_value(get_args(hint)[0], one, f"{where}[{place}]") for place, one in enumerate(listed))
    if origin in (dict, Mapping):
        if not isinstance(value, Mapping):
            raise InvalidInput("must be a mapping.", parameter=where)
        inner = get_args(hint)[1]
        return {str(key): read_value(inner, one, f"{where}.{key}") for key, one in value.items()}
    return _SIMPLE[hint](value, where)


def _word(value: Any, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidInput("must be text.", parameter=where)
    if not str(value).strip(" "):
        raise InvalidInput("is empty.", parameter=where)
    return str(value)


def _whole(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidInput(f"'{value}' is no whole number, 0 or more.", parameter=where)
    return value


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"'{value}' is no number.", parameter=where)
    if not isfinite(value):
        raise InvalidInput(f"{value} is no finite number.", parameter=where)
    return float(value)


def _truth(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidInput(f"'{value}' is neither true nor false.", parameter=where)
    return value


def _path(value: Any, where: str) -> Path:
    return Path(_word(value, where)).expanduser()


def _duration(value: Any, where: str) -> int:
    return parse_duration(value, where)


def _moment(value: Any, where: str) -> datetime:
    """A time with zone: YAML reads some times by itself, and gives them back in UTC without saying so."""
    found = value
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value.strip())
        except ValueError:
            found = None
    if isinstance(found, date) and not isinstance(found, datetime):
        found = datetime(found.year, found.month, found.day, tzinfo=UTC)
    if not isinstance(found, datetime):
        raise InvalidInput(f"'{value}' is no time.", parameter=where, fix="Write it like 2026-01-31T23:00:00Z.")
    return found if found.utcoffset() is not None else found.replace(tzinfo=UTC)


_SIMPLE: dict[Any, Callable[[Any, str], Any]] = {
    str: _word,
    int: _whole,
    float: _number,
    bool: _truth,
    Path: _path,
    Duration: _duration,
    datetime: _moment,
}


def read_secret(value: str | None, file: Path | None, option: str) -> str | None:
    """A secret that is given itself or by the file that holds it (its first line).

    Raises:
        InvalidInput: both are given, or the file cannot be read or is empty.
    """
    if value is not None and file is not None:
        raise InvalidInput(f"both {option} and {option}_file are given.", parameter=option, fix="Give one of them.")
    if file is None:
        return value
    try:
        secret = file.read_text(encoding="utf-8").strip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot read {file}: {reason(error)}.", parameter=f"{option}_file") from None
    if not secret:
        raise InvalidInput(f"{file} is empty.", parameter=f"{option}_file")
    return secret[0]


def reason(error: Exception) -> str:
    """What the operating system said, without errno and path."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
