# SPDX-License-Identifier: GPL-3.0-or-later
"""The dialect ``openconfig`` on a server that has OpenConfig's models: what the common tests do not ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.drift import classify
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.dialect import Dialect
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

from . import openconfig
from .conftest import Node
from .raw import BASE, Raw
from .server import Netconfd
from .test_yang import CHANGED, EVERYTHING

pytestmark = pytest.mark.netconf
DIALECT = Dialect("openconfig")
EMPTY: dict[str, Any] = {"interfaces": [], "routes": [], "access_lists": []}
_ACL = "http://openconfig.net/yang/acl"


@pytest.fixture
def hand(openconfig_server: Netconfd) -> Iterator[Raw]:
    """A session of somebody else, on a server that has the interface eth0."""
    with Node(openconfig_server).raw() as raw:
        openconfig.clear(raw)
        openconfig.add_interface(raw, "eth0", "192.0.2.9/24")
        yield raw


@pytest.fixture
def node(openconfig_server: Netconfd, hand: Raw) -> Node:
    return Node(openconfig_server)


def there(node: Node) -> dict[str, Any]:
    transport = node.transport(dialect=DIALECT)
    try:
        return transport.read().config.to_dict()
    finally:
        transport.close()


def drift(node: Node, config: dict[str, Any]) -> set[tuple[str, str]]:
    transport = node.transport(dialect=DIALECT)
    try:
        desired = transport.prepare(NodeConfig.from_dict(config))
        return {(one["kind"], one["object"]) for one in classify(transport.read().config, desired)}
    finally:
        transport.close()


def test_everything_is_made_changed_and_removed(node: Node) -> None:
    assert node.push(EVERYTHING, dialect=DIALECT).changed
    assert drift(node, EVERYTHING) == set()
    assert node.push(CHANGED, "overridden", dialect=DIALECT).changed
    assert drift(node, CHANGED) == set()
    assert node.push(EVERYTHING, "overridden", dialect=DIALECT).changed
    assert drift(node, EVERYTHING) == set()
    assert node.push({}, "deleted", dialect=DIALECT).changed
    assert there(node) == EMPTY


def test_what_is_read_can_be_pushed(node: Node) -> None:
    node.push(EVERYTHING, dialect=DIALECT)
    config = there(node)
    assert len(config["access_lists"]) == 2
    assert [item["name"] for item in config["interfaces"] if item.get("type") == "vlan"] == ["eth0.5", "eth0.6"]
    node.push({}, "overridden", dialect=DIALECT)
    node.push(config, "overridden", dialect=DIALECT)
    assert there(node) == config


def test_a_unit_goes_and_its_parent_stays(node: Node, hand: Raw) -> None:
    node.push(EVERYTHING, dialect=DIALECT)
    node.push({}, "deleted", dialect=DIALECT)
    reply = hand.rpc("<get-config><source><running/></source></get-config>")
    space = {"if": "http://openconfig.net/yang/interfaces", "ip": "http://openconfig.net/yang/interfaces/ip"}
    assert reply.xpath("//if:interface/if:name/text()", namespaces=space) == ["eth0"]
    assert reply.xpath("//if:subinterface/if:index/text()", namespaces=space) == ["0"]
    assert reply.xpath("//ip:address/ip:ip/text()", namespaces=space) == ["192.0.2.9"]


LIST = f'<acl xmlns="{_ACL}" xmlns:nc="{BASE}" xmlns:oc-acl="{_ACL}"><acl-sets><acl-set{{0}}><name>shadownet-a</name>'
LIST += "<type>oc-acl:ACL_IPV{1}</type>{2}</acl-set></acl-sets></acl>"
BINDING = (
    f'<acl xmlns="{_ACL}" xmlns:nc="{BASE}" xmlns:oc-acl="{_ACL}"><interfaces><interface><id>sn1</id>'
    '<ingress-acl-sets><ingress-acl-set nc:operation="delete"><set-name>shadownet-a</set-name>'
    "<type>oc-acl:ACL_IPV{0}</type></ingress-acl-set></ingress-acl-sets></interface></interfaces></acl>"
)
ENTRY = '<acl-entries><acl-entry nc:operation="delete"><sequence-id>{0}</sequence-id></acl-entry></acl-entries>'


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("sequence", [20, 40])
def test_half_of_an_entry_is_drift(node: Node, hand: Raw, family: int, sequence: int) -> None:
    node.push(EVERYTHING, dialect=DIALECT)
    hand.edit(LIST.format("", family, ENTRY.format(sequence)))
    assert drift(node, EVERYTHING) == {("changed", "access_list")}
    assert node.push(EVERYTHING, "overridden", dialect=DIALECT).changed
    assert drift(node, EVERYTHING) == set()


ENTRY_BY_HAND = "<acl-entries><acl-entry><sequence-id>10</sequence-id>{0}</acl-entry></acl-entries>"
SN1 = (
    '<interfaces xmlns="http://openconfig.net/yang/interfaces"><interface><name>sn1</name><subinterfaces>'
    "<subinterface><index>0</index>{0}</subinterface></subinterfaces></interface></interfaces>"
)
BY_HAND = [
    (LIST.format("", 4, ENTRY_BY_HAND.format("<ipv4><config><dscp>46</dscp></config></ipv4>")), "access_list"),
    (LIST.format("", 4, ENTRY_BY_HAND.format("<ipv4><config><hop-limit>1</hop-limit></config></ipv4>")), "access_list"),
    (SN1.format("<config><enabled>false</enabled></config>"), "interface"),
    (
        SN1.format(
            '<ipv4 xmlns="http://openconfig.net/yang/interfaces/ip"><config><enabled>false</enabled></config></ipv4>'
        ),
        "interface",
    ),
]


@pytest.mark.parametrize(("edit", "kind"), BY_HAND)
def test_what_somebody_adds_by_hand_is_drift(node: Node, hand: Raw, edit: str, kind: str) -> None:
    node.push(EVERYTHING, dialect=DIALECT)
    hand.edit(edit)
    assert ("changed", kind) in drift(node, EVERYTHING)
    assert node.push(EVERYTHING, "overridden", dialect=DIALECT).changed
    assert drift(node, EVERYTHING) == set()


@pytest.mark.parametrize("family", [4, 6])
def test_half_of_an_attachment_is_drift(node: Node, hand: Raw, family: int) -> None:
    node.push(EVERYTHING, dialect=DIALECT)
    hand.edit(BINDING.format(family))
    assert drift(node, EVERYTHING) == {("changed", "attachment")}
    assert node.push(EVERYTHING, "overridden", dialect=DIALECT).changed
    assert drift(node, EVERYTHING) == set()
    hand.edit(BINDING.format(family))
    node.push({}, "deleted", dialect=DIALECT)
    assert there(node) == EMPTY


def test_a_list_that_was_detached_does_not_hold_its_interface(node: Node) -> None:
    node.push(EVERYTHING, dialect=DIALECT)
    free = {**EVERYTHING, "interfaces": [dict(item) for item in EVERYTHING["interfaces"]], "access_lists": []}
    free["interfaces"][0].update(ingress=[], egress=[])
    node.push(free, "overridden", dialect=DIALECT)
    node.push({"interfaces": free["interfaces"][1:]}, "overridden", dialect=DIALECT)
    assert [item["name"] for item in there(node)["interfaces"]] == ["eth0.5", "eth0.6"]


def test_lists_of_others_stay(node: Node, hand: Raw) -> None:
    theirs = "<config><name>theirs</name><type>oc-acl:ACL_IPV4</type></config>"
    hand.edit(LIST.format("", 4, theirs).replace("shadownet-a", "theirs"))
    node.push(EVERYTHING, "overridden", dialect=DIALECT)
    node.push({}, "deleted", dialect=DIALECT)
    reply = hand.rpc("<get-config><source><running/></source></get-config>")
    assert reply.xpath("//a:acl-set/a:name/text()", namespaces={"a": _ACL}) == ["theirs"]
