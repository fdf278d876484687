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
