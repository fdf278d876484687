# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed before and after every effect of every operation: reconcile brings ledger, routes and addresses together.

Every effect on the world is a commit of the ledger or something sent to a kernel. A child process counts them and
kills itself at one; it takes turns through all of them.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.wire import Wire
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instance_lifecycle import delete, set_aside
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instances import create
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.addresses import format_block
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.sqlite import SqliteStore
from ansible_collections.shadownet.ipam.plugins.module_utils.model.reservation import InstanceRequest
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab

from .book import Book
from .test_active_routes import routes, vm

pytestmark = [pytest.mark.netns, pytest.mark.slow]

MOST = 200
Work = Callable[[ActiveRouteManager], object]
Effect = tuple[Any, str]
EFFECTS: tuple[Effect, ...] = ((SqliteStore, "commit"), (Wire, "batch"), (Wire, "transaction"))


class World:
    """What a test has beside the ledger and the nodes: nothing."""

    effects: tuple[Effect, ...] = EFFECTS

    def manager(self, ledger: Ledger, lab: Any) -> ActiveRouteManager:
        """A manager without a thread."""
        return ActiveRouteManager(ledger, lambda name: NetlinkTransport(lab.names[name]), background=False)

    def reconcile(self) -> None:
        """What ``reconcile`` does beside the nodes."""

    def check(self) -> None:
        """After that, it agrees with the ledger."""


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


def killed(book: Book, lab: Lab | None, at: int, work: Work, world: World) -> bool:
    """Whether a process that does ``work`` was killed at its effect ``at``, and did not come to its end before."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            fuse = Fuse(at)
            for owner, name in world.effects:
                fuse.guard(owner, name)
            with Ledger(book.path) as ledger:
                manager = world.manager(ledger, lab)
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


def everywhere(
    book: Book, lab: Lab, prepare: Work, work: Work, check: Callable[[], None], world: World | None = None
) -> int:
    """Kills ``work`` at every effect, each time after ``prepare``; how many times that was."""
    world = world or World()
    nodes = sorted(name for name in lab.names if name.startswith("fe"))
    for at in range(MOST):
        with world.manager(book.ledger, lab) as manager:
            prepare(manager)
        if not killed(book, lab, at, work, world):
            return at
        check()
        with world.manager(book.ledger, lab) as manager:
            for node in nodes * 2:
                manager.reconcile(node)
        world.reconcile()
        check()
        world.check()
        for node in nodes:
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


def _holders(lab: Lab) -> set[str]:
    """The namespaces that have the address."""
    return {name for name in ("vm1", "vm2") if "10.200.0.0/32" in lab.run(name, "ip", "address")}


def _check_one_place(book: Book, lab: Lab) -> None:
    """One route at most; an address only where the ledger has it; neither without the ledger."""
    there = [node for node in ("fe1", "fe2") if "10.200.0.0" in dict(routes(lab, node))]
    assert len(there) <= 1, "never two"
    with book.ledger.snapshot() as transaction:
        item = transaction.instance_named("web-1")
    places = {lab.names[one] for one in _holders(lab)}
    assert places <= ({item.netns} if item is not None and item.netns else set())
    assert item is not None or there == []


def _two_nodes(book: Book, lab: Lab) -> tuple[InstanceRequest, InstanceRequest]:
    lab.add("fe2")
    lab.join("fe2", "tap1", "vm2", "eth9")
    book.reserve(2)
    here = {"assign": "netlink", "netns": lab.names["vm1"], "instance_interface": "eth0"}
    there = {"assign": "netlink", "netns": lab.names["vm2"], "instance_interface": "eth9"}
    return vm("web-1", **here), vm("web-1", node="fe2", **there)


def test_killed_while_an_instance_moves_to_another_node_and_namespace(book: Book, lab: Lab) -> None:
    here, there = _two_nodes(book, lab)

    def prepare(manager: ActiveRouteManager) -> None:
        manager.deleted("web-1")
        manager.reconcile("fe2")
        manager.created(here)
        manager.settle()

    def check() -> None:
        _check_one_place(book, lab)

    assert everywhere(book, lab, prepare, lambda manager: manager.created(there), check) > 25
    assert _holders(lab) == {"vm2"}
    assert "10.200.0.0" in dict(routes(lab, "fe2"))


def test_killed_while_an_instance_is_deleted_that_is_half_way_to_another_node(book: Book, lab: Lab) -> None:
    here, there = _two_nodes(book, lab)

    def prepare(manager: ActiveRouteManager) -> None:
        manager.deleted("web-1")
        manager.reconcile("fe2")
        manager.created(here)
        manager.settle()
        with book.ledger.transaction() as transaction:
            create(transaction, replace(there, netns=here.netns, instance_interface=here.instance_interface))

    def check() -> None:
        _check_one_place(book, lab)

    def work(manager: ActiveRouteManager) -> None:
        with book.ledger.snapshot() as transaction:
            item = transaction.instance_named("web-1")
        if item is not None and item.leaving is None:
            prepare(manager)
        manager.deleted("web-1")

    assert everywhere(book, lab, prepare, work, check) > 25
    assert book.statuses() == {}


def test_killed_while_an_instance_comes_back_before_its_deletion_was_settled(
    book: Book, lab: Lab, way: dict[str, str]
) -> None:
    book.reserve(2, node="fe1")

    def prepare(manager: ActiveRouteManager) -> None:
        reset(manager)
        manager.created(vm("web-1", **way))

    def check() -> None:
        held = "10.200.0.0" in dict(routes(lab))
        assert book.statuses() or not held, "a route to an address that the ledger does not hold"
        assert book.statuses() or not _holders(lab), "an address of nobody"

    def work(manager: ActiveRouteManager) -> None:
        manager.deleted("web-1")
        manager.created(vm("web-1", "tap2", **{**way, "netns": lab.names["vm2"]}))

    assert everywhere(book, lab, prepare, work, check) > 25
    assert _holders(lab) == {"vm2"}


def test_killed_while_a_node_is_reconciled(book: Book, lab: Lab, way: dict[str, str]) -> None:
    """Of three instances one is new, one goes, and one was set aside; the node has lost its routes."""
    book.reserve(4, node="fe1")

    def prepare(manager: ActiveRouteManager) -> None:
        manager.reconcile("fe1")
        manager.created(vm("web-1", **way))
        manager.created(vm("web-2"))
        manager.settle()
        manager.deleted("web-3")
        with book.ledger.transaction() as transaction:
            create(transaction, vm("web-3"))
            delete(transaction, "web-2")
            set_aside(transaction, "fe1", ["10.200.0.0/32"], "its interface was missing")
        lab.run("fe1", "ip", "route", "flush", "proto", "201")
        lab.run("vm1", "ip", "address", "flush", "dev", "eth0")

    def work(manager: ActiveRouteManager) -> None:
        prepare(manager)
        manager.reconcile("fe1")

    def check() -> None:
        with book.ledger.snapshot() as transaction:
            held = {format_block(item.block).partition("/")[0] for item in transaction.instances()}
        assert {one for one, kind in routes(lab) if kind == "tap1"} <= held

    assert everywhere(book, lab, prepare, work, check) > 25
    assert book.statuses() == {"web-1": "active", "web-3": "active"}
    assert _holders(lab) == {"vm1"}
