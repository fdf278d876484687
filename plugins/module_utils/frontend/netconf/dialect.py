# SPDX-License-Identifier: GPL-3.0-or-later
"""A dialect: a folder with ``dialect.yml``, ``edit.xml.j2``, ``filter.xml.j2`` and ``names.xml.j2``.

The collection's own lie in ``templates/netconf/``; a user's may lie anywhere. What is written into a template is
always escaped, and what comes out must be well-formed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from ...model.errors import InvalidInput
from .needs import jinja2, yaml
from .trees import BadXml, parse, without_blanks

OWN = Path(__file__).resolve().parents[4] / "templates" / "netconf"
PARTS = ("interfaces", "addresses", "routes", "routes4", "routes6", "access_lists")
_KNOWN = {"title", "namespaces", "modules", "types", "vlan_name", "name_pattern", "established", "cannot", "read"}


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
        self.namespaces: dict[str, str] = dict(data["namespaces"])
        self.types: dict[str, str] = dict(data["types"])
        self.modules: dict[str, tuple[str, ...]] = {
            key: tuple(value) for key, value in (data.get("modules") or {}).items()
        }
        self.cannot: dict[str, str] = dict(data.get("cannot") or {})
        self.vlan_name: str | None = data.get("vlan_name")
        pattern = data.get("name_pattern") or {}
        self.name_patterns: dict[str, str] = (
            dict(pattern) if isinstance(pattern, Mapping) else dict.fromkeys(self.types, pattern)
        )
        self.established: str | None = data.get("established")
        self.read: dict[str, Any] = data["read"]

    def _load(self) -> Mapping[str, Any]:
        place = self.folder / "dialect.yml"
        try:
            data = yaml.safe_load(place.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InvalidInput(f"{place} cannot be read: {error}.", parameter=self._parameter) from None
        if not isinstance(data, Mapping) or not {"namespaces", "types", "read"} <= set(data) <= _KNOWN:
            raise InvalidInput(
                f"{place} is no dialect.",
                parameter=self._parameter,
                fix=f"It needs namespaces, types and read, and may have {', '.join(sorted(_KNOWN))}.",
            )
        return data

    @cached_property
    def _templates(self) -> jinja2.Environment:
        return jinja2.sandbox.ImmutableSandboxedEnvironment(
            loader=jinja2.FileSystemLoader(self.folder),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

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
        try:
            text = self._templates.get_template(name).render(context)
            return without_blanks(parse(text.encode("utf-8", "strict")))
        except (jinja2.TemplateError, BadXml, UnicodeEncodeError) as error:
            raise InvalidInput(f"{self.folder / name}: {error}.", parameter=self._parameter) from None


def own_dialects() -> list[str]:
    """Names of the collection's own dialects."""
    return sorted(path.parent.name for path in OWN.glob("*/dialect.yml"))
