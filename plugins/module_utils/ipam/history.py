# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit trail: events as they are shown, and the state at a past time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..ledger.rows import format_time
from ..ledger.transaction import Transaction
from ..model.errors import InvalidInput


def parse_time(value: Any, parameter: str) -> int:
    """Milliseconds since the epoch for ISO 8601 with a zone. Raises InvalidInput."""
    try:
        moment = datetime.fromisoformat(str(value))
        if moment.tzinfo is None:
            raise ValueError("no zone")
        if not 1970 <= moment.year <= 9000:
            raise ValueError("too far away")
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"'{value}' is not a time with zone.", parameter=parameter, fix="Write it like 2026-01-31T23:00:00Z."
        ) from None


def list_events(transaction: Transaction, last: int, name: str | None = None) -> list[dict[str, Any]]:
    """The newest ``last`` audit events (of one object, if ``name`` is given), oldest first."""
    where, values = ("name = ?", (name,)) if name is not None else ("1 = 1", ())
    return [_shown(event) for event in transaction.events(where, values, last)]


def state_at(transaction: Transaction, moment: int) -> dict[str, dict[str, Any]]:
    """Pools, profiles and subnets as they were at a time (milliseconds), from the audit trail, by name."""
    state: dict[str, dict[str, Any]] = {"pool": {}, "profile": {}, "subnet": {}}
    for event in transaction.events("time <= ? AND object IN ('pool', 'profile', 'subnet')", (moment,)):
        things = state[event["object"]]
        if event["after"] is None:
            things.pop(event["name"], None)
        else:
            things[event["name"]] = json.loads(event["after"])
    return {"pools": state["pool"], "security_profiles": state["profile"], "subnets": state["subnet"]}


def _shown(event: Mapping[str, Any]) -> dict[str, Any]:
    sides = {side: json.loads(event[side]) if event[side] else None for side in ("before", "after")}
    return {**event, **sides, "time": format_time(event["time"])}
