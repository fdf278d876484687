# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook ``traffic``: from packets on a node to the audit trail and ``status``."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.shadownet.ipam.tests.integration.ansible_run import Ansible, Run
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab, namespaces

pytestmark = pytest.mark.netns


@pytest.fixture
def lab() -> Iterator[Lab]:
    """``client`` - ``fe1``, which forwards."""
    with namespaces("client", "fe1") as made:
        made.forward("fe1")
        made.join("client", "eth0", "fe1", "up0")
        made.run("client", "ip", "address", "add", "10.0.0.2/24", "dev", "eth0")
        made.run("fe1", "ip", "address", "add", "10.0.0.1/24", "dev", "up0")
        made.run("client", "ip", "route", "add", "default", "via", "10.0.0.1")
        # An instance that is no other host, so that nothing has to answer: a link that takes everything.
        made.run("fe1", "ip", "link", "add", "tap1", "type", "veth", "peer", "name", "in1")
        made.run("fe1", "ip", "link", "set", "tap1", "up", "arp", "off")
        made.run("fe1", "ip", "link", "set", "in1", "up")
        yield made


@pytest.fixture
def site(lab: Lab, ansible: Ansible, tmp_path: Path) -> Ansible:
    ansible.environment["SHADOWNET_LEDGER"] = str(tmp_path / "ledger.db")
    ansible.environment["ANSIBLE_CONNECTION_PLUGINS"] = str(Path(__file__).parents[1] / "connection_plugins")
    host = {"ansible_connection": "netns", "netns": lab.names["fe1"]}
    routers = {"r1": {"shadownet_transport": "netconf"}}
    ansible.folder.mkdir(parents=True, exist_ok=True)
    (ansible.folder / "hosts.yml").write_text(yaml.safe_dump({"frontend_nodes": {"hosts": {"fe1": host, **routers}}}))
    reservation = {"workload": "web", "instances": 2, "node": "fe1", "expires_at": "2099-01-01T00:00:00Z"}
    ansible.play(
        [
            {"name": "Pool", "shadownet.ipam.pool": {"name": "s", "kind": "shadow", "prefixes": ["10.200.0.0/24"]}},
            {"name": "Reserve", "shadownet.ipam.reservation": {"reservations": [reservation]}},
        ]
    ).ok()
    return ansible


def send(lab: Lab, target: str, number: int) -> None:
    with closing(lab.socket("client", socket.AF_INET, socket.SOCK_DGRAM)) as one:
        for _number in range(number):
            one.sendto(b"x", (target, 9))


def traffic(site: Ansible, *more: str) -> Run:
    return site.playbook("shadownet.ipam.traffic", "-i", "hosts.yml", *more).ok()


def words(run: Run) -> list[str]:
    found: Any = run.task("Report", "fe1")["msg"]
    return list(found)


def test_the_module_takes_null_and_names_what_it_refuses(site: Ansible) -> None:
    def count(**options: Any) -> dict[str, Any]:
        return {"name": "count", "shadownet.ipam.shadow_traffic": options, "ignore_errors": True}

    tasks = [count(prefixes=None, floors=None), count(prefixes=["10.0.0.0/24", ["10.0.1.0/24"]]), count(state="absent")]
    first, second, _last = site.play(tasks, "-i", "hosts.yml", "--limit", "fe1", hosts="fe1").ok().tasks
    assert first.status == "changed"
    assert second["msg"] == "prefixes[1]: expected text, not a list."


def test_from_packets_to_status(lab: Lab, site: Ansible) -> None:
    assert traffic(site, "--check").changed == 1
    first = traffic(site)
    assert (words(first), first.changed) == (["nothing new"], 1)
    site.playbook("shadownet.ipam.reconcile", "-i", "hosts.yml", "--limit", "fe1,localhost").ok()
    send(lab, "10.200.0.0", 4)
    send(lab, "10.200.0.1", 1)
    send(lab, "10.200.0.77", 3)
    second = traffic(site)
    assert words(second) == [
        "web: 5 packets reached no instance, most to 10.200.0.0/32",
        "pool s: 3 packets to addresses that nothing is reserved for, most to 10.200.0.0/24",
    ]
    instance = {"name": "web-1", "workload": "web", "node": "fe1", "interface": "tap1"}
    site.play([{"name": "Create", "shadownet.ipam.instance": instance}]).ok()
    site.playbook("shadownet.ipam.reconcile", "-i", "hosts.yml", "--limit", "fe1,localhost").ok()
    send(lab, "10.200.0.0", 6)
    third = traffic(site)
    assert (words(third), third.changed) == (["nothing new"], 0)
    fourth = traffic(site, "-e", "shadownet_idle_after=0s")
    assert words(fourth)[0].startswith("web-1 (web, 10.200.0.0/32): no traffic since")
    status = site.playbook("shadownet.ipam.status").ok().task("Usage of shadow reservations")["msg"]
    assert status[2].startswith("web")
    assert status[2].endswith("packets ahead of their instance 5; times an instance was found idle 1")
    assert "pool s (ipv4): packets to addresses that nobody reserved 3" in status
