# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reservation holds: how it is shown, given back, and ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ..ledger.addresses import format_block, read_block, split_range
from ..ledger.rows import format_time, to_json
from ..ledger.transaction import Transaction
from ..model.pool import FAMILY_BITS, Block
from ..model.reservation import RESERVED, Reservation, Reserved
from ..model.subnet import ACTIVE
from .space import give_back

_MAPPING = ("prefixes", "blocks", "begun", "status", "active")
"""What ``Outcome.difference`` does not compare as options."""


class Outcome(NamedTuple):
    """A reservation, what it was before (None: not there) and what it is now (None: gone), as ``show`` has it.

    ``over`` says that its time is past, so that nothing was done for it.
    """

    name: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    over: bool = False

    @property
    def changed(self) -> bool:
        """Did the call change anything?"""
        return self.before != self.after

    def difference(self) -> dict[str, Any] | None:
        """What the call changed, None if nothing: ``added`` and ``removed`` prefixes as the fewest blocks,
        what of the latter instances ``kept``, and ``options`` with their values before and after."""
        if not self.changed:
            return None
        before, after = self.before or {}, self.after or {}
        old, new = ({one["cidr"] for one in side.get("prefixes", ())} for side in (before, after))
        names = [{one["cidr"]: one["instance"] for one in side.get("prefixes", ())} for side in (before, after)]
        both = self.before is not None and self.after is not None
        return {
            "name": self.name,
            "change": "made" if self.before is None else "ended" if self.after is None else "changed",
            "node": (self.after or before)["node"],
            "instances": {"before": before.get("instances", 0), "after": after.get("instances", 0)},
            "added": _merged(after, new - old),
            "removed": _merged(before, old - new),
            "kept": _merged(before, _used(before) - new),
            "options": {
                key: {"before": before[key], "after": after[key]}
                for key in sorted(after)
                if both and key not in _MAPPING and before[key] != after[key]
            },
            "renamed": sum(name != names[1][cidr] for cidr, name in names[0].items() if cidr in names[1]),
        }


def _used(side: dict[str, Any]) -> set[str]:
    """Prefixes of a shown reservation that instances have, or that rest after one."""
    return {one["cidr"] for one in side.get("prefixes", ()) if one["state"] != RESERVED}


def _merged(side: dict[str, Any], cidrs: set[str]) -> list[str]:
    """Some of a shown reservation's prefixes as the fewest blocks."""
    found = [read_block(one["cidr"]) for one in side.get("prefixes", ()) if one["cidr"] in cidrs]
    return [format_block(block) for block in merged(found)]


def end(transaction: Transaction, item: Reservation, kind: str) -> Outcome:
    """Ends a reservation: what no instance has is free at once, because nobody ever had it.

    Args:
        kind: of the audit event.
    """
    held = transaction.reserved_of(item.id)
    before = show(transaction, item, held)
    drop(transaction, [one for one in held if one.state == RESERVED])
    return finish(transaction, item, kind, before)


def finish(transaction: Transaction, item: Reservation, kind: str, before: dict[str, Any]) -> Outcome:
    """Removes a reservation whose idle prefixes were given back already."""
    transaction.delete_reservation(item)
    if before["prefixes"]:
        touch(transaction, item)
    transaction.event(kind, "reservation", item.name, to_json(told(before)), None)
    return Outcome(item.name, before, None)


def told(shown: dict[str, Any]) -> dict[str, Any]:
    """A reservation as the audit trail keeps it: without what follows from the time, and short, as thousands of
    prefixes are for every change. ``held`` has pool, state and blocks, ``predicted`` the prefixes that have a name."""
    groups: dict[tuple[str, str], list[Block]] = {}
    for one in shown["prefixes"]:
        groups.setdefault((one["pool"], one["state"]), []).append(read_block(one["cidr"]))
    return {
        **{key: value for key, value in shown.items() if key not in ("begun", "status", "blocks", "prefixes")},
        "held": [
            {"pool": pool, "state": state, "blocks": [format_block(block) for block in merged(found)]}
            for (pool, state), found in sorted(groups.items())
        ],
        "predicted": {one["instance"]: one["cidr"] for one in shown["prefixes"] if one["instance"] is not None},
    }


def told_prefixes(data: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(pool, prefix, state) of each prefix of a reservation that ``told`` told of."""
    for group in data["held"]:
        for block in map(read_block, group["blocks"]):
            size = 1 << (FAMILY_BITS[block.family] - data["prefix_length"])
            for start in range(block.start, block.last + 1, size):
                cidr = format_block(Block(block.family, start, data["prefix_length"]))
                yield group["pool"], cidr, group["state"]


def show(transaction: Transaction, item: Reservation, held: Sequence[Reserved] | None = None) -> dict[str, Any]:
    """A reservation as modules and HTTP return it.

    Args:
        held: its prefixes, by ordinal, where the caller has them.
    """
    if held is None:
        held = transaction.reserved_of(item.id)
    begun = item.starts_at <= transaction.now
    active = sum(one.state == ACTIVE for one in held)
    return {
        **head(item),
        "status": ACTIVE if active else RESERVED,
        "begun": begun,
        "active": active,
        "blocks": [format_block(block) for block in blocks(held)],
        "prefixes": [
            {
                "ordinal": one.ordinal,
                "cidr": format_block(one.block),
                "pool": transaction.pool_of(one.pool_id).name,
                "instance": one.predicted,
                "state": one.state,
            }
            for one in held
        ],
    }


def head(item: Reservation) -> dict[str, Any]:
    """A reservation without its prefixes, and what follows from these and from the time."""
    return {
        "name": item.name,
        "id": item.id,
        "workload": item.workload,
        "instances": item.instances,
        "prefix_length": item.prefix_length,
        "family": f"ipv{item.family}",
        "pools": list(item.pools),
        "node": item.node,
        "location": item.location,
        "security_profile": item.security_profile,
        "starts_at": format_time(item.starts_at),
        "expires_at": format_time(item.expires_at),
        "confidence": item.confidence,
        "forecast_id": item.forecast_id,
    }


def blocks(held: Iterable[Reserved]) -> list[Block]:
    """The fewest aligned blocks that make up the prefixes: where the inactive routes go."""
    return merged(item.block for item in held)


def merged(prefixes: Iterable[Block], within: Iterable[Block] = ()) -> list[Block]:
    """The fewest aligned blocks that make up disjoint prefixes.

    Args:
        within: disjoint blocks, in order; what begins one of them is not merged with what lies before.
    """
    first = {(block.family, block.start) for block in within}
    found: list[Block] = []
    run: list[int] = []
    family = 4
    for one in sorted(prefixes):
        if run and (one.family != family or one.start != run[1] + 1 or (family, one.start) in first):
            found += split_range(family, *run)
            run = []
        family = one.family
        run = [run[0] if run else one.start, one.last]
    if run:
        found += split_range(family, *run)
    return found


def drop(transaction: Transaction, items: Sequence[Reserved]) -> None:
    """Takes prefixes that no instance has away from their reservations: they are free at once."""
    transaction.drop_reserved(items)
    give_all_back(transaction, items)


def give_all_back(transaction: Transaction, items: Iterable[Reserved]) -> None:
    """Makes the address space of prefixes free that are no longer reserved."""
    by_pool: dict[int, list[Block]] = {}
    for one in items:
        by_pool.setdefault(one.pool_id, []).append(one.block)
    for pool_id, found in by_pool.items():
        # In one run they are adjacent, even across two prefixes of their pool: free space merges inside one only.
        pool = transaction.pool_of(pool_id)
        for block in merged(found, pool.prefixes):
            give_back(transaction, pool, block)


def close(transaction: Transaction, item: Reservation) -> None:
    """Ends a reservation whose time is over, at the same cost however many prefixes it has.

    From now on nothing is served from it, and its node shall have none of its routes. Its prefixes are swept by this
    call and those to come, see ``sweep``. The event does not list them: the one before does.
    """
    if transaction.has_reserved(item.id) and item.node is not None:
        transaction.next_revision(item.node)
    transaction.close_reservation(item, transaction.now)
    transaction.event("reservation.expired", "reservation", item.name, to_json(head(item)), None)


def sweep(transaction: Transaction, limit: int) -> int:
    """Gives back prefixes of reservations that ended: what no instance has is free, and instances keep theirs.

    Args:
        limit: of the prefixes that are looked at; negative for all.

    Returns:
        How many reservations are swept.
    """
    done = 0
    for number in transaction.ended_reservations():
        if limit == 0:
            break
        idle, looked, whole = transaction.take_ended(number, limit)
        give_all_back(transaction, idle)
        limit -= looked if limit > 0 else 0
        done += whole
    return done


def kept(transaction: Transaction, pool_id: int, block: Block) -> Reserved | None:
    """The reserved prefix that a block goes back to when its instance is gone; None where no reservation wants it.

    One that was made smaller while the instance had it gives it up here, and its node has a route less.
    """
    mapped = transaction.reserved_at(pool_id, block, ended=True)
    if mapped is None or not transaction.holds_too_much(mapped.reservation_id):
        return mapped
    transaction.drop_reserved([mapped])
    for item in transaction.reservations("id = ?", (mapped.reservation_id,)):
        touch(transaction, item)
    return None


def touch(transaction: Transaction, item: Reservation) -> None:
    """Notes that the configuration of its node changes with the blocks of a reservation."""
    if item.node is None:
        return
    transaction.next_revision(item.node)
    for pool_id in transaction.pools_reserved(item.id):
        transaction.add_floor(item.node, pool_id)
