# SPDX-License-Identifier: GPL-3.0-or-later
"""One series in, calibrated quantiles of its future out; what `plan`, `quantiles` and `backtest` have in common."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from ..plugins.module_utils.model.errors import InvalidInput, ShadownetError
from .calibration import Calibrated, calibrate
from .models.base import Bools, Floats, History, Integers, PointModel, targets
from .models.registry import FAST, NAIVE, make_model
from .series import Series
from .series_points import LARGEST
from .short_history import Simple, simple_forecast

LEVELS = (0.5, 0.9, 0.95, 0.99)
_MOST_ORIGINS = 204
_WARM_UP_DAYS = 11
_PREFERENCE = 0.05
"""Another model takes the place of the first only if its loss is that much lower: small margins are chance."""
_FEWEST_DAYS = 3
_FEWEST_TO_JUDGE = 100
"""From so many values on one can tell a shock from what is usual."""
_SHOCK = 5.0
"""A value so many times further from the middle than all but one in a hundred counts as a shock."""
_LASTING = 3
"""So many values far out, one after the other up to the newest, are a new level."""
_FEWEST_TRIED = 7
"""With fewer values (or less than a day of them) after the first origin there is no backtest."""


class TooLittle(ShadownetError):
    """Nothing is known of the series before the origin: no forecast can be made."""


@dataclass
class Forecast:
    """Quantiles of the slots after the last one of a series.

    Attributes:
        start: beginning of the first slot ahead.
        interval: seconds of a slot.
        levels: probabilities, ascending.
        values: (slots, levels).
        model: the one that was chosen.
        losses: pinball loss of each model in the backtest, relative to the naive's.
        reasons: why anything is not as usual, for a person.
        members: what a combination is made of, largest weight first.
        backtest_days: days of origins that the bounds come from; 0 if there was no backtest.
    """

    start: datetime
    interval: int
    levels: tuple[float, ...]
    values: Floats
    model: str
    losses: dict[str, float] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    members: dict[str, float] = field(default_factory=dict)
    backtest_days: float = 0.0

    @property
    def times(self) -> list[datetime]:
        """Beginning of each slot."""
        return [self.start + timedelta(seconds=self.interval * step) for step in range(len(self.values))]

    @property
    def margin(self) -> float | None:
        """By what share the chosen model's loss is below the naive's; None without a backtest."""
        return 1 - self.losses[self.model] if self.model in self.losses else None

    def level(self, level: float) -> Floats:
        """One quantile of every slot."""
        return np.asarray(self.values[:, self.levels.index(level)])


@dataclass(frozen=True)
class Past:
    """Quantiles as they would have been given at past origins, and what came.

    Attributes:
        bounds: (origins, slots ahead, levels).
        happened: (origins, slots ahead), NaN where not known.
        before: the value before each origin.
        day: slots of a day.
    """

    levels: tuple[float, ...]
    origins: Integers
    bounds: Floats
    happened: Floats
    before: Floats
    day: int


class Forecaster:
    """A model with its calibration for one series: fitted once, updated with newer values, asked for quantiles."""

    def __init__(self, models: tuple[str, ...] = FAST, learned: Mapping[str, Any] | None = None) -> None:
        self._names = models
        self._learned = learned
        self._model: PointModel | None = None
        self._calibrated: Calibrated | None = None
        self._series: Series | None = None
        self._first = 0
        self._horizon = 0
        self._unit = 1.0
        self._history: History | None = None
        self._origins: Integers = np.empty(0, np.int64)
        self._simple: Simple | None = None
        self._made: dict[str, float] = {}
        self.reasons: list[str] = []

    def fit(self, series: Series, horizon: int) -> None:
        """Chooses the model by backtest and learns its errors.

        Raises:
            TooLittle: `series` has no known value.
        """
        self._series, self._horizon = series, horizon
        self._model, self._calibrated, self._simple, self._made, self.reasons = None, None, None, {}, []
        history = _bounded(History.of(series, horizon), self.reasons)
        self._unit = _unit_of(history)
        history = replace(history, values=history.values / self._unit)
        self._first = len(series) - len(history)
        known = history.values[np.isfinite(history.values)]
        if not len(known):
            raise TooLittle("there is no value before the origin.", fix="Give at least one; a week makes forecasts.")
        days = len(known) / history.day
        if known.min() == known.max() and len(known) > 1:
            self.reasons.append(f"constant at {known[0] * self._unit:g}: the same is expected")
            self._simple = Simple(known, None, "constant")
        elif days < _FEWEST_DAYS or len(history) < (_FEWEST_DAYS + 1) * history.day:
            self._simple = simple_forecast(history, horizon)
            self.reasons.append(f"short history ({days:.1f} days, {_FEWEST_DAYS + 1} needed): {self._simple.told}")
        else:
            self._choose(history, days)

    def _choose(self, history: History, days: float) -> None:
        if days < 14:
            self.reasons.append(f"only {days:.1f} days of values: weekly patterns count little")
        origins = backtest_origins(history)
        if np.isfinite(history.values[origins[0] :]).sum() < max(history.day, _FEWEST_TRIED):
            # No errors, no bounds: after a long gap a backtest would state forecasts that are never wrong.
            self._simple = simple_forecast(history, self._horizon)
            self.reasons.append(f"too few values after the first ones to try models on: {self._simple.told}")
            return
        self._history, self._origins = history, origins
        best: tuple[float, PointModel, Calibrated] | None = None
        losses: dict[str, float] = {}
        for name in dict.fromkeys([*self._names, NAIVE]):
            model = make_model(name, self._learned)
            if np.isfinite(history.values).sum() < model.shortest(history) + history.day:
                self.reasons.append(f"{name} needs a longer history")
                continue
            try:
                found = _try(model, history, origins, self._horizon)
            except (ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
                self.reasons.append(f"{name} failed: {error}")
                continue
            loss = losses[name] = found.loss
            handicap = 1.0 if best is None else 1 - _PREFERENCE
            if name in self._names and (best is None or loss < handicap * best[0]):
                best = (loss, model, found)
        if best is None:
            self.reasons.append("no model could be used")
            self._simple = simple_forecast(history, self._horizon)
            return
        naive = losses.get(NAIVE, 0.0)
        self._made = {name: loss / naive for name, loss in losses.items()} if naive > 0 else {}
        _loss, self._model, self._calibrated = best

    def update(self, series: Series) -> None:
        """Takes in newer values of the same series without learning parameters or choosing anew.

        Raises:
            InvalidInput: `series` begins elsewhere than the one that was fitted, or is shorter.
        """
        old = self._series
        if old is None or (series.start, series.interval) != (old.start, old.interval) or len(series) < len(old):
            raise InvalidInput("not a continuation of the fitted series.", parameter="series")
        self._series = series
        if self._model is None or self._calibrated is None:
            self.fit(series, self._horizon)
            return
        rest = replace(
            series,
            start=series.start + timedelta(seconds=self._first * series.interval),
            values=series.values[self._first :],
        )
        history = _bounded(History.of(rest, self._horizon, longest=10**12), [])
        history = replace(history, values=history.values / self._unit)
        self._model.update(history)
        now = np.array([len(history)])
        self._calibrated = self._calibrated.moved(history, self._model.rolling(now, self._horizon)[0])

    def quantiles(self, levels: tuple[float, ...] = LEVELS, shift: float = 0.0) -> Forecast:
        """The quantiles of the slots after the last value. `shift` is added to levels above the middle."""
        series = self._series
        if series is None:
            raise RuntimeError("quantiles() before fit()")
        wanted = np.array(levels)
        members: dict[str, float] = {}
        if self._simple is not None:
            values, model, days = self._simple.bounds(wanted, self._horizon), self._simple.name, 0.0
            values = np.maximum(values, 0.0) if series.non_negative else values
        elif self._model is not None and self._calibrated is not None:
            values, model = self._calibrated.bounds(wanted, shift), self._model.name
            days = self._calibrated.days
            weights = getattr(self._model, "weights", None)
            members = dict(list(weights().items())[:8]) if weights else {}
        else:
            raise RuntimeError("quantiles() before fit()")
        return Forecast(
            series.end,
            series.interval,
            levels,
            values * self._unit,
            model,
            dict(self._made),
            list(self.reasons),
            members,
            days,
        )

    def past(self, levels: tuple[float, ...], shift: float = 0.0) -> Past | None:
        """What the chosen model would have said from past origins; None where there was no backtest."""
        if self._calibrated is None or self._history is None:
            return None
        origins = self._origins[:-1]
        bounds = self._calibrated.past_bounds(np.array(levels), shift)
        bounds = np.maximum(bounds, 0.0) if self._history.non_negative else bounds
        happened = targets(self._history, origins, self._horizon)
        before = np.array([_newest(self._history.values[:origin]) for origin in origins])
        return Past(levels, origins, bounds * self._unit, happened * self._unit, before * self._unit, self._history.day)


def _newest(values: Floats) -> float:
    known = values[-48:][np.isfinite(values[-48:])]
    return float(known[-1]) if len(known) else float("nan")


def backtest_origins(history: History) -> Integers:
    """From where forecasts are made to learn from: past ones, at most about 200, and now.

    Where they are several slots apart, those of each day are a slot further, so that all times of day are met.
    """
    length = len(history)
    first = min(_WARM_UP_DAYS * history.day, max(2 * length // 5, 2 * history.day))
    step = max(-(-(length - first) // _MOST_ORIGINS), 1)
    back = np.arange(step, length - first + 1, step)
    back = back - (back // history.day) % step
    past = length - back[::-1]
    return np.append(past, length).astype(np.int64)


def _try(model: PointModel, history: History, origins: Integers, horizon: int) -> Calibrated:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        model.fit(history)
        forecasts = model.rolling(origins, horizon)
        if not np.isfinite(forecasts[-1]).all():
            raise ValueError("its forecast is not finite")
        found = calibrate(history, origins, forecasts)
        if not np.isfinite(found.loss):
            raise ValueError("its errors are not finite")
        return found


def _bounded(history: History, reasons: list[str]) -> History:
    """Without impossible values, and with one-off shocks cut to what is left of them when they are outvoted."""
    values = history.values
    wrong = ~np.isfinite(values) & ~np.isnan(values)
    if history.non_negative:
        wrong |= values < 0
    wrong |= np.abs(values) > LARGEST
    if wrong.any():
        reasons.append(f"{int(wrong.sum())} impossible values (negative, infinite or beyond {LARGEST:g}) count as gaps")
        values = np.where(wrong, np.nan, values)
    known = values[np.isfinite(values)]
    if len(known) >= _FEWEST_TO_JUDGE:
        low, middle, high = np.quantile(known, (0.01, 0.5, 0.99))
        most = high + _SHOCK * (high - middle)
        least = low - _SHOCK * (middle - low)
        shocks = _once(history, (values > most) | (values < least))
        if shocks.any():
            reasons.append(f"{int(shocks.sum())} values beyond {least:.4g} to {most:.4g} count as that much: shocks")
            values = np.where(shocks, np.clip(values, least, most), values)
    return replace(history, values=values)


def _once(history: History, far: Bools) -> Bools:
    """Which of the values that are far out are shocks: not those that came at the same time a day or a week earlier or
    later too (a job that runs once a week), nor a level that lasts until now."""
    again = np.zeros_like(far)
    for lag in (history.day, history.week):
        if lag > 1:
            again[lag:] |= far[:-lag]
            again[:-lag] |= far[lag:]
    known = np.flatnonzero(np.isfinite(history.values))
    usual = known[~far[known]]
    newest = known[known > usual[-1]] if len(usual) else known
    if len(newest) >= _LASTING:
        again[newest] = True
    return np.asarray(far & ~again)


def _unit_of(history: History) -> float:
    """A usual value, by which the series is divided: models then meet numbers around 1."""
    known = np.abs(history.values[np.isfinite(history.values)])
    known = known[known > 0]
    return float(np.median(known)) if len(known) else 1.0
