# SPDX-License-Identifier: GPL-3.0-or-later
"""Links of ours on which others have put something: the kernel would destroy it with the link, and no undo is made
of that."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

from .conftest import Node, settled
from .test_rollback import refused

pytestmark = pytest.mark.netns

BRIDGE: dict[str, Any] = {"name": "sn1", "type": "bridge", "addresses": ["10.1.0.1/24", "2001:db8:1::1/64"]}
GUESTS = {
    "address": (["ip address add 10.5.0.1/24 dev sn1"], "address 10.5.0.1/24"),
    "address6": (["ip -6 address add 2001:db8:5::1/64 dev sn1 nodad"], "address 2001:db8:5::1/64"),
    "route": (["ip route add 10.78.0.0/16 via 10.1.0.9"], "route 10.78.0.0/16"),
    "route6": (["ip -6 route add 2001:db8:78::/48 dev sn1"], "route 2001:db8:78::/48"),
    "macvlan": (["ip link add link sn1 name top0 type macvlan"], "interface top0"),
    "vxlan": (["ip link add top1 type vxlan id 9 dstport 4789 dev sn1"], "interface top1"),
}
LOST_WHEN_DOWN = ("route", "route6")


def standing(node: Node, what: str) -> str:
    """A bridge of ours with something of somebody else; how the refusal calls that."""
    node.push({"interfaces": [BRIDGE]})
    commands, words = GUESTS[what]
    for command in commands:
        node.run(command)
    return words


@pytest.mark.parametrize("what", GUESTS)
@pytest.mark.parametrize("state", ["overridden", "deleted"])
def test_a_link_that_carries_what_is_not_ours_stays(node: Node, what: str, state: str) -> None:
    words = standing(node, what)
    other = [{"name": "sn2", "type": "bridge"}] if state == "overridden" else [{"name": "sn1"}]
    error = refused(node, {"interfaces": other}, state)
    assert str(error) == (
        f"Interface sn1 cannot be removed: it carries what is not ours and would be lost, {words}. Take that off it "
        "first. Nothing was changed."
    )
    assert error.change is not None
    assert error.change["key"] == "sn1"


@pytest.mark.parametrize("what", GUESTS)
def test_disabling_spares_what_it_would_destroy(node: Node, what: str) -> None:
    words = standing(node, what)
    config = {"interfaces": [{**BRIDGE, "enabled": False}]}
    if what in LOST_WHEN_DOWN:
        assert f"cannot be disabled: it carries what is not ours and would be lost, {words}." in str(
            refused(node, config, "merged")
        )
        return
    before = settled(node)["addresses"]
    node.push(config)
    node.push({"interfaces": [BRIDGE]})
    assert settled(node)["addresses"] == before
    assert words.split()[1] in node.run("ip address show dev sn1") + node.run("ip link show")


def test_many_guests_are_counted(node: Node) -> None:
    node.push({"interfaces": [BRIDGE]})
    for number in range(8):
        node.run(f"ip address add 10.{20 + number}.0.1/24 dev sn1")
    error = refused(node, {"interfaces": [{"name": "sn1"}]}, "deleted")
    assert "lost, address 10.20.0.1/24" in str(error)
    assert "10.24.0.1/24 and 3 more." in str(error)


def test_ports_of_others_stay_without_a_master(node: Node) -> None:
    """Subnets are released while machines are still plugged in."""
    node.push({"interfaces": [BRIDGE]})
    node.run("ip link add tap0 type veth peer name tap0p")
    node.run("ip link set tap0 master sn1")
    node.push({"interfaces": [{"name": "sn1"}]}, "deleted")
    assert "sn1" not in node.run("ip -br link show")
    assert "tap0" in node.run("ip -br link show")


def test_a_refused_push_plugs_them_in_again(node: Node) -> None:
    node.push({"interfaces": [BRIDGE]})
    node.run("ip link add tap0 type veth peer name tap0p")
    node.run("ip link set tap0 master sn1")
    unreachable = {"interfaces": [{"name": "sn2", "type": "bridge"}]}
    unreachable["routes"] = [{"prefix": "10.9.0.0/16", "next_hop": "203.0.113.9"}]
    refused(node, unreachable, "overridden")
    assert "master sn1" in node.run("ip link show tap0")


def test_what_the_kernel_and_we_put_there_is_no_guest(node: Node) -> None:
    """Link-local addresses, connected routes, ports and routes of ours, announced addresses, the pair's other end."""
    port = {"name": "p0", "type": "veth", "peer": "p0p", "bridge": "sn1"}
    routes = [{"prefix": "10.9.0.0/16", "next_hop": "10.1.0.9"}, {"prefix": "10.8.0.0/16", "interface": "sn1"}]
    node.push({"interfaces": [BRIDGE, port], "routes": routes})
    node.run("ip link set p0p master sn1")
    node.run("ip -6 route add 2001:db8:8::/64 dev sn1 proto ra")
    node.run("ip link set p0p nomaster")
    push(node.transport, NodeConfig(), "overridden")
    assert node.config()["interfaces"] == []
    assert "sn1" not in node.run("ip -br link show")


def test_the_other_end_of_a_pair_of_ours_may_be_a_port(node: Node) -> None:
    port = {"name": "p0", "type": "veth", "peer": "p0p"}
    node.push({"interfaces": [BRIDGE, port]})
    node.run("ip link set p0p master sn1")
    push(node.transport, NodeConfig.from_dict({"interfaces": [port]}), "overridden")
    assert "sn1" not in node.run("ip -br link show")


def test_a_link_that_is_made_anew_gets_its_guests_back(node: Node) -> None:
    node.push({"interfaces": [BRIDGE]})
    node.run("ip address add 10.5.0.1/24 dev sn1")
    node.push({"interfaces": [{"name": "sn1", "type": "veth", "peer": "sn1p"}]}, "replaced")
    assert "10.5.0.1/24" in node.run("ip address show dev sn1")
