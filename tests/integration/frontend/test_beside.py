# SPDX-License-Identifier: GPL-3.0-or-later
"""Single routes (``quick_route``) that come while a push is under way, and what such a route is refused for."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import transition
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import NodeError
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

from .conftest import Node, same

pytestmark = pytest.mark.netns

EARLY: list[dict[str, Any]] = [
    {"prefix": "10.200.0.1/32", "interface": "up0"},
    {"prefix": "10.200.0.2/32", "next_hop": "10.255.0.2"},
    {"prefix": "10.200.0.0/16", "type": "blackhole", "metric": 4278198272},
    {"prefix": "2001:db8:200::1/128", "interface": "up0"},
    {"prefix": "2001:db8:200::2/128", "next_hop": "2001:db8:ff::2", "interface": "up0"},
    {"prefix": "2001:db8:200::/56", "type": "blackhole", "metric": 4278198272},
]
LATE: list[dict[str, Any]] = [{"prefix": "10.200.0.3/32", "interface": "up0"}]


def quickly(node: Node, routes: list[dict[str, Any]]) -> None:
    """Adds single routes as an active route manager does."""
    for route in NodeConfig.from_dict({"routes": routes}).routes:
        assert node.transport.quick_route(route, [], True)


def prefixes(node: Node) -> set[str]:
    """Destinations of our routes."""
    return {route["prefix"] for route in node.config()["routes"]}


def test_a_push_counts_routes_that_came_since_it_read_the_node_as_done(node: Node) -> None:
    wanted = NodeConfig.from_dict({"routes": EARLY + LATE})
    changes = transition(node.transport.read().config, wanted)
    quickly(node, EARLY)
    node.transport.apply(changes, wanted).confirm()
    assert prefixes(node) == {route["prefix"] for route in EARLY + LATE}


def test_a_push_that_is_refused_leaves_the_routes_that_came_since(node: Node) -> None:
    bad = {"prefix": "10.66.0.0/16", "next_hop": "172.31.0.1"}
    wanted = NodeConfig.from_dict({"routes": [*EARLY, *LATE, bad]})
    changes = transition(node.transport.read().config, wanted)
    quickly(node, EARLY)
    with pytest.raises(NodeError) as caught:
        node.transport.apply(changes, wanted)
    assert caught.value.routes == ("10.66.0.0/16",)
    assert prefixes(node) == {route["prefix"] for route in EARLY}


@pytest.mark.parametrize("other", ["blackhole 10.200.0.3 proto 201", "10.200.0.3 dev up0 proto static"])
def test_another_route_in_that_place_is_still_refused(node: Node, other: str) -> None:
    wanted = NodeConfig.from_dict({"routes": LATE})
    changes = transition(node.transport.read().config, wanted)
    node.run(f"ip route add {other}")
    before = node.dump()
    with pytest.raises(NodeError, match="EEXIST"):
        node.transport.apply(changes, wanted)
    same(node, before)
