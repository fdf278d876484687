# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules of ``ansible.netcommon`` as clients of a running ``shadownet-node``, in a play as users write it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("libyang", reason="needs the extra node")
pytest.importorskip("asyncssh", reason="needs the extra node")

from ansible_collections.shadownet.ipam.tests.integration.ansible_run import CALLBACKS, CHECKOUT
from ansible_collections.shadownet.ipam.tests.integration.namespaces import namespaces

from .front_node import FrontNode
from .test_clients import NC, ROUTING, RT, kernel, routes

PEER = CHECKOUT / "build" / "netcommon"

pytestmark = [
    pytest.mark.netns,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (PEER / "made").exists(),
        reason="needs PyPI's ansible in build/netcommon: tests/benchmarks/bench_netconf_task.py makes it",
    ),
]


@pytest.fixture(scope="module")
def node() -> Iterator[FrontNode]:
    with namespaces("node") as lab:
        made = FrontNode(lab)
        try:
            yield made.start()
        finally:
            made.remove()


def config(content: str) -> str:
    return f"<config>{content}</config>"


def play(node: FrontNode, folder: Path, *tasks: dict[str, Any]) -> list[dict[str, Any]]:
    """The results of tasks in the order in which they ran, each with ``status``; a failed one stops nothing."""
    (folder / ".ssh").mkdir(exist_ok=True)
    (folder / ".ssh/known_hosts").write_text(node.known_hosts.read_text())
    variables = {
        "ansible_connection": "ansible.netcommon.netconf",
        "ansible_network_os": "default",
        "ansible_host": node.address,
        "ansible_port": node.port,
        "ansible_user": "ada",
        "ansible_ssh_private_key_file": str(node.key("ada")),
        "ansible_command_timeout": 60,
    }
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": {"fe1": variables}}}))
    steps = [{**task, "ignore_errors": True} for task in tasks]
    (folder / "play.json").write_text(json.dumps([{"hosts": "fe1", "gather_facts": False, "tasks": steps}]))
    record = folder / "record.jsonl"
    record.unlink(missing_ok=True)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "HOME": str(folder),
        "ANSIBLE_HOME": str(folder / ".ansible"),
        # The name of a socket: at most 107 characters, and pytest's folders are long.
        "ANSIBLE_PERSISTENT_CONTROL_PATH_DIR": str(node.folder / "pc"),
        "ANSIBLE_COLLECTIONS_PATH": str(folder / "none"),
        "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
        "ANSIBLE_CALLBACKS_ENABLED": "record",
        "SHADOWNET_TEST_RECORD": str(record),
    }
    command = [str(PEER / "bin/ansible-playbook"), "-i", str(folder / "hosts.json"), str(folder / "play.json")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert record.exists(), done.stdout + done.stderr
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    found = [{**line["result"], "status": line["status"]} for line in lines if "status" in line]
    assert len(found) == len(tasks), done.stdout + done.stderr
    return found


def test_configure_read_and_be_refused(node: FrontNode, tmp_path: Path) -> None:
    edit = {"content": config(routes("10.81.0.0/16", "10.82.0.0/16")), "target": "candidate"}
    unreachable = routes("10.83.0.0/16").replace(
        "<special-next-hop>blackhole</special-next-hop>", "<next-hop-address>192.0.2.77</next-hop-address>"
    )
    first, again, refused, read, get, rpc = play(
        node,
        tmp_path,
        {"ansible.netcommon.netconf_config": {**edit, "validate": True}},
        {"ansible.netcommon.netconf_config": edit},
        {"ansible.netcommon.netconf_config": {"content": config(unreachable), "target": "candidate"}},
        {"ansible.netcommon.netconf_get": {"source": "running", "filter": ROUTING, "display": "pretty"}},
        {"ansible.netcommon.netconf_get": {"filter": ROUTING, "display": "xml", "lock": "if-supported"}},
        {
            "ansible.netcommon.netconf_rpc": {
                "rpc": "get-schema",
                "xmlns": "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring",
                "content": "<identifier>ietf-interfaces</identifier>",
            }
        },
    )
    assert first["status"] == "changed", first
    assert again["status"] == "ok", again
    assert refused["status"] == "failed"
    assert "nreachable" in str(refused), refused
    assert "10.82.0.0/16" in read["stdout"], read
    assert "10.81.0.0/16" in get["stdout"], get
    assert "ipv4-master" in get["stdout"], "the state is there too"
    assert "module ietf-interfaces" in rpc["stdout"], rpc
    assert kernel(node) == {"10.81.0.0/16", "10.82.0.0/16"}


def test_delete_and_default_operation(node: FrontNode, tmp_path: Path) -> None:
    gone = f'<routing xmlns="{RT}" {NC} nc:operation="delete"/>'
    made, removed, twice = play(
        node,
        tmp_path,
        {"ansible.netcommon.netconf_config": {"content": config(routes("10.84.0.0/16")), "target": "candidate"}},
        {
            "ansible.netcommon.netconf_config": {
                "content": config(gone),
                "target": "candidate",
                "default_operation": "none",
                "error_option": "rollback-on-error",
            }
        },
        {"ansible.netcommon.netconf_config": {"content": config(gone), "target": "candidate"}},
    )
    assert made["status"] == "changed", made
    assert removed["status"] == "changed", removed
    assert twice["status"] == "failed"
    assert twice["msg"] == "delete: there is no such data.", twice
    assert kernel(node) == set()
