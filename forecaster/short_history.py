# SPDX-License-Identifier: GPL-3.0-or-later
"""Forecasts for series that are too short for a backtest: what has been seen so far, with room to be wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .models.base import Floats, History, filled


@dataclass(frozen=True)
class Simple:
    """Values or errors seen so far.

    Attributes:
        seen: values, or errors around `middle`.
        middle: forecast by slot ahead; None for quantiles of the values themselves.
        name: for the report.
    """

    seen: Floats
    middle: Floats | None
    name: str

    @property
    def told(self) -> str:
        """What is done, for a person."""
        return "quantiles of the values so far" if self.middle is None else "yesterday again, as wrong as it was so far"

    def bounds(self, levels: Floats, horizon: int) -> Floats:
        """Quantiles (slots ahead, levels), wider the fewer values there are."""
        found = np.quantile(self.seen, levels)
        # Of n values nothing is known above the quantile n / (n + 1): beyond it the largest is stretched.
        count = len(self.seen)
        beyond = np.clip(2 * (levels - count / (count + 1)), 0, 1) * float(np.ptp(self.seen))
        if self.middle is None:
            newest = float(np.median(self.seen[-max(count // 2, 1) :]))
            found = np.where(levels == 0.5, newest, np.where(levels > 0.5, np.maximum(found, newest), found))
            return np.repeat(np.maximum.accumulate(found + beyond)[None, :], horizon, axis=0)
        found = np.where(levels == 0.5, 0.0, found) + beyond
        return self.middle[:, None] + np.maximum.accumulate(found)


def simple_forecast(history: History, horizon: int) -> Simple:
    """The better of two for what is there: the same slot of the last days, or the values whatever their time."""
    known = history.values[np.isfinite(history.values)]
    day = history.day
    values = filled(history)
    if len(known) >= day + max(day // 4, 2) and day > 1:
        errors = (history.values[day:] - values[:-day])[np.isfinite(history.values[day:])]
        if len(errors) and np.mean(np.abs(errors)) < np.mean(np.abs(known - np.median(known))):
            days = [values[len(values) - day * (back + 1) :][:day] for back in range(len(values) // day)]
            middle = np.mean(days, axis=0)[np.arange(horizon) % day]
            return Simple(errors, middle, "same_time_so_far")
    return Simple(known, None, "values_so_far")
