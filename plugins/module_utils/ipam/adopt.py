# SPDX-License-Identifier: GPL-3.0-or-later
"""Adoption: after a restore, the ledger learns from the nodes what it handed out after the backup was made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..ledger.addresses import format_block
from ..ledger.rows import subnet_event
from ..ledger.transaction import Node, Transaction
from ..model.errors import InvalidInput
from ..model.node_config import Interface, NodeConfig
from ..model.pool import Block, Pool
from ..model.subnet import ACTIVE, Subnet
from .parsing import check_name, parse_address

_OWN_NAME = re.compile(r"sn([1-9][0-9]*)\Z")


def adopt(transaction: Transaction, node: str, config: Mapping[str, Any], revision: int = 0) -> list[dict[str, Any]]:
    """Takes over the subnets that a node carries of ours and the ledger does not know.

    Args:
        config: what ``frontend_config`` with ``state=gathered`` returned for the node.
        revision: the one that the node carries; the ledger goes on counting from there.

    Returns:
        For each of our interfaces that the ledger did not know: ``name``, ``cidr``, and ``adopted``, or the
        ``reason`` why it was left alone (``reconcile`` will then report it as leaked).

    Raises:
        InvalidInput: ``config`` is not a node configuration.
    """
    name = check_name(node, "node")
    if revision > transaction.nodes().get(name, Node()).revision:
        transaction.lift_revision(name, revision)
    known = {subnet.id for subnet in transaction.subnets("node = ?", (name,))}
    results = []
    for interface in NodeConfig.from_dict(config, "config").interfaces:
        matched = _OWN_NAME.match(interface.name)
        if matched and int(matched[1]) not in known and interface.addresses:
            results.append(_adopt_one(transaction, name, interface, int(matched[1])))
    return results


def _adopt_one(transaction: Transaction, node: str, interface: Interface, number: int) -> dict[str, Any]:
    block = _block_of(interface.addresses[0])
    result: dict[str, Any] = {"name": interface.description or interface.name, "cidr": format_block(block)}
    try:
        key = check_name(interface.description, "description")
    except InvalidInput as error:
        return {**result, "adopted": False, "reason": str(error)}
    reason = None
    pool = _pool_around(transaction, block)
    if transaction.subnets_named([key]):
        reason = "the ledger holds another subnet of that name"
    elif transaction.subnet_of(number) is not None:
        reason = f"the ledger gave id {number} to another subnet"
    elif pool is None:
        reason = "it lies in no pool"
    else:
        free = transaction.free_space(pool, block.family)
        length = free.enclosing(block.start, block.prefix_length)
        if length is None:
            reason = "its prefix is not free"
        else:
            free.take(block.start, block.prefix_length, length)
    if reason is not None or pool is None:
        return {**result, "adopted": False, "reason": reason}
    subnet = Subnet(
        name=key,
        pool_id=pool.id,
        block=block,
        bandwidth=interface.rate_limit,
        location=pool.location,
        node=node,
        gateway=pool.gateway,
        status=ACTIVE,
        revision=transaction.next_revision(node),
        created_at=transaction.now,
        updated_at=transaction.now,
        id=number,
    )
    transaction.insert_subnet(subnet)
    transaction.occupy(pool, block, "subnet", subnet_id=number)
    if subnet.bandwidth:
        pool.bandwidth_used += subnet.bandwidth
        transaction.touch_pool(pool)
    transaction.event("subnet.adopted", "subnet", key, None, subnet_event(subnet))
    return {**result, "adopted": True}


def _block_of(address: str) -> Block:
    text, length = address.split("/")
    family, value = parse_address(text, "addresses")
    size = 1 << ((32 if family == 4 else 128) - int(length))
    return Block(family, value // size * size, int(length))


def _pool_around(transaction: Transaction, block: Block) -> Pool | None:
    for pool in transaction.pools().values():
        for prefix in pool.prefixes:
            if prefix.family == block.family and prefix.start <= block.start and block.last <= prefix.last:
                return pool
    return None
