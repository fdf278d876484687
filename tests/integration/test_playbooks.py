# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks, run by name against a real kernel: request, reconcile, status and release."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.desired import desired_config
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.maintenance import verify_ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.tests.integration.ansible_run import Ansible, Run
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab, namespaces

pytestmark = pytest.mark.netns

PROFILES = [
    {
        "name": "web",
        "inbound": [
            {"action": "accept", "protocol": "tcp", "destination_port": 80},
            {"action": "accept", "protocol": "icmp"},
        ],
    }
]
POOLS = [
    {
        "name": "lab",
        "prefixes": ["10.64.0.0/16", "2001:db8::/48"],
        "security_profiles": ["web"],
        "bandwidth": "1Gbit",
        "quarantine": "1s",
    },
    {"name": "edge", "prefixes": ["198.51.100.0/24"], "gateway": "router"},
]
REQUESTS = [
    {"name": "web", "addresses": 50, "security_profile": "web", "bandwidth": "10Mbit", "node": "fe1"},
    {"name": "web6", "addresses": 50, "family": "ipv6", "security_profile": "web", "node": "fe1"},
    {"name": "uplink", "prefix_length": 29, "pools": ["edge"], "node": "fe1"},
    {"name": "plan", "prefix_length": 28, "pools": ["lab"]},
]


@dataclass
class Site:
    """Ansible, a node ``fe1`` in a namespace, a ledger, and the variables of the playbooks."""

    ansible: Ansible
    lab: Lab
    inventory: Path
    ledger: Path
    variables: dict[str, Any]

    def run(self, playbook: str, *arguments: str, **variables: Any) -> Run:
        extra = {**self.variables, **variables}
        return self.ansible.playbook(
            f"shadownet.ipam.{playbook}", "-i", str(self.inventory), *arguments, extra_vars=extra
        )

    def carried(self) -> dict[str, Any]:
        transport = NetlinkTransport(self.lab.names["fe1"])
        try:
            return transport.read().config.to_dict()
        finally:
            transport.close()

    def differences(self) -> list[dict[str, Any]]:
        """What a push would change on the node."""
        with Ledger(self.ledger) as ledger, ledger.transaction(check=True) as transaction:
            wanted = desired_config(transaction, "fe1").config
        transport = NetlinkTransport(self.lab.names["fe1"])
        try:
            return [change.to_dict() for change in push(transport, wanted, "overridden", True).changes]
        finally:
            transport.close()

    def statuses(self) -> dict[str, str]:
        with Ledger(self.ledger) as ledger, ledger.snapshot() as transaction:
            return {subnet.name: subnet.status for subnet in transaction.subnets()}

    def check_agreement(self) -> None:
        """Node and ledger say the same, nothing is half-way, and the book is right."""
        assert self.differences() == []
        assert set(self.statuses().values()) <= {"active"}
        with Ledger(self.ledger) as ledger:
            assert verify_ledger(ledger) == []


@pytest.fixture
def site(ansible: Ansible, tmp_path: Path) -> Iterator[Site]:
    ansible.environment["ANSIBLE_CONNECTION_PLUGINS"] = str(Path(__file__).parent / "connection_plugins")
    with namespaces("fe1") as lab:
        inventory = tmp_path / "inventory.json"
        hosts = {"fe1": {"ansible_connection": "netns", "netns": lab.names["fe1"], "shadownet_transport": "netlink"}}
        inventory.write_text(json.dumps({"frontend_nodes": {"hosts": hosts}}))
        ledger = tmp_path / "ledger.db"
        variables = {
            "shadownet_ledger": str(ledger),
            "shadownet_security_profiles": PROFILES,
            "shadownet_pools": POOLS,
            "shadownet_requests": REQUESTS,
        }
        yield Site(ansible, lab, inventory, ledger, variables)


def words(run: Run, task: str) -> list[str]:
    """What a report task printed."""
    return [line for item in run.tasks if item.task == task for line in item["msg"]]


def test_from_request_to_release_without_a_trace(site: Site) -> None:
    before = site.lab.json("fe1", "ip", "-j", "address")
    first = site.run("request").ok()
    assert first.changed > 0
    assert words(first, "Subnets")[0].startswith("web: 10.64.0.0/26, gateway 10.64.0.1, pool lab, on fe1 sn1: active")
    site.check_agreement()
    addresses = {
        f"{address['local']}/{address['prefixlen']}"
        for link in site.lab.json("fe1", "ip", "-j", "address")
        for address in link["addr_info"]
    }
    assert {"10.64.0.1/26", "2001:db8::1/64", "198.51.100.2/29"} <= addresses
    routes = site.lab.json("fe1", "ip", "-j", "route", "show", "default")
    assert [(route["gateway"], route["dev"]) for route in routes] == [("198.51.100.1", "sn3")]

    assert site.run("request").ok().changed == 0
    assert site.run("status").ok().changed == 0
    assert site.run("reconcile").ok().changed == 0

    assert site.run("release").ok().changed > 0
    assert site.carried() == {"interfaces": [], "routes": [], "access_lists": []}
    assert site.lab.json("fe1", "ip", "-j", "address") == before
    assert site.lab.json("fe1", "ip", "-j", "route", "show", "table", "main") in ([], None)
    assert site.run("release").ok().changed == 0
    time.sleep(1.1)
    status = words(site.run("status").ok(), "Pools")
    assert "0.0 % in use, subnets: 0, prefixes in quarantine: 0, largest free block: /16" in status[0]


@pytest.mark.nft
def test_release_leaves_no_nftables_behind(site: Site) -> None:
    site.run("request").ok()
    assert "shadownet" in site.lab.run("fe1", "nft", "list", "ruleset")
    site.run("release").ok()
    assert site.lab.run("fe1", "nft", "list", "ruleset").strip() == ""


def test_check_mode_foretells_the_prefixes_and_touches_nothing(site: Site) -> None:
    site.run("request", shadownet_requests=REQUESTS[:1]).ok()
    before = site.carried()
    foreseen = site.run("request", "--check").ok()
    assert site.carried() == before
    assert list(site.statuses()) == ["web"]
    real = site.run("request").ok()
    assert [item["cidr"] for item in foreseen.task("Request subnets")["subnets"]] == [
        item["cidr"] for item in real.task("Request subnets")["subnets"]
    ]


def test_check_mode_foretells_everything_on_a_new_ledger(site: Site) -> None:
    foreseen = site.run("request", "--check", "--diff").ok()
    assert not site.ledger.exists()
    assert site.carried()["interfaces"] == []
    push = foreseen.task("Push the node's configuration")
    assert [item["name"] for item in push["after"]["interfaces"]] == ["sn1", "sn2", "sn3"]
    real = site.run("request").ok()
    assert real.task("Push the node's configuration")["commands"] == push["commands"]
    assert words(real, "Subnets")[0].replace("active", "pending") == words(foreseen, "Subnets")[0]


def test_check_mode_foretells_what_a_release_takes_off_the_node(site: Site) -> None:
    site.run("request").ok()
    before = site.carried()
    foreseen = site.run("release", "--check", shadownet_release=[{"name": "web"}, {"name": "typo"}]).ok()
    gone = foreseen.task("Push the node's configuration")
    assert [item["name"] for item in gone["after"]["interfaces"]] == ["sn2", "sn3"]
    assert "typo" in foreseen.task("Name what the ledger does not have")["msg"]
    assert site.carried() == before
    assert site.statuses()["web"] == "active"


def test_a_release_that_reaches_no_node_says_so(site: Site) -> None:
    site.run("request").ok()
    site.inventory.write_text(json.dumps({"all": {}}))
    assert "still on fe1" in site.run("release").failed()["msg"]
    assert site.statuses()["web"] == "releasing"


def test_missing_variables_are_named(site: Site) -> None:
    assert "shadownet_requests is missing" in site.run("request", shadownet_requests="web").failed()["msg"]
    assert "shadownet_release is missing" in site.run("release", shadownet_release="web").failed()["msg"]


def test_a_node_that_is_not_compared_is_named(site: Site) -> None:
    site.run("request").ok()
    site.inventory.write_text(json.dumps({"frontend_nodes": {"hosts": {}}}))
    assert "not compared: fe1" in site.run("reconcile").failed()["msg"]
    site.run("release", shadownet_nodes="all")
    known = {"ledger": str(site.ledger), "node": "fe1", "revision": 2}
    site.ansible.play([{"shadownet.ipam.node_result": known}]).ok()
    site.run("reconcile").ok()


def test_what_reconcile_cannot_repair_is_reported_with_the_rest(site: Site) -> None:
    site.run("request").ok()
    for command in (
        ("ip", "link", "del", "sn3"),
        ("ip", "link", "add", "sn3", "type", "bridge"),
        ("ip", "address", "del", "10.64.0.1/26", "dev", "sn1"),
    ):
        site.lab.run("fe1", *command)
    run = site.run("reconcile")
    assert run.rc != 0
    assert "the last push failed" in words(site.run("status").ok(), "Nodes")[0]
    report = words(run, "Report")
    assert "cannot be repaired" in report[0]
    assert "sn3" in report[0]
    assert "fe1: missing address sn1 10.64.0.1/26" in report
    assert any(line.startswith("fe1: foreign") and "sn3" in line for line in report)


def test_drift_is_reported_and_then_repaired(site: Site) -> None:
    site.run("request").ok()
    foreign = ("ip", "route", "add", "203.0.113.0/24", "dev", "lo")
    for command in (
        ("ip", "address", "del", "10.64.0.1/26", "dev", "sn1"),
        ("ip", "link", "set", "sn2", "down"),
        ("ip", "route", "add", "blackhole", "192.0.2.0/24", "proto", "201"),
        foreign,
    ):
        site.lab.run("fe1", *command)
    found = site.run("reconcile", shadownet_repair=False).ok()
    assert found.changed == 1, "a report alone tells drift by changed"
    report = words(found, "Report")
    assert "fe1: missing address sn1 10.64.0.1/26" in report
    assert "fe1: changed interface sn2" in report
    assert any("leaked route" in line and "192.0.2.0/24" in line for line in report)
    assert site.differences()
    site.run("reconcile").ok()
    site.check_agreement()
    assert words(site.run("reconcile").ok(), "Report") == ["fe1: node and ledger agree"]
    assert site.lab.json("fe1", "ip", "-j", "route", "show", "203.0.113.0/24")


def test_what_the_node_refuses_stands_in_the_ledger(site: Site) -> None:
    site.lab.run("fe1", "ip", "link", "add", "sn1", "type", "bridge")
    run = site.run("request")
    assert run.rc != 0
    assert site.statuses()["web"] == "error"
    assert "sn1" in words(site.run("status").ok(), "Subnets")[0]
    site.lab.run("fe1", "ip", "link", "del", "sn1")
    site.run("request").ok()
    site.check_agreement()


def test_what_crashed_in_place_of_python_stands_in_the_ledger(site: Site, tmp_path: Path) -> None:
    """Ansible says only that it found no JSON; why, it keeps apart."""
    python = tmp_path / "python-not"
    python.write_text("#!/bin/sh\necho 'pyenv: python3.13: command not found'\nexit 127\n")
    python.chmod(0o755)
    inventory = json.loads(site.inventory.read_text())
    inventory["frontend_nodes"]["hosts"]["fe1"]["ansible_python_interpreter"] = str(python)
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(inventory))
    run = site.run("request", "-i", str(broken), shadownet_requests=REQUESTS[:1])
    assert run.task("Stop here for this node")["msg"].endswith("Details: pyenv: python3.13: command not found")
    assert "command not found" in words(site.run("status").ok(), "Subnets")[0]
    site.run("request", shadownet_requests=REQUESTS[:1]).ok()


def test_a_node_that_the_inventory_lacks_is_named_before_anything_is_handed_out(site: Site) -> None:
    run = site.run("request", shadownet_requests=[{"name": "x", "addresses": 2, "node": "fe9"}])
    assert "fe9" in run.failed()["msg"]
    assert not site.ledger.exists()


@pytest.mark.parametrize("playbook", ["request", "release", "reconcile"])
def test_a_limit_without_localhost_is_explained(site: Site, playbook: str) -> None:
    site.run("request", shadownet_requests=REQUESTS[:1]).ok()
    carried = site.carried()
    assert "--limit 'localhost" in site.run(playbook, "--limit", "fe1").failed()["msg"]
    assert site.carried() == carried
    site.run(playbook, "--limit", "localhost,fe1").ok()


def test_two_plays_at_once_never_get_the_same_prefix(site: Site) -> None:
    site.run("request", shadownet_requests=[]).ok()
    processes = [_start(site, "request", [{"name": f"{n}-{i}", "prefix_length": 28} for i in range(30)]) for n in "ab"]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    with Ledger(site.ledger) as ledger, ledger.snapshot() as transaction:
        blocks = [subnet.block for subnet in transaction.subnets()]
    assert len(blocks) == len(set(blocks)) == 60


def test_a_run_killed_at_any_moment_is_finished_by_reconcile(site: Site) -> None:
    site.run("request").ok()
    random.seed(os.getpid())
    for kind in ("release", "request", "release", "request"):
        process = _start(site, kind, REQUESTS)
        time.sleep(random.uniform(0.8, 3.2))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        site.run("reconcile").ok()
        site.check_agreement()


def test_after_a_restore_reconcile_adopts_what_the_node_carries(site: Site, tmp_path: Path) -> None:
    site.run("request", shadownet_requests=REQUESTS[:1]).ok()
    copy = str(tmp_path / "copy.db")
    ledger = {"ledger": str(site.ledger)}
    backup = {"shadownet.ipam.ledger": {**ledger, "state": "backed_up", "file": copy}}
    restore = {"shadownet.ipam.ledger": {**ledger, "state": "restored", "file": copy}}
    site.ansible.play([backup]).ok()
    site.run("request").ok()
    site.run("request", shadownet_requests=[{**REQUESTS[0], "bandwidth": "20Mbit"}]).ok()
    carried = site.carried()
    site.ansible.play([restore]).ok()
    held = site.run("request")
    assert "reconcile" in held.failed()["msg"]
    assert "reconcile" in site.run("release").failed()["msg"]
    assert site.carried() == carried
    foreseen = words(site.run("reconcile", "--check").ok(), "Adopted subnets")
    adopted = words(site.run("reconcile").ok(), "Adopted subnets")
    assert foreseen == adopted
    assert sorted(line.split()[1] for line in adopted if line.endswith(": adopted")) == ["uplink", "web6"]
    with Ledger(site.ledger) as book, book.snapshot() as transaction:
        assert transaction.subnets_named(["web6"])["web6"].security_profile == "web"
    # The release of what the ledger knew, web, waited for this.
    assert [item["description"] for item in site.carried()["interfaces"]] == ["web6", "uplink"]
    site.run("request").ok()
    site.check_agreement()


def test_reconcile_takes_no_access_list_from_an_adopted_subnet(site: Site, tmp_path: Path) -> None:
    copy, ledger = str(tmp_path / "copy.db"), {"ledger": str(site.ledger)}
    site.run("request", shadownet_requests=[]).ok()
    site.ansible.play([{"shadownet.ipam.ledger": {**ledger, "state": "backed_up", "file": copy}}]).ok()
    site.run("request").ok()
    site.ansible.play([{"shadownet.ipam.ledger": {**ledger, "state": "restored", "file": copy}}]).ok()
    site.ansible.play([{"shadownet.ipam.security_profile": {**ledger, "name": "web", "inbound": []}}]).ok()
    carried = site.carried()
    run = site.run("reconcile")
    assert "access lists of web, web6 are those of no security profile" in run.failed()["msg"]
    assert site.carried() == carried
    site.run("request").ok()
    site.check_agreement()


def test_a_ledger_that_is_not_the_nodes_own_changes_nothing(site: Site, tmp_path: Path) -> None:
    site.run("request", shadownet_requests=REQUESTS[:1]).ok()
    site.run("request").ok()
    carried = site.carried()
    other = {"shadownet_ledger": str(tmp_path / "other.db")}
    for run in (
        site.run("request", shadownet_requests=REQUESTS[1:2], **other),
        site.run("reconcile", **other),
    ):
        assert run.rc != 0
        assert "configured from another ledger" in run.output
        assert site.carried() == carried
    site.run("reconcile", shadownet_adopt=True, **other).ok()
    # Its own web6, and of what the node carried what fits beside it: uplink. The rest is gone.
    assert [item["description"] for item in site.carried()["interfaces"]] == ["web6", "uplink"]


def test_reconcile_with_an_older_copy_of_the_ledger_says_so(site: Site, tmp_path: Path) -> None:
    site.run("request", shadownet_requests=REQUESTS[:1]).ok()
    older = tmp_path / "older.db"
    with sqlite3.connect(site.ledger) as book, sqlite3.connect(older) as copy:
        book.backup(copy)
    site.run("request").ok()
    carried = site.carried()
    for repair in (False, True):
        run = site.run("reconcile", shadownet_ledger=str(older), shadownet_repair=repair)
        report = words(run, "Report")
        assert len(report) == 1
        assert "fe1: not compared: it carries revision" in report[0]
        assert "it is not the ledger that configured the node last" in run.failed()["msg"]
        assert site.carried() == carried
    assert words(site.run("reconcile").ok(), "Report") == ["fe1: node and ledger agree"]


def _start(site: Site, playbook: str, requests: list[dict[str, Any]]) -> subprocess.Popen[bytes]:
    """The playbook in a process group of its own."""
    extra = json.dumps({**site.variables, "shadownet_requests": requests})
    return subprocess.Popen(
        [
            str(site.ansible.bin / "ansible-playbook"),
            f"shadownet.ipam.{playbook}",
            "-i",
            str(site.inventory),
            "-e",
            extra,
        ],
        cwd=site.ansible.folder,
        env=site.ansible.variables(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
