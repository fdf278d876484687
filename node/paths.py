# SPDX-License-Identifier: GPL-3.0-or-later
"""Instance-identifiers of what a node configuration's parts are in the data tree (RFC 7951 section 6.11)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from ..plugins.module_utils.model.node_config import NodeConfig

INTERFACES = "/ietf-interfaces:interfaces/interface"
PROTOCOLS = "/ietf-routing:routing/control-plane-protocols/control-plane-protocol"
LISTS = "/ietf-access-control-list:acls/acl"
POINTS = "/ietf-access-control-list:acls/attachment-points/interface"
STATIC = "ietf-routing:static"

_PREDICATE = re.compile(r"""\[[^=\]'"]*=(?:'[^']*'|"[^"]*")\]""")
_PARAMETER = re.compile(r"config\.(interfaces|routes|access_lists)\[(\d+)\](?:\.(\w+)(?:\[(\d+)\])?)?(?:\.(\w+))?")


def quoted(value: str) -> str:
    """A value as it stands in a predicate. One with both kinds of quotes cannot be written there: its first part is."""
    if "'" not in value:
        return f"'{value}'"
    return f'"{value}"' if '"' not in value else f"'{value.partition(chr(39))[0]}'"


def interface(name: str, *below: str) -> str:
    """An interface, or what is below it."""
    return "/".join((f"{INTERFACES}[name={quoted(name)}]", *below))


def address(name: str, text: str) -> str:
    """An address of an interface."""
    host = text.partition("/")[0]
    return interface(name, f"ietf-ip:ipv{6 if ':' in host else 4}", f"address[ip={quoted(host)}]")


def protocol(name: str, kind: str = STATIC) -> str:
    """A control-plane-protocol instance."""
    return f"{PROTOCOLS}[type={quoted(kind)}][name={quoted(name)}]"


def route(instance: str, prefix: str, *below: str) -> str:
    """A static route of an instance."""
    family = 6 if ":" in prefix else 4
    place = f"{protocol(instance)}/static-routes/ietf-ipv{family}-unicast-routing:ipv{family}"
    return "/".join((f"{place}/route[destination-prefix={quoted(prefix)}]", *below))


def access_list(name: str, *below: str) -> str:
    """An access list."""
    return "/".join((f"{LISTS}[name={quoted(name)}]", *below))


def entry(list_name: str, name: str, *below: str) -> str:
    """An entry of an access list."""
    return access_list(list_name, f"aces/ace[name={quoted(name)}]", *below)


def attachment(name: str, direction: str, list_name: str | None = None) -> str:
    """The access lists of an interface in one direction, or one of them."""
    place = f"{POINTS}[interface-id={quoted(name)}]/{direction}"
    return place if list_name is None else f"{place}/acl-sets/acl-set[name={quoted(list_name)}]"


def last_name(path: str) -> str:
    """The name of the node that a path leads to."""
    return _PREDICATE.sub("", path).rpartition("/")[2]


class Places:
    """Finds where in the data tree the parts of one node configuration came from."""

    def __init__(self, config: NodeConfig, instances: list[tuple[str, int]]) -> None:
        """
        Args:
            config: the configuration.
            instances: name of each static instance, with the number of the route after its last one.
        """
        self._config = config
        self._instances = instances

    def of_change(self, change: Mapping[str, Any]) -> str | None:
        """Where the object of a change (``Change.to_dict``) is; None if the configuration does not have it."""
        subject = change.get("after") or change.get("before") or {}
        kind = change.get("kind")
        found: str | None = None
        if kind == "route":
            found = self._route(subject["prefix"])
        elif kind == "address":
            found = address(subject["interface"], subject["address"])
        elif kind == "interface":
            found = interface(subject["name"])
        elif kind == "access_list":
            found = access_list(subject["name"])
        elif kind == "attachment":
            found = attachment(subject["interface"], subject["direction"])
        return found

    def of_parameter(self, parameter: str | None) -> str | None:
        """Where the part is that an error names as ``config.routes[3].interface``; None for other parameters."""
        match = _PARAMETER.match(parameter or "")
        if match is None:
            return None
        part, number, key, index, below = match.groups()
        try:
            if part == "routes":
                return self._route_part(int(number), key)
            if part == "interfaces":
                return self._interface_part(int(number), key, index)
            return self._list_part(int(number), key, index, below)
        except IndexError:
            return None

    def _route(self, prefix: str) -> str | None:
        # libyang writes ::10.0.0.0 what Python writes ::a00:0.
        for number, one in enumerate(self._config.routes):
            if one.prefix == prefix or ("." in one.prefix and str(ipaddress.ip_network(one.prefix)) == prefix):
                return self._route_part(number, None)
        return None

    def _route_part(self, number: int, key: str | None) -> str:
        prefix = self._config.routes[number].prefix
        instance = next((name for name, end in self._instances if number < end), "")
        leaf = {"interface": "outgoing-interface", "next_hop": "next-hop-address", "type": "special-next-hop"}
        return route(instance, prefix, *([f"next-hop/{leaf[key]}"] if key in leaf else []))

    def _interface_part(self, number: int, key: str | None, index: str | None) -> str:
        one = self._config.interfaces[number]
        if key == "addresses" and index is not None:
            return address(one.name, one.addresses[int(index)])
        if key in ("ingress", "egress"):
            names = one.ingress if key == "ingress" else one.egress
            return attachment(one.name, key, names[int(index)] if index is not None else None)
        if key == "mtu":
            return interface(one.name, "ietf-ip:ipv4/mtu")
        return interface(one.name, *([key] if key in ("name", "type", "enabled", "description") else []))

    def _list_part(self, number: int, key: str | None, index: str | None, below: str | None) -> str:
        one = self._config.access_lists[number]
        if key == "entries" and index is not None and int(index) < len(one.entries):
            return entry(one.name, one.entries[int(index)].name, *(["name"] if below == "name" else []))
        return access_list(one.name, *(["name"] if key == "name" else []))
