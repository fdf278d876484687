# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody changes by hand in an object of ours, on a real server: the comparison says so, a push repairs it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.errors import NetconfError
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

from .conftest import Node
from .raw import SPACES
from .test_habits import MARK, Open, opened, pushed

pytestmark = pytest.mark.netconf
__all__ = ["opened"]

CONFIG: dict[str, list[dict[str, Any]]] = {
    "interfaces": [
        {"name": "sn1", "type": "bridge", "addresses": ["10.1.0.1/24", "2001:db8:1::1/64"]},
        {"name": "sn2", "type": "bridge", "addresses": ["10.2.0.1/24"]},
    ],
    "routes": [
        {"prefix": "10.9.0.0/16", "type": "blackhole"},
        {"prefix": "10.9.1.0/24", "next_hop": "10.1.0.9", "interface": "sn1"},
    ],
}


def route(prefix: str, inside: str) -> str:
    """An edit of one route of ours."""
    space = "urn:ietf:params:xml:ns:yang:ietf-ipv4-unicast-routing"
    words = f"<destination-prefix>{prefix}</destination-prefix><next-hop>{inside}</next-hop>"
    return (
        f'<routing xmlns="{SPACES["rt"]}"><control-plane-protocols><control-plane-protocol><type>static</type>'
        f'<name>shadownet</name><static-routes><ipv4 xmlns="{space}"><route>{words}</route></ipv4></static-routes>'
        "</control-plane-protocol></control-plane-protocols></routing>"
    )


def interface(family: int, inside: str) -> str:
    """An edit of sn1."""
    words = f'<ipv{family} xmlns="{SPACES["ip"]}">{inside}</ipv{family}>'
    return f'<interfaces xmlns="{SPACES["if"]}"><interface><name>sn1</name>{words}</interface></interfaces>'


HAND_MADE = [
    (route("10.9.0.0/16", "<special-next-hop>receive</special-next-hop>"), ("route", "10.9.0.0/16")),
    (route("10.9.0.0/16", "<special-next-hop>unreachable</special-next-hop>"), ("route", "10.9.0.0/16")),
    (
        route(
            "10.9.1.0/24",
            "<next-hop-list><next-hop><index>1</index><next-hop-address>10.1.0.9</next-hop-address>"
            "<outgoing-interface>sn1</outgoing-interface></next-hop></next-hop-list>",
        ),
        ("route", "10.9.1.0/24"),
    ),
    (interface(4, "<enabled>false</enabled>"), ("interface", "sn1")),
    (interface(6, "<enabled>false</enabled>"), ("interface", "sn1")),
]


@pytest.mark.parametrize(("edit", "key"), HAND_MADE)
@pytest.mark.parametrize("habits", ["", "report-all", "tagged"])
def test_a_change_by_hand_is_drift(node: Node, opened: Open, habits: str, edit: str, key: tuple[str, str]) -> None:
    transport = opened(node, *habits.split())
    wanted = NodeConfig.from_dict(CONFIG)
    pushed(transport, CONFIG, mark=MARK)
    with node.raw() as raw:
        before = raw.text()
        raw.edit(edit)
        assert raw.text() != before
        drift = push(transport, wanted, "overridden", check_mode=True, mark=MARK).drift
        assert ("changed", *key) in {(one["kind"], one["object"], one["key"]) for one in drift}
        pushed(transport, CONFIG, mark=MARK)
        assert raw.text() == before
    assert not pushed(transport, CONFIG, mark=MARK).changed


def test_another_protocol_of_that_name_is_nobody_of_ours(node: Node, opened: Open) -> None:
    transport = opened(node)
    kind = '<type xmlns:r="urn:ietf:params:xml:ns:yang:ietf-routing">r:direct</type>'
    theirs = f"{kind}<name>shadownet</name><description>ledger abcd revision 99</description>"
    inside = f"<control-plane-protocol>{theirs}</control-plane-protocol>"
    with node.raw() as raw:
        raw.edit(
            f'<routing xmlns="{SPACES["rt"]}"><control-plane-protocols>{inside}</control-plane-protocols></routing>'
        )
        alone = raw.text()
        assert pushed(transport, CONFIG, mark=MARK).changed
        assert not pushed(transport, CONFIG, mark=MARK).changed
        assert transport.read().mark == MARK
        pushed(transport, {}, mark=MARK)
        assert raw.text() == alone


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_node_that_cannot_be_edited_is_refused(node: Node, opened: Open, check_mode: bool) -> None:
    with node.raw() as raw:
        before = raw.text()
        with pytest.raises(NetconfError, match="neither the capability :candidate nor :writable-running"):
            push(opened(node, "read-only"), NodeConfig.from_dict(CONFIG), "overridden", check_mode)
        assert raw.text() == before
    assert opened(node, "read-only").read().config == NodeConfig(), "it can be read all the same"


def test_a_library_that_lacks_a_module_is_asked(node: Node, opened: Open) -> None:
    lists = {"access_lists": [{"name": "shadownet-a"}]}
    for check_mode in (True, False):
        with pytest.raises(NetconfError, match="YANG modules ietf-access-control-list, which access lists need"):
            push(opened(node, "library-only"), NodeConfig.from_dict(lists), "merged", check_mode)
    assert pushed(opened(node, "library-only"), CONFIG).changed
