# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounds hold as often as they say, on series whose quantiles are known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from ansible_collections.shadownet.ipam.forecaster.calibration import calibrate
from ansible_collections.shadownet.ipam.forecaster.forecasting import LEVELS, Forecaster
from ansible_collections.shadownet.ipam.forecaster.state import Memory
from ansible_collections.shadownet.ipam.tests.unit.forecaster.simulated import (
    Floats,
    daily,
    history,
    noise_scale,
    series,
)

WEEKS = 28 * 24
NORMAL = dict(zip(LEVELS, (0.0, 1.2816, 1.6449, 2.3263), strict=True))


def simulate(seed: int) -> tuple[Floats, Floats]:
    """Four weeks that are known, and the day after."""
    draw = np.random.default_rng(seed)
    values = daily(WEEKS + 24) + draw.normal(size=WEEKS + 24) * noise_scale(WEEKS + 24)
    return values[:WEEKS], values[WEEKS:]


@pytest.mark.slow
def test_stated_quantiles_are_those_of_the_law_and_cover_as_stated() -> None:
    within: dict[float, list[float]] = {level: [] for level in LEVELS}
    bounds = []
    for seed in range(30):
        known, came = simulate(seed)
        made = Forecaster()
        made.fit(series(known), 24)
        forecast = made.quantiles()
        bounds.append(forecast.values)
        for level in LEVELS:
            within[level].append(float(np.mean(came <= forecast.level(level))))
    # Of 720 values a share of 0.95 has a standard error of 0.8 %.
    assert np.mean(within[0.5]) == pytest.approx(0.5, abs=0.05)
    assert np.mean(within[0.9]) == pytest.approx(0.9, abs=0.03)
    assert np.mean(within[0.95]) == pytest.approx(0.95, abs=0.02)
    assert np.mean(within[0.99]) == pytest.approx(0.99, abs=0.012)
    mean = np.mean(bounds, axis=0)
    steady = [hour for hour in range(24) if hour not in (7, 8, 19, 20)]
    for place, level in enumerate(LEVELS):
        # The rarest bounds are a quarter further out than the law, on purpose: real errors are no draws of one law.
        law = daily(WEEKS + 24)[WEEKS:] + NORMAL[level] * noise_scale(24) * (1.25 if level == 0.99 else 1)
        # Sizes are smoothed over neighbouring hours, so the hours at which the noise jumps are left out.
        assert np.abs(mean[:, place] - law)[steady].max() < 5
    width = mean[:, 2] - mean[:, 0]
    assert width[10:18].mean() > 2.5 * width[:6].mean(), "bounds are wider where the noise is"


def test_a_heavy_tail_is_learned_and_not_assumed_normal() -> None:
    draw = np.random.default_rng(3)
    truth = daily(WEEKS + 24)
    errors = draw.exponential(size=(201, 24)) * 10
    values = truth.copy()
    origins = np.append(np.arange(WEEKS - 400, WEEKS, 2), WEEKS)
    at = origins[:, None] + np.arange(24)
    forecasts = truth[at] - errors
    found = calibrate(history(values[:WEEKS]), origins, forecasts)
    bounds = found.bounds(np.array(LEVELS)) - forecasts[-1][:, None]
    law = -10 * np.log(1 - np.array([0.9, 0.95]))
    assert bounds[:, 1].mean() == pytest.approx(law[0], rel=0.15)
    # The allowance for flattery, of which there is none here, comes on top.
    assert law[1] < bounds[:, 2].mean() < 1.25 * law[1]


def test_quantiles_never_cross_and_stay_within_reason() -> None:
    known, _came = simulate(1)
    made = Forecaster()
    made.fit(series(known), 48)
    levels = (0.01, 0.1, 0.5, 0.6, 0.9, 0.95, 0.99, 0.999)
    values = made.quantiles(levels).values
    assert (np.diff(values, axis=1) >= 0).all()
    assert values.min() >= 0
    assert values.max() <= known.max() + np.ptp(known) / 2 + 1e-9


def test_a_perfect_past_gives_no_width() -> None:
    values = daily(WEEKS)
    origins = np.append(np.arange(400, WEEKS, 2), WEEKS)
    at = origins[:, None] + np.arange(24)
    found = calibrate(history(values), origins, daily(WEEKS + 24)[at])
    assert found.bounds(np.array([0.5, 0.99])) == pytest.approx(np.repeat(daily(WEEKS + 24)[WEEKS:, None], 2, axis=1))


def test_an_update_moves_the_bounds_on_to_the_hours_ahead() -> None:
    known, came = simulate(5)
    made = Forecaster()
    made.fit(series(known), 24)
    before = made.quantiles()
    made.update(series(np.concatenate([known, came[:6]])))
    after = made.quantiles()
    assert after.start == before.start + timedelta(hours=6)
    width = after.values[:, 2] - after.values[:, 0]
    # The first hour ahead is now 6 in the morning: two quiet hours, then twelve noisy ones.
    assert width[3:13].mean() > 2 * width[[0, 17, 18, 19]].mean()
    fresh = Forecaster()
    fresh.fit(series(np.concatenate([known, came[:6]])), 24)
    assert after.values == pytest.approx(fresh.quantiles().values, rel=0.15, abs=6)


def test_a_shift_moves_upper_levels_only() -> None:
    known, _came = simulate(6)
    made = Forecaster()
    made.fit(series(known), 24)
    plain, shifted = made.quantiles(), made.quantiles(shift=0.02)
    assert shifted.level(0.5) == pytest.approx(plain.level(0.5))
    assert (shifted.level(0.9) > plain.level(0.9)).all()


def test_memory_corrects_bounds_that_are_too_low_or_too_high() -> None:
    """Online: a bound at the 85 % quantile is raised, one at 100 % lowered, and the correction is bounded."""
    draw = np.random.default_rng(8)
    for stated, sign in ((1.0364, 1), (9.0, -1)):
        memory = Memory()
        for hour in range(400):
            now = series(draw.normal(size=1), non_negative=False)
            now = replace(now, start=now.start + timedelta(hours=hour))
            memory.state(now.start, 3600, [stated], 0.95)
            memory.check(now)
        assert np.sign(memory.shift) == sign
        assert abs(memory.shift) <= 0.04
        assert memory.checked == 400


def test_each_stated_bound_is_checked_once_and_gaps_prove_nothing() -> None:
    memory = Memory()
    week = series([1.0, np.nan, 5.0])
    memory.state(week.start, 3600, [2.0, 2.0, 2.0], 0.95)
    memory.check(week)
    memory.check(week)
    assert (memory.checked, memory.missed, memory.stated) == (2, 1, {})
