# SPDX-License-Identifier: GPL-3.0-or-later
"""What the two processes of the agent may do, told by the kernel itself."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.node.privileges import (
    CAP_NET_ADMIN,
    Owner,
    PrivilegeError,
    close_all_but,
    confine,
    die_with,
)
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink import routes
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.wire import (
    NETLINK_ROUTE,
    KernelRefused,
    Wire,
)
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import NodeError
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig
from ansible_collections.shadownet.ipam.tests.integration.namespaces import wait_for

pytestmark = pytest.mark.netns

NOBODY = Owner(65534, 65534)
_PTRACE_ATTACH = 16
real_root = pytest.mark.skipif(
    int(Path("/proc/self/uid_map").read_text().split()[2]) <= NOBODY.uid, reason="this user namespace has one user only"
)


def in_child(work: Callable[[], str]) -> str:
    """What ``work`` returns or raises in a child process, as text."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = work()
        except BaseException as error:  # noqa: BLE001  # whatever it is, the test looks at it
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


@contextmanager
def standing(work: Callable[[], None]) -> Iterator[int]:
    """The number of a child process that has done ``work`` and waits."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work()
            os.write(writing, b".")
            signal.pause()
        finally:
            os._exit(1)
    os.close(writing)
    try:
        assert os.read(reading, 1) == b"."
        yield child
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: " ".join(value.split()) for key, _colon, value in (line.partition(":") for line in lines)}


@real_root
@pytest.mark.parametrize(("keep", "mask"), [((), 0), ((CAP_NET_ADMIN,), 1 << CAP_NET_ADMIN)])
def test_the_kernel_shows_no_right_but_those_kept(keep: tuple[int, ...], mask: int) -> None:
    with standing(lambda: confine(keep, NOBODY)) as pid:
        found = status(pid)
    assert {key: int(found[key], 16) for key in ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb")} == {
        "CapPrm": mask,
        "CapEff": mask,
        "CapBnd": mask,
        "CapInh": 0,
        "CapAmb": 0,
    }
    assert found["NoNewPrivs"] == "1"
    assert found["Uid"].split() == ["65534"] * 4
    assert found["Gid"].split() == ["65534"] * 4
    assert found["Groups"] == ""


@real_root
def test_the_server_cannot_add_a_route_nor_read_what_is_roots(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o600)

    def work() -> str:
        confine((), NOBODY)
        said = []
        wire = Wire(NETLINK_ROUTE)
        try:
            wire.talk(*routes.Encoder(lambda _name: 1).adding({"prefix": "10.9.0.0/16", "type": "blackhole"}))
        except KernelRefused as refused:
            said.append(errno.errorcode[refused.code])
        try:
            push(NetlinkTransport(), NodeConfig.from_dict({"routes": [{"prefix": "10.9.0.0/16", "type": "blackhole"}]}))
        except NodeError as refused_push:
            said.append(refused_push.message)
        for attempt in (
            secret.read_text,
            lambda: os.setuid(0),
            lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        ):
            try:
                attempt()
            except OSError as error:
                said.append(type(error).__name__)
        return "; ".join(said)

    assert in_child(work) == (
        "EPERM; This node may not be configured by this user.; PermissionError; PermissionError; PermissionError"
    )


@real_root
def test_a_program_that_the_server_runs_gets_no_right_back() -> None:
    def work() -> str:
        confine((), NOBODY)
        return subprocess.run(["grep", "Cap", "/proc/self/status"], capture_output=True, text=True, check=True).stdout

    said = in_child(work)
    assert said.count(":\t0000000000000000") == 5, said


@real_root
def test_of_two_processes_of_one_user_the_server_cannot_look_into_the_applier() -> None:
    with standing(lambda: confine((CAP_NET_ADMIN,), NOBODY)) as applier:

        def work() -> str:
            confine((), NOBODY)
            said = []
            try:
                os.close(os.open(f"/proc/{applier}/mem", os.O_RDONLY))
            except OSError as error:
                said.append(type(error).__name__)
            libc = ctypes.CDLL(None, use_errno=True)
            done = libc.ptrace(_PTRACE_ATTACH, applier, None, None)
            said.append(errno.errorcode[ctypes.get_errno()] if done else "attached")
            os.kill(applier, 0)  # signals of each other they may send: the parent hands SIGTERM on
            return "; ".join(said)

        assert in_child(work) == "PermissionError; EPERM"


def test_what_was_never_there_cannot_be_kept() -> None:
    def work() -> str:
        confine(())
        confine((CAP_NET_ADMIN,))
        return "kept"

    assert in_child(work).startswith("PrivilegeError: this process lacks CAP_NET_ADMIN")


def test_no_file_stays_open_but_those_kept() -> None:
    one, two = os.pipe()

    def work() -> str:
        close_all_but((two,))
        os.fstat(two)
        return ",".join(sorted({one.name for one in Path("/proc/self/fd").iterdir()} - {"0", "1", "2"}))

    # The pipe to this test is closed too: the child can only tell by its exit status.
    child = os.fork()
    if child == 0:
        try:
            left = work().split(",")
            os._exit(0 if str(two) in left and str(one) not in left and len(left) == 2 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(one)
    os.close(two)


def test_the_server_dies_with_its_parent() -> None:
    reading, writing = os.pipe()
    parent = os.fork()
    if parent == 0:
        number = os.getpid()
        child = os.fork()
        if child == 0:
            confine(())
            die_with(number)
        else:
            os.write(writing, f"{child}\n".encode())
        time.sleep(60)
        os._exit(0)
    child = int(os.read(reading, 20))
    wait_for(lambda: status(child)["NoNewPrivs"] == "1", what="the child")
    time.sleep(0.1)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    wait_for(lambda: not Path(f"/proc/{child}").exists() or status(child)["State"].startswith("Z"), what="its end")
    os.close(reading)
    os.close(writing)


def test_a_parent_that_is_gone_already_is_noticed() -> None:
    def work() -> str:
        die_with(1 << 21)
        return "lives"

    assert in_child(work) == "PrivilegeError: the parent process ended."
    assert issubclass(PrivilegeError, Exception)


def test_an_ordinary_user_can_do_all_of_it_in_a_user_namespace(collections_path: Path) -> None:
    """``unshare -Urn``: one user, no other; the node's configuration reaches the kernel all the same."""
    pytest.importorskip("libyang", reason="needs the extra node")
    script = """
        import asyncio, os, socket
        from ansible_collections.shadownet.ipam.node import applier
        from ansible_collections.shadownet.ipam.node.kernel import connect
        from ansible_collections.shadownet.ipam.node.privileges import *
        from ansible_collections.shadownet.ipam.tests.unit.node.kernel.trees import *
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            close_all_but([ours.fileno()])
            confine(())
            die_with(parent)
            async def work():
                kernel = await connect(ours)
                with tree(interfaces(interface("sn1", inner=ip(4, address("10.0.0.1/24"))))) as made:
                    await kernel.apply(None, made, reconcile=True)
                kernel.close()
            asyncio.run(work())
            os._exit(0)
        ours.close()
        confine([CAP_NET_ADMIN])
        applier.serve(theirs)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), os.popen("ip -br -4 address show").read())
    """
    done = subprocess.run(
        ["unshare", "-Urn", sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": str(collections_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("0 ")
    assert "10.0.0.1/24" in done.stdout
