# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reservation holds: how it is shown, given back, and ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ..ledger.addresses import format_block, split_range
from ..ledger.rows import format_time, to_json
from ..ledger.transaction import Transaction
from ..model.pool import Block
from ..model.reservation import RESERVED, Reservation, Reserved
from ..model.subnet import ACTIVE
from .space import give_back


class Outcome(NamedTuple):
    """A reservation, what it was before (None: not there) and what it is now (None: gone), as ``show`` has it."""

    name: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def changed(self) -> bool:
        """Did the call change anything?"""
        return self.before != self.after


def end(transaction: Transaction, item: Reservation, kind: str) -> Outcome:
    """Ends a reservation: what no instance has is free at once, because nobody ever had it.

    Args:
        kind: of the audit event.
    """
    before = show(transaction, item)
    drop(transaction, [one for one in transaction.reserved_of(item.id) if one.state == RESERVED])
    transaction.delete_reservation(item)
    touch(transaction, item)
    transaction.event(kind, "reservation", item.name, to_json(before), None)
    return Outcome(item.name, before, None)


def show(transaction: Transaction, item: Reservation) -> dict[str, Any]:
    """A reservation as modules and HTTP return it."""
    held = transaction.reserved_of(item.id)
    begun = item.starts_at <= transaction.now
    active = sum(one.state == ACTIVE for one in held)
    return {
        "name": item.name,
        "id": item.id,
        "workload": item.workload,
        "status": ACTIVE if active else RESERVED,
        "begun": begun,
        "instances": item.instances,
        "active": active,
        "prefix_length": item.prefix_length,
        "family": f"ipv{item.family}",
        "pool": transaction.pool_of(held[0].pool_id).name if held else None,
        "node": item.node,
        "location": item.location,
        "security_profile": item.security_profile,
        "starts_at": format_time(item.starts_at),
        "expires_at": format_time(item.expires_at),
        "confidence": item.confidence,
        "forecast_id": item.forecast_id,
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


def blocks(held: Iterable[Reserved]) -> list[Block]:
    """The fewest aligned blocks that make up the prefixes: where the inactive routes go."""
    return merged(sorted(item.block for item in held))


def merged(held: Iterable[Block]) -> list[Block]:
    """The same, of prefixes in order of address."""
    found: list[Block] = []
    run: list[int] = []
    family = 4
    for one in held:
        if run and (one.family != family or one.start != run[1] + 1):
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
    for one in items:
        give_back(transaction, transaction.pool_of(one.pool_id), one.block)


def touch(transaction: Transaction, item: Reservation) -> None:
    """Notes that the configuration of its node changes with the blocks of a reservation."""
    if item.node is None:
        return
    transaction.next_revision(item.node)
    for pool_id in {one.pool_id for one in transaction.reserved_of(item.id)}:
        transaction.add_floor(item.node, pool_id)
