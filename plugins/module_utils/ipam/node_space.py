# SPDX-License-Identifier: GPL-3.0-or-later
"""A node has one routing table: it cannot carry overlapping prefixes of two routing domains."""

from __future__ import annotations

from collections.abc import Iterator

from ..ledger.addresses import format_block
from ..ledger.occupied import Occupied
from ..ledger.transaction import Transaction
from ..model.errors import Conflict
from ..model.pool import Block, Pool
from ..model.reservation import InstanceRequest
from .parsing import parse_address
from .views import node_address


def check_prefix(transaction: Transaction, node: str, pool: Pool, block: Block, place: str) -> None:
    """Refuses a prefix of a pool on a node that carries something in another routing domain there.

    Args:
        place: the option with which the caller put it on the node, for the error.

    Raises:
        Conflict: a subnet, an instance or a floor of the node overlaps it.
    """
    others = transaction.routing_domains() - {pool.routing_domain_id}
    if not others:
        return
    for domain in others:
        around = transaction.occupied_at(domain, block.family, block.start)
        for item in [*([around] if around else []), *transaction.occupied_within(domain, block)]:
            holder = _carried(transaction, node, item)
            if holder is not None:
                _refuse(node, block, item.block, holder, place)
    for floor, other in _floors(transaction, node, pool):
        if _overlap(block, floor):
            _refuse(node, block, floor, f"shadow pool {other.name}", place)


def why_not_carried(transaction: Transaction, node: str, pool: Pool, block: Block | None) -> str | None:
    """Why a node cannot carry a prefix of a pool (with the pool's floors, if it is a shadow pool; None: these alone)
    beside what it carries; None where it can."""
    try:
        if block is not None:
            check_prefix(transaction, node, pool, block, "node")
        if pool.kind == "shadow":
            check_floors(transaction, node, pool, "node")
    except Conflict as problem:
        return problem.message
    return None


def check_floors(transaction: Transaction, node: str, pool: Pool, place: str) -> None:
    """Refuses the floors of a shadow pool likewise; see ``check_prefix``."""
    if len(transaction.routing_domains()) < 2:
        return
    for prefix in pool.prefixes:
        for held, holder in _everything(transaction, node, pool):
            if _overlap(prefix, held):
                _refuse(node, prefix, held, holder, place)


def check_next_hop(transaction: Transaction, request: InstanceRequest) -> None:
    """Refuses a next hop that is an address of the node itself, as far as the ledger gave it that.

    Raises:
        Conflict: the packets would never leave the node.
    """
    if request.next_hop is None or request.node is None:
        return
    family, hop = parse_address(request.next_hop, f"{request.parameter}.next_hop")
    for domain in transaction.routing_domains():
        held = transaction.occupied_at(domain, family, hop)
        subnet = transaction.subnet_of(held.holder_id or 0) if held is not None and held.kind == "subnet" else None
        if subnet is not None and subnet.node == request.node and hop == node_address(subnet.block, subnet.gateway):
            raise Conflict(
                f"{request.next_hop} is the address of {request.node} itself, in subnet '{subnet.name}'.",
                parameter=f"{request.parameter}.next_hop",
                fix="Give the address of the host behind which the instance is, or only its interface.",
            )


def _everything(transaction: Transaction, node: str, pool: Pool) -> Iterator[tuple[Block, str]]:
    """What a node carries of other routing domains than that of the pool, and whose it is."""
    for block, other in _floors(transaction, node, pool):
        yield block, f"shadow pool {other.name}"
    for subnet in transaction.subnets("node = ?", (node,)):
        if _elsewhere(transaction, subnet.pool_id, pool):
            yield subnet.block, f"'{subnet.name}'"
    for item in transaction.instances("node = ? OR leaving = ?", (node, node)):
        if _elsewhere(transaction, item.pool_id, pool) and (item.routed or item.leaving == node):
            yield item.block, f"instance '{item.name}'"


def _floors(transaction: Transaction, node: str, pool: Pool) -> Iterator[tuple[Block, Pool]]:
    for number in transaction.floors(node):
        if _elsewhere(transaction, number, pool):
            other = transaction.pool_of(number)
            yield from ((prefix, other) for prefix in other.prefixes)


def _elsewhere(transaction: Transaction, pool_id: int, pool: Pool) -> bool:
    return transaction.pool_of(pool_id).routing_domain_id != pool.routing_domain_id


def _carried(transaction: Transaction, node: str, item: Occupied) -> str | None:
    """Whose it is, where the node carries it. Inactive routes lie above a floor, which is looked at anyway."""
    if item.kind == "subnet":
        subnet = transaction.subnet_of(item.holder_id or 0)
        return f"'{subnet.name}'" if subnet is not None and subnet.node == node else None
    if item.kind == "instance":
        for one in transaction.instances("id = ?", (item.holder_id,)):
            if (one.node == node and one.routed) or one.leaving == node:
                return f"instance '{one.name}'"
    return None


def _overlap(one: Block, other: Block) -> bool:
    return one.family == other.family and one.start <= other.last and other.start <= one.last


def _refuse(node: str, block: Block, held: Block, holder: str, place: str) -> None:
    raise Conflict(
        f"{node} carries {format_block(held)} of {holder} in another routing domain, which overlaps "
        f"{format_block(block)}.",
        parameter=place,
        fix="Use another node, or a pool with other prefixes.",
    )
