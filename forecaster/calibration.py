# SPDX-License-Identifier: GPL-3.0-or-later
"""From a model's past errors to bounds that hold as often as they say.

The usual size of an error is learned by time ahead, time of day, time of week and demand. Errors divided by their usual
size are alike, so all of them together tell the quantiles (conformal prediction with weights that fade with age). What
the model learned its weights from flatters it a little: quantiles are taken some hundredths higher, the more the
shorter the backtest was. `adaptation` corrects the rest from run to run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .models.base import Floats, History, Integers, targets

_HALF_LIFE_DAYS = 20.0
_DEMAND_POWER = 0.3
"""Errors grow with this power of the demand expected, beyond what time of day explains."""
_PRIOR_DAY, _PRIOR_WEEK, _PRIOR_AHEAD = 4.0, 60.0, 20.0
"""How many errors' weight the neutral size 1 has in a cell of the day, of the week, and of the time ahead."""
_FLATTERY_DAYS = 0.22
_MOST_FLATTERY = 0.03
_HIGHEST = 0.9993
_STRETCH = 0.25
"""By what share bounds from the level 0.99 on are further from the middle than past errors were; less down to 0.94."""
_SHORT, _LONG_DAYS = 1.0, 16.0
"""Bounds are further from the middle than past errors were by `_SHORT` times 1 / days - 1 / `_LONG_DAYS`."""
_CENTRE = 0.5
"""How much of the median error the middle of the forecast is moved by."""
_WEEK_KERNEL = np.array([1.0, 2.0, 3.0, 2.0, 1.0])
_KERNEL = np.array([0.25, 0.5, 0.25])


@dataclass(frozen=True)
class ErrorSize:
    """How large an error usually is.

    Attributes:
        overall: of all errors.
        ahead: relative to that, by slot ahead.
        demand: usual demand by cell of the day.
        of_day, of_week: relative size by cell; cells are hours, or slots that are longer.
    """

    overall: float
    ahead: Floats
    demand: Floats
    of_day: Floats
    of_week: Floats

    def of(self, forecasts: Floats, history: History, origins: Integers) -> Floats:
        """The usual size of an error of each forecast: (origins, horizon), above 0."""
        week = _week_cells(history, origins, forecasts.shape[1])
        day = week % len(self.of_day)
        return np.asarray(self._by_demand(forecasts, day) * self.of_day[day] * self.of_week[week])

    def _by_demand(self, forecasts: Floats, day: Integers) -> Floats:
        little = 0.1 * self.demand.mean() + 1e-9
        expected = np.maximum(np.where(np.isfinite(forecasts), forecasts, 0.0), 0)
        relative = ((expected + little) / (self.demand[day] + little)) ** _DEMAND_POWER
        return np.asarray(self.overall * self.ahead * relative)

    @classmethod
    def learn(cls, forecasts: Floats, errors: Floats, weight: Floats, history: History, origins: Integers) -> ErrorSize:
        """From errors at past origins; their weight is 0 where they are not known."""
        size = np.where(weight > 0, np.abs(errors), 0.0)
        cells, days = min(history.week, 168), min(history.day, 24)
        week = _week_cells(history, origins, forecasts.shape[1])
        day = week % days
        overall = float((weight * size).sum() / max(weight.sum(), 1e-300))
        even = cls(max(overall, 1e-300), np.ones(forecasts.shape[1]), np.zeros(days), np.ones(days), np.ones(cells))
        if overall <= 0:
            return even
        prior = _PRIOR_AHEAD * (weight.mean() + 1e-300)
        ahead = ((weight * size).sum(0) / overall + prior) / (weight.sum(0) + prior)
        ahead = np.convolve(np.pad(ahead, 1, mode="edge"), _KERNEL, "valid")
        seen, total = np.zeros(days), np.zeros(days)
        np.add.at(seen, day, weight)
        np.add.at(total, day, weight * np.maximum(np.where(weight > 0, forecasts, 0.0), 0))
        # A time of day that no error was seen at has the demand of all the others.
        usual = float(total.sum() / max(seen.sum(), 1e-300))
        demand = np.divide(total, seen, out=np.full(days, usual), where=seen > 0)
        even = replace(even, ahead=ahead, demand=demand)
        scale = even._by_demand(forecasts, day)
        # Finer grids have more errors a cell; the prior counts independent ones, so it grows with them.
        finer = max(forecasts.shape[1] / 24, 1.0)
        by_day = _cell_sizes(size / scale, weight, day, days, _PRIOR_DAY * finer, _KERNEL)
        scale = scale * by_day[day]
        by_week = np.ones(cells)
        if cells == 168:
            by_week = _cell_sizes(size / scale, weight, week, cells, _PRIOR_WEEK * finer, _WEEK_KERNEL / 9)
        return replace(even, of_day=by_day, of_week=by_week)


def _week_cells(history: History, origins: Integers, horizon: int) -> Integers:
    cells = min(history.week, 168)
    return np.asarray(history.phase[origins[:, None] + np.arange(horizon)] * cells // history.week)


@dataclass(frozen=True)
class Calibrated:
    """What the errors from past origins say about the forecast made now.

    Attributes:
        forecast: the model's own middle, by slot ahead.
        scale: usual size of an error, by slot ahead.
        errors: past errors divided by their usual size, ascending, near slots first and far ones second.
        mass: cumulated weight of `errors`, each part from 0 to 1.
        split: slots ahead that count as near.
        days: how many days of origins there were.
        floor, ceiling: no bound leaves them.
        loss: mean pinball loss at 0.5 and 0.95 over the past origins.
        past: forecasts from past origins (origins, slots ahead).
        past_scale: usual size of their errors.
        size: where that size comes from.
    """

    forecast: Floats
    scale: Floats
    errors: tuple[Floats, Floats]
    mass: tuple[Floats, Floats]
    split: int
    days: float
    floor: float
    ceiling: float
    loss: float
    past: Floats
    past_scale: Floats
    size: ErrorSize

    def moved(self, history: History, forecast: Floats) -> Calibrated:
        """The same calibration for a forecast made now, with more values in `history`."""
        now = np.array([len(history)])
        return replace(self, forecast=forecast, scale=self.size.of(forecast[None], history, now)[0])

    def bounds(self, levels: Floats, shift: float = 0.0) -> Floats:
        """Quantiles (slots ahead, levels), never falling with the level.

        Args:
            levels: probabilities.
            shift: what `adaptation` has learned: added to levels above the middle, in probability.
        """
        few = max(1 / max(self.days, 2.0) - 1 / _LONG_DAYS, 0.0)
        return self._bounds(self.forecast, self.scale * (1 + _SHORT * few), levels, shift)

    def past_bounds(self, levels: Floats, shift: float = 0.0) -> Floats:
        """What `bounds` would have been from the past origins: (origins, slots ahead, levels)."""
        return self._bounds(self.past, self.past_scale, levels, shift)

    def _bounds(self, forecast: Floats, scale: Floats, levels: Floats, shift: float) -> Floats:
        upper = levels > 0.5
        flattery = min(_FLATTERY_DAYS / max(self.days, 1e-9), _MOST_FLATTERY)
        # A bound at 0.99 has a fifth of the room of one at 0.95 before it means "never".
        room = np.clip((1 - levels) / 0.05, 0.3, 1.0)
        wanted = np.where(upper, levels + (flattery + shift) * room, levels)
        wanted = np.clip(wanted, 0.0005, _HIGHEST)
        # Few past errors are as large as the rarest to come.
        stretch = _STRETCH * np.clip((levels - 0.94) / 0.05, 0, 1)
        out = np.empty((*forecast.shape, len(levels)))
        for part, slots in enumerate((slice(0, self.split), slice(self.split, None))):
            found = np.interp(wanted, self.mass[part], self.errors[part])
            found = np.where(levels == 0.5, _CENTRE * found, found)
            found = np.where(found > 0, found * (1 + stretch), found)
            out[..., slots, :] = forecast[..., slots, None] + scale[..., slots, None] * found
        out = np.clip(out, self.floor, self.ceiling)
        order = np.argsort(levels, kind="stable")
        out[..., order] = np.maximum.accumulate(out[..., order], axis=-1)
        return out


def calibrate(history: History, origins: Integers, forecasts: Floats) -> Calibrated:
    """Learns from all origins but the last, which is now.

    Args:
        history: what happened.
        origins: ascending; the last one is `len(history)`.
        forecasts: (origins, horizon) of one model.
    """
    horizon = forecasts.shape[1]
    happened = targets(history, origins[:-1], horizon)
    errors = happened - forecasts[:-1]
    good = np.isfinite(errors)
    age = (origins[-1] - origins[:-1]) / history.day
    weight = 0.5 ** (age / _HALF_LIFE_DAYS)[:, None] * good
    size = ErrorSize.learn(forecasts[:-1], errors, weight, history, origins[:-1])
    scale = size.of(forecasts, history, origins)
    relative = np.where(good, errors, 0.0) / scale[:-1]
    split = horizon if horizon < 4 else horizon // 2
    parts = [(relative[:, slots], weight[:, slots]) for slots in (slice(0, split), slice(split, None))]
    ranked = [_ranked(one[good_part > 0], good_part[good_part > 0]) for one, good_part in parts]
    loss = sum(
        _pinball(one, part, of_scale, found)
        for (one, part), of_scale, found in zip(parts, (scale[:-1, :split], scale[:-1, split:]), ranked, strict=True)
        if one.size
    ) / max(float(weight.sum()), 1e-300)
    known = history.values[np.isfinite(history.values)]
    spread = float(known.max() - known.min())
    return Calibrated(
        forecast=np.asarray(forecasts[-1]),
        scale=scale[-1],
        errors=(ranked[0][0], ranked[1][0]),
        mass=(ranked[0][1], ranked[1][1]),
        split=split,
        days=float(age.max() - age.min()) if len(age) else 0.0,
        floor=0.0 if history.non_negative else float(known.min()) - spread / 2,
        ceiling=float(known.max()) + spread / 2,
        loss=loss,
        past=np.asarray(forecasts[:-1]),
        past_scale=scale[:-1],
        size=size,
    )


def _pinball(relative: Floats, weight: Floats, scale: Floats, ranked: tuple[Floats, Floats]) -> float:
    """Weighted sum of the pinball loss at 0.5 and 0.95, halved."""
    total = 0.0
    for level in (0.5, 0.95):
        beyond = relative - np.interp(level, ranked[1], ranked[0])
        total += float((weight * scale * np.maximum(level * beyond, (level - 1) * beyond)).sum())
    return total / 2


def _ranked(errors: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Errors ascending, and the share of the weight up to the middle of each; a single 0 if there are none."""
    if not len(errors):
        return np.zeros(1), np.ones(1)
    order = np.argsort(errors)
    heavy = weight[order]
    return errors[order], (np.cumsum(heavy) - heavy / 2) / heavy.sum()


def _cell_sizes(size: Floats, weight: Floats, cells: Integers, count: int, prior: float, kernel: Floats) -> Floats:
    """Mean relative size of errors in each cell, smoothed around the clock and drawn to 1, by cell."""
    total, seen = np.zeros(count), np.zeros(count)
    np.add.at(total, cells, weight * size)
    np.add.at(seen, cells, weight)
    wide = len(kernel) // 2
    if count > 2 * wide:
        total, seen = (
            np.convolve(np.concatenate([one[-wide:], one, one[:wide]]), kernel, "valid") for one in (total, seen)
        )
    return np.asarray((total + prior) / (seen + prior))
