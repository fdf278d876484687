# SPDX-License-Identifier: GPL-3.0-or-later
"""Commits that reach the kernel: real packets after them, real refusals in them, and a kernel that is as it was."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import struct
import time
from contextlib import suppress

import pytest

pytest.importorskip("libyang", reason="needs the extra node")

from ansible_collections.shadownet.ipam.node.contract import KernelRefused, Part
from ansible_collections.shadownet.ipam.node.frames import BrokenFrame
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink import wire
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.transport import AGENT, Mark
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import Conflict
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig
from ansible_collections.shadownet.ipam.tests.integration.frontend.conftest import same, settled
from ansible_collections.shadownet.ipam.tests.unit.node.kernel.trees import (
    ace,
    acl,
    acls,
    address,
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

IF = "/ietf-interfaces:interfaces/interface"
V4 = (
    "/ietf-routing:routing/control-plane-protocols/control-plane-protocol[type='ietf-routing:static'][name='x']"
    "/static-routes/ietf-ipv4-unicast-routing:ipv4"
)
FOREIGN = interface("c1", "ethernetCsmacd", ip(4, address("10.1.0.1/24")) + ip(6, address("2001:db8:1::1/64")))
OTHER = interface("c2", "ethernetCsmacd", ip(4, address("10.2.0.1/24")) + ip(6, address("2001:db8:2::1/64")))


def static(routes: str) -> str:
    return routing(instance("x", v4=routes))


def bridge(name: str, text: str) -> str:
    return interfaces(interface(name, inner=ip(4, address(text))))


def hosts(agent: Agent) -> None:
    for number, short in ((1, "one"), (2, "two")):
        run = agent.lab.run
        run(short, "ip", "address", "add", f"10.{number}.0.2/24", "dev", "eth0")
        run(short, "ip", "address", "add", f"2001:db8:{number}::2/64", "dev", "eth0", "nodad")
        run(short, "ip", "route", "add", "default", "via", f"10.{number}.0.1")
        run(short, "ip", "route", "add", "default", "via", f"2001:db8:{number}::1")


def ping(agent: Agent, target: str) -> bool:
    """Whether host one gets an answer to one of three ICMP echoes."""
    six = ":" in target
    family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (socket.AF_INET, socket.IPPROTO_ICMP)
    request, reply = (128, 129) if six else (8, 0)
    words = request << 8, 0, 7, 1
    total = sum(words)
    packet = struct.pack(">4H", words[0], ~(total + (total >> 16)) & 0xFFFF, *words[2:])  # IPv6: the kernel counts
    with agent.lab.socket("one", family, socket.SOCK_RAW, protocol) as raw:
        for _try in range(3):
            with suppress(OSError):
                raw.sendto(packet, (target, 0))
            end = time.monotonic() + 0.7
            while (left := end - time.monotonic()) > 0:
                raw.settimeout(left)
                with suppress(TimeoutError):
                    data, peer = raw.recvfrom(1500)
                    if peer[0] == target and (data[0] if six else data[20]) == reply:
                        return True
    return False


def test_hosts_reach_each_other_through_what_was_committed(agent: Agent) -> None:
    hosts(agent)
    agent.start()
    agent.apply(None, reconcile=True)
    assert not ping(agent, "10.2.0.2")
    agent.lab.run("two", "ip", "address", "add", "10.9.0.1/32", "dev", "lo")
    routes = routing(instance("x", v4=route("10.9.0.0/24", via("10.2.0.2"))))
    agent.apply(interfaces(FOREIGN, OTHER) + routes)
    assert ping(agent, "10.2.0.2")
    assert ping(agent, "2001:db8:2::2")
    assert ping(agent, "10.9.0.1")
    # Longer prefixes win: a blackhole beside the route.
    hole = route("10.9.0.1/32", "<special-next-hop>blackhole</special-next-hop>")
    agent.apply(interfaces(FOREIGN, OTHER) + routing(instance("x", v4=route("10.9.0.0/24", via("10.2.0.2")) + hole)))
    assert not ping(agent, "10.9.0.1")
    assert ping(agent, "10.2.0.2")
    agent.apply(None)
    assert not ping(agent, "10.2.0.2")
    assert agent.config() == NodeConfig().to_dict()
    assert "c1" in agent.run("ip -br link show")


def test_access_lists_filter_what_is_forwarded_and_count_it(agent: Agent) -> None:
    hosts(agent)
    agent.start()
    icmp = acl("shadownet-in", ace("echo", "<ipv4><protocol>1</protocol></ipv4>"))
    both = interfaces(FOREIGN, OTHER)
    agent.apply(both + acls(icmp, points=point("c1", ingress=("shadownet-in",))))
    assert ping(agent, "10.2.0.2")
    assert not ping(agent, "2001:db8:2::2")
    closed = acl("shadownet-in", ace("no", "<ipv4><protocol>1</protocol></ipv4>", "drop"), ace("shadownet-default"))
    agent.apply(both + acls(closed, points=point("c1", ingress=("shadownet-in",))))
    assert not ping(agent, "10.2.0.2")
    assert ping(agent, "2001:db8:2::2")
    (found,) = agent.state(Part.ACCESS_LISTS)["ietf-access-control-list:acls"]["acl"]
    counted = {one["name"]: int(one["statistics"]["matched-packets"]) for one in found["aces"]["ace"]}
    assert counted["no"] == 3
    assert counted["shadownet-default"] >= 1
    agent.apply(both)
    assert ping(agent, "10.2.0.2")


def test_an_ack_passes_without_any_connection_as_rfc_8519_says(agent: Agent) -> None:
    """A list with flags ack lets two answer one's connection, and two's own segments with ACK pass too."""
    hosts(agent)
    agent.start()
    answers = acl("shadownet-a", ace("ack", "<ipv4><protocol>6</protocol></ipv4><tcp><flags>ack</flags></tcp>"))
    agent.apply(interfaces(FOREIGN, OTHER) + acls(answers, points=point("c1", egress=("shadownet-a",))))
    assert agent.run("nft list table inet shadownet").count("ct state") == 0
    with (
        agent.lab.socket("two", socket.AF_INET, socket.SOCK_STREAM) as server,
        agent.lab.socket("one", socket.AF_INET, socket.SOCK_STREAM) as client,
        agent.lab.socket("two", socket.AF_INET, socket.SOCK_STREAM) as stranger,
    ):
        server.bind(("10.2.0.2", 80))
        server.listen()
        client.settimeout(5)
        client.connect(("10.2.0.2", 80))
        stranger.settimeout(1.5)
        with pytest.raises(TimeoutError):
            stranger.connect(("10.1.0.2", 80))


def test_a_bridge_is_made_changed_and_removed(agent: Agent) -> None:
    agent.start()
    agent.apply(
        interfaces(interface("sn1", inner="<description>shadownet:web</description>" + ip(4, "<mtu>1400</mtu>")))
    )
    shown = agent.run("ip -d link show sn1")
    assert "mtu 1400" in shown
    assert "alias shadownet:web" in shown
    agent.apply(interfaces(interface("sn1", inner="<enabled>false</enabled>")))
    shown = agent.run("ip -d link show sn1")
    assert "mtu 1500" in shown  # no longer configured: the usual one, not the last
    assert "state DOWN" in shown
    assert "UP" not in shown.split(">")[0]
    agent.apply(None)
    assert "sn1" not in agent.run("ip -br link show")


def test_an_mtu_of_a_lost_commit_goes_at_the_next_start(agent: Agent) -> None:
    agent.start()
    agent.apply(interfaces(interface("sn1", inner=ip(4, "<mtu>1400</mtu>")), interface("sn2")), reconcile=True)
    agent.run("ip link add p1 mtu 1300 type veth peer name p2")
    agent.run("ip link set p1 master sn2")
    agent.stop(signal.SIGKILL)
    agent.start()
    agent.apply(interfaces(interface("sn1"), interface("sn2")), reconcile=True)
    assert "mtu 1500" in agent.run("ip link show sn1")
    assert "mtu 1300" in agent.run("ip link show sn2")  # the kernel's own choice, by the port of somebody else


def test_a_bridge_that_was_there_before_keeps_everything_but_what_is_ours(agent: Agent) -> None:
    agent.run("ip link add br0 type bridge")
    agent.run("ip address add 10.7.0.1/24 dev br0")
    agent.start()
    before = settled(agent)
    agent.apply(interfaces(interface("br0", inner=ip(4, address("10.8.0.1/24")))))
    shown = agent.run("ip address show dev br0")
    assert "10.7.0.1/24" in shown
    assert "10.8.0.1/24" in shown
    found = agent.refusal(interfaces(interface("br0", inner="<enabled>false</enabled>")))
    assert (found.path, found.tag) == (f"{IF}[name='br0']/enabled", "operation-not-supported")
    agent.apply(None)
    same(agent, before)


@pytest.mark.parametrize(
    ("data", "path", "words"),
    [
        (
            static(route("10.9.0.0/16", via("192.0.2.1"))),
            f"{V4}/route[destination-prefix='10.9.0.0/16']",
            "ENETUNREACH",
        ),
        (
            static(route("10.9.0.0/16", via("10.6.0.2")) + route("10.5.0.0/16", via("192.0.2.1"))),
            f"{V4}/route[destination-prefix='10.5.0.0/16']",
            "ENETUNREACH",
        ),
        (static(route("10.77.0.0/16", via("10.6.0.2"))), f"{V4}/route[destination-prefix='10.77.0.0/16']", "not ours"),
        (
            bridge("a", "10.6.0.1/24"),
            f"{IF}[name='a']/ietf-ip:ipv4/address[ip='10.6.0.1']",
            "already in use on interface c2",
        ),
        (bridge("a", "10.0.0.255/24"), f"{IF}[name='a']/ietf-ip:ipv4/address[ip='10.0.0.255']", "broadcast"),
        (interfaces(interface("gone0", "ethernetCsmacd")), f"{IF}[name='gone0']", "the node has no interface gone0"),
        (interfaces(interface("c1", "softwareLoopback")), f"{IF}[name='c1']/type", "is of type iana-if-type:ethernet"),
        (interfaces(interface("c1")), f"{IF}[name='c1']/type", "is of type iana-if-type:ethernetCsmacd"),
        (interfaces(interface("c9.5", "l2vlan")), f"{IF}[name='c9.5']", "no interface c9"),
    ],
)
def test_a_refusal_names_the_object_in_the_kernels_words(agent: Agent, data: str, path: str, words: str) -> None:
    agent.run("ip address add 10.6.0.1/24 dev c2")
    agent.run("ip route add 10.77.0.0/16 via 10.6.0.2")
    agent.start()
    agent.apply(interfaces(interface("sn1", inner=ip(4, address("10.3.0.1/24")))))
    found = agent.refusal(data)
    assert found.path == path
    assert words in found.message
    agent.apply(interfaces(interface("sn1", inner=ip(4, address("10.3.0.1/24")))))


def test_check_touches_nothing_and_finds_what_needs_no_kernel_call(agent: Agent) -> None:
    agent.start()
    before = settled(agent)
    agent.check(interfaces(interface("sn1", inner=ip(4, address("10.3.0.1/24")))))
    for bad in (
        interfaces(interface("gone0", "ethernetCsmacd")),
        interfaces(interface("c1")),
        interfaces(interface("a" * 16)),
    ):
        with pytest.raises(KernelRefused):
            agent.check(bad)
    same(agent, before)


def test_an_interface_that_vanished_is_named_until_it_is_taken_out(agent: Agent) -> None:
    agent.start()
    agent.apply(interfaces(FOREIGN, OTHER))
    agent.run("ip link delete c1")
    found = agent.refusal(interfaces(FOREIGN, OTHER, interface("sn1")))
    assert found.path == f"{IF}[name='c1']"
    assert "the node has no interface c1" in found.message
    agent.apply(interfaces(OTHER, interface("sn1")))
    assert "sn1" in agent.run("ip -br link show")


def test_without_the_capability_nothing_is_changed_and_the_reason_is_told(agent: Agent) -> None:
    agent.start(keep=())
    found = agent.refusal(interfaces(interface("sn1")))
    assert "CAP_NET_ADMIN" in found.message
    assert found.path is None


def test_a_send_that_the_kernel_has_no_buffer_for_changes_nothing(agent: Agent) -> None:
    def all_in_one_send() -> None:
        wire.MESSAGES_A_SEND = 1_000_000

    agent.start(change=all_in_one_send)
    start = interfaces(interface("sn1", inner=ip(4, address("10.3.0.1/24"))))
    agent.apply(start)
    many = "".join(route(f"10.{100 + high}.{low}.0/24", via("10.3.0.2")) for high in range(100) for low in range(256))
    found = agent.refusal(start + routing(instance("x", v4=many)))
    assert "EMSGSIZE" in found.message or "ENOBUFS" in found.message
    agent.apply(start + routing(instance("x", v4=route("10.100.0.0/24", via("10.3.0.2")))))


def test_drift_is_repaired_by_the_next_commit(agent: Agent) -> None:
    agent.start()
    data = interfaces(interface("sn1", inner=ip(4, address("10.3.0.1/24")))) + routing(
        instance("x", v4=route("10.4.0.0/16", via("10.3.0.2")))
    )
    agent.apply(data)
    before = agent.config()
    agent.run("ip route delete 10.4.0.0/16")
    agent.run("ip route add 10.5.0.0/16 via 10.3.0.2 proto 201")
    agent.run("ip address delete 10.3.0.1/24 dev sn1")
    agent.apply(data)
    assert agent.config() == before


# Who configures the node


def test_a_node_that_somebody_else_configured_is_refused_and_left_alone(agent: Agent) -> None:
    desired = NodeConfig.from_dict({"interfaces": [{"name": "sn9", "type": "bridge", "addresses": ["10.3.0.1/24"]}]})
    push(agent.transport, desired, "overridden")
    agent.start()
    found = agent.refusal("", reconcile=True)
    assert "1 interfaces, 0 routes and 0 access lists" in found.message
    assert "takeover" in found.message
    push(agent.transport, desired, "overridden", mark=Mark("ab", 7))
    found = agent.refusal("", reconcile=True)
    assert "another ledger" in found.message
    agent.stop()
    agent.start(takeover=True)
    agent.apply(interfaces(interface("sn1")), reconcile=True)
    assert [one["name"] for one in agent.config()["interfaces"]] == ["sn1"]
    assert agent.transport.read().mark == AGENT


def test_other_pushes_to_the_agents_node_are_refused(agent: Agent) -> None:
    agent.start()
    agent.apply(interfaces(interface("sn1")), reconcile=True)
    desired = NodeConfig.from_dict({"interfaces": [{"name": "sn9", "type": "bridge"}]})
    for mark in (None, Mark("ab", 7)):
        with pytest.raises(Conflict, match="configured by its NETCONF agent"):
            push(agent.transport, desired, "merged", mark=mark)
    push(agent.transport, desired, "merged", mark=Mark("ab", 7), takeover=True)
    found = agent.refusal(interfaces(interface("sn2")))
    assert "another ledger" in found.message


# Faults


def test_killed_at_any_moment_the_next_start_reconciles(agent: Agent) -> None:
    """SIGKILL after 0, 8, 16 ... ms of a commit; then the kernel is brought to startup, whatever it holds."""
    startup = interfaces(interface("sn1", inner=ip(4, address("10.3.0.1/24")))) + routing(
        instance("x", v4="".join(route(f"10.50.{number}.0/24", via("10.3.0.2")) for number in range(200)))
    )
    coming = interfaces(
        interface("sn2", inner=ip(4, address("10.3.0.1/24"))), interface("sn3", inner=ip(4, "<mtu>1400</mtu>"))
    ) + (
        routing(
            instance(
                "x",
                v4="".join(
                    route(f"10.{high}.{low}.0/24", via("10.3.0.9")) for high in range(60, 66) for low in range(256)
                ),
            )
        )
        + acls(acl("shadownet-l", ace("e")), points=point("sn2", ingress=("shadownet-l",)))
    )
    agent.start()
    agent.apply(startup, reconcile=True)
    wanted = agent.config()
    agent.stop()
    unfinished = 0
    for milliseconds in itertools.chain(range(0, 120, 8), (200,)):
        agent.start()
        signal.signal(signal.SIGALRM, lambda *_arguments: _kill(agent))
        signal.setitimer(signal.ITIMER_REAL, max(milliseconds, 0.1) / 1000)
        try:
            agent.apply(coming)
        except BrokenFrame:
            unfinished += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        agent.stop()
        agent.start()
        agent.apply(startup, reconcile=True)
        assert agent.config() == wanted
        agent.stop()
    assert unfinished > 3


def _kill(agent: Agent) -> None:
    os.kill(agent.pid, signal.SIGKILL)


def test_the_end_of_the_applier_is_noticed(agent: Agent) -> None:
    agent.start()
    agent.stop(signal.SIGKILL)
    with pytest.raises((BrokenFrame, OSError)):
        agent.apply(interfaces(interface("sn1")))
