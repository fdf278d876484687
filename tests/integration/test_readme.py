# SPDX-License-Identifier: GPL-3.0-or-later
"""The first hour of a user: the files and commands of README.md, as they stand there, in their order."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
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


def requests() -> str:
    """Two weeks of hourly values, up to the last hour, as the page asks for."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    times = [now - timedelta(hours=back) for back in range(14 * 24, 0, -1)]
    return "time,value\n" + "".join(f"{at:%Y-%m-%dT%H:%M:%SZ},{3000 - 200 * abs(at.hour - 12)}\n" for at in times)


def test_the_first_hour(lab: Lab, ansible: Ansible) -> None:
    page = (CHECKOUT / "README.md").read_text()
    part = page[page.index("## First use") : page.index("### Routers")]
    folder = ansible.folder
    folder.mkdir(parents=True, exist_ok=True)
    blocks = re.findall(r"(.*?)```yaml\n(.*?)```", part, re.DOTALL)
    # Each block is the file that was named last.
    files = {re.findall(r"`(\w+\.yml)`", before)[-1]: text for before, text in blocks}
    assert list(files) == ["hosts.yml", "request.yml", "reserve.yml", "instances.yml", "forecast.yml"]
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "requests.csv").write_text(requests())
    # The node of the page is a host that is not there; the rest stays as it is written.
    hosts = yaml.safe_load((folder / "hosts.yml").read_text())
    hosts["frontend_nodes"]["hosts"]["fe1"] = {"ansible_connection": "netns", "netns": lab.names["fe1"]}
    (folder / "hosts.yml").write_text(yaml.safe_dump(hosts))
    ansible.environment["ANSIBLE_CONNECTION_PLUGINS"] = str(Path(__file__).parent / "connection_plugins")

    commands = re.findall(r"^    ((?:ansible-playbook|shadownet-forecast) .*)$", part, re.MULTILINE)
    names = [command.split()[1].rpartition(".")[2] for command in commands]
    order = ["request", "status", "reconcile", "reserve", "instance_created", "instance_deleted", "status"]
    assert names == [*order, "plan", "forecast", "release"]
    runs = [ansible.command(*shlex.split(command)).ok() for command in commands]
    told = "".join(f"    {line}\n" for line in runs[0].task("Subnets")["msg"])
    assert told in page
    assert "(shadow), pool frankfurt-shadow, on fe1 sn1: active" in runs[4].task("Instances")["msg"][0]
    usage = runs[6].task("Usage of shadow reservations")["msg"]
    assert re.match(r"web +ipv4 +1 +1 +100\.0 %", usage[2])
    assert "web: " in runs[7].stdout
    assert "reserve" in runs[7].stdout
    assert all(line.startswith("web-") and "on fe1" in line for line in runs[8].task("Reservations")["msg"])
    assert (folder / ".shadownet/ledger.db").exists()
