# SPDX-License-Identifier: GPL-3.0-or-later
"""Fifty nodes in one run: all of them become active, and three that are broken hurt nobody but themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.tests.integration.ansible_run import Ansible, Run

from .fleet import Fleet, fleet
from .server import why_not

pytestmark = [pytest.mark.netconf, pytest.mark.slow, pytest.mark.serial]

NODES = 50
TIMEOUT = 40
DEAD, STRANGE, HANGING = "fe07", "fe21", "fe33"
BROKEN = {DEAD: "Connection refused", STRANGE: "The host key of", HANGING: f"not done within {TIMEOUT} s"}


class Site:
    """Ansible, the nodes, and a ledger."""

    def __init__(self, ansible: Ansible, nodes: Fleet, ledger: Path) -> None:
        self.ansible = ansible
        self.nodes = nodes
        self.ledger = ledger
        self.known_hosts = nodes.known_hosts(ansible.folder)

    def run(self, playbook: str) -> Run:
        variables = {
            "shadownet_ledger": str(self.ledger),
            "shadownet_timeout": TIMEOUT,
            "shadownet_pools": [{"name": "lab", "prefixes": ["10.64.0.0/16"]}],
            "shadownet_requests": [
                {"name": f"{what}-{node}", "prefix_length": 28, "node": node}
                for node in self.nodes.servers
                for what in ("web", "db")
            ],
        }
        arguments = ("-i", str(self.nodes.inventory()), "--forks", str(NODES))
        return self.ansible.playbook(f"shadownet.ipam.{playbook}", *arguments, extra_vars=variables, timeout=500)

    def statuses(self) -> dict[str, set[tuple[str, str]]]:
        """Status and reason of each node's subnets."""
        found: dict[str, set[tuple[str, str]]] = {}
        with Ledger(self.ledger) as ledger, ledger.snapshot() as transaction:
            for subnet in transaction.subnets():
                found.setdefault(str(subnet.node), set()).add((subnet.status, subnet.reason or ""))
        return found

    def reported(self) -> list[str]:
        """The nodes in the order in which the ledger learned how their pushes ended."""
        with Ledger(self.ledger) as ledger, ledger.snapshot() as transaction:
            events = transaction.events("object = 'node'")
        return [event["name"] for event in events if event["kind"] in ("node.confirmed", "node.failed")]


@pytest.fixture
def site(ansible: Ansible, tmp_path: Path) -> Iterator[Site]:
    if reason := why_not():
        pytest.skip(reason)
    with fleet(tmp_path / "nodes", NODES) as nodes:
        yield Site(ansible, nodes, tmp_path / "ledger.db")


def test_three_broken_nodes_of_fifty_hurt_no_other(site: Site) -> None:
    site.nodes.servers[DEAD].stop()
    known = site.known_hosts.read_text()
    site.known_hosts.write_text(_with_wrong_key(known, f"[127.0.0.1]:{site.nodes.servers[STRANGE].port}"))
    site.nodes.hang(HANGING)
    began = time.monotonic()
    try:
        run = site.run("request")
        ended = time.monotonic()
    finally:
        site.nodes.hang(HANGING, False)
    assert run.rc != 0
    assert {name for name, counts in run.stats.items() if counts["failures"]} == BROKEN.keys(), run.output
    statuses = site.statuses()
    assert {node for node, found in statuses.items() if found == {("active", "")}} == statuses.keys() - BROKEN.keys()
    for node, reason in BROKEN.items():
        ((status, said),) = statuses[node]
        assert status == "error"
        assert reason in said
    # The others were done and in the ledger while the hanging one was still waited for, and nothing waited longer.
    reported = site.reported()
    assert len(reported) == NODES
    assert reported[-1] == HANGING
    waited = run.task("Push the node's configuration", HANGING)
    assert TIMEOUT <= waited.seconds < TIMEOUT + 10
    assert ended - began < TIMEOUT + 60

    site.nodes.servers[DEAD].start()
    site.known_hosts.write_text(known)
    site.run("request").ok()
    assert all(found == {("active", "")} for found in site.statuses().values())
    assert site.run("request").ok().changed == 0


def _with_wrong_key(known_hosts: str, host: str) -> str:
    """Known hosts in which one has the key of another."""
    lines = [line.split() for line in known_hosts.splitlines()]
    wrong = next(key for name, _kind, key in lines if name != host)
    return "".join(f"{name} {kind} {wrong if name == host else key}\n" for name, kind, key in lines)
