# SPDX-License-Identifier: GPL-3.0-or-later
"""What does not answer keeps only those waiting that need it: a node, or a way to assign addresses."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.transport import Current
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import LedgerUnusable, NodeError
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab, wait_for

from .book import Book
from .test_active_routes import vm

pytestmark = pytest.mark.netns

SOON = 10.0
"""Seconds in which what need not wait is done."""


class Gate:
    """Where whoever comes waits until it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def wait(self) -> None:
        self.reached.set()
        self.opened.wait(60)


class Stuck(NetlinkTransport):
    """Reading it waits at a gate."""

    def __init__(self, name: str, gate: Gate) -> None:
        super().__init__(name)
        self.gate = gate

    def read(self) -> Current:
        self.gate.wait()
        return super().read()


class StuckAssigner:
    """Giving waits at a gate."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def give(self, instance: Mapping[str, Any]) -> None:
        self.gate.wait()

    def take(self, instance: Mapping[str, Any]) -> None:
        """Nothing was given."""

    def close(self) -> None:
        """Nothing is open."""


def test_a_hundred_creations_on_a_silent_node_keep_no_other_waiting(book: Book, lab: Lab) -> None:
    book.reserve(150)
    gate = Gate()

    def nodes(name: str) -> NetlinkTransport:
        return Stuck(lab.names["vm1"], gate) if name == "silent" else NetlinkTransport(lab.names[name])

    with (
        book.ledger.again() as ledger,
        ActiveRouteManager(ledger, nodes, background=False) as manager,
        ThreadPoolExecutor(101) as pool,
    ):
        manager.reconcile("fe1")
        try:
            stuck = [pool.submit(manager.created, vm(f"web-{one}", "eth0", node="silent")) for one in range(100)]
            assert gate.reached.wait(SOON)
            wait_for(lambda: len(book.statuses()) == 100, what="the ledger's step of all of them")
            for number in range(100, 105):
                pool.submit(manager.created, vm(f"web-{number}")).result(SOON)
        finally:
            gate.opened.set()
        for one in stuck:
            one.result(60)


def test_one_way_to_assign_does_not_wait_for_another(book: Book, lab: Lab) -> None:
    book.reserve(2, node="fe1")
    gate = Gate()
    with (
        ActiveRouteManager(
            book.ledger,
            lambda name: NetlinkTransport(lab.names[name]),
            assigners={"dhcp": StuckAssigner(gate)},
            background=False,
        ) as manager,
        ThreadPoolExecutor(2) as pool,
    ):
        try:
            stuck = pool.submit(manager.created, vm("web-1", assign="dhcp", mac="52:54:00:00:00:01"))
            assert gate.reached.wait(SOON)
            other = vm("web-2", "tap2", assign="netlink", netns=lab.names["vm2"], instance_interface="eth0")
            pool.submit(manager.created, other).result(SOON)
            assert not stuck.done()
        finally:
            gate.opened.set()
        stuck.result(SOON)


class Silent(NetlinkTransport):
    """Says nothing for a while, and then that it said nothing, once it is told to."""

    silent = False

    def read(self) -> Current:
        if self.silent:
            time.sleep(0.5)
            raise NodeError("no answer")
        return super().read()


def test_the_thread_does_not_rest_from_waiting_for_a_node(book: Book, lab: Lab) -> None:
    book.reserve(2)
    made: list[Silent] = []

    def nodes(name: str) -> NetlinkTransport:
        if name == "fe1":
            return NetlinkTransport(lab.names["fe1"])
        made.append(Silent(lab.names["vm1"]))
        return made[-1]

    with ActiveRouteManager(book.ledger, nodes, rest=100.0, delay=0.0) as manager:
        manager.reconcile("silent")
        manager.reconcile("fe1")
        for one in made:
            one.silent = True
        manager.created(vm("web-1", "eth0", node="silent"))
        wait_for(lambda: "silent" in manager.problems, what="the push that waits in vain")
        began = time.monotonic()
        manager.created(vm("web-2"))
        wait_for(lambda: book.statuses()["web-2"] == "active", what="the healthy node's push")
        assert time.monotonic() - began < SOON
        for one in made:
            one.silent = False


def test_a_node_that_does_not_answer_delays_no_confirmation_of_another(book: Book, lab: Lab) -> None:
    book.reserve(2)
    gate = Gate()
    gate.opened.set()

    def nodes(name: str) -> NetlinkTransport:
        return Stuck(lab.names["vm1"], gate) if name == "silent" else NetlinkTransport(lab.names[name])

    before = threading.active_count()
    with ActiveRouteManager(book.ledger, nodes, delay=0.0) as manager:
        manager.reconcile("silent")
        manager.reconcile("fe1")
        gate.opened.clear()
        gate.reached.clear()
        try:
            manager.created(vm("web-1", "eth0", node="silent"))
            assert gate.reached.wait(SOON), "the push to the node that does not answer"
            manager.created(vm("web-2"))
            wait_for(lambda: book.statuses()["web-2"] == "active", SOON, "the healthy node's push")
            assert book.statuses()["web-1"] == "pending"
            assert manager.owed == []
        finally:
            gate.opened.set()
    assert book.statuses() == {"web-1": "active", "web-2": "active"}
    assert threading.active_count() == before


def test_all_who_wait_for_a_silent_node_are_told_by_two_pushes(book: Book, lab: Lab) -> None:
    book.reserve(20)
    made: list[Silent] = []

    def nodes(name: str) -> NetlinkTransport:
        made.append(Silent(lab.names["vm1"]))
        made[-1].silent = True
        return made[-1]

    def told(number: int) -> bool:
        try:
            manager.created(vm(f"web-{number}", "eth0", node="silent"))
        except NodeError as error:
            return "no answer" in str(error)
        return False

    with ActiveRouteManager(book.ledger, nodes, background=False) as manager, ThreadPoolExecutor(20) as pool:
        began = time.monotonic()
        assert all(pool.map(told, range(20)))
        assert time.monotonic() - began < 5.0, "one after the other, that were ten seconds"
        for one in made:
            one.silent = False
        manager.reconcile("silent")
    assert set(book.statuses().values()) == {"active"}


class Sticking(StuckAssigner):
    """Cannot be closed."""

    def close(self) -> None:
        raise OSError("it does not close")


def test_what_cannot_be_closed_keeps_nothing_else_open(book: Book, lab: Lab) -> None:
    transports: list[NetlinkTransport] = []

    def nodes(name: str) -> NetlinkTransport:
        transports.append(NetlinkTransport(lab.names[name]))
        return transports[-1]

    book.reserve(1, node="fe1")
    closed = ActiveRouteManager(book.ledger, nodes, assigners={"dhcp": Sticking(Gate())}, background=False)
    closed.reconcile("fe1")
    closed.created(vm("web-1"))
    with pytest.raises(OSError, match="does not close"):
        closed.close()
    assert len(transports) == 2
    assert not any(one._route_wire or one._nft_wire for one in transports)
    assert book.statuses() == {"web-1": "active"}
    with pytest.raises(LedgerUnusable, match="closed"), closed._other.snapshot():
        pass
