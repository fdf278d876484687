# SPDX-License-Identifier: GPL-3.0-or-later
"""A dialect: a folder with ``dialect.yml``, ``edit.xml.j2``, ``filter.xml.j2`` and ``names.xml.j2``.

The collection's own lie in ``templates/netconf/``; a user's may lie anywhere. What is written into a template is
always escaped, and what comes out must be well-formed.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from ...model.errors import InvalidInput
from .known import Known
from .needs import etree, jinja2, yaml
from .trees import BadXml, parse, without_blanks

OWN = Path(__file__).resolve().parents[4] / "templates" / "netconf"
PARTS = ("interfaces", "addresses", "routes", "routes4", "routes6", "access_lists")
_KNOWN = {"title", "namespaces", "modules", "types", "vlan_name", "name_pattern", "established", "cannot", "read"}
_NO_XPATHS = {"families", "actions", "protocols", "halves", "known", "list_types", "mixed_type", "mixed_feature"}
_MOST_ITEMS = 1_000_000
_TEMPLATES = ("edit.xml.j2", "filter.xml.j2", "names.xml.j2")
# What an expression of a template may raise besides Jinja2's own errors.
_EXPRESSION_FAILED = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)


class Dialect:
    """How one family of devices writes a node configuration."""

    def __init__(self, name: str = "ietf", path: str | Path | None = None) -> None:
        """
        Args:
            name: one of the collection's own.
            path: a folder to take instead.

        Raises:
            InvalidInput: no such dialect, or one that cannot be read.
        """
        self.folder = Path(path).expanduser() if path is not None else OWN / name
        self.name = name if path is None else self.folder.name
        self._parameter = "dialect" if path is None else "dialect_path"
        if path is None and name not in own_dialects():
            raise InvalidInput(
                f"'{name}' is not known.", parameter="dialect", fix=f"Choose one of {', '.join(own_dialects())}."
            )
        data = self._load()
        self._check(data)
        self.namespaces: dict[str, str] = dict(data["namespaces"])
        self.types: dict[str, str] = dict(data["types"])
        self.modules: dict[str, tuple[str, ...]] = {key: tuple(value) for key, value in data.get("modules", {}).items()}
        self.cannot: dict[str, str] = dict(data.get("cannot", {}))
        self.vlan_name: str | None = data.get("vlan_name")
        pattern = data.get("name_pattern", {})
        self.name_patterns: dict[str, str] = (
            dict(pattern) if isinstance(pattern, Mapping) else dict.fromkeys(self.types, pattern)
        )
        self.established: str | None = data.get("established")
        self.read: dict[str, Any] = data["read"]
        lists = [one for one in _list(self.read.get("access_lists")) if isinstance(one, Mapping)]
        self.mixed_feature: str | None = next((one["mixed_feature"] for one in lists if "mixed_feature" in one), None)
        self._items = 0

    def _load(self) -> Mapping[str, Any]:
        place = self.folder / "dialect.yml"
        try:
            data = yaml.safe_load(place.read_text(encoding="utf-8"))
        except OSError as error:
            raise self._wrong(f"{place} cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError as error:
            raise self._wrong(f"{place} is not UTF-8: {error}.") from None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = place if mark is None else f"{place}:{mark.line + 1}"
            raise self._wrong(f"{where}: {getattr(error, 'problem', None) or error}.") from None
        if not isinstance(data, Mapping) or not {"namespaces", "types", "read"} <= set(data) <= _KNOWN:
            raise InvalidInput(
                f"{place} is no dialect.",
                parameter=self._parameter,
                fix=f"It needs namespaces, types and read, and may have {', '.join(sorted(_KNOWN))}.",
            )
        return data

    def _check(self, data: Mapping[str, Any]) -> None:
        """Refuses here what would only be found when a node is read."""
        place = self.folder / "dialect.yml"
        for key in ("namespaces", "types", "read", "modules", "cannot"):
            if not isinstance(data.get(key, {}), Mapping):
                raise self._wrong(f"{place}: {key} is no mapping.")
        for key, modules in data.get("modules", {}).items():
            if not isinstance(modules, list):
                raise self._wrong(f"{place}: modules.{key} is no list.")
        self._check_names(data, place)
        for part, keys in (("interfaces", {"each", "name", "type"}), ("routes", {"each", "prefix"})):
            for spec in _list(data["read"].get(part)) or [None]:
                if not isinstance(spec, Mapping) or not keys <= set(spec):
                    raise self._wrong(f"{place}: read.{part} needs {', '.join(sorted(keys))}.")
        for where, text in _xpaths(data["read"], "read"):
            try:
                etree.XPath(text, namespaces=dict(data["namespaces"]))(etree.Element("none"))
            except (etree.XPathError, TypeError, ValueError) as error:
                raise self._wrong(f"{place}: {where}: '{text}' is no XPath expression: {error}.") from None
        self._check_known(data, place)
        if self._parameter == "dialect_path":
            for name in _TEMPLATES:
                self._template(name)

    def _check_known(self, data: Mapping[str, Any], place: Path) -> None:
        for where, known in _known(data["read"], "read"):
            try:
                Known(known, data["namespaces"])
            except LookupError as error:
                raise self._wrong(f"{place}: {where}: the prefix {error} has no namespace.") from None
            except (AttributeError, TypeError, ValueError, re.error) as error:
                raise self._wrong(f"{place}: {where}: {error}.") from None

    def _check_names(self, data: Mapping[str, Any], place: Path) -> None:
        patterns = data.get("name_pattern", {})
        for pattern in patterns.values() if isinstance(patterns, Mapping) else [patterns]:
            try:
                re.compile(pattern)
            except (re.error, TypeError) as error:
                raise self._wrong(f"{place}: name_pattern: '{pattern}' is no regular expression: {error}.") from None
        try:
            str(data.get("vlan_name", "")).format(parent="eth0", vlan_id=5)
        except (LookupError, ValueError, AttributeError) as error:
            words = f"{place}: vlan_name: '{data['vlan_name']}' may hold {{parent}} and {{vlan_id}}, and nothing else"
            raise self._wrong(f"{words}: {error}.") from None

    def _wrong(self, words: str) -> InvalidInput:
        return InvalidInput(words, parameter=self._parameter)

    @cached_property
    def _templates(self) -> jinja2.Environment:
        made = jinja2.sandbox.ImmutableSandboxedEnvironment(
            loader=jinja2.FileSystemLoader(self.folder),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.globals["range"] = self._range
        return made

    def _range(self, *bounds: int) -> Iterator[int]:
        """The only loop of a template that needs no input: all of one rendering together end at some time."""
        for number in range(*bounds):
            self._items += 1
            if self._items > _MOST_ITEMS:
                raise OverflowError(f"range() gave more than {_MOST_ITEMS:,} numbers")
            yield number

    def needed(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        """The YANG modules of some parts of a configuration."""
        return tuple(dict.fromkeys(module for part in parts for module in self.modules.get(part, ())))

    def edit(self, context: Mapping[str, Any]) -> Any:
        """The ``config`` element of an edit. ``context`` is what ``edit.context`` makes."""
        return self._render("edit.xml.j2", context)

    def filter(self, parts: tuple[str, ...]) -> Any:
        """The ``filter`` element for what is read of these parts."""
        return self._render("filter.xml.j2", {"parts": parts})

    def names(self) -> Any:
        """The ``filter`` element for the names of all interfaces."""
        return self._render("names.xml.j2", {})

    def _render(self, name: str, context: Mapping[str, Any]) -> Any:
        self._items = 0
        template = self._template(name)
        try:
            text = template.render(context)
        except jinja2.TemplateNotFound as error:
            raise self._wrong(f"{self._line(error)}: {self.folder / str(error.name)} does not exist.") from None
        except (jinja2.TemplateError, *_EXPRESSION_FAILED) as error:
            raise self._wrong(f"{self._line(error) or self.folder / name}: {_said(error)}.") from None
        try:
            return without_blanks(parse(text.encode("utf-8", "strict")))
        except (BadXml, UnicodeEncodeError) as error:
            raise self._wrong(f"{self.folder / name} makes no well-formed XML: {_said(error)}.") from None

    def _template(self, name: str) -> jinja2.Template:
        try:
            return self._templates.get_template(name)
        except jinja2.TemplateNotFound:
            raise self._wrong(f"{self.folder / name} does not exist.") from None
        except jinja2.TemplateSyntaxError as error:
            raise self._wrong(f"{error.filename}:{error.lineno}: {error.message}.") from None
        except UnicodeDecodeError as error:
            raise self._wrong(f"{self.folder / name} is not UTF-8: {error}.") from None

    def _line(self, error: BaseException) -> str | None:
        """The innermost line of a template that an error came through; Jinja2 writes them into the traceback."""
        places = [
            f"{frame.f_code.co_filename}:{line}"
            for frame, line in traceback.walk_tb(error.__traceback__)
            if Path(frame.f_code.co_filename).parent == self.folder
        ]
        return places[-1] if places else None


def _said(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _xpaths(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Every expression under ``read``, with its place."""
    if isinstance(value, Mapping):
        for key, inside in value.items():
            if key not in _NO_XPATHS:
                yield from _xpaths(inside, f"{where}.{key}")
    elif isinstance(value, list):
        for number, inside in enumerate(value):
            yield from _xpaths(inside, f"{where}[{number}]")
    else:
        yield where, value


def _known(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Every list of what is known under ``read``, with its place."""
    if isinstance(value, Mapping):
        for key, inside in value.items():
            if key == "known":
                yield f"{where}.{key}", inside
            else:
                yield from _known(inside, f"{where}.{key}")
    elif isinstance(value, list):
        for number, inside in enumerate(value):
            yield from _known(inside, f"{where}[{number}]")


def own_dialects() -> list[str]:
    """Names of the collection's own dialects."""
    return sorted(path.parent.name for path in OWN.glob("*/dialect.yml"))
