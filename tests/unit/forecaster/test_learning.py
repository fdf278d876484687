# SPDX-License-Identifier: GPL-3.0-or-later
"""The source ``ledger``: its history is a series, and what became of plans corrects the next one, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.forecaster.cli import main
from ansible_collections.shadownet.ipam.forecaster.feedback import Counted, corrected, count, running
from ansible_collections.shadownet.ipam.forecaster.inputs.registry import check_source
from ansible_collections.shadownet.ipam.forecaster.inputs.source import Context, SourceFailed
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
    begin = desk.seconds * 1000
    desk.reserve({"name": "a", "workload": "web", "instances": 2, "ends": 7200})
    for number in range(3):
        desk.create(f"web-{number}")
    middle = desk.seconds * 1000 + 1
    desk.seconds += 3600
    desk.create("web-3")
    desk.create("edge-1", "web", location="fra1")
    desk.seconds += 7200
    last = desk.seconds * 1000
    whole = count(desk.ledger, {"web": begin}, last)["web"]
    parts = [count(desk.ledger, {"web": one}, two)["web"] for one, two in ((begin, middle), (middle, last))]
    assert (whole.hits, whole.misses) == (2, {"exhausted": 3})
    assert sum(one.hits for one in parts) == whole.hits
    assert sum(sum(one.misses.values()) for one in parts) == 3
    assert sum(one.used for one in parts) == pytest.approx(whole.used)
    assert whole.ended == 1
    assert count(desk.ledger, {"web": last}, last) == {}
    now = running(desk.ledger)["web"]
    assert now.total == 5


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
    whole = corrected(shift, Counted(0, 0, hits, {"exhausted": misses}), target, None)
    assert -0.03 <= whole <= 0.03
    assert corrected(shift, Counted(0, 0, 0, {"none": 1}), target, None) >= shift
    assert corrected(shift, Counted(0, 0, 1), target, None) <= shift
    small = 0.0
    for part in (Counted(0, 0, 1, {"exhausted": 1}), Counted(0, 0, 1)):
        small = corrected(small, part, target, None)
    assert small == pytest.approx(corrected(0.0, Counted(0, 0, 2, {"exhausted": 1}), target, None))


def test_misses_elsewhere_raise_nothing_and_idle_reservations_lower_where_hits_are_enough() -> None:
    assert corrected(0.0, Counted(0, 0, 0, {"node": 5, "returned": 2}), 0.95, None) == 0
    idle = Counted(0, DAY * 1000, 0, {}, idle=20.0, used=20.0)
    assert corrected(0.0, idle, 0.95, 0.25) == pytest.approx(-0.012)
    assert corrected(0.0, idle, 0.95, 1.0) == 0
    short = Counted(0, DAY * 1000, 0, {"exhausted": 2}, idle=20.0, used=20.0)
    assert corrected(0.0, short, 0.95, 0.25) > 0


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
        from datetime import UTC, datetime

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
    told = plan()["feedback"]
    assert told == dry, "a dry run takes nothing"
    assert "3 misses (3 none)" in capsys.readouterr().err
    assert told["levels_moved"] == pytest.approx(0.005 * 3 * 0.95)
    desk.seconds += 3600
    again = plan()["feedback"]
    assert (again["hits"], again["misses"]) == (0, {})
    assert again["levels_moved_in_all"] == told["levels_moved_in_all"]
