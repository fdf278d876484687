# SPDX-License-Identifier: GPL-3.0-or-later
"""What packets to shadow addresses tell: clients ahead of their instance, and instances without traffic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..ledger.addresses import format_block
from ..ledger.rows import format_time, to_json
from ..ledger.transaction import Transaction
from ..model.errors import InvalidInput
from ..model.reservation import Instance
from ..model.subnet import ACTIVE
from .parsing import check_name, check_options, integer, parse_prefix

AHEAD = "shadow.traffic_ahead"
"""Kind of the audit event of packets to what is reserved and had no instance that they could reach."""
UNRESERVED = "shadow.traffic_unreserved"
"""Kind of the audit event of packets to a shadow pool, where nothing is reserved at that node."""
IDLE = "instance.idle"
"""Kind of the audit event of an instance to which no packet was forwarded for some time."""
_NOT_ACTIVE = 0
"""In place of an instance's id, which begins at 1."""
MOST_NAMED = 20
"""Prefixes that one event names; the packets of all are counted."""


class Counted(NamedTuple):
    """Packets to one prefix since a node's counters began: all, and those that it forwarded."""

    arrived: int
    forwarded: int


class Report(NamedTuple):
    """What a node counted; ``since`` names the run of its counters."""

    since: str
    counts: dict[str, Counted]


def read_report(data: Any, parameter: str = "traffic") -> Report:
    """Checks what the module ``shadow_traffic`` returned on a node. Raises InvalidInput."""
    data = check_options(data, ("since", "prefixes", "floors"), parameter)
    counts: dict[str, Counted] = {}
    for kind in ("prefixes", "floors"):
        for index, item in enumerate(data.get(kind) or ()):
            place = f"{parameter}.{kind}[{index}]"
            count = check_options(item, ("prefix", *Counted._fields), place)
            prefix = format_block(parse_prefix(count.get("prefix"), f"{place}.prefix"))
            if prefix in counts:
                raise InvalidInput(f"{prefix} is there twice.", parameter=f"{place}.prefix")
            numbers = [integer(count.get(key), f"{place}.{key}", 0, 2**64) for key in Counted._fields]
            counts[prefix] = Counted(*numbers)
    return Report(str(data.get("since") or ""), counts)


def count_at(transaction: Transaction, node: str) -> dict[str, list[str]]:
    """What a node shall count: ``prefixes`` of what is reserved there, of instances, and of subnets that a shadow pool
    lent, which tell of nothing and are not the floor's; ``floors`` of shadow pools.

    Reservations without a node count at each node that has the floors of their pool.
    """
    found = _Known(transaction, node)
    return {"prefixes": [*found.prefixes, *found.lent], "floors": list(found.floors)}


def record_traffic(transaction: Transaction, node: str, report: Report, idle_after: int) -> list[dict[str, Any]]:
    """Takes note of a node's counters, and records what is new since the last time.

    Where the counters began anew, or went back, everything in them is new. The same counters again are nothing new.

    Args:
        idle_after: milliseconds after which an instance without traffic is idle.

    Returns:
        The events that were recorded: ``kind``, ``node`` and what they tell.
    """
    check_name(node, "node")
    before = transaction.traffic_of(node)
    known = _Known(transaction, node)
    ahead: dict[tuple[Any, ...], list[tuple[str, int, str | None]]] = {}
    events: list[dict[str, Any]] = []
    for prefix in before.keys() - report.counts.keys():
        transaction.forget_traffic(node, prefix)
    for prefix, counted in report.counts.items():
        if prefix in known.lent:
            transaction.forget_traffic(node, prefix)
            continue
        old = before.get(prefix)
        owner = known.owner(prefix) or (old or {}).get("owner")
        if owner is None:
            continue
        row, packets, passed = _advance(old, report.since, counted)
        row["owner"] = owner
        instance = known.instances.get(prefix)
        if packets:
            ahead.setdefault((":" in prefix, *sorted(owner.items())), []).append(
                (prefix, packets, instance.name if instance else None)
            )
        if instance is not None:
            _watch(transaction, row, old, instance, passed)
            watched = row["instance"] == instance.id
            if watched and not row["idle"] and transaction.now - row["quiet_since"] >= idle_after:
                row["idle"] = True
                quiet = format_time(row["quiet_since"])
                events.append({"kind": IDLE, "cidr": prefix, "instance": instance.name, "quiet_since": quiet, **owner})
        if row != old:
            transaction.set_traffic(node, prefix, row)
    events += [_ahead_event(group, found) for group, found in ahead.items()]
    for event in events:
        content = {**event, "node": node}
        kind = content.pop("kind")
        name = event["instance"] if kind == IDLE else event["workload"] or event["pool"]
        transaction.event(kind, "traffic", name, None, to_json(content))
    return [{**event, "node": node} for event in events]


def _advance(old: Mapping[str, Any] | None, since: str, counted: Counted) -> tuple[dict[str, Any], int, int]:
    """The new row; packets that are newly known to have met no instance; packets newly forwarded.

    A node reads what arrived before what it forwarded, so that the difference may be too low under load, never too
    high. What counts is how far it rose beyond its highest mark.
    """
    row: dict[str, Any] = {"arrived": 0, "forwarded": 0, "ahead": 0, "instance": None, "quiet_since": 0, "idle": False}
    if old is not None:
        row |= old
        if old["since"] != since or counted.arrived < old["arrived"] or counted.forwarded < old["forwarded"]:
            row |= {"arrived": 0, "forwarded": 0, "ahead": 0}
    stopped = max(counted.arrived - counted.forwarded, 0)
    packets, passed = max(stopped - row["ahead"], 0), counted.forwarded - row["forwarded"]
    row |= {**counted._asdict(), "ahead": row["ahead"] + packets, "since": since}
    return row, packets, passed


def _watch(
    transaction: Transaction, row: dict[str, Any], old: Mapping[str, Any] | None, item: Instance, passed: int
) -> None:
    """Since when an instance has had no traffic. What was not looked at may have had some.

    One that is not active, because its node refused it or was not pushed to yet, can have none. It is quiet from when
    it was first found active.
    """
    if item.status != ACTIVE:
        row["instance"], row["idle"] = _NOT_ACTIVE, False
        return
    if passed or old is None or row["instance"] == _NOT_ACTIVE:
        row["quiet_since"], row["idle"] = transaction.now, False
    elif row["instance"] != item.id:
        row["quiet_since"], row["idle"] = item.created_at, False
    row["instance"] = item.id


def _ahead_event(group: tuple[Any, ...], found: Sequence[tuple[str, int, str | None]]) -> dict[str, Any]:
    owner = dict(group[1:])
    most = sorted(found, key=lambda one: -one[1])[:MOST_NAMED]
    return {
        "kind": AHEAD if owner["workload"] is not None else UNRESERVED,
        "cidr": most[0][0],
        "packets": sum(packets for _prefix, packets, _name in found),
        "prefixes": [{"cidr": prefix, "packets": packets, "instance": name} for prefix, packets, name in most],
        **owner,
    }


class _Known:
    """What the ledger has at a node: whose each prefix is."""

    def __init__(self, transaction: Transaction, node: str) -> None:
        pools = {number: transaction.pool_of(number) for number in transaction.floors(node)}
        self.prefixes: dict[str, dict[str, Any]] = {}
        self.floors: dict[str, dict[str, Any]] = {}
        self.instances: dict[str, Instance] = {}
        for pool in pools.values():
            for block in pool.prefixes:
                self.floors[format_block(block)] = _owner(pool.name, None, None, None)
        self.lent = [
            format_block(one.block)
            for one in transaction.subnets("node = ?", (node,))
            if transaction.pool_of(one.pool_id).kind == "shadow"
        ]
        # What is over may not have been met yet.
        stands = "(node = ? OR node IS NULL) AND expires_at > ?"
        for item in transaction.reservations(stands, (node, transaction.now)):
            for one in transaction.reserved_of(item.id):
                if item.node is not None or one.pool_id in pools:
                    pool_name = transaction.pool_of(one.pool_id).name
                    owner = _owner(pool_name, item.workload, item.location, item.name)
                    self.prefixes[format_block(one.block)] = owner
        for found in self._routed(transaction.instances("node = ? AND wanted = 1", (node,))):
            prefix = format_block(found.block)
            pool_name = transaction.pool_of(found.pool_id).name
            self.prefixes.setdefault(prefix, _owner(pool_name, found.workload, found.location, None))
            self.instances[prefix] = found

    @staticmethod
    def _routed(items: Iterable[Instance]) -> list[Instance]:
        return [one for one in items if one.routed]

    def owner(self, prefix: str) -> dict[str, Any] | None:
        """Whose packets to it are; None for nobody's any more."""
        return self.prefixes.get(prefix) or self.floors.get(prefix)


def _owner(pool: str, workload: str | None, location: str | None, reservation: str | None) -> dict[str, Any]:
    return {"pool": pool, "workload": workload, "location": location, "reservation": reservation}
