# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed, without disk, contended for: running, startup file and kernel of a ``shadownet-node`` agree afterwards."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("libyang", reason="needs the extra node")
pytest.importorskip("asyncssh", reason="needs the extra node")
pytest.importorskip("paramiko", reason="needs the extra netconf")

from ansible_collections.shadownet.ipam.tests.integration.namespaces import namespaces, wait_for

from .front_node import FrontNode
from .test_clients import IF, routes
from .wire import Wire

pytestmark = pytest.mark.netns

CLIENTS = 50
EMPTY: frozenset[str] = frozenset()


def edit(*prefixes: str, default: str = "merge") -> str:
    """<edit-config> with these blackholes."""
    return (
        f"<edit-config><target><candidate/></target><default-operation>{default}</default-operation>"
        f"<config>{routes(*prefixes)}</config></edit-config>"
    )


def ok(reply: bytes) -> None:
    assert b"<ok/>" in reply, reply


def tag(reply: bytes) -> str:
    found = re.search(rb"<error-tag>(.*?)</error-tag>", reply)
    assert found, reply
    return found[1].decode()


def prefixes_in(text: bytes) -> frozenset[str]:
    return frozenset(one.decode() for one in re.findall(rb"<destination-prefix>([^<]+)<", text))


class Look:
    """What each of the three holds."""

    def __init__(self, node: FrontNode, startup: Callable[[], Path] | None = None) -> None:
        self.node = node
        self.startup_file = startup or (lambda: node.folder / "state/startup.xml")

    def kernel(self) -> frozenset[str]:
        listed = self.node.lab.json("node", *"ip -j route show proto 201".split()) or ()
        return frozenset(one["dst"] if "/" in one["dst"] else f"{one['dst']}/32" for one in listed)

    def running(self) -> frozenset[str]:
        with Wire(self.node) as client:
            return prefixes_in(client.rpc("<get-config><source><running/></source></get-config>"))

    def startup(self) -> frozenset[str]:
        return prefixes_in(self.startup_file().read_bytes()) if self.startup_file().exists() else EMPTY

    def agreed(self) -> frozenset[str]:
        """What all three hold alike; nothing is locked or pending either."""
        running = self.running()
        assert running == self.kernel()
        assert running == self.startup()
        with Wire(self.node) as client:
            for store in ("running", "candidate"):
                ok(client.rpc(f"<lock><target><{store}/></target></lock>"))
            for store in ("running", "candidate"):
                ok(client.rpc(f"<unlock><target><{store}/></target></unlock>"))
        return running


@pytest.fixture
def node() -> Iterator[FrontNode]:
    with namespaces("node") as lab:
        made = FrontNode(lab)
        try:
            yield made
        finally:
            made.remove()


def test_fifty_clients_contend_for_the_lock(node: FrontNode) -> None:
    node.start()
    look = Look(node)
    denied: list[int] = []
    begin = threading.Barrier(CLIENTS)

    def work(number: int) -> None:
        with Wire(node) as client:
            begin.wait(60)
            end = time.monotonic() + 120
            while b"<ok/>" not in (reply := client.rpc("<lock><target><candidate/></target></lock>")):
                assert tag(reply) == "lock-denied", reply
                assert re.search(rb"<session-id>[1-9]\d*</session-id>", reply), reply
                denied.append(number)
                assert time.monotonic() < end, "nobody lets go of the lock"
                time.sleep(0.02)
            ok(client.rpc(edit(f"10.90.{number}.0/24")))
            if number % 5 == 0:
                return  # cut in the middle: the server has to take back the edit and free the lock
            ok(client.rpc("<commit/>"))
            if number % 2:
                ok(client.rpc("<unlock><target><candidate/></target></unlock>"))

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(work, range(CLIENTS)))
    assert denied, "there was no contention"
    assert look.agreed() == {f"10.90.{number}.0/24" for number in range(CLIENTS) if number % 5}


def test_fifty_clients_without_locks_lose_no_commit(node: FrontNode) -> None:
    """They share the candidate: whoever commits takes the edits of the others along, and none is lost."""
    node.start()
    begin = threading.Barrier(CLIENTS)

    def work(number: int) -> None:
        with Wire(node) as client:
            begin.wait(60)
            ok(client.rpc(edit(f"10.91.{number}.0/24")))
            ok(client.rpc("<commit/>"))

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(work, range(CLIENTS)))
    assert Look(node).agreed() == {f"10.91.{number}.0/24" for number in range(CLIENTS)}


def test_a_full_disk_fails_the_commit_and_nothing_else(node: FrontNode) -> None:
    disk = node.folder / "disk"
    disk.mkdir()
    owner = node.settings.get("user", "root")
    # The program that starts it is in a mount namespace of its own already (ip netns exec).
    mount = f'mount -t tmpfs -o size=64k,mode=700 tmpfs {disk} && chown {owner} {disk} && exec "$@"'
    node.through = ("sh", "-c", mount, "sh")
    node.settings["startup"] = {"file": "disk/startup.xml"}
    node.write_settings()
    node.start()
    inside = Path(f"/proc/{node.processes()[0]}/root{disk}")
    look = Look(node, lambda: inside / "startup.xml")
    before = {"10.1.0.0/16"}
    with Wire(node) as client:
        ok(client.rpc(edit("10.1.0.0/16")))
        ok(client.rpc("<commit/>"))
        with suppress(OSError), (inside / "full").open("wb", buffering=0) as full:
            while full.write(bytes(512)):
                pass
        many = [f"10.2.{number}.0/24" for number in range(200)]
        ok(client.rpc(edit(*many)))
        refused = client.rpc("<commit/>")
        assert tag(refused) == "resource-denied"
        assert b"No space left on device" in refused
        assert look.running() == look.kernel() == look.startup() == before
        # For a time it needs no disk; for good it does.
        ok(client.rpc("<commit><confirmed/><confirm-timeout>60</confirm-timeout></commit>"))
        assert look.running() == look.kernel() == {*before, *many}
        assert look.startup() == before
        assert tag(client.rpc("<commit/>")) == "resource-denied"
        assert look.running() == look.kernel()
        assert look.startup() == before
        ok(client.rpc("<cancel-commit/>"))
        assert look.running() == look.kernel() == look.startup() == before
        (inside / "full").unlink()
        ok(client.rpc(edit(*many)))
        ok(client.rpc("<commit/>"))
    assert look.agreed() == {*before, *many}


def test_a_folder_that_cannot_be_written_fails_the_commit(node: FrontNode) -> None:
    place = node.folder / "saved"
    place.mkdir()
    place.chmod(0o777)
    node.settings["startup"] = {"file": "saved/startup.xml"}
    node.write_settings()
    node.start()
    look = Look(node, lambda: place / "startup.xml")
    with Wire(node) as client:
        ok(client.rpc(edit("10.1.0.0/16")))
        ok(client.rpc("<commit/>"))
        place.chmod(0o555)
        ok(client.rpc(edit("10.2.0.0/16")))
        refused = client.rpc("<commit/>")
        assert b"Permission denied" in refused
        assert look.running() == look.kernel() == look.startup() == {"10.1.0.0/16"}
        place.chmod(0o777)
        ok(client.rpc("<commit/>"))
    assert look.agreed() == {"10.1.0.0/16", "10.2.0.0/16"}


def test_a_startup_that_the_kernel_refuses_in_part_is_taken_as_a_whole_later(node: FrontNode) -> None:
    def plug_in() -> None:
        node.lab.run("node", *"ip link add c1 up type veth peer name c2".split())
        node.lab.run("node", *"ip link set c2 up".split())

    plug_in()
    node.start()
    look = Look(node)
    with Wire(node) as client:
        kind = '<type xmlns:t="urn:ietf:params:xml:ns:yang:iana-if-type">t:ethernetCsmacd</type>'
        address = "<address><ip>10.5.0.1</ip><prefix-length>24</prefix-length></address>"
        ipv4 = f'<ipv4 xmlns="urn:ietf:params:xml:ns:yang:ietf-ip">{address}</ipv4>'
        one = f'<interfaces xmlns="{IF}"><interface><name>c1</name>{kind}{ipv4}</interface></interfaces>'
        ok(client.rpc(f"<edit-config><target><candidate/></target><config>{one}</config></edit-config>"))
        ok(client.rpc(edit("10.1.0.0/16")))
        ok(client.rpc("<commit/>"))
    assert "10.5.0.1/24" in node.lab.run("node", *"ip address show c1".split())
    node.kill()
    node.lab.run("node", *"ip link delete c1".split())
    node.start()
    assert "the node has no interface c1" in node.said()
    assert look.agreed() == {"10.1.0.0/16"}
    plug_in()
    wait_for(lambda: "10.5.0.1/24" in node.lab.run("node", *"ip address show c1".split()), 20, "the next try")
    assert look.agreed() == {"10.1.0.0/16"}


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["parent", "child"])
@pytest.mark.parametrize("commit", ["<commit/>", "<commit><confirmed/></commit>"], ids=["commit", "confirmed"])
def test_killed_at_any_moment_they_agree_after_the_next_start(node: FrontNode, victim: str, commit: str) -> None:
    """SIGKILL at moments from before the commit reaches the server until after its answer."""
    look = Look(node)
    now = frozenset({"10.99.0.0/16"})
    node.start()
    with Wire(node) as client:
        ok(client.rpc(edit(*now)))
        ok(client.rpc("<commit/>"))
    assert node.stop() == 0
    answered = 0
    moments = (0.0, 0.03, 0.06, 0.1, 0.2, 1.0)
    for number, moment in enumerate(moments):
        node.start()
        assert look.agreed() == now
        coming = frozenset(f"10.{100 + number}.{low}.{high}/25" for low in range(250) for high in (0, 128))
        with Wire(node) as client:
            ok(client.rpc(edit(*coming, default="replace")))
            process = node.processes()[victim == "child"]
            timer = threading.Timer(moment, os.kill, (process, signal.SIGKILL))
            timer.start()
            done = False
            with suppress(EOFError, OSError, TimeoutError):
                done = b"<ok/>" in client.rpc(commit)
            timer.join()
        assert node.process is not None
        node.process.wait(20)  # of the two, the other one goes too
        node.process = None
        answered += done
        node.start()
        found = look.agreed()
        if "confirmed" in commit:
            assert found == now, "what was not confirmed is gone"
        elif done:
            assert found == coming, "what was answered with ok is kept"
        else:
            assert found in (now, coming), "all or nothing"
        now = found
        assert node.stop() == 0
    assert 0 < answered < len(moments), "some commits were cut, and some were not"
