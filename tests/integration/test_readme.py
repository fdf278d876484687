# SPDX-License-Identifier: GPL-3.0-or-later
"""The first hour of a user: the files and commands of README.md, as they stand there, in their order."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ansible_collections.shadownet.ipam.tests.integration.ansible_run import CHECKOUT, Ansible
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab, namespaces

pytestmark = [pytest.mark.netns, pytest.mark.slow]


@pytest.fixture
def lab() -> Iterator[Lab]:
    with namespaces("fe1") as made:
        yield made


def test_the_first_hour(lab: Lab, ansible: Ansible) -> None:
    page = (CHECKOUT / "README.md").read_text()
    part = page[page.index("## First use") : page.index("### Routers")]
    folder = ansible.folder
    folder.mkdir(parents=True, exist_ok=True)
    files = re.findall(r"`(\w+\.yml)`.*?\n```yaml\n(.*?)```", part, re.DOTALL)
    assert [name for name, _text in files] == ["hosts.yml", "request.yml", "reserve.yml", "instances.yml"]
    for name, text in files:
        (folder / name).write_text(text)
    # The node of the page is a host that is not there; the rest stays as it is written.
    hosts = yaml.safe_load((folder / "hosts.yml").read_text())
    hosts["frontend_nodes"]["hosts"]["fe1"] = {"ansible_connection": "netns", "netns": lab.names["fe1"]}
    (folder / "hosts.yml").write_text(yaml.safe_dump(hosts))
    ansible.environment["ANSIBLE_CONNECTION_PLUGINS"] = str(Path(__file__).parent / "connection_plugins")

    commands = re.findall(r"^    (ansible-playbook .*)$", part, re.MULTILINE)
    names = [command.split()[1].rpartition(".")[2] for command in commands]
    order = ["request", "status", "reconcile", "reserve", "instance_created", "instance_deleted", "status", "release"]
    assert names == order
    runs = [ansible.command(*shlex.split(command)).ok() for command in commands]
    told = "".join(f"    {line}\n" for line in runs[0].task("Subnets")["msg"])
    assert told in page
    assert "(shadow), pool frankfurt-shadow, on fe1 sn1: active" in runs[4].task("Instances")["msg"][0]
    usage = runs[6].task("Usage of shadow reservations")["msg"]
    assert re.match(r"web +ipv4 +1 +1 +100\.0 %", usage[2])
    assert (folder / ".shadownet/ledger.db").exists()
