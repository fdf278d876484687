# SPDX-License-Identifier: GPL-3.0-or-later
"""First step of cleaning: points in order, one for each time, without values that cannot be.

Every function takes plain arrays, returns new ones, and notes in `Findings` what it left out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .series import Findings, Floats, Kind

Duplicates = Literal["last", "first", "mean", "max", "sum"]
DUPLICATES: tuple[str, ...] = get_args(Duplicates)

EARLIEST = datetime(1980, 1, 1, tzinfo=UTC).timestamp()
LATEST = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
CLOCK_TOLERANCE = 300
"""Seconds by which another host's clock may be ahead of ours."""
LARGEST = 1e18
"""What is larger in size is a sentinel or an overflow, no measurement."""

_NICE = np.array(
    [1, 2, 5, 10, 15, 20, 30]
    + [60 * one for one in (1, 2, 3, 5, 10, 15, 20, 30)]
    + [3600 * one for one in (1, 2, 3, 4, 6, 8, 12)]
    + [86400, 7 * 86400],
    dtype=np.float64,
)
_BETWEEN = np.sqrt(_NICE[1:] * _NICE[:-1])
_JITTER = 0.05
_REGIME = 12
_MINOR = 0.1
_SCATTERED = 0.3


def time_text(seconds: float) -> str:
    """The time as people read it: ``2026-01-31T23:00:00Z``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def without_repeated(times: Floats, values: Floats, found: Findings) -> tuple[Floats, Floats]:
    """Without rows that have time and value of another one: the same row, exported twice."""
    order = np.lexsort((values, times))
    same = (np.diff(times[order]) == 0) & _equal(values[order])
    if not same.any():
        return times, values
    repeated = order[1:][same]
    first = float(times[repeated].min())
    found.add("duplicates", int(repeated.size), "Rows that came more than once were counted once.", first=first)
    keep = np.ones(times.size, dtype=bool)
    keep[repeated] = False
    return times[keep], values[keep]


def possible_times(
    times: Floats, values: Floats, now: float | None, counted: bool, found: Findings
) -> tuple[Floats, Floats]:
    """Without times that are none, lie before 1980 (a clock that was never set), after 2200, or in the future."""
    real = np.isfinite(times) & (times >= EARLIEST) & (times < LATEST)
    message = "Rows without a usable time (none, before 1980 or after 2200) were left out."
    found.add("dropped_lines", int((~real).sum()), message, amount=_amount(values[~real]) if counted else 0.0)
    times, values = times[real], values[real]
    if now is not None:
        future = times > now + CLOCK_TOLERANCE
        if future.any():
            first, ahead = float(times[future].min()), float(times[future].max()) - now
            message = f"Rows from the future, up to {ahead:.0f} s ahead, were left out: check clocks and time zone."
            found.add(
                "future", int(future.sum()), message, first=first, amount=_amount(values[future]) if counted else 0.0
            )
            times, values = times[~future], values[~future]
    return times, values


def possible_values(times: Floats, values: Floats, non_negative: bool, counted: bool, found: Findings) -> Floats:
    """With NaN in place of what cannot have been measured."""
    values = values.copy()
    for kind, wrong, what in (
        ("not_finite", np.isinf(values), "Infinite values"),
        ("huge", np.isfinite(values) & (np.abs(values) > LARGEST), f"Values beyond {LARGEST:g}"),
        ("negative", non_negative & (values < 0) & (values >= -LARGEST), "Negative values where none can be"),
    ):
        if wrong.any():
            first = float(times[wrong].min())
            amount = _amount(values[wrong]) if counted and kind == "negative" else 0.0
            found.add(kind, int(wrong.sum()), f"{what} are gaps now.", first=first, amount=amount)  # type: ignore[arg-type]
            values[wrong] = np.nan
    return values


def in_order(times: Floats, values: Floats, found: Findings) -> tuple[Floats, Floats]:
    """Sorted by time; rows of the same time stay in the order in which they came."""
    backwards = np.flatnonzero(np.diff(times) < 0)
    if backwards.size:
        first = float(times[backwards[0] + 1])
        found.add("unsorted", int(backwards.size), "Rows that were older than the row before were sorted.", first=first)
        order = np.argsort(times, kind="stable")
        return times[order], values[order]
    return times, values


def one_for_each_time(
    times: Floats, values: Floats, kind: Kind, rule: Duplicates, found: Findings
) -> tuple[Floats, Floats]:
    """One value for each time, of sorted points.

    Where values of a time differ, `rule` decides; a row with a value beats one without. Events of the same time are two
    events, and a counter's larger value is the later.
    """
    if kind == "events" or times.size < 2:
        return times, values
    unique, start = np.unique(times, return_index=True)
    if unique.size == times.size:
        return times, values
    rule = "max" if kind == "counter" else rule
    stop = np.append(start[1:], times.size)
    crowded = np.flatnonzero(stop - start > 1)
    chosen = values[start].copy()
    conflicts, amount, first = 0, 0.0, 0.0
    for place in crowded.tolist():
        group = values[start[place] : stop[place]]
        group = group[np.isfinite(group)]
        if not group.size:
            chosen[place] = np.nan
            continue
        # Rows without a value beside exactly one with: no conflict.
        if group.size > 1:
            first = first if conflicts else float(unique[place])
            conflicts += int(group.size) - 1
        chosen[place] = _choose(group, rule)
        amount += _amount(group) - float(chosen[place])
    if conflicts:
        message = f"Rows of the same time with other values: {_RULES[rule]}."
        found.add("conflicts", conflicts, message, first=first, amount=amount if kind == "count" else 0.0)
    return unique, chosen


_RULES: dict[str, str] = {
    "last": "the last one counts",
    "first": "the first one counts",
    "mean": "their mean counts",
    "max": "the largest counts",
    "sum": "they were added",
}


def _choose(group: Floats, rule: str) -> float:
    match rule:
        case "last":
            return float(group[-1])
        case "first":
            return float(group[0])
        case "mean":
            return float(group.mean())
        case "max":
            return float(group.max())
        case _:
            return float(group.sum())


def _equal(values: Floats) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
    return same


def _amount(values: Floats) -> float:
    return float(np.nansum(np.where(np.abs(values) <= LARGEST, values, 0.0)))


def spacings(times: Floats) -> tuple[float, Floats] | None:
    """How far rows are apart: as a rule, and by the stretch in which each row lies.

    A stretch is at least twelve rows that keep another distance than the rule: what single gaps never do. What makes
    less than a tenth of all rows, and of their time, are rows that are missing, or too many.

    Returns:
        Seconds, and seconds for each row; None where fewer than two rows are there, or where they keep no distance
        at all (the most frequent one makes less than 30 % of all).
    """
    if times.size < 2:
        return None
    steps = _snap(np.diff(times))
    distances, counts = np.unique(steps, return_counts=True)
    rule = float(distances[counts.argmax()])
    edges = np.flatnonzero(np.diff(steps) != 0) + 1
    starts = np.concatenate(([0], edges))
    stops = np.concatenate((edges, [steps.size]))
    lengths = stops - starts
    local = np.full(times.size, rule)
    in_stretches = 0
    for distance in np.unique(steps[starts[lengths >= _REGIME]]).tolist():
        stretches = np.flatnonzero((lengths >= _REGIME) & (steps[starts] == distance))
        rows = int(lengths[stretches].sum())
        if max(rows / steps.size, rows * distance / float(steps.sum())) < _MINOR:
            continue
        in_stretches += rows
        for start, stop in zip(starts[stretches].tolist(), stops[stretches].tolist(), strict=True):
            local[start : stop + 1] = distance
    if counts.max() < _SCATTERED * steps.size and in_stretches < _SCATTERED * steps.size:
        return None
    return rule, local


def _snap(steps: Floats) -> Floats:
    """Distances without jitter: the interval that people use within 5 %, or else whole seconds, at least one."""
    nearest = _NICE[np.searchsorted(_BETWEEN, steps)]
    close = np.abs(steps - nearest) <= _JITTER * nearest
    return np.where(close, nearest, np.maximum(np.rint(steps), 1.0))
