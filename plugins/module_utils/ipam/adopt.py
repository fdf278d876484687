# SPDX-License-Identifier: GPL-3.0-or-later
"""Adoption: after a restore, the ledger learns from the nodes what it handed out after the backup was made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..ledger.addresses import format_block
from ..ledger.records import Node
from ..ledger.transaction import Transaction
from ..model.errors import InvalidInput
from ..model.node_config import AccessList, Interface, NodeConfig
from ..model.pool import Block
from ..model.subnet import ACTIVE, Subnet
from .adopt_routes import adopt_routes, pool_around
from .parsing import check_name, parse_address
from .profiles import access_lists
from .reserved import sweep

_OWN_NAME = re.compile(r"sn([1-9][0-9]{0,11})\Z")


def adopt(transaction: Transaction, node: str, config: Mapping[str, Any], revision: int = 0) -> list[dict[str, Any]]:
    """Takes over what a node carries of ours and the ledger does not know: subnets, floors and instances.

    Args:
        config: what ``frontend_config`` with ``state=gathered`` returned for the node.
        revision: the one that the node carries; the ledger goes on counting from there.

    Returns:
        For each of our interfaces and routes to instances that the ledger did not know: ``name``, ``cidr``, ``kind``
        (``subnet`` or ``instance``), and ``adopted``, or the
        ``reason`` why it was left alone (``reconcile`` will then report it as leaked). ``profile_lost`` says that
        its access lists are those of no profile of the ledger. Service, number of addresses, ttl and other labels
        than those for tunnels are on no node. A ``floor`` is there only where it was left alone, by the pool's name.

    Raises:
        InvalidInput: ``config`` is not a node configuration.
    """
    name = check_name(node, "node")
    sweep(transaction, -1)
    if revision > transaction.nodes().get(name, Node()).revision:
        transaction.lift_revision(name, revision)
    known = {subnet.id for subnet in transaction.subnets("node = ?", (name,))}
    results = []
    carried = NodeConfig.from_dict(config, "config")
    lists = {one.name: one for one in carried.access_lists}
    for interface in carried.interfaces:
        matched = _OWN_NAME.match(interface.name)
        if matched and int(matched[1]) not in known and interface.addresses:
            results.append(_adopt_one(transaction, name, interface, int(matched[1]), lists))
    return results + adopt_routes(transaction, name, carried.routes)


def _adopt_one(
    transaction: Transaction, node: str, interface: Interface, number: int, lists: Mapping[str, AccessList]
) -> dict[str, Any]:
    block = _block_of(interface.addresses[0])
    result: dict[str, Any] = {
        "name": interface.description or interface.name,
        "cidr": format_block(block),
        "kind": "subnet",
    }
    try:
        key = check_name(interface.description, "description")
    except InvalidInput as error:
        return {**result, "adopted": False, "reason": str(error)}
    reason = None
    pool, apart = pool_around(transaction, node, block)
    if transaction.subnets_named([key]):
        reason = "the ledger holds another subnet of that name"
    elif transaction.subnet_of(number) is not None:
        reason = f"the ledger gave id {number} to another subnet"
    elif pool is None:
        reason = apart or "it lies in no pool"
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
        labels=_labels(interface),
        status=ACTIVE,
        revision=transaction.next_revision(node),
        created_at=transaction.now,
        updated_at=transaction.now,
        id=number,
    )
    subnet.security_profile = _profile(transaction, subnet, interface, lists)
    transaction.insert_subnet(subnet, pool, "subnet.adopted")
    if subnet.bandwidth:
        pool.bandwidth_used += subnet.bandwidth
        transaction.touch_pool(pool)
    guarded = bool(interface.ingress or interface.egress)
    return {**result, "adopted": True, "profile_lost": guarded and subnet.security_profile is None}


def _labels(interface: Interface) -> dict[str, str]:
    tunnel = {"vlan": interface.vlan_id, "vni": interface.vni}
    return {key: str(value) for key, value in tunnel.items() if value is not None}


def _profile(
    transaction: Transaction, subnet: Subnet, interface: Interface, lists: Mapping[str, AccessList]
) -> str | None:
    """The profile whose rules are what guards the interface."""
    there = [lists.get(name) for name in (*interface.egress, *interface.ingress)]
    for name, rules in transaction.profiles().items():
        if list(access_lists(subnet, rules)) == there:
            return name
    return None


def _block_of(address: str) -> Block:
    text, length = address.split("/")
    family, value = parse_address(text, "addresses")
    size = 1 << ((32 if family == 4 else 128) - int(length))
    return Block(family, value // size * size, int(length))
