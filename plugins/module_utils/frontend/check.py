# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be known to fail before anything is changed: names that are taken, and names of nothing."""

from __future__ import annotations

from ..model.errors import Conflict, NotFound
from ..model.node_config import NodeConfig
from .transport import Current
from .wording import some


def check(current: Current, desired: NodeConfig, wanted: NodeConfig, parameter: str = "config") -> None:
    """Refuses what contradicts the node.

    Args:
        current: the node as it is.
        desired: what the caller asks; errors name its parts.
        wanted: what the push leads to.
        parameter: what the caller calls ``desired``.

    Raises:
        Conflict: an interface's name, or an address, that something else on the node has; an access list that
            goes while an interface still uses it.
        NotFound: an interface, bridge, parent or access list that neither the node has nor the push makes.
    """
    _check_interfaces(current, desired, wanted, parameter)
    _check_addresses(current, desired, wanted, parameter)
    _check_lists(desired, wanted, parameter)


def _check_interfaces(current: Current, desired: NodeConfig, wanted: NodeConfig, parameter: str) -> None:
    foreign = current.foreign.interfaces
    peers = {item.peer for item in wanted.interfaces if item.type == "veth" and item.peer}
    there = foreign | {item.name for item in wanted.interfaces if item.type is not None} | peers
    ours = {item.name for item in current.config.interfaces if item.type is not None}
    standing_peers = {item.peer for item in current.config.interfaces if item.peer}
    for number, item in enumerate(desired.interfaces):
        place = f"{parameter}.interfaces[{number}]"
        if item.type is not None and item.name in foreign and not (item.name in standing_peers and item.name in peers):
            raise Conflict(
                f"the node already has an interface {item.name} that is not ours.",
                parameter=f"{place}.name",
                fix="Choose another name, or leave out type to put addresses and access lists on it. If Shadownet made "
                "it, somebody took its mark away: begin its description (on Linux its alias) with shadownet: again.",
            )
        if item.peer is not None and item.name not in ours and item.peer in foreign:
            raise Conflict(f"the node already has an interface {item.peer}.", parameter=f"{place}.peer")
        if item.type is None and item.name not in there:
            raise NotFound(
                f"the node has no interface {item.name}.", parameter=f"{place}.name", fix="Name its type to create it."
            )
        for key, name in (("parent", item.parent), ("bridge", item.bridge)):
            if name is not None and name not in there:
                raise NotFound(f"the node has no interface {name}.", parameter=f"{place}.{key}")
        if item.rate_limit is not None and item.name in current.foreign.shaped:
            raise Conflict(
                f"somebody else limits what {item.name} sends.",
                parameter=f"{place}.rate_limit",
                fix=f"Look at: tc qdisc show dev {item.name}.",
            )
    astray = [
        (number, route)
        for number, route in enumerate(desired.routes)
        if route.interface is not None and route.interface not in there
    ]
    if astray:
        names = some(str(route.interface) for _number, route in astray)
        missing = NotFound(
            f"the node has no interface {names}.", parameter=f"{parameter}.routes[{astray[0][0]}].interface"
        )
        missing.routes = tuple(route.prefix for _number, route in astray)
        raise missing


def _check_addresses(current: Current, desired: NodeConfig, wanted: NodeConfig, parameter: str) -> None:
    holders: dict[str, str] = {}
    for item in wanted.interfaces:
        for address in item.addresses:
            holders.setdefault(address.partition("/")[0], item.name)
    ours = {(item.name, address.partition("/")[0]) for item in current.config.interfaces for address in item.addresses}
    for number, item in enumerate(desired.interfaces):
        for index, address in enumerate(item.addresses):
            place = f"{parameter}.interfaces[{number}].addresses[{index}]"
            host = address.partition("/")[0]
            if holders.get(host, item.name) != item.name:
                raise Conflict(f"{host} is already in use on interface {holders[host]}.", parameter=place)
            for holder in current.foreign.addresses.get(host, ()):
                if holder != item.name or (item.name, host) not in ours:
                    raise Conflict(
                        f"{host} is already in use on interface {holder}, where it is not ours.", parameter=place
                    )


def _check_lists(desired: NodeConfig, wanted: NodeConfig, parameter: str) -> None:
    known = {acl.name for acl in wanted.access_lists}
    places = {item.name: f"{parameter}.interfaces[{number}]" for number, item in enumerate(desired.interfaces)}
    for item in wanted.interfaces:
        for direction in ("ingress", "egress"):
            for name in getattr(item, direction):
                if name.startswith("(nft) ") and item.name not in places:
                    continue  # found on the node, and left alone
                if name not in known and item.name in places:
                    raise NotFound(
                        f"there is no access list '{name}'.",
                        parameter=f"{places[item.name]}.{direction}",
                        fix="Give it in access_lists.",
                    )
                if name not in known:
                    raise Conflict(
                        f"access list '{name}' is in use on interface {item.name} ({direction}).",
                        parameter=f"{parameter}.access_lists",
                        fix="Take it off the interface first.",
                    )
