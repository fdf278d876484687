# SPDX-License-Identifier: GPL-3.0-or-later
"""Adoption of routes: floors, and the instances that became active after the backup was made.

The route of an instance carries traffic to somebody. Taken for leaked it would be removed, and its address handed out
a second time. So the ledger takes it over, as an instance: of the workload and by the name that its reservation tells,
else named like its address, of workload ``unknown``. Inactive routes are not adopted: without their reservation, which
nobody can tell from a node, the floor below them does the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..ledger.addresses import format_address, format_block
from ..ledger.rows import to_json
from ..ledger.transaction import Transaction
from ..model.node_config import Route
from ..model.pool import Block, Pool
from ..model.reservation import DYNAMIC, SHADOW, UNKNOWN, Instance, Reserved
from ..model.subnet import ACTIVE
from .instance_lifecycle import shown
from .node_space import why_not_carried
from .parsing import parse_prefix
from .pools import holder_of


def adopt_routes(transaction: Transaction, node: str, routes: Sequence[Route]) -> list[dict[str, Any]]:
    """Takes over a node's floors, and the instances to which it has routes; returns what ``adopt`` says of them."""
    blocks = [(parse_prefix(route.prefix, "routes"), route) for route in routes]
    floors: dict[Block, list[Pool]] = {}
    for pool in transaction.pools().values():
        for prefix in pool.prefixes if pool.kind == "shadow" else ():
            floors.setdefault(prefix, []).append(pool)
    results = []
    for block, route in blocks:
        if route.type == "blackhole" and block in floors:
            results += _adopt_floor(transaction, node, block, floors[block])
    known = {item.block for item in transaction.instances("node = ? OR leaving = ?", (node, node))}
    return results + [
        _adopt_instance(transaction, node, block, route)
        for block, route in blocks
        # A default route is that of a subnet behind a provider's router.
        if route.type != "blackhole" and block.prefix_length and block not in known
    ]


def _adopt_floor(transaction: Transaction, node: str, block: Block, pools: Sequence[Pool]) -> list[dict[str, Any]]:
    """Notes that the node has the floors of the pool; says so where it can have those of none."""
    apart = None
    for pool in pools:
        problem = why_not_carried(transaction, node, pool, None)
        if problem is None:
            if transaction.add_floor(node, pool.id):
                transaction.next_revision(node)
            return []
        apart = apart or problem
    found = {"name": pools[0].name, "cidr": format_block(block), "kind": "floor"}
    return [{**found, "adopted": False, "reason": apart}]


def _adopt_instance(transaction: Transaction, node: str, block: Block, route: Route) -> dict[str, Any]:
    address = format_address(block.family, block.start)
    result: dict[str, Any] = {"name": address, "cidr": format_block(block), "kind": "instance", "adopted": False}
    pool, apart = pool_around(transaction, node, block)
    if pool is None:
        return {**result, "reason": apart or "it lies in no pool"}
    there = next(_around(transaction, pool, block), None)
    if there is None:
        free = transaction.free_space(pool, block.family)
        length = free.enclosing(block.start, block.prefix_length)
        free.take(block.start, block.prefix_length, block.prefix_length if length is None else length)
    elif there.block != block or there.kind not in ("reservation", "quarantine"):
        return {**result, "reason": f"its prefix is that {holder_of(transaction, there)}"}
    mapped = transaction.reserved_at(pool.id, block)
    name = address
    if mapped is not None and mapped.predicted is not None and transaction.instance_named(mapped.predicted) is None:
        name = mapped.predicted
    if transaction.instance_named(name) is not None:
        return {**result, "reason": "the ledger holds another instance of that name"}
    item = _instance(transaction, name, node, pool, block, route, mapped)
    transaction.save_instance(item)
    if there is None:
        transaction.occupy(pool, block, "instance", holder_id=item.id)
    else:
        transaction.hand_over(pool, block, "instance", item.id)
    if mapped is not None:
        transaction.change_reserved(mapped, ACTIVE)
    if item.source == SHADOW:
        transaction.add_floor(node, pool.id)
    transaction.event("instance.adopted", "instance", item.name, None, to_json(shown(transaction, item)))
    return {**result, "name": name, "adopted": True, "profile_lost": False}


def _instance(
    transaction: Transaction, name: str, node: str, pool: Pool, block: Block, route: Route, mapped: Reserved | None
) -> Instance:
    reservation = None if mapped is None else transaction.reservations("id = ?", (mapped.reservation_id,))[0]
    return Instance(
        name=name,
        workload=UNKNOWN if reservation is None else reservation.workload,
        source=SHADOW if pool.kind == "shadow" else DYNAMIC,
        pool_id=pool.id,
        block=block,
        reservation_id=None if mapped is None else mapped.reservation_id,
        ordinal=None if mapped is None else mapped.ordinal,
        node=node,
        interface=route.interface,
        next_hop=route.next_hop,
        location=pool.location,
        revision=transaction.next_revision(node),
        created_at=transaction.now,
        updated_at=transaction.now,
    )


def pool_around(transaction: Transaction, node: str, block: Block) -> tuple[Pool | None, str | None]:
    """The pool in which a prefix lies that a node carries.

    Where pools of several routing domains have it, the first of which the node can carry it; else why it cannot.
    """
    apart = None
    for pool in transaction.pools().values():
        if _lies_in(block, pool):
            problem = why_not_carried(transaction, node, pool, block)
            if problem is None:
                return pool, None
            apart = apart or problem
    return None, apart


def _lies_in(block: Block, pool: Pool) -> bool:
    return any(
        prefix.family == block.family and prefix.start <= block.start and block.last <= prefix.last
        for prefix in pool.prefixes
    )


def _around(transaction: Transaction, pool: Pool, block: Block) -> Iterator[Any]:
    """What is in use in the block, or around it."""
    around = transaction.occupied_at(pool.routing_domain_id, block.family, block.start)
    if around is not None:
        yield around
    yield from transaction.occupied_in(pool, block)
