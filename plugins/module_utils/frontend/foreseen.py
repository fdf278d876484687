# SPDX-License-Identifier: GPL-3.0-or-later
"""What a push would leave on a node, in the node's own words, and how that is shown beside what was there before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..model.node_config import Interface, NodeConfig, Route
from .diff import serves

_LEFT_TO_NODE = ("mtu", "mode", "port", "peer")
_STRICT = ("type", "vlan_id", "vni", "parent", "local", "remote")


def foreseen(current: NodeConfig, wanted: NodeConfig) -> NodeConfig:
    """``wanted`` as the node will read back: what nobody asks for is what the node has, and what stays keeps its place.

    Of what is made anew the node chooses later; that is left open.
    """
    have = {item.name: item for item in current.interfaces}
    interfaces = [_kept(have.get(item.name), item) for item in wanted.interfaces]
    standing: dict[tuple[str, int | None], list[Route]] = {}
    for route in current.routes:
        standing.setdefault((route.prefix, route.metric), []).append(route)
    routes = [
        next((one for one in standing.get((route.prefix, route.metric), ()) if serves(one, route)), route)
        for route in wanted.routes
    ]
    return NodeConfig(
        tuple(_in_place(interfaces, [item.name for item in current.interfaces], [item.name for item in interfaces])),
        tuple(
            _in_place(
                routes,
                [(route.prefix, route.metric) for route in current.routes],
                [(route.prefix, route.metric) for route in routes],
            )
        ),
        tuple(
            _in_place(
                wanted.access_lists,
                [item.name for item in current.access_lists],
                [item.name for item in wanted.access_lists],
            )
        ),
    )


def managed(config: dict[str, Any], desired: NodeConfig) -> dict[str, Any]:
    """A configuration for people, without the MTU where nobody manages it: the kernel chose it, and a push to a new
    interface could not say it before.

    Args:
        config: as ``NodeConfig.to_dict`` has it.
        desired: what was asked.
    """
    left = {item.name for item in desired.interfaces if item.type is not None and item.mtu is None}
    shown = [
        {key: value for key, value in item.items() if key != "mtu"} if item["name"] in left else item
        for item in config["interfaces"]
    ]
    return {**config, "interfaces": shown}


def _kept(have: Interface | None, wanted: Interface) -> Interface:
    if have is None or any(getattr(have, key) != getattr(wanted, key) for key in _STRICT):
        return wanted
    values = {key: getattr(have, key) for key in _LEFT_TO_NODE if getattr(wanted, key) is None}
    addresses = _in_place(wanted.addresses, have.addresses, wanted.addresses)
    return replace(wanted, **values, addresses=tuple(addresses))


def _in_place(items: Iterable[Any], before: Iterable[Any], keys: Iterable[Any]) -> list[Any]:
    """The items in the order that they had before, then the new ones in theirs."""
    order = {key: place for place, key in reversed(list(enumerate(before)))}
    last = len(order)
    paired = sorted(zip(keys, items, strict=True), key=lambda one: order.get(one[0], last))
    return [item for _key, item in paired]
