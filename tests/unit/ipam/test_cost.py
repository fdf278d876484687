# SPDX-License-Identifier: GPL-3.0-or-later
"""What calls cost in steps of the database, which do not depend on the machine, beside a reservation of any size."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instances import create
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.lifecycle import SWEEP
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage import read_window, usage
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import AllocationRefused
from ansible_collections.shadownet.ipam.plugins.module_utils.model.reservation import InstanceRequest

from .desk import Desk

SMALL, LARGE = 500, 4000


def steps(desk: Desk, work: Callable[[], Any]) -> int:
    """Tens of virtual machine steps that the database takes for it."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    connection = desk.ledger.store._connection
    connection.set_progress_handler(count, 10)
    try:
        work()
    finally:
        connection.set_progress_handler(None, 10)
    return counted


def reserved(folder: Path, instances: int, quarantine: str = "10m") -> Desk:
    desk = Desk(folder / f"{instances}-{quarantine}.db")
    desk.pool("s", "10.192.0.0/16", kind="shadow", quarantine=quarantine)
    desk.pool("p", "10.1.0.0/16")
    desk.reserve({"workload": "web", "instances": instances, "begins": 0, "ends": 3600})
    return desk


def test_to_verify_grows_in_line_with_what_is_reserved_and_activated(tmp_path: Path) -> None:
    taken = []
    for size in (SMALL, LARGE):
        desk = reserved(tmp_path, size)
        for number in range(size // 10):
            desk.create(f"web-{number}")
        taken.append(steps(desk, desk.problems))
        desk.close()
    assert taken[1] < 1.5 * LARGE // SMALL * taken[0]


def test_a_deletion_does_not_count_the_reservation(tmp_path: Path) -> None:
    for quarantine in ("0s", "10m"):
        taken = []
        for size in (SMALL, LARGE):
            desk = reserved(tmp_path, size, quarantine)
            desk.create("web-1")
            taken.append(steps(desk, lambda desk=desk: desk.delete("web-1")))
            desk.seconds += 601
            taken[-1] += steps(desk, lambda desk=desk: desk.create("other", "db"))
            desk.close()
        assert taken[1] < 1.2 * taken[0]


def test_a_miss_does_not_count_what_is_reserved_for_others(tmp_path: Path) -> None:
    taken = []
    for size in (SMALL, LARGE):
        desk = reserved(tmp_path, size)
        taken.append(steps(desk, lambda desk=desk: desk.create("db-1", "db")))
        desk.close()
    assert taken[1] < 1.2 * taken[0]


def test_a_miss_lists_what_came_nearest_and_says_how_much_there_is(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/16", kind="shadow")
    desk.pool("p", "10.1.0.0/24")
    windows = [{"name": f"w{hour}", "begins": hour * 3600, "ends": hour * 3600 + 60} for hour in range(1, 41)]
    begun = {"name": "begun", "begins": 0, "ends": 60, "node": "fe2"}
    desk.reserve(*({"workload": "web", "instances": 1, **one} for one in [*windows, begun]))
    missed = desk.create("web-1", node="fe1").missed
    assert missed is not None
    assert missed.startswith("begun: node: it is for fe2, the instance is for fe1; w1: not begun")
    assert missed.endswith("; and 21 more")
    ((told,),) = desk.rows("SELECT after FROM event WHERE kind = 'unexpected_scaling'")
    assert json.loads(told)["standing"] == 41
    names = [one["name"] for one in json.loads(told)["reservations"]]
    assert names == ["begun", *(f"w{hour}" for hour in range(1, 20))]
    desk.seconds += 3600
    with desk.ledger.snapshot() as transaction:
        (web,) = usage(transaction, read_window(None, None, transaction.now))["workloads"]
    assert web["missed_by_reason"] == {"node": 1}


def test_a_borrowing_that_cannot_be_is_refused_before_anything_is_taken_back(desk: Desk) -> None:
    desk.pool("s", "10.192.0.0/20", kind="shadow", lend=True)
    desk.reserve({"workload": "web", "instances": 4000, "begins": 0, "ends": 3600})
    desk.create("web-1")

    def refused() -> None:
        with pytest.raises(AllocationRefused):
            desk.get("whole", 20)

    taken = steps(desk, refused)
    assert desk.get("half", 21) == "10.192.8.0/21"
    assert 3 * taken < steps(desk, lambda: desk.get("quarter", 22))


def test_a_reservation_that_ended_serves_nobody_however_many_ended_with_it(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/16", kind="shadow")
    desk.pool("p", "10.1.0.0/24")
    desk.reserve(
        *(
            {"name": f"w{number:04}", "workload": f"w{number:04}", "instances": 1, "begins": 0, "ends": 60, **named}
            for number in range(SWEEP + 2)
            for named in [{"instance_names": ["known"]} if number == SWEEP else {}]
        )
    )
    desk.seconds += 61
    for name, number in (("late", SWEEP + 1), ("known", SWEEP)):
        with desk.ledger.transaction("test", check=True) as transaction:
            late = create(transaction, InstanceRequest(name, f"w{number:04}"))
            assert transaction.reservation_named(f"w{number:04}") is not None
        assert (late.instance.source, late.missed) == ("dynamic", "none: nothing is reserved for this workload")


def test_whoever_meets_the_end_of_a_reservation_pays_the_same_however_large_it_was(tmp_path: Path) -> None:
    taken = []
    for size in (SMALL, LARGE):
        desk = Desk(tmp_path / f"{size}.db")
        desk.pool("s", "10.192.0.0/16", kind="shadow")
        names = [f"old-{number}" for number in range(size)]
        desk.reserve(
            {"workload": "old", "instances": size, "ends": 60, "node": "fe1", "instance_names": names},
            {"workload": "web", "instances": 5, "ends": 3600},
        )
        desk.create("web-0")
        desk.seconds += 61
        taken.append(steps(desk, lambda desk=desk: desk.create("web-1")))  # type: ignore[misc]
        desk.close()
    assert taken[1] < 1.1 * taken[0]
