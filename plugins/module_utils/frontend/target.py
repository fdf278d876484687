# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node shall carry after a push: from what it carries, what is asked, and the state's meaning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace

from ..model.errors import InvalidInput
from ..model.node_config import AccessList, Interface, NodeConfig, Route

STATES = ("merged", "replaced", "overridden", "deleted")


def target(current: NodeConfig, desired: NodeConfig, state: str) -> NodeConfig:
    """The configuration of ours that ``state`` leads to.

    Args:
        current: what the node carries of ours.
        desired: what is asked.
        state: ``merged`` adds and changes, and removes nothing. ``replaced`` makes each named interface, access
            list and destination prefix exactly as given. ``overridden`` makes everything as given. ``deleted``
            removes what is named, or everything when nothing is.

    Raises:
        InvalidInput: an unknown state.
    """
    if state == "overridden":
        wanted = replace(desired, interfaces=tuple(_exact(_by_name(current), item) for item in desired.interfaces))
    elif state == "merged":
        wanted = _merged(current, desired)
    elif state == "replaced":
        wanted = _replaced(current, desired)
    elif state == "deleted":
        wanted = _without(current, desired) if desired != NodeConfig() else NodeConfig()
    else:
        raise InvalidInput(f"'{state}' is not known.", parameter="state", fix=f"Choose one of {', '.join(STATES)}.")
    return _settled(current, desired if state != "deleted" else NodeConfig(), wanted)


def _by_name(config: NodeConfig) -> dict[str, Interface]:
    return {item.name: item for item in config.interfaces}


def _exact(current: dict[str, Interface], wanted: Interface) -> Interface:
    """A wanted interface without type says nothing about the link itself, should the link be one of ours."""
    have = current.get(wanted.name)
    if wanted.type is None and have is not None and have.type is not None:
        return replace(have, addresses=wanted.addresses, ingress=wanted.ingress, egress=wanted.egress)
    return wanted


def _union(first: Iterable[str], second: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _merged_interface(have: Interface, wanted: Interface) -> Interface:
    given = {
        one.name: getattr(wanted, one.name)
        for one in fields(Interface)
        if one.name != "enabled" and getattr(wanted, one.name) not in (None, ())
    }
    if wanted.type is not None:
        given["enabled"] = wanted.enabled
    return replace(have, **{**given, "addresses": _union(have.addresses, wanted.addresses)})


def _merged_list(have: AccessList, wanted: AccessList) -> AccessList:
    entries = {entry.name: entry for entry in have.entries}
    entries.update((entry.name, entry) for entry in wanted.entries)
    return AccessList(have.name, tuple(entries.values()), wanted.default_action)


def _merged(current: NodeConfig, desired: NodeConfig) -> NodeConfig:
    interfaces = _by_name(current)
    for item in desired.interfaces:
        interfaces[item.name] = _merged_interface(interfaces[item.name], item) if item.name in interfaces else item
    lists = {acl.name: acl for acl in current.access_lists}
    for acl in desired.access_lists:
        lists[acl.name] = _merged_list(lists[acl.name], acl) if acl.name in lists else acl
    keys = {(route.prefix, route.metric) for route in desired.routes}
    routes = [route for route in current.routes if (route.prefix, route.metric) not in keys]
    return NodeConfig(tuple(interfaces.values()), (*routes, *desired.routes), tuple(lists.values()))


def _replaced(current: NodeConfig, desired: NodeConfig) -> NodeConfig:
    interfaces = _by_name(current)
    interfaces.update({item.name: _exact(interfaces, item) for item in desired.interfaces})
    lists = {acl.name: acl for acl in (*current.access_lists, *desired.access_lists)}
    prefixes = {route.prefix for route in desired.routes}
    routes = [route for route in current.routes if route.prefix not in prefixes]
    return NodeConfig(tuple(interfaces.values()), (*routes, *desired.routes), tuple(lists.values()))


def _without(current: NodeConfig, named: NodeConfig) -> NodeConfig:
    interfaces = _by_name(named)
    routes = {(route.prefix, route.metric) for route in named.routes}
    lists = {acl.name for acl in named.access_lists}
    return NodeConfig(
        tuple(left for item in current.interfaces if (left := _left(item, interfaces.get(item.name))) is not None),
        tuple(route for route in current.routes if (route.prefix, route.metric) not in routes),
        tuple(acl for acl in current.access_lists if acl.name not in lists),
    )


def _left(have: Interface, named: Interface | None) -> Interface | None:
    """What is left of an interface. Of one that is not ours only what is named with it goes: an instance with two
    addresses keeps the other one."""
    if named is None:
        return have
    some = named.addresses or named.ingress or named.egress
    if have.type is not None or named.type is not None or not some:
        return None
    return replace(
        have,
        addresses=tuple(one for one in have.addresses if one not in named.addresses),
        ingress=tuple(one for one in have.ingress if one not in named.ingress),
        egress=tuple(one for one in have.egress if one not in named.egress),
    )


def _settled(current: NodeConfig, asked: NodeConfig, wanted: NodeConfig) -> NodeConfig:
    """``wanted`` without what cannot outlive what goes: nobody asked for it, and its interface is gone."""
    asked_interfaces = {item.name for item in asked.interfaces}
    have = {item.name for item in current.interfaces if item.type is not None}
    interfaces = {item.name: item for item in wanted.interfaces}
    gone = have - interfaces.keys()
    while True:
        lost = {
            name
            for name, item in interfaces.items()
            if name not in asked_interfaces and name in have and (item.parent in gone or item.peer in gone)
        }
        if not lost:
            break
        gone |= lost
        for name in lost:
            del interfaces[name]
    kept = [
        replace(item, bridge=None) if item.bridge in gone and item.name not in asked_interfaces else item
        for item in interfaces.values()
        if item.type is not None or item.addresses or item.ingress or item.egress
    ]
    asked_routes = set(asked.routes) if gone else set()
    routes: tuple[Route, ...] = wanted.routes
    if gone:
        routes = tuple(route for route in routes if route in asked_routes or route.interface not in gone)
    return NodeConfig(tuple(kept), routes, wanted.access_lists)
