# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what the ledger holds makes sense: part of ``verify``, beyond the tiling of the pools."""

from __future__ import annotations

from collections.abc import Iterator

from ..ledger.addresses import format_block
from ..ledger.records import Node
from ..ledger.transaction import Transaction
from ..model.errors import ShadownetError
from ..model.pool import GATEWAYS
from ..model.subnet import ACTIVE, ERROR, PENDING, RELEASING, Subnet
from .parsing import check_name
from .pools import excluded_blocks, redeclared, show_pool

_WANTED = {PENDING: (True,), ACTIVE: (True,), RELEASING: (False,), ERROR: (True, False)}


def sense_problems(transaction: Transaction) -> Iterator[str]:
    """What contradicts itself, in words."""
    yield from _pool_problems(transaction)
    yield from _node_problems(transaction)
    yield from _shadow_problems(transaction)


def _pool_problems(transaction: Transaction) -> Iterator[str]:
    for pool in transaction.pools().values():
        try:
            same = show_pool(redeclared(pool)) == show_pool(pool)
        except ShadownetError as error:
            yield f"pool {pool.name} could not be declared: {error}"
            continue
        if not same:
            yield f"pool {pool.name} has options that no declaration gives"
        if pool.bandwidth is not None and pool.bandwidth < pool.bandwidth_used:
            yield f"pool {pool.name} handed out more bandwidth than it has"
        wanted = excluded_blocks(pool)
        there = [item.block for item in transaction.occupied_of(pool) if item.kind == "excluded"]
        if sorted(wanted) != there:
            yield f"pool {pool.name} keeps other space back than its excluded says"


def _node_problems(transaction: Transaction) -> Iterator[str]:
    nodes = transaction.nodes()
    for name, node in nodes.items():
        if max(node.applied_revision, node.failed_revision or 0) > node.revision:
            yield f"node {name} answered a revision that was never made"
    for place, revision, instance in transaction.instance_revisions():
        if revision > nodes.get(place, Node()).revision:
            yield f"instance '{instance}' is in a revision that node {place} never had"
    for subnet in transaction.subnets():
        yield from (f"subnet '{subnet.name}' {what}" for what in _subnet_problems(subnet, nodes))


def _shadow_problems(transaction: Transaction) -> Iterator[str]:
    for item in transaction.reservations():
        if not (_is_name(item.name) and _is_name(item.workload)):
            yield f"reservation '{item.name}' has a name that cannot be asked for"
        if item.confidence is not None and not 0 <= item.confidence <= 1:
            yield f"reservation '{item.name}' has a confidence of {item.confidence}"
        if item.node is not None:
            without = set(transaction.pools_reserved(item.id)) - set(transaction.floors(item.node))
            for pool_id in without:
                place = transaction.pool_of(pool_id).name
                yield f"node {item.node} has no floor for pool {place}, of which reservation '{item.name}' holds a part"
    for pool in transaction.pools().values():
        if pool.kind == "shadow":
            whole = set(pool.prefixes)
            filling = [item for item in transaction.occupied_of(pool) if item.block in whole]
            for one in filling:
                if one.kind in ("reservation", "instance"):
                    yield f"{format_block(one.block)} of pool {pool.name} is handed out whole, with its floor"
        elif transaction.floored_nodes(pool.id):
            yield f"pool {pool.name} is no shadow pool, yet nodes have its floors"


def _subnet_problems(subnet: Subnet, nodes: dict[str, Node]) -> Iterator[str]:
    if subnet.wanted not in _WANTED[subnet.status]:
        yield f"is {subnet.status}, yet {'wanted' if subnet.wanted else 'not wanted'}"
    if subnet.node is None and subnet.status != ACTIVE:
        yield f"is {subnet.status} on no node"
    if subnet.node is not None and subnet.revision > nodes.get(subnet.node, Node()).revision:
        yield f"is in a revision that node {subnet.node} never had"
    if subnet.gateway not in GATEWAYS or not isinstance(subnet.expires_at, (int, type(None))):
        yield "has options that no request gives"
    if subnet.addresses is not None and subnet.addresses > subnet.block.size:
        yield f"holds fewer addresses in {format_block(subnet.block)} than it asked for"
    if not _is_name(subnet.name):
        yield "has a name that cannot be asked for"


def _is_name(text: str) -> bool:
    try:
        return check_name(text, "name") == text
    except ShadownetError:
        return False
