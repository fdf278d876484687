# SPDX-License-Identifier: GPL-3.0-or-later
"""Instance paths: libyang's with module names, and those of XML with prefixes (RFC 7950, 9.13)."""

from __future__ import annotations

import re

from .schema import Schema

_STEP = re.compile(
    r"/(?:(?P<module>[^:/\[\]'\"]+):)?(?P<name>[^:/\[\]'\"]+)(?P<keys>(?:\[(?:[^\]'\"]|'[^']*'|\"[^\"]*\")*\])*)"
)
_KEY = re.compile(r"\[(?P<name>[^=\]]+)=(?P<quote>['\"])(?P<value>.*?)(?P=quote)\]", re.DOTALL)
_IDENTITY = re.compile(r"([A-Za-z_][\w.-]*):([A-Za-z_][\w.-]*)")


def to_xml(schema: Schema, path: str) -> tuple[str, dict[str, str]]:
    """The path with prefixes throughout, and the namespaces of the prefixes."""
    namespaces: dict[str, str] = {}
    module = ""

    def prefix(name: str) -> str:
        facts = schema.by_name[name]
        chosen = facts.prefix
        # Two modules may have chosen the same prefix.
        while namespaces.get(chosen, facts.namespace) != facts.namespace:
            chosen += "x"
        namespaces[chosen] = facts.namespace
        return chosen

    def key(found: re.Match[str]) -> str:
        value = found["value"]
        identity = _IDENTITY.fullmatch(value)
        if identity and identity[1] in schema.by_name:
            value = f"{prefix(identity[1])}:{identity[2]}"
        name = found["name"] if found["name"] == "." else f"{prefix(module)}:{found['name'].rpartition(':')[2]}"
        return f"[{name}={found['quote']}{value}{found['quote']}]"

    steps = []
    at = 0
    while (step := _STEP.match(path, at)) is not None:
        module = step["module"] or module
        steps.append(f"/{prefix(module)}:{step['name']}{_KEY.sub(key, step['keys'])}")
        at = step.end()
    return "".join(steps), namespaces


def without_keys(path: str) -> str:
    """The schema's view of an instance path."""
    return "".join(f"/{step['module'] + ':' if step['module'] else ''}{step['name']}" for step in _STEP.finditer(path))


def last_step(path: str) -> str:
    """The name of the node that the path ends at."""
    name = ""
    for step in _STEP.finditer(path):
        name = step["name"]
    return name
