# SPDX-License-Identifier: GPL-3.0-or-later
"""A node in a namespace, its applier with CAP_NET_ADMIN and nothing else, and two hosts beside it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

libyang = pytest.importorskip("libyang", reason="needs the extra node")

from pyroute2 import netns as pyroute2_netns  # noqa: E402

from ansible_collections.shadownet.ipam.node import applier  # noqa: E402
from ansible_collections.shadownet.ipam.node.contract import KernelRefused, Part, Refusal  # noqa: E402
from ansible_collections.shadownet.ipam.node.kernel import LinuxKernel, connect  # noqa: E402
from ansible_collections.shadownet.ipam.node.privileges import (  # noqa: E402
    CAP_NET_ADMIN,
    Owner,
    close_all_but,
    confine,
    die_with,
)
from ansible_collections.shadownet.ipam.tests.integration.frontend.conftest import Node, same, settled  # noqa: E402
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab, namespaces, wait_for  # noqa: E402
from ansible_collections.shadownet.ipam.tests.unit.node.kernel.trees import tree  # noqa: E402

NOBODY = 65534
T = TypeVar("T")


def other_user() -> Owner | None:
    """Someone else than root, where this user namespace has somebody else."""
    mapped = Path("/proc/self/uid_map").read_text().split()
    return Owner(NOBODY, NOBODY) if int(mapped[2]) > NOBODY else None


class Agent(Node):
    """The node with its agent. Trees are given as XML, ``None`` is an empty datastore."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self._loop = asyncio.new_event_loop()
        self.kernel: LinuxKernel
        self.pid = 0

    def start(
        self,
        *,
        takeover: bool = False,
        keep: tuple[int, ...] = (CAP_NET_ADMIN,),
        change: Callable[[], None] | None = None,
    ) -> None:
        """Forks an applier into the namespace; ``change`` is called in it before it serves."""
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                pyroute2_netns.setns(self.lab.names[self.short], flags=0)
                close_all_but((theirs.fileno(),))
                confine(keep, other_user())
                die_with(parent)
                if change is not None:
                    change()
                applier.serve(theirs, takeover=takeover)
            finally:
                os._exit(0)
        theirs.close()
        self.kernel = self.wait(connect(ours, self.lab.names[self.short]))

    def wait(self, what: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(what)

    def stop(self, number: int = 0) -> None:
        """Ends the applier, by a signal or in its orderly way."""
        if not self.pid:
            return
        if number:
            os.kill(self.pid, number)
        self.kernel.close()
        self.wait(asyncio.sleep(0))
        os.waitpid(self.pid, 0)
        self.pid = 0

    def close(self) -> None:
        self.stop(signal.SIGKILL)
        self.transport.close()
        self._loop.close()

    def apply(self, data: str | None, *, reconcile: bool = False) -> None:
        with tree(data or "") as made:
            self.wait(self.kernel.apply(None, made, reconcile=reconcile))

    def check(self, data: str) -> None:
        with tree(data) as made:
            self.wait(self.kernel.check(made))

    def refusal(self, data: str, *, reconcile: bool = False) -> Refusal:
        """The only refusal of a tree that is not applied. What ip, tc and nft show is as before."""
        before = settled(self)
        with pytest.raises(KernelRefused) as caught:
            self.apply(data, reconcile=reconcile)
        same(self, before)
        (found,) = caught.value.errors
        return found

    def state(self, *parts: Part) -> dict[str, Any]:
        return self.wait(self.kernel.state(frozenset(parts)))


@pytest.fixture
def agent() -> Iterator[Agent]:
    """A node ``node`` with the ends ``c1``, ``c2`` of veth pairs to hosts ``one`` and ``two``; no applier yet."""
    with namespaces("node", "one", "two") as lab:
        for which in ("all", "default"):  # or link-local addresses come up to two seconds after their link
            lab.run("node", "sh", "-c", f"echo 0 > /proc/sys/net/ipv6/conf/{which}/accept_dad")
        for short, end in (("one", "c1"), ("two", "c2")):
            lab.join("node", end, short, "eth0")
        lab.forward("node")
        found = Agent(lab)
        wait_for(lambda: "UP" in found.run("ip -br link show c2"), what="the links")
        try:
            yield found
        finally:
            found.close()
