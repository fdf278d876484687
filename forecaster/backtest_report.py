# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of a backtest as a table, and as plain data."""

from __future__ import annotations

from dataclasses import asdict
from statistics import fmean
from typing import Any

from .backtest import Protocol, Result
from .forecasting import LEVELS

_PLANS = {
    "daily": "daily plan",
    "hourly": "hourly re-planning",
    "yesterday": "yesterday",
    "yesterday_plus_20_percent": "yesterday + 20 %",
    "static_max_of_last_week": "most of last week, held",
}


def as_document(results: list[Result]) -> dict[str, Any]:
    """All figures, and their plain mean over series (``total``)."""
    return {"series": {one.name: _figures(one) for one in results}, "total": total(results)}


def _figures(result: Result) -> dict[str, Any]:
    found = asdict(result)
    found["coverage"] = {f"{level:g}": share for level, share in result.coverage.items()}
    found["plans"] = {
        name: {**asdict(one), "hit_rate": one.hit_rate, "waste": _finite(one.waste)}
        for name, one in result.plans.items()
    }
    return found


def _finite(value: float) -> float | None:
    return value if value != float("inf") else None


def total(results: list[Result]) -> dict[str, float]:
    """Means over the series that were tested."""
    tested = [one for one in results if one.origins]
    if not tested:
        return {}

    found = {
        "mase": fmean(one.mase for one in tested),
        "naive_mase": fmean(one.naive_mase for one in tested),
        "pinball": fmean(one.pinball for one in tested),
    }
    for level in LEVELS:
        found[f"coverage_{level:g}"] = fmean(one.coverage[level] for one in tested)
    for plan in tested[0].plans:
        found[f"{plan}_hit_rate"] = fmean(one.plans[plan].hit_rate for one in tested)
        found[f"{plan}_waste"] = fmean(one.plans[plan].waste for one in tested)
    return found


def as_markdown(results: list[Result], protocol: Protocol) -> str:
    """One row a series, and the mean."""
    tested = [one for one in results if one.origins]
    plans = [name for name in _PLANS if tested and name in tested[0].plans]
    head = ["series", "MASE", "yesterday's", "95 % bound covers", "pinball 0.95", *(_PLANS[name] for name in plans)]
    aims = (
        f"{protocol.origins} origins, {protocol.slots} intervals ahead. Plans: hit rate at waste; the daily plan aims "
        f"at {protocol.daily_target:.0%}, hourly re-planning at {protocol.hourly_target:.0%}."
    )
    lines = [
        aims,
        "",
        "| " + " | ".join(head) + " |",
        "|---" * len(head) + "|",
    ]
    for one in tested:
        cells = [
            one.name,
            f"{one.mase:.3f}",
            f"{one.naive_mase:.3f}",
            f"{one.coverage[0.95]:.1%}",
            f"{one.pinball:.3f}",
        ]
        cells += [f"{one.plans[name].hit_rate:.1%} at {one.plans[name].waste:.2f}" for name in plans]
        lines.append("| " + " | ".join(cells) + " |")
    if len(tested) > 1:
        mean = total(results)
        cells = ["**mean**", f"{mean['mase']:.3f}", f"{mean['naive_mase']:.3f}", f"{mean['coverage_0.95']:.1%}"]
        cells.append(f"{mean['pinball']:.3f}")
        cells += [f"{mean[f'{name}_hit_rate']:.1%} at {mean[f'{name}_waste']:.2f}" for name in plans]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
