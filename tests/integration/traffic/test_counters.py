# SPDX-License-Identifier: GPL-3.0-or-later
"""Counters of packets to shadow addresses: a client, a node with floors, and an instance behind it; real packets."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend import shadow_traffic
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.shadow_traffic import Count, TrafficTable
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput, NodeError, NotFound
from ansible_collections.shadownet.ipam.tests.integration.ansible_run import Ansible
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab, namespaces, wait_for

pytestmark = pytest.mark.netns

FLOORS = ["10.200.0.0/24", "2001:db8:200::/48"]
PREFIXES = ["10.200.0.0/32", "10.200.0.1/32", "10.200.0.16/28", "2001:db8:200::1/128"]
INSTANCE = {4: "10.200.0.1", 6: "2001:db8:200::1"}


@pytest.fixture
def lab() -> Iterator[Lab]:
    """``client`` - ``node`` - ``instance``; the node has a default route to a third party, and floors."""
    with namespaces("client", "node", "instance") as made:
        made.forward("node")
        made.join("client", "eth0", "node", "up0")
        made.join("node", "tap0", "instance", "eth0")
        for short, interface, addresses in (
            ("client", "eth0", ("10.0.0.2/24", "2001:db8::2/64")),
            ("node", "up0", ("10.0.0.1/24", "2001:db8::1/64")),
            ("instance", "eth0", ("10.200.0.1/32", "2001:db8:200::1/128")),
        ):
            for text in addresses:
                family, quick = ("-6", ["nodad"]) if ":" in text else ("-4", [])
                made.run(short, "ip", family, "address", "add", text, "dev", interface, *quick)
        for family, gateway in ((4, "10.0.0.1"), (6, "2001:db8::1")):
            made.run("client", "ip", f"-{family}", "route", "add", "default", "via", gateway)
            made.run("instance", "ip", f"-{family}", "route", "add", "default", "dev", "eth0")
        for floor in FLOORS:
            made.run("node", "ip", "route", "add", "blackhole", floor, "metric", "4278198272")
        yield made


@pytest.fixture
def table(lab: Lab) -> TrafficTable:
    made = TrafficTable(lab.names["node"])
    made.count(PREFIXES, FLOORS, made.read())
    return made


def activate(lab: Lab, family: int) -> None:
    length = 32 if family == 4 else 128
    lab.run("node", "ip", "route", "add", f"{INSTANCE[family]}/{length}", "dev", "tap0")
    # The instance answers for its address; so the node's first packet need not wait for ARP or neighbour discovery.
    mac = lab.json("instance", "ip", "-j", "link", "show", "eth0")[0]["address"]
    lab.run("node", "ip", "neigh", "replace", INSTANCE[family], "lladdr", mac, "dev", "tap0", "nud", "permanent")


def send(lab: Lab, target: str, number: int = 1, hops: int | None = None) -> None:
    """Datagrams from the client, each on its way when this returns (veth hands them on at once)."""
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    with closing(lab.socket("client", family, socket.SOCK_DGRAM)) as one:
        if hops is not None and family == socket.AF_INET:
            one.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, struct.pack("i", hops))
        elif hops is not None:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, struct.pack("i", hops))
        for _number in range(number):
            one.sendto(b"x", (target, 9))


def counted(table: TrafficTable, prefix: str, kind: str = "prefixes") -> tuple[int, int]:
    found = table.read()
    assert found is not None
    count: Count = getattr(found, kind)[prefix]
    return count


def settle(table: TrafficTable, prefix: str, expected: tuple[int, int], kind: str = "prefixes") -> None:
    wait_for(lambda: counted(table, prefix, kind) == expected, 5, f"{expected} for {prefix}")


@pytest.mark.parametrize("family", [4, 6])
def test_packets_before_while_and_after_an_instance(lab: Lab, table: TrafficTable, family: int) -> None:
    target, prefix = INSTANCE[family], f"{INSTANCE[family]}/{32 if family == 4 else 128}"
    send(lab, target, 5)
    settle(table, prefix, (5, 0))
    activate(lab, family)
    send(lab, target, 7)
    settle(table, prefix, (12, 7))
    lab.run("node", "ip", "route", "del", prefix, "dev", "tap0")
    send(lab, target, 2)
    settle(table, prefix, (14, 7))


@pytest.mark.parametrize(("target", "floor"), [("10.200.0.99", FLOORS[0]), ("2001:db8:200::99", FLOORS[1])])
def test_what_nobody_reserved_counts_for_the_floor_alone(
    lab: Lab, table: TrafficTable, target: str, floor: str
) -> None:
    send(lab, target, 3)
    send(lab, INSTANCE[6 if ":" in target else 4], 4)
    settle(table, floor, (3, 0), "floors")


def test_a_packet_counts_for_the_prefix_that_holds_it(lab: Lab, table: TrafficTable) -> None:
    send(lab, "10.200.0.16", 1)
    send(lab, "10.200.0.31", 1)
    send(lab, "10.200.0.32", 1)
    settle(table, "10.200.0.16/28", (2, 0))
    settle(table, FLOORS[0], (1, 0), "floors")


def test_what_has_no_hop_left_is_nobodys(lab: Lab, table: TrafficTable) -> None:
    for target in INSTANCE.values():
        send(lab, target, 2, hops=1)
        send(lab, target, 1, hops=2)
    settle(table, "10.200.0.1/32", (1, 0))
    settle(table, "2001:db8:200::1/128", (1, 0))


def test_other_tables_stay_and_another_set_of_prefixes_keeps_the_counts(lab: Lab, table: TrafficTable) -> None:
    lab.run("node", "nft", "add table inet other")
    lab.run("node", "nft", "add chain inet other c { type filter hook forward priority 0 ; }")
    others = lab.run("node", "nft", "list", "table", "inet", "other")
    send(lab, "10.200.0.1", 3)
    settle(table, "10.200.0.1/32", (3, 0))
    before = table.read()
    table.count([*PREFIXES[1:], "10.200.0.64/26"], FLOORS[:1], before)
    after = table.read()
    assert before is not None
    assert after is not None
    assert after.since == before.since
    assert after.prefixes["10.200.0.1/32"] == (3, 0)
    assert set(after.prefixes) == {*PREFIXES[1:], "10.200.0.64/26"}
    assert set(after.floors) == {FLOORS[0]}
    send(lab, "10.200.0.65", 2)
    settle(table, "10.200.0.64/26", (2, 0))
    table.remove()
    assert table.read() is None
    assert lab.run("node", "nft", "list", "table", "inet", "other") == others


@pytest.mark.parametrize(
    "damage",
    [
        "flush chain inet shadownet_traffic forwarding",
        "delete element inet shadownet_traffic reserved4_forwarding { 10.200.0.1 }",
        "add rule inet shadownet_traffic arriving drop",
    ],
)
def test_a_table_that_somebody_changed_is_made_again(lab: Lab, table: TrafficTable, damage: str) -> None:
    first = table.read()
    lab.run("node", "nft", damage)
    found = table.read()
    assert first is not None
    assert found is not None
    assert (first.whole, found.whole) == (True, False)
    table.count(PREFIXES, FLOORS, found)
    again = table.read()
    assert again is not None
    assert again.whole
    assert again.since != first.since
    activate(lab, 4)
    send(lab, "10.200.0.1", 2)
    settle(table, "10.200.0.1/32", (2, 2))


def test_what_makes_no_sense_is_refused_and_changes_nothing(lab: Lab, table: TrafficTable) -> None:
    before = table.read()
    with pytest.raises(InvalidInput, match="overlaps") as caught:
        table.count(["10.0.0.0/24", "10.1.0.0/16", "10.0.0.7/32"], [], before)
    assert caught.value.parameter == "prefixes[2]"
    with pytest.raises(InvalidInput, match="not a prefix"):
        table.count([], ["10.0.0.1/24"], before)
    with pytest.raises(NotFound, match="nowhere"):
        TrafficTable("nowhere")
    assert table.read() == before


def test_a_node_without_nft_is_told_what_to_install(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(shadow_traffic, "_PLACES", str(tmp_path))
    with pytest.raises(NodeError, match="no program nft") as caught:
        TrafficTable(lab.names["node"]).read()
    assert "nftables" in str(caught.value)


def test_thousands_of_prefixes(lab: Lab) -> None:
    table = TrafficTable(lab.names["node"])
    many = [f"10.200.{high}.{low}/32" for high in range(20) for low in range(256)]
    table.count(many, [], None)
    send(lab, "10.200.19.255", 2)
    settle(table, "10.200.19.255/32", (2, 0))
    table.count(many[:-1], [], table.read())
    found = table.read()
    assert found is not None
    assert len(found.prefixes) == len(many) - 1


def test_the_module(lab: Lab, ansible: Ansible) -> None:
    node = lab.names["node"]

    def task(**options: object) -> dict[str, object]:
        return {"name": "Count", "shadownet.ipam.shadow_traffic": {"netns": node, **options}}

    wanted = {"prefixes": PREFIXES, "floors": FLOORS}
    check = ansible.play([task(**wanted)], "--check", "--diff").ok()
    assert check.changed == 1
    assert TrafficTable(node).read() is None
    run = ansible.play([task(**wanted), task(**wanted), task(state="gathered")]).ok()
    first, second, gathered = [one.result for one in run.tasks]
    assert (first["changed"], second["changed"], gathered["changed"]) == (True, False, False)
    assert first["traffic"] is None
    assert gathered["traffic"] == second["traffic"]
    assert {one["prefix"] for one in gathered["traffic"]["prefixes"]} == set(PREFIXES)
    json.dumps(gathered["traffic"])
    removal = ansible.play([task(state="absent"), task(state="absent"), task(state="gathered")], "--diff").ok()
    assert [one.result["changed"] for one in removal.tasks] == [True, False, False]
    assert removal.tasks[-1].result["traffic"] is None
    refused = ansible.play([task(prefixes=["10.0.0.0/8", "10.0.0.0/9"])]).failed()
    assert refused.result["parameter"] == "prefixes[1]"
