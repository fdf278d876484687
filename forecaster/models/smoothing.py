# SPDX-License-Identifier: GPL-3.0-or-later
"""A bank of exponential smoothings: level, time of day and time of week, with many speeds of learning at once.

Each member is Taylor's double seasonal smoothing with an adjustment for the last error ("Short-term electricity demand
forecasting using double seasonal exponential smoothing", 2003), on the values or on their logarithms. Its errors are
cut at a few times their usual size, so that one shock does not move what has been learned. No parameter is searched:
`combination` weighs the members by how they did.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .base import Floats, History, Integers, filled

_CUT = 4.0
"""An error counts as at most that many usual errors."""
_LEVELS = (0.0, 0.01, 0.05)
_SEASONS = ((0.3, 0.0), (0.05, 0.3), (0.15, 0.2))
_FADES = (0.5, 0.95)
GRID: Floats = np.array([(level, *season, fade) for level in _LEVELS for season in _SEASONS for fade in _FADES])
"""Speeds of level, time of day and time of week per error, and what is left of an error a slot later."""


@dataclass
class _State:
    """Where every member stands after a number of values."""

    seen: int
    level: Floats
    day: Floats
    week: Floats
    error: Floats
    usual: Floats

    def copy(self) -> _State:
        return _State(
            self.seen, self.level.copy(), self.day.copy(), self.week.copy(), self.error.copy(), self.usual.copy()
        )


class SmoothingBank:
    """All members at once; `rolling` gives (members, origins, horizon)."""

    def __init__(self, grid: Floats = GRID) -> None:
        self._grid = grid
        self._history: History | None = None
        self._log_offset: float | None = None
        self._ceiling = np.inf
        self._latest: _State | None = None

    @property
    def members(self) -> list[str]:
        """What each row of `rolling` is."""
        names = [f"smoothing({', '.join(f'{one:g}' for one in row)})" for row in self._grid]
        return names if self._log_offset is None else [*names, *(f"log {name}" for name in names)]

    @staticmethod
    def shortest(history: History) -> int:
        """Three days."""
        return 3 * history.day

    def fit(self, history: History) -> None:
        """Sets the scale of logarithms; the rest is learned value by value."""
        known = history.values[~np.isnan(history.values)]
        mean = float(np.mean(known))
        self._log_offset = 0.05 * mean if history.non_negative and known.min() >= 0 and mean > 0 else None
        self._ceiling = 3.0 * float(known.max())
        self._history = history
        self._latest = None

    def update(self, history: History) -> None:
        """Takes the newer values from where it stood."""
        if self._latest is not None and self._history is not None:
            self._history = history
            self._run(self._latest, len(history))
        else:
            self.fit(history)

    def _rows(self, values: Floats) -> Floats:
        """The values as each member sees them: (members, ...)."""
        plain = np.broadcast_to(values, (len(self._grid), *values.shape))
        if self._log_offset is None:
            return plain
        logs = np.log(np.maximum(values, 0) + self._log_offset)
        return np.concatenate([plain, np.broadcast_to(logs, plain.shape)])

    def _speeds(self) -> Floats:
        return self._grid.T if self._log_offset is None else np.concatenate([self._grid, self._grid]).T

    def _begin(self, history: History, known: int) -> _State:
        """Learns first profiles from the first `known` values, at most two weeks of them."""
        first = min(max(known, 2 * history.day), len(history), 2 * history.week)
        day, week = history.day, history.week
        values = self._rows(filled(history)[:first])
        of_day, of_week = history.phase[:first] % day, history.phase[:first]
        profile = np.zeros((len(values), day))
        for slot in np.unique(of_day):
            profile[:, slot] = np.median(values[:, of_day == slot], axis=1)
        level = profile.mean(axis=1)
        rest = values - profile[:, of_day]
        seasonal = np.zeros((len(values), week))
        if first >= week:
            learns = self._speeds()[2] > 0
            sums = np.zeros((week, len(values)))
            np.add.at(sums, of_week, rest.T)
            counts = np.maximum(np.bincount(of_week, minlength=week), 1)
            seasonal = 0.5 * (sums.T / counts) * learns[:, None]
        usual = 1.4826 * np.median(np.abs(rest - np.median(rest, axis=1, keepdims=True)), axis=1) + 1e-9
        return _State(0, level, profile - level[:, None], seasonal, np.zeros(len(values)), usual)

    def _run(self, state: _State, until: int) -> None:
        """Moves `state` on to the first `until` values."""
        history = self._history
        if history is None or until <= state.seen:
            return
        to_level, to_day, to_week, fade = self._speeds()
        rows = self._rows(history.values[state.seen : until])
        for at in range(until - state.seen):
            value = rows[:, at]
            if np.isnan(value[0]):
                state.error = fade * state.error
                continue
            week = history.phase[state.seen + at]
            day = week % history.day
            surprise = value - (state.level + state.day[:, day] + state.week[:, week]) - fade * state.error
            cut = np.clip(surprise, -_CUT * state.usual, _CUT * state.usual)
            state.usual = 0.98 * state.usual + 0.024 * np.minimum(np.abs(surprise), 6 * state.usual)
            state.level = state.level + to_level * cut
            state.day[:, day] += to_day * cut
            state.week[:, week] += to_week * cut
            left = value - (state.level + state.day[:, day] + state.week[:, week])
            state.error = np.clip(left, -3 * _CUT * state.usual, 3 * _CUT * state.usual)
        state.seen = until

    def rolling(self, origins: Integers, horizon: int) -> Floats:
        """Forecasts of every member from each origin, in ascending order: (members, origins, horizon)."""
        history = self._history
        if history is None:
            raise RuntimeError("rolling() before fit()")
        latest = self._latest
        only_now = latest is not None and len(origins) > 0 and origins[0] >= latest.seen
        # What origins of the past begin with must not know what came after them: their errors would flatter.
        state = latest.copy() if latest is not None and only_now else self._begin(history, int(origins[0]))
        fade = self._speeds()[3]
        fades = fade[:, None] ** np.arange(1, horizon + 1)
        out = np.empty((len(fade), len(origins), horizon))
        little = not only_now and origins[0] < 2 * history.week
        for row, origin in enumerate(origins):
            if little and origin == len(history):
                # The past began with less than two weeks. Now begins with all that there is, which is better.
                state = self._begin(history, len(history))
            self._run(state, int(origin))
            week = history.phase[origin : origin + horizon]
            ahead = state.day[:, week % history.day] + state.week[:, week]
            out[:, row] = state.level[:, None] + ahead + fades * state.error[:, None]
        if state.seen == len(history):
            self._latest = state
        if self._log_offset is not None:
            logs = out[len(self._grid) :]
            np.exp(np.minimum(logs, np.log(self._ceiling + self._log_offset)), out=logs)
            logs -= self._log_offset
        return out
