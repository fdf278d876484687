# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode returns what a push leaves on the node, and shows only what is managed; an address goes alone."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.options import argument_spec, run

from .conftest import Node

pytestmark = [pytest.mark.netns, pytest.mark.nft]
BEFORE: dict[str, Any] = {
    "interfaces": [
        {"name": "sn1", "type": "bridge", "addresses": ["10.1.0.1/24", "10.1.1.1/24"]},
        {"name": "mv0", "type": "macvlan", "parent": "up0"},
        {"name": "sn2", "type": "bridge", "mtu": 1400},
    ],
    "routes": [
        {"prefix": "10.9.0.0/16", "type": "blackhole", "metric": 4278198272},
        {"prefix": "10.9.1.0/24", "next_hop": "10.1.0.9"},
        {"prefix": "10.9.2.0/24", "next_hop": "10.1.1.9"},
    ],
}
AFTER: dict[str, Any] = {
    "interfaces": [
        {"name": "sn2", "type": "bridge", "mtu": 1400},
        {"name": "mv0", "type": "macvlan", "parent": "up0"},
        {"name": "sn1", "type": "bridge", "addresses": ["10.1.1.1/24", "10.1.0.1/24"], "description": "new"},
    ],
    "routes": [
        {"prefix": "10.9.2.0/24", "next_hop": "10.1.1.9"},
        {"prefix": "10.9.1.0/24", "next_hop": "10.1.0.9"},
        {"prefix": "10.9.0.0/16", "type": "blackhole", "metric": 4278198272},
    ],
}


def told(node: Node, config: dict[str, Any], check: bool) -> dict[str, Any]:
    options = {key: value.get("default") for key, value in argument_spec().items()}
    return run(node.transport, {**options, "config": config, "state": "overridden"}, check)


def test_what_a_check_returns_is_what_a_run_does(node: Node) -> None:
    node.push(BEFORE, "overridden")
    planned, done = told(node, AFTER, True), told(node, AFTER, False)
    assert planned["after"] == done["after"]
    assert planned["diff"] == done["diff"]
    lines = {side: text.splitlines() for side, text in done["diff"].items()}
    assert [line for line in lines["after"] if line not in lines["before"]] == ["  description: new"]
    assert [line for line in lines["before"] if line not in lines["after"]] == []


def test_what_nobody_manages_is_not_shown(node: Node) -> None:
    planned, done = told(node, BEFORE, True), told(node, BEFORE, False)
    # By which interface it reaches a next hop, the node finds out with the route.
    shown = [one["diff"]["after"].partition("routes:")[0] for one in (planned, done)]
    assert shown[0] == shown[1]
    assert shown[1].count("mtu") == 1
    assert done["after"]["interfaces"][0]["mtu"] == 1500


def test_one_of_two_addresses_of_a_foreign_interface_is_deleted(node: Node) -> None:
    both = {"interfaces": [{"name": "up0", "addresses": ["10.5.0.1/32", "10.5.0.2/32"]}]}
    node.push(both)
    node.push({"interfaces": [{"name": "up0", "addresses": ["10.5.0.1/32"]}]}, "deleted")
    assert node.config()["interfaces"][0]["addresses"] == ["10.5.0.2/32"]
    node.push({"interfaces": [{"name": "up0"}]}, "deleted")
    assert node.config()["interfaces"] == []
