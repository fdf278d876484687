# SPDX-License-Identifier: GPL-3.0-or-later
"""Shadow pools that lend: what a request may borrow when the provider pools are exhausted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..ledger.rows import to_json
from ..ledger.transaction import Transaction
from ..model.pool import FAMILY_BITS, Block, Pool
from ..model.reservation import RESERVED, Reservation, Reserved
from ..model.subnet import Request
from .matching import bandwidth_refused, place_refused
from .reserved import finish, merged, show, told, touch

Find = Callable[[Transaction, Pool, Request], "Block | None"]
Length = Callable[[Pool, Request], int]


def borrow(
    transaction: Transaction, request: Request, pools: Sequence[Pool], find: Find, length: Length
) -> tuple[tuple[Pool, Block] | None, list[tuple[str, str]]]:
    """Space of a shadow pool that lends: free space of any first, then what is reserved and no instance has.

    Reservations that no instance came for give first, then the others of what is idle; of these the least certain
    first, then those that begin last. Of each, only those prefixes go that lie in the block which the request gets; a
    reservation that has none left ends.

    Args:
        pools: that the request may mean.
        find: takes a block for a request out of a pool's free space.
        length: prefix length that a request comes to in a pool.

    Returns:
        Pool and block, or None; and for every lending pool why not.
    """
    refusals = []
    fitting = []
    for pool in pools:
        if pool.kind != "shadow" or not pool.lend:
            continue
        reason = place_refused(pool, request) or bandwidth_refused(pool, request.bandwidth or 0)
        if reason is None:
            fitting.append(pool)
        else:
            refusals.append((pool.name, reason))
    for pool in fitting:
        block = find(transaction, pool, request)
        if block is not None:
            return (pool, block), refusals
    possible = [pool for pool in fitting if _could_fit(transaction, request, pool, length(pool, request))]
    found = _reclaim(transaction, request, possible, find)
    if found is None:
        refusals += [
            (pool.name, f"size: no room for a /{length(pool, request)}, it lends, but is full of what is in use")
            for pool in fitting
        ]
    return found, refusals


def _reclaim(
    transaction: Transaction, request: Request, pools: Sequence[Pool], find: Find
) -> tuple[Pool, Block] | None:
    """Sets free, in memory, one reservation's idle prefixes after the other until the request fits; then takes back
    what it does not need."""
    freed: list[tuple[Reservation, Pool, list[Reserved]]] = []
    found: tuple[Pool, Block] | None = None
    queue = transaction.idle_reservations([pool.id for pool in pools], request.family) if pools else []
    for reservation_id, pool_id in queue:
        item = transaction.reservations("id = ?", (reservation_id,))[0]
        pool = transaction.pool_of(pool_id)
        idle = [one for one in transaction.reserved_of(reservation_id, RESERVED) if one.pool_id == pool_id]
        freed.append((item, pool, idle))
        for block in merged((one.block for one in idle), pool.prefixes):
            transaction.free_space(pool, block.family).give(block.start, block.prefix_length)
        wanted = find(transaction, pool, request)
        if wanted is not None:
            found = pool, wanted
            break
    for item, pool, idle in freed:
        needed = [one for one in idle if found is not None and pool is found[0] and _overlap(one.block, found[1])]
        gone = {one.ordinal for one in needed}
        free = transaction.free_space(pool, request.family)
        for block in merged((one.block for one in idle if one.ordinal not in gone), pool.prefixes):
            around = free.enclosing(block.start, block.prefix_length)
            free.take(block.start, block.prefix_length, block.prefix_length if around is None else around)
        if needed:
            _give_up(transaction, item, pool, needed)
    return found


def _could_fit(transaction: Transaction, request: Request, pool: Pool, length: int) -> bool:
    """Whether some block of the length, or the one asked for, has nothing but free space and idle reservations."""
    if request.prefix is not None:
        return not any(item.kind != "reservation" for item in transaction.occupied_in(pool, request.prefix))
    bits = FAMILY_BITS[request.family]
    prefixes = [prefix for prefix in pool.prefixes if prefix.family == request.family]
    blocks_left = sum(1 << (length - prefix.prefix_length) for prefix in prefixes if prefix.prefix_length <= length)
    barred: set[int] = set()
    for block in transaction.blocks_in_use(pool, request.family):
        if block.prefix_length <= length:
            blocks_left -= 1 << (length - block.prefix_length)
        else:
            barred.add(block.start >> (bits - length))
    inside = {start for start in barred if any(_holds(prefix, start << (bits - length), length) for prefix in prefixes)}
    return len(inside) < blocks_left


def _holds(prefix: Block, start: int, length: int) -> bool:
    return prefix.prefix_length <= length and prefix.start <= start <= prefix.last


def _give_up(transaction: Transaction, item: Reservation, pool: Pool, needed: Sequence[Reserved]) -> None:
    """Takes prefixes, whose space is handed out already, away from a reservation; without any left it ends."""
    held = transaction.reserved_of(item.id)
    before = show(transaction, item, held)
    transaction.drop_reserved(needed)
    for one in needed:
        transaction.vacate(pool.routing_domain_id, one.block)
    if len(held) == len(needed):
        finish(transaction, item, "reservation.reclaimed", before)
        return
    item.instances = max(0, item.instances - len(needed))
    item.updated_at = transaction.now
    transaction.save_reservation(item)
    touch(transaction, item)
    after = show(transaction, item)
    transaction.event("reservation.reclaimed", "reservation", item.name, to_json(told(before)), to_json(told(after)))


def _overlap(one: Block, other: Block) -> bool:
    return one.start <= other.last and other.start <= one.last
