# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed before and after every effect of every operation: reconcile brings ledger, routes and addresses together.

Every effect on the world is a commit of the ledger or something sent to a kernel. A child process counts them and
kills itself at one; it takes turns through all of them.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.wire import Wire
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.sqlite import SqliteStore
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab

from .book import Book
from .test_active_routes import routes, vm

pytestmark = [pytest.mark.netns, pytest.mark.slow]

MOST = 200
Work = Callable[[ActiveRouteManager], object]


class Fuse:
    """Counts effects, and kills this process at one of them: number 2n before, 2n + 1 after the n-th."""

    def __init__(self, at: int) -> None:
        self.at, self.count, self.lit = at, 0, False

    def guard(self, owner: Any, name: str) -> None:
        plain = getattr(owner, name)

        def guarded(*arguments: Any, **options: Any) -> Any:
            self._step()
            done = plain(*arguments, **options)
            self._step()
            return done

        setattr(owner, name, guarded)

    def _step(self) -> None:
        if self.lit:
            if self.count == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
            self.count += 1


def killed(book: Book, lab: Lab, at: int, work: Work) -> bool:
    """Whether a process that does ``work`` was killed at its effect ``at``, and did not come to its end before."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            fuse = Fuse(at)
            for owner, name in ((SqliteStore, "commit"), (Wire, "batch"), (Wire, "transaction")):
                fuse.guard(owner, name)
            with Ledger(book.path) as ledger:
                manager = ActiveRouteManager(ledger, lambda name: NetlinkTransport(lab.names[name]), background=False)
                manager.reconcile("fe1")
                fuse.lit = True
                work(manager)
                manager.settle()
                code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, "the work failed by itself"
    return False


def everywhere(book: Book, lab: Lab, prepare: Work, work: Work, check: Callable[[], None]) -> int:
    """Kills ``work`` at every effect, each time after ``prepare``; how many times that was."""
    for at in range(MOST):
        with ActiveRouteManager(book.ledger, lambda name: NetlinkTransport(lab.names[name]), background=False) as one:
            prepare(one)
        if not killed(book, lab, at, work):
            return at
        check()
        with ActiveRouteManager(book.ledger, lambda name: NetlinkTransport(lab.names[name]), background=False) as one:
            for node in sorted(name for name in lab.names if name.startswith("fe")) * 2:
                one.reconcile(node)
        check()
        for node in (name for name in lab.names if name.startswith("fe")):
            transport = NetlinkTransport(lab.names[node])
            book.check_agreement(node, transport)
            transport.close()
    raise AssertionError(f"more than {MOST} effects")


@pytest.fixture
def way(lab: Lab) -> dict[str, str]:
    lab.run("fe1", "ip", "address", "add", "169.254.1.1/32", "dev", "tap1")
    return {"assign": "netlink", "netns": lab.names["vm1"], "instance_interface": "eth0", "gateway": "169.254.1.1"}


def reset(manager: ActiveRouteManager) -> None:
    manager.deleted("web-1")
    manager.reconcile("fe1")


def test_killed_while_an_instance_is_created(book: Book, lab: Lab, way: dict[str, str]) -> None:
    book.reserve(2, node="fe1")
    seen = set()

    def check() -> None:
        here, held = bool(book.statuses()), "10.200.0.0" in dict(routes(lab))
        assert here or not held, "a route to an address that the ledger does not hold"
        assert here or "10.200.0.0/32" not in lab.run("vm1", "ip", "address"), "an address of nobody"
        seen.add((here, held))

    def work(manager: ActiveRouteManager) -> None:
        manager.created(vm("web-1", **way))

    assert everywhere(book, lab, reset, work, check) > 15
    assert seen == {(False, False), (True, False), (True, True)}
    assert "10.200.0.0/32" in lab.run("vm1", "ip", "address"), "the last one came to its end"


def test_killed_while_an_instance_gets_another_namespace(book: Book, lab: Lab, way: dict[str, str]) -> None:
    book.reserve(2, node="fe1")
    first, second = way, {**way, "netns": lab.names["vm2"]}

    def prepare(manager: ActiveRouteManager) -> None:
        reset(manager)
        manager.created(vm("web-1", **first))
        manager.settle()

    def check() -> None:
        with book.ledger.snapshot() as transaction:
            item = transaction.instance_named("web-1")
        assert item is not None
        for name in ("vm1", "vm2"):
            if "10.200.0.0/32" in lab.run(name, "ip", "address"):
                assert item.netns == lab.names[name], "an address where the ledger does not know of it"

    everything = everywhere(book, lab, prepare, lambda manager: manager.created(vm("web-1", "tap2", **second)), check)
    assert everything > 15
    assert "10.200.0.0/32" in lab.run("vm2", "ip", "address"), "the last one came to its end"


def test_killed_while_an_instance_is_deleted(book: Book, lab: Lab, way: dict[str, str]) -> None:
    book.reserve(2, node="fe1")

    def prepare(manager: ActiveRouteManager) -> None:
        manager.reconcile("fe1")
        manager.created(vm("web-1", **way))
        manager.settle()

    def check() -> None:
        here, held = bool(book.statuses()), "10.200.0.0" in dict(routes(lab))
        assert here or not held, "a route to an address that the ledger does not hold"
        assert here or "10.200.0.0/32" not in lab.run("vm1", "ip", "address"), "an address of nobody"

    assert everywhere(book, lab, prepare, lambda manager: manager.deleted("web-1"), check) > 15
    assert book.statuses() == {}


def test_killed_while_an_instance_moves(book: Book, lab: Lab) -> None:
    lab.add("fe2")
    lab.join("fe2", "tap1", "vm2", "eth9")
    book.reserve(2)

    def prepare(manager: ActiveRouteManager) -> None:
        reset(manager)
        manager.reconcile("fe2")
        manager.created(vm("web-1"))
        manager.settle()
        assert "10.200.0.0" in dict(routes(lab))

    def check() -> None:
        there = [node for node in ("fe1", "fe2") if "10.200.0.0" in dict(routes(lab, node))]
        assert len(there) <= 1, "never two"

    assert everywhere(book, lab, prepare, lambda manager: manager.created(vm("web-1", node="fe2")), check) > 15
    assert "10.200.0.0" in dict(routes(lab, "fe2"))
