# SPDX-License-Identifier: GPL-3.0-or-later
"""With summaries, the audit trail tells what it tells without them; and they are there, and few, where they help.

A longer run: ``SHADOWNET_EXAMPLES=2000 pytest tests/unit/ipam/test_usage_summary.py``.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam import usage_summary
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.maintenance import (
    accept_clock,
    backup_ledger,
    restore_ledger,
)
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage import Window, usage
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_feedback import read_feedback
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_history import usage_history
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_summary import EVERY, keep_summary
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import ShadownetError
from ansible_collections.shadownet.ipam.tests.unit.ipam.desk import START, Desk
from ansible_collections.shadownet.ipam.tests.unit.ipam.test_cost import steps as database_steps
from ansible_collections.shadownet.ipam.tests.unit.ipam.usage_oracle import (
    BEGINNING,
    HISTORIES,
    MINUTE,
    Step,
    watched,
)

EXAMPLES = int(os.environ.get("SHADOWNET_EXAMPLES", "60"))


def everything(ledger: Ledger, window: Window, *, whole: bool) -> list[Any]:
    with ledger.snapshot() as transaction:
        return [
            usage(transaction, window, whole=whole),
            usage_history(transaction, window, MINUTE * 1000, whole=whole),
            usage_history(transaction, window, 7000, ["web"], whole=whole),
            read_feedback(transaction, window, whole=whole),
        ]


def summaries(desk: Desk) -> list[int]:
    return [number for (number,) in desk.rows("SELECT event_id FROM usage_summary ORDER BY event_id")]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HISTORIES, st.data())
def test_any_history_tells_the_same_with_summaries_at_any_event(steps: list[Step], data: st.DataObject) -> None:
    with watched() as case, pytest.MonkeyPatch.context() as patch:
        ledger = case.desk.ledger
        for step in [*BEGINNING, *steps]:
            with suppress(ShadownetError):
                case.take(step)
            if data.draw(st.booleans()):
                # At most so many events at once: a summary may end amid what one call did.
                patch.setattr(usage_summary, "AT_ONCE", data.draw(st.integers(1, 9)))
                keep_summary(ledger, every=1)
        case.wait(1)
        for _number in range(3):
            # Also where milliseconds matter: things happen in whole minutes.
            off = data.draw(st.sampled_from([-1, 0, 0, 1]))
            since = (START + data.draw(st.integers(-1, case.minute - 1)) * MINUTE) * 1000 + off
            until = since + data.draw(st.integers(1, case.minute * MINUTE * 1000))
            window = Window(since, until, data.draw(st.booleans()))
            assert everything(ledger, window, whole=False) == everything(ledger, window, whole=True)


@pytest.fixture
def busy(desk: Desk) -> Desk:
    desk.pool("s", "10.200.0.0/24", kind="shadow", quarantine="10m")
    desk.pool("p", "10.1.0.0/24", quarantine="10m")
    return desk


def work(desk: Desk, rounds: int) -> None:
    """In each minute a plan, a hit, a miss, and both deleted."""
    for _number in range(rounds):
        desk.reserve({"workload": "web", "instances": 1, "begins": 0, "ends": 600})
        for name in ("web-1", "web-2"):
            desk.create(name)
        desk.seconds += MINUTE
        for name in ("web-1", "web-2"):
            desk.delete(name)


def last(desk: Desk, minutes: int) -> Window:
    return Window((desk.seconds - minutes * MINUTE) * 1000, desk.seconds * 1000, True)


def test_a_short_window_costs_the_same_after_a_long_history(busy: Desk) -> None:
    taken = []
    for rounds in (40, 360):
        work(busy, rounds)
        assert keep_summary(busy.ledger, every=50)
        work(busy, 10)
        taken.append(database_steps(busy, lambda: everything(busy.ledger, last(busy, 5), whole=False)))
    assert taken[1] < 1.2 * taken[0]
    assert database_steps(busy, lambda: everything(busy.ledger, last(busy, 5), whole=True)) > 5 * taken[1]


def test_a_summary_is_due_after_many_events_only(busy: Desk) -> None:
    work(busy, 20)
    assert not keep_summary(busy.ledger)
    (events,) = busy.rows("SELECT COUNT(*) FROM event")[0]
    assert events < EVERY
    assert keep_summary(busy.ledger, every=events)
    assert not keep_summary(busy.ledger, every=1)
    assert summaries(busy) == [events]


def test_what_is_large_is_summed_up_more_rarely(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/16", kind="shadow")
    desk.reserve({"workload": "web", "instances": 300, "begins": 0, "ends": 600})
    assert keep_summary(desk.ledger, every=1)
    for number in range(100):
        desk.create(f"web-{number}")
    assert not keep_summary(desk.ledger, every=1)
    for number in range(250):
        desk.pool(f"p{number}", f"10.1.{number}.0/24")
    assert keep_summary(desk.ledger, every=1)


def test_a_restored_ledger_has_the_summaries_of_its_own_events(busy: Desk, tmp_path: Path) -> None:
    work(busy, 8)
    keep_summary(busy.ledger, every=1)
    backup = tmp_path / "backup.db"
    backup_ledger(busy.ledger, str(backup))
    before = summaries(busy)
    work(busy, 8)
    keep_summary(busy.ledger, every=1)
    assert len(summaries(busy)) == 2
    restore_ledger(busy.ledger, str(backup), "test")
    assert summaries(busy) == before
    window = last(busy, 1)
    assert everything(busy.ledger, window, whole=False) == everything(busy.ledger, window, whole=True)


def test_a_summary_that_was_overtaken_by_a_restore_is_not_stored(
    busy: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = tmp_path / "backup.db"
    backup_ledger(busy.ledger, str(backup))
    work(busy, 5)
    due = usage_summary._due

    def overtaken(*arguments: Any) -> Any:
        made = due(*arguments)
        with busy.ledger.again() as other:
            restore_ledger(other, str(backup), "test")
        return made

    monkeypatch.setattr(usage_summary, "_due", overtaken)
    assert not keep_summary(busy.ledger, every=1)
    assert summaries(busy) == []


def test_what_was_summed_up_while_the_clock_was_wrong_is_told_anew(busy: Desk) -> None:
    work(busy, 8)
    assert keep_summary(busy.ledger, every=1)
    right = summaries(busy)
    busy.seconds += 30 * 24 * 3600
    work(busy, 8)
    assert keep_summary(busy.ledger, every=1)
    busy.seconds -= 30 * 24 * 3600
    assert accept_clock(busy.ledger, "test")
    assert summaries(busy) == right
    work(busy, 8)
    keep_summary(busy.ledger, every=1)
    for minutes in range(1, 12):
        window = last(busy, minutes)
        assert everything(busy.ledger, window, whole=False) == everything(busy.ledger, window, whole=True)


def test_summaries_of_another_form_are_passed_over(busy: Desk) -> None:
    work(busy, 5)
    keep_summary(busy.ledger, every=1)
    with busy.ledger.transaction("test") as transaction:
        transaction._store.execute("UPDATE usage_summary SET form = form + 1, data = x'00'")
    expected = everything(busy.ledger, last(busy, 2), whole=True)
    assert everything(busy.ledger, last(busy, 2), whole=False) == expected
    assert keep_summary(busy.ledger, every=1)
    assert everything(busy.ledger, last(busy, 2), whole=False) == expected


def test_reading_writes_nothing_and_a_file_that_only_can_be_read_is_read(busy: Desk) -> None:
    work(busy, 5)
    keep_summary(busy.ledger, every=1)
    work(busy, 5)
    before, window = busy.content(), last(busy, 3)
    expected = everything(busy.ledger, window, whole=True)
    with busy.ledger.again() as reader:
        reader.store.execute("PRAGMA query_only = ON")  # type: ignore[attr-defined]
        assert everything(reader, window, whole=False) == expected
        assert not keep_summary(reader, every=1)
    assert busy.content() == before
