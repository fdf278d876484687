# SPDX-License-Identifier: GPL-3.0-or-later
"""Second step of cleaning: sorted points become one value an interval, by what their values say."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .series import Findings, Floats, Points
from .series_points import time_text


class Bins(NamedTuple):
    """``values[i]`` belongs to the interval that begins at ``start + i * interval``; all in seconds."""

    start: float
    interval: int
    values: Floats


def bin_rows(
    points: Points,
    interval: int,
    phase: float,
    apart: tuple[float, Floats] | None,
    least: float,
    found: Findings,
) -> Bins:
    """Levels, or counts of the rows' own intervals.

    Rows that come as often as intervals belong to the nearest one, so that a second more or less moves nothing. Of
    more frequent rows, an interval must have the share `least`; what it lacks is not guessed.
    """
    times, values = points.times, points.values
    counted = points.kind == "count"
    usable = np.isfinite(values)
    local = np.full(times.size, np.nan) if apart is None else apart[1]
    if apart is not None and counted:
        # A row that stands for more than an interval cannot be divided.
        coarse = usable & (local > interval * 1.01)
        message = "Rows that stand for more than one interval were left out."
        found.add("mixed_intervals", int(coarse.sum()), message, amount=float(values[coarse].sum()))
        usable &= ~coarse
    one_each = apart is not None and apart[0] > interval / 1.5
    if one_each:
        phase = _common_phase(times, interval, phase)
        places = np.floor((times - phase) / interval + 0.5).astype(np.int64)
    else:
        places = np.floor((times - phase) / interval).astype(np.int64)
    first, size = int(places.min()), int(places.max() - places.min()) + 1
    places -= first
    start = phase + first * interval
    rows = np.bincount(places[usable], minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        if counted:
            result = np.where(rows > 0, np.bincount(places[usable], values[usable], size), np.nan)
        elif points.aggregate == "max":
            result = np.full(size, -np.inf)
            np.maximum.at(result, places[usable], values[usable])
            result[rows == 0] = np.nan
        else:
            result = _means(places[usable], values[usable], rows, size)
    if apart is None or one_each:
        return Bins(start, interval, result)
    coverage = np.bincount(places[usable], np.minimum(local[usable], interval), size) / interval
    return Bins(start, interval, _without_thin(result, coverage, least, start, interval, counted, found))


def _means(places: NDArray[np.int64], values: Floats, rows: NDArray[np.int64], size: int) -> Floats:
    """Means that rounding does not carry beyond the least and the greatest value."""
    result: Floats = np.bincount(places, values, size) / rows
    least, most = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(least, places, values)
    np.maximum.at(most, places, values)
    return np.where(rows > 0, np.clip(result, least, most), np.nan)


def _common_phase(times: Floats, interval: int, phase: float) -> float:
    """When within an interval most rows come, or `phase` where they do not agree."""
    offsets, counts = np.unique(np.rint(times) % interval, return_counts=True)
    return float(offsets[counts.argmax()]) if counts.max() * 2 >= times.size else phase


def _without_thin(
    values: Floats, coverage: Floats, least: float, start: float, interval: int, counted: bool, found: Findings
) -> Floats:
    """NaN where less than `least` of an interval is known; nothing at all where it is the first or the last."""
    values = values.copy()
    thin = (coverage > 0) & (coverage < least - 1e-9) & np.isfinite(values)
    places = np.flatnonzero(thin)
    if not places.size:
        return values
    for kind, chosen, what in (
        ("partial_first", places[places == 0], "The first interval is known in part and was left out."),
        ("thin", places[(places > 0) & (places < values.size - 1)], "Intervals known in part are gaps now."),
        ("partial_last", places[(places > 0) & (places == values.size - 1)], "The last interval is known in part."),
    ):
        if chosen.size:
            amount = float(values[chosen].sum()) if counted else 0.0
            at = start + int(chosen[0]) * interval
            found.add(kind, chosen.size, what, first=at, amount=amount)  # type: ignore[arg-type]
    values[thin] = np.nan
    return values


def bin_events(points: Points, interval: int, phase: float, found: Findings) -> Bins:
    """Sums of what happened; silence is zero while the source was watching, and a gap otherwise."""
    usable = np.isfinite(points.values)
    times, values = points.times[usable], points.values[usable]
    begin, end = points.covered or (float(times[0]), float(times[-1]))
    everything = np.concatenate((times, [begin, end]))
    first = int(np.floor((everything.min() - phase) / interval))
    last = int(np.floor((everything.max() - phase) / interval))
    size = last - first + 1
    start = phase + first * interval
    places = np.floor((times - phase) / interval).astype(np.int64) - first
    result: Floats = np.bincount(places, values, size).astype(np.float64)
    edges = start + interval * np.arange(size + 1, dtype=np.float64)
    # `end` is the last moment that was watched: an interval whose end is not after it is whole.
    unknown = (edges[:-1] < begin) | (edges[1:] > end + 1)
    for gap_start, gap_end in points.unobserved:
        unknown |= (edges[:-1] < gap_end) & (edges[1:] > gap_start)
    _note_unknown(result, unknown, start, interval, found)
    silent = int(((result == 0) & ~unknown).sum())
    found.add("zeros", silent, f"{silent} intervals without an event while the source was watching count as 0.")
    result[unknown] = np.nan
    return Bins(start, interval, result)


def _note_unknown(values: Floats, unknown: NDArray[np.bool_], start: float, interval: int, found: Findings) -> None:
    places = np.flatnonzero(unknown)
    for kind, chosen, what in (
        ("partial_first", places[places == 0], "The first interval was watched in part and was left out."),
        ("unobserved", places[(places > 0) & (places < values.size - 1)], "Intervals not watched throughout are gaps."),
        (
            "partial_last",
            places[(places > 0) & (places == values.size - 1)],
            "The last interval was watched in part and was left out.",
        ),
    ):
        if chosen.size:
            at = start + int(chosen[0]) * interval
            found.add(kind, chosen.size, what, first=at, amount=float(values[chosen].sum()))  # type: ignore[arg-type]


def bin_counter(
    points: Points, interval: int, phase: float, apart: float | None, least: float, found: Findings
) -> Bins:
    """Increases of a total that only grows.

    A fall is a reset: what the counter shows after it was counted since. An increase belongs to the time between its
    two rows, evenly; over a gap nobody knows when it happened, so it belongs to no interval.
    """
    usable = np.isfinite(points.values)
    times, values = points.times[usable], points.values[usable]
    steps, rise = np.diff(times), np.diff(values)
    resets = rise < 0
    if resets.any():
        at = times[1:][resets]
        message = f"The counter began again, last at {time_text(float(at[-1]))}."
        found.add("resets", int(resets.sum()), message, first=float(at[0]))
        rise = np.where(resets, values[1:], rise)
    bridged = steps > max(interval, 2 * apart if apart else 0.0) * 1.05
    if bridged.any():
        message = "Increases over gaps belong to no interval and were left out."
        begun = float(times[:-1][bridged][0])
        found.add("unattributed", int(bridged.sum()), message, first=begun, amount=float(rise[bridged].sum()))
    first = int(np.floor((times[0] - phase) / interval))
    size = int(np.ceil((times[-1] - phase) / interval)) - first
    start = phase + first * interval
    edges = start + interval * np.arange(max(size, 1) + 1, dtype=np.float64)
    grown = _at_edges(edges, times, np.where(bridged, 0.0, rise))
    coverage = _at_edges(edges, times, np.where(bridged, 0.0, steps)) / interval
    grown = np.where(coverage > 0, grown, np.nan)
    return Bins(start, interval, _without_thin(grown, coverage, least, start, interval, True, found))


def _at_edges(edges: Floats, times: Floats, amounts: Floats) -> Floats:
    """How much of `amounts`, each spread evenly between its two times, falls between neighbouring edges."""
    if times.size < 2:
        return np.zeros(edges.size - 1)
    total = np.concatenate(([0.0], np.cumsum(amounts)))
    return np.maximum(np.diff(np.interp(edges, times, total)), 0.0)
