# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that try to be XML, large replies, and what servers announce."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.address import Address
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.announced import Announced
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.errors import Unreachable
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.link import Link
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.operations import get_config
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.session import Session
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import NetconfTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.trees import to_bytes
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput, NodeError
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

from .conftest import Node
from .middle import Middle
from .raw import SPACES
from .server import Netconfd, why_not

pytestmark = pytest.mark.netconf

EVIL = [
    "<script>alert(1)</script>",
    "a & b &amp; c &#60;",
    "\"double\" and 'single'",
    "]]>]]> and ##",
    "</description><name>x</name>",
    "{{ 7 * 7 }} {% raw %}",
    "ünïcödé 漢字 🙂 \u202e\u200b",
    "\u05e9\u05dc\u05d5\u05dd \u202e\u2066abc\u2069 \U0001f469\u200d\U0001f680 \U00020000 \U0010fffd",
    "]]>]]><rpc/>]]>",
    "#5 <![CDATA[x]]> <!-- --> <?pi?> <!DOCTYPE a>",
    "%s %(x)s {0} $HOME `id` \\n \\",
    "  blanks  inside  ".strip(),
    "x" * 4000,
]


@pytest.mark.parametrize("words", EVIL, ids=range(len(EVIL)))
def test_a_description_is_a_description(node: Node, words: str) -> None:
    node.push({"interfaces": [{"name": "sn1", "type": "bridge", "description": words}]})
    assert node.config()["interfaces"][0]["description"] == words
    with node.raw() as raw:
        assert raw.running().findtext(".//{*}description") == f"shadownet:{words}"


@pytest.mark.parametrize("words", ["]]>]]>", "]]>]]><rpc/>]]>]]>", "🙂 \u202e ]]>"], ids=range(3))
def test_the_end_of_messages_in_a_description(node: Node, tmp_path: Path, words: str) -> None:
    """In NETCONF 1.0, ]]>]]> ends a message."""
    desired = NodeConfig.from_dict({"interfaces": [{"name": "sn1", "type": "bridge", "description": words}]})
    with Middle(node.server, tmp_path, "base10") as way:
        address = Address(**way.options, timeout=20.0)
        session = Session(address)
        assert not session.announced.base11
        session.close()
        transport = NetconfTransport(address, node="fe1")
        try:
            push(transport, desired, "merged")
            assert transport.read().config.interfaces[0].description == words
        finally:
            transport.close()


CONTROL = ["a\x00b", "\x07", "a\nb", "a\n#5\nb", "\x1b[31m", "\x7f", "\ufffe", "\uffff", "\ud800"]


@pytest.mark.parametrize("words", CONTROL, ids=range(len(CONTROL)))
@pytest.mark.parametrize("field", ["name", "description"])
def test_what_xml_cannot_carry_is_refused_before_anything_is_sent(node: Node, field: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=field):
        node.push({"interfaces": [{"name": "sn1", "type": "bridge", field: words}]})


def test_the_server_crashes_over_a_name(tmp_path: Path) -> None:
    """netconfd takes an apostrophe in a name, gives it back, and aborts when the interface is removed."""
    if reason := why_not():
        pytest.skip(reason)
    with Netconfd(tmp_path / "mortal") as server:
        node = Node(server)
        node.push({"interfaces": [{"name": "it's", "type": "bridge"}]})
        assert [one["name"] for one in node.config()["interfaces"]] == ["it's"]
        with pytest.raises(NodeError, match=r"connection was (lost|closed)"):
            node.push({}, "deleted")
        assert server.is_dead(), "netconfd survives apostrophes: put this name to the others"


@pytest.mark.parametrize("name", ["a<b", "a&b", 'a"b', "ü漢", "a b", "../x", "]]>x"])
def test_a_name_is_a_name(node: Node, name: str) -> None:
    with node.raw() as raw:
        raw.interface("y", "theirs")
        before = raw.text()
        node.push({"interfaces": [{"name": name, "type": "bridge", "addresses": ["10.1.0.1/24"]}]}, "overridden")
        assert [one["name"] for one in node.config()["interfaces"]] == [name]
        node.push({}, "deleted")
        assert raw.text() == before


def test_a_large_foreign_configuration_is_read_and_not_shown(node: Node) -> None:
    items = "".join(
        f"<interface><name>eth{n}</name><description>{'secret ' * 100}</description>"
        '<type xmlns:t="urn:ietf:params:xml:ns:yang:iana-if-type">t:ethernetCsmacd</type></interface>'
        for n in range(2000)
    )
    with node.raw() as raw:
        raw.edit(f'<interfaces xmlns="{SPACES["if"]}">{items}</interfaces>')
        assert len(raw.text()) > 1_500_000
    result = node.push({"interfaces": [{"name": "sn1", "type": "bridge"}]})
    assert len(result.foreign.interfaces) == 2000
    assert "secret" not in str(result)


def test_ten_megabytes(tmp_path: Path) -> None:
    """Started with them: netconfd takes minutes to be given so many."""
    if reason := why_not():
        pytest.skip(reason)
    server = Netconfd(tmp_path / "big")
    items = "".join(
        f"<interface><name>eth{n}</name><description>{'secret ' * 1500}</description>"
        '<type xmlns:t="urn:ietf:params:xml:ns:yang:iana-if-type">t:ethernetCsmacd</type></interface>'
        for n in range(1000)
    )
    text = f'<config xmlns="{SPACES["nc"]}"><interfaces xmlns="{SPACES["if"]}">{items}</interfaces></config>'
    (server.folder / "startup-cfg.xml").write_text(text)
    with server:
        node = Node(server)
        session = Session(node.address())
        assert len(to_bytes(session.call(get_config(None)))) > 10_000_000
        session.close()
        result = node.push({"interfaces": [{"name": "sn1", "type": "bridge"}]}, check_mode=True)
        assert len(result.foreign.interfaces) == 1000
        assert "secret" not in str(result)


def test_nobody_there(node: Node) -> None:
    with pytest.raises(Unreachable, match="No NETCONF session with"):
        Link(node.address(port=1)).session()


def test_the_yang_library_is_asked_for_what_the_hello_lacks(tmp_path: Path) -> None:
    """Of a server of its own: netconfd crashes over this question once there were edits."""
    if reason := why_not():
        pytest.skip(reason)
    with Netconfd(tmp_path / "server") as server:
        link = Link(Node(server).address())
        link.session()
        announced = link.announced
        announced.modules -= {"ietf-interfaces", "ietf-routing"}
        assert announced.lacks(("ietf-interfaces",)) == ["ietf-interfaces"]
        assert link.lacks(("ietf-interfaces", "ietf-routing", "no-such-module")) == ["no-such-module"]
        link.close()


def test_old_spellings_of_capabilities_are_understood() -> None:
    announced = Announced(
        [
            "urn:ietf:params:xml:ns:netconf:base:1.0",
            "urn:ietf:params:xml:ns:netconf:capability:candidate:1.0",
            "urn:ietf:params:xml:ns:netconf:capability:confirmed-commit:1.0",
            "urn:ietf:params:xml:ns:netconf:capability:url:1.0?scheme=http,ftp,file",
        ]
    )
    assert (announced.candidate, announced.confirmed, announced.persist, announced.base11) == (True, True, False, False)
    assert [one.partition(":")[0] for one in announced.missing_guarantees()] == ["persist-id", "validate"]
