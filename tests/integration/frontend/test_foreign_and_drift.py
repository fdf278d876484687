# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand-made objects are never touched; hands on our objects show as drift and are repaired."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.drift import classify
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.wire import NETLINK_ROUTE, Wire
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import NodeError
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

from .conftest import Node, same, settled

pytestmark = [pytest.mark.netns, pytest.mark.nft]

CONFIG: dict[str, Any] = {
    "interfaces": [
        {
            "name": "sn1",
            "type": "bridge",
            "mtu": 1400,
            "addresses": ["10.1.0.1/24", "2001:db8:1::1/64"],
            "rate_limit": "10Mbit",
            "ingress": ["web", "base"],
            "egress": ["base"],
        },
        {"name": "up0", "addresses": ["10.5.0.1/24"], "ingress": ["base"]},
    ],
    "routes": [
        {"prefix": "10.9.0.0/16", "type": "blackhole", "metric": 4278198272},
        {"prefix": "10.9.1.0/24", "next_hop": "10.1.0.9"},
        {"prefix": "2001:db8:9::/48", "next_hop": "2001:db8:1::9"},
    ],
    "access_lists": [
        {
            "name": "web",
            "entries": [
                {"name": "http", "action": "accept", "protocol": "tcp", "destination_port": "80-90"},
                {"name": "dns", "action": "accept", "protocol": "udp", "destination_port": 53},
            ],
        },
        {"name": "base", "entries": [{"name": "known", "action": "accept", "established": True}]},
    ],
}
FOREIGN_TABLES = """
table inet other {
  map ingress { type ifname : verdict; }
  chain forward {
    type filter hook forward priority 0; policy accept;
    counter accept
  }
}
table ip shadownet {
  chain mine {
    counter drop
  }
}
"""


def drift(node: Node) -> list[tuple[str, str, str]]:
    """(kind, object, key) of everything that differs from CONFIG."""
    current = node.transport.read()
    wanted = node.transport.prepare(NodeConfig.from_dict(CONFIG))
    return [(one["kind"], one["object"], one["key"]) for one in classify(current.config, wanted, current.foreign)]


@pytest.mark.parametrize("state", ["merged", "replaced", "overridden", "deleted"])
def test_foreign_objects_are_never_touched(node: Node, state: str) -> None:
    for command in (
        "ip link add mine type bridge",
        "ip link set mine up",
        "ip address add 10.60.0.1/24 dev mine",
        "ip -6 address add 2001:db8:60::1/64 dev mine nodad",
        "ip link add grouped type bridge",
        "ip link set grouped group 201",
        "ip link add minev type veth peer name minevp",
        "ip link set minev alias shadow",
        "ip route add 10.61.0.0/16 via 10.60.0.2",
        "ip route add blackhole 10.9.0.0/16 proto static",
        "ip route add blackhole 10.9.0.0/16 metric 7 proto 202",
        "ip -6 route add 2001:db8:61::/48 via 2001:db8:60::2",
        "ip route add blackhole 10.62.0.0/16 table 100 proto 201",
        "tc qdisc add dev mine root tbf rate 1mbit burst 10k latency 50ms",
    ):
        node.run(command)
    node.nft(FOREIGN_TABLES)
    node.push({}, "overridden")
    assert "grouped" in node.run("ip link show")
    before = settled(node)
    for config, pushed in ((CONFIG, "merged"), ({} if state == "deleted" else CONFIG, state), ({}, "deleted")):
        node.push(config, pushed)
        now = node.dump()
        for part in before:
            missing = [one for one in before[part] if one not in now[part]]
            assert not missing, (part, missing)
    same(node, before)


def test_what_a_push_left_before_it_could_name_it_is_ours(node: Node) -> None:
    node.run("ip link add born type bridge")
    node.run("ip link set born group 1397247572")
    assert ("leaked", "interface", "born") in drift(node)
    node.push({}, "overridden")
    assert "born" not in node.run("ip link show")


def test_a_foreign_route_in_the_way_is_a_conflict_and_stays(node: Node) -> None:
    for family, prefix, hop in (("-4", "10.50.0.0/16", "10.255.0.9"), ("-6", "2001:db8:50::/48", "2001:db8:ff::9")):
        node.run(f"ip {family} route add {prefix} via {hop} proto static")
        before = node.dump()
        other = "10.255.0.2" if family == "-4" else "2001:db8:ff::2"
        with pytest.raises(NodeError, match="not ours") as caught:
            node.push({"routes": [{"prefix": prefix, "next_hop": other}]})
        assert caught.value.node_said == "File exists (EEXIST)"
        same(node, before)


def test_names_and_addresses_in_the_way_are_classified_as_foreign(node: Node) -> None:
    node.run("ip link add sn1 type bridge")
    node.run("ip address add 10.5.0.1/32 dev up0")
    found = drift(node)
    assert ("foreign", "interface", "sn1") in found
    assert ("foreign", "address", "up0 10.5.0.1/24") in found
    assert ("missing", "route", "10.9.1.0/24") in found


@pytest.mark.parametrize(
    ("hand", "seen"),
    [
        ("ip link delete sn1", ("missing", "interface", "sn1")),
        ("ip link set sn1 down", ("changed", "interface", "sn1")),
        ("ip link set sn1 mtu 1300", ("changed", "interface", "sn1")),
        ("ip address delete 10.1.0.1/24 dev sn1", ("missing", "address", "sn1 10.1.0.1/24")),
        ("ip -6 address delete 2001:db8:1::1/64 dev sn1", ("missing", "address", "sn1 2001:db8:1::1/64")),
        ("ip route delete 10.9.1.0/24", ("missing", "route", "10.9.1.0/24")),
        ("ip route change 10.9.1.0/24 via 10.1.0.10 proto 201", ("changed", "route", "10.9.1.0/24")),
        ("ip route append 10.9.1.0/24 via 10.1.0.10 proto 201", ("leaked", "route", "10.9.1.0/24")),
        (
            "ip -6 route append 2001:db8:9::/48 via 2001:db8:1::10 proto 201",
            ("changed", "route", "2001:db8:9::/48"),
        ),
        (
            "ip route replace 10.9.1.0/24 proto 201 nexthop via 10.1.0.10 nexthop via 10.1.0.11",
            ("changed", "route", "10.9.1.0/24"),
        ),
        ("ip route add unreachable 10.30.0.0/16 proto 201", ("leaked", "route", "10.30.0.0/16")),
        ("ip route add 10.31.0.0/16 via 10.1.0.3 proto 201", ("leaked", "route", "10.31.0.0/16")),
        ("tc qdisc delete dev sn1 root", ("missing", "rate_limit", "sn1")),
        (
            "tc qdisc change dev sn1 root handle 5ad0: tbf rate 1mbit burst 10k latency 50ms",
            ("changed", "rate_limit", "sn1"),
        ),
        ("nft delete table inet shadownet", ("missing", "access_list", "web")),
        ("nft flush chain inet shadownet acl-web", ("changed", "access_list", "web")),
        ("nft add rule inet shadownet acl-web counter accept", ("changed", "access_list", "web")),
        ("nft insert rule inet shadownet acl-web tcp dport 80 accept", ("changed", "access_list", "web")),
        ("nft add rule inet shadownet acl-web meta mark 7 accept", ("changed", "access_list", "web")),
        ("nft flush chain inet shadownet end-base", ("changed", "access_list", "base")),
        ("nft insert rule inet shadownet end-base accept", ("changed", "access_list", "base")),
        ("nft flush chain inet shadownet in-sn1", ("changed", "attachment", "sn1 ingress")),
        ("nft add rule inet shadownet out-sn1 accept", ("changed", "attachment", "sn1 egress")),
        ("nft flush chain inet shadownet forward-in", ("changed", "attachment", "sn1 ingress")),
        ("nft insert rule inet shadownet forward-out accept", ("changed", "attachment", "sn1 egress")),
        ("nft flush map inet shadownet ingress", ("changed", "attachment", "up0 ingress")),
        ("nft add table inet shadownet { flags dormant; }", ("changed", "attachment", "sn1 ingress")),
        ("nft add chain inet shadownet mine", ("leaked", "access_list", "(nft) mine")),
        ("nft add set inet shadownet mine { type ipv4_addr; }", ("leaked", "access_list", "(nft) mine")),
        ("nft chain inet shadownet forward-in { policy drop; }", ("changed", "attachment", "sn1 ingress")),
    ],
)
def test_drift_made_by_hand_is_seen_and_repaired(node: Node, hand: str, seen: tuple[str, str, str]) -> None:
    node.push(CONFIG)
    good = settled(node)
    assert drift(node) == []
    if hand.startswith("nft"):
        node.nft(hand.removeprefix("nft "))
    else:
        node.run(hand)
    assert seen in drift(node)
    result = node.push(CONFIG, "overridden")
    assert seen[1] in {change.kind for change in result.changes}
    assert drift(node) == []
    if "link delete" not in hand:  # a link that was made again is another one to ip and nft
        same(node, good)


def test_a_changed_list_keeps_the_counters_of_the_others(node: Node) -> None:
    node.push(CONFIG)
    node.nft("add rule inet shadownet acl-web accept")
    rule = 'ct state established,related counter packets 42 bytes 4200 accept comment "known"'
    node.nft(f"flush chain inet shadownet acl-base; add rule inet shadownet acl-base {rule}")
    assert [one[2] for one in drift(node)] == ["web"]
    node.push(CONFIG, "overridden")
    assert "packets 42" in node.run("nft list chain inet shadownet acl-base")


def test_addresses_and_routes_carry_our_protocol(node: Node) -> None:
    node.push(CONFIG)
    wire = Wire(NETLINK_ROUTE, node.lab.names["node"])
    marked = {
        socket.inet_ntop(data[start], data[end - 4 :][:0] or _local(data, start, end))
        for data, start, end in wire.dump(22, bytes(8))
        if _protocol(data, start, end) == 201
    }
    wire.close()
    assert marked == {"10.1.0.1", "10.5.0.1", "2001:db8:1::1"}


def _attributes(data: bytes, start: int, end: int) -> dict[int, bytes]:
    found, at = {}, start + 8
    while at < end:
        size = int.from_bytes(data[at : at + 2], "little")
        found[int.from_bytes(data[at + 2 : at + 4], "little")] = data[at + 4 : at + size]
        at += (size + 3) & ~3
    return found


def _local(data: bytes, start: int, end: int) -> bytes:
    found = _attributes(data, start, end)
    return found.get(2) or found[1]


def _protocol(data: bytes, start: int, end: int) -> int:
    return _attributes(data, start, end).get(11, b"\0")[0]
