# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as playbooks run it: shipped by AnsiballZ to a node that is a network namespace."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.tests.integration.ansible_run import Ansible, Run

from .conftest import Node, same

pytestmark = pytest.mark.netns

MODULE = "shadownet.ipam.frontend_config"
PLUGINS = Path(__file__).resolve().parents[1] / "connection_plugins"
CONFIG: dict[str, Any] = {
    "interfaces": [{"name": "sn1", "type": "bridge", "addresses": ["10.1.0.1/24"], "rate_limit": "10Mbit"}],
    "routes": [{"prefix": "10.9.0.0/16", "type": "blackhole", "metric": 4278198272}],
    "access_lists": [{"name": "web", "entries": [{"name": "w", "action": "accept", "established": True}]}],
}


class Playing:
    """Runs the module on the node under test through a connection of its own."""

    def __init__(self, ansible: Ansible, node: Node) -> None:
        self.ansible = ansible
        self.node = node
        ansible.folder.mkdir(parents=True, exist_ok=True)
        self.inventory = ansible.folder / "inventory.yml"
        variables = f"{{ansible_connection: netns, netns: {node.lab.names[node.short]}}}"
        self.inventory.write_text(f"all: {{hosts: {{node: {variables}}}}}\n")

    def __call__(self, *arguments: str, **options: Any) -> Run:
        return self.ansible.play(
            [{MODULE: options}],
            "-i",
            str(self.inventory),
            *arguments,
            hosts="node",
            ANSIBLE_CONNECTION_PLUGINS=str(PLUGINS),
        )


@pytest.fixture
def module(ansible: Ansible, node: Node) -> Playing:
    """The module on a remote node."""
    return Playing(ansible, node)


def test_push_check_diff_gather_and_delete(module: Playing) -> None:
    before = module.node.dump()
    planned = module("--check", "--diff", config=CONFIG).ok()
    same(module.node, before)
    done = module("--diff", config=CONFIG).ok()
    assert planned.task(MODULE)["changes"] == done.task(MODULE)["changes"]
    assert "+- name: sn1" in done.stdout
    assert done.task(MODULE)["before"] == {"interfaces": [], "routes": [], "access_lists": []}
    assert done.task(MODULE)["after"]["interfaces"][0]["rate_limit"] == 10_000_000
    assert "ip route add blackhole 10.9.0.0/16 metric 4278198272 proto 201" in done.task(MODULE)["commands"]
    assert {one["kind"] for one in done.task(MODULE)["drift"]} == {"missing"}
    assert module(config=CONFIG).ok().changed == 0
    gathered = module(state="gathered").ok().task(MODULE)["gathered"]
    assert gathered == done.task(MODULE)["after"] == module.node.config()
    assert module(config=gathered, state="overridden").ok().changed == 0
    assert module(state="deleted").ok().changed == 1
    same(module.node, before)


def test_the_node_needs_nothing_but_python(module: Playing, tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')  # the standard library alone
    bare.chmod(0o755)
    interpreter = ("-e", f"ansible_python_interpreter={bare}")
    assert module(*interpreter, config=CONFIG).ok().changed == 1
    assert module(*interpreter, config=CONFIG).ok().changed == 0
    assert module.node.config()["interfaces"][0]["name"] == "sn1"
    failed = module(*interpreter, config=CONFIG, netns="there").failed()
    assert failed["msg"].startswith("netns: The Python library pyroute2")


def test_rendered_says_what_would_be(module: Playing) -> None:
    found = module(config=CONFIG, state="rendered").ok().task(MODULE)
    assert "ip link add name sn1 type bridge" in found["rendered"]
    assert not found.changed
    assert module.node.config()["interfaces"] == []


def test_a_refusal_names_the_kernels_words(module: Playing) -> None:
    before = module.node.dump()
    route = {"prefix": "10.7.0.0/16", "next_hop": "172.31.0.1"}
    failed = module(config={**CONFIG, "routes": [*CONFIG["routes"], route]}).failed()
    assert failed["error"] == "NodeError"
    assert "ENETUNREACH" in failed["node_said"]
    assert failed["change"]["after"]["prefix"] == "10.7.0.0/16"
    same(module.node, before)


def test_a_bad_option_is_named(module: Playing) -> None:
    failed = module(config={"interfaces": [{"name": "a/b", "type": "bridge"}]}).failed()
    assert failed["parameter"] == "config.interfaces[0].name"


@pytest.mark.parametrize(
    ("parameter", "bad"),
    [("revision", 2**63), ("revision", -1), ("revision", 10**4000), ("ledger_id", "x y"), ("ledger_id", "a" * 300)],
)
def test_a_revision_that_no_ledger_counts_to(module: Playing, parameter: str, bad: int | str) -> None:
    failed = module(config=CONFIG, **{"ledger_id": "0123456789abcdef", "revision": 1, parameter: bad}).failed()
    assert (failed["error"], failed["parameter"]) == ("InvalidInput", parameter)
    assert module.node.config()["interfaces"] == []


def test_a_namespace_of_the_host(module: Playing, ansible: Ansible) -> None:
    name = module.node.lab.names["client"]
    done = ansible.play([{MODULE: {"config": CONFIG, "netns": name}}]).ok()
    assert done.task(MODULE)["changed"]
    assert module.node.config()["interfaces"] == []
