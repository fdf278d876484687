# SPDX-License-Identifier: GPL-3.0-or-later
"""Pushes over NETCONF as packets meet them: two hosts behind bridges of a running ``shadownet-node``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("libyang", reason="needs the extra node")
pytest.importorskip("asyncssh", reason="needs the extra node")

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.address import Address
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import NetconfTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig
from ansible_collections.shadownet.ipam.tests.integration.frontend.test_packets import ADDRESSES, ping, tcp, udp
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab, namespaces, wait_for

from .front_node import FrontNode
from .wire import Wire

pytestmark = [pytest.mark.netns, pytest.mark.nft]

Push = Callable[..., None]
BRIDGES: list[dict[str, Any]] = [
    {"name": f"sn{number}", "type": "bridge", "addresses": [f"10.{number}.0.1/24", f"2001:db8:{number}::1/64"]}
    for number in (1, 2)
]


@pytest.fixture(scope="module")
def node() -> Iterator[FrontNode]:
    """A node with a cable to each of two hosts. What the bridges are is not yet said."""
    with namespaces("node", "one", "two") as lab:
        lab.forward("node")
        # Pings before the links were ready have used up what the kernel may send of ICMP errors.
        lab.run("node", "sh", "-c", "echo 0 > /proc/sys/net/ipv6/icmp/ratelimit")
        for number, short in enumerate(("one", "two"), 1):
            lab.join("node", f"port{number}", short, "eth0")
            for family, length in ((4, "24"), (6, "64")):
                add = ["ip", "address", "add", f"{ADDRESSES[short, family]}/{length}", "dev", "eth0"]
                lab.run(short, *add, *(["nodad"] if family == 6 else []))
                gateway = BRIDGES[number - 1]["addresses"][family == 6].partition("/")[0]
                lab.run(short, "ip", f"-{family}", "route", "add", "default", "via", gateway)
        made = FrontNode(lab)
        try:
            yield made.start()
        finally:
            made.remove()


@pytest.fixture
def apply(node: FrontNode) -> Iterator[Push]:
    """Pushes over NETCONF what the node shall have. A second push must change nothing."""
    transport = NetconfTransport(Address(**node.options, timeout=30.0), node="fe1")

    def work(interfaces: list[dict[str, Any]] = BRIDGES, **more: Any) -> None:
        desired = NodeConfig.from_dict({"interfaces": interfaces, **more})
        push(transport, desired, "overridden")
        again = push(transport, desired, "overridden")
        assert not again.changed, [change.to_dict() for change in again.changes]
        # The models have no ports of bridges: whoever has the cables plugs them in, once the bridge is there.
        for number in range(1, len(interfaces) + 1):
            node.lab.run("node", "ip", "link", "set", f"port{number}", "master", f"sn{number}")
        for short in ("one", "two"):  # a bridge that was made anew has another hardware address
            node.lab.run(short, "ip", "neighbour", "flush", "dev", "eth0")

    yield work
    push(transport, NodeConfig(), "overridden")
    transport.close()


@pytest.fixture
def lab(node: FrontNode, apply: Push) -> Lab:
    """With both bridges, and packets on their way."""
    apply()
    wait_for(lambda: ping(node.lab, "one", "two", 4) == ping(node.lab, "one", "two", 6) == "open", what="the links")
    return node.lab


def test_hosts_reach_each_other_as_long_as_the_bridges_are_there(lab: Lab, apply: Push) -> None:
    apply(BRIDGES[:1])
    assert ping(lab, "one", "two", 4) != "open"
    assert ping(lab, "one", "two", 6) != "open"
    apply()
    wait_for(lambda: ping(lab, "one", "two", 4) == ping(lab, "one", "two", 6) == "open", what="the links")
    assert tcp(lab, "one", "two", 80, 4) == "open"
    assert tcp(lab, "one", "two", 80, 6) == "open"


def test_routes_lead_where_they_say(lab: Lab, apply: Push) -> None:
    lab.run("two", "ip", "address", "add", "10.9.0.1/32", "dev", "lo")
    lab.run("two", "ip", "address", "add", "2001:db8:9::1/128", "dev", "lo")
    ADDRESSES.update({("far", 4): "10.9.0.1", ("far", 6): "2001:db8:9::1"})
    try:
        assert [ping(lab, "one", "far", family) for family in (4, 6)] == ["rejected", "rejected"], "no route"
        there = [
            {"prefix": "10.9.0.0/24", "next_hop": "10.2.0.2"},
            {"prefix": "2001:db8:9::/48", "next_hop": "2001:db8:2::2", "interface": "sn2"},
        ]
        apply(routes=there)
        assert [ping(lab, "one", "far", family) for family in (4, 6)] == ["open", "open"]
        hole = [{"prefix": "10.9.0.1/32", "type": "blackhole"}, {"prefix": "2001:db8:9::1/128", "type": "blackhole"}]
        apply(routes=there + hole)
        assert "open" not in [ping(lab, "one", "far", family) for family in (4, 6)]
    finally:
        del ADDRESSES["far", 4], ADDRESSES["far", 6]


@pytest.mark.parametrize("family", [4, 6])
def test_an_access_list_opens_ports_and_nothing_else(lab: Lab, apply: Push, family: int) -> None:
    icmp = "icmp" if family == 4 else "icmpv6"
    entries = [
        {"name": "web", "action": "accept", "protocol": "tcp", "destination_port": "80-81"},
        {"name": "admin", "action": "reject", "protocol": "tcp", "destination_port": 22},
        {"name": "dns", "action": "accept", "protocol": "udp", "destination_port": 53},
    ]
    lists = [{"name": "shadownet-a", "entries": entries}]
    inwards = [{**BRIDGES[0], "ingress": ["shadownet-a"]}, BRIDGES[1]]
    apply(inwards, access_lists=lists)
    answers = {port: tcp(lab, "one", "two", port, family) for port in (79, 80, 81, 82, 22)}
    assert answers == {79: "dropped", 80: "open", 81: "open", 82: "dropped", 22: "rejected"}
    assert udp(lab, "one", "two", 53, family) == "open"
    assert udp(lab, "one", "two", 54, family) == "dropped"
    assert ping(lab, "one", "two", family) == "dropped"
    entries.append({"name": "echo", "action": "accept", "protocol": icmp})
    apply(inwards, access_lists=lists)
    assert ping(lab, "one", "two", family) == "open"
    apply()
    assert tcp(lab, "one", "two", 79, family) == "open"


def test_the_order_of_entries_and_prefixes_count(lab: Lab, apply: Push) -> None:
    def rule(action: str, ports: str) -> dict[str, Any]:
        return {"name": action, "action": action, "protocol": "tcp", "destination_port": ports}

    deny, allow = rule("drop", "80"), rule("accept", "80-81")
    inwards = [{**BRIDGES[0], "ingress": ["shadownet-o"]}, BRIDGES[1]]
    for entries, answer in (([deny, allow], "dropped"), ([allow, deny], "open")):
        apply(inwards, access_lists=[{"name": "shadownet-o", "entries": entries}])
        assert [tcp(lab, "one", "two", port) for port in (80, 81, 82)] == [answer, "open", "dropped"]
    echo = {"name": "four", "action": "accept", "source": "10.1.0.0/23", "protocol": "icmp"}
    outwards = [BRIDGES[0], {**BRIDGES[1], "egress": ["shadownet-p"]}]
    apply(outwards, access_lists=[{"name": "shadownet-p", "entries": [echo]}])
    assert ping(lab, "one", "two", 4) == "open"
    apply(outwards, access_lists=[{"name": "shadownet-p", "entries": [{**echo, "source": "10.1.0.4/30"}]}])
    assert ping(lab, "one", "two", 4) == "dropped"


ACLS = "urn:ietf:params:xml:ns:yang:ietf-access-control-list"
WEB = "<tcp><destination-port><operator>eq</operator><port>80</port></destination-port></tcp>"


def commit(node: FrontNode, inside: str) -> None:
    with Wire(node) as client:
        config = f'<config xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0">{inside}</config>'
        for rpc in (f"<edit-config><target><candidate/></target>{config}</edit-config>", "<commit/>"):
            reply = client.rpc(rpc)
            assert b"<ok" in reply, reply


@pytest.fixture
def lists(node: FrontNode, lab: Lab) -> Iterator[Callable[[dict[str, int]], None]]:
    """Commits lists by hand at the ingress of sn1, each of one family, that let TCP to port 80 pass."""

    def work(families: dict[str, int]) -> None:
        made = "".join(
            f"<acl><name>{name}</name><type>ipv{family}-acl-type</type><aces><ace><name>web</name>"
            f"<matches>{WEB}</matches><actions><forwarding>accept</forwarding></actions></ace></aces></acl>"
            for name, family in families.items()
        )
        sets = "".join(f"<acl-set><name>{name}</name></acl-set>" for name in families)
        place = f"<interface><interface-id>sn1</interface-id><ingress><acl-sets>{sets}</acl-sets></ingress></interface>"
        points = f"<attachment-points>{place}</attachment-points>"
        commit(node, f'<acls xmlns="{ACLS}" nc:operation="replace">{made}{points}</acls>')

    yield work
    commit(node, f'<acls xmlns="{ACLS}" nc:operation="remove"/>')


@pytest.mark.parametrize("family", [4, 6])
def test_a_list_of_one_family_leaves_the_other_alone(
    lab: Lab, node: FrontNode, lists: Callable[[dict[str, int]], None], family: int
) -> None:
    lists({"corp": family})
    other = 10 - family
    assert [tcp(lab, "one", "two", port, family) for port in (80, 81)] == ["open", "dropped"]
    assert ping(lab, "one", "two", family) == "dropped"
    assert [tcp(lab, "one", "two", port, other) for port in (80, 81)] == ["open", "open"]
    assert ping(lab, "one", "two", other) == "open"
    with Wire(node) as client:
        state = client.rpc(f'<get><filter><acls xmlns="{ACLS}"/></filter></get>')
    assert b"<name>corp</name>" in state
    assert b"matched-packets" in state
    assert b"shadownet-agent" not in state


def test_lists_of_both_families_leave_nothing_undecided(lab: Lab, lists: Callable[[dict[str, int]], None]) -> None:
    lists({"four": 4, "six": 6})
    for family in (4, 6):
        assert [tcp(lab, "one", "two", port, family) for port in (80, 81)] == ["open", "dropped"]


def test_an_empty_commit_repairs_what_a_hand_has_changed(lab: Lab, node: FrontNode, apply: Push) -> None:
    lab.run("two", "ip", "address", "add", "10.8.0.1/32", "dev", "lo")
    ADDRESSES["far", 4] = "10.8.0.1"
    try:
        apply(routes=[{"prefix": "10.8.0.0/24", "next_hop": "10.2.0.2"}])
        assert ping(lab, "one", "far", 4) == "open"
        lab.run("node", "ip", "route", "del", "10.8.0.0/24")
        assert ping(lab, "one", "far", 4) == "rejected"
        for expected in ("the kernel did not hold running; repaired 1: route 10.8.0.0/24", None):
            with Wire(node) as client:
                assert b"<ok" in client.rpc("<commit/>")
            last = node.audit("operation", operation="commit")[-1]
            assert (last["outcome"], last.get("message")) == ("ok", expected) or (
                expected is not None and str(last.get("message")).startswith(expected)
            )
            assert ping(lab, "one", "far", 4) == "open"
    finally:
        del ADDRESSES["far", 4]
