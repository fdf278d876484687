# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage from the audit trail, against an oracle that looks at the ledger itself, minute by minute.

A longer run: ``SHADOWNET_EXAMPLES=2000 pytest tests/unit/ipam/test_usage.py``.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.lifecycle import expire
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.maintenance import accept_clock
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage import Window, read_window, usage
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_history import usage_history
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_replay import LEVELS
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import ShadownetError
from ansible_collections.shadownet.ipam.tests.unit.ipam.desk import START, Desk

EXAMPLES = int(os.environ.get("SHADOWNET_EXAMPLES", "60"))
MINUTE = 60
COUNTS = ("created", "hits", "deleted", "reservations_made", "reservations_expired", "reservations_removed")

# -- the oracle


class Watched:
    """A desk whose state is looked at every minute, with everything moved on that is due, in a transaction that is
    undone: the ledger itself learns of it only when a call comes by."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder / "ledger.db")
        self.minute = 0
        self.levels: list[Counter[tuple[Any, ...]]] = []
        self.counts: Counter[tuple[Any, ...]] = Counter()
        self.ends: dict[str, tuple[int, str]] = {}
        self.desk.pool("s1", "10.1.0.0/27", kind="shadow", quarantine="3m")
        self.desk.pool("s2", "10.2.0.0/29", kind="shadow", quarantine="0s")
        self.desk.pool("p", "10.3.0.0/28", quarantine="2m")

    def wait(self, minutes: int) -> None:
        for _number in range(minutes):
            self.levels.append(self.look())
            self.minute += 1
            self.desk.seconds += MINUTE
            self.expire()

    def expire(self) -> None:
        for name, (minute, workload) in list(self.ends.items()):
            if minute <= self.minute:
                self.counts[minute, workload, "reservations_expired"] += 1
                del self.ends[name]

    def look(self) -> Counter[tuple[Any, ...]]:
        found: Counter[tuple[Any, ...]] = Counter()
        with self.desk.ledger.transaction("oracle", check=True) as transaction:
            expire(transaction, limit=None)
            standing = transaction.reservations()
            assert {one.name for one in standing} == set(self.ends)
            for item in standing:
                for one in transaction.reserved_of(item.id):
                    pool = transaction.pool_of(one.pool_id).name
                    if item.starts_at <= transaction.now:
                        found[pool, item.workload, "reserved"] += one.block.size
                        found[pool, item.workload, "idle"] += one.block.size if one.state == "reserved" else 0
                    elif one.state == "reserved":
                        found[pool, item.workload, "ahead"] += one.block.size
            for one in transaction.instances():
                pool = transaction.pool_of(one.pool_id).name
                what = "resting" if not one.wanted else "activated" if one.source == "shadow" else "dynamic"
                found[pool, one.workload, what] += one.block.size
                found[pool, one.workload, "instances"] += one.wanted
            for pool in transaction.pools().values():
                for one in transaction.occupied_of(pool):
                    if one.kind == "quarantine":
                        found[pool.name, str(one.name).partition("-")[0], "resting"] += one.block.size
        return found

    def count(self, workload: str, what: str) -> None:
        self.counts[self.minute, workload, what] += 1

    def reserve(self, *wanted: tuple[tuple[str, str], int, int, int]) -> None:
        """In one call: (name and workload, instances, minutes until it begins, and until it ends) of each."""
        items = [
            {
                "name": name,
                "workload": workload,
                "instances": instances,
                "begins": begins * MINUTE,
                "ends": (begins + lasts) * MINUTE,
                "prefix_length": 31 if name == "web-2" else 32,
                "pools": ["s2" if name == "db" else "s1"],
            }
            for (name, workload), instances, begins, lasts in wanted
        ]
        for outcome, ((name, workload), _instances, begins, lasts) in zip(
            self.desk.reserve(*items), wanted, strict=True
        ):
            if outcome.before is None:
                self.count(workload, "reservations_made")
            self.ends[name] = (self.minute + begins + lasts, workload)

    def withdraw(self, name: str) -> None:
        (outcome,) = self.desk.withdraw(name)
        if outcome.before is not None:
            self.count(self.ends.pop(name)[1], "reservations_removed")

    def create(self, name: str, **options: Any) -> None:
        workload = name.partition("-")[0]
        wanted = self.wanted(name)
        created = self.desk.create(name, workload, **options)
        if not wanted:
            self.count(workload, "created")
            if created.instance.source == "shadow":
                self.count(workload, "hits")

    def delete(self, name: str) -> None:
        if self.wanted(name):
            self.count(name.partition("-")[0], "deleted")
        self.desk.delete(name)

    def wanted(self, name: str) -> bool:
        return self.desk.rows("SELECT wanted FROM instance WHERE name = ?", name) == [(1,)]

    def answer(self, ok: bool) -> None:
        for (revision,) in self.desk.rows("SELECT revision FROM node WHERE name = 'n1'"):
            self.desk.answer("n1", revision, ok)


@contextmanager
def watched() -> Iterator[Watched]:
    with tempfile.TemporaryDirectory() as folder:
        made = Watched(Path(folder))
        try:
            yield made
        finally:
            made.desk.close()


def window(first: int, last: int) -> Window:
    return Window((START + first * MINUTE) * 1000, (START + last * MINUTE) * 1000, False)


def check(case: Watched, first: int, last: int) -> None:
    with case.desk.ledger.snapshot() as transaction:
        found = usage(transaction, window(first, last))
    for group, column in (("pools", 0), ("workloads", 1)):
        sums: dict[str, Counter[str]] = {}
        for levels in case.levels[first:last]:
            for key, number in levels.items():
                sums.setdefault(key[column], Counter())[key[2]] += number
        for (minute, workload, what), number in case.counts.items():
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
        at = (row.time // 1000 - START) // MINUTE
        seen = [
            sum(number for key, number in levels.items() if key[1:] == (row.workload, "instances"))
            for levels in case.levels[at : at + minutes]
        ]
        assert (row.instances, row.instances_max) == (seen[-1], max(seen))
        assert row.instances_mean == round(sum(seen) / minutes, 3)
        counts = [
            sum(
                number
                for (minute, workload, word), number in case.counts.items()
                if (workload, word) == (row.workload, what) and at <= minute < at + minutes
            )
            for what in ("created", "deleted", "hits")
        ]
        assert [row.created, row.deleted, row.created - row.missed] == counts
    starts = {row.time for row in rows}
    assert not starts or len(starts) == last // minutes - (min(starts) // 1000 - START) // MINUTE // minutes


# -- any history

NAMES = st.sampled_from([f"{workload}-{number}" for workload in ("web", "db") for number in range(3)])
# Most of what is worth telling needs something that stands already.
BEGINNING: list[tuple[Any, ...]] = [
    ("reserve", (("web", "web"), 6, 0, 40), (("db-2", "db"), 20, 0, 40)),
    ("reserve", (("db", "db"), 2, 1, 30)),
    ("create", "web-0", False),
    ("create", "web-1", True),
    ("answer", True),
    ("wait", 2),
    ("create", "db-0", False),
]
RESERVATIONS = st.sampled_from([("web", "web"), ("web-2", "web"), ("db", "db"), ("db-2", "db")])
RESERVED = st.tuples(RESERVATIONS, st.integers(0, 4), st.integers(0, 6), st.integers(1, 12))
# In one call one grows into what the other one gives up: both fill most of their pool.
SPLIT = st.builds(
    lambda share, ahead, lasts: (
        "reserve",
        (("web", "web"), share, 0, lasts),
        (("db-2", "db"), 28 - share, ahead, lasts),
    ),
    st.integers(2, 26),
    st.sampled_from([0, 0, 3]),
    st.integers(5, 30),
)
STEPS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 6)),
    st.tuples(st.just("reserve"), RESERVED),
    SPLIT,
    SPLIT,
    st.tuples(st.just("withdraw"), RESERVATIONS),
    st.tuples(st.just("create"), NAMES, st.booleans()),
    st.tuples(st.just("create"), NAMES, st.just(False)),
    st.tuples(st.just("delete"), NAMES),
    st.tuples(st.just("again"), NAMES, st.integers(0, 4)),
    st.tuples(st.just("answer"), st.booleans()),
    st.tuples(st.just("quarantine"), st.sampled_from(["s1", "s2"]), st.sampled_from(["0s", "1m", "4m"])),
)


def take(case: Watched, step: tuple[Any, ...]) -> None:
    word, *rest = step
    if word == "wait":
        case.wait(rest[0])
    elif word == "reserve":
        case.reserve(*rest)
    elif word == "withdraw":
        case.withdraw(rest[0][0])
    elif word == "create":
        case.create(rest[0], **({"node": "n1", "interface": "tap0"} if rest[1] else {}))
    elif word == "delete":
        case.delete(rest[0])
    elif word == "again":
        case.delete(rest[0])
        case.wait(rest[1])
        case.create(rest[0])
    elif word == "answer":
        case.answer(rest[0])
    else:
        case.desk.pool(rest[0], "10.1.0.0/27" if rest[0] == "s1" else "10.2.0.0/29", kind="shadow", quarantine=rest[1])


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, min_size=3, max_size=30), st.data())
def test_any_history_in_any_window(steps: list[tuple[Any, ...]], data: st.DataObject) -> None:
    with watched() as case:
        for step in [*BEGINNING, *steps]:
            # Refused as a whole: nothing happened, for the ledger and for the oracle.
            with suppress(ShadownetError):
                take(case, step)
        case.wait(1)
        first = data.draw(st.integers(-5, case.minute - 1))
        last = data.draw(st.integers(max(first, 0) + 1, case.minute))
        check(case, max(first, 0), last)
        check(case, 0, case.minute)
        check_history(case, max(first, 0), last, data.draw(st.sampled_from([1, 5])))
        check_history(case, 0, case.minute, 5)
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
