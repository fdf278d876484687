# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of Kea in docs/dhcp.md, as it stands there, does what the page says."""

from __future__ import annotations

import json
import re
import shlex
import socket
from ipaddress import IPv4Address, IPv4Network

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.desk import give, take
from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.guard import (
    guard,
    read_prefixes,
    unguarded,
    weaknesses,
)
from ansible_collections.shadownet.ipam.tests.integration.ansible_run import CHECKOUT, Ansible
from ansible_collections.shadownet.ipam.tests.integration.dhcp.clients import DECLINE, NAK, RELEASE, REQUEST, greedy
from ansible_collections.shadownet.ipam.tests.integration.dhcp.conftest import CLIENT_LINK, LEDGER, Link, owned
from ansible_collections.shadownet.ipam.tests.integration.dhcp.kea_server import Kea

pytestmark = pytest.mark.netns
MAC = "52:54:00:00:00:01"


PAGE = (CHECKOUT / "docs/dhcp.md").read_text()
CONNECTIONS = CHECKOUT / "tests/integration/connection_plugins"


def started(link: Link) -> Kea:
    """Kea as the page configures it."""
    (text,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    config = json.loads(text)["Dhcp4"]
    # Places of this machine; the rest stays as it is written.
    for place in ("control-socket", "lease-database", "hooks-libraries", "interfaces-config"):
        del config[place]
    return link.start(config.pop("subnet4", []), **config)


def test_the_playbooks_in_the_documentation(link: Link, ansible: Ansible) -> None:
    """The files and commands of the page, as they stand there, in their order."""
    kea = started(link)
    folder = ansible.folder
    folder.mkdir(parents=True, exist_ok=True)
    ansible.environment |= {"SHADOWNET_LEDGER": str(folder / "ledger.db")}
    ansible.environment["ANSIBLE_CONNECTION_PLUGINS"] = str(CONNECTIONS)
    host = {"ansible_connection": "netns", "netns": link.lab.names["server"]}
    (folder / "hosts.yml").write_text(json.dumps({"frontend_nodes": {"hosts": {"fe1": host}}}))
    files = re.findall(r"`(\w+\.yml)`[^`]*?:?\n\n```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert [name for name, _text in files] == ["reserve.yml", "dhcp.yml", "instances.yml"]
    for name, text in files:
        (folder / name).write_text(text.replace("/run/kea/kea4-ctrl-socket", str(kea.socket)))
    commands = re.findall(r"^    (ansible-playbook .*)$", PAGE, re.MULTILINE)
    runs = [ansible.command(*shlex.split(command)).ok() for command in commands]
    assert [run.changed > 0 for run in runs] == [True, True]
    told = runs[1].task("Instances")["msg"]
    assert "".join(f"    {line}\n" for line in told) in PAGE
    (look,) = re.findall(r"^    (ansible -i .*)$", PAGE, re.MULTILINE)
    words = shlex.split(look)
    seen = ansible.command(*words[:-1], f"{words[-1]} socket={kea.socket}").ok().stdout
    assert ('"unguarded": []' in seen, '"taken": []' in seen, '"instance": "web-17"' in seen) == (True, True, True)


def test_the_configuration_in_the_documentation(link: Link) -> None:
    kea = started(link)
    server_id = socket.inet_aton("10.80.0.1")
    server, shadow = link.server, read_prefixes(["10.80.0.0/24"])
    done = guard(server, shadow, ledger=LEDGER)
    assert [str(span) for span in done.added] == ["10.80.0.2-10.80.0.254"]
    assert weaknesses(server, shadow) == []
    give(server, owned("10.80.0.20", MAC, "web-1"))
    link.bare(
        lambda client: (
            client.obtain(MAC),
            client.ask(RELEASE, MAC, current="10.80.0.20", server=server_id),
            client.ask(DECLINE, MAC, wanted="10.80.0.20", server=server_id),
        )
    )
    got = link.lab.call("client", greedy, CLIENT_LINK, 20)
    assert len(set(got)) == 20
    assert all(IPv4Address(address) in IPv4Network("10.90.0.0/24") for address in got)
    # A stranger may give its address back.
    stranger = "0a:00:00:00:00:05"
    link.bare(lambda client: client.ask(RELEASE, stranger, current=got[5], server=server_id))
    assert link.bare(lambda client: client.obtain(MAC)).address == "10.80.0.20"
    assert server.lease_of(got[5]) is None
    take(server, "10.80.0.20", ledger=LEDGER, instance="web-1")
    assert link.bare(lambda client: client.ask(REQUEST, MAC, wanted="10.80.0.20")).kind == NAK
    kea.stop()
    kea.start()
    assert unguarded(server, shadow) == ([], [])
