# SPDX-License-Identifier: GPL-3.0-or-later
"""Unobserved components (statsmodels): a level that wanders, and waves of the day and the week that change slowly."""

from __future__ import annotations

from typing import Any

import numpy as np
from statsmodels.tsa.statespace.structural import UnobservedComponents as Structural

from .base import Floats, History, Integers

_DAY_WAVES, _WEEK_WAVES = 4, 3
_ITERATIONS = 30


class UnobservedComponents:
    """A Kalman filter with parameters of maximum likelihood; gaps are part of the model.

    Honest at past origins but for a handful of variances, which were found on all values.
    """

    name = "unobserved"

    def __init__(self) -> None:
        self._history: History | None = None
        self._parameters: Floats = np.empty(0)
        self._result: Any = None

    def shortest(self, history: History) -> int:
        """Three days."""
        return 3 * history.day

    def fit(self, history: History) -> None:
        """Finds the variances."""
        self._history = history
        self._result = _model(history).fit(disp=False, maxiter=_ITERATIONS)
        self._parameters = np.asarray(self._result.params)

    def update(self, history: History) -> None:
        """Filters the newer values with the same variances."""
        self._history = history
        self._result = _model(history).filter(self._parameters)

    def rolling(self, origins: Integers, horizon: int) -> Floats:
        """See `PointModel`."""
        result = self._result
        if result is None:
            raise RuntimeError("rolling() before fit()")
        made = result.model.ssm
        design, transition = made["design"][0], made["transition"]
        # Column i of the predicted states is what was known before value i.
        state = result.predicted_state[:, origins]
        out = np.empty((len(origins), horizon))
        for ahead in range(horizon):
            out[:, ahead] = design @ state
            state = transition @ state
        return out


def _model(history: History) -> Structural:
    waves = [{"period": history.day, "harmonics": min(_DAY_WAVES, history.day // 2)}] if history.day > 1 else []
    if np.isfinite(history.values).sum() >= 2 * history.week:
        waves.append({"period": history.week, "harmonics": min(_WEEK_WAVES, history.week // 2)})
    return Structural(
        history.values,
        level="local level",
        freq_seasonal=waves,
        stochastic_freq_seasonal=[True] * len(waves),
        autoregressive=1,
    )
