# SPDX-License-Identifier: GPL-3.0-or-later
"""A desired configuration in the terms of a dialect: what it cannot say is refused, or left out and named."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

from ...model.errors import InvalidInput
from ...model.node_config import PROTOCOLS, AccessEntry, AccessList, Interface, NodeConfig, Route
from ...model.units import format_rate
from .dialect import Dialect

MARK = "shadownet:"
LIST_PREFIX = "shadownet"
DEFAULT_ENTRY = "shadownet-default"
PROTOCOL_NUMBERS = dict(zip(PROTOCOLS, (6, 17, 1, 58, 132, 47, 50), strict=True))
PROTOCOL_NAMES = {str(number): name for name, number in PROTOCOL_NUMBERS.items()}
_LONGEST_NAME = 64
_LEAST_IPV6_MTU = 1280
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ONE_LIST = "Over NETCONF an interface has one access list in each direction: make one of them."


class Prepared(NamedTuple):
    """``config`` as the device will read it back; ``lost`` says what of the request it will not do."""

    config: NodeConfig
    lost: list[str]


def prepare(desired: NodeConfig, dialect: Dialect, parameter: str) -> Prepared:
    """``desired`` as a device of this dialect will read it back.

    Routes lose their metric; of several routes to one prefix the one with the lowest metric stays, because RFC 8349
    has one static route for each prefix and nothing to order two by.

    Raises:
        InvalidInput: what the dialect cannot say and must not leave out.
    """
    lost: list[str] = []
    interfaces = tuple(
        _interface(item, dialect, f"{parameter}.interfaces[{index}]", lost)
        for index, item in enumerate(desired.interfaces)
    )
    if desired.access_lists and "access_lists" in dialect.cannot:
        raise _no_lists(dialect, f"{parameter}.access_lists")
    lists = tuple(
        _list(item, dialect, f"{parameter}.access_lists[{index}]", lost)
        for index, item in enumerate(desired.access_lists)
    )
    return Prepared(NodeConfig(interfaces, _routes(desired.routes, dialect, parameter, lost), lists), lost)


def _no_lists(dialect: Dialect, place: str) -> InvalidInput:
    words = f"dialect {dialect.name} has no access lists: {dialect.cannot['access_lists']}."
    return InvalidInput(words, parameter=place, fix="Use subnets without a security profile on this node.")


def _text(value: str | None, place: str) -> None:
    if value is not None and _NOT_XML.search(value):
        raise InvalidInput("has a character that XML cannot carry.", parameter=place)


def _interface(item: Interface, dialect: Dialect, place: str, lost: list[str]) -> Interface:
    _text(item.name, f"{place}.name")
    _text(item.description, f"{place}.description")
    if item.name != item.name.strip():
        raise InvalidInput("begins or ends with a space.", parameter=f"{place}.name")
    _kind(item, dialect, place)
    if item.bridge is not None:
        raise InvalidInput(f"dialect {dialect.name} has no ports of bridges.", parameter=f"{place}.bridge")
    if (item.ingress or item.egress) and "access_lists" in dialect.cannot:
        raise _no_lists(dialect, f"{place}.{'ingress' if item.ingress else 'egress'}")
    for direction in ("ingress", "egress"):
        if len(getattr(item, direction)) > 1:
            raise InvalidInput("has more than one.", parameter=f"{place}.{direction}", fix=_ONE_LIST)
    if item.mtu is not None and item.mtu < _LEAST_IPV6_MTU and any(":" in one for one in item.addresses):
        raise InvalidInput(f"IPv6 needs {_LEAST_IPV6_MTU} at least.", parameter=f"{place}.mtu")
    if item.rate_limit is not None and "rate_limit" in dialect.cannot:
        lost.append(
            f"rate_limit: {item.name} is not limited to {format_rate(item.rate_limit)}: {dialect.cannot['rate_limit']}"
        )
        item = replace(item, rate_limit=None)
    return item


def _kind(item: Interface, dialect: Dialect, place: str) -> None:
    """Refuses types and names that the dialect does not have."""
    if item.type is None:
        if item.addresses:
            raise InvalidInput(
                "over NETCONF nothing tells our addresses on an interface of the node from those of others.",
                parameter=f"{place}.addresses",
                fix="Name the interface's type to make it ours, or add the address by hand.",
            )
    elif item.type not in dialect.types:
        raise InvalidInput(
            f"dialect {dialect.name} has no interfaces of type {item.type}.",
            parameter=f"{place}.type",
            fix=f"Choose one of {', '.join(dialect.types)}.",
        )
    if item.type == "vlan" and dialect.vlan_name is not None:
        wanted = dialect.vlan_name.format(parent=item.parent, vlan_id=item.vlan_id)
        if item.name != wanted:
            raise InvalidInput(
                f"a VLAN interface's name says its parent and number in dialect {dialect.name}.",
                parameter=f"{place}.name",
                fix=f"Call it {wanted}.",
            )
    pattern = dialect.name_patterns.get(item.type or "")
    if pattern is not None and not re.fullmatch(pattern, item.name):
        raise InvalidInput(
            f"'{item.name}' is no interface of type {item.type} in dialect {dialect.name}.",
            parameter=f"{place}.name",
            fix=f"Names look like {pattern}.",
        )


def _routes(routes: tuple[Route, ...], dialect: Dialect, parameter: str, lost: list[str]) -> tuple[Route, ...]:
    best: dict[str, Route] = {}
    for index, route in enumerate(routes):
        _text(route.interface, f"{parameter}.routes[{index}].interface")
        if route.type == "unicast" and route.next_hop is None and "interface_routes" in dialect.cannot:
            raise InvalidInput(
                f"dialect {dialect.name} has no routes by an interface alone: {dialect.cannot['interface_routes']}.",
                parameter=f"{parameter}.routes[{index}].next_hop",
                fix="Give the address of the next router.",
            )
        other = best.get(route.prefix)
        if other is None or (route.metric or 0) < (other.metric or 0):
            best[route.prefix] = route
    beside = [route for route in routes if route.type == "unicast" and best[route.prefix] != route]
    lost.extend(
        f"metric: only the route to {route.prefix} with the lowest metric is made, not that by "
        f"{route.next_hop or route.interface} with metric {route.metric or 0}"
        for route in beside
    )
    return tuple(replace(route, metric=None) for route in best.values())


def _list(item: AccessList, dialect: Dialect, place: str, lost: list[str]) -> AccessList:
    if not item.name.startswith(LIST_PREFIX):
        raise InvalidInput(
            f"over NETCONF our access lists are told by their names, which begin with {LIST_PREFIX}.",
            parameter=f"{place}.name",
            fix=f"Call it {LIST_PREFIX}-{item.name}.",
        )
    _name(item.name, f"{place}.name")
    entries = tuple(_entry(entry, dialect, f"{place}.entries[{index}]") for index, entry in enumerate(item.entries))
    if any(entry.established for entry in entries):
        lost.append(
            f"established: {item.name} knows no connections: it lets TCP packets with ACK pass, and no answers of "
            "other protocols"
        )
    return replace(item, entries=entries)


def _name(name: str, place: str) -> None:
    _text(name, place)
    if len(name) > _LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise InvalidInput(f"'{name}' is not 1 to {_LONGEST_NAME} printable characters.", parameter=place)


def _entry(entry: AccessEntry, dialect: Dialect, place: str) -> AccessEntry:
    _name(entry.name, f"{place}.name")
    if entry.name == DEFAULT_ENTRY:
        raise InvalidInput("is the name of the entry that holds the default action.", parameter=f"{place}.name")
    protocol = entry.protocol
    if protocol is not None and protocol.isdigit():
        protocol = PROTOCOL_NAMES.get(str(int(protocol)), str(int(protocol)))
    ports = entry.source_port or entry.destination_port
    if ports and protocol not in ("tcp", "udp"):
        raise InvalidInput("over NETCONF ports need protocol tcp or udp.", parameter=place)
    if entry.tcp_flags is not None:
        raise InvalidInput(
            "over NETCONF tcp_flags are not pushed.", parameter=f"{place}.tcp_flags", fix="Use established."
        )
    if entry.established and protocol not in (None, "tcp"):
        raise InvalidInput("over NETCONF only TCP has established connections.", parameter=f"{place}.established")
    if protocol is not None and family_of(entry) is None and not ports and not entry.established:
        raise InvalidInput(
            "over NETCONF a protocol needs an address family.",
            parameter=f"{place}.protocol",
            fix="Give a source or destination, 0.0.0.0/0 or ::/0 for all.",
        )
    return replace(entry, protocol=protocol or (dialect.established if entry.established else None))


def family_of(entry: AccessEntry) -> int | None:
    """The address family that an entry is about; None for both."""
    for end in (entry.source, entry.destination):
        if end is not None:
            return 6 if ":" in end else 4
    return {"icmp": 4, "icmpv6": 6, "1": 4, "58": 6}.get(entry.protocol or "")
