# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger wants of a node: its desired node configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..ledger.addresses import format_address
from ..ledger.records import Node
from ..ledger.transaction import Transaction
from ..model.errors import InvalidInput
from ..model.node_config import AccessList, Interface, NodeConfig, Route
from ..model.pool import FAMILY_BITS
from ..model.subnet import Subnet
from .hold import refuse_held
from .instance_lifecycle import shown as shown_instance
from .lifecycle import expire
from .parsing import check_options, choice, integer
from .profiles import access_lists
from .reserved import show
from .shadow_routes import active_route, inactive_routes
from .views import gateway_address, node_address, show_subnet

ATTACHMENT_OPTIONS = ("type", "parent", "mtu", "mode", "local", "remote", "port", "bridge")
ATTACHMENT_TYPES = ("bridge", "veth", "macvlan", "vlan", "vxlan")
ROUTER_METRIC = 1_000_000
"""Default routes through a provider's router have this metric plus the subnet's id, so that they can coexist."""


class Desired(NamedTuple):
    """``config`` as the ledger wants it; the node's revisions; which ledger; what is behind it; warnings."""

    config: NodeConfig
    node: Node
    ledger_id: str
    subnets: list[dict[str, Any]]
    warnings: list[str]
    reservations: list[dict[str, Any]]
    instances: list[dict[str, Any]]


def desired_config(transaction: Transaction, node: str, attachment: Mapping[str, Any] | None = None) -> Desired:
    """Desired configuration of a node; empty, at revision 0, for a node of which the ledger knows nothing.

    Args:
        attachment: how subnets are attached at this node: ``type`` of the interfaces (default ``bridge``) and the
            options that the type needs; see ``node_config.Interface``. A subnet's labels ``vlan`` and ``vni`` give
            its VLAN id and VXLAN network identifier.

    Raises:
        InvalidInput: the attachment has no meaning, or a subnet lacks the label that it needs.
        LedgerHeld: the ledger was restored and not yet reconciled.
    """
    refuse_held(transaction)
    expire(transaction)
    wanted = wanted_config(transaction, node, attachment)
    reservations = transaction.reservations("node = ?", (node,))
    instances = transaction.instances("node = ? OR leaving = ?", (node, node))
    return Desired(
        wanted.config,
        wanted.node,
        wanted.ledger_id,
        [show_subnet(one, transaction.pool_of(one.pool_id), transaction.now) for one in wanted.subnets],
        wanted.warnings,
        [show(transaction, item) for item in reservations],
        [shown_instance(transaction, item) for item in instances],
    )


class Wanted(NamedTuple):
    """``config`` as the ledger wants it; the node's revisions; which ledger; the subnets behind it; warnings."""

    config: NodeConfig
    node: Node
    ledger_id: str
    subnets: list[Subnet]
    warnings: list[str]


def wanted_config(transaction: Transaction, node: str, attachment: Mapping[str, Any] | None = None) -> Wanted:
    """What a push needs of ``desired_config``: only read, and nothing put into words. What ran out is still in it.

    Raises:
        InvalidInput: see ``desired_config``.
    """
    options = _read_attachment(attachment or {})
    known = transaction.nodes().get(node, Node())
    subnets = transaction.subnets("node = ?", (node,))
    profiles = transaction.profiles()
    interfaces: list[Interface] = []
    routes: list[Route] = []
    lists: list[AccessList] = []
    warnings: list[str] = []
    for subnet in subnets:
        if not subnet.wanted:
            continue
        rules = profiles.get(subnet.security_profile or "")
        pair = access_lists(subnet, rules) if rules is not None else None
        if subnet.security_profile is not None and rules is None:
            warnings.append(
                f"subnet '{subnet.name}': security profile '{subnet.security_profile}' has no rules in the ledger, "
                "so no access list guards it; declare them with shadownet.ipam.security_profile."
            )
        if pair and subnet.gateway == "router":
            warnings.append(
                f"subnet '{subnet.name}': its hosts reach the provider's router without the node's forwarding, so that "
                "the access lists of its security profile guard only what the node itself forwards."
            )
        interfaces.append(_interface(subnet, options, pair))
        lists += pair or ()
        if subnet.gateway == "router":
            routes.append(_default_route(subnet))
    reservations = transaction.reservations("node = ?", (node,))
    routes += inactive_routes(transaction, node, reservations)
    routes += [active_route(item) for item in transaction.instances("node = ?", (node,)) if item.carried]
    config = NodeConfig(tuple(interfaces), tuple(routes), tuple(lists))
    return Wanted(config, known, transaction.ledger_id(), subnets, warnings)


def _read_attachment(data: Mapping[str, Any]) -> dict[str, Any]:
    known = check_options(data, ATTACHMENT_OPTIONS, "attachment")
    options = {key: value for key, value in known.items() if value is not None}
    options["type"] = choice(options.get("type", "bridge"), "attachment.type", ATTACHMENT_TYPES)
    if options["type"] in ("macvlan", "vlan") and "parent" not in options:
        raise InvalidInput(f"is required for type {options['type']}.", parameter="attachment.parent")
    probe = {"name": "probe", "vlan_id": 1, "vni": 1, "peer": "probe-peer", **options}
    wanted = {"vlan": ("vlan_id",), "vxlan": ("vni",), "veth": ("peer",)}.get(options["type"], ())
    for key in ("vlan_id", "vni", "peer"):
        if key not in wanted:
            del probe[key]
    try:
        NodeConfig.from_dict({"interfaces": [probe]}, "attachment")
    except InvalidInput as error:
        error.parameter = (error.parameter or "").replace("attachment.interfaces[0]", "attachment")
        raise
    return options


def _interface(subnet: Subnet, options: Mapping[str, Any], pair: tuple[AccessList, AccessList] | None) -> Interface:
    name = subnet.interface or ""
    block = subnet.block
    address = format_address(block.family, node_address(block, subnet.gateway))
    extra: dict[str, Any] = {}
    if options["type"] == "vlan":
        extra["vlan_id"] = _label(subnet, "vlan", 1, 4094)
    elif options["type"] == "vxlan":
        extra["vni"] = _label(subnet, "vni", 1, 2**24 - 1)
        extra["port"] = options.get("port") or 4789
    elif options["type"] == "veth":
        extra["peer"] = f"{name}-peer"
    elif options["type"] == "macvlan":
        extra["mode"] = options.get("mode") or "bridge"
    return Interface(
        name=name,
        description=subnet.name,
        addresses=(f"{address}/{block.prefix_length}",),
        rate_limit=subnet.bandwidth,
        egress=(pair[0].name,) if pair else (),
        ingress=(pair[1].name,) if pair else (),
        **{**options, **extra},
    )


def _label(subnet: Subnet, key: str, low: int, high: int) -> int:
    if key not in subnet.labels:
        raise InvalidInput(
            f"subnet '{subnet.name}' has no label {key}, which interfaces of this type need.",
            parameter="attachment.type",
            fix=f"Ask again for '{subnet.name}' with labels: {{{key}: NUMBER}}.",
        )
    return integer(subnet.labels[key], f"labels.{key} of subnet '{subnet.name}'", low, high)


def _default_route(subnet: Subnet) -> Route:
    family = subnet.block.family
    everything = "0.0.0.0/0" if FAMILY_BITS[family] == 32 else "::/0"
    hop = format_address(family, gateway_address(subnet.block))
    return Route(everything, next_hop=hop, interface=subnet.interface, metric=ROUTER_METRIC + subnet.id)
