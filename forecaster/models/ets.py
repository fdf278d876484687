# SPDX-License-Identifier: GPL-3.0-or-later
"""Exponential smoothing with parameters of maximum likelihood (statsmodels' ETSModel): level and time of day."""

from __future__ import annotations

import numpy as np
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from .base import Floats, History, Integers, filled


class Ets:
    """ETS(A, N, A), on logarithms where values are positive. Parameters are found once; states move with the values.

    Honest at past origins but for the two speeds, which were found on all values.
    """

    name = "ets"

    def __init__(self) -> None:
        self._history: History | None = None
        self._offset: float | None = None
        self._ceiling = np.inf
        self._speeds = (0.0, 0.0)
        self._start: tuple[float, Floats] = (0.0, np.zeros(1))

    def shortest(self, history: History) -> int:
        """Three days."""
        return 3 * history.day

    def fit(self, history: History) -> None:
        """Finds speeds and first states."""
        self._history = history
        values = filled(history)
        mean = float(values.mean())
        self._offset = 0.05 * mean if history.non_negative and values.min() >= 0 and mean > 0 else None
        self._ceiling = 3 * float(values.max())
        made = ETSModel(self._see(values), error="add", seasonal="add", seasonal_periods=history.day)
        found = made.fit(disp=False, maxiter=100)
        names = dict(zip(made.param_names, found.params, strict=True))
        self._speeds = (float(names["smoothing_level"]), float(names["smoothing_seasonal"]))
        self._start = (float(found.initial_level), np.asarray(found.initial_seasonal, float))

    def update(self, history: History) -> None:
        """Keeps the speeds."""
        self._history = history

    def _see(self, values: Floats) -> Floats:
        return values if self._offset is None else np.log(np.maximum(values, 0) + self._offset)

    def rolling(self, origins: Integers, horizon: int) -> Floats:
        """See `PointModel`."""
        history = self._history
        if history is None:
            raise RuntimeError("rolling() before fit()")
        day = history.day
        level, seasonal = self._start[0], self._start[1].copy()
        to_level, to_seasonal = self._speeds
        values = self._see(history.values)
        out = np.empty((len(origins), horizon))
        rows = {int(origin): row for row, origin in enumerate(origins)}
        for at in range(len(values) + 1):
            if at in rows:
                out[rows[at]] = level + seasonal[(at + np.arange(horizon)) % day]
            if at == len(values) or np.isnan(values[at]):
                continue
            error = values[at] - level - seasonal[at % day]
            level += to_level * error
            seasonal[at % day] += to_seasonal * error
        if self._offset is not None:
            out = np.exp(np.minimum(out, np.log(self._ceiling + self._offset))) - self._offset
        return out
