# SPDX-License-Identifier: GPL-3.0-or-later
"""The module and the playbooks over NETCONF, as a user runs them: the transport comes from the inventory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.tests.integration.ansible_run import Ansible, Run

from .conftest import Node

pytestmark = pytest.mark.netconf

POOLS = [
    {"name": "lab", "prefixes": ["10.64.0.0/16", "2001:db8::/48"], "bandwidth": "1Gbit", "quarantine": "1s"},
    {"name": "edge", "prefixes": ["198.51.100.0/24"], "gateway": "router"},
]
REQUESTS = [
    {"name": "web", "addresses": 50, "bandwidth": "10Mbit", "node": "fe1", "pools": ["lab"]},
    {"name": "web6", "addresses": 50, "family": "ipv6", "node": "fe1"},
    {"name": "uplink", "prefix_length": 29, "pools": ["edge"], "node": "fe1"},
]
SECRET = "hunter2-not-to-be-seen"


@dataclass
class Site:
    """Ansible, one NETCONF node ``fe1`` in the inventory, and a ledger."""

    ansible: Ansible
    node: Node
    inventory: Path
    ledger: Path

    def run(self, playbook: str, *arguments: str, **variables: Any) -> Run:
        extra = {"shadownet_ledger": str(self.ledger), "shadownet_pools": POOLS, "shadownet_requests": REQUESTS}
        return self.ansible.playbook(
            f"shadownet.ipam.{playbook}", "-i", str(self.inventory), *arguments, extra_vars={**extra, **variables}
        )

    def task(self, *arguments: str, **options: Any) -> Run:
        """One task ``frontend_config`` on the node."""
        task = {"shadownet.ipam.frontend_config": {"transport": "netconf", **options}}
        return self.ansible.play([task], "-i", str(self.inventory), *arguments, hosts="fe1")

    def statuses(self) -> dict[str, str]:
        with Ledger(self.ledger) as ledger, ledger.snapshot() as transaction:
            return {subnet.name: subnet.status for subnet in transaction.subnets()}


@pytest.fixture
def site(ansible: Ansible, any_node: Node, tmp_path: Path) -> Site:
    options = any_node.server.options
    ssh = ansible.folder / ".ssh"
    ssh.mkdir(parents=True)
    (ssh / "known_hosts").write_text(any_node.server.known_hosts.read_text())
    host = {
        "ansible_host": options["host"],
        "ansible_port": options["port"],
        "ansible_user": options["username"],
        "ansible_ssh_private_key_file": options["private_key_file"],
        "shadownet_transport": "netconf",
    }
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps({"frontend_nodes": {"hosts": {"fe1": host}}}))
    return Site(ansible, any_node, inventory, tmp_path / "ledger.db")


def test_from_request_to_release_without_a_trace(site: Site) -> None:
    assert site.run("request").ok().changed > 0
    assert set(site.statuses().values()) == {"active"}
    config = site.node.config()
    addresses = {address for one in config["interfaces"] for address in one["addresses"]}
    assert addresses == {"10.64.0.1/26", "2001:db8::1/64", "198.51.100.2/29"}
    assert [one["description"] for one in config["interfaces"]] == ["web", "web6", "uplink"]
    assert config["routes"] == [
        {"prefix": "0.0.0.0/0", "type": "unicast", "next_hop": "198.51.100.1", "interface": "sn3"}
    ]
    assert site.run("request").ok().changed == 0
    assert site.run("reconcile").ok().changed == 0

    with site.node.raw() as raw:
        raw.remove("sn2")
    assert site.run("reconcile").ok().changed > 0
    assert site.node.config() == config

    assert site.run("release").ok().changed > 0
    with site.node.raw() as raw:
        assert raw.is_empty(), raw.text()
        raw.check_free()
    assert site.run("release").ok().changed == 0


def test_a_node_that_is_away_stands_in_the_ledger(site: Site) -> None:
    site.node.server.stop()
    try:
        run = site.run("request")
        assert run.rc != 0
        assert set(site.statuses().values()) == {"error"}
    finally:
        site.node.server.start()
    site.run("request").ok()
    assert set(site.statuses().values()) == {"active"}


def test_states_of_the_module(site: Site) -> None:
    config = {
        "interfaces": [{"name": "sn1", "type": "bridge", "addresses": ["10.1.0.1/24"], "rate_limit": "1Mbit"}],
        "routes": [{"prefix": "10.9.0.0/16", "type": "blackhole", "metric": 4278198272}],
    }
    with site.node.raw() as raw:
        raw.interface("eth0", "not ours", "192.0.2.1/24")
        foreign = raw.text()
    rendered = site.task(config=config, state="rendered", host="203.0.113.1").ok().task("frontend_config")
    assert "<name>sn1</name>" in "".join(rendered["rendered"])

    foreseen = site.task("--check", "--diff", config=config).ok().task("frontend_config")
    with site.node.raw() as raw:
        assert raw.text() == foreign
    done = site.task("--diff", config=config).ok().task("frontend_config")
    assert done.changed
    assert done["changes"] == foreseen["changes"]
    assert any(one.startswith("rate_limit: sn1") for one in done["guarantees_missing"])
    assert any("rate_limit: sn1" in one for one in done["warnings"])
    assert "eth0" not in json.dumps(done.result)
    assert not site.task(config=config).ok().task("frontend_config").changed

    gathered = site.task(state="gathered").ok().task("frontend_config")["gathered"]
    assert gathered == done["after"]
    with site.node.raw() as raw:
        text = raw.text()
    parsed = site.task(state="parsed", running_config=text, host="203.0.113.1").ok().task("frontend_config")
    assert parsed["parsed"] == gathered

    assert site.task(state="deleted").ok().task("frontend_config").changed
    with site.node.raw() as raw:
        assert raw.text() == foreign


def test_a_late_task_and_another_ledger_change_nothing(site: Site) -> None:
    config = {"interfaces": [{"name": "sn1", "type": "bridge"}]}
    site.task(config=config, state="overridden", ledger_id="ab", revision=5).ok()
    late = site.task(config={}, state="overridden", ledger_id="ab", revision=4).ok().task("frontend_config")
    assert (late["superseded"], late["changed"], late["revision"]) == (True, False, 5)
    other = site.task(config={}, state="overridden", ledger_id="cd", revision=9)
    assert "another ledger (ab, this one is cd)" in other.failed()["msg"]
    gathered = site.task(state="gathered").ok().task("frontend_config")
    assert (gathered["ledger_id"], gathered["revision"]) == ("ab", 5)


def test_secrets_are_not_shown(site: Site) -> None:
    run = site.task("-vvv", state="gathered", password=SECRET, host="127.0.0.1", port=1)
    assert "No NETCONF session with 127.0.0.1 port 1" in run.failed()["msg"]
    assert SECRET not in run.output
    assert SECRET not in json.dumps(run.failed().result)


def test_an_unknown_host_key_is_refused(site: Site, tmp_path: Path) -> None:
    (site.ansible.folder / ".ssh/known_hosts").write_text("")
    failed = site.task(state="gathered").failed()
    assert "host key" in failed["msg"]
    assert failed["node_said"].startswith("fingerprint")
    assert site.task(state="gathered", host_key_checking=False).ok()
    known = tmp_path / "mine"
    known.write_text(site.node.server.known_hosts.read_text())
    assert site.task(state="gathered", known_hosts_file=str(known)).ok()
