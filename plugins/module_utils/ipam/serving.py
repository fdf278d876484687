# SPDX-License-Identifier: GPL-3.0-or-later
"""Which reserved prefix serves an instance, and why none does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..ledger.rows import format_time
from ..ledger.transaction import Transaction
from ..model.pool import Block, Pool
from ..model.reservation import RESERVED, RESTING, InstanceRequest, Reservation, Reserved
from .lifecycle import rested
from .usage_reasons import EXHAUSTED, NONE, NOT_BEGUN, Reason

MOST_TOLD = 20
"""Reservations that a miss lists, those that came nearest to serving; it says how many there are."""


class Missed(NamedTuple):
    """Why the reservations of a workload did not serve: those that came nearest, and how many there are in all."""

    nearest: list[tuple[Reservation, Reason]]
    standing: int

    @property
    def code(self) -> str:
        """Of the one that came nearest."""
        return self.nearest[0][1].code if self.nearest else NONE

    @property
    def words(self) -> str:
        """What each of them lacked."""
        if not self.standing:
            return str(Reason(NONE, "nothing is reserved for this workload"))
        told = "; ".join(f"{item.name}: {reason}" for item, reason in self.nearest)
        more = self.standing - len(self.nearest)
        return f"{told}; and {more} more" if more else told


def find_reserved(transaction: Transaction, request: InstanceRequest) -> tuple[Reserved | None, Missed]:
    """The reserved prefix, by the instance's name and then by its workload; and why there is none."""
    for one in transaction.reserved_for(request.name):
        if may_have(transaction, one, request):
            mapped = _rested(transaction, one) if one.state == RESTING else one
            if mapped is not None and mapped.state == RESERVED:
                return mapped, Missed([], 0)
    reasons = []
    for item in transaction.reservations(
        "workload = ? AND expires_at > ?", (request.workload, transaction.now), "starts_at, id"
    ):
        reason = _why_not(transaction, item, request)
        if reason is None:
            pools = _pools_for(transaction, item, request)
            first = _first(transaction, item, pools)
            if first is not None:
                return first, Missed([], 0)
            reason = Reason(EXHAUSTED, "every prefix has an instance, or rests after one")
            if pools is not None and not set(pools) & set(transaction.pools_reserved(item.id)):
                reason = Reason("location", f"it has nothing in {request.location}")
        reasons.append((item, reason))
    return None, Missed(sorted(reasons, key=lambda one: one[1].weight)[:MOST_TOLD], len(reasons))


def rests_after(transaction: Transaction, request: InstanceRequest) -> list[tuple[Pool, Block, Reserved | None]]:
    """What an instance of the same name had last and still rests in quarantine, with its mapping, the newest first."""
    return [
        (transaction.pool_of(item.pool_id), item.block, transaction.reserved_at(item.pool_id, item.block))
        for item in transaction.quarantined([request.name], "instance").get(request.name, ())
    ]


def may_have(transaction: Transaction, mapped: Reserved, request: InstanceRequest) -> bool:
    """Whether the reservation of a prefix may serve the instance with it, as far as it is free."""
    item = transaction.reservations("id = ?", (mapped.reservation_id,))[0]
    # A call moves on only so much of what ran out.
    stands = item.workload == request.workload and item.expires_at > transaction.now
    if not stands or _why_not(transaction, item, request) is not None:
        return False
    pools = _pools_for(transaction, item, request)
    return pools is None or mapped.pool_id in pools


def _why_not(transaction: Transaction, item: Reservation, request: InstanceRequest) -> Reason | None:
    if item.starts_at > transaction.now:
        return Reason(NOT_BEGUN, f"it begins at {format_time(item.starts_at)}")
    for option in ("node", "location", "security_profile"):
        held, asked = getattr(item, option), getattr(request, option)
        if held is not None and asked is not None and held != asked:
            return Reason(option, f"it is for {held}, the instance is for {asked}")
    if item.family != request.family:
        return Reason("family", f"it is of IPv{item.family}")
    return None


def _pools_for(transaction: Transaction, item: Reservation, request: InstanceRequest) -> list[int] | None:
    """Ids of the pools whose prefixes are where the instance is; None where all are."""
    if request.location is None or item.location is not None:
        return None
    return [pool.id for pool in transaction.pools().values() if pool.location == request.location]


def _first(transaction: Transaction, item: Reservation, pools: Sequence[int] | None) -> Reserved | None:
    """The first prefix that no instance has; one whose quarantine is over counts, though no call has met it yet."""
    while True:
        first = transaction.first_reserved(item.id, pools)
        over = None if first or transaction.clock_behind else transaction.first_rested(item.id, transaction.now, pools)
        if over is None:
            return first
        _rested(transaction, over)


def _rested(transaction: Transaction, mapped: Reserved) -> Reserved | None:
    """The mapped prefix, gone back to its reservation if its quarantine is over; None where that gave it up."""
    domain = transaction.pool_of(mapped.pool_id).routing_domain_id
    there = transaction.occupied_at(domain, mapped.block.family, mapped.block.start)
    if there is not None and not transaction.clock_behind and (there.until or transaction.now + 1) <= transaction.now:
        rested(transaction, there)
    return transaction.reserved_at(mapped.pool_id, mapped.block)
