# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes that lead from one node configuration to another, in an order that a node can take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from ..model.node_config import Interface, NodeConfig, Route
from .change import Change
from .target import target

_STRICT = ("type", "vlan_id", "vni", "parent", "local", "remote")
_LENIENT = ("mode", "port", "peer")
_IN_PLACE = ("enabled", "mtu", "description", "bridge")
_APART = ("addresses", "rate_limit", "ingress", "egress")
_DIRECTIONS = ("ingress", "egress")


def diff(current: NodeConfig, desired: NodeConfig, state: str) -> list[Change]:
    """The ordered changes that make a node with ``current`` comply with ``desired`` in the sense of ``state``.

    Raises:
        InvalidInput: an unknown state.
    """
    return transition(current, target(current, desired, state))


def transition(current: NodeConfig, wanted: NodeConfig) -> list[Change]:
    """The ordered changes from ``current`` to exactly ``wanted``.

    Order: routes that go; interfaces that go, the dependent ones first; access lists and their attachments, so
    that nothing forwards unfiltered; interfaces that come or change, the underlying ones first; rate limits;
    addresses that come, then those that go; routes that come. What hangs on an interface that has to be made
    anew is part of the changes.
    """
    have = {item.name: item for item in current.interfaces}
    want = {item.name: item for item in wanted.interfaces}
    rebuilt = _rebuilt(have, want)
    gone = rebuilt | {name for name, item in have.items() if item.type is not None and name not in want}
    routes_out, routes_in = _routes(current.routes, wanted.routes, gone)
    links = list(_links(have, want, rebuilt, gone))
    return [
        *routes_out,
        *(
            Change("remove", "interface", item.name, before=plain(item))
            for item in reversed(_by_dependency(have.values()))
            if item.name in gone
        ),
        *_access(current, wanted, have, want),
        *links,
        *_rates(have, want, gone),
        *_addresses(have, want, gone),
        *routes_in,
    ]


def plain(item: Any, without: Iterable[str] = ()) -> dict[str, Any]:
    """A data class of the model as JSON values, without what is unset."""
    found: dict[str, Any] = {}
    for one in fields(item):
        value = getattr(item, one.name)
        if value is None or value == () or one.name in without:
            continue
        found[one.name] = list(value) if isinstance(value, tuple) else value
    return found


def route_plain(route: Route) -> dict[str, Any]:
    """A route as JSON values, without what is unset."""
    found: dict[str, Any] = {"prefix": route.prefix, "type": route.type}
    if route.next_hop is not None:
        found["next_hop"] = route.next_hop
    if route.interface is not None:
        found["interface"] = route.interface
    if route.metric is not None:
        found["metric"] = route.metric
    return found


def _link_plain(item: Interface) -> dict[str, Any]:
    return plain(item, _APART)


def _list_plain(acl: Any) -> dict[str, Any]:
    return {**plain(acl, ("entries",)), "entries": [plain(entry) for entry in acl.entries]}


def _needs_rebuild(have: Interface, want: Interface) -> bool:
    return any(getattr(have, key) != getattr(want, key) for key in _STRICT) or any(
        getattr(want, key) is not None and getattr(have, key) not in (None, getattr(want, key)) for key in _LENIENT
    )


def _rebuilt(have: Mapping[str, Interface], want: Mapping[str, Interface]) -> set[str]:
    """Interfaces of both sides that the kernel cannot change in place, and what hangs on them."""
    both = {name: item for name, item in want.items() if name in have and have[name].type is not None}
    rebuilt = {name for name, item in both.items() if item.type is not None and _needs_rebuild(have[name], item)}
    while True:
        going = rebuilt | {name for name, item in have.items() if item.type is not None and name not in want}
        more = {
            name for name in both if name not in rebuilt and (have[name].parent in going or have[name].peer in going)
        }
        if not more:
            return rebuilt
        rebuilt |= more


def _by_dependency(items: Iterable[Interface]) -> list[Interface]:
    """The underlying interfaces first; otherwise the order given. A circle is left for the node to refuse."""
    waiting = {item.name: item for item in items}
    ordered: list[Interface] = []
    while waiting:
        ready = [item for item in waiting.values() if item.parent not in waiting and item.bridge not in waiting]
        ready = ready or list(waiting.values())
        ordered += ready
        for item in ready:
            del waiting[item.name]
    return ordered


def _links(
    have: Mapping[str, Interface], want: Mapping[str, Interface], rebuilt: set[str], gone: set[str]
) -> Iterator[Change]:
    for item in _by_dependency(want.values()):
        old = have.get(item.name)
        if item.type is None:
            continue
        if old is None or old.type is None or item.name in rebuilt:
            yield Change("add", "interface", item.name, after=_link_plain(item))
            continue
        left = replace(old, bridge=None) if old.bridge in gone else old
        changed = [key for key in _IN_PLACE if getattr(left, key) != getattr(item, key)]
        if item.mtu is None and "mtu" in changed:
            changed.remove("mtu")
        if changed:
            after = {**_link_plain(left), **{key: getattr(item, key) for key in changed}}
            after = {key: value for key, value in after.items() if value is not None}
            yield Change("change", "interface", item.name, before=_link_plain(left), after=after)


def _one(kind: str, key: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> Change:
    op = "add" if before is None else "remove" if after is None else "change"
    return Change(op, kind, key, before, after)


def _rates(have: Mapping[str, Interface], want: Mapping[str, Interface], gone: set[str]) -> Iterator[Change]:
    for name, item in want.items():
        old = have[name].rate_limit if name in have and name not in gone else None
        if old != item.rate_limit:
            before, after = (
                None if rate is None else {"interface": name, "rate_limit": rate} for rate in (old, item.rate_limit)
            )
            yield _one("rate_limit", name, before, after)


def _addresses(have: Mapping[str, Interface], want: Mapping[str, Interface], gone: set[str]) -> list[Change]:
    coming: list[Change] = []
    going: list[Change] = []
    early: list[Change] = []
    for name, item in want.items():
        old = have[name].addresses if name in have and name not in gone else ()
        for address in item.addresses:
            if address not in old:
                after = {"interface": name, "address": address}
                coming.append(Change("add", "address", f"{name} {address}", after=after))
    hosts = {change.subject["address"].partition("/")[0] for change in coming}
    for name, item in have.items():
        if name in gone:
            continue
        kept = want[name].addresses if name in want else ()
        for address in item.addresses:
            if address not in kept:
                before = {"interface": name, "address": address}
                # The same host address cannot be there twice: where it moves or changes its length, the old goes first.
                first = address.partition("/")[0] in hosts
                (early if first else going).append(Change("remove", "address", f"{name} {address}", before=before))
    return early + coming + going


def _access(
    current: NodeConfig, wanted: NodeConfig, have: Mapping[str, Interface], want: Mapping[str, Interface]
) -> Iterator[Change]:
    lists_have = {acl.name: acl for acl in current.access_lists}
    lists_want = {acl.name: acl for acl in wanted.access_lists}
    for name, acl in lists_want.items():
        if lists_have.get(name) != acl:
            old = lists_have.get(name)
            yield _one("access_list", name, None if old is None else _list_plain(old), _list_plain(acl))
    for name in dict.fromkeys((*have, *want)):
        for direction in _DIRECTIONS:
            before: tuple[str, ...] = getattr(have[name], direction) if name in have else ()
            after: tuple[str, ...] = getattr(want[name], direction) if name in want else ()
            if before != after:
                old_new = [
                    {"interface": name, "direction": direction, "access_lists": list(names)} if names else None
                    for names in (before, after)
                ]
                yield _one("attachment", f"{name} {direction}", old_new[0], old_new[1])
    for name, acl in lists_have.items():
        if name not in lists_want:
            yield Change("remove", "access_list", name, before=_list_plain(acl))


def route_key(route: Route) -> str:
    """A route's key for a reader."""
    return route.prefix if route.metric is None else f"{route.prefix} metric {route.metric}"


def _route_gone(route: Route) -> Change:
    return Change("remove", "route", route_key(route), before=route_plain(route))


def serves(have: Route, want: Route) -> bool:
    """Whether a route that the node has is the wanted one; the node names the interface that it resolved."""
    return (
        have.next_hop == want.next_hop
        and have.type == want.type
        and (want.interface is None or want.interface == have.interface)
    )


def _routes(have: Iterable[Route], want: Iterable[Route], gone: set[str]) -> tuple[list[Change], list[Change]]:
    """What goes first and what comes last. By hand, several routes may share prefix and metric: all are seen."""
    standing: dict[tuple[str, int | None], list[Route]] = {}
    for route in have:
        place = (route.prefix, route.metric)
        if place in standing:
            standing[place].append(route)
        else:
            standing[place] = [route]
    out: list[Change] = []
    come: list[Change] = []
    for route in want:
        old = standing.pop((route.prefix, route.metric), None)
        if old is None:
            come.append(Change("add", "route", route_key(route), after=route_plain(route)))
        elif len(old) != 1 or old[0].interface in gone or not serves(old[0], route):
            _replace_route(old, route, gone, out, come)
    for left in standing.values():
        out += [_route_gone(one) for one in left]
    return out, come


def _replace_route(old: list[Route], route: Route, gone: set[str], out: list[Change], come: list[Change]) -> None:
    """Leaves of ``old`` at most one route that serves; what goes with its interface anyway is an add, not a change."""
    good = next((one for one in old if one.interface not in gone and serves(one, route)), None)
    rest = [one for one in old if one is not good]
    replaced = None if good else next((one for one in rest if one.interface not in gone), None)
    out += [_route_gone(one) for one in rest if one is not replaced]
    if replaced is not None:
        before, after = route_plain(replaced), route_plain(route)
        come.append(Change("change", "route", route_key(route), before=before, after=after))
    elif good is None:
        come.append(Change("add", "route", route_key(route), after=route_plain(route)))
