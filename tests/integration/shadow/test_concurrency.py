# SPDX-License-Identifier: GPL-3.0-or-later
"""Many processes with a manager each, and one manager with many threads, at once on one node."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab

from .book import Book
from .test_active_routes import routes, vm

pytestmark = [pytest.mark.netns, pytest.mark.slow]

PROCESSES, EACH = 8, 125


def _statuses(ledger: Ledger) -> set[str]:
    with ledger.snapshot() as transaction:
        return {item.status for item in transaction.instances()}


def _live(path: Path, namespace: str, number: int, barrier: Any, told: Any) -> None:
    prefixes, problem = [], None
    try:
        with (
            Ledger(path) as ledger,
            ActiveRouteManager(ledger, lambda _name: NetlinkTransport(namespace)) as manager,
        ):
            barrier.wait(60)
            prefixes = [manager.created(vm(f"web-{number}-{one}")).prefix for one in range(EACH)]
            assert "error" not in _statuses(ledger)
            barrier.wait(120)
            for one in range(EACH):
                assert manager.deleted(f"web-{number}-{one}").changed
            assert not manager.problems, manager.problems
    except BaseException as error:  # noqa: BLE001  # whatever it is, the parent tells it
        problem = repr(error)
    told.put((prefixes, problem))


def test_eight_processes_create_and_delete_a_thousand_instances(book: Book, lab: Lab) -> None:
    book.reserve(PROCESSES * EACH, node="fe1")
    context = get_context("fork")
    barrier, told = context.Barrier(PROCESSES), context.Queue()
    children = [  # each with a thread that makes full pushes, against the quick routes of the others
        context.Process(target=_live, args=(book.path, lab.names["fe1"], number, barrier, told))
        for number in range(PROCESSES)
    ]
    for child in children:
        child.start()
    answers = [told.get(timeout=240) for _child in children]
    for child in children:
        child.join()
    assert [problem for _prefixes, problem in answers if problem] == []
    everything = [prefix for prefixes, _problem in answers for prefix in prefixes]
    assert len(set(everything)) == len(everything) == PROCESSES * EACH
    transport = NetlinkTransport(lab.names["fe1"])
    with ActiveRouteManager(book.ledger, lambda name: NetlinkTransport(lab.names[name]), background=False) as manager:
        manager.reconcile("fe1")
    assert book.statuses() == {}
    assert {kind for _prefix, kind in routes(lab)} == {"blackhole"}
    book.check_agreement("fe1", transport)
    transport.close()


def test_threads_share_one_manager(book: Book, lab: Lab) -> None:
    book.reserve(80, node="fe1")
    with ActiveRouteManager(book.ledger, lambda name: NetlinkTransport(lab.names[name])) as manager:
        manager.reconcile("fe1")
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda one: manager.created(vm(f"web-{one % 80}")).prefix, range(160)))
            assert len(set(made)) == 80
            assert made[:80] == made[80:]
            gone = list(pool.map(lambda one: manager.deleted(f"web-{one % 80}").changed, range(160)))
            assert sum(gone) == 80
        manager.settle()
        assert book.statuses() == {}
        assert not manager.problems
    book.check_agreement("fe1", NetlinkTransport(lab.names["fe1"]))
