# SPDX-License-Identifier: GPL-3.0-or-later
"""A push that the kernel refuses half-way leaves the node exactly as it was; dumps of ip, tc and nft prove it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import diff
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.wire import Wire
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import NodeError, RollbackFailed
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

from .conftest import Node, same, settled

pytestmark = [pytest.mark.netns, pytest.mark.nft]

BAD_ROUTE = {"prefix": "10.66.0.0/16", "next_hop": "172.31.0.1"}
STANDING: dict[str, Any] = {
    "interfaces": [
        {"name": "br0", "type": "bridge", "addresses": ["10.1.0.1/24", "2001:db8:1::1/64"], "rate_limit": "10Mbit"},
        {
            "name": "sn1",
            "type": "veth",
            "peer": "sn1p",
            "mtu": 1400,
            "description": "old",
            "addresses": ["10.2.0.1/24", "10.2.0.2/24", "2001:db8:2::1/64"],
            "rate_limit": "5Mbit",
            "ingress": ["web"],
        },
        {"name": "vx0", "type": "vxlan", "vni": 7, "parent": "up0", "addresses": ["10.3.0.1/24"], "egress": ["base"]},
        {"name": "port", "type": "veth", "peer": "portp", "bridge": "br0"},
        {"name": "up0", "addresses": ["10.255.0.7/32"], "ingress": ["base"]},
    ],
    "routes": [
        {"prefix": "10.9.0.0/16", "type": "blackhole", "metric": 4278198272},
        {"prefix": "10.9.1.0/24", "next_hop": "10.1.0.9"},
        {"prefix": "10.9.2.0/24", "next_hop": "10.2.0.9"},
        {"prefix": "10.9.3.0/24", "interface": "vx0"},
        {"prefix": "2001:db8:9::/48", "next_hop": "2001:db8:2::9"},
    ],
    "access_lists": [
        {"name": "web", "entries": [{"name": "http", "action": "accept", "protocol": "tcp", "destination_port": 80}]},
        {"name": "base", "default_action": "accept"},
    ],
}


def refused(node: Node, config: dict[str, Any], state: str) -> NodeError:
    """Pushes what must fail, and compares."""
    before = settled(node)
    ours = unordered(node)
    with pytest.raises(NodeError) as caught:
        push(node.transport, NodeConfig.from_dict(config), state)
    assert not isinstance(caught.value, RollbackFailed), caught.value
    assert unordered(node) == ours
    same(node, before)
    return caught.value


def unordered(node: Node) -> dict[str, Any]:
    """What is ours. The kernel shows the IPv6 address that came last first."""
    config = node.config()
    for one in config["interfaces"]:
        one["addresses"] = sorted(one.get("addresses", ()), key=lambda text: (":" in text, text if ":" in text else ""))
    return config


def test_gateway_unreachable_in_the_middle_of_300_routes(node: Node) -> None:
    routes: list[dict[str, Any]] = [{"prefix": f"10.{n}.0.0/24", "next_hop": "10.255.0.2"} for n in range(30, 200)]
    routes += [BAD_ROUTE]
    routes += [{"prefix": f"10.{n}.1.0/24", "next_hop": "10.255.0.2"} for n in range(30, 160)]
    error = refused(node, {"routes": routes}, "merged")
    assert error.node_said is not None
    assert error.node_said.endswith("Network is unreachable (ENETUNREACH)")
    assert error.change is not None
    assert error.change["after"] == {**BAD_ROUTE, "type": "unicast"}
    assert "next hop is not reachable" in str(error)


def test_all_routes_that_are_refused_alike_are_named_at_once(node: Node) -> None:
    node.lab.join("node", "tap1", "client", "eth1")
    node.run("ip link set tap1 down")
    routes: list[dict[str, Any]] = [BAD_ROUTE]
    routes += [{"prefix": f"10.70.{n >> 8}.{n & 255}/32", "interface": ("up0", "tap1")[n % 2]} for n in range(600)]
    error = refused(node, {"routes": routes[1:]}, "merged")
    assert error.routes == tuple(route["prefix"] for route in routes if route.get("interface") == "tap1")
    assert "routes 10.70.0.1/32, 10.70.0.3/32, 10.70.0.5/32, 10.70.0.7/32, 10.70.0.9/32 and 295 others: " in str(error)
    assert "Network is down (ENETDOWN)" in str(error)
    assert "10.66.0.0/16" not in refused(node, {"routes": routes}, "merged").routes, "is refused for another reason"


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"interfaces": [{"name": "br0", "type": "veth", "peer": "brp", "addresses": ["10.1.0.1/24"]}]},
        {"interfaces": [{"name": "sn1", "type": "bridge", "addresses": ["10.2.0.2/24"], "rate_limit": "7Mbit"}]},
        {"interfaces": [{"name": "sn1", "type": "veth", "peer": "sn1p", "mtu": 1200, "enabled": False}]},
        {"interfaces": [{"name": "sn1", "type": "veth", "peer": "sn1p", "addresses": ["10.2.0.2/24"]}]},
        {"interfaces": [{"name": "sn1", "type": "veth", "peer": "sn1p", "bridge": "new", "description": "new"}]},
        {"interfaces": [{"name": "vx9", "type": "vxlan", "vni": 7, "parent": "up0", "addresses": ["10.4.0.1/24"]}]},
        {"interfaces": [{"name": "br0", "type": "bridge", "rate_limit": "20Mbit", "egress": ["new"]}]},
        {"access_lists": [{"name": "web", "entries": [{"name": "other", "action": "drop"}]}]},
    ],
)
@pytest.mark.parametrize("state", ["replaced", "overridden"])
def test_every_change_is_taken_back(node: Node, wanted: dict[str, Any], state: str) -> None:
    node.push(STANDING)
    if state == "replaced":  # a link that goes for good with something of others on it is refused before
        node.run("ip address add 10.2.0.77/24 dev sn1")
        node.run("ip route add 10.78.0.0/16 via 10.2.0.78")
        node.run("ip -6 address add 2001:db8:77::1/64 dev sn1 nodad")
        node.run("ip route add 10.79.0.0/16 dev vx0")
    new = [{"name": "new", "type": "bridge", "addresses": ["10.88.0.1/24"]}]
    config = {
        "interfaces": [*new, *wanted.get("interfaces", [])],
        "routes": [{"prefix": "10.89.0.0/16", "next_hop": "10.88.0.2"}, BAD_ROUTE],
        "access_lists": [{"name": "new"}, *wanted.get("access_lists", [])],
    }
    refused(node, config, state)


def test_a_link_whose_other_end_lives_elsewhere_survives_a_refusal(node: Node) -> None:
    node.push({"interfaces": [{"name": "sn1", "type": "veth", "peer": "sn1p", "addresses": ["10.1.0.1/24"]}]})
    node.lab.move("node", "sn1p", "client")
    node.lab.run("client", "ip", "address", "add", "10.1.0.2/24", "dev", "sn1p")
    refused(node, {"routes": [BAD_ROUTE]}, "overridden")
    assert "10.1.0.2/24" in node.lab.run("client", "ip", "address", "show", "dev", "sn1p")


def test_routes_over_several_links_that_go_come_back(node: Node) -> None:
    ports = [{"name": f"sn{n}", "type": "veth", "peer": f"p{n}", "addresses": [f"10.{n}.0.1/24"]} for n in (1, 2)]
    six = [{**port, "addresses": [*port["addresses"], f"2001:db8:{n}::1/64"]} for n, port in enumerate(ports, 1)]
    node.push({"interfaces": six})
    node.run("ip link set p1 up")
    node.run("ip link set p2 up")
    node.run("ip route add 10.70.0.0/16 nexthop via 10.1.0.9 nexthop via 10.2.0.9")
    node.run("ip -6 route add 2001:db8:70::/48 nexthop via 2001:db8:1::9 nexthop via 2001:db8:2::9")
    node.run("ip route add 10.71.0.0/16 via 10.2.0.9 src 10.1.0.1")
    anew = [{"name": name, "type": "bridge"} for name in ("sn1", "sn2")]
    refused(node, {"interfaces": anew, "routes": [BAD_ROUTE]}, "overridden")


def test_the_node_is_read_once_however_many_links_go(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading all links for each one that goes took a minute for 500 of them."""
    dump, counts = Wire.dump, []

    def counted(wire: Wire, kind: int, body: bytes) -> Any:
        counts[-1] += 1
        return dump(wire, kind, body)

    monkeypatch.setattr(Wire, "dump", counted)
    for many in (2, 12):
        interfaces = [
            {"name": f"sn{n}", "type": "bridge", "addresses": [f"10.1.{n}.1/24"], "rate_limit": "1Mbit"}
            for n in range(many)
        ]
        for config in ({"interfaces": interfaces}, {}):
            counts.append(0)
            push(node.transport, NodeConfig.from_dict(config), "overridden")
    assert counts[:2] == counts[2:]


def test_address_in_use_between_read_and_apply(node: Node) -> None:
    config = NodeConfig.from_dict({"interfaces": [{"name": "up0", "addresses": ["10.8.0.1/24"]}]})
    changes = diff(node.transport.read().config, config, "merged")
    node.run("ip address add 10.8.0.1/24 dev up0")
    before = node.dump()
    with pytest.raises(NodeError, match="already there and not ours") as caught:
        node.transport.apply(changes)
    assert caught.value.node_said is not None
    assert "EEXIST" in caught.value.node_said
    same(node, before)


def test_link_vanished_between_read_and_apply(node: Node) -> None:
    node.run("ip link add gone type veth peer name gonep")
    wanted = {
        "interfaces": [{"name": "new", "type": "bridge"}, {"name": "gone", "addresses": ["10.8.0.1/24"]}],
        "routes": [{"prefix": "10.9.0.0/16", "type": "blackhole"}],
    }
    changes = diff(node.transport.read().config, NodeConfig.from_dict(wanted), "merged")
    node.run("ip link delete gone")
    before = node.dump()
    with pytest.raises(NodeError) as caught:
        node.transport.apply(changes)
    assert caught.value.node_said is not None
    assert caught.value.node_said.endswith("No such device (ENODEV)")
    assert caught.value.change is not None
    assert caught.value.change["key"] == "gone 10.8.0.1/24"
    same(node, before)


def test_name_taken_between_read_and_apply(node: Node) -> None:
    wanted = NodeConfig.from_dict({"interfaces": [{"name": "n0", "type": "bridge"}, {"name": "n1", "type": "bridge"}]})
    changes = diff(node.transport.read().config, wanted, "merged")
    node.run("ip link add n1 type veth peer name n1p")
    before = node.dump()
    with pytest.raises(NodeError, match="EEXIST"):
        node.transport.apply(changes)
    same(node, before)


def test_an_interface_that_is_no_longer_ours_is_not_removed(node: Node) -> None:
    node.push({"interfaces": [{"name": "n0", "type": "bridge"}]})
    changes = diff(node.transport.read().config, NodeConfig(), "deleted")
    node.run("ip link set n0 alias mine")
    before = node.dump()
    with pytest.raises(NodeError, match="no longer ours"):
        node.transport.apply(changes)
    same(node, before)


def test_undo_after_everything_was_applied(node: Node) -> None:
    """What ``push`` does when the node reads back differently."""
    node.push(STANDING)
    before = settled(node)
    wanted = {"interfaces": [{"name": "br9", "type": "bridge", "addresses": ["10.44.0.1/24"], "ingress": ["x"]}]}
    desired = NodeConfig.from_dict({**wanted, "access_lists": [{"name": "x"}]})
    applied = node.transport.apply(diff(node.transport.read().config, desired, "overridden"))
    assert [one["name"] for one in node.config()["interfaces"]] == ["br9"]
    applied.undo()
    same(node, before)


def test_a_kernel_that_never_had_the_route_is_no_obstacle_to_removing_it(node: Node) -> None:
    routes = [{"prefix": f"10.{n}.{m}.0/24", "next_hop": "10.255.0.2"} for n in range(1, 5) for m in range(100)]
    node.push({"routes": routes})
    changes = diff(node.transport.read().config, NodeConfig(), "deleted")
    node.run("ip route delete 10.1.5.0/24 proto 201")
    node.run("ip route delete 10.3.5.0/24 proto 201")
    node.transport.apply(changes)
    assert node.config()["routes"] == []
