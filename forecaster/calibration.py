# SPDX-License-Identifier: GPL-3.0-or-later
"""From a model's past errors to bounds that hold as often as they say.

The usual size of an error is learned by time ahead, time of day, time of week and demand. Errors divided by their usual
size are alike, so all of them together tell the quantiles (conformal prediction with weights that fade with age). What
the model learned its weights from flatters it a little: quantiles are taken some hundredths higher, the more the
shorter the backtest was. `adaptation` corrects the rest from run to run.
"""

from __future__ import annotations

from dataclasses import dataclass

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
_CENTRE = 0.5
"""How much of the median error the middle of the forecast is moved by."""
_WEEK_KERNEL = np.array([1.0, 2.0, 3.0, 2.0, 1.0])
_KERNEL = np.array([0.25, 0.5, 0.25])


@dataclass(frozen=True)
class _Cells:
    """Slots in as few cells as can be told apart: hours, or slots that are longer."""

    day: int
    week: int
    phase: Integers

    @classmethod
    def of(cls, history: History, origins: Integers, horizon: int) -> _Cells:
        phase = history.phase[origins[:, None] + np.arange(horizon)]
        day, week = min(history.day, 24), min(history.week, 168)
        return cls(day, week, phase * week // history.week)

    @property
    def of_day(self) -> Integers:
        return self.phase % self.day


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

    def bounds(self, levels: Floats, shift: float = 0.0) -> Floats:
        """Quantiles (slots ahead, levels), never falling with the level.

        Args:
            levels: probabilities.
            shift: what `adaptation` has learned: added to levels above the middle, in probability.
        """
        return self._bounds(self.forecast, self.scale, levels, shift)

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
        out = np.empty((*forecast.shape, len(levels)))
        for part, slots in enumerate((slice(0, self.split), slice(self.split, None))):
            found = np.interp(wanted, self.mass[part], self.errors[part])
            found = np.where(levels == 0.5, _CENTRE * found, found)
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
    cells = _Cells.of(history, origins, horizon)
    # Errors are measured against a usual one of the whole, so the tiniest and the hugest series are alike.
    size = np.where(good, np.abs(errors), 0.0)
    scale = _sizes(np.where(np.isfinite(forecasts), forecasts, 0.0), size, weight, cells)
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


def _sizes(forecasts: Floats, size: Floats, weight: Floats, cells: _Cells) -> Floats:
    """The usual size of an error of each forecast, now's too: (origins, horizon), above 0."""
    overall = float((weight * size).sum() / max(weight.sum(), 1e-300))
    if overall <= 0:
        return np.full(forecasts.shape, 1e-300)
    mean = weight.mean() + 1e-300
    ahead = ((weight * size).sum(0) + _PRIOR_AHEAD * mean * overall) / (weight.sum(0) + _PRIOR_AHEAD * mean) / overall
    ahead = np.convolve(np.pad(ahead, 1, mode="edge"), _KERNEL, "valid")
    of_day = cells.of_day
    seen, total = np.zeros(cells.day), np.zeros(cells.day)
    np.add.at(seen, of_day[:-1], weight)
    np.add.at(total, of_day[:-1], weight * np.maximum(forecasts[:-1], 0))
    usual = total / np.maximum(seen, 1e-9)
    little = 0.1 * usual.mean() + 1e-9
    demand = ((np.maximum(forecasts, 0) + little) / (usual[of_day] + little)) ** _DEMAND_POWER
    scale = overall * ahead * demand
    # Finer grids have more errors a cell; the prior counts independent ones, so it grows with them.
    finer = max(size.shape[1] / 24, 1.0)
    scale = scale * _cell_sizes(size / scale[:-1], weight, of_day, cells.day, _PRIOR_DAY * finer, _KERNEL)
    weekly = _cell_sizes(size / scale[:-1], weight, cells.phase, cells.week, _PRIOR_WEEK * finer, _WEEK_KERNEL / 9)
    return np.asarray(scale * weekly if cells.week == 168 else scale)


def _cell_sizes(size: Floats, weight: Floats, cells: Integers, count: int, prior: float, kernel: Floats) -> Floats:
    """Mean relative size in each forecast's cell, smoothed around the clock and drawn to 1: (origins, horizon)."""
    total, seen = np.zeros(count), np.zeros(count)
    np.add.at(total, cells[:-1], weight * size)
    np.add.at(seen, cells[:-1], weight)
    wide = len(kernel) // 2
    if count > 2 * wide:
        total, seen = (
            np.convolve(np.concatenate([one[-wide:], one, one[:wide]]), kernel, "valid") for one in (total, seen)
        )
    return np.asarray(((total + prior) / (seen + prior))[cells])
