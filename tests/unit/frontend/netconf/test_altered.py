# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody adds to an object of ours by hand, or changes where we do not look, is a change for the next push."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import transition
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.dialect import Dialect
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.edit import context
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.parse import Reader
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import NetconfTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.trees import parse, pretty
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

CONFIG: dict[str, Any] = {
    "interfaces": [
        {"name": "sn1", "type": "bridge", "addresses": ["10.1.0.1/24", "2001:db8:1::1/64"], "ingress": ["shadownet-a"]}
    ],
    "routes": [
        {"prefix": "10.9.0.0/16", "type": "blackhole"},
        {"prefix": "10.9.1.0/24", "next_hop": "10.1.0.9", "interface": "sn1"},
        {"prefix": "2001:db8:9::/48", "type": "blackhole"},
    ],
    "access_lists": [
        {
            "name": "shadownet-a",
            "entries": [
                {
                    "name": "web",
                    "action": "accept",
                    "protocol": "tcp",
                    "destination": "10.1.0.0/24",
                    "destination_port": "443",
                },
                {"name": "old", "action": "accept", "established": True},
                {"name": "names", "action": "accept", "protocol": "udp", "destination_port": "53-54"},
            ],
        }
    ],
}


def written(dialect: str) -> tuple[NetconfTransport, NodeConfig, str]:
    config = CONFIG
    if dialect == "junos":
        config = {
            "interfaces": [{"name": "irb.7", "type": "bridge", "addresses": ["10.1.0.1/24"]}],
            "routes": [*CONFIG["routes"][:1], {"prefix": "10.9.1.0/24", "next_hop": "10.1.0.9"}],
        }
    transport = NetconfTransport(dialect=Dialect(dialect))
    wanted = transport.prepare(NodeConfig.from_dict(config))
    return transport, wanted, "\n".join(transport.render(transition(NodeConfig(), wanted)))


def altered(text: str, old: str, new: str) -> str:
    found, times = re.subn(old, new, text, count=1, flags=re.DOTALL)
    assert times == 1
    return found


TAGGED = (
    '<x:logging xmlns:x="urn:x" xmlns:wd="urn:ietf:params:xml:ns:netconf:default:1.0" wd:default="true">y</x:logging>'
)
ACL, ROUTE, LINK = ("access_list",), ("route",), ("interface",)
HAND_MADE = [
    ("ietf", "<operator>eq", "<operator>lte", ACL),
    ("ietf", "<operator>eq", "<operator>neq", ACL),
    ("ietf", "<operator>eq", "<operator>gte", ACL),
    ("ietf", "<flags>ack", "<flags>syn", ACL),
    ("ietf", "<flags>ack", "<flags>ack syn", ACL),
    ("ietf", "<protocol>6</protocol>", r"\g<0><dscp>63</dscp>", ACL),
    ("ietf", "<protocol>6</protocol>", r"\g<0><ttl>1</ttl>", ACL),
    ("ietf", "<protocol>6</protocol>", r"\g<0><length>40</length>", ACL),
    ("ietf", "<protocol>6</protocol>", r"\g<0><flags>fragment</flags>", ACL),
    ("ietf", "<flags>ack</flags>", r"\g<0><window-size>1</window-size>", ACL),
    ("ietf", "<matches>", r"\g<0><egress-interface>eth0</egress-interface>", ACL),
    ("ietf", "<matches>", r"\g<0><icmp><type>8</type></icmp>", ACL),
    ("ietf", "<matches>", r'\g<0><vendor xmlns="urn:vendor"/>', ACL),
    ("ietf", "<tcp>", "<ipv4><protocol>6</protocol></ipv4><tcp>", ACL),
    ("ietf", r"<tcp>(.*?)</tcp>", r"<udp>\1</udp>", ACL),
    ("ietf", r"\s*<flags>ack</flags>", "", ACL),
    ("ietf", "</forwarding>", r"\g<0><logging>log-syslog</logging>", ACL),
    ("ietf", "<type>mixed-eth-ipv4-ipv6-acl-type", "<type>eth-acl-type", ACL),
    ("ietf", "<type>mixed-eth-ipv4-ipv6-acl-type</type>", "", ACL),
    ("ietf", "<aces>", r'<vendor xmlns="urn:vendor">any</vendor>\g<0>', ACL),
    ("ietf", "blackhole", "receive", ROUTE),
    ("ietf", "blackhole", "unreachable", ROUTE),
    ("ietf", "blackhole(.*)blackhole", r"blackhole\1prohibit", ROUTE),
    ("ietf", "</next-hop>", r'\g<0><preference xmlns="urn:vendor">1</preference>', ROUTE),
    ("ietf", "<next-hop-address>10.1.0.9</next-hop-address>", r'\g<0><vrf xmlns="urn:vendor">red</vrf>', ROUTE),
    ("ietf", "<ipv4 [^>]*ietf-ip[^>]*>", r"\g<0><enabled>false</enabled>", LINK),
    ("ietf", "<ipv6 [^>]*ietf-ip[^>]*>", r"\g<0><enabled>false</enabled>", LINK),
    ("openconfig", "<protocol>6</protocol>", r"\g<0><dscp>63</dscp>", ACL),
    ("openconfig", "<protocol>6</protocol>", r"\g<0><hop-limit>1</hop-limit>", ACL),
    ("openconfig", "TCP_ACK", "TCP_SYN", ACL),
    ("openconfig", "<tcp-flags>[^<]*</tcp-flags>", r"\g<0><tcp-flags>TCP_SYN</tcp-flags>", ACL),
    ("openconfig", "<actions>", "<l2><config><ethertype>2048</ethertype></config></l2><actions>", ACL),
    (
        "openconfig",
        "<actions>",
        "<input-interface><interface-ref><config><interface>e</interface></config></interface-ref></input-interface>\\g<0>",
        ACL,
    ),
    ("openconfig", "</forwarding-action>", r"\g<0><log-action>LOG_SYSLOG</log-action>", ACL),
    ("openconfig", "<acl-entries>", r'<vendor xmlns="urn:vendor">any</vendor>\g<0>', ACL),
    ("openconfig", "<next-hop>[^<]*DROP</next-hop>", r"\g<0><metric>9</metric>", ROUTE),
    ("openconfig", "<next-hop>10.1.0.9</next-hop>", r"\g<0><recurse>true</recurse>", ROUTE),
    ("openconfig", "<config><prefix>10.9.0.0/16</prefix>", r"\g<0><set-tag>7</set-tag>", ROUTE),
    ("openconfig", "(<index>0</index>)(</config>)", r"\1<enabled>false</enabled>\2", LINK),
    ("openconfig", "</addresses>", r"\g<0><config><enabled>false</enabled></config>", LINK),
    ("junos", "<discard/>", "<discard/><passive/>", ROUTE),
    ("junos", "<next-hop>10.1.0.9</next-hop>", r"\g<0><preference>1</preference>", ROUTE),
    ("junos", "<route ", '<route inactive="inactive" ', ROUTE),
    ("junos", "<unit>", '<unit inactive="inactive">', LINK),
    ("junos", "<inet>", '<inet inactive="inactive">', LINK),
]


@pytest.mark.parametrize(("dialect", "old", "new", "kinds"), HAND_MADE)
def test_what_is_not_known_is_a_change(dialect: str, old: str, new: str, kinds: tuple[str, ...]) -> None:
    transport, wanted, text = written(dialect)
    assert transition(transport.parse(text), wanted) == []
    changes = transition(transport.parse(altered(re.sub(r">\s+<", "><", text), old, new)), wanted)
    assert {change.kind for change in changes} >= set(kinds)
    # What hangs on an interface that is made anew is made anew, too.
    assert all(change.kind in (*kinds, *(("address", "route") if kinds == LINK else ())) for change in changes)
    payload = "\n".join(transport.render(changes))
    assert 'operation="replace"' in payload
    assert "altered" not in payload


@pytest.mark.parametrize(
    ("dialect", "old", "new"),
    [
        ("ietf", "</forwarding>", r"\g<0><logging>log-none</logging>"),
        ("ietf", "</forwarding>", rf"\g<0>{TAGGED}"),
        ("ietf", "<flags>ack</flags>", "<flags> ack </flags>"),
        (
            "ietf",
            "<type>mixed-eth-ipv4-ipv6-acl-type",
            '<type xmlns:a="urn:ietf:params:xml:ns:yang:ietf-access-control-list">a:mixed-eth-ipv4-ipv6-acl-type',
        ),
        ("ietf", "<destination-prefix>10", r"<description>words</description>\g<0>"),
        ("ietf", "<ipv4 [^>]*ietf-ip[^>]*>", r"\g<0><enabled>true</enabled><forwarding>true</forwarding>"),
        ("openconfig", "</forwarding-action>", r"\g<0><log-action>LOG_NONE</log-action>"),
        (
            "openconfig",
            "<actions>",
            "<l2><state/></l2><mpls/><input-interface><interface-ref/></input-interface><actions>",
        ),
        ("openconfig", "<next-hop>10.1.0.9</next-hop>", r"\g<0><recurse>false</recurse>"),
        ("openconfig", "(<index>0</index>)(</config>)", r"\1<enabled>true</enabled>\2"),
        ("openconfig", "</addresses>", r"\g<0><config><enabled>true</enabled></config>"),
        ("junos", "<tag>.*?</tag>", "<tag>201</tag>"),
    ],
)
def test_defaults_are_no_change(dialect: str, old: str, new: str) -> None:
    transport, wanted, text = written(dialect)
    assert transition(transport.parse(altered(re.sub(r">\s+<", "><", text), old, new)), wanted) == []


# Lists of others on an interface of ours


CORP = {
    "ietf": "<acl-set><name>corp</name></acl-set>",
    "openconfig": "<ingress-acl-set><set-name>corp</set-name><type>ACL_IPV4</type>"
    "<config><set-name>corp</set-name><type>ACL_IPV4</type></config></ingress-acl-set>",
}


def shared(dialect: str, direction: str = "ingress", alone: bool = False) -> tuple[Reader, Any, NodeConfig]:
    """A configuration in which sn1 has the list of others, too."""
    _transport, wanted, text = written(dialect)
    text = re.sub(r">\s+<", "><", text)
    place = "<acl-sets>" if dialect == "ietf" else "<ingress-acl-sets>"
    if direction == "egress":
        corp = f"<egress><acl-sets>{CORP['ietf']}</acl-sets></egress>"
        text = altered(text, "</ingress>", rf"\g<0>{corp}")
    else:
        text = altered(text, place, rf"\g<0>{CORP[dialect]}")
    if alone:
        text = re.sub(r"<(ingress-)?acl-set><(set-)?name>shadownet.*?</(ingress-)?acl-set>", "", text)
    return Reader(Dialect(dialect)), parse(text.encode()), wanted


@pytest.mark.parametrize("dialect", ["ietf", "openconfig"])
@pytest.mark.parametrize("alone", [False, True])
def test_a_list_of_others_beside_ours_gives_way(dialect: str, alone: bool) -> None:
    reader, root, wanted = shared(dialect, alone=alone)
    before = reader.read(root, guarded={("sn1", "ingress")}).config
    changes = transition(before, wanted)
    assert [(change.op, change.key) for change in changes] == [("change", "sn1 ingress")]
    assert changes[0].before is not None
    assert changes[0].before["access_lists"] == (["corp"] if alone else ["corp", "shadownet-a"])
    made = context(changes, before, Dialect(dialect), shared=reader.shared)["attachments"]
    assert [item["op"] for item in made] == ["merge"]
    assert {"name": "corp", "op": "remove"} in made[0]["directions"][0]["sets"]


@pytest.mark.parametrize(("dialect", "direction"), [("ietf", "ingress"), ("ietf", "egress"), ("openconfig", "ingress")])
def test_a_list_of_others_stays_when_ours_goes(dialect: str, direction: str) -> None:
    reader, root, _wanted = shared(dialect, direction)
    before = reader.read(root).config
    assert reader.shared == {"sn1"}
    after = NodeConfig.from_dict({**CONFIG, "interfaces": [{**CONFIG["interfaces"][0], "ingress": []}]})
    after = NetconfTransport(dialect=Dialect(dialect)).prepare(after)
    changes = transition(before, after)
    assert [(change.op, change.kind) for change in changes] == [("remove", "attachment")]
    text = pretty(Dialect(dialect).edit(context(changes, before, Dialect(dialect), shared=reader.shared)))
    assert "shadownet-a" in text
    assert "corp" not in text
    assert not re.search(r"<interface [^>]*operation", text)
    alone = NetconfTransport(dialect=Dialect(dialect))
    rest = reader.read(shared(dialect, direction, alone=True)[1]).config
    assert transition(rest, alone.prepare(after)) == [], "nothing of others is left to change"


def test_the_attachments_of_others_go_with_the_interface() -> None:
    """They refer to it: it could not go alone."""
    reader, root, wanted = shared("ietf", alone=True)
    before = reader.read(root).config
    made = context(transition(before, NodeConfig()), before, Dialect("ietf"), shared=reader.shared)["attachments"]
    assert [(item["interface"], item["op"]) for item in made] == [("sn1", "remove")]
    del wanted


# The instance of the routing protocol


def test_an_instance_of_another_type_is_not_ours() -> None:
    transport, wanted, text = written("ietf")
    theirs = (
        '<control-plane-protocol><type xmlns:o="urn:o">o:ospf</type><name>shadownet</name>'
        "<description>ledger ab revision 9</description></control-plane-protocol>"
    )
    text = altered(text, "<control-plane-protocols>", rf"\g<0>{theirs}")
    assert transition(transport.parse(text), wanted) == []
    assert Reader(Dialect("ietf")).read(parse(text.encode())).mark is None
    only = altered(text, r"<type>static</type>", '<type xmlns:o="urn:o">o:ospf</type>')
    assert transport.parse(only).routes == ()


# A dialect of the user's own


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "acl:forwarding:",
            "other:forwarding:",
            "read.access_lists.entries.known: the prefix 'other' has no namespace",
        ),
        ("acl:operator: eq", "acl:operator: '['", "read.access_lists.entries.known: unterminated character set"),
        ("acl:operator: eq", "acl:operator: 7", "'7' is neither names nor"),
        ("acl:operator: eq", "operator: eq", "'operator' has no prefix"),
    ],
)
def test_mistakes_in_what_is_known(tmp_path: Path, old: str, new: str, words: str) -> None:
    shutil.copytree(Dialect("ietf").folder, tmp_path, dirs_exist_ok=True)
    place = tmp_path / "dialect.yml"
    text = place.read_text()
    assert old in text
    place.write_text(text.replace(old, new))
    with pytest.raises(InvalidInput, match=re.escape(words)):
        Dialect(path=tmp_path)
