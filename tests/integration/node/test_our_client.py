# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's NETCONF transport against ``shadownet-node``: one configuration, pushed, read back, taken away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("libyang", reason="needs the extra node")
pytest.importorskip("asyncssh", reason="needs the extra node")
pytest.importorskip("ncclient", reason="needs the extra netconf")

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.address import Address
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import NetconfTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.registry import open_transport
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import NodeError
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig
from ansible_collections.shadownet.ipam.tests.integration.namespaces import namespaces

from .front_node import FrontNode
from .wire import Wire

pytestmark = pytest.mark.netns

CONFIG: dict[str, list[dict[str, Any]]] = {
    "interfaces": [
        {"name": "sn1", "type": "bridge", "description": "first", "addresses": ["10.1.0.1/24", "2001:db8:1::1/64"]},
        {"name": "sn2", "type": "bridge", "mtu": 1400, "addresses": ["10.2.0.1/24"]},
    ],
    "routes": [
        {"prefix": "10.9.0.0/16", "type": "blackhole"},
        {"prefix": "10.9.1.0/24", "next_hop": "10.1.0.9", "interface": "sn1"},
        {"prefix": "2001:db8:9::/48", "next_hop": "2001:db8:1::9", "interface": "sn1"},
    ],
    "access_lists": [
        {
            "name": "shadownet-web",
            "entries": [
                {"name": "https", "action": "accept", "protocol": "tcp", "destination_port": 443},
                {"name": "rest", "action": "drop"},
            ],
        }
    ],
}


@pytest.fixture(scope="module")
def node() -> Iterator[FrontNode]:
    with namespaces("node") as lab:
        made = FrontNode(lab)
        try:
            yield made.start()
        finally:
            made.remove()


@pytest.fixture
def transport(node: FrontNode) -> Iterator[NetconfTransport]:
    made = NetconfTransport(Address(**node.options, timeout=30.0), node="fe1", lock_timeout=3.0, confirm_timeout=60)
    yield made
    push(made, NodeConfig(), "overridden")
    made.close()


def test_a_push_reaches_the_kernel_and_a_second_one_changes_nothing(
    node: FrontNode, transport: NetconfTransport
) -> None:
    desired = NodeConfig.from_dict(CONFIG)
    assert push(transport, desired, "merged").changed
    routes = {route["dst"]: route for route in node.lab.json("node", *"ip -j -4 route".split())}
    assert routes["10.9.0.0/16"]["type"] == "blackhole"
    assert routes["10.9.1.0/24"]["gateway"] == "10.1.0.9"
    links = {link["ifname"]: link for link in node.lab.json("node", *"ip -j address".split())}
    assert links["sn2"]["mtu"] == 1400
    assert "10.1.0.1" in {one["local"] for one in links["sn1"]["addr_info"]}
    again = push(transport, desired, "merged")
    assert not again.changed, [change.to_dict() for change in again.changes]
    push(transport, NodeConfig(), "overridden")
    assert "sn1" not in {link["ifname"] for link in node.lab.json("node", *"ip -j link".split())}


ACLS = "urn:ietf:params:xml:ns:yang:ietf-access-control-list"
LISTS: dict[str, list[dict[str, Any]]] = {
    "interfaces": [{"name": "sn1", "type": "bridge", "addresses": ["10.1.0.1/24"], "ingress": ["shadownet-web"]}],
    "access_lists": [
        {
            "name": "shadownet-web",
            "entries": [
                {"name": "https", "action": "accept", "protocol": "tcp", "destination_port": 443},
                {"name": "old", "action": "accept", "established": True},
                {"name": "net", "action": "accept", "protocol": "tcp", "destination": "10.1.0.0/24"},
            ],
        }
    ],
}


def by_hand(node: FrontNode, inside: str) -> None:
    """Somebody else's edit below ``acls``, committed."""
    with Wire(node) as other:
        edit = f'<config><acls xmlns="{ACLS}">{inside}</acls></config>'
        for operation in (f"<edit-config><target><candidate/></target>{edit}</edit-config>", "<commit/>"):
            reply = other.rpc(operation)
            if b"<ok" not in reply:
                other.rpc("<discard-changes/>")
                raise AssertionError(reply)


def entry(name: str, inside: str) -> str:
    return f"<acl><name>shadownet-web</name><aces><ace><name>{name}</name>{inside}</ace></aces></acl>"


PORT = "<matches><tcp><destination-port><operator>{}</operator><port>443</port></destination-port></tcp></matches>"


@pytest.mark.parametrize(
    "inside",
    [
        entry("https", PORT.format("lte")),
        entry("https", PORT.format("gte")),
        entry("old", "<matches><tcp><flags>syn</flags></tcp></matches>"),
        entry("old", "<matches><tcp><flags>ack syn</flags></tcp></matches>"),
        "<acl><name>shadownet-web</name><type>ipv4-acl-type</type></acl>",
    ],
)
def test_a_list_that_somebody_changed_is_made_anew(node: FrontNode, transport: NetconfTransport, inside: str) -> None:
    wanted = NodeConfig.from_dict(LISTS)
    push(transport, wanted, "overridden")
    before = node.lab.run("node", *"nft list ruleset".split())
    by_hand(node, inside)
    found = push(transport, wanted, "overridden", check_mode=True)
    assert [(one["kind"], one["key"]) for one in found.drift] == [("changed", "shadownet-web")]
    push(transport, wanted, "overridden")
    assert node.lab.run("node", *"nft list ruleset".split()) == before
    assert not push(transport, wanted, "overridden").changed


def test_a_list_of_others_on_our_interface(node: FrontNode, transport: NetconfTransport) -> None:
    """Beside a list of ours it gives way, and is named; where ours goes it stays."""
    wanted = NodeConfig.from_dict(LISTS)
    push(transport, wanted, "overridden")
    every = "<ace><name>all</name><actions><forwarding>accept</forwarding></actions></ace>"
    corp = f"<acl><name>corp</name><aces>{every}</aces></acl>"
    place = "<attachment-points><interface><interface-id>sn1</interface-id>{}</interface></attachment-points>"
    sets = "<acl-sets><acl-set><name>corp</name></acl-set></acl-sets>"
    by_hand(node, corp + place.format(f"<ingress>{sets}</ingress>"))
    try:
        found = push(transport, wanted, "overridden")
        assert [(one["kind"], one["object"]) for one in found.drift] == [("changed", "attachment")]
        assert "corp" in found.drift[0]["found"]["access_lists"]
        assert not push(transport, wanted, "overridden").changed
        by_hand(node, place.format(f"<egress>{sets}</egress>"))
        bare = {"interfaces": [{**LISTS["interfaces"][0], "ingress": []}]}
        push(transport, NodeConfig.from_dict(bare), "overridden")
        with Wire(node) as other:
            there = f'<filter type="subtree"><acls xmlns="{ACLS}"/></filter>'
            left = other.rpc(f"<get-config><source><running/></source>{there}</get-config>")
        assert left.count(b"corp") == 2, left
        assert b"shadownet-web" not in left
        push(transport, NodeConfig(), "overridden")
    finally:
        gone = '<acl xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove"><name>corp</name></acl>'
        by_hand(node, gone)


def test_what_the_kernel_refuses_is_told_and_nothing_is_left(node: FrontNode, transport: NetconfTransport) -> None:
    push(transport, NodeConfig.from_dict(CONFIG), "merged")
    before = node.lab.run("node", *"ip -o route".split())
    wrong = {"routes": [{"prefix": "10.10.0.0/16", "next_hop": "192.0.2.77"}]}
    with pytest.raises(NodeError) as caught:
        push(transport, NodeConfig.from_dict(wrong), "merged")
    assert "unreachable" in str(caught.value.node_said).lower(), caught.value.node_said
    assert node.lab.run("node", *"ip -o route".split()) == before
    with Wire(node) as other:
        for store in ("running", "candidate"):
            assert b"<ok" in other.rpc(f"<lock><target><{store}/></target></lock>"), "no lock was left"


def test_a_host_that_others_configured_is_left_alone_unless_it_is_taken_over() -> None:
    with namespaces("node") as lab:
        node = FrontNode(lab)
        try:
            theirs = open_transport("netlink", netns=lab.names["node"])
            push(theirs, NodeConfig.from_dict({"routes": CONFIG["routes"][:1]}), "merged")
            theirs.close()
            node.start(wait=False)
            assert node.process is not None
            assert node.process.wait(30) == 1
            assert "--takeover" in node.said()
            assert "10.9.0.0/16" in lab.run("node", "ip", "route")
            node.words = ("--takeover",)
            node.start()
            assert "10.9.0.0/16" not in lab.run("node", "ip", "route")
            assert node.stop() == 0
            node.words = ()
            node.start()
        finally:
            node.remove()


def test_the_configuration_is_there_again_after_a_crash(node: FrontNode, transport: NetconfTransport) -> None:
    push(transport, NodeConfig.from_dict(CONFIG), "merged")
    before = transport.read().config
    transport.close()
    node.kill()
    for name in ("sn1", "sn2"):
        node.lab.run("node", "ip", "link", "delete", name)
    node.start()
    assert transport.read().config == before
    assert "10.9.1.0/24" in node.lab.run("node", "ip", "route")
