# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody else holds the ledger: everybody is told within its time-out, and all is finished afterwards."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import LedgerBusy
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab, wait_for

from .book import Book
from .test_active_routes import vm

pytestmark = pytest.mark.netns

CALLERS, TIMEOUT = 12, 1.0


@contextmanager
def locked(book: Book) -> Iterator[None]:
    """Another program writes to the ledger's file for the length of a ``with``."""
    with closing(sqlite3.connect(book.path, isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


def test_all_callers_are_told_within_the_time_out_and_repeating_finishes_it(book: Book, lab: Lab) -> None:
    book.reserve(CALLERS, node="fe1")
    before = threading.active_count()
    with (
        Ledger(book.path, timeout=TIMEOUT) as ledger,
        ActiveRouteManager(ledger, lambda name: NetlinkTransport(lab.names[name])) as manager,
        ThreadPoolExecutor(CALLERS) as pool,
    ):
        manager.reconcile("fe1")
        manager.created(vm("web-0"))
        with locked(book):
            began = time.monotonic()
            tasks = [pool.submit(manager.created, vm(f"web-{number}")) for number in range(1, CALLERS)]
            tasks.append(pool.submit(manager.deleted, "web-0"))
            errors = [task.exception(60) for task in tasks]
            assert time.monotonic() - began < 4 * TIMEOUT, "not one after the other"
        assert all(isinstance(error, LedgerBusy) for error in errors), errors
        assert "SHADOWNET_LEDGER_TIMEOUT" in str(errors[0])
        assert set(book.statuses()) == {"web-0"}
        for number in range(CALLERS):
            manager.created(vm(f"web-{number}"))
        wait_for(lambda: set(book.statuses().values()) == {"active"}, 20.0, "the thread, which was told so too")
        assert len(book.statuses()) == CALLERS
    assert threading.active_count() <= before
    book.check_agreement("fe1", NetlinkTransport(lab.names["fe1"]))


def test_who_holds_it_for_less_than_the_time_out_costs_only_that_time(book: Book, lab: Lab) -> None:
    book.reserve(CALLERS, node="fe1")
    with (
        ActiveRouteManager(book.ledger, lambda name: NetlinkTransport(lab.names[name])) as manager,
        ThreadPoolExecutor(CALLERS) as pool,
    ):
        manager.reconcile("fe1")
        with locked(book):
            tasks = [pool.submit(manager.created, vm(f"web-{number}")) for number in range(CALLERS)]
            time.sleep(2 * TIMEOUT)
            assert not any(task.done() for task in tasks)
        assert len({task.result(20).prefix for task in tasks}) == CALLERS
        manager.settle()
    book.check_agreement("fe1", NetlinkTransport(lab.names["fe1"]))


def test_a_route_that_the_node_refuses_while_the_ledger_is_held(book: Book, lab: Lab) -> None:
    book.reserve(2, node="fe1")
    with (
        Ledger(book.path, timeout=TIMEOUT) as ledger,
        ActiveRouteManager(ledger, lambda name: Late(lab.names[name], book), background=False) as manager,
    ):
        manager.reconcile("fe1")
        Late.armed = True
        with pytest.raises(LedgerBusy):
            manager.created(vm("web-1", "tap9"))
        assert book.statuses() == {"web-1": "pending"}
        assert manager.owed == ["fe1"], "the push that finds out why"
        Late.holder.join(10)
        manager.settle()
        assert book.statuses() == {"web-1": "error"}


class Late(NetlinkTransport):
    """Once, its node takes a route, or refuses it, only when somebody else holds the ledger; he does so for a while."""

    armed = False
    holder: threading.Thread

    def __init__(self, name: str, book: Book) -> None:
        super().__init__(name)
        self._book = book

    def quick_route(self, *arguments: object) -> bool:
        if Late.armed:
            Late.armed = False
            held, free = threading.Event(), threading.Event()

            def hold() -> None:
                with locked(self._book):
                    held.set()
                    free.wait(2.5 * TIMEOUT)

            Late.holder = threading.Thread(target=hold)
            Late.holder.start()
            held.wait(10)
        return super().quick_route(*arguments)  # type: ignore[arg-type]
