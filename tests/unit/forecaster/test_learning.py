# SPDX-License-Identifier: GPL-3.0-or-later
"""The source ``ledger``: its history is a series, and what became of plans corrects the next one, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.forecaster.cli import main
from ansible_collections.shadownet.ipam.forecaster.config import WorkloadSettings
from ansible_collections.shadownet.ipam.forecaster.demand import WorkloadPlan, expected_idle, plan_workload
from ansible_collections.shadownet.ipam.forecaster.feedback import (
    Counted,
    Held,
    Place,
    Usual,
    corrected,
    count,
    running,
)
from ansible_collections.shadownet.ipam.forecaster.inputs.registry import check_source
from ansible_collections.shadownet.ipam.forecaster.inputs.source import Context, SourceFailed
from ansible_collections.shadownet.ipam.forecaster.series import Series
from ansible_collections.shadownet.ipam.forecaster.state import load_state
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput
from ansible_collections.shadownet.ipam.tests.unit.ipam.desk import START, Desk

DAY = 86_400


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "ledger.db")
    try:
        made.pool("ahead", "10.128.0.0/20", kind="shadow")
        made.pool("others", "10.64.0.0/20")
        yield made
        assert made.problems() == []
    finally:
        made.close()


def live(desk: Desk, hours: int) -> None:
    """Web runs four instances by day and one by night; db comes after ten hours."""
    names: list[str] = [row[0] for row in desk.rows("SELECT name FROM instance WHERE workload = 'web' ORDER BY id")]
    for _hour in range(hours):
        wanted = 4 if 6 <= desk.seconds // 3600 % 24 < 18 else 1
        while len(names) < wanted:
            names.append(f"web-{desk.seconds}-{len(names)}")
            desk.create(names[-1])
        while len(names) > wanted:
            desk.delete(names.pop())
        desk.seconds += 3600
    if hours > 10:
        desk.create(f"db-{desk.seconds}", "db")
        desk.seconds += 3600


def test_the_ledgers_history_is_a_series_that_begins_with_the_first_instance(desk: Desk) -> None:
    desk.seconds = START + 600
    desk.reserve({"workload": "web", "instances": 2, "ends": 60})
    desk.seconds += 5 * 3600
    live(desk, 30)
    content = desk.content()
    source = check_source({"type": "ledger", "path": str(desk.path)})
    reading = source.read(Context(now=desk.seconds, interval=3600))
    points = {(one.workload, one.signal): one for one in reading.points}
    assert set(points) == {(name, one) for name in ("web", "db") for one in ("creations", "deletions", "instances")}
    web = points["web", "instances"]
    assert web.values.max() == 4
    assert web.values[0] > 0
    assert len(web.times) == 31
    assert len(points["db", "instances"].times) == 1
    assert points["web", "creations"].values.sum() - points["web", "deletions"].values.sum() == web.values[-1]
    assert desk.content() == content


def test_a_ledger_that_is_not_there_is_a_failed_source(tmp_path: Path) -> None:
    source = check_source({"type": "ledger", "path": str(tmp_path / "none.db")}, "sources[0]")
    with pytest.raises(SourceFailed, match=r"none\.db"):
        source.read(Context(now=START))
    assert not (tmp_path / "none.db").exists()


def test_the_environment_names_the_ledger(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHADOWNET_LEDGER", str(desk.path))
    desk.create("web-1")
    desk.seconds += 7200
    assert check_source({"type": "ledger"}).read(Context(now=desk.seconds)).points


def test_what_is_counted_lies_in_its_window_and_windows_add_up(desk: Desk) -> None:
    desk.pool("there", "10.65.0.0/24", location="fra1")
    begin = desk.seconds * 1000
    desk.reserve({"name": "a", "workload": "web", "instances": 3, "ends": 7200, "forecast_id": "one"})
    desk.create("web-0")
    desk.create("web-1")
    middle = desk.seconds * 1000 + 1
    desk.seconds += 1800
    # A newer plan keeps it, under its own name.
    desk.reserve({"name": "a", "workload": "web", "instances": 2, "ends": 5400, "forecast_id": "two"})
    desk.create("web-2")
    desk.seconds += 7200
    desk.create("edge-1", "web", location="fra1")
    later = desk.seconds * 1000
    desk.seconds += 3600
    last = desk.seconds * 1000
    whole = count(desk.ledger, {"web": begin}, last)["web"]
    windows = ((begin, middle), (middle, later), (later, last))
    parts = [count(desk.ledger, {"web": one}, two)["web"] for one, two in windows]
    assert (whole.hits, whole.misses, whole.too_few) == (2, {"exhausted": 1, "none": 1}, 2)
    assert whole.places == {"": Place(2, 1), "fra1": Place(0, 1)}
    assert whole.ended == {"one": Held(1, 1_800_000, 1.5, 0.5), "two": Held(1, 5_400_000, 3.0, 0.0)}
    assert whole.held == Held(2, 7_200_000, 4.5, 0.5)
    assert [one.hits for one in parts] == [2, 0, 0]
    assert [sum(one.misses.values()) for one in parts] == [0, 1, 1]
    assert [list(one.ended) for one in parts] == [[], ["one", "two"], []]
    assert parts[1].ended == whole.ended
    assert count(desk.ledger, {"web": last}, last) == {}
    now = running(desk.ledger)["web"]
    assert now.total == 4


def test_only_what_the_plan_could_have_helped_counts(desk: Desk) -> None:
    """At its location where it has one; reservations that somebody made by hand say nothing of plans."""
    begin = desk.seconds * 1000
    desk.pool("there", "10.129.0.0/24", kind="shadow", location="fra1")
    desk.pool("fra", "10.65.0.0/24", location="fra1")
    desk.pool("ams", "10.66.0.0/24", location="ams2")
    desk.reserve({"name": "hand", "workload": "web", "instances": 1, "ends": 60, "location": "fra1"})
    desk.create("web-0", location="fra1")
    desk.create("web-1", location="fra1")
    desk.seconds += 3600
    desk.create("web-2", location="ams2")
    desk.create("web-3", location="fra1")
    last = (desk.seconds + 1) * 1000
    desk.seconds += 60
    found = {place: count(desk.ledger, {"web": begin}, last, {"web": place})["web"] for place in ("fra1", "ams2")}
    assert found["fra1"].misses == {"exhausted": 1, "none": 2}
    assert found["fra1"].too_few == 2
    assert found["fra1"].ended == {}
    assert count(desk.ledger, {"web": begin}, last)["web"].too_few == 3


def test_running_instances_are_told_by_their_reservation(desk: Desk) -> None:
    desk.create("web-0")
    desk.reserve({"name": "slot", "workload": "web", "instances": 2, "ends": 7200})
    desk.create("web-1")
    found = running(desk.ledger)["web"]
    assert (found.total, found.of) == (2, {"slot": 1})


COUNTS = st.integers(0, 40)


@given(COUNTS, COUNTS, st.floats(0.5, 0.99), st.floats(-0.03, 0.03))
def test_corrections_go_the_right_way_within_bounds_and_do_not_depend_on_how_often_one_counts(
    hits: int, misses: int, target: float, shift: float
) -> None:
    whole = corrected(shift, Counted(0, 0, hits, too_few=misses), target, {}, Usual())
    assert -0.03 <= whole <= 0.03
    assert corrected(shift, Counted(0, 0, too_few=1), target, {}, Usual()) >= shift
    assert corrected(shift, Counted(0, 0, 1), target, {}, Usual()) <= shift
    small = 0.0
    for part in (Counted(0, 0, 1, too_few=1), Counted(0, 0, 1)):
        small = corrected(small, part, target, {}, Usual())
    assert small == pytest.approx(corrected(0.0, Counted(0, 0, 2, too_few=1), target, {}, Usual()))


def test_misses_elsewhere_raise_nothing_and_unused_reservations_lower_where_hits_are_enough() -> None:
    assert corrected(0.0, Counted(0, 0, misses={"node": 5, "returned": 2}), 0.95, {}, Usual()) == 0
    day = {"one": Held(12, DAY * 500, 20.0, 15.0), "two": Held(12, DAY * 500, 20.0, 15.0)}
    idle = Counted(0, 0, ended=day)
    expected = {"one": 0.5, "two": 0.5}
    assert corrected(0.0, idle, 0.95, expected, Usual()) == pytest.approx(-0.012), "used half as much as expected"
    assert corrected(0.0, idle, 0.95, {"one": 0.5}, Usual()) == pytest.approx(-0.006), "what two expected is not known"
    assert corrected(0.0, idle, 0.95, {"one": 0.5, "two": 0.25}, Usual()) == pytest.approx(-0.006), (
        "three eighths in all"
    )
    assert corrected(0.0, idle, 0.95, {"one": 0.25, "two": 0.25}, Usual()) == 0
    nobody = Counted(0, 0, ended={"one": Held(1, DAY * 1000, 24.0, 24.0)})
    assert corrected(0.0, nobody, 0.95, expected, Usual()) == pytest.approx(-0.012), "never more than a day's"
    short = Counted(0, 0, too_few=2, ended=day)
    assert corrected(0.0, short, 0.95, expected, Usual()) > 0


@given(COUNTS, COUNTS, st.integers(1, 24))
def test_what_is_usual_does_not_depend_on_how_often_one_counts(hits: int, short: int, parts: int) -> None:
    day = Counted(0, DAY * 1000, hits * parts, too_few=short * parts)
    found = Usual()
    for part in range(parts):
        found = found.after(Counted(DAY * 1000 * part // parts, DAY * 1000 * (part + 1) // parts, hits, too_few=short))
    assert found == pytest.approx(Usual().after(day), rel=1e-6)
    assert found.created == pytest.approx((hits + short) * parts, rel=1e-6)
    assert found.after(Counted(0, 0, 9)) == found, "a file of counts says nothing of time"


def test_one_miss_says_less_where_many_are_created() -> None:
    miss = Counted(0, 1, too_few=1)
    assert corrected(0.0, miss, 0.95, {}, Usual(20.0, 0.0, 1.0)) == pytest.approx(0.005 * 0.95 / 2)
    assert corrected(0.0, miss, 0.95, {}, Usual(90.0, 5.0, 0.5)) == pytest.approx(0.005 * 0.95 / 10.5)
    unused = Counted(0, 1, ended={"one": Held(1, DAY * 1000, 24.0, 24.0)})
    assert corrected(0.0, unused, 0.95, {"one": 0.5}, Usual(94.0, 6.0, 1.0)) == 0, "the hit rate is not met these days"


def test_a_run_takes_what_came_since_the_last_one_and_only_once(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    document: dict[str, Any] = {
        "state": "state.json",
        "models": ["combination"],
        "sources": [{"type": "ledger", "path": str(desk.path)}],
        "only_listed": True,
        "workloads": {"web": {"maximum": 1}},
    }
    (tmp_path / "forecast.yml").write_text(yaml.safe_dump(document))
    live(desk, 24 * 8)

    def plan(*options: str) -> dict[str, Any]:
        now = datetime.fromtimestamp(desk.seconds, UTC).isoformat()
        command = ["plan", "--config", "forecast.yml", "-o", "out.yml", "--report", "plan.json", "--now", now]
        assert main([*command, *options]) == 0
        found: dict[str, Any] = json.loads((tmp_path / "plan.json").read_text())["workloads"]["web"]
        return found

    assert plan()["feedback"] is None, "what came before the first plan says nothing of plans"
    state = json.loads((tmp_path / "state.json").read_text())["memories"]["web"]
    assert state["taken"] == desk.seconds * 1000
    live(desk, 24)
    dry = plan("--dry-run")["feedback"]
    assert dry["misses"] == {"none": 3}
    capsys.readouterr()
    plan("--explain", "web")
    assert "Note: since the last plan: 0 hits, 3 misses (3 none)" in capsys.readouterr().out
    told = plan()["feedback"]
    assert told == dry, "a dry run takes nothing"
    assert "3 misses (3 none)" in capsys.readouterr().err
    a_day = 3 * DAY / (desk.seconds - state["taken"] / 1000)
    assert told["levels_moved"] == pytest.approx(0.005 * 3 * 0.95 / (1 + a_day / 20), abs=1e-6)
    desk.seconds += 3600
    again = plan()["feedback"]
    assert (again["hits"], again["misses"]) == (0, {})
    assert again["levels_moved_in_all"] == told["levels_moved_in_all"]


def test_what_the_ledger_told_moves_the_plan_and_not_only_the_level() -> None:
    """Looked up with the correction, the quantile for a hit rate would be lower by just that."""
    hour = np.arange(21 * 24)
    values = np.round(40 + 16 * np.sin(2 * np.pi * hour / 24) + 4 * np.random.default_rng(8).normal(size=len(hour)))
    series = Series("web", "instances", "instances", datetime(2027, 1, 4, tzinfo=UTC), 3600, values, True)

    def plan(fed: float) -> WorkloadPlan:
        wanted = WorkloadSettings(target_hit_rate=0.9)
        known = {"instances": series}
        return plan_workload("web", wanted, known, 24, ("combination",), {"instances": fed}, fed=fed)

    low, middle, high = (plan(fed) for fed in (-0.03, 0.0, 0.03))
    assert low.signals[0].level == middle.signals[0].level == high.signals[0].level
    assert low.additional.sum() < middle.additional.sum() < high.additional.sum()
    idle = [expected_idle(one) for one in (low, middle, high)]
    assert idle == sorted(idle), "what a higher plan expects to be unused is more"
    assert low.confidence < middle.confidence < high.confidence


def test_a_state_of_an_earlier_release_is_read(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text('{"version": 1, "memories": {"web": {"fed": 0.01, "taken": 5, "waste": 0.4}}}')
    assert load_state(path)["web"].fed == 0.01
    path.write_text('{"version": 1, "memories": {"web": {"usual": [1.0]}}}')
    with pytest.raises(InvalidInput, match="usual"):
        load_state(path)
