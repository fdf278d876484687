# SPDX-License-Identifier: GPL-3.0-or-later
"""What a ``shadownet-node`` does not start beside or after, and settings that a running one does not take."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("libyang", reason="needs the extra node")
pytest.importorskip("asyncssh", reason="needs the extra node")
pytest.importorskip("paramiko", reason="needs the extra netconf")

from ansible_collections.shadownet.ipam.tests.integration.namespaces import namespaces, wait_for

from .front_node import FrontNode
from .test_faults import Look, edit, ok
from .wire import Wire

pytestmark = pytest.mark.netns

DEEP = "x: " + "[" * 3000


@pytest.fixture
def node() -> Iterator[FrontNode]:
    with namespaces("node") as lab:
        made = FrontNode(lab)
        try:
            yield made
        finally:
            made.remove()


def commit(node: FrontNode, *prefixes: str, how: str = "<commit/>") -> None:
    with Wire(node) as client:
        ok(client.rpc(edit(*prefixes)))
        ok(client.rpc(how))


def refused(node: FrontNode) -> str:
    """Starts it; what it says when it ends by itself."""
    before = len(node.said())
    node.start(wait=False)
    assert node.process is not None
    assert node.process.wait(30) == 1
    node.process = None
    return node.said()[before:]


def lock(node: FrontNode) -> bool:
    return "shadownet-agent" in node.lab.run("node", "nft", "list", "tables")


@pytest.mark.parametrize("words", [(), ("--takeover",)])
def test_a_second_agent_on_one_kernel_is_refused(node: FrontNode, words: tuple[str, ...]) -> None:
    node.start()
    commit(node, "10.1.0.0/16")
    other = node.folder / "other.yml"
    other.write_text(
        node.config.read_text().replace("830", "831").replace("startup.xml", "other.xml").replace("audit.log", "other")
    )
    found = subprocess.run(
        node.command("run", "--config", str(other), *words),
        env=node.environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 1
    assert found.stderr == (
        "shadownet-node: another shadownet-node configures this kernel already. Stop that one (systemctl stop "
        "shadownet-node), or run this one in another network namespace.\n"
    )
    assert Look(node).agreed() == {"10.1.0.0/16"}


def test_whoever_is_gone_holds_nothing(node: FrontNode) -> None:
    node.start()
    assert lock(node)
    assert node.stop() == 0
    assert not lock(node)
    node.start()
    node.kill()
    assert not lock(node)
    node.start()
    commit(node, "10.1.0.0/16")
    assert Look(node).agreed() == {"10.1.0.0/16"}


def test_agents_of_two_kernels_do_not_disturb_one_another() -> None:
    with namespaces("node", "other") as lab:
        nodes = [FrontNode(lab), FrontNode(lab, "other")]
        try:
            for one in nodes:
                one.start()
        finally:
            for one in nodes:
                one.remove()


def test_without_its_startup_file_the_node_is_left_alone(node: FrontNode) -> None:
    node.start()
    commit(node, "10.1.0.0/16")
    assert node.stop() == 0
    file = node.folder / "state/startup.xml"
    kept = file.read_bytes()
    file.unlink()
    look = Look(node)
    said = refused(node)
    assert f"there is no startup file {file}" in said
    assert "--takeover" in said
    assert "startup.file" in said
    assert "Traceback" not in said
    assert look.kernel() == {"10.1.0.0/16"}
    assert not file.exists()
    file.write_bytes(kept)
    file.chmod(0o644)
    node.start()
    assert look.agreed() == {"10.1.0.0/16"}
    assert node.stop() == 0
    file.unlink()
    node.words = ("--takeover",)
    node.start()
    assert look.agreed() == frozenset()
    assert node.stop() == 0
    node.words = ()
    node.start()


def test_the_empty_configuration_of_the_refusal_is_one(node: FrontNode) -> None:
    node.start()
    commit(node, "10.1.0.0/16")
    assert node.stop() == 0
    file = node.folder / "state/startup.xml"
    file.unlink()
    said = refused(node)
    file.write_text(said[said.index("<config") : said.index("/>") + 2])
    file.chmod(0o644)
    node.start()
    assert Look(node).agreed() == frozenset()


def test_a_first_commit_that_nobody_confirmed_is_gone_after_a_crash(node: FrontNode) -> None:
    """No commit has written the startup file yet, and it is no lost one."""
    node.start()
    commit(node, "10.1.0.0/16", how="<commit><confirmed/><persist>x</persist></commit>")
    look = Look(node)
    assert look.kernel() == {"10.1.0.0/16"}
    node.kill()
    node.start()
    assert look.agreed() == frozenset()


COPY = "<copy-config><target><startup/></target><source><running/></source></copy-config>"


def test_explicit_startup_may_be_deleted(node: FrontNode) -> None:
    node.settings["startup"]["mode"] = "explicit"
    node.write_settings()
    node.start()
    commit(node, "10.1.0.0/16")
    file = node.folder / "state/startup.xml"
    assert "10.1.0.0" not in file.read_text()
    with Wire(node) as client:
        ok(client.rpc(COPY))
        assert "10.1.0.0" in file.read_text()
        ok(client.rpc("<delete-config><target><startup/></target></delete-config>"))
    assert node.stop() == 0
    node.start()
    assert Look(node).kernel() == frozenset()


def test_a_lost_explicit_startup_leaves_the_node_alone(node: FrontNode) -> None:
    node.settings["startup"]["mode"] = "explicit"
    node.write_settings()
    node.start()
    commit(node, "10.1.0.0/16")
    with Wire(node) as client:
        ok(client.rpc(COPY))
    assert node.stop() == 0
    file = node.folder / "state/startup.xml"
    kept = file.read_bytes()
    file.unlink()
    assert f"there is no startup file {file}" in refused(node)
    assert Look(node).kernel() == {"10.1.0.0/16"}
    assert not file.exists()
    file.write_bytes(kept)
    file.chmod(0o644)
    node.start()
    assert Look(node).kernel() == {"10.1.0.0/16"}


def test_a_deeply_nested_file_changes_nothing(node: FrontNode) -> None:
    node.start()
    good = node.config.read_text()
    node.config.write_text(good + DEEP)
    node.signal(signal.SIGHUP)
    wait_for(lambda: bool(node.audit("reload")), what="the reload")
    (line,) = node.audit("reload")
    assert line["outcome"] == "failed"
    assert "nested too deeply" in line["message"]
    time.sleep(0.1)
    assert "Traceback" not in node.said()
    commit(node, "10.1.0.0/16")
    found = subprocess.run(
        node.command("check", "--config", str(node.config)),
        env=node.environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.startswith("shadownet-node: --config: the settings are nested too deeply.")
    assert found.stderr.count("\n") == 1
    assert Path(node.config).read_text() != good
    node.config.write_text(good)
    node.signal(signal.SIGHUP)
    wait_for(lambda: bool(node.audit("reload", outcome="ok")), what="the second reload")
