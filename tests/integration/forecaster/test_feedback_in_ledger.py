# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger counts of plans corrects the next ones: weeks lived through in real ledgers, beside a twin that is
told the same telemetry and takes no feedback."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from .test_plan_in_ledger import NEWEST, Site, site

KNOWN = 15
"""Days of history before the first plan."""
LOW, HIGH, RIGHT = 5, 9, 6
"""Days in which plans are too low, too high, and right."""
DAYS = LOW + HIGH + RIGHT
TARGET = 0.9
BOUND = 0.03


def told() -> np.ndarray:
    """Instances as telemetry tells them, hour by hour."""
    hour = np.arange((KNOWN + DAYS) * 24)
    noise = np.random.default_rng(3).normal(size=len(hour))
    return np.round(20 + 8 * np.sin(2 * np.pi * hour / 24) + 2 * noise)


def lived(counts: np.ndarray) -> np.ndarray:
    """What comes: for days more than telemetry knows of, then a third of it, then just that."""
    found = counts.copy()
    low, high = slice(KNOWN * 24, (KNOWN + LOW) * 24), slice((KNOWN + LOW) * 24, (KNOWN + LOW + HIGH) * 24)
    found[low] += np.random.default_rng(1).integers(0, 12, LOW * 24)
    found[high] = np.maximum(np.round(found[high] / 3), 1)
    return found


@dataclass
class Tale:
    """What became of a site, by day."""

    planned: list[int] = field(default_factory=list)
    moved: list[float] = field(default_factory=list)
    hits: list[int] = field(default_factory=list)
    created: list[int] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)

    def hit_rate(self, days: slice) -> float:
        return sum(self.hits[days]) / sum(self.created[days])


def tell(folder: Path, feedback: bool) -> Tale:
    folder.mkdir()
    counts, tale = told(), Tale()
    coming = lived(counts)
    with site(folder, counts, NEWEST, target_hit_rate=TARGET) as made:
        path = folder / "forecast.yml"
        document = yaml.safe_load(path.read_text())
        own = {"type": "ledger", "path": str(made.desk.path), "signals": ["creations"], "feedback": feedback}
        document["sources"].append(own)
        path.write_text(yaml.safe_dump(document))
        made.live(KNOWN * 24 - 1)
        for day in range(KNOWN, KNOWN + DAYS):
            live_a_day(made, day * 24, coming, tale)
    return tale


def live_a_day(made: Site, origin: int, coming: np.ndarray, tale: Tale) -> None:
    items = made.plan(origin)
    # Without the slot that begins now: feedback also knows what runs, and telemetry says otherwise.
    tale.planned.append(sum(one["instances"] for one in items if not one["name"].endswith("T000000Z")))
    tale.moved.append(memory(made)["fed"])
    made.reserve(items)
    for hour in range(origin, origin + 24):
        made.at(hour + 0.5)
        made.become(int(coming[hour]))
    found = made.used(origin + 1, origin + 24)
    tale.hits.append(found["hits"])
    tale.created.append(found["created"])
    tale.idle.append(found["idle_hours"])


def memory(made: Site) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((made.folder / "state.json").read_text())["memories"]["web"]
    return found


@pytest.mark.slow
def test_too_low_plans_rise_too_high_ones_fall_and_right_ones_keep_their_hit_rate(tmp_path: Path) -> None:
    tale, twin = tell(tmp_path / "fed", True), tell(tmp_path / "not_fed", False)
    low, high, right = slice(LOW), slice(LOW, LOW + HIGH), slice(LOW + HIGH, DAYS)
    assert set(twin.moved) == {0.0}
    assert tale.planned[0] == twin.planned[0]
    assert all(abs(one) <= BOUND for one in tale.moved)
    # Within BOUND feedback cannot make up for all that telemetry does not know of.
    assert tale.moved[LOW] > 0.02
    assert sum(tale.planned[1:LOW]) > 1.05 * sum(twin.planned[1:LOW])
    assert tale.hit_rate(low) > twin.hit_rate(low) + 0.02
    settled = slice(LOW + HIGH - 2, LOW + HIGH + 1)
    assert max(tale.moved[settled]) < -0.01
    assert sum(tale.planned[settled]) < 0.97 * sum(twin.planned[settled])
    assert tale.hit_rate(high) > TARGET
    assert tale.hit_rate(right) == pytest.approx(TARGET, abs=0.06)
