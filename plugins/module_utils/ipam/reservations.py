# SPDX-License-Identifier: GPL-3.0-or-later
"""Shadow reservations: pre-allocated, made larger and smaller by a newer forecast, ended by time or by its silence."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ..ledger.rows import to_json
from ..ledger.transaction import Transaction
from ..model.errors import Conflict, InvalidInput
from ..model.pool import FAMILY_BITS, Block
from ..model.reservation import RESERVED, Reservation, ReservationRequest, Reserved
from ..model.subnet import ACTIVE
from .hold import refuse_held
from .lifecycle import expire
from .node_space import check_floors
from .reserve_space import Caps, find_space
from .reserved import Outcome, drop, end, show, told, touch

NOTHING, SAME_WORKLOADS, EVERYTHING = "nothing", "workloads", "everything"
"""What of the reservations that a call does not name it ends: nothing; those of the workloads that it names; all."""


def reserve(
    transaction: Transaction, requests: Sequence[ReservationRequest], *, others: str = NOTHING
) -> list[Outcome]:
    """Makes every reservation as asked: a new one gets its prefixes, one that is there grows, shrinks or moves in time.

    Shrinking takes prefixes that no instance has; those of active instances go when the instances do. What is to end
    or to shrink does so first, so that what grows finds its space.

    Args:
        others: ``NOTHING``, ``SAME_WORKLOADS`` or ``EVERYTHING``: which reservations that are not named here end.

    Returns:
        An outcome for each request, in their order, then one for each other reservation that ended.

    Raises:
        AllocationRefused: the shadow pools cannot serve one; it says for every pool why.
        Conflict: a reservation of that name is of another workload, size, family or place, or its node carries
            something in another routing domain that overlaps a floor.
        InvalidInput: all that is asked for is past, or nothing is asked for and everything else would end.
        LedgerHeld: the ledger was restored and not yet reconciled.
    """
    refuse_held(transaction)
    if not requests and others == SAME_WORKLOADS:
        raise InvalidInput(
            "is empty: it names no workload whose reservations it could replace.",
            parameter="reservations",
            fix="Give the whole forecast of each workload. To end reservations, name them with state=absent.",
        )
    if not requests and others != NOTHING:
        raise InvalidInput(
            "is empty, and every reservation would end.",
            parameter="reservations",
            fix="Name what shall end, with state=absent.",
        )
    over = [request for request in requests if request.expires_at <= transaction.now]
    if over and len(over) == len(requests):
        raise InvalidInput(
            "is past." if len(over) == 1 else "is past, and so is that of all the others.",
            parameter=f"{over[0].parameter}.expires_at",
            fix="Reserve for a time to come: run the forecast again.",
        )
    expire(transaction, limit=None)
    ended = [end(transaction, item, "reservation.superseded") for item in _others(transaction, requests, others)]
    caps = Caps(transaction)
    drafts = [_Draft(transaction, request) for request in requests]
    for draft in drafts:
        draft.shrink()
    return [draft.finish(caps) for draft in drafts] + ended


def withdraw(transaction: Transaction, names: Sequence[str]) -> list[Outcome]:
    """Ends reservations by name; one that is not there is no error. Active instances stay."""
    expire(transaction, limit=None)
    return [
        Outcome(name, None, None)
        if (found := transaction.reservation_named(name)) is None
        else end(transaction, found, "reservation.removed")
        for name in names
    ]


def _others(transaction: Transaction, requests: Sequence[ReservationRequest], others: str) -> list[Reservation]:
    if others == NOTHING:
        return []
    named = {request.name for request in requests}
    workloads = {request.workload for request in requests}
    return [
        item
        for item in transaction.reservations()
        if item.name not in named and (others == EVERYTHING or item.workload in workloads)
    ]


class _Draft:
    """One reservation on its way to what is asked for."""

    def __init__(self, transaction: Transaction, request: ReservationRequest) -> None:
        self._transaction, self._request = transaction, request
        # A window that is over is not made any more; one that was there has expired.
        self.over = request.expires_at <= transaction.now
        found = None if self.over else transaction.reservation_named(request.name)
        self.item = found or _new(transaction, request)
        self.before = None if found is None else show(transaction, found)
        if found is not None:
            _check_same(found, request)
            _check_pools(transaction, found, request)
        if not self.over:
            self._apply()

    def _apply(self) -> None:
        item, request = self.item, self._request
        item.instances = request.instances
        if request.starts_at is not None:
            item.starts_at = request.starts_at
        item.expires_at = request.expires_at
        if item.expires_at <= item.starts_at:
            raise InvalidInput(
                f"is not after the time at which '{item.name}' begins.", parameter=f"{request.parameter}.expires_at"
            )
        item.confidence, item.forecast_id = request.confidence, request.forecast_id
        item.pools = list(request.pools)

    def shrink(self) -> None:
        """Takes away what is too much and idle: unnamed prefixes before named ones, the last ones first."""
        if self.before is None:
            return
        held = self._transaction.reserved_of(self.item.id)
        surplus = len(held) - self.item.instances
        if surplus > 0:
            names = set(self._request.instance_names)
            idle = [one for one in reversed(held) if one.state == RESERVED]
            idle.sort(key=lambda one: one.predicted in names)
            drop(self._transaction, idle[:surplus])

    def finish(self, caps: Caps) -> Outcome:
        """Gives it what it lacks, maps the names, and stores it."""
        transaction, item, before = self._transaction, self.item, self.before
        if self.over:
            return Outcome(item.name, None, None, over=True)
        if before is None:
            transaction.save_reservation(item)
        held = transaction.reserved_of(item.id)
        if len(held) < item.instances:
            held += self._grow(held, caps)
        _name(transaction, item, held, self._request.instance_names)
        after = show(transaction, item)
        if after == before:
            return Outcome(item.name, before, after)
        item.updated_at = transaction.now
        transaction.save_reservation(item)
        if (before["blocks"] if before else []) != after["blocks"]:
            touch(transaction, item)
        kind = "reservation.made" if before is None else "reservation.changed"
        sides = (None if before is None else to_json(told(before)), to_json(told(after)))
        transaction.event(kind, "reservation", item.name, *sides)
        return Outcome(item.name, before, after)

    def _grow(self, held: Sequence[Reserved], caps: Caps) -> list[Reserved]:
        transaction, item = self._transaction, self.item
        used = {one.ordinal for one in held}
        ordinals = (number for number in range(item.instances + len(held)) if number not in used)
        size = 1 << (FAMILY_BITS[item.family] - item.prefix_length)
        new: list[Reserved] = []
        for pool, found in find_space(transaction, item, held, self._request, caps):
            if item.node is not None and transaction.add_floor(item.node, pool.id):
                check_floors(transaction, item.node, pool, f"{self._request.parameter}.node")
            starts = [start for block in sorted(found) for start in range(block.start, block.last + 1, size)]
            new += [
                Reserved(item.id, next(ordinals), pool.id, Block(item.family, start, item.prefix_length), None)
                for start in starts
            ]
            pool.cursors[item.family] = (starts[-1] + size) % (1 << FAMILY_BITS[item.family])
            transaction.touch_pool(pool)
            caps.note(pool, item, len(starts))
        transaction.add_reserved(new)
        for one in new:
            transaction.occupy(transaction.pool_of(one.pool_id), one.block, "reservation", holder_id=item.id)
        return new


def _new(transaction: Transaction, request: ReservationRequest) -> Reservation:
    return Reservation(
        name=request.name,
        workload=request.workload,
        family=request.family,
        prefix_length=request.prefix_length,
        instances=0,
        starts_at=transaction.now if request.starts_at is None else request.starts_at,
        expires_at=request.expires_at,
        node=request.node,
        location=request.location,
        security_profile=request.security_profile,
        created_at=transaction.now,
    )


_WORDS = {
    "workload": "workload {}",
    "family": "addresses of IPv{}",
    "prefix_length": "a /{} for each instance",
    "node": "node {}",
    "location": "location {}",
    "security_profile": "security profile {}",
}
"""What a reservation cannot change, in words."""


def _check_same(item: Reservation, request: ReservationRequest) -> None:
    for option, words in _WORDS.items():
        held, asked = getattr(item, option), getattr(request, option)
        if held != asked:
            is_it, wanted = (words.format(side) if side is not None else f"no {option}" for side in (held, asked))
            raise Conflict(
                f"reservation '{item.name}' has {is_it}, asked is {wanted}.",
                parameter=f"{request.parameter}.{option}",
                fix="Ask as before, remove it first, or use another name.",
            )


def _check_pools(transaction: Transaction, item: Reservation, request: ReservationRequest) -> None:
    """Prefixes that were reserved stay where they are, so that the pools which are asked for must be theirs too."""
    there = {transaction.pool_of(number).name for number in transaction.pools_reserved(item.id)}
    outside = sorted(there - set(request.pools)) if request.pools else []
    if outside:
        raise Conflict(
            f"reservation '{item.name}' has prefixes in pool {', '.join(outside)}, which is not asked for.",
            parameter=f"{request.parameter}.pools",
            fix="Name that pool too, remove the reservation first, or use another name.",
        )


def _name(transaction: Transaction, item: Reservation, held: Sequence[Reserved], names: Sequence[str]) -> None:
    """Maps predicted names to prefixes; a name that had a prefix keeps it, and an active prefix its instance's name."""
    asked = set(names)
    # An instance that is there already needs no second prefix.
    asked -= transaction.instance_names_of(item.id) if asked else set()
    kept: set[str] = set()
    spare = []
    for one in sorted(held, key=lambda one: one.ordinal):
        if one.state == ACTIVE:
            continue
        # What rests keeps its name too: its instance may come back.
        if one.predicted in asked and one.predicted not in kept:
            kept.add(one.predicted)
        elif one.state == RESERVED:
            spare.append(one)
    waiting = deque(name for name in names if name in asked and name not in kept)
    for one in spare:
        wanted = waiting.popleft() if waiting else None
        if wanted != one.predicted:
            transaction.predict(one, wanted)
