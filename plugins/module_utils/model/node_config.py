# SPDX-License-Identifier: GPL-3.0-or-later
"""Node configuration: what one front-end node shall carry, whatever the transport.

Terms follow RFC 8343 (interfaces), RFC 8344 (addresses), RFC 8349 (static routes) and RFC 8519 (access
lists). Only the standard library is used, because this file also runs on the nodes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from .address_input import read_interface_address, read_optional_address, read_prefix
from .errors import InvalidInput, unknown_options
from .units import parse_rate

INTERFACE_TYPES = ("bridge", "veth", "macvlan", "vxlan", "vlan")
MACVLAN_MODES = ("bridge", "private", "vepa", "passthru")
ROUTE_TYPES = ("unicast", "blackhole")
ACTIONS = ("accept", "drop", "reject")
TCP_FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
"""From the lowest bit of the header's octet to the highest (RFC 9293 section 3.1)."""
PROTOCOLS = ("tcp", "udp", "icmp", "icmpv6", "sctp", "gre", "esp")
FLOOR_METRIC = 4278198272
"""Metric of the blackhole floor on Linux: worse than any route that a person would set."""


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface of the node.

    With ``type`` it is ours: created, changed and deleted. Without ``type`` it is one that the node already
    has (an uplink): only the addresses and access lists that we put there are ours.

    Attributes:
        name: interface name; on Linux at most 15 bytes.
        type: one of ``INTERFACE_TYPES``, or None for one that the node already has.
        enabled: administratively up.
        mtu: octets, None to leave it to the node.
        description: free text; stored behind the mark ``shadownet:`` that says it is ours.
        parent: the underlying interface of macvlan, vlan and (optionally) vxlan.
        bridge: the bridge that this interface is a port of.
        peer: name of the other end of a veth pair.
        mode: macvlan mode, default ``bridge``.
        vlan_id: 1 to 4094. vni: 0 to 2**24-1. local, remote: vxlan end points. port: UDP port, default 4789.
        addresses: ``address/prefix length`` each.
        rate_limit: bits per second that the node sends out of this interface at most.
        ingress, egress: names of access lists for traffic that the node forwards from, and to, this interface.
    """

    name: str
    type: str | None = None
    enabled: bool = True
    mtu: int | None = None
    description: str | None = None
    parent: str | None = None
    bridge: str | None = None
    peer: str | None = None
    mode: str | None = None
    vlan_id: int | None = None
    vni: int | None = None
    local: str | None = None
    remote: str | None = None
    port: int | None = None
    addresses: tuple[str, ...] = ()
    rate_limit: int | None = None
    ingress: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """One static route.

    Attributes:
        prefix: destination, canonical.
        type: ``unicast``, or ``blackhole`` (``special-next-hop`` of RFC 8349).
        next_hop: address of the next router.
        interface: outgoing interface.
        metric: lower wins; None is the kernel's default (0 in IPv4, 1024 in IPv6).
    """

    prefix: str
    type: str = "unicast"
    next_hop: str | None = None
    interface: str | None = None
    metric: int | None = None


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One entry of an access list: all matches that are given must hold.

    Attributes:
        name: unique within the list.
        action: ``accept``, ``drop`` (silent) or ``reject`` (with an ICMP error).
        protocol: a name of ``PROTOCOLS`` or an IP protocol number as text.
        source, destination: prefixes.
        source_port, destination_port: ``80`` or ``8000-8080`` (tcp, udp, sctp).
        established: only packets of connections seen before, and errors that belong to them.
        tcp_flags: names of ``TCP_FLAGS`` with commas, in that order: all of them are set in the packet, whatever the
            others are (protocol tcp).
    """

    name: str
    action: str
    protocol: str | None = None
    source: str | None = None
    destination: str | None = None
    source_port: str | None = None
    destination_port: str | None = None
    established: bool = False
    tcp_flags: str | None = None


@dataclass(frozen=True, slots=True)
class AccessList:
    """Ordered entries; the first that matches decides, ``default_action`` when none does."""

    name: str
    entries: tuple[AccessEntry, ...] = ()
    default_action: str = "drop"


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """Everything that one node shall carry of ours. Order of interfaces is the order of creation."""

    interfaces: tuple[Interface, ...] = ()
    routes: tuple[Route, ...] = ()
    access_lists: tuple[AccessList, ...] = field(default=())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | None, parameter: str = "config") -> NodeConfig:
        """Checks and reads the form that playbooks write.

        Raises:
            InvalidInput: naming the place, for example ``config.interfaces[1].addresses[0]``.
        """
        data = _mapping(data or {}, parameter, ("interfaces", "routes", "access_lists"))
        config = cls(
            interfaces=tuple(
                _interface(item, f"{parameter}.interfaces[{i}]")
                for i, item in enumerate(_items(data, "interfaces", parameter))
            ),
            routes=tuple(
                _route(item, f"{parameter}.routes[{i}]") for i, item in enumerate(_items(data, "routes", parameter))
            ),
            access_lists=tuple(
                _access_list(item, f"{parameter}.access_lists[{i}]")
                for i, item in enumerate(_items(data, "access_lists", parameter))
            ),
        )
        _check_unique([i.name for i in config.interfaces], f"{parameter}.interfaces")
        _check_unique([_route_key(route) for route in config.routes], f"{parameter}.routes")
        _check_unique([a.name for a in config.access_lists], f"{parameter}.access_lists")
        return config

    def to_dict(self) -> dict[str, list[dict[str, Any]]]:
        """The form that ``from_dict`` reads, without what is unset; lists of JSON values."""
        return {
            "interfaces": [_plain(item) for item in self.interfaces],
            "routes": [_plain(item) for item in self.routes],
            "access_lists": [
                {**_plain(acl), "entries": [_plain(entry) for entry in acl.entries]} for acl in self.access_lists
            ],
        }


def _plain(item: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    kind: type = type(item)
    for name, default in _defaults(kind):
        value = getattr(item, name)
        if value is None or value == () or (value is False and default is False):
            continue
        found[name] = list(value) if isinstance(value, tuple) else value
    return found


def _mapping(data: Any, parameter: str, allowed: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise InvalidInput(f"expected a dictionary, not {type(data).__name__}.", parameter=parameter)
    unknown = sorted(str(key) for key in data if key not in allowed)
    if unknown:
        raise unknown_options(unknown, allowed, parameter)
    return data


def _items(data: Mapping[str, Any], key: str, parameter: str) -> Sequence[Any]:
    value = data.get(key)
    if value is None:
        return ()
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        raise InvalidInput("expected a list.", parameter=f"{parameter}.{key}")
    return value


@cache
def _names(cls: type) -> tuple[str, ...]:
    return tuple(one.name for one in fields(cls))


@cache
def _defaults(cls: type) -> tuple[tuple[str, Any], ...]:
    return tuple((one.name, one.default) for one in fields(cls))


def _check_unique(keys: Sequence[str], parameter: str) -> None:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise InvalidInput(f"'{key}' is there twice.", parameter=parameter, fix="Give each once.")
        seen.add(key)


def _route_key(route: Route) -> str:
    default = _DEFAULT_METRICS[":" in route.prefix]
    return f"{route.prefix} metric {default if route.metric is None else route.metric}"


def _check_text(text: str, parameter: str) -> str:
    """Refuses what no node can write or show: nothing, control characters, half of a surrogate pair."""
    if not text or any(ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) < 0xE000 for char in text):
        raise InvalidInput("must be non-empty text without control characters.", parameter=parameter)
    return text


def _text(data: Mapping[str, Any], key: str, parameter: str, required: bool = False) -> str | None:
    value = data.get(key)
    if value is None:
        if required:
            raise InvalidInput("is required.", parameter=f"{parameter}.{key}")
        return None
    return _check_text(str(value), f"{parameter}.{key}")


def _choice(
    data: Mapping[str, Any], key: str, parameter: str, choices: Sequence[str], default: str | None
) -> str | None:
    value = data.get(key)
    if value is None:
        return default
    if value not in choices:
        raise InvalidInput(
            f"'{value}' is not known.", parameter=f"{parameter}.{key}", fix=f"Choose one of {', '.join(choices)}."
        )
    return str(value)


def _integer(data: Mapping[str, Any], key: str, parameter: str, low: int, high: int) -> int | None:
    value = data.get(key)
    if value is None:
        return None
    try:
        number = int(str(value))
    except ValueError:
        number = low - 1
    if isinstance(value, bool) or not low <= number <= high:
        raise InvalidInput(f"'{value}' is not a number from {low} to {high}.", parameter=f"{parameter}.{key}")
    return number


def _flag(data: Mapping[str, Any], key: str, parameter: str, default: bool) -> bool:
    value = data.get(key)
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "yes", "1", "false", "no", "0"):
        return str(value).lower() in ("true", "yes", "1")
    raise InvalidInput(f"'{value}' is not a boolean.", parameter=f"{parameter}.{key}")


_NEEDS = {"macvlan": ("parent",), "vlan": ("parent", "vlan_id"), "vxlan": ("vni",), "veth": ("peer",)}
_MAY = {"macvlan": ("mode",), "vxlan": ("parent", "local", "remote", "port")}
_OF_TYPES = ("parent", "peer", "mode", "vlan_id", "vni", "local", "remote", "port")
_DEFAULT_METRICS = {False: 0, True: 1024}
"""The metric of a route that names none, in IPv4 and (True) in IPv6."""


def _interface(data: Any, parameter: str) -> Interface:
    data = _mapping(data, parameter, _names(Interface))
    kind = _choice(data, "type", parameter, INTERFACE_TYPES, None)
    for key in _NEEDS.get(kind or "", ()):
        if data.get(key) is None:
            raise InvalidInput(f"is required for type {kind}.", parameter=f"{parameter}.{key}")
    for key in _OF_TYPES:
        if data.get(key) is not None and key not in _NEEDS.get(kind or "", ()) + _MAY.get(kind or "", ()):
            where = "where no type is given" if kind is None else f"for type {kind}"
            raise InvalidInput(f"has no meaning {where}.", parameter=f"{parameter}.{key}", fix="Leave it out.")
    addresses = tuple(
        read_interface_address(item, f"{parameter}.addresses[{i}]")
        for i, item in enumerate(_items(data, "addresses", parameter))
    )
    _check_unique(addresses, f"{parameter}.addresses")
    rate = data.get("rate_limit")
    if kind is None:
        ours_only = [key for key in ("mtu", "description", "rate_limit", "bridge") if data.get(key) is not None]
        if ours_only or data.get("enabled") is False:
            raise InvalidInput(
                f"{', '.join(ours_only) or 'enabled'} can only be set on an interface that is ours.",
                parameter=parameter,
                fix="Name its type, or leave these options out to add addresses to one that the node already has.",
            )
    return Interface(
        name=_text(data, "name", parameter, required=True) or "",
        type=kind,
        enabled=_flag(data, "enabled", parameter, True),
        mtu=_integer(data, "mtu", parameter, 68, 65535),
        description=_text(data, "description", parameter),
        parent=_text(data, "parent", parameter),
        bridge=_text(data, "bridge", parameter),
        peer=_text(data, "peer", parameter),
        mode=_choice(data, "mode", parameter, MACVLAN_MODES, "bridge" if kind == "macvlan" else None),
        vlan_id=_integer(data, "vlan_id", parameter, 1, 4094),
        vni=_integer(data, "vni", parameter, 0, 2**24 - 1),
        local=read_optional_address(data, "local", parameter),
        remote=read_optional_address(data, "remote", parameter),
        port=_integer(data, "port", parameter, 1, 65535) or (4789 if kind == "vxlan" else None),
        addresses=addresses,
        rate_limit=None if rate is None else parse_rate(rate, f"{parameter}.rate_limit"),
        ingress=_acl_names(data, "ingress", parameter),
        egress=_acl_names(data, "egress", parameter),
    )


def _acl_names(data: Mapping[str, Any], key: str, parameter: str) -> tuple[str, ...]:
    names = tuple(
        _check_text(str(item), f"{parameter}.{key}[{i}]") for i, item in enumerate(_items(data, key, parameter))
    )
    _check_unique(names, f"{parameter}.{key}")
    return names


def _route(data: Any, parameter: str) -> Route:
    data = _mapping(data, parameter, _names(Route))
    prefix = read_prefix(data.get("prefix"), f"{parameter}.prefix")
    kind = _choice(data, "type", parameter, ROUTE_TYPES, "unicast") or "unicast"
    next_hop = read_optional_address(data, "next_hop", parameter)
    interface = _text(data, "interface", parameter)
    if kind == "blackhole" and (next_hop or interface):
        raise InvalidInput("a blackhole has neither next_hop nor interface.", parameter=parameter)
    if kind == "unicast" and not (next_hop or interface):
        raise InvalidInput("needs next_hop or interface.", parameter=parameter, fix="Or set type: blackhole.")
    if next_hop and (":" in next_hop) != (":" in prefix):
        raise InvalidInput(f"is of another address family than {prefix}.", parameter=f"{parameter}.next_hop")
    return Route(prefix, kind, next_hop, interface, _integer(data, "metric", parameter, 1, 2**32 - 1))


def _port_range(data: Mapping[str, Any], key: str, parameter: str) -> str | None:
    value = data.get(key)
    if value is None:
        return None
    low, dash, high = str(value).partition("-")
    try:
        first, last = int(low), int(high if dash else low)
    except ValueError:
        first, last = -1, -1
    if not 0 <= first <= last <= 65535:
        raise InvalidInput(
            f"'{value}' is not a port or range of ports.",
            parameter=f"{parameter}.{key}",
            fix="Write 80 or 8000-8080.",
        )
    return str(first) if first == last else f"{first}-{last}"


def _flags(data: Mapping[str, Any], protocol: str | None, parameter: str) -> str | None:
    value = _text(data, "tcp_flags", parameter)
    if value is None:
        return None
    names = [one.strip() for one in value.split(",")]
    unknown = [one for one in names if one not in TCP_FLAGS]
    if unknown:
        raise InvalidInput(
            f"'{unknown[0]}' is not known.",
            parameter=f"{parameter}.tcp_flags",
            fix=f"Choose of {', '.join(TCP_FLAGS)}, with commas between them.",
        )
    if protocol != "tcp":
        raise InvalidInput("needs protocol tcp.", parameter=f"{parameter}.tcp_flags")
    return ",".join(one for one in TCP_FLAGS if one in names)


_PROTOCOL_NUMBER = re.compile(r"0*(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[0-9]{1,2})\Z")


def _access_entry(data: Any, parameter: str) -> AccessEntry:
    data = _mapping(data, parameter, _names(AccessEntry))
    protocol = _text(data, "protocol", parameter)
    if protocol is not None and protocol not in PROTOCOLS and not _PROTOCOL_NUMBER.match(protocol):
        raise InvalidInput(
            f"'{protocol}' is not known.",
            parameter=f"{parameter}.protocol",
            fix=f"Choose one of {', '.join(PROTOCOLS)} or an IP protocol number.",
        )
    ports = _port_range(data, "source_port", parameter), _port_range(data, "destination_port", parameter)
    if any(ports) and protocol not in ("tcp", "udp", "sctp"):
        raise InvalidInput("ports need protocol tcp, udp or sctp.", parameter=parameter)
    source, destination = (
        None if data.get(key) is None else read_prefix(data[key], f"{parameter}.{key}")
        for key in ("source", "destination")
    )
    families = {":" in one for one in (source, destination) if one is not None}
    families |= {protocol == "icmpv6"} if protocol in ("icmp", "icmpv6") else set()
    if len(families) > 1:
        raise InvalidInput("mixes IPv4 and IPv6.", parameter=parameter, fix="Write one entry for each family.")
    return AccessEntry(
        name=_text(data, "name", parameter, required=True) or "",
        action=_choice(data, "action", parameter, ACTIONS, None) or _missing_action(parameter),
        protocol=protocol,
        source=source,
        destination=destination,
        source_port=ports[0],
        destination_port=ports[1],
        established=_flag(data, "established", parameter, False),
        tcp_flags=_flags(data, protocol, parameter),
    )


def _missing_action(parameter: str) -> str:
    raise InvalidInput("is required.", parameter=f"{parameter}.action", fix=f"Choose one of {', '.join(ACTIONS)}.")


def _access_list(data: Any, parameter: str) -> AccessList:
    data = _mapping(data, parameter, _names(AccessList))
    entries = tuple(
        _access_entry(item, f"{parameter}.entries[{i}]") for i, item in enumerate(_items(data, "entries", parameter))
    )
    _check_unique([entry.name for entry in entries], f"{parameter}.entries")
    return AccessList(
        name=_text(data, "name", parameter, required=True) or "",
        entries=entries,
        default_action=_choice(data, "default_action", parameter, ACTIONS, "drop") or "drop",
    )
