# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans lived through in a real ledger: what its own usage says must be what the backtest promised.

A real series becomes instances that are created and deleted hour by hour, whichever first; the command plans, and the
ledger reserves. The ledger's clock is the test's.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ansible_collections.shadownet.ipam.forecaster.backtest import Protocol, plan_scores
from ansible_collections.shadownet.ipam.forecaster.cli import main
from ansible_collections.shadownet.ipam.forecaster.decision import Score, Sizing
from ansible_collections.shadownet.ipam.forecaster.forecasting import Forecaster
from ansible_collections.shadownet.ipam.forecaster.series import Series
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservation_requests import read_reservations
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservations import reserve
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage import Window, usage
from ansible_collections.shadownet.ipam.tests.benchmarks import real_series
from ansible_collections.shadownet.ipam.tests.unit.ipam.desk import Desk

BASE = datetime(2027, 1, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)
WEEKS = 28 * 24
MODEL = "combination"
OLDEST, NEWEST = "oldest", "newest"
ANY = "any"

needs_series = pytest.mark.skipif(not real_series.PLACE.exists(), reason="scripts/setup fetches the real series")


def real_counts(name: str) -> np.ndarray:
    """Instances that a real series needs, hour by hour: one carries a tenth of the mean."""
    with tempfile.TemporaryDirectory() as folder:
        (path,) = [one for one in real_series.write_all(Path(folder)) if one.stem == name]
        values = np.array([float(line.split(",")[1]) for line in path.read_text().splitlines()[1:]])
    return Sizing(float(values.mean()) / 10).instances(values)


@dataclass
class Site:
    """A ledger, the instances of ``web`` in it, and the command with its files."""

    folder: Path
    counts: np.ndarray
    desk: Desk
    ends: str = ANY
    names: list[str] = field(default_factory=list)
    number: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(5))

    def configure(self, **web: Any) -> None:
        document = {
            "sources": [{"type": "csv", "path": str(self.folder / "counts.csv"), "workload": "web"}],
            "state": str(self.folder / "state.json"),
            "models": [MODEL],
            "workloads": {"web": web},
        }
        document["sources"][0]["signal"] = "instances"  # type: ignore[index]
        (self.folder / "forecast.yml").write_text(yaml.safe_dump(document))
        rows = [f"{(BASE + HOUR * at).isoformat()},{value:g}" for at, value in enumerate(self.counts)]
        (self.folder / "counts.csv").write_text("time,value\n" + "\n".join(rows) + "\n")

    def at(self, hour: float) -> datetime:
        moment = BASE + HOUR * hour
        self.desk.seconds = moment.timestamp()  # type: ignore[assignment]
        return moment

    def plan(self, hour: float) -> list[dict[str, Any]]:
        """Runs the command at that hour; its reservations."""
        out = self.folder / "out.yml"
        now = self.at(hour).isoformat()
        assert main(["plan", "--config", str(self.folder / "forecast.yml"), "-o", str(out), "--now", now]) == 0
        found: list[dict[str, Any]] = yaml.safe_load(out.read_text())["shadow_reservations"]
        return found

    def reserve(self, items: list[dict[str, Any]]) -> None:
        """As the playbook does; whoever runs keeps the address."""
        before = self.addresses()
        with self.desk.ledger.transaction("test") as transaction:
            reserve(transaction, read_reservations(items))
        assert self.addresses() == before

    def addresses(self) -> dict[str, str]:
        with self.desk.ledger.snapshot() as transaction:
            return {one.name: str(one.block) for one in transaction.instances()}

    def live(self, hour: int, wanted: int | None = None) -> None:
        """Instances come and go until there are as many as the series needs."""
        self.at(hour)
        self.become(int(self.counts[hour]) if wanted is None else wanted)

    def become(self, needed: int) -> None:
        """So many, now."""
        while len(self.names) > needed:
            place = {OLDEST: 0, NEWEST: -1, ANY: self.chance.randrange(len(self.names))}[self.ends]
            self.desk.delete(self.names.pop(place))
        while len(self.names) < needed:
            self.number += 1
            self.names.append(f"web-{self.number}")
            self.desk.create(self.names[-1])

    def used(self, first: int, last: int) -> dict[str, Any]:
        """What the ledger says of the hours from `first` on and before `last`."""
        self.at(last)
        window = Window(*(round((BASE + HOUR * hour).timestamp() * 1000) for hour in (first, last)), False)
        with self.desk.ledger.snapshot() as transaction:
            (one,) = usage(transaction, window)["workloads"]
        return dict(one)

    def promised(self, hour: int, **protocol: Any) -> dict[str, Score]:
        """What the backtest says of plans from that hour on."""
        values = self.counts[max(hour - WEEKS, 0) : hour]
        known = Series("web", "instances", "instances", self.at(hour) - HOUR * len(values), 3600, values, True)
        made = Forecaster((MODEL,))
        made.fit(known, 24)
        came = self.counts[hour : hour + protocol.get("slots", 24)]
        return plan_scores(made, known, came, Sizing(counted=True), Protocol(**protocol))


@contextmanager
def site(folder: Path, counts: np.ndarray, ends: str = ANY, **web: Any) -> Iterator[Site]:
    desk = Desk(folder / "ledger.db")
    try:
        desk.pool("ahead", "10.128.0.0/16", kind="shadow")
        desk.pool("others", "10.64.0.0/16")
        made = Site(folder, counts, desk, ends)
        made.configure(**web)
        yield made
        assert desk.problems() == []
    finally:
        desk.close()


@needs_series
@pytest.mark.slow
@pytest.mark.parametrize(("name", "ends"), [("street_2", OLDEST), ("road_2013", NEWEST), ("bikes", ANY)])
def test_a_daily_plan_does_in_the_ledger_what_the_backtest_says(tmp_path: Path, name: str, ends: str) -> None:
    """Which instances end first makes no difference: agreement is exact."""
    with site(tmp_path, real_counts(name), ends, target_hit_rate=0.95) as lived:
        (tmp_path / "forecast.yml").write_text((tmp_path / "forecast.yml").read_text().replace("state:", "#state:"))
        first = WEEKS + 9  # in the morning, when demand rises
        lived.live(first - 1)
        promised = Score()
        for day in range(5):
            origin = first + 24 * day
            promised += lived.promised(origin, replan=False)["daily"]
            lived.reserve(lived.plan(origin))
            for hour in range(origin, origin + 24):
                lived.live(hour)
        found = lived.used(first, first + 5 * 24)
    assert promised.rises > 50
    assert (found["created"], found["hits"]) == (promised.rises, promised.hits)
    assert found["idle_hours"] == pytest.approx(promised.idle)
    assert found["used_hours"] == pytest.approx(promised.used)
    assert found["waste"] == pytest.approx(promised.waste, abs=1e-4)


@needs_series
@pytest.mark.slow
def test_planning_every_hour_does_in_the_ledger_what_the_backtest_says(tmp_path: Path) -> None:
    """The command fits anew each hour and corrects its levels, the backtest does neither: within 3 points of hits,
    and within 0.05 of waste."""
    hours = 24
    with site(tmp_path, real_counts("street_2"), target_hit_rate=0.99, replan="1h") as lived:
        first = WEEKS + 9
        lived.live(first - 1)
        promised = lived.promised(first, slots=hours, hourly_target=0.99)["hourly"]
        for hour in range(first, first + hours):
            lived.reserve(lived.plan(hour))
            lived.live(hour)
        found = lived.used(first, first + hours)
    assert (found["created"], found["used_hours"]) == (promised.rises, promised.used)
    assert found["hit_rate"] == pytest.approx(promised.hit_rate, abs=0.03)
    assert found["waste"] == pytest.approx(promised.waste, abs=0.05)


def steady(days: int = 15) -> np.ndarray:
    hour = np.arange(days * 24)
    return np.ceil(10 + 5 * np.sin(2 * np.pi * hour / 24) + np.random.default_rng(3).normal(size=len(hour)))


def test_a_plan_within_a_slot_takes_account_of_those_that_came_in_it(tmp_path: Path) -> None:
    """Ten minutes into the hour some of what was reserved is in use: planning again changes nothing."""
    with site(tmp_path, steady(), target_hit_rate=0.95, replan="1h") as lived:
        now = 14 * 24
        lived.live(now - 1)
        lived.reserve(lived.plan(now))
        slot = lived.desk.rows("SELECT name, instances FROM reservation ORDER BY starts_at")[0]
        assert slot[1] > 1
        lived.live(now, len(lived.names) + 1)
        (taken,) = lived.desk.rows("SELECT COUNT(*) FROM reserved WHERE state = 'active'")
        assert taken == (1,)
        lived.reserve(lived.plan(now + 1 / 6))
        assert slot in lived.desk.rows("SELECT name, instances FROM reservation")


def test_the_next_slot_is_never_planned_below_what_runs_nor_beyond_the_maximum(tmp_path: Path) -> None:
    counts = steady()
    counts[-25] = 40.0
    with site(tmp_path, counts, minimum=12, maximum=14) as lived:
        now = 14 * 24
        items = lived.plan(now)
        by_name = {one["name"]: one["instances"] for one in items}
        # 40 run, more than the maximum: nothing is reserved, and nothing could be withdrawn.
        assert f"web-{BASE + HOUR * now:%Y%m%dT%H%M%SZ}" not in by_name
        assert 0 < max(by_name.values()) <= 14


def test_a_lead_time_and_a_hold_are_held(tmp_path: Path) -> None:
    with site(tmp_path, steady(), lead_time="15m", hold="5m", minimum=30) as lived:
        now = 14 * 24
        lived.live(now - 1)
        items = lived.plan(now)
        lived.reserve(items)
        start = BASE + HOUR * (now + 1)
        (one,) = [item for item in items if item["name"].endswith(f"{start:%Y%m%dT%H%M%SZ}")]
        assert one["starts_at"] == f"{start - timedelta(minutes=15):%Y-%m-%dT%H:%M:%SZ}"
        assert one["expires_at"] == f"{start + timedelta(minutes=65):%Y-%m-%dT%H:%M:%SZ}"
        # Twelve minutes before its slot, one more comes than the slot of now was meant for.
        first = sum(one["instances"] for one in items if one["name"].endswith(f"{BASE + HOUR * now:%Y%m%dT%H%M%SZ}"))
        lived.at(now + 0.8)
        lived.become(len(lived.names) + first + 1)
        (taken,) = lived.desk.rows(
            "SELECT COUNT(*) FROM reserved JOIN reservation ON reservation.id = reservation_id "
            "WHERE state = 'active' AND name = ?",
            one["name"],
        )
        assert taken == (1,)
