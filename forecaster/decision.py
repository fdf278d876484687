# SPDX-License-Identifier: GPL-3.0-or-later
"""From demand to instances, and from a wanted hit rate to the quantile that reaches it. Pure functions.

Hit rate: of all rises of the instances needed, the share that stayed within what was reserved. Waste: idle reserved
instance-slots for each used one. A bound that covers 95 % of the slots does not hit 95 % of the rises, as rises come
where demand is highest: the quantile for a hit rate is looked up in the backtest.

A slot's reservation is for the instances that come in that slot. Those that run when it begins hold other addresses
(activated instances outlive the reservation that they came from), and which of them end first is not known. So what a
slot offers is what runs at its beginning and its reservation, and that is what `score_slots` counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .models.base import Floats

LADDER = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 0.998)
"""Quantiles among which the one for a hit rate is searched."""
_FEWEST_RISES = 20
_FEWEST_MISSES = 20
"""If the whole backtest allows fewer misses, it cannot tell such hit rates apart: then that level is the least."""
_CAUTION = 0.6
"""The backtest is aimed at a hit rate this share of the way to 100 % above the wanted one: it flatters."""
_ALMOST = 1e-6
"""Demand that exceeds whole instances by less is rounding, not a further instance."""


@dataclass(frozen=True)
class Score:
    """How a plan did.

    Attributes:
        rises: instances that were created.
        hits: of them, those within what was reserved.
        used, idle: instance-slots.
    """

    rises: float = 0.0
    hits: float = 0.0
    used: float = 0.0
    idle: float = 0.0

    def __add__(self, other: Score) -> Score:
        return Score(self.rises + other.rises, self.hits + other.hits, self.used + other.used, self.idle + other.idle)

    @property
    def hit_rate(self) -> float:
        """1 if nothing was created."""
        return self.hits / self.rises if self.rises else 1.0

    @property
    def waste(self) -> float:
        """Infinite if nothing was used and something reserved."""
        if self.used:
            return self.idle / self.used
        return float("inf") if self.idle else 0.0


@dataclass(frozen=True)
class Step:
    """One point of the trade-off: what a quantile would have given."""

    level: float
    hit_rate: float
    waste: float


@dataclass(frozen=True)
class Sizing:
    """How demand becomes instances.

    Attributes:
        capacity: demand that one instance carries.
        least, most: bounds of the instances; `most` None for no bound.
        counted: the demand is instances that were counted: what runs may be outside of the bounds.
    """

    capacity: float = 1.0
    least: int = 0
    most: int | None = None
    counted: bool = False

    def instances(self, demand: Floats) -> Floats:
        """Whole instances for each demand; NaN stays."""
        needed = self._whole(demand)
        return np.clip(needed, self.least, np.inf if self.most is None else self.most)

    def running(self, demand: Floats) -> Floats:
        """Whole instances that run at each demand: as counted, or as many as whoever starts them keeps."""
        return self._whole(demand) if self.counted else self.instances(demand)

    def _whole(self, demand: Floats) -> Floats:
        return np.ceil(np.maximum(demand, 0) / self.capacity - _ALMOST)


def slot_reservations(upper: Floats, expected: Floats, running: Floats) -> Floats:
    """Instances to reserve for in each slot: the upper demand beyond what is expected to run when the slot begins.

    Args:
        upper, expected: instances in each slot (plans, slots).
        running: instances when the first slot of each plan begins.
    """
    before = np.concatenate([running[:, None], expected[:, :-1]], axis=1)
    return np.asarray(np.maximum(upper - before, 0))


def score_slots(needed: Floats, reserved: Floats, before: Floats) -> Score:
    """Scores reservations of single slots as the ledger counts them.

    Args:
        needed: instances in each slot (plans, slots), all there from its beginning to its end; NaN where not known.
        reserved: instances that each slot's reservation is for.
        before: instances before the first slot of each plan.
    """
    previous = np.concatenate([before[:, None], needed[:, :-1]], axis=1)
    known = np.isfinite(needed) & np.isfinite(previous) & np.isfinite(reserved)
    needed, previous, reserved = needed[known], previous[known], reserved[known]
    rise = np.maximum(needed - previous, 0)
    within = np.minimum(rise, reserved)
    return Score(float(rise.sum()), float(within.sum()), float(needed.sum()), float((reserved - within).sum()))


def score(needed: Floats, reserved: Floats, before: Floats) -> Score:
    """Scores plans that hold a number of instances, whether or not they run, against what came.

    Args:
        needed: instances in each slot (plans, slots); NaN where not known.
        reserved: instances that were planned for.
        before: instances before the first slot of each plan.
    """
    previous = np.concatenate([before[:, None], needed[:, :-1]], axis=1)
    known = np.isfinite(needed) & np.isfinite(previous)
    needed, previous, reserved = needed[known], previous[known], reserved[known]
    rise = np.maximum(needed - previous, 0)
    within = np.clip(np.minimum(needed, np.maximum(reserved, previous)) - previous, 0, None)
    return Score(
        float(rise.sum()), float(within.sum()), float(needed.sum()), float(np.maximum(reserved - needed, 0).sum())
    )


def trade_off(
    bounds: Floats, levels: tuple[float, ...], happened: Floats, before: Floats, sizing: Sizing
) -> list[tuple[Step, Score]]:
    """What each quantile would have given at past origins: bounds (origins, slots, levels), the middle among them."""
    needed, first = sizing.running(happened), sizing.running(before)
    expected = sizing.running(bounds[:, :, levels.index(0.5)])
    found = []
    for place, level in enumerate(levels):
        upper = sizing.instances(bounds[:, :, place])
        one = score_slots(needed, slot_reservations(upper, expected, first), first)
        found.append((Step(level, one.hit_rate, one.waste), one))
    return found


def level_for(target: float, steps: list[tuple[Step, Score]]) -> tuple[float, str]:
    """The quantile that would have reached the hit rate with some caution, and why if it is none such."""
    if not steps or steps[0][1].rises < _FEWEST_RISES:
        return max(target, 0.5), f"too few rises in the backtest: the quantile {target:g} stands for the hit rate"
    aim = target + _CAUTION * (1 - target)
    found, why = _lowest(target, aim, steps)
    if (1 - aim) * steps[0][1].rises < _FEWEST_MISSES:
        return max(found, target), why
    return found, why


def _lowest(target: float, aim: float, steps: list[tuple[Step, Score]]) -> tuple[float, str]:
    for place, (step, _score) in enumerate(steps):
        if step.hit_rate < aim:
            continue
        if place == 0:
            return step.level, ""
        below = steps[place - 1][0]
        share = (aim - below.hit_rate) / max(step.hit_rate - below.hit_rate, 1e-9)
        return below.level + share * (step.level - below.level), ""
    best = steps[-1][0]
    if best.hit_rate >= target:
        return best.level, ""
    return best.level, f"no quantile reached {target:.1%} of the rises in the backtest: {best.hit_rate:.1%} at the most"


def learn_capacity(load: Floats, instances: Floats) -> float | None:
    """Demand that one instance carries, from load against instances; None if they do not tell.

    The ratio is taken where several instances were busy: an idle one says nothing of what it could carry.
    """
    known = np.isfinite(load) & np.isfinite(instances) & (instances >= 1) & (load > 0)
    if known.sum() < 24:
        return None
    load, instances = load[known], instances[known]
    busy = instances >= np.quantile(instances, 0.5)
    ratio = load[busy] / instances[busy]
    return float(np.quantile(ratio, 0.75))
