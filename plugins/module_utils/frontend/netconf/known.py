# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells an object that holds more than its reader understands: it must not pass for one of ours.

A dialect lists what it knows of an object (``known`` in ``dialect.yml``): names to what is below them. A mapping
holds the children, a text is a regular expression for the value of a leaf, nothing lets the leaf have any value, and
``true`` is a part that may be there as often and hold what it likes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ALTERED = " (altered)"
"""Ends a value of an object that holds more than we write: no wanted one ends so."""
_DEFAULT = "{urn:ietf:params:xml:ns:netconf:default:1.0}default"
_INACTIVE = "inactive"  # of Junos: the statement is there and counts for nothing


class Known:
    """What may be in an object of one kind."""

    def __init__(self, spec: Mapping[str, Any], namespaces: Mapping[str, str]) -> None:
        """
        Raises:
            LookupError: a prefix without a namespace.
            TypeError, ValueError: anything that is no such list. ``re.error`` for an expression that is none.
        """
        self._children: dict[str, Any] = {}
        for name, inside in spec.items():
            prefix, colon, local = str(name).partition(":")
            if not colon:
                raise ValueError(f"'{name}' has no prefix")
            self._children[f"{{{namespaces[prefix]}}}{local}"] = _made(inside, namespaces)

    def covers(self, item: Any) -> bool:
        """Whether there is nothing else in an object, and nothing twice."""
        if item.get(_INACTIVE) is not None:
            return False
        seen = set()
        for child in item:
            if child.tag not in self._children:
                if child.get(_DEFAULT) not in ("true", "1"):
                    return False
                continue
            inside = self._children[child.tag]
            if inside is True:
                continue
            if child.tag in seen or not _fits(child, inside):
                return False
            seen.add(child.tag)
        return True


def _made(inside: Any, namespaces: Mapping[str, str]) -> Any:
    if isinstance(inside, Mapping):
        return Known(inside, namespaces)
    if inside is None or inside is True:
        return inside
    if isinstance(inside, str):
        return re.compile(inside)
    raise TypeError(f"'{inside}' is neither names nor a regular expression, true or nothing")


def _fits(child: Any, inside: Any) -> bool:
    if isinstance(inside, Known):
        return inside.covers(child)
    if len(child) or child.get(_INACTIVE) is not None:
        return False
    # The prefix of an identity says which module it is of; each server chooses its own.
    return inside is None or inside.fullmatch((child.text or "").strip().rpartition(":")[2]) is not None
