# SPDX-License-Identifier: GPL-3.0-or-later
"""The combination: many simple models, weighed by how they did from earlier origins.

Two ways of weighing are averaged. One gives a model the more weight the smaller its mean absolute error was lately;
the other is a robust regression (least absolute deviations, by reweighting) that starts from the first and is held
back by a ridge, and has no say where there are few days to learn from. Single models that are best on past days are
rarely best on the next one; weighted averages are.
"""

from __future__ import annotations

import numpy as np

from .base import Floats, History, Integers, PointModel, targets
from .harmonic import HarmonicRegression
from .naive import LastValue, averages, last_week, seasonal_naive
from .smoothing import SmoothingBank

_SHARPNESS = 8.0
"""A model with twice the error has 2**-8 of the weight."""
_RIDGE = 0.3
_HALF_LIFE_DAYS = 4.0
_HALF_LIFE_STACK_DAYS = 10.0
_FEW_DAYS, _ENOUGH_DAYS = 4.0, 12.0
"""The regression has no say up to the one number of days of origins, and half of it from the other on."""
_ROUNDS = 3
_FOLDS = 3
_STEPS = (1 / 24, 1 / 8, 1 / 3)
"""Up to which part of a day ahead one set of weights holds."""


class Combination:
    """See the module. `rolling` at origins of the past is honest: weights come from the days of other folds."""

    name = "combination"

    def __init__(self) -> None:
        self._bank = SmoothingBank()
        self._simple: list[PointModel] = [LastValue(), seasonal_naive(), last_week(), *averages(), HarmonicRegression()]
        self._used: list[PointModel] = []
        self._with_bank = True
        self._history: History | None = None
        self._weights: dict[tuple[int, int], Floats] = {}

    def shortest(self, history: History) -> int:
        """Three days."""
        return 3 * history.day

    def fit(self, history: History) -> None:
        """Fits all members; the weights follow with the first call of `rolling` that reaches back."""
        self._history = history
        known = int(np.isfinite(history.values).sum())
        self._used = [one for one in self._simple if known >= one.shortest(history) + history.day]
        for one in self._used:
            one.fit(history)
        self._bank.fit(history)
        self._weights = {}

    def update(self, history: History) -> None:
        """Takes newer values in and keeps the weights."""
        self._history = history
        for one in self._used:
            one.update(history)
        self._bank.update(history)

    def members(self) -> list[str]:
        """Names of what is combined."""
        return [*(one.name for one in self._used), *self._bank.members]

    def weights(self) -> dict[str, float]:
        """Mean weight of each member over the horizon, largest first."""
        if not self._weights:
            return {}
        slots = sum(last - first for first, last in self._weights)
        mean = np.sum([row * (last - first) for (first, last), row in self._weights.items()], axis=0) / slots
        order = np.argsort(-np.abs(mean))
        names = self.members()
        return {names[at]: float(mean[at]) for at in order}

    def _forecasts(self, origins: Integers, horizon: int) -> Floats:
        each = [one.rolling(origins, horizon)[None] for one in self._used]
        return np.concatenate([*each, self._bank.rolling(origins, horizon)])

    def rolling(self, origins: Integers, horizon: int) -> Floats:
        """See `PointModel`."""
        history = self._history
        if history is None:
            raise RuntimeError("rolling() before fit()")
        forecasts = self._forecasts(origins, horizon)
        past = origins < len(history)
        if past.any():
            happened = targets(history, origins, horizon)
            out = self._honest(forecasts, happened, origins, history)
            self._weights = {
                steps: _weights(forecasts[:, :, slice(*steps)], happened[:, slice(*steps)], origins, history.day)
                for steps in _buckets(history.day, horizon)
            }
        else:
            out = np.empty((len(origins), horizon))
        now = ~past
        for (first, last), weights in self._weights.items():
            out[now, first:last] = np.tensordot(weights, forecasts[:, now, first:last], 1)
        return out

    def _honest(self, forecasts: Floats, happened: Floats, origins: Integers, history: History) -> Floats:
        """The combination at past origins, with weights from the other folds of days."""
        horizon = forecasts.shape[2]
        out = np.empty(forecasts.shape[1:])
        fold = ((len(history) - origins) // history.day) % _FOLDS
        for one in range(_FOLDS):
            here = fold == one
            if not here.any():
                continue
            others = ~here if (~here).any() else here
            for first, last in _buckets(history.day, horizon):
                weights = _weights(
                    forecasts[:, others, first:last], happened[others, first:last], origins[others], history.day
                )
                out[here, first:last] = np.tensordot(weights, forecasts[:, here, first:last], 1)
        return out


def _buckets(day: int, horizon: int) -> list[tuple[int, int]]:
    ends = sorted({min(max(round(day * step), 1), horizon) for step in _STEPS} | {horizon})
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _weights(forecasts: Floats, happened: Floats, origins: Integers, day: int) -> Floats:
    """Weights of (members) that sum to 1, from (members, origins, steps) against what happened."""
    count = len(forecasts)
    rows = forecasts.reshape(count, -1).T
    truth = happened.ravel()
    age = np.repeat(origins.max() - origins, happened.shape[1]) / day
    good = np.isfinite(truth) & np.isfinite(rows).all(axis=1)
    if good.sum() < 2:
        return np.full(count, 1 / count)
    rows, truth, age = rows[good], truth[good], age[good]
    recent = 0.5 ** (age / _HALF_LIFE_DAYS)
    errors = (recent @ np.abs(truth[:, None] - rows)) / recent.sum() + 1e-12
    first = (errors / errors.min()) ** -_SHARPNESS
    first /= first.sum()
    base = rows @ first
    apart, missing = rows - base[:, None], truth - base
    usual = float(np.mean(np.abs(missing))) + 1e-12
    recent = 0.5 ** (age / _HALF_LIFE_STACK_DAYS)
    change = np.zeros(count)
    for _round in range(_ROUNDS):
        weight = recent * usual / np.maximum(np.abs(missing - apart @ change), 0.3 * usual)
        square = (apart * weight[:, None]).T @ apart
        held = _RIDGE * np.trace(square) / count + 1e-12
        change = np.linalg.solve(square + held * np.eye(count), (apart * weight[:, None]).T @ missing)
    # `apart` is relative to the base, so the change leaves the sum of weights at 1 once the base gives it back.
    second = first + change - change.sum() * first
    days = float(age.max() - age.min())
    say = 0.5 * min(max((days - _FEW_DAYS) / (_ENOUGH_DAYS - _FEW_DAYS), 0.0), 1.0)
    return np.asarray(first + say * (second - first))
