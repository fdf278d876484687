# SPDX-License-Identifier: GPL-3.0-or-later
"""Edges of the history that a forecast is made from; any history is checked in ``test_usage``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.maintenance import accept_clock
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.portable import export_ledger, import_ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage import Window, read_window, usage
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_history import as_csv, usage_history
from ansible_collections.shadownet.ipam.tests.unit.ipam.desk import START, Desk

HOUR = 3600


@pytest.fixture
def shadow(desk: Desk) -> Desk:
    desk.pool("s", "10.200.0.0/24", kind="shadow", quarantine="30m")
    desk.pool("p", "10.1.0.0/24", quarantine="30m")
    return desk


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "other.db")
    yield made
    made.close()


def hours(desk: Desk, first: int, last: int) -> Window:
    del desk
    return Window((START + first * HOUR) * 1000, (START + last * HOUR) * 1000, False)


def history(desk: Desk, window: Window) -> str:
    with desk.ledger.snapshot() as transaction:
        return as_csv(usage_history(transaction, window, HOUR * 1000))


def workloads(desk: Desk) -> dict[str, dict[str, Any]]:
    with desk.ledger.snapshot() as transaction:
        found = usage(transaction, read_window(None, None, transaction.now))["workloads"]
    return {one["workload"]: one for one in found}


def test_what_is_past_stays_the_same_whoever_comes_later(shadow: Desk) -> None:
    shadow.create("web-1")
    shadow.seconds += 3 * HOUR
    before = history(shadow, hours(shadow, 0, 2))
    assert before.count("web") == 2
    shadow.create("db-1", "db")
    shadow.reserve({"workload": "api", "instances": 1, "begins": 0, "ends": HOUR})
    shadow.seconds += HOUR
    assert history(shadow, hours(shadow, 0, 2)) == before
    assert "db" in history(shadow, hours(shadow, 0, 4))


def test_the_first_thing_that_ever_happened_had_a_time_from_a_clock_that_ran_ahead(desk: Desk) -> None:
    desk.seconds += 30 * 24 * HOUR
    desk.pool("p", "10.1.0.0/24")
    desk.create("web-1")
    desk.seconds -= 30 * 24 * HOUR
    assert accept_clock(desk.ledger, "test")
    desk.seconds += 2 * HOUR
    assert [line.split(",")[6] for line in history(desk, hours(desk, 0, 2)).splitlines()[1:]] == ["1", "1"]


def test_one_that_is_imported_on_its_way_out_is_not_there(shadow: Desk, other: Desk) -> None:
    shadow.reserve({"workload": "web", "instances": 2, "begins": 0, "ends": 4 * HOUR})
    shadow.create("web-1", node="n1", interface="tap0")
    shadow.create("web-2")
    shadow.delete("web-1")
    with shadow.ledger.snapshot() as transaction:
        exported = export_ledger(transaction)
    with other.ledger.transaction("test") as transaction:
        import_ledger(transaction, exported)
    other.seconds += HOUR
    assert history(other, hours(other, 0, 1)).splitlines()[1].split(",")[3:9] == ["0", "0", "0", "1", "1", "1.0"]
    web = workloads(other)["web"]
    assert (web["activated_hours"], web["resting_hours"], web["idle_hours"]) == (1, 1, 0)


def test_what_rests_when_it_is_imported_is_not_idle_before_it_may_be_used(shadow: Desk, other: Desk) -> None:
    shadow.reserve({"workload": "web", "instances": 1, "begins": 0, "ends": 4 * HOUR})
    shadow.create("web-1")
    shadow.delete("web-1")
    with shadow.ledger.snapshot() as transaction:
        exported = export_ledger(transaction)
    with other.ledger.transaction("test") as transaction:
        import_ledger(transaction, exported)
    other.seconds += HOUR
    web = workloads(other)["web"]
    assert (web["reserved_hours"], web["idle_hours"]) == (1, 0.5)
