# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that try to be XML, servers that lie about themselves, large replies, wrong keys, and ways to authenticate."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.announced import Announced
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.errors import NetconfError, Unreachable
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.link import Link
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput

from .conftest import Node
from .raw import SPACES

pytestmark = pytest.mark.netconf

EVIL = [
    "<script>alert(1)</script>",
    "a & b &amp; c &#60;",
    "\"double\" and 'single'",
    "]]>]]> and ##",
    "</description><name>x</name>",
    "{{ 7 * 7 }} {% raw %}",
    "ünïcödé 漢字 🙂 \u202e\u200b",
    "  blanks  inside  ".strip(),
    "x" * 4000,
]


@pytest.mark.parametrize("words", EVIL, ids=range(len(EVIL)))
def test_a_description_is_a_description(node: Node, words: str) -> None:
    node.push({"interfaces": [{"name": "sn1", "type": "bridge", "description": words}]})
    assert node.config()["interfaces"][0]["description"] == words
    with node.raw() as raw:
        assert raw.running().findtext(".//{*}description") == f"shadownet:{words}"


@pytest.mark.parametrize("name", ["a<b", "a&b", "ü漢", "a b", "../x", "]]>x"])
# Quotes in names are left to the tests without a server: netconfd crashes on them.
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


def test_no_session_with_a_wrong_host_key(node: Node, tmp_path: Path) -> None:
    other = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    port = node.server.port
    wrong = tmp_path / "known_hosts"
    wrong.write_text(f"[127.0.0.1]:{port} {other.with_suffix('.pub').read_text()}")
    with pytest.raises(NetconfError, match="The host key of") as caught:
        Link(node.address(known_hosts_file=str(wrong))).session()
    assert not isinstance(caught.value, Unreachable)
    with pytest.raises(InvalidInput, match="known_hosts_file"):
        Link(node.address(known_hosts_file=str(tmp_path / "none"))).session()


def test_no_session_with_a_wrong_key(node: Node, tmp_path: Path) -> None:
    other = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    with pytest.raises(NetconfError, match="does not let root in"):
        Link(node.address(private_key_file=str(other))).session()


def test_a_key_from_the_agent(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        for _attempt in range(100):
            if socket.exists():
                break
            agent.poll()
            os.sched_yield()
            subprocess.run(["sleep", "0.05"], check=True)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        subprocess.run(
            ["ssh-add", "-q", node.server.options["private_key_file"]], check=True, stderr=subprocess.DEVNULL
        )
        link = Link(node.address(private_key_file=None))
        link.session()
        link.close()
    finally:
        agent.terminate()
        agent.wait()


def test_the_ssh_configuration_names_host_user_key_and_jump_host(node: Node, tmp_path: Path) -> None:
    options = node.server.options
    config = tmp_path / "config"
    text = f"""
Host router1
  HostName 127.0.0.1
  Port {options["port"]}
  User root
  IdentityFile {options["private_key_file"]}
  UserKnownHostsFile {options["known_hosts_file"]}
  ProxyJump jump
Host jump
  HostName 127.0.0.1
  Port {options["port"]}
  User root
  IdentityFile {options["private_key_file"]}
  UserKnownHostsFile {options["known_hosts_file"]}
"""
    config.write_text(text)
    nothing: dict[str, Any] = dict.fromkeys(("port", "username", "private_key_file", "known_hosts_file"))
    address = node.address(host="router1", ssh_config_file=str(config), **nothing)
    assert "ssh://jump" in str(address.route().proxy)
    link = Link(address)
    assert link.session().announced.candidate
    link.close()
    config.write_text(text.replace("ProxyJump jump", f"ProxyCommand nc 127.0.0.1 {options['port']}"))
    assert node.address(host="router1", ssh_config_file=str(config), **nothing).route().proxy is not None


def test_nobody_there(node: Node) -> None:
    with pytest.raises(Unreachable, match="No NETCONF session with"):
        Link(node.address(port=1)).session()


def test_the_yang_library_is_asked_for_what_the_hello_lacks(node: Node) -> None:
    link = Link(node.address())
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
