# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of a configuration as a node takes: what is refused is left out, with what cannot be without it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..plugins.module_utils.model.errors import NodeError, RollbackFailed, ShadownetError
from ..plugins.module_utils.model.node_config import Interface, NodeConfig, Route

MOST = 64
"""Different refusals after which it is given up."""

_PARAMETER = re.compile(r"config\.(interfaces|routes)\[(\d+)\](?:\.addresses\[(\d+)\])?")


def salvage(
    config: NodeConfig, push: Callable[[NodeConfig], object], read: Callable[[], NodeConfig]
) -> list[tuple[ShadownetError, Mapping[str, Any]]]:
    """Pushes ``config`` without what is refused.

    Args:
        push: makes the node carry a configuration, all or nothing.
        read: what it carries now.

    Returns:
        Each refusal with the object that it is about, in the form of a change; to a route, how many ``more`` of the
        same next hop were left out with it.

    Raises:
        ShadownetError: a refusal that is about nothing that could be left out. Access lists are never left out: a
            node without its filters would forward what it should not.
    """
    refused: list[tuple[ShadownetError, Mapping[str, Any]]] = []
    while True:
        try:
            push(config)
        except RollbackFailed:
            raise
        except ShadownetError as error:
            found = _without(config, error, read)
            if found is None or len(refused) == MOST:
                raise
            left, about = found
            if about["kind"] == "route":
                about = {**about, "more": len(config.routes) - len(left.routes) - 1}
            config = left
            refused.append((error, about))
        else:
            return refused


def without_interface(config: NodeConfig, name: str) -> NodeConfig:
    """Without an interface, the interfaces and routes over it, and its ports' tie to it."""
    gone = {name}
    while True:
        more = {item.name for item in config.interfaces if item.parent in gone or item.peer in gone} - gone
        if not more:
            break
        gone |= more
    kept = (
        replace(item, bridge=None) if item.bridge in gone else item
        for item in config.interfaces
        if item.name not in gone
    )
    routes = tuple(route for route in config.routes if route.interface not in gone)
    return replace(config, interfaces=tuple(kept), routes=routes)


def _without(
    config: NodeConfig, error: ShadownetError, read: Callable[[], NodeConfig]
) -> tuple[NodeConfig, Mapping[str, Any]] | None:
    """What is left, and what was left out; None where nothing can be."""
    change = error.change if isinstance(error, NodeError) else None
    if change is not None:
        found = _without_change(config, change, error, read)
        return None if found is None or found == config else (found, change)
    match = _PARAMETER.match(error.parameter or "")
    if match is None:
        return None
    part, number, index = match[1], int(match[2]), match[3]
    if part == "routes":
        route = config.routes[number]
        return _without_route(config, route, error.parameter != match[0]), _about("route", prefix=route.prefix)
    item = config.interfaces[number]
    if index is not None:
        address = item.addresses[int(index)]
        about = _about("address", interface=item.name, address=address)
        return _without_address(config, item.name, address), about
    return without_interface(config, item.name), _about("interface", name=item.name)


def _about(kind: str, **what: Any) -> dict[str, Any]:
    return {"kind": kind, "after": what}


def _without_change(
    config: NodeConfig, change: Mapping[str, Any], error: ShadownetError, read: Callable[[], NodeConfig]
) -> NodeConfig | None:
    kind, after = change["kind"], change["after"]
    if kind == "interface":
        name = change["key"]
        here = next((item for item in read().interfaces if item.name == name), None)
        # Without what others have put on it, it could not be changed or removed: it stays as it is.
        return without_interface(config, name) if change["op"] == "add" or here is None else _keeping(config, here)
    if after is None:
        return None
    if kind == "address":
        return _without_address(config, after["interface"], after["address"])
    if kind == "route":
        taken = isinstance(error, NodeError) and "EEXIST" in (error.node_said or "")
        for route in config.routes:
            if (route.prefix, route.metric) == (after["prefix"], after.get("metric")):
                return _without_route(config, route, not taken)
    return None


def _without_route(config: NodeConfig, route: Route, alike: bool) -> NodeConfig:
    """Without a route; ``alike``: and those with the same next hop, which the kernel would refuse for the same reason.

    One question for each of many thousand routes would take hours.
    """
    alike = alike and (route.next_hop, route.interface) != (None, None)

    def goes(other: Route) -> bool:
        same = (other.next_hop, other.interface) == (route.next_hop, route.interface)
        return other == route or (alike and same)

    return replace(config, routes=tuple(one for one in config.routes if not goes(one)))


def _without_address(config: NodeConfig, name: str, address: str) -> NodeConfig:
    def settled(item: Interface) -> Interface:
        if item.name != name:
            return item
        return replace(item, addresses=tuple(one for one in item.addresses if one != address))

    return replace(config, interfaces=tuple(settled(item) for item in config.interfaces))


def _keeping(config: NodeConfig, here: Interface) -> NodeConfig:
    """With an interface as it is, but for addresses that are wanted elsewhere and for access lists."""
    others = [item for item in config.interfaces if item.name != here.name]
    wanted = next((item for item in config.interfaces if item.name == here.name), None)
    taken = {address.partition("/")[0] for item in others for address in item.addresses}
    kept = replace(
        here,
        addresses=tuple(one for one in here.addresses if one.partition("/")[0] not in taken),
        ingress=wanted.ingress if wanted else (),
        egress=wanted.egress if wanted else (),
    )
    return replace(config, interfaces=(*others, kept))
