# SPDX-License-Identifier: GPL-3.0-or-later
"""Summaries that a long-lived process keeps: one at a time, and never an error."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instances import create
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_state import FORM
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_summary import EVERY
from ansible_collections.shadownet.ipam.plugins.module_utils.model.reservation import InstanceRequest
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.summaries import Summaries
from ansible_collections.shadownet.ipam.tests.unit.ipam.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "ledger.db")
    try:
        made.pool("others", "10.64.0.0/16")
        yield made
    finally:
        made.close()


def live(desk: Desk) -> None:
    """As much as makes a summary due: a creation without a reservation is two events."""
    with desk.ledger.transaction("test") as transaction:
        for number in range(EVERY // 2 + 1):
            create(transaction, InstanceRequest(f"web-{number}", "web"))


def summarised(desk: Desk) -> int:
    with desk.ledger.snapshot() as transaction:
        return transaction.summarised(FORM)[0]


def test_threads_make_one_where_one_is_due(desk: Desk) -> None:
    kept = Summaries(desk.ledger)
    assert not kept.keep()
    live(desk)
    with ThreadPoolExecutor(8) as pool:
        made = [one.result() for one in [pool.submit(kept.keep) for _number in range(8)]]
    assert made.count(True) == 1
    assert summarised(desk) > EVERY
    assert not kept.keep()
    kept.close()
    assert not kept.keep(), "after close it opens anew"
    kept.close()


def test_a_ledger_that_fails_is_no_error(desk: Desk) -> None:
    kept = Summaries(desk.ledger)
    live(desk)
    with closing(sqlite3.connect(desk.path)) as connection:
        connection.execute("ALTER TABLE usage_summary RENAME TO mislaid")
    assert not kept.keep()
    with closing(sqlite3.connect(desk.path)) as connection:
        connection.execute("ALTER TABLE mislaid RENAME TO usage_summary")
    assert kept.keep(), "the next call tries again"
    kept.close()
