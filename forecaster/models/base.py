# SPDX-License-Identifier: GPL-3.0-or-later
"""What every forecasting model takes and gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ..series import Series

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

DAY = 86_400
WEEK = 7 * DAY
LONGEST_HISTORY = 4 * WEEK
"""What models learn from at most, in seconds. Older weeks say more about older versions of the service."""


@dataclass(frozen=True)
class History:
    """The end of a series in the form in which models take it.

    Attributes:
        values: one value a slot, NaN where nothing is known.
        day: slots in a day, at least 1.
        week: slots in a week.
        phase: slot of the week, by the clock of the series' zone, of every value and of `len(phase) - len(values)`
            slots after the last one.
        non_negative: whether a forecast below zero has no meaning.
        begins: beginning of the first slot, in seconds since 1970.
        interval: seconds of a slot.
    """

    values: Floats
    day: int
    week: int
    phase: Integers
    non_negative: bool = True
    begins: float = 0.0
    interval: int = 3600

    @classmethod
    def of(cls, series: Series, horizon: int, longest: int = LONGEST_HISTORY) -> History:
        """The last `longest` seconds of `series`, ready for forecasts of `horizon` slots."""
        keep = min(len(series), max(longest // series.interval, 1))
        first = len(series) - keep
        day = max(DAY // series.interval, 1)
        times = int(series.start.timestamp()) + series.interval * np.arange(first, len(series) + horizon)
        local = times + _offsets(times, series.zone)
        # 1970-01-01 was a Thursday: shifted so that slot 0 is Monday's first.
        of_week = (local - 4 * DAY) % WEEK
        week = max(WEEK // series.interval, 1)
        phase = np.minimum(of_week * week // WEEK, week - 1).astype(np.int64)
        values = np.asarray(series.values[first:], float)
        return cls(values, day, week, phase, series.non_negative, float(times[0]), series.interval)

    def __len__(self) -> int:
        return len(self.values)

    def before(self, end: int) -> History:
        """What was known when only the first `end` values were there."""
        return replace(self, values=self.values[:end])


def _offsets(times: Integers, zone: str) -> Integers:
    """Seconds that local clocks are ahead of UTC at each time; looked up once an hour, as clocks change on the hour."""
    if zone == "UTC":
        return np.zeros_like(times)
    rules = ZoneInfo(zone)
    hours, place = np.unique(times // 3600, return_inverse=True)
    ahead = [datetime.fromtimestamp(int(hour) * 3600, UTC).astimezone(rules).utcoffset() for hour in hours]
    return np.array([0 if one is None else int(one.total_seconds()) for one in ahead])[place]


class PointModel(Protocol):
    """A model of the middle of the future; what surrounds it is measured by `calibration` on `rolling` residuals."""

    name: str

    def shortest(self, history: History) -> int:
        """How many known values it needs at least."""

    def fit(self, history: History) -> None:
        """Learns from `history`, whose last value is the newest."""

    def update(self, history: History) -> None:
        """Takes newer values in without learning parameters anew; `history` begins where the fitted one did."""

    def rolling(self, origins: Integers, horizon: int) -> Floats:
        """Forecasts from each origin, as they would have been made with the values before it: (origins, horizon).

        Origin `i` has seen `values[:i]` and forecasts slots `i` to `i + horizon - 1`; origin `len(values)` is now.
        """


def filled(history: History) -> Floats:
    """The values with each gap closed: by the same slot of the last week or day, else by a line between neighbours."""
    values = history.values.copy()
    for lag in (history.week, history.day):
        for at in np.flatnonzero(np.isnan(values)):
            if at >= lag:
                values[at] = values[at - lag]
    gaps = np.isnan(values)
    if gaps.any():
        known = np.flatnonzero(~gaps)
        values[gaps] = np.interp(np.flatnonzero(gaps), known, values[known]) if len(known) else 0.0
    return values


def targets(history: History, origins: Integers, horizon: int) -> Floats:
    """What happened after each origin, NaN where it is not known (yet)."""
    at = origins[:, None] + np.arange(horizon)[None, :]
    inside = at < len(history)
    return np.where(inside, history.values[np.minimum(at, len(history) - 1)], np.nan)
