# SPDX-License-Identifier: GPL-3.0-or-later
"""How a node differs from what it should carry, in four words: missing, changed, leaked, foreign."""

from __future__ import annotations

from typing import Any

from ..model.node_config import NodeConfig
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
    foreign = foreign or Foreign()
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for change in transition(current, target(current, desired, "overridden")):
        place = (change.kind, change.key)
        item = found.setdefault(
            place, {"kind": "", "object": change.kind, "key": change.key, "wanted": None, "found": None}
        )
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
