# SPDX-License-Identifier: GPL-3.0-or-later
"""The diff, against a model of a node that takes one change after the other and knows what a kernel drops."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.change import Change
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import diff, transition
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.target import STATES, target
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import (
    AccessEntry,
    AccessList,
    Interface,
    NodeConfig,
    Route,
)

NAMES = ["a", "b", "c", "d"]


class Node:
    """A kernel in memory. It refuses what a kernel refuses, and drops what a kernel drops."""

    def __init__(self, config: NodeConfig) -> None:
        self.interfaces = {item.name: item for item in config.interfaces}
        self.routes = list(config.routes)
        self.lists = {acl.name: acl for acl in config.access_lists}

    @property
    def config(self) -> NodeConfig:
        return NodeConfig(
            tuple(
                item
                for item in self.interfaces.values()
                if item.type is not None or item.addresses or item.ingress or item.egress
            ),
            tuple(self.routes),
            tuple(self.lists.values()),
        )

    def take(self, change: Change) -> None:
        getattr(self, f"_{change.kind}")(change)

    def _get(self, name: str) -> Interface:
        return self.interfaces.setdefault(name, Interface(name))

    def _interface(self, change: Change) -> None:
        if change.op == "remove":
            self._drop(change.key)
            return
        assert change.after is not None
        old = self.interfaces.get(change.key)
        assert (change.op == "change") == (old is not None and old.type is not None), change
        for key in ("parent", "bridge"):
            name = change.after.get(key)
            assert name is None or name.startswith("x") or self.interfaces[name].type is not None, change
        kept = old or Interface(change.key)
        self.interfaces[change.key] = Interface(
            **change.after,
            addresses=kept.addresses,
            rate_limit=kept.rate_limit,
            ingress=kept.ingress,
            egress=kept.egress,
        )

    def _drop(self, name: str) -> None:
        old = self.interfaces.pop(name, None)
        if old is None or old.type is None:
            return
        if old.ingress or old.egress:
            self.interfaces[name] = Interface(name, ingress=old.ingress, egress=old.egress)
        self.routes = [route for route in self.routes if route.interface != name]
        for other in list(self.interfaces.values()):
            if other.bridge == name:
                self.interfaces[other.name] = replace(other, bridge=None)
            if name in (other.parent, other.peer):
                self._drop(other.name)

    def _address(self, change: Change) -> None:
        item = self._get(change.subject["interface"])
        address = change.subject["address"]
        if change.op == "add":
            hosts = [one.partition("/")[0] for other in self.interfaces.values() for one in other.addresses]
            assert address.partition("/")[0] not in hosts, change
            addresses = (*item.addresses, address)
        else:
            assert address in item.addresses, change
            addresses = tuple(one for one in item.addresses if one != address)
        self.interfaces[item.name] = replace(item, addresses=addresses)

    def _rate_limit(self, change: Change) -> None:
        item = self._get(change.subject["interface"])
        assert item.type is not None, change
        rate = change.after["rate_limit"] if change.after else None
        self.interfaces[item.name] = replace(item, rate_limit=rate)

    def _attachment(self, change: Change) -> None:
        item = self._get(change.subject["interface"])
        names = tuple(change.after["access_lists"]) if change.after else ()
        assert all(name in self.lists for name in names), change
        self.interfaces[item.name] = replace(item, **{change.subject["direction"]: names})

    def _access_list(self, change: Change) -> None:
        if change.after is None:
            used = {name for item in self.interfaces.values() for name in (*item.ingress, *item.egress)}
            assert change.key not in used, change
            del self.lists[change.key]
            return
        entries = tuple(AccessEntry(**entry) for entry in change.after["entries"])
        self.lists[change.key] = AccessList(change.key, entries, change.after["default_action"])

    def _route(self, change: Change) -> None:
        if change.before is not None:
            before = Route(**change.before)
            assert before in self.routes, change
            self.routes.remove(before)
        if change.after is not None:
            after = Route(**change.after)
            assert all((one.prefix, one.metric) != (after.prefix, after.metric) for one in self.routes), change
            assert after.interface is None or after.interface.startswith("x") or after.interface in self.interfaces
            self.routes.append(after)


def as_sets(config: NodeConfig) -> tuple[object, ...]:
    """Without the orders that mean nothing."""
    interfaces = {replace(item, addresses=tuple(sorted(item.addresses))) for item in config.interfaces}
    return interfaces, set(config.routes), set(config.access_lists)


@st.composite
def configs(draw: st.DrawFn) -> NodeConfig:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    lists = draw(st.lists(st.sampled_from(["web", "db", "base"]), unique=True))
    addresses = [f"10.0.0.{number}/{length}" for number in range(1, 5) for length in (24,)]
    addresses += [f"2001:db8::{number}/64" for number in range(1, 3)]
    free = draw(st.permutations(addresses))
    interfaces: list[Interface] = []
    for name in names:
        interfaces.append(_interface(draw, name, interfaces, lists, free))
    if draw(st.booleans()) and free:
        interfaces.append(Interface("x0", addresses=(free.pop(),)))
    routes = draw(st.lists(st.builds(_route, st.integers(0, 3), st.sampled_from([None, 5]), st.integers(0, 4))))
    there = {item.name for item in interfaces if item.type} | {"x0"}
    kept = {(route.prefix, route.metric): route for route in routes if route.interface in {None, *there}}
    acls = [
        AccessList(
            name,
            tuple(AccessEntry(entry, draw(st.sampled_from(["accept", "drop"]))) for entry in draw(st.sets(_entries))),
            draw(st.sampled_from(["accept", "drop", "reject"])),
        )
        for name in lists
    ]
    return NodeConfig(tuple(interfaces), tuple(kept.values()), tuple(acls))


_entries = st.sampled_from(["one", "two", "three"])


def _interface(draw: st.DrawFn, name: str, before: list[Interface], lists: list[str], free: list[str]) -> Interface:
    kind = draw(st.sampled_from(["bridge", "veth", "macvlan", "vxlan"]))
    bridges = [item.name for item in before if item.type == "bridge"]
    count = draw(st.integers(0, 2))
    taken = tuple(free.pop() for _number in range(min(count, len(free))))
    attached = st.lists(st.sampled_from(lists), unique=True, max_size=2) if lists else st.just([])
    return Interface(
        name,
        type=kind,
        enabled=draw(st.booleans()),
        mtu=draw(st.sampled_from([1400, 1500])),
        description=draw(st.sampled_from([None, "text"])),
        parent=draw(st.sampled_from([item.name for item in before] + ["x0"])) if kind == "macvlan" else None,
        bridge=draw(st.sampled_from([None, *bridges])) if kind in ("veth", "vxlan") else None,
        peer=f"{name}p" if kind == "veth" else None,
        mode="bridge" if kind == "macvlan" else None,
        vni=draw(st.integers(1, 2)) if kind == "vxlan" else None,
        port=4789 if kind == "vxlan" else None,
        addresses=taken,
        rate_limit=draw(st.sampled_from([None, 8000, 16000])),
        ingress=tuple(draw(attached)),
        egress=tuple(draw(attached)),
    )


def _route(number: int, metric: int | None, how: int) -> Route:
    prefix = f"192.168.{number}.0/24"
    if how == 0:
        return Route(prefix, "blackhole", metric=metric)
    return Route(prefix, interface=[*NAMES, "x0"][how], next_hop=f"10.0.0.{how}" if how % 2 else None, metric=metric)


@settings(max_examples=400, deadline=None)
@given(configs(), configs())
def test_overridden_makes_any_node_any_other(current: NodeConfig, desired: NodeConfig) -> None:
    node = Node(current)
    for change in diff(current, desired, "overridden"):
        node.take(change)
    assert as_sets(node.config) == as_sets(desired)
    assert not transition(node.config, desired)


@settings(max_examples=300, deadline=None)
@given(configs(), configs(), st.sampled_from(STATES))
def test_every_state_reaches_its_target_and_stays(current: NodeConfig, desired: NodeConfig, state: str) -> None:
    wanted = target(current, desired, state)
    known = {acl.name for acl in wanted.access_lists}
    if any(not {*item.ingress, *item.egress} <= known for item in wanted.interfaces):
        return  # check() refuses it
    hosts = [one for item in wanted.interfaces for one in item.addresses]
    if len(hosts) != len(set(hosts)):
        return  # the same
    if _dangling(wanted):
        return
    node = Node(current)
    for change in transition(current, wanted):
        node.take(change)
    assert as_sets(node.config) == as_sets(wanted)
    assert not diff(node.config, desired, state)


def _dangling(config: NodeConfig) -> bool:
    """A merged interface whose order of creation became a circle, or whose bridge is a bridge no more."""
    place = {item.name: item for item in config.interfaces}
    for item in config.interfaces:
        seen, at = set(), item
        while at.parent in place or at.bridge in place:
            seen.add(at.name)
            at = place[at.parent if at.parent in place else at.bridge]  # type: ignore[index]
            if at.name in seen:
                return True
    return False


@settings(max_examples=200, deadline=None)
@given(configs())
def test_equal_configurations_differ_in_nothing(config: NodeConfig) -> None:
    for state in ("merged", "replaced", "overridden"):
        assert diff(config, config, state) == []


@settings(max_examples=200, deadline=None)
@given(configs(), configs())
def test_merged_removes_no_object(current: NodeConfig, desired: NodeConfig) -> None:
    kept = target(current, desired, "merged")
    assert {item.name for item in current.interfaces} <= {item.name for item in kept.interfaces}
    assert {route.prefix for route in current.routes} <= {route.prefix for route in kept.routes}
    assert {acl.name for acl in current.access_lists} <= {acl.name for acl in kept.access_lists}


@settings(max_examples=100, deadline=None)
@given(configs())
def test_deleted_without_config_leaves_nothing(current: NodeConfig) -> None:
    node = Node(current)
    for change in diff(current, NodeConfig(), "deleted"):
        node.take(change)
    assert node.config == NodeConfig()


def test_changes_are_json() -> None:
    desired = NodeConfig((Interface("a", "bridge", addresses=("10.0.0.1/24",)),), (Route("10.1.0.0/24", "blackhole"),))
    changes = [change.to_dict() for change in diff(NodeConfig(), desired, "merged")]
    assert json.loads(json.dumps(changes)) == changes
    assert [(one["op"], one["kind"]) for one in changes] == [("add", "interface"), ("add", "address"), ("add", "route")]


def test_what_hangs_on_a_rebuilt_interface_comes_back() -> None:
    old = NodeConfig(
        (Interface("a", "vxlan", vni=1, port=4789, addresses=("10.0.0.1/24",), rate_limit=8000),),
        (Route("10.1.0.0/24", next_hop="10.0.0.2", interface="a"),),
    )
    new = replace(old, interfaces=(replace(old.interfaces[0], vni=2),))
    wanted = replace(new, routes=(Route("10.1.0.0/24", next_hop="10.0.0.2"),))
    ops = [(change.op, change.kind) for change in diff(old, wanted, "overridden")]
    assert ops == [
        ("remove", "route"),
        ("remove", "interface"),
        ("add", "interface"),
        ("add", "rate_limit"),
        ("add", "address"),
        ("add", "route"),
    ]


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^state: 'parsed' is not known"):
        diff(NodeConfig(), NodeConfig(), "parsed")
