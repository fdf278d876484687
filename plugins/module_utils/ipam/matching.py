# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pools may serve a request, in which order, and why the others may not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..ledger.transaction import Transaction
from ..model.pool import DEFAULT_ROUTING_DOMAIN, FAMILY_BITS, Pool
from ..model.subnet import Request
from ..model.units import format_rate

MOST_BANDWIDTH = 2**62
"""What the ledger can add up for one pool, in bit/s."""


class Wish(Protocol):
    """What is asked of a pool, for a subnet, a reservation or an instance. See ``model.subnet.Request``."""

    family: int
    location: str | None
    security_profile: str | None
    pools: Sequence[str]


def order_pools(pools: Sequence[Pool], request: Request) -> Sequence[Pool]:
    """The order in which pools are tried.

    It is the order of the request's ``pools``, or else of declaration; but pools that hand out by round robin
    take turns: among the places that they hold, the one that was served longest ago comes first.
    """
    if len(pools) < 2:
        return pools
    places = [i for i, pool in enumerate(pools) if (request.strategy or pool.strategy) == "round_robin"]
    if len(places) < 2:
        return pools
    ordered = list(pools)
    for place, pool in zip(places, sorted((ordered[i] for i in places), key=lambda one: one.turn), strict=True):
        ordered[place] = pool
    return ordered


def unsuited(pool: Pool, request: Wish) -> str | None:
    """Why the pool may not serve the request whatever space and bandwidth it has left; None when it may."""
    if pool.kind != "provider":
        return "kind: it is a shadow pool, for reservations"
    return place_refused(pool, request)


def place_refused(pool: Pool, request: Wish) -> str | None:
    """Why the pool does not suit a request, whatever its kind."""
    if not request.pools and pool.routing_domain != DEFAULT_ROUTING_DOMAIN:
        return f"routing_domain: it is in {pool.routing_domain}; name it in pools to draw from it"
    if not any(prefix.family == request.family for prefix in pool.prefixes):
        return f"family: it has no IPv{request.family} prefix"
    if request.location is not None and request.location != pool.location:
        return f"location: it is {f'in {pool.location}' if pool.location else 'without one'}, not in {request.location}"
    return profile_refused(pool, request.security_profile)


def profile_refused(pool: Pool, profile: str | None) -> str | None:
    """Why the pool's space may not be used for a security profile."""
    if profile is None or profile in pool.security_profiles:
        return None
    offered = ", ".join(pool.security_profiles) or "none"
    return f"security_profile: unknown profile {profile}, it offers {offered}"


def size_refused(transaction: Transaction, pool: Pool, family: int, length: int) -> str:
    """Why a pool has no room for a prefix of that length."""
    heads = transaction.free_space(pool, family).heads(FAMILY_BITS[family])
    largest = f"the largest free block is a /{heads[0][1]}" if heads else "it is full"
    return f"size: no room for a /{length}, {largest}"


def bandwidth_refused(pool: Pool, more: int) -> str | None:
    """Why the pool cannot give ``more`` bit/s."""
    if pool.bandwidth_used + more > MOST_BANDWIDTH:
        return f"bandwidth: {format_rate(pool.bandwidth_used)} are handed out, and the ledger counts no further"
    if pool.bandwidth is None or pool.bandwidth_used + more <= pool.bandwidth or more <= 0:
        return None
    left = pool.bandwidth - pool.bandwidth_used
    return f"bandwidth: {format_rate(left)} of {format_rate(pool.bandwidth)} left, {format_rate(more)} more are asked"
