# SPDX-License-Identifier: GPL-3.0-or-later
"""How a node differs from what it should carry, in four words: missing, changed, leaked, foreign."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..model.node_config import NodeConfig
from .change import Change
from .diff import transition
from .target import target
from .transport import Foreign


def classify(current: NodeConfig, desired: NodeConfig, foreign: Foreign | None = None) -> list[dict[str, Any]]:
    """Everything in which ``current`` differs from ``desired``.

    Returns:
        One dictionary for each object: ``kind`` is ``missing`` (wanted, not there), ``changed`` (there, but not as
        wanted), ``leaked`` (ours, not wanted) or ``foreign`` (not ours, and in the way of what is wanted);
        ``object`` the kind of object, ``key`` its name, ``wanted`` and ``found`` its two forms or None.
    """
    return from_changes(transition(current, target(current, desired, "overridden")), foreign or Foreign())


def from_changes(changes: Iterable[Change], foreign: Foreign) -> list[dict[str, Any]]:
    """The same, told from the changes that would repair it."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for change in changes:
        place = (change.kind, change.key)
        item = found.get(place)
        if item is None:
            item = {
                "kind": "",
                "object": change.kind,
                "key": change.key,
                "wanted": change.after,
                "found": change.before,
            }
            found[place] = item
        else:
            item["wanted"] = item["wanted"] or change.after
            item["found"] = item["found"] or change.before
    for item in found.values():
        item["kind"] = "leaked" if item["wanted"] is None else "missing" if item["found"] is None else "changed"
        if item["kind"] == "missing":
            _blocked(item, foreign)
    return list(found.values())


def _blocked(item: dict[str, Any], foreign: Foreign) -> None:
    """Turns a missing object into a foreign one where something that is not ours holds its place."""
    if item["object"] == "interface" and item["key"] in foreign.interfaces:
        item.update(kind="foreign", found={"name": item["key"]})
    if item["object"] == "address":
        host = item["wanted"]["address"].partition("/")[0]
        holders = foreign.addresses.get(host, ())
        if holders:
            item.update(kind="foreign", found={"interface": holders[0], "address": item["wanted"]["address"]})
