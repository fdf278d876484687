# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as JSON: everything that was read, decided and refused, for programs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from .config import Settings
from .demand import SignalPlan, WorkloadPlan, expected_waste
from .learning import words
from .plan import Plan
from .replay import Replay
from .state import Memory

_KEPT = 7 * 86_400
"""Seconds of history that go with a forecast, for plots."""


def as_document(plan: Plan, settings: Settings, memories: dict[str, Memory]) -> dict[str, Any]:
    """Plain data: workloads by name, refused ones with their reason."""
    return {
        "version": 1,
        "made_at": _time(plan.now),
        "interval": settings.interval,
        "zone": settings.zone,
        "failed_sources": plan.telemetry.failed,
        "notes": plan.telemetry.notes,
        "refused": plan.refused,
        "workloads": {
            one.workload: _workload(one, plan, settings, memories) for one in plan.workloads if not one.refused
        },
    }


def as_json(document: dict[str, Any]) -> str:
    """Readable, with a line for each slot."""
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _workload(plan: WorkloadPlan, whole: Plan, settings: Settings, memories: dict[str, Memory]) -> dict[str, Any]:
    wanted = settings.of(plan.workload)
    findings = whole.telemetry.findings
    each = addresses_each(wanted.prefix_length, wanted.addresses, wanted.family)
    return {
        "target_hit_rate": wanted.target_hit_rate,
        "current_instances": plan.current,
        "confidence": plan.confidence,
        "expected_waste": _rounded(waste) if (waste := expected_waste(plan)) is not None else None,
        "notes": [*plan.reasons, *words(plan.workload, whole.told, memories.get(plan.workload))],
        "feedback": _feedback(plan.workload, whole, memories),
        "signals": {
            one.signal: {
                **_signal(one),
                "findings": [found.message for found in findings.get((plan.workload, one.signal), ())],
            }
            for one in plan.signals
        },
        "slots": [
            {
                "starts_at": _time(start.timestamp()),
                "expected_instances": int(expected),
                "running_instances": int(running),
                "upper_instances": int(upper),
                "additional_instances": int(more),
                "addresses": int(more) * each,
                "traffic": {one.signal: _rounded(one.upper[place]) for one in plan.signals},
            }
            for place, (start, expected, running, upper, more) in enumerate(
                zip(
                    plan.starts,
                    plan.expected,
                    [plan.current, *plan.expected[:-1]],
                    plan.upper,
                    plan.additional,
                    strict=True,
                )
            )
        ],
    }


def _feedback(workload: str, whole: Plan, memories: dict[str, Memory]) -> dict[str, Any] | None:
    """What the ledger counted of earlier plans, and what came of it."""
    one = whole.told.counted.get(workload)
    if one is None:
        return None
    memory, held = memories.get(workload), one.held
    return {
        "since": _time(one.since / 1000),
        "until": _time(one.until / 1000),
        "hits": one.hits,
        "misses": dict(one.misses),
        "misses_for_want_of_reservations": one.too_few,
        "by_location": {place: count._asdict() for place, count in one.places.items()},
        "reservations_ended": held.number,
        "reserved_hours": _rounded(held.reserved),
        "idle_hours": _rounded(held.idle),
        "forecasts": {
            name: {
                "reserved_hours": _rounded(part.reserved),
                "idle_hours": _rounded(part.idle),
                "expected_idle_hours": _rounded((1 - used) * part.reserved) if used is not None else None,
            }
            for name, part in one.ended.items()
            for used in [memory.expected.get(name) if memory else None]
        },
        "levels_moved": round(whole.told.moved[workload], 6),
        "levels_moved_in_all": round(memory.fed if memory else 0.0, 6),
    }


def addresses_each(prefix_length: int | None, addresses: int | None, family: str | None) -> int:
    """Addresses that one instance's prefix holds; `addresses` is rounded up to a power of two."""
    if prefix_length is not None:
        bits = 128 if prefix_length > 32 or family == "ipv6" else 32
        return int(2 ** (bits - prefix_length))
    return 1 << (max(addresses or 1, 1) - 1).bit_length()


def _signal(one: SignalPlan) -> dict[str, Any]:
    forecast = one.forecast
    shown = one.history.values[-max(_KEPT // one.history.interval, 1) :]
    return {
        "unit": one.unit,
        "capacity": one.sizing.capacity,
        "model": forecast.model,
        "margin_over_naive": None if forecast.margin is None else round(forecast.margin, 4),
        "losses": {name: round(loss, 4) for name, loss in forecast.losses.items()},
        "quantile": round(one.level, 4),
        "notes": one.reasons,
        "trade_off": [
            {"quantile": step.level, "hit_rate": round(step.hit_rate, 4), "waste": _rounded(step.waste)}
            for step in one.steps
        ],
        "replay": _replay(one.replay),
        "history": [_rounded(value) for value in shown.tolist()],
        "quantiles": {
            f"{level:.4g}": [_rounded(value) for value in forecast.level(level).tolist()] for level in forecast.levels
        },
    }


def _replay(one: Replay | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "starts_at": _time(one.start.timestamp()),
        "needed": [_rounded(value) for value in one.needed.tolist()],
        "offered": [_rounded(value) for value in one.offered.tolist()],
    }


def _rounded(value: float) -> float | None:
    """Six digits; None for what JSON has no number for."""
    return float(f"{value:.6g}") if abs(value) < float("inf") else None
