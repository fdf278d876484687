# SPDX-License-Identifier: GPL-3.0-or-later
"""Dynamic harmonic regression: waves of the day and the week, and errors that fade (autoregressive)."""

from __future__ import annotations

import numpy as np

from .base import Floats, History, Integers

_DAY_WAVES = 8
_WEEK_WAVES = 20
_HALF_LIFE_WEEKS = 2.0


class HarmonicRegression:
    """Least squares on sines and cosines with more weight on recent weeks, fitted anew for every day of origins.

    A little ridge keeps short histories stable. The error follows what it was one and two slots and one day ago.
    """

    name = "harmonic"

    def __init__(self) -> None:
        self._history: History | None = None

    def shortest(self, history: History) -> int:
        """Three days."""
        return 3 * history.day

    def fit(self, history: History) -> None:
        """Keeps the values; coefficients belong to origins."""
        self._history = history

    update = fit

    def rolling(self, origins: Integers, horizon: int) -> Floats:
        """See `PointModel`."""
        history = self._history
        if history is None:
            raise RuntimeError("rolling() before fit()")
        waves, ridge = _waves(history, len(history) + horizon)
        out = np.full((len(origins), horizon), np.nan)
        blocks = (len(history) - origins) // history.day
        for block in np.unique(blocks):
            rows = np.flatnonzero(blocks == block)
            # One fit for the origins of a day, by what the first of them knew.
            known = int(origins[rows[0]])
            if np.isfinite(history.values[:known]).sum() < history.day:
                continue
            out[rows] = _block(history, waves, ridge, known, origins[rows], horizon)
        return out


def _waves(history: History, length: int) -> tuple[Floats, Floats]:
    """Regressors (slots, waves) and how strongly each is held back."""
    angle = 2 * np.pi * history.phase[:length, None]
    of_day = np.arange(1, min(_DAY_WAVES, (history.day - 1) // 2) + 1)
    of_week = np.arange(1, min(_WEEK_WAVES, (history.week - 1) // 2) + 1)
    of_week = of_week[of_week % 7 != 0]
    day, week = angle * of_day / history.day, angle * of_week / history.week
    columns = [np.ones((length, 1)), np.sin(day), np.cos(day), np.sin(week), np.cos(week)]
    held = [np.zeros(1), 0.1 * of_day, 0.1 * of_day, 0.5 * (1 + of_week / 7), 0.5 * (1 + of_week / 7)]
    return np.concatenate(columns, axis=1), np.concatenate(held) + 1e-6


def _block(history: History, waves: Floats, ridge: Floats, known: int, origins: Integers, horizon: int) -> Floats:
    values = history.values
    seen = np.isfinite(values)
    past = waves[:known]
    weight = 0.5 ** ((known - 1 - np.arange(known)) / (_HALF_LIFE_WEEKS * history.week)) * seen[:known]
    weighted = past * weight[:, None]
    wave = np.linalg.solve(weighted.T @ past + np.diag(ridge), weighted.T @ np.where(seen, values, 0.0)[:known])
    error = np.where(seen, values - waves[: len(values)] @ wave, 0.0)
    lags = sorted({1, 2, history.day} if history.day > 2 else {1})
    fading = _autoregression(error[:known], lags)
    longest = lags[-1]
    # Errors before each origin, then the ones that follow from them.
    before = origins[:, None] - longest + np.arange(longest)
    path = np.concatenate([error[np.maximum(before, 0)] * (before >= 0), np.zeros((len(origins), horizon))], axis=1)
    for ahead in range(horizon):
        at = longest + ahead
        path[:, at] = path[:, [at - lag for lag in lags]] @ fading
    return np.asarray(waves[origins[:, None] + np.arange(horizon)] @ wave + path[:, longest:])


def _autoregression(error: Floats, lags: list[int]) -> Floats:
    """Coefficients of the error on its own past, by least squares; none if they would let errors grow."""
    longest = lags[-1]
    if len(error) <= 2 * longest:
        return np.zeros(len(lags))
    past = np.stack([error[longest - lag : len(error) - lag] for lag in lags], axis=1)
    tiny = 1e-6 * float(error @ error) + 1e-9
    found = np.linalg.solve(past.T @ past + tiny * np.eye(len(lags)), past.T @ error[longest:])
    size = float(np.abs(found).sum())
    return np.asarray(found if size < 1 else found * 0.99 / size)
