# SPDX-License-Identifier: GPL-3.0-or-later
"""The routes of shadow pools: floors, inactive routes, and those of active instances.

A packet to a shadow address finds the route of its instance, else the blackhole of its reservation, else the floor of
its pool: by longest-prefix match it never comes as far as a default route, whatever is missing.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..ledger.addresses import format_block
from ..ledger.transaction import Transaction
from ..model.node_config import FLOOR_METRIC, Route
from ..model.reservation import Instance, Reservation
from .reserved import merged


def inactive_routes(transaction: Transaction, node: str, reservations: Iterable[Reservation]) -> list[Route]:
    """The blackholes of a node: floors of its shadow pools, and one on each block of its reservations."""
    prefixes = [prefix for pool_id in transaction.floors(node) for prefix in transaction.pool_of(pool_id).prefixes]
    for item in reservations:
        prefixes += merged(transaction.reserved_blocks(item.id))
    wanted = dict.fromkeys(format_block(block) for block in prefixes)
    return [_blackhole(text) for text in wanted]


def floors_of(transaction: Transaction, item: Instance) -> list[Route]:
    """The floor above an instance's prefix; none where that is of a provider pool."""
    pool, block = transaction.pool_of(item.pool_id), item.block
    if pool.kind != "shadow":
        return []
    return [
        _blackhole(format_block(one))
        for one in pool.prefixes
        if one.family == block.family and one.start <= block.start and block.last <= one.last
    ]


def _blackhole(prefix: str) -> Route:
    return Route(prefix, type="blackhole", metric=FLOOR_METRIC)


def active_route(item: Instance) -> Route:
    """The route to an active instance; in Linux it wins over a blackhole of the same prefix by its metric."""
    return Route(format_block(item.block), next_hop=item.next_hop, interface=item.interface)
