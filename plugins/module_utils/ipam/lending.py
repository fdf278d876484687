# SPDX-License-Identifier: GPL-3.0-or-later
"""Shadow pools that lend: what a request may borrow when the provider pools are exhausted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..ledger.transaction import Transaction
from ..model.pool import Block, Pool
from ..model.reservation import Reservation
from ..model.subnet import Request
from .matching import bandwidth_refused, place_refused
from .reserved import end

Find = Callable[[Transaction, Pool, Request], Block | None]


def borrow(
    transaction: Transaction, request: Request, pools: Sequence[Pool], find: Find
) -> tuple[tuple[Pool, Block] | None, list[tuple[str, str]]]:
    """Space of a shadow pool that lends: free space of any first, then that of reservations that nobody came for.

    Args:
        pools: that the request may mean.
        find: takes a block for a request out of a pool's free space.

    Returns:
        Pool and block, or None; and for every lending pool why not.
    """
    lending = [pool for pool in pools if pool.kind == "shadow" and pool.lend]
    refusals = []
    fitting = []
    for pool in lending:
        reason = place_refused(pool, request) or bandwidth_refused(pool, request.bandwidth or 0)
        if reason is None:
            fitting.append(pool)
        else:
            refusals.append((pool.name, reason))
    for pool in fitting:
        block = find(transaction, pool, request)
        if block is not None:
            return (pool, block), refusals
    for pool in fitting:
        for item in _unclaimed(transaction, pool, request.family):
            end(transaction, item, "reservation.reclaimed")
            block = find(transaction, pool, request)
            if block is not None:
                return (pool, block), refusals
        refusals.append((pool.name, "no room: it lends, but is full of what is in use"))
    return None, refusals


def _unclaimed(transaction: Transaction, pool: Pool, family: int) -> list[Reservation]:
    """Reservations in a pool of which no instance has anything: the least certain first, then those that begin last."""
    counts = transaction.count_reserved()
    found = [
        item
        for item in transaction.reservations(
            "family = ? AND id IN (SELECT reservation_id FROM reserved WHERE pool_id = ?)", (family, pool.id)
        )
        if not counts.get(item.id, {}).get("active")
    ]
    return sorted(found, key=lambda item: (item.confidence or 0.0, -item.starts_at, -item.id))
