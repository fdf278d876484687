# SPDX-License-Identifier: GPL-3.0-or-later
"""Accuracy, coverage, hit rate and waste from origins of the past, against plans that need no forecaster.

At every origin the forecaster sees at most the last four weeks before it and is fitted anew. The daily plan is made
there once; hourly re-planning takes in each slot that has passed (without a new fit) and plans the next one. Both are
scored as the reservations that `plan` writes; the plans without a forecaster hold a number of instances in all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import numpy as np

from .decision import LADDER, Score, Sizing, evidence, level_for, score, score_slots, slot_reservations, trade_off
from .forecasting import LEVELS, Forecaster, TooLittle
from .models.base import DAY, LONGEST_HISTORY, Floats
from .models.registry import FAST
from .series import Series

_NOW = LEVELS.index(0.95)


@dataclass(frozen=True)
class Protocol:
    """How to test.

    Attributes:
        origins: how many, evenly spread over what follows the first two weeks.
        slots: horizon.
        daily_target, hourly_target: hit rates that the plans aim at.
        history: seconds before an origin that the forecaster sees, at most.
    """

    origins: int = 24
    slots: int = 24
    daily_target: float = 0.95
    hourly_target: float = 0.99
    models: tuple[str, ...] = FAST
    replan: bool = True
    history: int = LONGEST_HISTORY


@dataclass
class Result:
    """How one series went.

    Attributes:
        mase: mean absolute error of the middle, relative to that of yesterday's values within the training data.
        naive_mase: the same of yesterday's values as the forecast.
        coverage: share of values within the bound of each level.
        pinball: loss at 0.95, relative as `mase`.
        plans: score of each way of planning.
        models: how often each model was chosen.
    """

    name: str
    origins: int = 0
    mase: float = 0.0
    naive_mase: float = 0.0
    coverage: dict[float, float] = field(default_factory=dict)
    pinball: float = 0.0
    plans: dict[str, Score] = field(default_factory=dict)
    models: dict[str, int] = field(default_factory=dict)
    reason: str = ""


def find_origins(series: Series, protocol: Protocol) -> list[int]:
    """Where to forecast from; none if the series is too short.

    They are 37 hours apart, so that all hours of the day are met, or closer where the series is short.
    """
    day = max(DAY // series.interval, 1)
    last = len(series) - protocol.slots
    first = max(14 * day, last - round(37 / 24 * day) * (protocol.origins - 1))
    if last < first:
        return []
    return sorted({int(one) for one in np.linspace(first, last, protocol.origins)})


def backtest_series(
    name: str, series: Series, sizing: Sizing, protocol: Protocol, learned: Mapping[str, Any] | None = None
) -> Result:
    """Runs the whole protocol on one series; `learned` as in `Forecaster`."""
    result = Result(name)
    tallies: list[tuple[Floats, ...]] = []
    day = max(DAY // series.interval, 1)
    for origin in find_origins(series, protocol):
        first = max(0, origin - min(protocol.history, LONGEST_HISTORY) // series.interval)
        known = replace(
            series,
            start=series.start + timedelta(seconds=first * series.interval),
            values=series.values[first:origin],
        )
        came = series.values[origin : origin + protocol.slots]
        made = Forecaster(protocol.models, learned)
        try:
            made.fit(known, protocol.slots)
        except TooLittle:
            continue
        forecast = made.quantiles(LEVELS)
        scale = _naive_error(known.values, day)
        good = np.isfinite(came)
        if not good.any() or np.isnan(scale) or scale <= 0:
            continue
        yesterday = _last_day(known.values, day)[np.arange(protocol.slots) % day]
        error = came[good] - forecast.values[good].T
        tallies.append(
            (
                np.array([np.mean(np.abs(error[0])) / scale, np.nanmean(np.abs(came - yesterday)) / scale]),
                np.mean(error <= 0, axis=1),
                np.array([np.mean(np.maximum(0.95 * error[_NOW], -0.05 * error[_NOW])) / scale]),
            )
        )
        result.models[forecast.model] = result.models.get(forecast.model, 0) + 1
        for plan, one in plan_scores(made, known, came, sizing, protocol, yesterday).items():
            result.plans[plan] = result.plans.get(plan, Score()) + one
    if not tallies:
        result.reason = "too short, or all the same"
        return result
    accuracy, coverage, pinball = (np.mean(one, axis=0) for one in zip(*tallies, strict=True))
    result.origins = len(tallies)
    result.mase, result.naive_mase, result.pinball = float(accuracy[0]), float(accuracy[1]), float(pinball[0])
    result.coverage = {level: float(share) for level, share in zip(LEVELS, coverage, strict=True)}
    return result


def _naive_error(values: Floats, day: int) -> float:
    apart = np.abs(values[day:] - values[:-day])
    return float(np.nanmean(apart)) if np.isfinite(apart).any() else float("nan")


def _last_day(values: Floats, day: int) -> Floats:
    """The newest known value of each slot of the day, oldest first."""
    whole = values[len(values) % day :].reshape(-1, day)
    found = whole[-1].copy()
    for earlier in whole[::-1]:
        found = np.where(np.isnan(found), earlier, found)
    return np.asarray(found)


def plan_scores(
    made: Forecaster, known: Series, came: Floats, sizing: Sizing, protocol: Protocol, plain: Floats | None = None
) -> dict[str, Score]:
    """Scores of all ways of planning from one origin.

    Args:
        made: fitted to `known`.
        plain: yesterday's values, for plans that need no forecaster; None without these.
    """
    finite = known.values[np.isfinite(known.values)]
    before = sizing.running(finite[-1:])
    needed = sizing.running(came)[None]
    found = {"daily": score_slots(needed, _daily(made, before, sizing, protocol), before)}
    if plain is not None:
        week = known.values[-7 * max(DAY // known.interval, 1) :]
        held = np.full(protocol.slots, np.nanmax(week) if np.isfinite(week).any() else finite[-1])
        ways = {"static_max_of_last_week": held, "yesterday": plain, "yesterday_plus_20_percent": plain * 1.2}
        found |= {name: score(needed, sizing.instances(way)[None], before) for name, way in ways.items()}
    if protocol.replan:
        found["hourly"] = score_slots(needed, _hourly(made, known, came, sizing, protocol), before)
    return found


def _level(made: Forecaster, target: float, ahead: int, sizing: Sizing) -> float:
    past = made.past(LADDER)
    if past is None:
        return target
    happened = past.happened[:, :ahead]
    curve = trade_off(past.bounds[:, :ahead], LADDER, happened, past.before, sizing)
    return level_for(target, curve, evidence(happened, past.before, past.origins, past.day, sizing))[0]


def _daily(made: Forecaster, before: Floats, sizing: Sizing, protocol: Protocol) -> Floats:
    level = _level(made, protocol.daily_target, protocol.slots, sizing)
    forecast = made.quantiles(tuple(sorted({0.5, level})))
    upper, expected = sizing.share(forecast.level(level)), sizing.running_share(forecast.level(0.5))
    return slot_reservations(upper[None], expected[None], before)


def _hourly(made: Forecaster, known: Series, came: Floats, sizing: Sizing, protocol: Protocol) -> Floats:
    level = _level(made, protocol.hourly_target, 1, sizing)
    levels = tuple(sorted({0.5, level}))
    planned, values = np.empty((1, len(came))), known.values
    for slot in range(len(came)):
        if slot:
            values = np.append(values, came[slot - 1])
            made.update(replace(known, values=values))
        running = sizing.running(values[np.isfinite(values)][-1:])
        upper = sizing.share(made.quantiles(levels).level(level)[:1])
        planned[0, slot] = slot_reservations(upper[None], upper[None], running)[0, 0]
    return planned
