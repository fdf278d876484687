# SPDX-License-Identifier: GPL-3.0-or-later
"""``shadownet-forecast plan`` and ``report``: from telemetry to variables, whatever is wrong with one workload."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ansible_collections.shadownet.ipam.forecaster.cli import main
from ansible_collections.shadownet.ipam.forecaster.reservations import InvalidPlan, as_yaml
from ansible_collections.shadownet.ipam.tests.unit.forecaster.simulated import daily

NOW = datetime(2026, 2, 2, tzinfo=UTC)
DAYS = 15
Run = Callable[..., int]


def rows(workload: str, signal: str, values: list[float] | np.ndarray, until: datetime = NOW) -> list[str]:
    first = until - timedelta(hours=len(values))
    return [
        f"{(first + timedelta(hours=at)).isoformat()},{workload},{signal},{value:.6g}"
        for at, value in enumerate(values)
    ]


def load(seed: int, length: int = DAYS * 24) -> np.ndarray:
    return daily(length) + np.random.default_rng(seed).normal(size=length) * 6


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    table = [
        *rows("web", "requests", load(1)),
        *rows("db", "requests", load(2) * 30),
        *rows("db", "instances", np.ceil(load(2) / 10)),
        *rows("young", "requests", [40.0, 50.0, 45.0]),
        *rows("broken", "requests", [-1.0] * 30),
    ]
    (tmp_path / "load.csv").write_text("time,workload,signal,value\n" + "\n".join(table) + "\n")
    return tmp_path


def settings(place: Path, **changes: Any) -> None:
    document: dict[str, Any] = {
        "state": "state.json",
        "models": ["combination"],
        "sources": [{"type": "csv", "path": "load.csv"}],
        "defaults": {"prefix_length": 30},
        "workloads": {
            "web": {"capacity": {"requests": 10}, "node": "fe1", "pools": ["shadow-1"], "lead_time": "15m"},
            "db": {},
            "young": {"capacity": {"requests": 10}},
        },
        "only_listed": True,
    }
    document.update(changes)
    (place / "forecast.yml").write_text(yaml.safe_dump(document))


def test_a_dry_run_writes_the_plan_and_leaves_the_state(place: Path) -> None:
    settings(place)
    assert plan("--dry-run") == 0
    assert reserved(place, "web")
    assert not (place / "state.json").exists()


def plan(*options: str, now: datetime = NOW) -> int:
    return main(["plan", "--config", "forecast.yml", "-o", "out.yml", "--now", now.isoformat(), *options])


def reserved(place: Path, workload: str) -> list[dict[str, Any]]:
    document = yaml.safe_load((place / "out.yml").read_text())
    return [one for one in document["shadow_reservations"] if one["workload"] == workload]


def test_a_plan_is_what_the_module_takes(place: Path) -> None:
    settings(place)
    assert plan("--report", "plan.json") == 0
    found = reserved(place, "web")
    first = found[0]
    start = datetime.strptime(first["name"], "web-%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert first["starts_at"] == f"{start - timedelta(minutes=15):%Y-%m-%dT%H:%M:%SZ}"
    assert first["expires_at"] == f"{start + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    assert (first["node"], first["pools"], first["prefix_length"]) == ("fe1", ["shadow-1"], 30)
    assert [one["name"] for one in found] == sorted(one["name"] for one in found)
    slots = json.loads((place / "plan.json").read_text())["workloads"]["web"]["slots"]
    assert len(slots) == 24
    by_start = {one["starts_at"]: one for one in slots}
    one = by_start[f"{start:%Y-%m-%dT%H:%M:%SZ}"]
    assert one["additional_instances"] == first["instances"]
    assert one["addresses"] == 4 * first["instances"]
    # Demand goes from 50 to 150 and an instance carries 10: some 15 instances at the most, and a few in reserve.
    assert 15 <= max(one["upper_instances"] for one in slots) <= 19
    assert 13 <= max(one["expected_instances"] for one in slots) <= 16


def test_the_same_telemetry_gives_the_same_file(place: Path) -> None:
    settings(place)
    plan()
    first = (place / "out.yml").read_text()
    (place / "state.json").unlink()
    plan()
    assert (place / "out.yml").read_text() == first


def test_capacity_is_learned_where_telemetry_has_load_and_instances(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings(place, workloads={"db": {"signals": ["requests"]}})
    assert plan("--explain", "db") == 0
    words = capsys.readouterr().out
    capacity = float(words.split("an instance carries ")[1].split()[0])
    assert capacity == pytest.approx(300, rel=0.05)
    assert "hits at" in words


def test_one_bad_workload_costs_the_others_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings(
        place,
        only_listed=False,
        sources=[{"type": "csv", "path": "load.csv"}, {"type": "csv", "path": "nowhere.csv"}],
        workloads={"web": {"capacity": {"requests": 10}}, "ghost": {}, "db": {"signals": ["memory"]}},
    )
    assert plan() == 3
    assert reserved(place, "web")
    said = capsys.readouterr().err
    for expected in ("nowhere.csv", "ghost: not predicted", "broken: not predicted", "db: not predicted", "young: not"):
        assert expected in said


def test_nothing_predicted_is_an_error(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings(place)
    assert plan() == 0
    before, state = (place / "out.yml").read_text(), (place / "state.json").read_text()
    settings(place, workloads={"ghost": {}})
    assert plan("--report", "plan.json") == 1
    assert "no workload could be predicted" in capsys.readouterr().err
    # What an earlier run has written stays.
    assert (place / "out.yml").read_text() == before
    assert (place / "state.json").read_text() == state
    assert "ghost" in json.loads((place / "plan.json").read_text())["refused"]


def test_bounds_are_kept_and_current_demand_is_never_planned_away(place: Path) -> None:
    table = (place / "load.csv").read_text()
    surge = rows("web", "instances", [30.0], NOW)
    (place / "load.csv").write_text(table + "\n".join(surge) + "\n")
    web = {"capacity": {"requests": 10}, "minimum": 8, "maximum": 12}
    settings(place, workloads={"web": web})
    assert plan("--report", "plan.json") == 0
    one = json.loads((place / "plan.json").read_text())["workloads"]["web"]
    upper = [slot["upper_instances"] for slot in one["slots"]]
    assert one["current_instances"] == 30
    assert upper[0] == 30
    assert min(upper[1:]) == 8
    assert max(upper[1:]) == 12
    assert any("capped" in note for note in one["notes"])


def test_a_later_run_has_the_same_names_for_the_same_slots(place: Path) -> None:
    settings(place, workloads={"web": {"capacity": {"requests": 10}}})
    plan()
    before = {one["name"]: one["expires_at"] for one in reserved(place, "web")}
    table = (place / "load.csv").read_text()
    hour = timedelta(hours=1)
    (place / "load.csv").write_text(table + "\n".join(rows("web", "requests", load(1, 361)[-1:], NOW + hour)) + "\n")
    plan(now=NOW + hour)
    after = {one["name"]: one["expires_at"] for one in reserved(place, "web")}
    common = before.keys() & after.keys()
    assert len(common) > len(before) / 2
    assert all(before[name] == after[name] for name in common)


def test_slots_that_are_no_longer_needed_are_written_with_no_instances(place: Path) -> None:
    settings(place, workloads={"web": {"capacity": {"requests": 10}}})
    plan()
    before = {one["name"]: one["instances"] for one in reserved(place, "web")}
    settings(place, workloads={"web": {"capacity": {"requests": 100_000}}})
    plan()
    after = {one["name"]: one["instances"] for one in reserved(place, "web")}
    assert after == dict.fromkeys(before, 0)
    plan()
    assert reserved(place, "web") == []


def test_state_is_checked_by_the_next_run(place: Path) -> None:
    settings(place, workloads={"web": {"capacity": {"requests": 10}}})
    plan()
    table = (place / "load.csv").read_text()
    coming = [500.0] * 20
    (place / "load.csv").write_text(table + "\n".join(rows("web", "requests", coming, NOW + timedelta(hours=20))))
    plan(now=NOW + timedelta(hours=20))
    memory = json.loads((place / "state.json").read_text())["memories"]["web/requests"]
    assert (memory["checked"], memory["missed"]) == (20, 20)
    assert memory["shift"] == pytest.approx(0.04)


def test_feedback_of_the_ledger_moves_the_level(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings(place, workloads={"web": {"capacity": {"requests": 10}}})
    plan()
    (place / "feedback.json").write_text('{"web": {"hits": 1, "misses": 9}}')
    assert plan("--feedback", "feedback.json") == 0
    assert "1 hits, 9 misses" in capsys.readouterr().err
    assert json.loads((place / "state.json").read_text())["memories"]["web"]["fed"] == 0.03
    (place / "feedback.json").write_text("[]")
    assert plan("--feedback", "feedback.json") == 1


def test_forecast_only_writes_no_variables_and_no_state(place: Path) -> None:
    settings(place)
    assert plan("--forecast-only") == 0
    assert "slots" in json.loads((place / "out.yml").read_text())["workloads"]["web"]
    assert not (place / "state.json").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"workloads": {"web": {"capacitee": 1}}}, "workloads.web.capacitee"),
        ({"workloads": {"web": {"target_hit_rate": 95}}}, "between 0 and 1"),
        ({"workloads": {"web": {"capacity": {"requests": 0}}}}, "capacity.requests"),
        ({"workloads": {"web": {"minimum": 5, "maximum": 2}}}, "maximum"),
        ({"workloads": {"web": {"prefix_length": 30, "addresses": 4}}}, "prefix_length"),
        ({"workloads": {"web": {"addresses": 0}}, "defaults": {}}, "workloads.web.addresses"),
        ({"workloads": {"web": {"family": "ipv4", "prefix_length": 64}}}, "64 is no prefix length"),
        ({"workloads": {"web": {"headroom": float("inf")}}}, "workloads.web.headroom"),
        ({"workloads": {"web": {"capacity": {"requests": float("nan")}}}}, "workloads.web.capacity.requests"),
        ({"workloads": {"web": {"capacity": {"requests": 1e-300}}}}, "workloads.web.capacity"),
        ({"models": ["oracle"]}, "oracle"),
        ({"sources": []}, "sources"),
        ({"horizn": "1h"}, "horizn"),
        ({"horizon": "10m"}, "horizon"),
        ({"zone": "Mars/Olympus"}, "Mars"),
    ],
)
def test_a_wrong_setting_is_named(
    place: Path, changes: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings(place, **changes)
    assert plan() == 1
    assert said in capsys.readouterr().err
    assert not (place / "out.yml").exists()


def test_a_state_that_is_none_is_refused_and_left(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings(place)
    (place / "state.json").write_text("{}")
    assert plan() == 1
    assert "no state" in capsys.readouterr().err
    assert (place / "state.json").read_text() == "{}"


def test_the_schema_is_published_and_held(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["required"] == ["shadow_reservations"]
    with pytest.raises(InvalidPlan, match="instances"):
        as_yaml(
            [
                {
                    "name": "a",
                    "workload": "a",
                    "instances": -1,
                    "starts_at": "2026-02-01T00:00:00Z",
                    "expires_at": "2026-02-01T01:00:00Z",
                    "confidence": 0.9,
                    "forecast_id": "a",
                }
            ]
        )


def test_an_unknown_workload_to_explain_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings(place)
    assert plan("--explain", "wbe") == 1
    assert "no workload 'wbe'" in capsys.readouterr().err


def test_many_workloads_use_all_cores_and_give_the_same_plan(place: Path) -> None:
    table = ["time,workload,signal,value"]
    for number in range(9):
        table += rows(f"w{number}", "requests", load(7))
    (place / "load.csv").write_text("\n".join(table) + "\n")
    settings(place, only_listed=False, workloads={}, defaults={"capacity": {"requests": 10}})
    assert plan() == 0
    plans = [[(one["instances"], one["starts_at"]) for one in reserved(place, f"w{number}")] for number in range(9)]
    assert plans[0]
    assert all(one == plans[0] for one in plans)


@pytest.mark.parametrize("ending", ["html", "md"])
def test_the_report_shows_every_workload_and_what_was_refused(place: Path, ending: str) -> None:
    pytest.importorskip("matplotlib")
    settings(place, only_listed=False)
    assert plan("--report", "plan.json") == 3
    assert main(["report", "plan.json", "-o", f"plan.{ending}"]) == 0
    text = (place / f"plan.{ending}").read_text()
    for expected in ("web", "db", "young", "broken", "Not predicted", "hit rate against waste"):
        assert expected in text
    plots = sorted((place / "plan_files").glob("*.svg"))
    if ending == "md":
        assert all(f"plan_files/{one.name}" in text for one in plots)
        assert len(plots) == 11  # an overview; two with a backtest have four plots, the young one has two
        text = "".join(one.read_text() for one in plots)
    else:
        assert text.count("<svg") == 11
        assert text.count("<details id=") == text.count("href='#w-") == 3
    assert text.count("time (UTC)") == 9
    for label in ("requests in 1 h", "instances", "workload", "hits (% of new instances)", "waste (idle reserved"):
        assert label in text


def test_a_report_of_something_else_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "plan.json").write_text("{}")
    assert main(["report", "plan.json", "-o", "plan.html"]) == 1
    assert "no report of a plan" in capsys.readouterr().err


def test_what_runs_in_the_hour_that_is_not_over_is_known(place: Path) -> None:
    table = (place / "load.csv").read_text()
    (place / "load.csv").write_text(table + "\n".join(rows("db", "instances", [40.0], NOW + timedelta(hours=1))) + "\n")
    settings(place, workloads={"db": {"signals": ["instances"]}})
    assert plan("--report", "plan.json", now=NOW + timedelta(minutes=10)) == 0
    found = json.loads((place / "plan.json").read_text())["workloads"]["db"]
    assert found["current_instances"] == 40
    assert found["slots"][0]["upper_instances"] >= 40
    # They run already, so nothing is reserved for them; nor is what was reserved before they came taken back.
    assert found["slots"][0]["additional_instances"] < 10


def test_a_shorter_horizon_gives_back_what_was_reserved_beyond(place: Path) -> None:
    settings(place)
    plan()
    before = {one["name"] for one in reserved(place, "web")}
    settings(place, horizon="6h")
    plan()
    found = {one["name"]: one["instances"] for one in reserved(place, "web")}
    assert before <= set(found)
    assert all(not count for name, count in found.items() if name >= "web-20260202T060000Z")
    plan()
    assert len(reserved(place, "web")) <= 6


def test_a_refused_workload_is_explained_and_one_that_is_not_planned_is_unknown(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings(place, only_listed=False)
    assert plan("--explain", "broken") == 1
    assert "broken: not predicted" in capsys.readouterr().out
    settings(place, workloads={"web": {"capacity": {"requests": 10}}})
    assert plan("--explain", "db") == 1
    assert "no workload 'db'" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_named_before_anything_is_written(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings(place, state="nowhere/state.json")
    assert plan() == 1
    assert "state: there is no folder 'nowhere'" in capsys.readouterr().err
    assert not (place / "out.yml").exists()
    settings(place)
    assert plan("--report", "nowhere/plan.json") == 1
    assert "nowhere/plan.json: there is no folder 'nowhere'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("web{{ lookup('pipe', 'id') }}", "Its name is a template"),
        ("{% set a = 1 %}", "Its name is a template"),
        ("{# web", "Its name is a template"),
        ("we\x1b[2Jb", "The ledger takes no such name"),
        ("w" * 400, "The ledger takes no such name"),
    ],
)
def test_a_name_that_ansible_would_run_or_the_ledger_refuse_is_never_written(
    place: Path, name: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = (place / "load.csv").read_text()
    bad = rows(f'"{name}"', "requests", load(3))
    (place / "load.csv").write_text(table + "\n".join(bad) + "\n")
    settings(place, only_listed=False, defaults={"prefix_length": 30, "capacity": {"requests": 10}})
    assert plan("--report", "plan.json") == 3
    assert name not in (place / "out.yml").read_text()
    told = capsys.readouterr().err
    assert said in told
    assert "\x1b" not in told
    assert reserved(place, "web")
    assert name in json.loads((place / "plan.json").read_text())["refused"]
