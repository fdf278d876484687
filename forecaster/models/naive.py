# SPDX-License-Identifier: GPL-3.0-or-later
"""Models without parameters: the same slot of earlier days or weeks."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from .base import Floats, History, Integers, filled

Summary = Callable[[Floats], Floats]


def _mean(stack: Floats) -> Floats:
    return np.asarray(np.nanmean(stack, axis=0))


def _median(stack: Floats) -> Floats:
    return np.asarray(np.nanmedian(stack, axis=0))


class Repeat:
    """The mean or median of the same slot in the last `count` periods, as far back as the history reaches."""

    def __init__(self, name: str, period: str, count: int = 1, summary: Summary = _mean) -> None:
        self.name = name
        self._period = period
        self._count = count
        self._summary = summary
        self._values: Floats = np.empty(0)
        self._lag = self._day = 1

    def shortest(self, history: History) -> int:
        """One period."""
        return history.week if self._period == "week" else history.day

    def fit(self, history: History) -> None:
        """Keeps the values."""
        self._lag, self._day = self.shortest(history), history.day
        self._values = filled(history)

    update = fit

    def rolling(self, origins: Integers, horizon: int) -> Floats:
        """See `PointModel`. Where no whole period is known yet, the same slot of the day before counts."""
        with warnings.catch_warnings():
            # No earlier period at all is a case of its own below.
            warnings.simplefilter("ignore", RuntimeWarning)
            found = self._summary(
                np.stack([_earlier(self._values, origins, horizon, self._lag, back) for back in range(self._count)])
            )
        yesterday = _earlier(self._values, origins, horizon, self._day, 0)
        newest = self._values[np.maximum(origins - 1, 0)][:, None]
        return np.where(np.isnan(found), np.where(np.isnan(yesterday), newest, yesterday), found)


def _earlier(values: Floats, origins: Integers, horizon: int, lag: int, periods: int) -> Floats:
    """The same slot `periods` further back than the newest period before each origin; NaN before the first value."""
    ahead = np.arange(horizon)
    at = origins[:, None] + ahead - lag * (1 + ahead // lag + periods)
    return np.where(at >= 0, values[np.maximum(at, 0)], np.nan)


class LastValue:
    """The newest value, held."""

    name = "last_value"

    def __init__(self) -> None:
        self._values: Floats = np.empty(0)

    def shortest(self, history: History) -> int:
        """One value."""
        return 1

    def fit(self, history: History) -> None:
        """Keeps the values."""
        self._values = filled(history)

    update = fit

    def rolling(self, origins: Integers, horizon: int) -> Floats:
        """See `PointModel`."""
        return np.repeat(self._values[np.maximum(origins - 1, 0)][:, None], horizon, axis=1)


def last_week() -> Repeat:
    """Last week's value of the same slot."""
    return Repeat("last_week", "week")


def seasonal_naive() -> Repeat:
    """Yesterday's value of the same slot."""
    return Repeat("seasonal_naive", "day")


def averages() -> list[Repeat]:
    """Averages over several periods: slower than the two above, and less moved by chance."""
    return [
        Repeat("mean_4_days", "day", 4),
        Repeat("median_7_days", "day", 7, _median),
        Repeat("mean_2_weeks", "week", 2),
        Repeat("mean_3_weeks", "week", 3),
    ]
