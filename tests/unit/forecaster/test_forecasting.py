# SPDX-License-Identifier: GPL-3.0-or-later
"""Series that are short, constant, broken or surprising still get a forecast that makes sense, and its reason."""

from __future__ import annotations

import numpy as np
import pytest

from ansible_collections.shadownet.ipam.forecaster.forecasting import (
    Forecast,
    Forecaster,
    TooLittle,
    backtest_origins,
)
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput
from ansible_collections.shadownet.ipam.tests.unit.forecaster.simulated import Floats, daily, history, series

RANDOM = np.random.default_rng(21)
NOISY = daily(672) + RANDOM.normal(size=672) * 5
FAST = ("combination",)


def forecast(values: Floats | list[float], non_negative: bool = True, horizon: int = 24) -> Forecast:
    made = Forecaster(FAST)
    made.fit(series(values, non_negative=non_negative), horizon)
    found = made.quantiles()
    assert np.isfinite(found.values).all()
    assert (np.diff(found.values, axis=1) >= 0).all()
    assert found.values.shape == (horizon, 4)
    return found


@pytest.mark.parametrize("value", [0.0, 7.0, 1e-9, 1e14])
@pytest.mark.parametrize("length", [2, 50, 672])
def test_a_constant_stays_and_says_so(value: float, length: int) -> None:
    found = forecast(np.full(length, value))
    assert found.values == pytest.approx(np.full((24, 4), value))
    assert any("constant" in reason for reason in found.reasons)


def test_one_value_is_all_there_is() -> None:
    assert forecast([5.0]).values == pytest.approx(np.full((24, 4), 5.0))


@pytest.mark.parametrize("values", [[], [np.nan] * 30, [np.inf], [-3.0, -4.0]])
def test_nothing_known_is_an_error(values: list[float]) -> None:
    with pytest.raises(TooLittle, match="no value"):
        Forecaster(FAST).fit(series(values), 24)


@pytest.mark.parametrize("length", [2, 3, 10, 24, 25, 31, 60, 71, 95])
def test_short_histories_say_so_and_use_what_there_is(length: int) -> None:
    found = forecast(NOISY[:length])
    assert any("short history" in reason for reason in found.reasons)
    assert found.level(0.99).max() >= NOISY[:length].max() * 0.9


def test_with_two_days_the_time_of_day_counts() -> None:
    found = forecast(NOISY[:48])
    assert found.model == "same_time_so_far"
    assert found.level(0.5) == pytest.approx(daily(24), abs=15)


@pytest.mark.parametrize("length", [96, 130, 200, 340])
def test_from_four_days_on_there_is_a_backtest(length: int) -> None:
    found = forecast(NOISY[:length])
    assert found.model == "combination"
    assert found.margin is not None
    assert found.level(0.5) == pytest.approx(daily(length + 24)[length:], abs=20)


def test_one_shock_changes_little() -> None:
    values = NOISY.copy()
    values[600] = 1e7
    found, plain = forecast(values), forecast(NOISY)
    assert found.level(0.5) == pytest.approx(plain.level(0.5), abs=20)
    assert found.level(0.99).max() < 3 * plain.level(0.99).max()
    assert any("shocks" in reason for reason in found.reasons)


def test_a_level_shift_is_followed_and_bounded() -> None:
    values = NOISY.copy()
    values[600:] *= 3
    found = forecast(values)
    assert found.level(0.5) == pytest.approx(3 * daily(24), rel=0.25)
    assert found.level(0.99).max() < 2 * values.max()


def test_what_has_died_is_forecast_dead() -> None:
    values = NOISY.copy()
    values[530:] = 0
    assert forecast(values).level(0.5).max() < 5


def test_intermittent_demand_stays_bounded() -> None:
    values = (RANDOM.random(672) < 0.04) * 5.0
    found = forecast(values)
    assert found.level(0.5).max() < 1
    assert found.values.max() <= 7.5


@pytest.mark.parametrize("factor", [1e-9, 1e9])
def test_units_do_not_matter(factor: float) -> None:
    assert forecast(NOISY * factor).values / factor == pytest.approx(forecast(NOISY).values, rel=1e-5)


def test_gaps_long_and_short_and_a_missing_tail() -> None:
    values = NOISY.copy()
    values[RANDOM.random(672) < 0.2] = np.nan
    values[300:360] = np.nan
    values[650:] = np.nan
    assert forecast(values).level(0.5) == pytest.approx(daily(24), abs=15)


def test_values_below_zero_are_forecast_where_they_are_possible() -> None:
    found = forecast(NOISY - 200, non_negative=False)
    assert found.level(0.5) == pytest.approx(daily(24) - 200, abs=12)


def test_impossible_values_are_gaps() -> None:
    values = NOISY.copy()
    values[[10, 400, 500]] = -5, np.inf, 1e30
    found = forecast(values)
    assert found.level(0.5) == pytest.approx(forecast(NOISY).level(0.5), abs=8)
    assert any("3 impossible" in reason for reason in found.reasons)


@pytest.mark.parametrize(("interval", "horizon"), [(900, 96), (1800, 48), (6 * 3600, 8), (86400, 7), (7200, 1)])
def test_other_intervals_and_horizons(interval: int, horizon: int) -> None:
    count = 21 * 86400 // interval
    hours = np.arange(count + horizon) * interval / 3600
    truth = 100 + 50 * np.sin(2 * np.pi * hours / 24)
    made = Forecaster()
    made.fit(series(truth[:count] + RANDOM.normal(size=count), interval=interval), horizon)
    assert made.quantiles().level(0.5) == pytest.approx(truth[count:], abs=8)


def test_the_model_with_the_least_loss_is_chosen_and_the_naive_is_the_measure() -> None:
    made = Forecaster(("last_value", "harmonic"))
    made.fit(series(NOISY), 24)
    found = made.quantiles()
    assert found.model == "harmonic"
    assert found.losses["seasonal_naive"] == 1
    assert found.margin == pytest.approx(1 - found.losses["harmonic"])
    assert found.losses["last_value"] > 1


def test_an_update_must_continue_what_was_fitted() -> None:
    made = Forecaster(FAST)
    with pytest.raises(InvalidInput):
        made.update(series(NOISY))
    made.fit(series(NOISY), 24)
    with pytest.raises(InvalidInput):
        made.update(series(NOISY[:600]))
    with pytest.raises(InvalidInput):
        made.update(series(NOISY, interval=60))


@pytest.mark.parametrize("usual", [0.0, 10.0])
def test_what_comes_once_a_week_is_no_shock(usual: float) -> None:
    values = np.full(672, usual) + (RANDOM.normal(size=672) * 0.3 if usual else 0.0)
    values[12::168] = 100.0
    found = forecast(values)
    assert np.argmax(found.level(0.95)) == 12
    assert found.level(0.95).max() == pytest.approx(100, rel=0.2)
    assert np.delete(found.level(0.95), 12).max() < 20


def test_what_has_begun_and_goes_on_is_no_shock() -> None:
    values = np.zeros(672)
    values[-3:] = 100.0
    found = forecast(values)
    assert found.level(0.95)[0] == pytest.approx(100, rel=0.5)


@pytest.mark.parametrize("gap", [400, 450, 500])
def test_after_a_long_gap_the_future_is_not_certain(gap: int) -> None:
    values = NOISY.copy()
    values[-gap:] = np.nan
    found = forecast(values)
    assert (found.level(0.95) - found.level(0.5)).min() > 3
    assert found.level(0.5) == pytest.approx(daily(24), abs=20)


@pytest.mark.parametrize("interval", [900, 3600])
@pytest.mark.parametrize("horizon", [1, 2])
def test_a_short_horizon_has_the_bounds_of_a_long_one(horizon: int, interval: int) -> None:
    day = 86_400 // interval
    values = 100 + 50 * np.sin(2 * np.pi * np.arange(28 * day) / day) + RANDOM.normal(size=28 * day) * 5
    widths = []
    for slots in (horizon, day):
        made = Forecaster(FAST)
        made.fit(series(values, interval), slots)
        found = made.quantiles()
        widths.append(float(found.level(0.95)[0] - found.level(0.5)[0]))
    assert widths[0] == pytest.approx(widths[1], rel=0.35)


def test_the_origins_of_a_backtest_meet_all_times_of_day() -> None:
    for length in (500, 672):
        origins = backtest_origins(history(daily(length)))
        assert len(origins) <= 205
        assert (np.diff(origins) > 0).all()
        assert origins[-1] == length
        assert set(origins[:-1] % 24) == set(range(24))
