# SPDX-License-Identifier: GPL-3.0-or-later
"""A node configuration as a data tree: what the agent starts with on a node that another transport configured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..plugins.module_utils.frontend.netlink.names import PROTOCOL_NUMBERS
from ..plugins.module_utils.model.node_config import AccessEntry, AccessList, Interface, NodeConfig, Route
from .access_mapping import CLOSING, CLOSING_NAMES, DEFAULT_ENTRY
from .mapping import MARK, TYPES
from .paths import STATIC

INSTANCE = "shadownet"
"""Name of the static instance that the routes get: the one that Shadownet's own NETCONF transport uses."""

_TYPES = {ours: there for there, ours in TYPES.items()}
_ACTIONS = ("accept", "drop", "reject")


def write_json(config: NodeConfig, types: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The data tree in JSON (RFC 7951), and what of the configuration the models cannot say, in words.

    Args:
        config: what a node carries.
        types: type of each interface that the node had before us (``iana-if-type:ethernetCsmacd``).
    """
    lost: list[str] = []
    data: dict[str, Any] = {}
    interfaces = [one for item in config.interfaces if (one := _interface(item, types, lost)) is not None]
    there = {one["name"] for one in interfaces}
    # A route may lead out of an interface on which nothing else is ours; the model wants it configured then.
    uplinks = {one.interface for one in config.routes if one.interface in types and one.next_hop is None} - there
    interfaces += [{"name": name, "type": types[name]} for name in sorted(filter(None, uplinks))]
    if interfaces:
        data["ietf-interfaces:interfaces"] = {"interface": interfaces}
    known = {one["name"] for one in interfaces}
    routes = _routes(config.routes, known, lost)
    if routes:
        instance = {"type": STATIC, "name": INSTANCE, "static-routes": routes}
        data["ietf-routing:routing"] = {"control-plane-protocols": {"control-plane-protocol": [instance]}}
    families, early = _rows(config)
    lists = [_list(item, families, early, lost) for item in config.access_lists if item.name not in CLOSING_NAMES]
    points = [_point(item) for item in config.interfaces if item.name in known and (item.ingress or item.egress)]
    access: dict[str, Any] = {"acl": lists} if lists else {}
    if points:
        access["attachment-points"] = {"interface": points}
    if access:
        data["ietf-access-control-list:acls"] = access
    return data, lost


def _interface(item: Interface, types: dict[str, str], lost: list[str]) -> dict[str, Any] | None:
    kind = types.get(item.name) if item.type is None else _TYPES.get(item.type)
    if kind is None:
        lost.append(f"interface {item.name}: no IETF model has type {item.type or 'of it'}")
        return None
    if item.type == "vlan" and item.name != f"{item.parent}.{item.vlan_id}":
        lost.append(f"interface {item.name}: the name of a VLAN says its parent and number")
        return None
    if item.bridge is not None:
        lost.append(f"interface {item.name}: no IETF model has ports of bridges")
    if item.rate_limit is not None:
        lost.append(f"interface {item.name}: no IETF model limits what an interface sends")
    found: dict[str, Any] = {"name": item.name, "type": kind}
    if item.type is not None:
        found["description"] = MARK + (item.description or "")
        if not item.enabled:
            found["enabled"] = False
    for family in (4, 6):
        some = [one.split("/") for one in item.addresses if (":" in one) == (family == 6)]
        if some or (family == 4 and item.mtu is not None and item.type is not None):
            below: dict[str, Any] = {}
            found[f"ietf-ip:ipv{family}"] = below
            if item.mtu is not None and (family == 4 or item.mtu >= 1280):
                below["mtu"] = item.mtu
            if some:
                below["address"] = [{"ip": host, "prefix-length": int(length)} for host, length in some]
    return found


def _routes(routes: Iterable[Route], known: set[str], lost: list[str]) -> dict[str, Any]:
    best: dict[str, Route] = {}
    for one in routes:
        if one.interface is not None and one.next_hop is None and one.interface not in known:
            lost.append(f"route {one.prefix}: its interface {one.interface} is not in the configuration")
            continue
        other = best.get(one.prefix)
        if other is not None:
            worse = one if (other.metric or 0) <= (one.metric or 0) else other
            lost.append(f"route {one.prefix} metric {worse.metric or 0}: RFC 8349 has one route for each prefix")
        if other is None or (one.metric or 0) < (other.metric or 0):
            best[one.prefix] = one
    found: dict[str, Any] = {}
    for one in best.values():
        family = 6 if ":" in one.prefix else 4
        if one.metric is not None:
            lost.append(f"route {one.prefix}: no IETF model has its metric {one.metric}")
        place = found.setdefault(f"ietf-ipv{family}-unicast-routing:ipv{family}", {"route": []})
        place["route"].append({"destination-prefix": one.prefix, "next-hop": _hop(one)})
    return found


def _hop(one: Route) -> dict[str, str]:
    if one.type == "blackhole":
        return {"special-next-hop": "blackhole"}
    # Of a gateway's interface the kernel tells what it resolved: nobody asked for it.
    if one.next_hop is not None and not one.next_hop.startswith("fe80:"):
        return {"next-hop-address": one.next_hop}
    named = {"outgoing-interface": one.interface, "next-hop-address": one.next_hop}
    return {key: value for key, value in named.items() if value is not None}


def _list(item: AccessList, families: dict[str, int], early: set[str], lost: list[str]) -> dict[str, Any]:
    entries = [one for entry in item.entries if (one := _entry(entry, item.name, lost)) is not None]
    if item.default_action in _ACTIONS and item.default_action != "drop":
        if item.name in early:
            lost.append(f"access list {item.name}: its default action, as another list follows it on an interface")
        else:
            entries.append(_ace(DEFAULT_ENTRY, item.default_action, {}))
    family = families.get(item.name)
    kind = "mixed-eth-ipv4-ipv6" if family is None else f"ipv{family}"
    return {"name": item.name, "aces": {"ace": entries}, "type": f"ietf-access-control-list:{kind}-acl-type"}


def _rows(config: NodeConfig) -> tuple[dict[str, int], set[str]]:
    """Lists of one family only, which an agent has closed by a list of its own; and those that others follow."""
    closing = {one.name: family for family, one in CLOSING.items()}
    families: dict[str, int] = {}
    early: set[str] = set()
    for item in config.interfaces:
        for names in (item.ingress, item.egress):
            early.update(names[:-1])
            if names and names[-1] in closing:
                families.update(dict.fromkeys(names[:-1], closing[names[-1]]))
    return families, early


def _ace(name: str, action: str, matches: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "actions": {"forwarding": f"ietf-access-control-list:{action}"}}
    return {**found, "matches": matches} if matches else found


def _entry(entry: AccessEntry, list_name: str, lost: list[str]) -> dict[str, Any] | None:
    here = f"access list {list_name}, entry {entry.name}"
    number = PROTOCOL_NUMBERS.get(entry.protocol or "", entry.protocol)
    family = _family(entry)
    ports = {"source-port": entry.source_port, "destination-port": entry.destination_port}
    if entry.action not in _ACTIONS:
        lost.append(f"{here}: made by hand")
    elif entry.established:
        lost.append(f"{here}: RFC 8519 knows no connections")
    elif any(ports.values()) and entry.protocol not in ("tcp", "udp"):
        lost.append(f"{here}: RFC 8519 has ports of TCP and UDP only")
    elif number is not None and family is None and not any(ports.values()) and entry.tcp_flags is None:
        lost.append(f"{here}: RFC 8519 has a protocol only together with an address family")
    else:
        return _ace(entry.name, entry.action, _matches(entry, family, number, ports))
    return None


def _family(entry: AccessEntry) -> int | None:
    for one in (entry.source, entry.destination):
        if one is not None:
            return 6 if ":" in one else 4
    return {"icmp": 4, "icmpv6": 6}.get(entry.protocol or "")


def _matches(
    entry: AccessEntry, family: int | None, number: int | str | None, ports: dict[str, str | None]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if family is not None:
        l3: dict[str, Any] = {} if number is None else {"protocol": int(number)}
        for key, prefix in (("source", entry.source), ("destination", entry.destination)):
            if prefix is not None:
                l3[f"{key}-ipv{family}-network"] = prefix
        found[f"ipv{family}"] = l3
    l4: dict[str, Any] = {key: _port(value) for key, value in ports.items() if value is not None}
    if entry.tcp_flags is not None:
        l4["flags"] = entry.tcp_flags.replace(",", " ")
    if l4:
        found[entry.protocol or ""] = l4
    return found


def _port(text: str) -> dict[str, Any]:
    low, dash, high = text.partition("-")
    if not dash:
        return {"operator": "eq", "port": int(low)}
    return {"lower-port": int(low), "upper-port": int(high)}


def _point(item: Interface) -> dict[str, Any]:
    found: dict[str, Any] = {"interface-id": item.name}
    for direction, names in (("ingress", item.ingress), ("egress", item.egress)):
        sets = [{"name": name} for name in names if name not in CLOSING_NAMES]
        if sets:
            found[direction] = {"acl-sets": {"acl-set": sets}}
    return found
