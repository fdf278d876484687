# SPDX-License-Identifier: GPL-3.0-or-later
"""Seasons taken off by robust STL, the rest forecast by ARIMA, and yesterday's season put back."""

from __future__ import annotations

from typing import Any

import numpy as np
from statsmodels.tsa.arima.model import ARIMA
from statsmodels.tsa.seasonal import STL

from .base import Floats, History, Integers, filled

_ORDER = (2, 0, 1)


class StlArima:
    """STL by day, decomposed anew for every day of origins.

    With four weeks of values a season of a week takes up each week's chance; weekdays are left to other models.
    Honest at past origins but for ARIMA's four parameters, which were found on all values.
    """

    name = "stl_arima"

    def __init__(self) -> None:
        self._history: History | None = None
        self._parameters: Floats = np.empty(0)

    def shortest(self, history: History) -> int:
        """Four days: STL needs two periods of a day before the first origin."""
        return 4 * history.day

    def fit(self, history: History) -> None:
        """Finds ARIMA's parameters on the values without season."""
        self._history = history
        rest, _season = _decompose(filled(history), history.day)
        self._parameters = np.asarray(ARIMA(rest, order=_ORDER, trend="c").fit().params)

    def update(self, history: History) -> None:
        """Keeps the parameters."""
        self._history = history

    def rolling(self, origins: Integers, horizon: int) -> Floats:
        """See `PointModel`."""
        history = self._history
        if history is None:
            raise RuntimeError("rolling() before fit()")
        out = np.full((len(origins), horizon), np.nan)
        blocks = (len(history) - origins) // history.day
        for block in np.unique(blocks):
            rows = np.flatnonzero(blocks == block)
            known = int(origins[rows[0]])
            if known < 2 * history.day:
                continue
            # The season of a day of origins is what the first of them knew; gaps are closed by earlier values only.
            past = filled(history.before(int(origins[rows[-1]])))
            _rest, season = _decompose(past[:known], history.day)
            extended = _extend(season, int(origins[rows[-1]]) - known + horizon, history.day)
            model = ARIMA(past - extended[: len(past)], order=_ORDER, trend="c").filter(self._parameters)
            for row in rows:
                origin = int(origins[row])
                path = self._ahead(model, origin, horizon)
                out[row] = path + extended[origin : origin + horizon]
        return out

    @staticmethod
    def _ahead(model: Any, origin: int, horizon: int) -> Floats:
        """ARIMA's forecast by the state that its filter had before `origin`: one matrix product a slot."""
        made = model.model.ssm
        state = model.predicted_state[:, origin]
        design, transition, observed = made["design"], made["transition"], float(made["obs_intercept"].flat[-1])
        path = np.empty(horizon)
        for ahead in range(horizon):
            path[ahead] = float(design[0] @ state) + observed
            state = transition @ state
        return path


def _decompose(values: Floats, day: int) -> tuple[Floats, Floats]:
    """Values without their season of a day, and the season."""
    season = np.asarray(STL(values, period=max(day, 2), robust=True).fit().seasonal)
    return values - season, season


def _extend(season: Floats, slots: int, day: int) -> Floats:
    """The season, its last day repeated."""
    return np.concatenate([season, season[len(season) - day + np.arange(slots) % day]])
