# SPDX-License-Identifier: GPL-3.0-or-later
"""What one workload will need: its signals' forecasts, the quantile for its hit rate, and instances slot by slot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ..plugins.module_utils.model.errors import InvalidInput
from .config import WorkloadSettings
from .decision import LADDER, Score, Sizing, Step, evidence, learn_capacity, level_for, slot_reservations, trade_off
from .explain import explain
from .forecasting import LEVELS, Forecast, Forecaster, Past
from .models.base import Floats
from .replay import Replay, replay
from .series import Series
from .state import Memory

_INSTANCES = "instances"
_NOT_LOAD = (_INSTANCES, "creations", "deletions")

_MOST_INSTANCES = 1e9
"""More than that is a mistake in a unit."""


@dataclass
class SignalPlan:
    """One signal of a workload.

    Attributes:
        level: quantile that is reserved for.
        upper: demand at that quantile, by slot.
        steps: what each quantile would have given in the backtest.
        idle: share of what was reserved in the backtest that nobody used; None where it does not tell.
        replay: the past days with this quantile; None without a backtest.
    """

    signal: str
    unit: str
    sizing: Sizing
    forecast: Forecast
    level: float
    upper: Floats
    steps: list[Step]
    history: Series
    reasons: list[str] = field(default_factory=list)
    replay: Replay | None = None
    idle: float | None = None


@dataclass
class WorkloadPlan:
    """What a workload will need, by slot.

    Attributes:
        current: instances now.
        expected, upper: instances, in all.
        additional: instances to reserve for, beyond those that run when the slot begins.
        refused: why there is no forecast; everything else is empty then.
    """

    workload: str
    signals: list[SignalPlan] = field(default_factory=list)
    starts: list[datetime] = field(default_factory=list)
    current: int = 0
    expected: Floats = field(default_factory=lambda: np.empty(0))
    upper: Floats = field(default_factory=lambda: np.empty(0))
    additional: Floats = field(default_factory=lambda: np.empty(0))
    confidence: float = 0.0
    reasons: list[str] = field(default_factory=list)
    refused: str = ""

    @property
    def forecast_id(self) -> str:
        """Names the forecast in its reservations: one a slot in which it is made."""
        return f"{self.workload}-{self.starts[0].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def plan_workload(
    workload: str,
    wanted: WorkloadSettings,
    series: dict[str, Series],
    slots: int,
    models: tuple[str, ...],
    shifts: dict[str, float],
    learned: Mapping[str, Any] | None = None,
    fed: float = 0.0,
) -> WorkloadPlan:
    """Forecasts every signal that counts, and takes the most instances that any of them asks for.

    Args:
        shifts: what is added to levels above the middle, by signal.
        learned: what models have learned from all workloads together, by name of the model.
        fed: of that, what the ledger's counts of earlier plans have moved.

    Raises:
        InvalidInput: no signal says how many instances are needed.
        TooLittle: a signal has no value.
    """
    plan = WorkloadPlan(workload)
    for signal, capacity, why in _signals(workload, wanted, series):
        sizing = Sizing(capacity, wanted.minimum, wanted.maximum, counted=signal == _INSTANCES)
        shift = shifts.get(signal, 0.0)
        made = _plan_signal(series[signal], sizing, wanted, slots, Forecaster(models, learned), shift, fed)
        made.reasons = [*why, *made.reasons]
        plan.signals.append(made)
    first = plan.signals[0]
    plan.starts = first.forecast.times
    plan.expected = np.max([one.sizing.running(one.forecast.level(0.5)) for one in plan.signals], axis=0)
    plan.upper = np.max([one.sizing.instances(one.upper) for one in plan.signals], axis=0)
    most = float(plan.upper.max())
    if np.isnan(most) or most > _MOST_INSTANCES:
        message = f"{most:.3g} instances would be needed."
        raise InvalidInput(message, parameter=f"workloads.{workload}.capacity", fix="Is it in the signal's unit?")
    begun, plan.current = _current(plan.signals, series)
    # What runs now is never planned away from the slot that begins now.
    plan.upper[0] = max(plan.upper[0], begun)
    upper = np.max([one.sizing.share(one.upper) for one in plan.signals], axis=0)
    upper[0] = plan.upper[0]
    expected = np.max([one.sizing.running_share(one.forecast.level(0.5)) for one in plan.signals], axis=0)
    plan.additional = slot_reservations(upper[None], expected[None], np.array([begun], float))[0]
    plan.upper[0] = max(plan.upper[0], plan.current)
    plan.confidence = _confidence(plan.signals)
    if wanted.maximum is not None and any(
        (one.upper > wanted.maximum * one.sizing.capacity).any() for one in plan.signals
    ):
        plan.reasons.append(f"more than the maximum of {wanted.maximum} instances may be needed: capped")
    return plan


def _signals(workload: str, wanted: WorkloadSettings, series: dict[str, Series]) -> list[tuple[str, float, list[str]]]:
    """Signals that count, what an instance carries of each, and what is to be said of it."""
    load = [name for name in series if name not in _NOT_LOAD]
    names = list(wanted.signals or [name for name in wanted.capacity if name in series])
    if not names:
        names = [_INSTANCES] if _INSTANCES in series else load[:1]
    missing = [name for name in names if name not in series]
    if missing or not names:
        there = ", ".join(sorted(series)) or "nothing"
        message = f"telemetry has {there} of '{workload}', but not {', '.join(missing) or 'a load or instances'}."
        raise InvalidInput(message, parameter=f"workloads.{workload}.signals")
    found: list[tuple[str, float, list[str]]] = []
    for name in names:
        if name in wanted.capacity:
            found.append((name, wanted.capacity[name], []))
        elif name == _INSTANCES:
            found.append((name, 1.0, []))
        else:
            learned = _learned(series[name], series.get(_INSTANCES))
            if learned is None:
                message = f"nothing says how much {name} an instance of '{workload}' carries."
                fix = f"Give capacity: {{{name}: NUMBER}}, or telemetry of its instances."
                raise InvalidInput(message, parameter=f"workloads.{workload}.capacity", fix=fix)
            found.append((name, learned, [f"an instance carries {learned:.4g} {name}, as load and instances tell"]))
    return found


def _learned(load: Series, instances: Series | None) -> float | None:
    if instances is None or instances.interval != load.interval:
        return None
    first = max(load.times[0], instances.times[0])
    here, there = load.values[load.times >= first], instances.values[instances.times >= first]
    count = min(len(here), len(there))
    return learn_capacity(here[:count], there[:count])


def _plan_signal(
    series: Series, sizing: Sizing, wanted: WorkloadSettings, slots: int, made: Forecaster, shift: float, fed: float
) -> SignalPlan:
    made.fit(series, slots)
    level, why, steps = wanted.quantile, "", []
    ahead = max(min(wanted.replan // series.interval, slots), 1)
    # Chosen as if the ledger had told nothing: with higher bounds a lower quantile would do in the backtest, and what
    # the ledger told against the backtest would come to nothing.
    past = made.past(LADDER, shift - fed)
    idle = None
    if past is not None:
        curve = _curve(past, ahead, sizing)
        if level is None:
            known = evidence(past.happened[:, :ahead], past.before, past.origins, past.day, sizing)
            level, why = level_for(wanted.target_hit_rate, curve, known)
        shifted = made.past(LADDER, shift) if fed else None
        curve = curve if shifted is None else _curve(shifted, ahead, sizing)
        steps = [step for step, _score in curve]
        idle = _idle(level, curve)
    elif level is None:
        level, why = wanted.target_hit_rate, "no backtest: the quantile of that number stands for the hit rate"
    levels = tuple(sorted({*LEVELS, level}))
    forecast = made.quantiles(levels, shift)
    upper = forecast.level(level) * (1 + wanted.headroom)
    reasons = [*forecast.reasons, *([why] if why else [])]
    found = SignalPlan(series.signal, series.unit, sizing, forecast, level, upper, steps, series, reasons, idle=idle)
    told = made.past((0.5, level), shift) if level > 0.5 else None
    if told is not None:
        found.replay = replay(series, slots, told, ahead, sizing)
    return found


def _curve(past: Past, ahead: int, sizing: Sizing) -> list[tuple[Step, Score]]:
    return trade_off(past.bounds[:, :ahead], LADDER, past.happened[:, :ahead], past.before, sizing)


def _idle(level: float, curve: list[tuple[Step, Score]]) -> float | None:
    shares = [(step.level, one.idle / (one.hits + one.idle)) for step, one in curve if one.hits + one.idle > 0]
    if not shares:
        return None
    return float(np.interp(level, [one for one, _share in shares], [share for _level, share in shares]))


def _current(signals: list[SignalPlan], series: dict[str, Series]) -> tuple[int, int]:
    """Instances when the first slot began, and now: as counted, or as the newest load asks for."""
    if _INSTANCES in series:
        counted = series[_INSTANCES]
        known = counted.values[np.isfinite(counted.values)]
        begun = int(np.ceil(known[-1])) if len(known) else 0
        return begun, begun if np.isnan(counted.newest) else int(np.ceil(counted.newest))
    newest = []
    for one in signals:
        known = one.history.values[np.isfinite(one.history.values)]
        newest.append(int(one.sizing.running(known[-1:])[0]))
    return max(newest), max(newest)


def _confidence(signals: list[SignalPlan]) -> float:
    """The hit rate that the quantile had in the backtest, or the quantile itself."""
    found = []
    for one in signals:
        if one.steps:
            found.append(
                float(np.interp(one.level, [step.level for step in one.steps], [step.hit_rate for step in one.steps]))
            )
        else:
            found.append(one.level)
    return round(min(found), 3)


def expected_waste(plan: WorkloadPlan) -> float | None:
    """What the plan would have wasted in the backtest; None where no backtest tells."""
    found = [
        float(np.interp(one.level, [step.level for step in one.steps], [step.waste for step in one.steps]))
        for one in plan.signals
        if one.steps
    ]
    return max(found) if found and np.isfinite(found).all() else None


def expected_idle(plan: WorkloadPlan) -> float | None:
    """Share of what it reserves that nobody would have used in the backtest; None where no backtest tells."""
    found = [one.idle for one in plan.signals if one.idle is not None]
    return max(found) if found else None


def told(plan: WorkloadPlan) -> list[str]:
    """The plan of one workload in sentences."""
    if plan.refused:
        return [f"{plan.workload}: not predicted. {plan.refused}"]
    lines = [f"{plan.workload}: {plan.current} instances now, confidence {plan.confidence:.1%}."]
    for one in plan.signals:
        lines.append(f"Signal {one.signal}: {one.sizing.capacity:.4g} {one.unit} an instance.".replace("  ", " "))
        lines += [f"  {line}" for line in explain(one.forecast)]
        lines += [f"  Note: {reason}." for reason in one.reasons if reason not in one.forecast.reasons]
        lines.append(f"  Reserved for the quantile {one.level:.3f}{'; in the backtest:' if one.steps else '.'}")
        lines += [f"    {step.level:.3f}: {step.hit_rate:6.1%} hits at {step.waste:.2f} waste" for step in one.steps]
    lines += [f"Note: {reason}." for reason in plan.reasons]
    lines.append("Slot                       expected  upper  reserve")
    for start, expected, upper, more in zip(plan.starts, plan.expected, plan.upper, plan.additional, strict=True):
        lines.append(f"{start.isoformat():25} {int(expected):9} {int(upper):6} {int(more):8}")
    return lines


def remember(plan: WorkloadPlan, memories: dict[str, Memory]) -> None:
    """States the bounds of this run, so that the next one can check them."""
    for one in plan.signals:
        memory = memories.setdefault(f"{plan.workload}/{one.signal}", Memory())
        bounds = [float(value) for value in one.forecast.level(0.95)]
        memory.state(one.forecast.start, one.forecast.interval, bounds, 0.95)
