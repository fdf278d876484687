# SPDX-License-Identifier: GPL-3.0-or-later
"""What the LSTM sees of a series: every number relative to how large the series was lately, none from the future."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .base import Floats, History, Integers

Small = NDArray[np.float32]

CALENDAR = 8
INPUTS = 4 + CALENDAR
CANDIDATES = 4
AHEAD = 2
_FURTHEST = 20.0
"""Nothing is further from zero than so many times the usual value."""
_FLOOR = 0.05


@dataclass(frozen=True)
class Seen:
    """A history as the network sees it.

    Attributes:
        values: one a slot, gaps closed by earlier values.
        scale: mean size of the values of the week up to each slot, that slot included; above 0.
        inputs: what the network reads at each slot (slots, INPUTS).
        calendar: day and week by slot, also of slots to come (slots and more, CALENDAR).
        day, week: slots in each.
    """

    values: Floats
    scale: Floats
    inputs: Small
    calendar: Small
    day: int
    week: int

    @classmethod
    def of(cls, history: History) -> Seen:
        """Everything that depends on the slot alone."""
        known = np.isfinite(history.values)
        values = _closed(history)
        scale = _scale(values, history.week)
        calendar = _calendar(history)
        count = len(values)
        before = [
            np.concatenate([values[:1].repeat(min(lag, count)), values])[:count] for lag in (history.day, history.week)
        ]
        numbers = [np.arcsinh(values / scale), *((values - one) / scale for one in before), known.astype(float)]
        inputs = np.concatenate([np.clip(np.stack(numbers, 1), -_FURTHEST, _FURTHEST), calendar[:count]], 1)
        return cls(values, scale, inputs.astype(np.float32), calendar, history.day, history.week)

    def candidates(self, origins: Integers, ahead: Integers) -> Floats:
        """Simple forecasts of slot `origins + ahead`, relative to the scale before the origin: (..., CANDIDATES).

        Yesterday's value, last week's, the mean of four days and the newest value. What reaches beyond the first value
        is replaced by the one named before it (yesterday by the newest).

        Args:
            origins, ahead: of one shape; origins from 1 on, `ahead` counts from 0.
        """
        newest = self.values[origins - 1]
        days = np.stack([self._earlier(origins, ahead, self.day, back) for back in range(4)])
        yesterday = np.where(np.isnan(days[0]), newest, days[0])
        week = self._earlier(origins, ahead, self.week, 0)
        week = np.where(np.isnan(week), yesterday, week)
        mean = np.where(np.isnan(days), yesterday, days).mean(axis=0)
        found = np.stack([yesterday, week, mean, newest], axis=-1) / self.scale[origins - 1][..., None]
        return np.asarray(np.clip(found, -_FURTHEST, _FURTHEST))

    def _earlier(self, origins: Integers, ahead: Integers, lag: int, periods: int) -> Floats:
        at = origins + ahead - lag * (1 + ahead // lag + periods)
        return np.where(at >= 0, self.values[np.maximum(at, 0)], np.nan)

    def distance(self, ahead: Integers) -> Floats:
        """How far ahead, in two forms: (..., AHEAD)."""
        return np.stack([np.minimum((ahead + 1) / self.day, 3.0), 1 / (ahead + 1)], axis=-1)


def _closed(history: History) -> Floats:
    """Gaps closed by the same slot of last week or yesterday, else by the newest value, else by 0."""
    values = history.values.copy()
    for at in np.flatnonzero(np.isnan(values)):
        for lag in (history.week, history.day, 1):
            if at >= lag and not np.isnan(values[at - lag]):
                values[at] = values[at - lag]
                break
        else:
            values[at] = 0.0
    return values


def _scale(values: Floats, week: int) -> Floats:
    total = np.concatenate([[0.0], np.cumsum(np.abs(values))])
    end = np.arange(1, len(values) + 1)
    begin = np.maximum(end - week, 0)
    lately = (total[end] - total[begin]) / (end - begin)
    return np.asarray(np.maximum(lately, 0) + _FLOOR * total[end] / end + 1e-12)


def _calendar(history: History) -> Small:
    of_week = 2 * np.pi * history.phase / history.week
    of_day = 2 * np.pi * (history.phase % history.day) / history.day
    waves = [wave(turn * times) for turn in (of_day, of_week) for times in (1, 2) for wave in (np.sin, np.cos)]
    return np.stack(waves, axis=1).astype(np.float32)
