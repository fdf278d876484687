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

from .models.base import Floats, Integers

LADDER = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 0.998)
"""Quantiles among which the one for a hit rate is searched."""
_FEWEST_RISES = 10
_FEWEST_MISSES = 0.25
"""If the days of the backtest times the misses allowed are fewer, it cannot tell such hit rates apart: then that level
is the least."""
_CAUTION = 0.6
"""The backtest is aimed at a hit rate this share of the way to 100 % above the wanted one: it flatters."""
_ENOUGH_DAYS, _DAYS_POWER = 13.0, 1.5
"""With fewer days than these the rest of the way shrinks with this power of them."""
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
class Evidence:
    """How much a backtest knows. Origins close together meet the same hours again, which is not knowing more.

    Attributes:
        rises: instances that were created, each counted once.
        days: days with rises; one on which many came counts for more, so that it is the fewer the more uneven they are.
    """

    rises: float = 0.0
    days: float = 0.0


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

    def share(self, demand: Floats) -> Floats:
        """As `instances`, but not rounded."""
        return np.asarray(np.clip(self._exact(demand), self.least, np.inf if self.most is None else self.most))

    def running_share(self, demand: Floats) -> Floats:
        """As `running`, but not rounded."""
        return self._exact(demand) if self.counted else self.share(demand)

    def _exact(self, demand: Floats) -> Floats:
        return np.asarray(np.maximum(demand, 0) / self.capacity)

    def _whole(self, demand: Floats) -> Floats:
        return np.asarray(np.ceil(self._exact(demand) - _ALMOST))


def slot_reservations(upper: Floats, expected: Floats, running: Floats) -> Floats:
    """Instances to reserve for in each slot: the upper demand beyond what is expected to run when the slot begins.

    The difference is rounded, once: where demand lies between two whole numbers is not known hours ahead, and rounding
    both would reserve for a whole instance in one slot and for none in the next. But no more are reserved for than come
    if demand begins as far below the expected one as the upper one is above it: where one instance is enough at
    both, nothing comes.

    Args:
        upper, expected: instances in each slot (plans, slots), not rounded.
        running: instances when the first slot of each plan begins.
    """
    first = running[:, None]
    before = np.concatenate([first, expected[:, :-1]], axis=1)
    # The least demand above none keeps one instance; only where none is expected, none may run.
    little = np.minimum(expected, 2 * _ALMOST)
    least = np.concatenate([first, np.maximum(2 * expected - upper, little)[:, :-1]], axis=1)
    most = np.ceil(upper - _ALMOST) - np.ceil(least - _ALMOST)
    return np.asarray(np.maximum(np.minimum(np.ceil(upper - before - _ALMOST), most), 0))


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
    expected = sizing.running_share(bounds[:, :, levels.index(0.5)])
    found = []
    for place, level in enumerate(levels):
        upper = sizing.share(bounds[:, :, place])
        one = score_slots(needed, slot_reservations(upper, expected, first), first)
        found.append((Step(level, one.hit_rate, one.waste), one))
    return found


def evidence(happened: Floats, before: Floats, origins: Integers, day: int, sizing: Sizing) -> Evidence:
    """What past origins know of rises.

    Args:
        happened: demand from each origin on (origins, slots ahead), NaN where not known.
        before: demand before each origin.
        origins: number of the first slot ahead of each.
        day: slots of a day.
    """
    if not happened.size:
        return Evidence()
    needed = sizing.running(happened)
    rise = needed - np.concatenate([sizing.running(before)[:, None], needed[:, :-1]], axis=1)
    known = np.isfinite(rise)
    slot = (origins[:, None] + np.arange(happened.shape[1]))[known]
    if not len(slot):
        return Evidence()
    slot = slot - slot.min()
    seen = np.maximum(np.bincount(slot), 1)
    of_slot = np.bincount(slot, np.maximum(rise[known], 0)) / seen
    of_day = np.bincount(np.arange(len(of_slot)) // day, of_slot)
    rises = float(of_day.sum())
    # As shares, because the squares of huge numbers are none.
    return Evidence(rises, 1 / float(((of_day / rises) ** 2).sum()) if rises else 0.0)


def level_for(target: float, steps: list[tuple[Step, Score]], known: Evidence) -> tuple[float, str]:
    """The quantile that would have reached the hit rate with some caution, and why if it is none such."""
    if not steps or known.rises < _FEWEST_RISES:
        return max(target, 0.5), f"too few rises in the backtest: the quantile {target:g} stands for the hit rate"
    rest = (1 - _CAUTION) * min(known.days / _ENOUGH_DAYS, 1.0) ** _DAYS_POWER
    found, why = _lowest(target, 1 - rest * (1 - target), steps)
    if (1 - target) * known.days < _FEWEST_MISSES:
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
