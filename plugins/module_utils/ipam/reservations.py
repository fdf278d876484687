# SPDX-License-Identifier: GPL-3.0-or-later
"""Shadow reservations: pre-allocated, made larger and smaller by a newer forecast, ended by time."""

from __future__ import annotations

from collections.abc import Sequence

from ..ledger.addresses import split_range
from ..ledger.rows import to_json
from ..ledger.transaction import Transaction
from ..model.errors import AllocationRefused, Conflict
from ..model.pool import DEFAULT_ROUTING_DOMAIN, FAMILY_BITS, Block, Pool
from ..model.reservation import RESERVED, RESTING, Reservation, ReservationRequest, Reserved
from .hold import refuse_held
from .lifecycle import expire
from .matching import profile_refused
from .pools import named_pool
from .reserved import Outcome, drop, end, show, touch
from .strategies import STRATEGIES


def reserve(transaction: Transaction, requests: Sequence[ReservationRequest]) -> list[Outcome]:
    """Makes every reservation as asked: a new one gets its prefixes, one that is there grows, shrinks or moves in time.

    Shrinking takes prefixes that no instance has; those of active instances go when the instances do.

    Raises:
        AllocationRefused: no shadow pool can serve one; it says for every pool why.
        Conflict: a reservation of that name is of another workload, size, family or place.
        LedgerHeld: the ledger was restored and not yet reconciled.
    """
    refuse_held(transaction)
    expire(transaction, limit=None)
    return [_reserve(transaction, request) for request in requests]


def withdraw(transaction: Transaction, names: Sequence[str]) -> list[Outcome]:
    """Ends reservations by name; one that is not there is no error. Active instances stay."""
    expire(transaction, limit=None)
    return [
        Outcome(name, None, None)
        if (found := transaction.reservation_named(name)) is None
        else end(transaction, found, "reservation.removed")
        for name in names
    ]


def _reserve(transaction: Transaction, request: ReservationRequest) -> Outcome:
    item = transaction.reservation_named(request.name)
    before = None
    if item is None:
        item = Reservation(
            name=request.name,
            workload=request.workload,
            family=request.family,
            prefix_length=request.prefix_length,
            instances=0,
            starts_at=request.starts_at,
            expires_at=request.expires_at,
            pools=list(request.pools),
            node=request.node,
            location=request.location,
            security_profile=request.security_profile,
            created_at=transaction.now,
        )
    else:
        before = show(transaction, item)
        _check_same(item, request)
    item.instances = request.instances
    item.starts_at, item.expires_at = request.starts_at, request.expires_at
    item.confidence, item.forecast_id = request.confidence, request.forecast_id
    item.pools = list(request.pools)
    if before is None:
        transaction.save_reservation(item)
    held = transaction.reserved_of(item.id)
    usable = [one for one in held if one.state != RESTING]
    if len(held) < item.instances:
        _grow(transaction, item, held, request)
    elif len(held) > item.instances:
        idle = [one for one in reversed(usable) if one.state == RESERVED]
        drop(transaction, idle[: len(held) - item.instances])
    _name(transaction, item, request.instance_names)
    after = show(transaction, item)
    if after == before:
        return Outcome(item.name, before, after)
    item.updated_at = transaction.now
    transaction.save_reservation(item)
    if before is None or before["blocks"] != after["blocks"]:
        touch(transaction, item)
    kind = "reservation.made" if before is None else "reservation.changed"
    transaction.event(kind, "reservation", item.name, None if before is None else to_json(before), to_json(after))
    return Outcome(item.name, before, after)


def _check_same(item: Reservation, request: ReservationRequest) -> None:
    for option in ("workload", "family", "prefix_length", "node", "location", "security_profile"):
        held, asked = getattr(item, option), getattr(request, option)
        if held != asked:
            raise Conflict(
                f"reservation '{item.name}' has {option} {held if held is not None else 'none'}, asked is "
                f"{asked if asked is not None else 'none'}.",
                parameter=f"{request.parameter}.{option}",
                fix="Ask as before, remove it first, or use another name.",
            )


def _name(transaction: Transaction, item: Reservation, names: Sequence[str]) -> None:
    """Maps predicted names to prefixes; a name that had a prefix keeps it, and an active prefix its instance's name."""
    held = transaction.reserved_of(item.id)
    kept = {one.predicted for one in held if one.predicted in names or one.state != RESERVED}
    waiting = [name for name in names if name not in kept]
    for one in held:
        if one.state != RESERVED or one.predicted in names:
            continue
        wanted = waiting.pop(0) if waiting else None
        if wanted != one.predicted:
            transaction.predict(one, wanted)


# Space


def _grow(transaction: Transaction, item: Reservation, held: Sequence[Reserved], request: ReservationRequest) -> None:
    count = item.instances - len(held)
    used = {one.ordinal for one in held}
    ordinals = [number for number in range(item.instances + len(held)) if number not in used][:count]
    refusals: list[tuple[str, str]] = []
    for pool in _order(_pools(transaction, request), held):
        reason = _unsuited(pool, request) or _capped(transaction, pool, item, count)
        if reason is None:
            found = _find(transaction, pool, item, held, count)
            if found is not None:
                _take(transaction, pool, item, ordinals, found)
                return
            reason = f"no room: {count} prefixes of /{item.prefix_length} are not free in it"
        refusals.append((pool.name, reason))
    raise AllocationRefused(
        f"no shadow pool can serve reservation '{item.name}'", pools=refusals, parameter=request.parameter
    )


def _pools(transaction: Transaction, request: ReservationRequest) -> list[Pool]:
    if request.pools:
        place = f"{request.parameter}.pools"
        return [named_pool(transaction, name, place) for name in request.pools]
    return [pool for pool in transaction.pools().values() if pool.kind == "shadow"]


def _order(pools: Sequence[Pool], held: Sequence[Reserved]) -> list[Pool]:
    """Those first from which the reservation has something already."""
    own = {one.pool_id for one in held}
    return sorted(pools, key=lambda pool: pool.id not in own)


def _unsuited(pool: Pool, request: ReservationRequest) -> str | None:
    if pool.kind != "shadow":
        return "kind: it is a provider pool, for requests"
    if not request.pools and pool.routing_domain != DEFAULT_ROUTING_DOMAIN:
        return f"routing_domain: it is in {pool.routing_domain}; name it in pools to draw from it"
    lengths = [prefix.prefix_length for prefix in pool.prefixes if prefix.family == request.family]
    if not lengths:
        return f"family: it has no IPv{request.family} prefix"
    if request.prefix_length <= min(lengths):
        return f"prefix_length: /{request.prefix_length} would take a whole prefix of it, and its floor with it"
    if request.location is not None and request.location != pool.location:
        return f"location: it is {f'in {pool.location}' if pool.location else 'without one'}, not in {request.location}"
    return profile_refused(pool, request.security_profile)


def _capped(transaction: Transaction, pool: Pool, item: Reservation, count: int) -> str | None:
    """Why the workload may not hold so much of the pool."""
    if pool.workload_cap is None:
        return None
    total = sum(prefix.size for prefix in pool.prefixes if prefix.family == item.family)
    total -= transaction.excluded_size(pool, item.family)
    size = 1 << (FAMILY_BITS[item.family] - item.prefix_length)
    held = transaction.workload_size(pool, item.family, item.workload)
    if held + count * size <= pool.workload_cap * total:
        return None
    return (
        f"workload_cap: workload {item.workload} holds {held} of {total} addresses, and {count * size} more would be "
        f"over {pool.workload_cap:.0%}"
    )


def _find(
    transaction: Transaction, pool: Pool, item: Reservation, held: Sequence[Reserved], count: int
) -> list[Block] | None:
    """Blocks for ``count`` prefixes, taken out of the free space: in one run, else in as few pieces as possible."""
    free = transaction.free_space(pool, item.family)
    bits, length = FAMILY_BITS[item.family], item.prefix_length
    size = 1 << (bits - length)
    behind = max((one.block.last + 1 for one in held if one.pool_id == pool.id), default=None)
    if behind is not None:
        run = list(split_range(item.family, behind, behind + count * size - 1)) if behind < 1 << bits else []
        if run and _take_all(transaction, pool, run):
            return run
    # The least aligned block that holds the whole run; the run begins where it begins.
    around = length - (count - 1).bit_length()
    if around >= 0:
        choice = STRATEGIES[pool.strategy](free, around, pool.cursors[item.family])
        if choice is not None:
            run = list(split_range(item.family, choice.start, choice.start + count * size - 1))
            if _take_all(transaction, pool, run):
                return run
    return _pieces(transaction, pool, item, count)


def _take_all(transaction: Transaction, pool: Pool, wanted: Sequence[Block]) -> bool:
    free = transaction.free_space(pool, wanted[0].family)
    found = [free.enclosing(block.start, block.prefix_length) for block in wanted]
    if None in found:
        return False
    for block in wanted:
        around = free.enclosing(block.start, block.prefix_length)  # an earlier one may have split it
        free.take(block.start, block.prefix_length, around if around is not None else block.prefix_length)
    return True


def _pieces(transaction: Transaction, pool: Pool, item: Reservation, count: int) -> list[Block] | None:
    free = transaction.free_space(pool, item.family)
    taken: list[Block] = []
    left = count
    while left:
        length = item.prefix_length - (left.bit_length() - 1)
        while length <= item.prefix_length:
            choice = STRATEGIES["first_fit"](free, length, 0) if length >= 0 else None
            if choice is not None:
                break
            length += 1
        else:
            for block in taken:
                free.give(block.start, block.prefix_length)
            return None
        free.take(choice.start, length, choice.free_length)
        taken.append(Block(item.family, choice.start, length))
        left -= 1 << (item.prefix_length - length)
    return taken


def _take(
    transaction: Transaction, pool: Pool, item: Reservation, ordinals: Sequence[int], found: Sequence[Block]
) -> None:
    size = 1 << (FAMILY_BITS[item.family] - item.prefix_length)
    starts = [start for block in sorted(found) for start in range(block.start, block.last + 1, size)]
    new = [
        Reserved(item.id, ordinal, pool.id, Block(item.family, start, item.prefix_length), None)
        for ordinal, start in zip(ordinals, starts, strict=True)
    ]
    transaction.add_reserved(new)
    for one in new:
        transaction.occupy(pool, one.block, "reservation", holder_id=item.id)
    pool.cursors[item.family] = (starts[-1] + size) % (1 << FAMILY_BITS[item.family])
    transaction.touch_pool(pool)
