# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left of a configuration when parts of it are refused, against a node in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.node.salvage import MOST, salvage, without_interface
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import (
    Conflict,
    NodeError,
    RollbackFailed,
    ShadownetError,
)
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

BASE: dict[str, Any] = {
    "interfaces": [
        {"name": "br0", "type": "bridge", "addresses": ["10.1.0.1/24", "10.2.0.1/24"]},
        {"name": "br0.5", "type": "vlan", "parent": "br0", "vlan_id": 5},
        {"name": "sn1", "type": "veth", "peer": "sn1p", "bridge": "br0"},
    ],
    "routes": [
        {"prefix": "10.9.0.0/16", "next_hop": "10.1.0.2"},
        {"prefix": "10.10.0.0/16", "next_hop": "10.1.0.2"},
        {"prefix": "10.11.0.0/16", "interface": "br0.5"},
        {"prefix": "10.12.0.0/16", "type": "blackhole"},
        {"prefix": "10.13.0.0/16", "type": "blackhole"},
    ],
    "access_lists": [{"name": "web", "default_action": "drop"}],
}
CONFIG = NodeConfig.from_dict(BASE)


class Taking:
    """Takes a configuration for which ``judge`` has no objection; ``here`` is what it carries."""

    def __init__(self, judge: Callable[[NodeConfig], ShadownetError | None], here: NodeConfig | None = None) -> None:
        self.judge = judge
        self.here = here or NodeConfig()
        self.asked = 0

    def push(self, config: NodeConfig) -> None:
        self.asked += 1
        error = self.judge(config)
        if error is not None:
            raise error
        self.here = config

    def read(self) -> NodeConfig:
        return self.here


def change(op: str, kind: str, key: str, said: str = "Network is unreachable (ENETUNREACH)", **after: Any) -> NodeError:
    plain = {"op": op, "kind": kind, "key": key, "after": after or None, "before": None}
    return NodeError("refused", node_said=said, change=plain)


def prefixes(config: NodeConfig) -> list[str]:
    return [one.prefix for one in config.routes]


def test_routes_of_the_same_next_hop_go_at_once() -> None:
    def judge(config: NodeConfig) -> ShadownetError | None:
        bad = [one for one in config.routes if one.next_hop]
        return change("add", "route", bad[0].prefix, prefix=bad[0].prefix) if bad else None

    node = Taking(judge)
    ((_error, about),) = salvage(CONFIG, node.push, node.read)
    assert about["more"] == 1
    assert node.asked == 2
    assert prefixes(node.here) == ["10.11.0.0/16", "10.12.0.0/16", "10.13.0.0/16"]


def test_a_prefix_that_is_taken_costs_that_route_alone() -> None:
    def judge(config: NodeConfig) -> ShadownetError | None:
        if "10.9.0.0/16" in prefixes(config):
            return change("add", "route", "10.9.0.0/16", "File exists (EEXIST)", prefix="10.9.0.0/16")
        if "10.12.0.0/16" in prefixes(config):
            return change("add", "route", "10.12.0.0/16", prefix="10.12.0.0/16")
        return None

    node = Taking(judge)
    assert len(salvage(CONFIG, node.push, node.read)) == 2
    assert prefixes(node.here) == ["10.10.0.0/16", "10.11.0.0/16", "10.13.0.0/16"]


@pytest.mark.parametrize("early", [False, True])
def test_an_interface_goes_with_what_is_over_it(early: bool) -> None:
    def judge(config: NodeConfig) -> ShadownetError | None:
        if all(one.name != "br0" for one in config.interfaces):
            return None
        if early:
            return Conflict("is taken", parameter="config.interfaces[0].name")
        return change("add", "interface", "br0", name="br0")

    node = Taking(judge)
    ((_error, about),) = salvage(CONFIG, node.push, node.read)
    assert about["after"]["name"] == "br0"
    (left,) = node.here.interfaces
    assert (left.name, left.bridge) == ("sn1", None)
    assert "10.11.0.0/16" not in prefixes(node.here)
    assert node.here.access_lists == CONFIG.access_lists
    assert node.here == without_interface(CONFIG, "br0")


def test_one_address_goes() -> None:
    def judge(config: NodeConfig) -> ShadownetError | None:
        for number, text in enumerate(config.interfaces[0].addresses):
            if text == "10.2.0.1/24":
                return Conflict("is taken", parameter=f"config.interfaces[0].addresses[{number}]")
        return None

    node = Taking(judge)
    ((_error, about),) = salvage(CONFIG, node.push, node.read)
    assert about["after"] == {"interface": "br0", "address": "10.2.0.1/24"}
    assert node.here.interfaces[0].addresses == ("10.1.0.1/24",)


def test_an_interface_that_cannot_be_removed_stays_without_what_is_wanted_elsewhere() -> None:
    old = NodeConfig.from_dict(
        {"interfaces": [{"name": "old", "type": "bridge", "addresses": ["10.1.0.1/16", "10.77.0.1/24"]}]}
    )

    def judge(config: NodeConfig) -> ShadownetError | None:
        return None if any(one.name == "old" for one in config.interfaces) else change("remove", "interface", "old")

    node = Taking(judge, old)
    salvage(CONFIG, node.push, node.read)
    kept = node.here.interfaces[-1]
    assert (kept.name, kept.addresses) == ("old", ("10.77.0.1/24",))
    assert node.here.routes == CONFIG.routes


@pytest.mark.parametrize(
    "error",
    [
        Conflict("another ledger", parameter="ledger_id"),
        change("add", "access_list", "web", name="web"),
        change("add", "attachment", "br0 ingress", interface="br0", direction="ingress"),
        RollbackFailed("in between", change=change("add", "route", "x", prefix="10.9.0.0/16").change),
        change("remove", "address", "br0 10.7.0.1/24"),
        NodeError("no answer"),
    ],
)
def test_what_cannot_be_left_out_is_said(error: ShadownetError) -> None:
    node = Taking(lambda _config: error)
    with pytest.raises(type(error)) as caught:
        salvage(CONFIG, node.push, node.read)
    assert caught.value is error
    assert node.asked == 1


def test_it_ends() -> None:
    routes = [{"prefix": f"10.{n}.0.0/16", "type": "blackhole"} for n in range(MOST + 1)]
    config = NodeConfig.from_dict({"routes": routes})

    def judge(left: NodeConfig) -> ShadownetError | None:
        prefix = left.routes[0].prefix if left.routes else ""
        return change("add", "route", prefix, prefix=prefix) if prefix else None

    node = Taking(judge)
    with pytest.raises(NodeError):
        salvage(config, node.push, node.read)
    assert node.asked == MOST + 1
