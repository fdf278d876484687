# SPDX-License-Identifier: GPL-3.0-or-later
"""Every model against a direct computation, and none looks into the future."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from ansible_collections.shadownet.ipam.forecaster.models import base, combination, harmonic, naive, smoothing
from ansible_collections.shadownet.ipam.forecaster.models.registry import SETS, chosen_names, make_model, model_names
from ansible_collections.shadownet.ipam.forecaster.series import Series
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import NotFound
from ansible_collections.shadownet.ipam.tests.unit.forecaster.simulated import daily, history, series

RANDOM = np.random.default_rng(11)
WEEKS = daily(28 * 24) * np.exp(RANDOM.normal(size=28 * 24) * 0.1)
ORIGINS = np.array([300, 420, 421, 600, 672])


def test_naive_models_repeat_yesterday_and_last_week() -> None:
    data = history(WEEKS, horizon=30)
    for model, lag in ((naive.seasonal_naive(), 24), (naive.last_week(), 168)):
        model.fit(data)
        for origin, row in zip(ORIGINS, model.rolling(ORIGINS, 30), strict=True):
            expected = [WEEKS[origin + step - lag * (1 + step // lag)] for step in range(30)]
            assert row.tolist() == expected


def test_averages_take_as_many_periods_as_there_are() -> None:
    mean, median = naive.averages()[0], naive.averages()[1]
    for model, whole, summary in ((mean, 4, np.mean), (median, 7, np.median)):
        model.fit(history(WEEKS))
        (row,) = model.rolling(np.array([60]), 24)
        # Sixty values: some hours of the next day have been seen twice, others three times.
        earlier = [[WEEKS[at] for at in range(60 + step - 24, -1, -24)][:whole] for step in range(24)]
        assert row == pytest.approx([summary(one) for one in earlier])


def test_last_week_falls_back_to_yesterday_and_never_to_the_future() -> None:
    model = naive.last_week()
    model.fit(history(WEEKS))
    (row,) = model.rolling(np.array([100]), 24)
    assert row.tolist() == WEEKS[76:100].tolist()


def slow_smoothing(values: np.ndarray, speeds: np.ndarray, horizon: int) -> list[float]:
    """One member, number by number, from the formulas in the module."""
    to_level, to_day, to_week, fade = speeds
    first = values[:336]
    profile = [float(np.median([first[at] for at in range(336) if at % 24 == hour])) for hour in range(24)]
    level = sum(profile) / 24
    day = [one - level for one in profile]
    rest = [first[at] - profile[at % 24] for at in range(336)]
    week = [0.5 * (rest[slot] + rest[slot + 168]) / 2 if to_week else 0.0 for slot in range(168)]
    usual = 1.4826 * float(np.median(np.abs(np.array(rest) - np.median(rest)))) + 1e-9
    error = 0.0
    for at, value in enumerate(values):
        if np.isnan(value):
            error *= fade
            continue
        surprise = value - (level + day[at % 24] + week[at % 168]) - fade * error
        cut = max(-4 * usual, min(4 * usual, surprise))
        usual = 0.98 * usual + 0.024 * min(abs(surprise), 6 * usual)
        level += to_level * cut
        day[at % 24] += to_day * cut
        week[at % 168] += to_week * cut
        left = value - (level + day[at % 24] + week[at % 168])
        error = max(-12 * usual, min(12 * usual, left))
    count = len(values)
    return [
        level + day[(count + step) % 24] + week[(count + step) % 168] + fade ** (step + 1) * error
        for step in range(horizon)
    ]


@pytest.mark.parametrize("row", [0, 3, 8, 17])
def test_smoothing_follows_its_formulas(row: int) -> None:
    values = WEEKS.copy()
    values[500] *= 9
    bank = smoothing.SmoothingBank()
    bank.fit(history(values))
    found = bank.rolling(np.array([450, 672]), 24)
    assert found[row, 0] == pytest.approx(slow_smoothing(values[:450], smoothing.GRID[row], 24), rel=1e-9)
    assert found[row, 1] == pytest.approx(slow_smoothing(values, smoothing.GRID[row], 24), rel=1e-9)


def test_smoothing_goes_on_from_where_it_stood() -> None:
    whole, part = smoothing.SmoothingBank(), smoothing.SmoothingBank()
    part.fit(history(WEEKS[:600]))
    part.rolling(np.array([600]), 24)
    part.update(history(WEEKS[:640]))
    whole.fit(history(WEEKS[:640]))
    plain = slice(0, len(smoothing.GRID))
    now = np.array([640])
    assert part.rolling(now, 24)[plain] == pytest.approx(whole.rolling(now, 24)[plain])


def test_harmonic_regression_finds_the_waves_of_a_pure_signal() -> None:
    at = np.arange(28 * 24 + 24)
    signal = 50 + 20 * np.sin(2 * np.pi * at / 24) + 5 * np.cos(2 * np.pi * 3 * at / 24)
    model = harmonic.HarmonicRegression()
    model.fit(history(signal[:672]))
    assert model.rolling(np.array([672]), 24)[0] == pytest.approx(signal[672:], abs=0.05)


def test_harmonic_regression_lets_errors_fade_as_they_did() -> None:
    error = np.zeros(672)
    for at in range(1, 672):
        error[at] = 0.8 * error[at - 1] + RANDOM.normal()
    error[-1] = 30.0
    model = harmonic.HarmonicRegression()
    model.fit(history(daily(672) + error, non_negative=False))
    off = model.rolling(np.array([672]), 6)[0] - daily(678)[672:]
    assert off[0] == pytest.approx(24, abs=6)
    assert off[3] == pytest.approx(30 * 0.8**4, abs=8)


def test_ets_is_that_of_statsmodels() -> None:
    tsa = pytest.importorskip("statsmodels.tsa.exponential_smoothing.ets")
    values = daily(14 * 24) - 200 + RANDOM.normal(size=14 * 24)  # negative: no logarithm
    model = make_model("ets")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(history(values, non_negative=False))
        peer = tsa.ETSModel(values, error="add", seasonal="add", seasonal_periods=24).fit(disp=False, maxiter=100)
    assert model.rolling(np.array([14 * 24]), 48)[0] == pytest.approx(np.asarray(peer.forecast(48)), rel=1e-6)


def test_unobserved_components_are_those_of_statsmodels() -> None:
    pytest.importorskip("statsmodels")
    data = history(daily(14 * 24) + RANDOM.normal(size=14 * 24))
    model = make_model("unobserved")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(data)
    result = model._result  # type: ignore[attr-defined]
    rows = model.rolling(np.array([200, 14 * 24]), 24)
    assert rows[1] == pytest.approx(np.asarray(result.forecast(24)), rel=1e-6)
    earlier = result.model.clone(data.values[:200]).filter(result.params)
    assert rows[0] == pytest.approx(np.asarray(earlier.forecast(24)), rel=1e-6)


def test_stl_arima_is_statsmodels_arima_on_what_stl_leaves() -> None:
    pytest.importorskip("statsmodels")
    from statsmodels.tsa.arima.model import ARIMA
    from statsmodels.tsa.seasonal import STL

    values = daily(10 * 24) + RANDOM.normal(size=10 * 24)
    model = make_model("stl_arima")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(history(values))
        season = np.asarray(STL(values, period=24, robust=True).fit().seasonal)
        arima = ARIMA(values - season, order=(2, 0, 1), trend="c").fit()
        found = model.rolling(np.array([240]), 24)[0]
    assert found == pytest.approx(np.asarray(arima.forecast(24)) + season[-24:], rel=1e-5)


def test_last_value_is_held() -> None:
    values = WEEKS.copy()
    values[420] = np.nan
    model = naive.LastValue()
    model.fit(history(values))
    found = model.rolling(np.array([300, 421]), 5)
    # An hour that is not known counts as that of last week.
    assert found.tolist() == [[WEEKS[299]] * 5, [WEEKS[420 - 168]] * 5]


def test_means_of_weeks_are_means_of_weeks() -> None:
    for model, weeks in ((naive.averages()[2], 2), (naive.averages()[3], 3)):
        model.fit(history(WEEKS))
        (row,) = model.rolling(np.array([600]), 200)
        expected = [
            np.mean([WEEKS[600 + at - 168 * (1 + at // 168 + back)] for back in range(weeks)]) for at in range(200)
        ]
        assert row == pytest.approx(expected)


def slow_harmonic(values: np.ndarray, horizon: int) -> list[float]:
    """Weighted ridge regression as one stacked least squares problem, and the error's path number by number."""
    count = len(values)

    def waves(at: int) -> list[float]:
        day = [2 * np.pi * (at % 168) * times / 24 for times in range(1, 9)]
        week = [2 * np.pi * (at % 168) * times / 168 for times in range(1, 21) if times % 7]
        return [1.0, *np.sin(day), *np.cos(day), *np.sin(week), *np.cos(week)]

    of_day, of_week = [0.1 * n for n in range(1, 9)], [0.5 * (1 + n / 7) for n in range(1, 21) if n % 7]
    held = np.array([0.0, *of_day, *of_day, *of_week, *of_week]) + 1e-6
    known = [at for at in range(count) if not np.isnan(values[at])]
    root = [0.5 ** ((count - 1 - at) / 336 / 2) for at in known]
    rows = np.array([[one * wave for wave in waves(at)] for at, one in zip(known, root, strict=True)])
    goal = np.array([one * values[at] for at, one in zip(known, root, strict=True)])
    stacked = np.concatenate([rows, np.diag(np.sqrt(held))])
    found = np.linalg.lstsq(stacked, np.concatenate([goal, np.zeros(len(held))]), rcond=None)[0]
    error = [0.0 if np.isnan(values[at]) else values[at] - float(np.dot(waves(at), found)) for at in range(count)]
    past = np.array([[error[at - 1], error[at - 2], error[at - 24]] for at in range(24, count)])
    fading = np.linalg.lstsq(past, np.array(error[24:]), rcond=None)[0]
    assert np.abs(fading).sum() < 1
    out = []
    for ahead in range(horizon):
        error.append(float(np.dot(fading, [error[-1], error[-2], error[-24]])))
        out.append(float(np.dot(waves(count + ahead), found)) + error[-1])
    return out


def test_harmonic_regression_is_a_weighted_least_squares_fit() -> None:
    values = WEEKS.copy()
    values[100:105] = np.nan
    values[640] = np.nan
    model = harmonic.HarmonicRegression()
    model.fit(history(values, horizon=30))
    assert model.rolling(np.array([672]), 30)[0] == pytest.approx(slow_harmonic(values, 30), rel=1e-4)
    # The origins of a day share the fit of the first of them.
    assert model.rolling(np.array([504]), 24)[0] == pytest.approx(slow_harmonic(values[:504], 24), rel=1e-4)


def slow_weights(forecasts: np.ndarray, happened: np.ndarray, origins: list[int]) -> np.ndarray:
    """The two ways of weighing, from their description: powers of recent errors, and reweighted least squares."""
    count = len(forecasts)
    rows = [
        (forecasts[:, row, step], happened[row, step], (max(origins) - origins[row]) / 24)
        for row in range(len(origins))
        for step in range(happened.shape[1])
        if np.isfinite(happened[row, step])
    ]
    recent = [0.5 ** (age / 4) for _row, _truth, age in rows]
    errors = [
        sum(w * abs(truth - row[one]) for w, (row, truth, _age) in zip(recent, rows, strict=True)) / sum(recent)
        for one in range(count)
    ]
    first = np.array([(one / min(errors)) ** -8.0 for one in errors])
    first /= first.sum()
    missing = [truth - float(row @ first) for row, truth, _age in rows]
    apart = [row - float(row @ first) for row, _truth, _age in rows]
    usual = sum(abs(one) for one in missing) / len(missing)
    change = np.zeros(count)
    for _round in range(3):
        square, right = np.zeros((count, count)), np.zeros(count)
        for (_row, _truth, age), one, off in zip(rows, apart, missing, strict=True):
            weight = 0.5 ** (age / 10) * usual / max(abs(off - float(one @ change)), 0.3 * usual)
            square += weight * np.outer(one, one)
            right += weight * off * one
        change = np.linalg.solve(square + 0.3 * np.trace(square) / count * np.eye(count), right)
    second = first + change - change.sum() * first
    # The regression has no say with four days of origins, and half of it from twelve on.
    ages = [age for _row, _truth, age in rows]
    say = 0.5 * min(max((max(ages) - min(ages) - 4) / 8, 0), 1)
    return first + say * (second - first)


def test_weights_of_a_combination_are_those_of_their_description() -> None:
    draw = np.random.default_rng(12)
    happened = 100 + 20 * draw.normal(size=(30, 4))
    happened[3, 2] = happened[29, 3] = np.nan
    forecasts = happened[None] + np.array([3.0, 5.0, 9.0])[:, None, None] * draw.normal(size=(3, 30, 4))
    forecasts = np.where(np.isnan(forecasts), 100.0, forecasts)
    forecasts[1] += 4
    origins = list(range(400, 520, 4))
    found = combination._weights(forecasts, happened, np.array(origins), 24)
    assert found == pytest.approx(slow_weights(forecasts, happened, origins), rel=1e-6)


def test_a_combination_is_the_weighted_sum_of_its_members() -> None:
    data = history(WEEKS)
    origins = np.append(np.arange(300, 672, 12), 672)
    model = combination.Combination()
    model.fit(data)
    found = model.rolling(origins, 24)
    rows = [make_model(name) for name in ("last_value", "seasonal_naive", "last_week")]
    rows += [*naive.averages(), harmonic.HarmonicRegression()]
    bank = smoothing.SmoothingBank()
    for one in (*rows, bank):
        one.fit(data)
    members = np.concatenate([[one.rolling(origins, 24) for one in rows], bank.rolling(origins, 24)])
    assert len(model.members()) == len(members)
    happened = base.targets(data, origins, 24)
    for first, last in ((0, 1), (1, 3), (3, 8), (8, 24)):
        weights = slow_weights(members[:, :-1, first:last], happened[:-1, first:last], origins[:-1].tolist())
        assert found[-1, first:last] == pytest.approx(weights @ members[:, -1, first:last], rel=1e-5)
        # From an origin of the past: weights of the origins that belong to the two other days of three.
        fold = (672 - origins) // 24 % 3
        others = fold != fold[10]
        weights = slow_weights(members[:, others, first:last], happened[others, first:last], origins[others].tolist())
        assert found[10, first:last] == pytest.approx(weights @ members[:, 10, first:last], rel=1e-5)


def test_ets_follows_its_states_from_any_origin_also_on_logarithms_and_over_gaps() -> None:
    pytest.importorskip("statsmodels")
    values = WEEKS[: 14 * 24].copy()
    values[200:203] = np.nan
    model = make_model("ets")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(history(values))
    offset, (to_level, to_seasonal) = model._offset, model._speeds  # type: ignore[attr-defined]
    level, seasonal = model._start[0], list(model._start[1])  # type: ignore[attr-defined]
    assert offset == pytest.approx(0.05 * base.filled(history(values)).mean())
    for at in range(250):
        if not np.isnan(values[at]):
            error = np.log(values[at] + offset) - level - seasonal[at % 24]
            level += to_level * error
            seasonal[at % 24] += to_seasonal * error
    expected = [np.exp(level + seasonal[(250 + step) % 24]) - offset for step in range(30)]
    assert model.rolling(np.array([250]), 30)[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["last_value", "last_week", "seasonal_naive", "harmonic", "combination"])
def test_a_forecast_from_the_past_does_not_know_what_came_after(name: str) -> None:
    """Also not by way of weights: those of the newest day's forecasts come from days before."""
    changed = WEEKS.copy()
    changed[650:] *= 3
    rows = []
    for values in (WEEKS, changed):
        model = make_model(name)
        data = history(values).before(650) if name == "combination" else history(values)
        model.fit(data)
        rows.append(model.rolling(np.array([610, 650]), 24)[1])
    assert rows[0] == pytest.approx(rows[1])


def test_weights_of_a_combination_sum_to_one_and_prefer_what_was_right() -> None:
    happened = RANDOM.normal(size=(50, 24)) * 5 + 100
    good, poor = happened + RANDOM.normal(size=(50, 24)), happened + RANDOM.normal(size=(50, 24)) * 10
    weights = combination._weights(np.stack([good, poor]), happened, np.arange(50), 24)
    assert weights.sum() == pytest.approx(1)
    assert weights[0] > 0.9


def test_combination_is_better_than_its_simple_members() -> None:
    errors = {}
    truth = daily(700)[672:696]
    for name in ("combination", "seasonal_naive", "last_week"):
        model = make_model(name)
        model.fit(history(WEEKS))
        errors[name] = np.abs(model.rolling(np.append(np.arange(300, 672, 4), 672), 24)[-1] - truth).mean()
    assert errors["combination"] < 0.7 * min(errors["seasonal_naive"], errors["last_week"])


def test_slots_of_the_week_follow_the_clock_on_the_wall() -> None:
    """Berlin's clocks went from 2 to 3 on 2026-03-29: the hour after 01:00 local is 03:00."""
    values = np.ones(48)
    start = datetime(2026, 3, 28, 23, tzinfo=UTC)  # 00:00 in Berlin, a Sunday
    found = base.History.of(Series("w", "s", "", start, 3600, values, zone="Europe/Berlin"), 1)
    assert (found.phase % 24)[:5].tolist() == [0, 1, 3, 4, 5]
    assert found.phase[0] == 6 * 24


def test_history_keeps_four_weeks() -> None:
    data = base.History.of(series(np.arange(1000.0)), 24)
    assert len(data) == 672
    assert data.values[-1] == 999
    assert len(data.phase) == 672 + 24


def test_gaps_are_filled_from_the_past() -> None:
    values = WEEKS.copy()
    values[400:410] = np.nan
    values[3] = np.nan
    found = base.filled(history(values))
    assert found[400:410].tolist() == WEEKS[232:242].tolist()
    assert found[3] == pytest.approx((WEEKS[2] + WEEKS[4]) / 2)


def test_registry_knows_every_model_by_name() -> None:
    for name in model_names():
        assert make_model(name).name == name
    assert chosen_names(["fast", "ets", "harmonic"]) == (*SETS["fast"], "ets")
    with pytest.raises(NotFound, match="oracle"):
        chosen_names(["oracle"])
    with pytest.raises(NotFound):
        make_model("oracle")


def test_every_model_is_documented() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs/forecast.md").read_text()
    assert [name for name in model_names() if f"`{name}`" not in page] == []
