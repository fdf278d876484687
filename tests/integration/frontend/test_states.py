# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of object and every state on a real kernel. ``node.push`` also proves each push idempotent."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.drift import classify
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import Conflict, NodeError, NotFound
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

from .conftest import Node, same

pytestmark = [pytest.mark.netns, pytest.mark.nft]

INTERFACES: list[dict[str, Any]] = [
    {"name": "br0", "type": "bridge", "addresses": ["10.1.0.1/24", "2001:db8:1::1/64"], "rate_limit": "10Mbit"},
    {"name": "sn1", "type": "veth", "peer": "sn1p", "bridge": "br0", "mtu": 1400, "description": "the first"},
    {"name": "mv0", "type": "macvlan", "parent": "up0", "mode": "private", "addresses": ["10.3.0.1/24"]},
    {"name": "vx0", "type": "vxlan", "vni": 77, "local": "10.255.0.1", "remote": "10.255.0.9", "parent": "up0"},
    {"name": "vx6", "type": "vxlan", "vni": 78, "local": "2001:db8:ff::1", "remote": "2001:db8:ff::9", "port": 4790},
    {"name": "off", "type": "bridge", "enabled": False, "addresses": ["10.4.0.1/24", "2001:db8:4::1/64"]},
    {"name": "up0", "addresses": ["10.5.0.1/32"], "ingress": ["web"]},
]
ROUTES: list[dict[str, Any]] = [
    {"prefix": "10.9.0.0/16", "type": "blackhole", "metric": 4278198272},
    {"prefix": "10.9.1.0/24", "next_hop": "10.1.0.9"},
    {"prefix": "10.9.2.0/24", "interface": "br0", "metric": 5},
    {"prefix": "10.9.3.0/24", "interface": "up0", "next_hop": "10.255.0.2"},
    {"prefix": "2001:db8:8::/48", "type": "blackhole"},
    {"prefix": "2001:db8:9::/48", "next_hop": "2001:db8:1::9", "metric": 1024},
    {"prefix": "2001:db8:a::/48", "interface": "br0", "metric": 7},
    {"prefix": "0.0.0.0/0", "next_hop": "10.255.0.2"},
    {"prefix": "::/0", "next_hop": "2001:db8:ff::2"},
]
LISTS: list[dict[str, Any]] = [
    {
        "name": "web",
        "entries": [
            {
                "name": "http",
                "action": "accept",
                "protocol": "tcp",
                "destination_port": "80-90",
                "source": "10.0.0.0/8",
            },
            {"name": "ünïcode", "action": "reject", "protocol": "icmpv6", "destination": "2001:db8::/61"},
            {"name": "nothing", "action": "drop", "source": "0.0.0.0/0", "protocol": "200"},
            {"name": "host", "action": "accept", "destination": "10.0.0.1/32", "protocol": "6"},
        ],
    },
    {"name": "a list, ünattached", "default_action": "reject", "entries": [{"name": "e", "action": "accept"}]},
]
EVERYTHING: dict[str, Any] = {"interfaces": INTERFACES, "routes": ROUTES, "access_lists": LISTS}


@pytest.mark.parametrize("state", ["merged", "replaced", "overridden"])
def test_everything_is_made_and_removed_without_a_trace(node: Node, state: str) -> None:
    before = node.dump()
    result = node.push(EVERYTHING, state)
    assert result.changed
    assert not classify(node.transport.read().config, node.transport.prepare(NodeConfig.from_dict(EVERYTHING)))
    links = {link["ifname"]: link for link in node.lab.json("node", "ip", "-j", "-d", "link", "show")}
    assert links["sn1"]["mtu"] == 1400
    assert links["sn1"]["master"] == "br0"
    assert links["sn1"]["ifalias"] == "shadownet:the first"
    assert links["mv0"]["linkinfo"]["info_data"]["mode"] == "private"
    assert links["vx0"]["linkinfo"]["info_data"]["id"] == 77
    assert "UP" not in links["off"]["flags"]
    for command in ("-4", "-6"):
        listed = node.lab.json("node", "ip", "-j", command, "route", "show", "proto", "201")
        wanted = [route for route in ROUTES if (":" in route["prefix"]) == (command == "-6")]
        assert len(listed) == len(wanted)
    assert node.push({}, "deleted").changed
    same(node, before)


def test_what_is_read_can_be_pushed(node: Node) -> None:
    node.push(EVERYTHING)
    config = node.config()
    assert not node.push(config, "overridden").changed
    assert node.push({}, "overridden").changed
    node.push(config, "overridden")
    assert node.config() == config


def test_check_mode_says_the_same_and_changes_nothing(node: Node) -> None:
    before = node.dump()
    planned = node.push(EVERYTHING, check_mode=True)
    same(node, before)
    done = node.push(EVERYTHING)
    assert planned.changes == done.changes


def test_merged_adds_and_keeps(node: Node) -> None:
    node.push({"interfaces": [{"name": "sn1", "type": "bridge", "mtu": 1400, "addresses": ["10.1.0.1/24"]}]})
    node.push({"interfaces": [{"name": "sn1", "type": "bridge", "addresses": ["10.2.0.1/24"]}], "routes": ROUTES[:1]})
    node.push({"routes": [{"prefix": "10.9.1.0/24", "next_hop": "10.2.0.9"}]})
    config = node.config()
    assert config["interfaces"][0]["addresses"] == ["10.1.0.1/24", "10.2.0.1/24"]
    assert config["interfaces"][0]["mtu"] == 1400
    assert [route["prefix"] for route in config["routes"]] == ["10.9.0.0/16", "10.9.1.0/24"]


def test_replaced_makes_exact_what_it_names(node: Node) -> None:
    bridge = {"name": "sn1", "type": "bridge", "addresses": ["10.1.0.1/24"], "rate_limit": "1Mbit"}
    node.push({"interfaces": [bridge, {"name": "sn2", "type": "bridge"}], "routes": ROUTES[:1]})
    wanted = {"name": "sn1", "type": "bridge", "addresses": ["10.2.0.1/24"], "description": "new"}
    routes = [{"prefix": "10.9.0.0/16", "next_hop": "10.2.0.9", "metric": 7}]
    node.push({"interfaces": [wanted], "routes": routes}, "replaced")
    config = node.config()
    assert [one["name"] for one in config["interfaces"]] == ["sn1", "sn2"]
    assert config["interfaces"][0]["addresses"] == ["10.2.0.1/24"]
    assert "rate_limit" not in config["interfaces"][0]
    assert [route.get("metric") for route in config["routes"]] == [7]


def test_deleted_removes_what_it_names(node: Node) -> None:
    node.push(EVERYTHING)
    named = {"interfaces": [{"name": "br0"}, {"name": "up0"}], "routes": ROUTES[:1], "access_lists": [{"name": "web"}]}
    node.push(named, "deleted")
    config = node.config()
    assert {one["name"] for one in config["interfaces"]} == {"sn1", "mv0", "vx0", "vx6", "off"}
    assert "bridge" not in config["interfaces"][0]
    assert {one["prefix"] for one in config["routes"]} == {
        "0.0.0.0/0",
        "10.9.3.0/24",
        "2001:db8:8::/48",
        "::/0",
    }
    assert [one["name"] for one in config["access_lists"]] == ["a list, ünattached"]


@pytest.mark.parametrize(
    "change",
    [
        {"mtu": 1300},
        {"enabled": False},
        {"description": "other"},
        {"bridge": None},
        {"addresses": ["10.1.0.1/25"]},
        {"addresses": ["10.1.0.2/24", "2001:db8:1::2/64"]},
        {"rate_limit": "20Mbit"},
        {"rate_limit": None},
        {"type": "bridge", "peer": None, "bridge": None},
        {"peer": "other"},
        {"ingress": []},
        {"ingress": ["web", "base"]},
    ],
)
def test_each_attribute_changes(node: Node, change: dict[str, Any]) -> None:
    first = {
        "name": "sn1",
        "type": "veth",
        "peer": "sn1p",
        "bridge": "br0",
        "mtu": 1400,
        "description": "text",
        "addresses": ["10.1.0.1/24", "10.1.0.2/24", "2001:db8:1::1/64"],
        "rate_limit": "10Mbit",
        "ingress": ["base"],
    }
    lists = [{"name": "web"}, {"name": "base"}]
    bridge = {"name": "br0", "type": "bridge"}
    node.push({"interfaces": [bridge, first], "access_lists": lists})
    wanted = {**first, **change}
    node.push({"interfaces": [bridge, wanted], "access_lists": lists}, "overridden")
    found = next(one for one in node.config()["interfaces"] if one["name"] == "sn1")
    for key, value in change.items():
        if key == "rate_limit" and value:
            assert found[key] == 20_000_000
        elif isinstance(value, list):
            assert sorted(found.get(key, [])) == sorted(value)
        else:
            assert found.get(key) == value


def test_vni_parent_and_mode_make_an_interface_anew_with_what_hangs_on_it(node: Node) -> None:
    def config(vni: int, mode: str) -> dict[str, Any]:
        return {
            "interfaces": [
                {"name": "vx0", "type": "vxlan", "vni": vni, "parent": "up0", "addresses": ["10.1.0.1/24"]},
                {"name": "mv0", "type": "macvlan", "parent": "vx0", "mode": mode, "addresses": ["10.2.0.1/24"]},
            ],
            "routes": [
                {"prefix": "10.8.0.0/16", "next_hop": "10.1.0.2"},
                {"prefix": "10.9.0.0/16", "next_hop": "10.2.0.2"},
            ],
        }

    node.push(config(1, "bridge"))
    node.run("ip address add 10.77.0.1/24 dev vx0")
    node.run("ip route add 10.78.0.0/16 via 10.77.0.2")
    node.push(config(2, "bridge"), "overridden")
    node.push(config(2, "vepa"), "overridden")
    found = node.config()
    assert [one.get("vni") for one in found["interfaces"]] == [2, None]
    assert [route["prefix"] for route in found["routes"]] == ["10.8.0.0/16", "10.9.0.0/16"]
    assert "10.77.0.1/24" in node.run("ip -4 address show dev vx0")
    assert "10.78.0.0/16 via 10.77.0.2" in node.run("ip route show")


def test_both_ends_of_a_veth_pair_can_be_ours(node: Node) -> None:
    ends = [
        {"name": "sn1", "type": "veth", "peer": "sn2", "addresses": ["10.1.0.1/24"]},
        {"name": "sn2", "type": "veth", "peer": "sn1", "addresses": ["10.2.0.1/24"]},
    ]
    before = node.dump()
    node.push({"interfaces": ends[:1]})
    node.push({"interfaces": ends})
    node.push({}, "deleted")
    same(node, before)


def test_the_other_end_may_live_elsewhere(node: Node) -> None:
    config = {"interfaces": [{"name": "sn1", "type": "veth", "peer": "sn1p", "addresses": ["10.1.0.1/24"]}]}
    node.push(config)
    node.lab.move("node", "sn1p", "client")
    assert not node.push(config, "overridden").changed


def test_a_gateway_only_route_keeps_the_interface_it_resolved(node: Node) -> None:
    node.push({"routes": [{"prefix": "10.9.0.0/16", "next_hop": "10.255.0.2"}]})
    assert node.config()["routes"] == [
        {"prefix": "10.9.0.0/16", "type": "unicast", "next_hop": "10.255.0.2", "interface": "up0"}
    ]


def test_routes_change_in_place_and_by_metric(node: Node) -> None:
    floor = {"prefix": "10.9.0.0/16", "type": "blackhole", "metric": 4278198272}
    node.push({"routes": [floor, {"prefix": "10.9.0.0/16", "next_hop": "10.255.0.2"}]}, "overridden")
    node.push({"routes": [floor, {"prefix": "10.9.0.0/16", "next_hop": "10.255.0.3"}]}, "overridden")
    node.push({"routes": [floor, {"prefix": "10.9.0.0/16", "type": "blackhole"}]}, "overridden")
    node.push({"routes": [floor]}, "overridden")
    assert node.config()["routes"] == [floor]


@pytest.mark.parametrize("rate", [8, 9, 15, 1000, 999_999, 10**9, 12_345_678_901, 40 * 10**9])
def test_rates_round_trip(node: Node, rate: int) -> None:
    node.push({"interfaces": [{"name": "sn1", "type": "bridge", "rate_limit": rate}]})
    assert node.config()["interfaces"][0]["rate_limit"] == rate // 8 * 8


def test_vlan(node: Node) -> None:
    wanted = {"interfaces": [{"name": "vl5", "type": "vlan", "parent": "up0", "vlan_id": 5}]}
    before = node.dump()
    try:
        node.push(wanted)
    except NodeError as error:
        same(node, before)
        if "EOPNOTSUPP" in str(error.node_said):
            pytest.skip(f"this kernel has no VLANs (8021q): {error.node_said}")
        raise
    assert node.config()["interfaces"][0]["vlan_id"] == 5
    wanted["interfaces"][0]["vlan_id"] = 6
    node.push(wanted)


def test_ten_thousand_routes(node: Node) -> None:
    routes = [
        {"prefix": f"10.{high}.{low}.0/24", "next_hop": "10.255.0.2"} for high in range(1, 41) for low in range(250)
    ]
    assert len(node.push({"routes": routes}).changes) == 10_000
    assert node.run("ip route show proto 201").count("\n") == 10_000
    assert len(node.push({}, "overridden").changes) == 10_000


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        ({"interfaces": [{"name": "up0", "type": "bridge"}]}, Conflict, "config.interfaces[0].name: the node already"),
        ({"interfaces": [{"name": "n0", "type": "veth", "peer": "up0"}]}, Conflict, "config.interfaces[0].peer"),
        ({"interfaces": [{"name": "none"}]}, NotFound, "config.interfaces[0].name: the node has no interface none"),
        (
            {"interfaces": [{"name": "n0", "type": "macvlan", "parent": "none"}]},
            NotFound,
            "config.interfaces[0].parent: the node has no interface none",
        ),
        ({"interfaces": [{"name": "n0", "type": "bridge", "bridge": "none"}]}, NotFound, "config.interfaces[0].bridge"),
        ({"routes": [{"prefix": "10.0.0.0/8", "interface": "none"}]}, NotFound, "config.routes[0].interface"),
        ({"interfaces": [{"name": "up0", "ingress": ["none"]}]}, NotFound, "config.interfaces[0].ingress"),
        (
            {"interfaces": [{"name": "n0", "type": "bridge", "addresses": ["10.255.0.1/24"]}]},
            Conflict,
            "config.interfaces[0].addresses[0]: 10.255.0.1 is already in use on interface up0",
        ),
        (
            {"interfaces": [{"name": "up0", "addresses": ["10.255.0.1/24"]}]},
            Conflict,
            "config.interfaces[0].addresses[0]: 10.255.0.1 is already in use on interface up0",
        ),
        (
            {
                "interfaces": [
                    {"name": "n0", "type": "bridge", "addresses": ["10.1.0.1/24"]},
                    {"name": "n1", "type": "bridge", "addresses": ["10.1.0.1/25"]},
                ]
            },
            Conflict,
            "config.interfaces[1].addresses[0]: 10.1.0.1 is already in use on interface n0",
        ),
    ],
)
@pytest.mark.parametrize("state", ["merged", "replaced", "overridden"])
def test_what_contradicts_the_node_is_refused_before_anything_changes(
    node: Node, config: dict[str, Any], error: type[Exception], words: str, state: str
) -> None:
    before = node.dump()
    with pytest.raises(error) as caught:
        node.push({**config, "access_lists": [{"name": "new"}]}, state)
    assert words in str(caught.value)
    same(node, before)


def test_a_list_in_use_is_not_removed(node: Node) -> None:
    node.push({"interfaces": [{"name": "up0", "egress": ["web"]}], "access_lists": [{"name": "web"}]})
    with pytest.raises(Conflict, match="access list 'web' is in use on interface up0"):
        node.push({"access_lists": [{"name": "web"}]}, "deleted")


def test_an_address_moves_between_interfaces(node: Node) -> None:
    def config(first: list[str], second: list[str]) -> dict[str, Any]:
        pairs = (("n0", first), ("n1", second))
        return {"interfaces": [{"name": name, "type": "bridge", "addresses": found} for name, found in pairs]}

    node.push(config(["10.1.0.1/24", "2001:db8::1/64"], []), "overridden")
    node.push(config([], ["10.1.0.1/25", "2001:db8::1/64"]), "overridden")
    assert [one.get("addresses") for one in node.config()["interfaces"]] == [None, ["10.1.0.1/25", "2001:db8::1/64"]]
