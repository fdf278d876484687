# SPDX-License-Identifier: GPL-3.0-or-later
"""A node configuration as YAML text, without a YAML library: a node need not have one."""

from __future__ import annotations

import json
import re
from typing import Any

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")
_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")


def yaml_text(data: dict[str, list[dict[str, Any]]]) -> str:
    """``NodeConfig.to_dict()`` as block style YAML; text that could be read as something else in double quotes."""
    lines: list[str] = []
    _mapping(data, "", lines)
    return "".join(f"{line}\n" for line in lines)


def _mapping(data: dict[str, Any], indent: str, lines: list[str]) -> None:
    for key, value in data.items():
        if isinstance(value, list) and value:
            lines.append(f"{indent}{key}:")
            _items(value, indent, lines)
        else:
            lines.append(f"{indent}{key}: {_scalar(value)}")


def _items(items: list[Any], indent: str, lines: list[str]) -> None:
    for item in items:
        if isinstance(item, dict):
            start = len(lines)
            _mapping(item, f"{indent}  ", lines)
            lines[start] = f"{indent}- {lines[start].lstrip()}"
        else:
            lines.append(f"{indent}- {_scalar(item)}")


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.match(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
