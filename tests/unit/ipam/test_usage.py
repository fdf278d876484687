# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage from the audit trail, against an oracle that looks at the ledger itself, minute by minute.

A longer run: ``SHADOWNET_EXAMPLES=2000 pytest tests/unit/ipam/test_usage.py``.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.maintenance import accept_clock
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservations import SAME_WORKLOADS
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage import read_window, usage
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_feedback import read_feedback
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_history import Interval, usage_history
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_replay import LEVELS
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import ShadownetError
from ansible_collections.shadownet.ipam.tests.unit.ipam.desk import START, Desk
from ansible_collections.shadownet.ipam.tests.unit.ipam.usage_oracle import (
    BEGINNING,
    HISTORIES,
    MINUTE,
    Step,
    Watched,
    watched,
    window,
)

EXAMPLES = int(os.environ.get("SHADOWNET_EXAMPLES", "60"))
COUNTS = ("created", "hits", "deleted", "reservations_made", "reservations_expired", "reservations_removed")


def check(case: Watched, first: int, last: int) -> None:
    with case.desk.ledger.snapshot() as transaction:
        found = usage(transaction, window(first, last))
    for group, column in (("pools", 0), ("workloads", 1)):
        sums: dict[str, Counter[str]] = {}
        for levels in case.levels[first:last]:
            for key, number in levels.items():
                sums.setdefault(key[column], Counter())[key[2]] += number
        for (minute, workload, what, _location), number in case.counts.items():
            if group == "workloads" and first <= minute < last:
                sums.setdefault(workload, Counter())[what] += number
        entries = {one[group[:-1]]: one for one in found[group]}
        assert all(not sums[name][what] for name in sums.keys() - entries.keys() for what in LEVELS)
        for name, entry in entries.items():
            for what in LEVELS:
                expected = round(sums.get(name, Counter())[what] / 60, 3)
                assert entry[f"{what}_hours"] == expected, (group, name, what)
            if group == "workloads":
                assert {what: entry[what] for what in COUNTS} == {
                    what: sums.get(name, Counter())[what] for what in COUNTS
                }
                check_ratios(entry, sums.get(name, Counter()))


def check_ratios(entry: dict[str, Any], sums: Counter[str]) -> None:
    created, used = sums["created"], sums["activated"] + sums["dynamic"]
    assert entry["hit_rate"] == (round(sums["hits"] / created, 4) if created else None)
    assert entry["missed"] == sum(entry["missed_by_reason"].values()) == created - sums["hits"]
    assert entry["waste"] == (round(sums["idle"] / used, 4) if used else None)


def check_history(case: Watched, first: int, last: int, minutes: int) -> None:
    with case.desk.ledger.snapshot() as transaction:
        rows = usage_history(transaction, window(first, last), minutes * MINUTE * 1000)
    for row in rows:
        at, group = (row.time // 1000 - START) // MINUTE, (row.workload, row.location or None)
        seen = [
            sum(number for (_pool, *key), number in levels.items() if key == [group[0], "instances", group[1]])
            for levels in case.levels[at : at + minutes]
        ]
        assert (row.instances, row.instances_max) == (seen[-1], max(seen))
        assert row.instances_mean == round(sum(seen) / minutes, 3)
        counts = [
            sum(case.counts[minute, group[0], what, group[1]] for minute in range(at, at + minutes))
            for what in ("created", "deleted", "hits")
        ]
        assert [row.created, row.deleted, row.created - row.missed] == counts
    groups = {(row.workload, row.location or None) for row in rows}
    starts = {row.time for row in rows}
    assert len(rows) == len(starts) * len(groups)
    if starts:
        begin, end = ((moment(rows) // 1000 - START) // MINUTE for moment in (_first, _last))
        assert len(starts) == (end - begin) // minutes + 1 == last // minutes - begin // minutes
        # Nobody is left out, and nobody is there who came later.
        there = {
            (key[1], key[3])
            for levels in case.levels[: end + minutes]
            for key, number in levels.items()
            if number and key[2] in ("instances", "reserved")
        }
        assert there <= groups <= there | {(key[1], key[3]) for key in case.counts if key[0] < end + minutes}


def _first(rows: list[Interval]) -> int:
    return rows[0].time


def _last(rows: list[Interval]) -> int:
    return rows[-1].time


def check_feedback(case: Watched, first: int, last: int) -> None:
    with case.desk.ledger.snapshot() as transaction:
        found = read_feedback(transaction, window(first, last))
    for name in {*found, *(key[1] for key in case.counts if first <= key[0] < last)}:
        sums: Counter[Any] = Counter()
        for (minute, workload, what, location), number in case.counts.items():
            if workload == name and first <= minute < last:
                sums[what] += number
                sums[what, location] += number
        if name not in found:
            assert not sums["created"]
            continue
        one = found[name]
        assert (one.created, sum(one.hits.values())) == (sums["created"], sums["hits"])
        assert all(sums["hits", location] == number for location, number in one.hits.items())
        missed = Counter(miss.location for miss in one.misses)
        assert all(missed[place] == sums["created", place] - sums["hits", place] for place in (None, "fra1"))
    ended = [
        (
            (item.until // 1000 - START) // MINUTE,
            item.reservation,
            item.forecast_id,
            item.ended,
            round(item.reserved_hours * 60),
            round(item.idle_hours * 60),
        )
        for one in found.values()
        for item in one.ended
    ]
    assert sorted(ended) == sorted(one for one in case.ended if first <= one[0] < last)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HISTORIES, st.data())
def test_any_history_in_any_window(steps: list[Step], data: st.DataObject) -> None:
    with watched() as case:
        for step in [*BEGINNING, *steps]:
            # Refused as a whole: nothing happened, for the ledger and for the oracle.
            with suppress(ShadownetError):
                case.take(step)
        case.wait(1)
        first = data.draw(st.integers(-5, case.minute - 1))
        last = data.draw(st.integers(max(first, 0) + 1, case.minute))
        check(case, max(first, 0), last)
        check(case, 0, case.minute)
        check_history(case, max(first, 0), last, data.draw(st.sampled_from([1, 5])))
        check_history(case, 0, case.minute, 5)
        check_feedback(case, max(first, 0), last)
        check_feedback(case, 0, case.minute)
        with case.desk.ledger.snapshot() as transaction:
            early = usage(transaction, window(-5, last))
            full = usage(transaction, window(0, last))
        assert early["workloads"] == full["workloads"]
        assert early["pools"] == full["pools"]


# -- what the words mean


@pytest.fixture
def shadow(desk: Desk) -> Desk:
    desk.pool("s", "10.200.0.0/24", kind="shadow", quarantine="30m")
    desk.pool("p", "10.1.0.0/24")
    return desk


def told(desk: Desk, since: str | None = None, until: str | None = None) -> dict[str, Any]:
    with desk.ledger.snapshot() as transaction:
        return usage(transaction, read_window(since, until, transaction.now))


def test_idle_begins_with_the_reservation_and_what_is_held_before_is_told_apart(shadow: Desk) -> None:
    shadow.reserve({"workload": "web", "instances": 4, "begins": 7200, "ends": 10800})
    shadow.seconds += 4 * 3600
    (web,) = told(shadow)["workloads"]
    assert (web["ahead_hours"], web["idle_hours"], web["reserved_hours"]) == (8, 4, 4)
    assert (web["waste"], web["hit_rate"], web["reservations_expired"]) == (None, None, 1)


def test_an_instance_is_used_from_its_creation_to_its_deletion_and_outlives_its_reservation(shadow: Desk) -> None:
    shadow.reserve({"workload": "web", "instances": 2, "begins": 0, "ends": 3600})
    shadow.create("web-1")
    shadow.seconds += 2 * 3600
    shadow.delete("web-1")
    shadow.seconds += 3600
    (web,) = told(shadow)["workloads"]
    assert (web["idle_hours"], web["activated_hours"], web["resting_hours"]) == (1, 2, 0.5)
    assert (web["reserved_hours"], web["waste"], web["hit_rate"]) == (2, 0.5, 1)


def test_what_a_smaller_reservation_has_too_much_of_it_gives_up_with_the_instances(shadow: Desk) -> None:
    shadow.reserve({"workload": "web", "instances": 3, "begins": 0, "ends": 36000})
    for number in range(3):
        shadow.create(f"web-{number}")
    shadow.reserve({"workload": "web", "instances": 1, "begins": 0, "ends": 36000})
    shadow.delete("web-0")
    shadow.delete("web-1")
    shadow.seconds += 3600
    (web,) = told(shadow)["workloads"]
    assert (web["reserved_hours"], web["idle_hours"], web["resting_hours"]) == (1, 0, 1)
    assert len(shadow.rows("SELECT * FROM reserved")) == 1


def test_what_rests_while_its_reservation_is_made_smaller_is_free_afterwards(shadow: Desk) -> None:
    shadow.reserve({"workload": "web", "instances": 2, "begins": 0, "ends": 36000})
    shadow.create("web-0")
    shadow.delete("web-0")
    shadow.reserve({"workload": "web", "instances": 0, "begins": 0, "ends": 36000})
    shadow.seconds += 3600
    (web,) = told(shadow)["workloads"]
    assert (web["reserved_hours"], web["idle_hours"], web["resting_hours"]) == (0.5, 0, 0.5)


def test_what_one_reservation_gives_up_another_one_gets_in_the_same_call(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/28", kind="shadow", quarantine="0s")
    for a, b in ((8, 8), (12, 4), (4, 12)):
        desk.reserve(
            {"workload": "a", "instances": a, "begins": 0, "ends": 36000},
            {"workload": "b", "instances": b, "begins": 0, "ends": 36000},
        )
        desk.seconds += 3600
    assert {one["workload"]: one["idle_hours"] for one in told(desk)["workloads"]} == {"a": 24, "b": 24}


def test_the_same_in_a_window_that_people_write(shadow: Desk) -> None:
    shadow.reserve({"workload": "web", "instances": 2, "begins": 0, "ends": 7200})
    shadow.seconds += 3600
    found = told(shadow, "30m")
    assert found["workloads"][0]["idle_hours"] == 1
    assert (found["since"], found["until"]) == ("2027-01-15T08:30:00.000Z", "2027-01-15T09:00:00.000Z")
    found = told(shadow, "2020-01-01T00:00:00Z", "15m")
    assert found["workloads"][0]["idle_hours"] == 1.5
    assert found["recorded_since"] == "2027-01-15T08:00:00.000Z"
    with pytest.raises(ShadownetError, match="empty"):
        told(shadow, "15m", "30m")
    with pytest.raises(ShadownetError, match="time"):
        told(shadow, "yesterday")


def test_what_happened_just_now_counts(shadow: Desk) -> None:
    shadow.create("web-1")
    (web,) = told(shadow)["workloads"]
    assert (web["created"], web["missed_by_reason"]) == (1, {"none": 1})


def test_misses_by_what_came_nearest_whatever_names_people_give(shadow: Desk) -> None:
    nasty = "x: exhausted; y"
    shadow.reserve(
        {"workload": "web", "name": nasty, "instances": 1, "begins": 0, "ends": 9999, "node": "n2"},
        {"workload": "web", "name": "later", "instances": 1, "begins": 600, "ends": 9999},
    )
    shadow.create("web-1", node="n1")
    shadow.create("db-1", "db")
    shadow.create("web-2", node="n2")
    shadow.create("web-3", node="n2")
    shadow.delete("db-1")
    shadow.create("db-1", "db")
    found = {one["workload"]: one for one in told(shadow)["workloads"]}
    assert found["web"]["missed_by_reason"] == {"exhausted": 1, "node": 1}
    assert found["db"]["missed_by_reason"] == {"none": 1, "returned": 1}
    pools = {one["pool"]: one for one in told(shadow)["pools"]}
    assert (pools["s"]["created"], pools["s"]["hits"], pools["s"]["hit_rate"]) == (3, 1, 0.3333)
    assert (pools["p"]["created"], pools["p"]["hits"]) == (4, 0)


def test_reclaimed_for_a_request(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/28", kind="shadow", lend=True)
    desk.reserve({"workload": "web", "instances": 12, "begins": 0, "ends": 9999})
    desk.seconds += 3600
    desk.get("borrowed", 29)
    desk.seconds += 3600
    ((left,),) = desk.rows("SELECT COUNT(*) FROM reserved")
    (web,) = told(desk)["workloads"]
    assert left < 12
    assert (web["reservations_reclaimed"], web["idle_hours"]) == (1, 12 + left)


def test_both_families_stay_apart(shadow: Desk) -> None:
    shadow.pool("six", "2001:db8::/48", kind="shadow")
    shadow.reserve(
        {"workload": "web", "instances": 1, "begins": 0, "ends": 3600},
        {"workload": "web", "name": "w6", "instances": 1, "begins": 0, "ends": 3600, "prefix_length": 64},
    )
    shadow.seconds += 3600
    found = {one["family"]: one["idle_hours"] for one in told(shadow)["totals"]}
    assert found == {"ipv4": 1, "ipv6": 2.0**64}


def test_a_clock_that_ran_ahead_and_was_set_back(shadow: Desk) -> None:
    shadow.reserve({"workload": "web", "instances": 1, "begins": 0, "ends": 40 * 24 * 3600})
    shadow.seconds += 30 * 24 * 3600
    shadow.create("web-1")
    shadow.seconds -= 30 * 24 * 3600 - 3600
    assert accept_clock(shadow.ledger, "test")
    shadow.seconds += 3600
    (web,) = told(shadow)["workloads"]
    assert (web["idle_hours"], web["activated_hours"]) == (1, 1)


def test_a_reservation_that_a_newer_forecast_ends_is_counted(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/24", kind="shadow")
    desk.reserve({"workload": "web", "instances": 1, "ends": 600})
    desk.reserve({"workload": "web", "name": "newer", "instances": 1, "ends": 600}, others=SAME_WORKLOADS)
    (web,) = told(desk)["workloads"]
    ended = {word: web[f"reservations_{word}"] for word in ("made", "superseded", "removed", "expired")}
    assert ended == {"made": 2, "superseded": 1, "removed": 0, "expired": 0}
