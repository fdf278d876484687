# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``get`` shows: the kernel as it is, foreign objects too, in terms that the models know."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("libyang", reason="needs the extra node")

from ansible_collections.shadownet.ipam.node.contract import Part
from ansible_collections.shadownet.ipam.tests.integration.namespaces import wait_for
from ansible_collections.shadownet.ipam.tests.unit.node.kernel.trees import (
    ace,
    acl,
    acls,
    address,
    context,
    instance,
    interface,
    interfaces,
    ip,
    point,
    route,
    routing,
    via,
)

from .conftest import Agent

pytestmark = [pytest.mark.netns, pytest.mark.nft]


def known(found: dict[str, Any]) -> dict[str, Any]:
    """The same, after libyang has found every leaf in the models, with a value of its type."""
    text = json.dumps(found, ensure_ascii=False)
    made = context().parse_data_mem(text, "json", parse_only=True, strict=True)
    try:
        again = json.loads(made.print_mem("json", with_siblings=True, pretty=False, keep_empty_containers=True))
    finally:
        made.free()
    assert sorted(again) == sorted(found)
    return found


def links(agent: Agent) -> dict[str, dict[str, Any]]:
    found = known(agent.state(Part.INTERFACES))["ietf-interfaces:interfaces-state"]["interface"]
    return {one["name"]: one for one in found}


def routes(agent: Agent, family: int) -> list[dict[str, Any]]:
    ribs = known(agent.state(Part.ROUTES))["ietf-routing:routing"]["ribs"]["rib"]
    (rib,) = [one for one in ribs if one["name"] == f"ipv{family}-master"]
    found: list[dict[str, Any]] = rib["routes"]["route"]
    return found


def test_interfaces_of_all_kinds_with_their_addresses(agent: Agent) -> None:
    agent.run("ip link add br0 type bridge")
    agent.run("ip link set c2 master br0")
    agent.run("ip address add 10.9.0.1/24 dev c1")
    agent.start()
    agent.apply(interfaces(interface("sn1", inner=ip(4, address("10.3.0.1/24")) + ip(6, address("2001:db8::1/64")))))
    found = links(agent)
    assert {name: one["type"].partition(":")[2] for name, one in found.items()} == {
        "lo": "softwareLoopback",
        "c1": "ethernetCsmacd",
        "c2": "ethernetCsmacd",
        "br0": "bridge",
        "sn1": "bridge",
    }
    shown = {one["ifname"]: one for one in agent.lab.json("node", "ip", "-j", "link", "show")}
    for name, one in found.items():
        assert one["if-index"] == shown[name]["ifindex"]
        assert one["phys-address"] == shown[name]["address"]
        assert one["admin-status"] == ("up" if "UP" in shown[name]["flags"] else "down")
    assert found["c1"]["oper-status"] == "up"
    assert found["br0"]["oper-status"] == "down"
    assert found["c2"]["higher-layer-if"] == ["br0"]
    assert found["br0"]["lower-layer-if"] == ["c2"]
    assert found["c1"]["speed"] == "10000000000"
    assert found["c1"]["ietf-ip:ipv4"]["address"] == [{"ip": "10.9.0.1", "prefix-length": 24, "origin": "static"}]
    six = {one["ip"]: one for one in found["sn1"]["ietf-ip:ipv6"]["address"]}
    assert six["2001:db8::1"] == {
        "ip": "2001:db8::1",
        "prefix-length": 64,
        "origin": "static",
        "status": "preferred",
    }
    # Only what is configured is shown among the configured ones.
    mine = agent.state(Part.INTERFACES)["ietf-interfaces:interfaces"]["interface"]
    assert [one["name"] for one in mine] == ["sn1"]
    assert mine[0]["oper-status"] == found["sn1"]["oper-status"]


def test_counters_count(agent: Agent) -> None:
    agent.start()
    agent.apply(interfaces(interface("c1", "ethernetCsmacd", ip(4, address("10.1.0.1/24")))))
    agent.lab.run("one", "ip", "address", "add", "10.1.0.2/24", "dev", "eth0")
    before = links(agent)["c1"]["statistics"]
    for _number in range(20):
        agent.lab.call("one", _send, "10.1.0.1")
    after = links(agent)["c1"]["statistics"]
    assert int(after["in-unicast-pkts"]) - int(before["in-unicast-pkts"]) >= 20
    assert int(after["in-octets"]) - int(before["in-octets"]) >= 20 * 500
    shown = agent.lab.json("node", "ip", "-j", "-s", "link", "show", "dev", "c1")[0]["stats64"]
    assert int(links(agent)["c1"]["statistics"]["in-octets"]) >= shown["rx"]["bytes"] >= int(after["in-octets"])


def _send(target: str) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(bytes(500), (target, 9))


def test_a_link_that_is_made_anew_counts_from_then(agent: Agent) -> None:
    agent.start()
    first = links(agent)["c1"]["statistics"]["discontinuity-time"]
    agent.run("ip link add br0 type bridge")
    assert links(agent)["c1"]["statistics"]["discontinuity-time"] == first
    since = links(agent)["br0"]["statistics"]["discontinuity-time"]
    assert since >= first
    agent.run("ip link delete br0")
    agent.run("ip link add br0 type bridge")
    wait_for(lambda: links(agent)["br0"]["statistics"]["discontinuity-time"] >= since, what="a later time")


def test_both_tables_with_foreign_routes_and_the_active_one_of_each_prefix(agent: Agent) -> None:
    agent.start()
    agent.apply(
        interfaces(
            interface("c1", "ethernetCsmacd", ip(4, address("10.1.0.1/24")) + ip(6, address("2001:db8:1::1/64")))
        )
        + routing(instance("x", v4=route("10.9.0.0/16", via("10.1.0.2")), v6=route("::/0", via("2001:db8:1::2"))))
    )
    agent.run("ip route add 10.9.0.0/16 via 10.1.0.3 metric 7 proto 186")
    agent.run("ip route add unreachable 10.8.0.0/16 proto static")
    agent.run("ip route add 10.7.0.0/16 nexthop via 10.1.0.4 nexthop via 10.1.0.5")
    agent.run("ip route add 0.0.0.0/0 via 10.1.0.6")
    v4 = "ietf-ipv4-unicast-routing"
    found = {(one[f"{v4}:destination-prefix"], one["route-preference"]): one for one in routes(agent, 4)}
    assert found.keys() == {
        ("10.1.0.0/24", 0),
        ("10.9.0.0/16", 0),
        ("10.9.0.0/16", 7),
        ("10.8.0.0/16", 0),
        ("10.7.0.0/16", 0),
        ("0.0.0.0/0", 0),
    }
    assert found["10.1.0.0/24", 0]["source-protocol"] == "ietf-routing:direct"
    mine = found["10.9.0.0/16", 0]
    assert mine["next-hop"] == {"outgoing-interface": "c1", f"{v4}:next-hop-address": "10.1.0.2"}
    assert mine["source-protocol"] == "ietf-routing:static"
    assert "active" in mine
    other = found["10.9.0.0/16", 7]
    assert other["source-protocol"] == "shadownet-node-deviations:other-program"
    assert "active" not in other
    assert found["10.8.0.0/16", 0]["next-hop"] == {"special-next-hop": "unreachable"}
    hops = found["10.7.0.0/16", 0]["next-hop"]["next-hop-list"]["next-hop"]
    assert [one[f"{v4}:address"] for one in hops] == ["10.1.0.4", "10.1.0.5"]
    six = {one["ietf-ipv6-unicast-routing:destination-prefix"]: one for one in routes(agent, 6)}
    assert six["::/0"]["next-hop"]["ietf-ipv6-unicast-routing:next-hop-address"] == "2001:db8:1::2"


def test_only_what_is_asked_for_is_read(agent: Agent) -> None:
    agent.start()
    assert agent.state() == {}
    assert set(agent.state(Part.ROUTES)) == {"ietf-routing:routing"}
    assert set(agent.state(Part.INTERFACES)) == {"ietf-interfaces:interfaces-state"}
    assert agent.state(Part.ACCESS_LISTS) == {}


def test_counters_of_access_lists_are_of_running_only(agent: Agent) -> None:
    agent.start()
    name = "shadownet-ü😀"
    agent.apply(
        interfaces(interface("c1", "ethernetCsmacd"))
        + acls(acl(name, ace("e 😀"), kind="ipv4-acl-type"), points=point("c1", ingress=(name,)))
    )
    (found,) = known(agent.state(Part.ACCESS_LISTS))["ietf-access-control-list:acls"]["acl"]
    zero = {"matched-packets": "0", "matched-octets": "0"}
    assert found == {"name": name, "aces": {"ace": [{"name": "e 😀", "statistics": zero}]}}
