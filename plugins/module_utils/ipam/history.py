# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit trail: events as they are shown, and the state at a past time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..ledger.rows import format_time
from ..ledger.transaction import Transaction
from .instance_lifecycle import RENAMED

_STATES = {
    "pool": "pools",
    "profile": "security_profiles",
    "subnet": "subnets",
    "reservation": "reservations",
    "instance": "instances",
}
"""What the state at a past time holds: kind of object in the audit trail, and its word."""


def list_events(transaction: Transaction, last: int, name: str | None = None) -> list[dict[str, Any]]:
    """The newest ``last`` audit events (of one object, if ``name`` is given), oldest first."""
    where, values = ("name = ?", (name,)) if name is not None else ("1 = 1", ())
    return [_shown(event) for event in transaction.events(where, values, last)]


def state_at(transaction: Transaction, moment: int) -> dict[str, dict[str, Any]]:
    """Pools, profiles, subnets, reservations and instances as they were at a time (milliseconds), from the audit
    trail, by name. A reservation whose time was over is left out, whether or not a call had met that."""
    state: dict[str, dict[str, Any]] = {thing: {} for thing in _STATES}
    things = ", ".join(f"'{thing}'" for thing in _STATES)
    for event in transaction.events(f"time <= ? AND object IN ({things})", (moment,)):
        found = state[event["object"]]
        if event["kind"] == RENAMED:
            found.pop(json.loads(event["before"])["name"], None)
        if event["after"] is None:
            found.pop(event["name"], None)
        else:
            found[event["name"]] = json.loads(event["after"])
    now = format_time(moment) or ""
    # Times as the ledger writes them are in the order of their text.
    state["reservation"] = {name: one for name, one in state["reservation"].items() if one["expires_at"] > now}
    return {word: state[thing] for thing, word in _STATES.items()}


def _shown(event: Mapping[str, Any]) -> dict[str, Any]:
    sides = {side: json.loads(event[side]) if event[side] else None for side in ("before", "after")}
    return {**event, **sides, "time": format_time(event["time"])}
