# SPDX-License-Identifier: GPL-3.0-or-later
"""``shadownet-node adopt``: a host changes hands, and a lost startup file comes back, without a packet lost."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("libyang", reason="needs the extra node")
pytest.importorskip("asyncssh", reason="needs the extra node")
pytest.importorskip("paramiko", reason="needs the extra netconf")

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig
from ansible_collections.shadownet.ipam.tests.integration.namespaces import namespaces

from .front_node import FrontNode
from .wire import Wire

pytestmark = [pytest.mark.netns, pytest.mark.nft]

ENTRIES = [
    {"name": "web", "action": "accept", "protocol": "tcp", "destination_port": "80-81", "source": "10.0.0.0/8"},
    {"name": "dns", "action": "accept", "protocol": "udp", "destination_port": 53},
]
CONFIG: dict[str, Any] = {
    "interfaces": [
        {
            "name": "sn1",
            "type": "bridge",
            "description": "shop",
            "mtu": 1400,
            "addresses": ["10.1.0.1/24", "2001:db8:1::1/64"],
            "ingress": ["shadownet-a", "shadownet-b"],
        },
        {"name": "mgmt0", "addresses": ["10.7.0.1/24"]},
    ],
    "routes": [
        {"prefix": "10.9.0.0/16", "next_hop": "10.1.0.9"},
        {"prefix": "10.8.0.0/16", "type": "blackhole"},
        {"prefix": "10.6.0.0/16", "interface": "lo"},
    ],
    "access_lists": [
        {"name": "shadownet-a", "entries": ENTRIES},
        {"name": "shadownet-b", "entries": ENTRIES[1:], "default_action": "reject"},
    ],
}


@pytest.fixture
def node() -> Iterator[FrontNode]:
    with namespaces("node") as lab:
        made = FrontNode(lab)
        try:
            yield made
        finally:
            made.remove()


def carried(node: FrontNode) -> list[str]:
    commands = (
        "ip -4 route",
        "ip -6 route show proto 201",
        "ip -br address",
        "ip -o link show sn1",
        "nft list table inet shadownet",
    )
    return [node.lab.run("node", *command.split()) for command in commands]


def command(node: FrontNode, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        node.command("adopt", "--config", str(node.config), *words),
        env=node.environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def by_netlink(node: FrontNode, config: dict[str, Any]) -> None:
    transport = NetlinkTransport(node.lab.names["node"])
    try:
        push(transport, NodeConfig.from_dict(config), "overridden")
    finally:
        transport.close()


def test_a_host_configured_by_netlink_becomes_the_agents_as_it_is(node: FrontNode) -> None:
    by_netlink(node, CONFIG)
    before = carried(node)
    shown = command(node)
    assert shown.returncode == 0, shown.stderr
    assert "<destination-prefix>10.9.0.0/16</destination-prefix>" in shown.stdout
    file = node.folder / "state/startup.xml"
    assert not file.exists()
    written = command(node, "--write")
    assert (written.returncode, written.stdout) == (0, ""), written.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.stat().st_uid == node.folder.joinpath("state").stat().st_uid
    again = command(node, "--write")
    assert again.returncode == 1
    assert f"{file} has a configuration already" in again.stderr
    node.words = ("--takeover",)
    node.start()
    assert carried(node) == before
    assert node.stop() == 0
    node.words = ()
    node.start()
    assert carried(node) == before


def test_what_would_be_lost_is_named_and_not_written(node: FrontNode) -> None:
    by_netlink(node, {"interfaces": [{"name": "b", "type": "bridge", "rate_limit": "1Mbit"}]})
    refused = command(node, "--write")
    assert refused.returncode == 1
    assert "not in the startup configuration: interface b: no IETF model limits" in refused.stderr
    assert "--accept-loss" in refused.stderr
    assert not (node.folder / "state/startup.xml").exists()
    assert command(node, "--write", "--accept-loss").returncode == 0


def test_a_lost_startup_file_is_made_from_the_kernel(node: FrontNode) -> None:
    node.start()
    acls = (
        '<acls xmlns="urn:ietf:params:xml:ns:yang:ietf-access-control-list"><acl><name>corp</name>'
        "<type>ipv4-acl-type</type><aces><ace><name>web</name><matches><tcp><destination-port><operator>eq</operator>"
        "<port>80</port></destination-port></tcp></matches><actions><forwarding>accept</forwarding></actions></ace>"
        "</aces></acl><attachment-points><interface><interface-id>sn1</interface-id><ingress><acl-sets><acl-set>"
        "<name>corp</name></acl-set></acl-sets></ingress></interface></attachment-points></acls>"
    )
    link = (
        '<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"><interface><name>sn1</name>'
        '<type xmlns:t="urn:ietf:params:xml:ns:yang:iana-if-type">t:bridge</type></interface></interfaces>'
    )
    with Wire(node) as client:
        for rpc in (
            f"<edit-config><target><candidate/></target><config>{link}{acls}</config></edit-config>",
            "<commit/>",
        ):
            assert b"<ok" in (reply := client.rpc(rpc)), reply
    before = carried(node)
    assert node.stop() == 0
    (node.folder / "state/startup.xml").unlink()
    written = command(node, "--write")
    assert written.returncode == 0, written.stderr
    assert "shadownet-agent" not in (node.folder / "state/startup.xml").read_text()
    node.start()
    assert carried(node) == before
