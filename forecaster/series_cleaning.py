# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a regular series of points, and says what it met. What is not known stays NaN; nothing is made up.

For everything that is counted, the sum of the series and `Findings.left_out` are together the sum of the distinct rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from ..plugins.module_utils.model.errors import InvalidInput
from ..plugins.module_utils.model.units import format_duration
from .series import Findings, Floats, Points, Series
from .series_bins import Bins, bin_counter, bin_events, bin_rows
from .series_points import (
    CLOCK_TOLERANCE,
    Duplicates,
    in_order,
    one_for_each_time,
    possible_times,
    possible_values,
    spacings,
    time_text,
    without_repeated,
)

HOUR, DAY = 3600, 86400
_MOST_INTERVALS = 2_000_000


@dataclass(frozen=True)
class Rules:
    """How to clean.

    Attributes:
        interval: seconds of one value, at most a day; None for the distance of the rows.
        now: seconds since 1970 (UTC). Intervals that are not over are left out, and a series that ends earlier gets
            NaN up to now. None where the data are history and no clock counts.
        zone: by whose midnight days are cut, and by whose hours half-hour zones are.
        duplicates: which one counts of different values of the same time.
        history: seconds before now (or the last row) that are kept; None for all.
        least_coverage: share of an interval that must be known; with less it is a gap.
        stale: seconds without a value up to now after which a series is refused.
    """

    interval: int | None = None
    now: float | None = None
    zone: str = "UTC"
    duplicates: Duplicates = "last"
    history: int | None = None
    least_coverage: float = 0.8
    stale: int = 14 * DAY


@dataclass
class Cleaned:
    """What became of a table.

    Attributes:
        series: the usable ones, by workload and signal.
        findings: of every workload and signal, the refused ones too.
        refused: why there is no series for a workload and signal.
    """

    series: list[Series] = field(default_factory=list)
    findings: dict[tuple[str, str], Findings] = field(default_factory=dict)
    refused: dict[tuple[str, str], str] = field(default_factory=dict)


def clean_all(table: Iterable[Points], rules: Rules) -> Cleaned:
    """Cleans every workload and signal by itself: one that cannot be used is refused, and the others go on."""
    grouped: dict[tuple[str, str], list[Points]] = {}
    for points in table:
        grouped.setdefault((points.workload, points.signal), []).append(points)
    result = Cleaned()
    for key in sorted(grouped):
        found = result.findings[key] = Findings()
        try:
            series = clean(joined(grouped[key]), rules, found)
        except InvalidInput as error:
            met = [one.message for one in found if one.message not in error.message]
            result.refused[key] = " ".join([error.message, *([error.fix] if error.fix else []), *met])
        else:
            result.series.append(series)
    return result


def joined(parts: list[Points]) -> Points:
    """One signal that came from several sources.

    Events are known only while all of their sources were watching.

    Raises:
        InvalidInput: the sources disagree about what the values are.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    for other in parts[1:]:
        if (other.kind, other.unit, other.aggregate) != (first.kind, first.unit, first.aggregate):
            message = f"one source gives {first.kind} in '{first.unit}', another {other.kind} in '{other.unit}'."
            raise InvalidInput(message, parameter=f"{first.workload}/{first.signal}", fix="Give the signals two names.")
    covers = [one.covered for one in parts if one.covered is not None]
    return replace(
        first,
        times=np.concatenate([one.times for one in parts]),
        values=np.concatenate([one.values for one in parts]),
        covered=(max(one[0] for one in covers), min(one[1] for one in covers)) if covers else None,
        unobserved=tuple(gap for one in parts for gap in one.unobserved),
        non_negative=all(one.non_negative for one in parts),
        found=tuple(finding for one in parts for finding in one.found),
    )


def clean(points: Points, rules: Rules, found: Findings) -> Series:
    """The regular series of `points`; what is met goes to `found`.

    Raises:
        InvalidInput: nothing usable is left, or the rows cannot give the interval that is wanted.
    """
    name = f"{points.workload}/{points.signal}"
    found.extend(points.found)
    if not points.times.size and points.covered is None:
        raise InvalidInput("there is not one row.", parameter=name)
    counted = points.kind in ("count", "events")
    times, values = points.times, points.values
    if points.kind != "events":
        # First of all, so that nothing that is left out below is left out twice.
        times, values = without_repeated(times, values, found)
    times, values = possible_times(times, values, rules.now, counted, found)
    values = possible_values(times, values, points.non_negative, counted, found)
    times, values = in_order(times, values, found)
    times, values = one_for_each_time(times, values, points.kind, rules.duplicates, found)
    if not np.isfinite(values).any() and points.covered is None:
        why = "; ".join(one.message for one in found) or "All rows are without a value."
        raise InvalidInput(f"no row with a usable value. {why}", parameter=name)
    bins = _to_bins(replace(points, times=times, values=values), rules, found, name)
    bins = _cut(bins, rules, points.kind != "gauge", found, name)
    series = Series(
        points.workload,
        points.signal,
        points.unit,
        datetime.fromtimestamp(bins.start, UTC),
        bins.interval,
        bins.values,
        points.non_negative,
        rules.zone,
        _newest(times, values, bins) if points.kind == "gauge" else float("nan"),
    )
    _describe(series, found)
    return series


def _newest(times: Floats, values: Floats, bins: Bins) -> float:
    """The newest of the values after the last interval: a level tells what is there before its interval is over."""
    later = np.isfinite(values) & (times >= bins.start + bins.values.size * bins.interval)
    return float(values[later][-1]) if later.any() else float("nan")


def _to_bins(points: Points, rules: Rules, found: Findings, name: str) -> Bins:
    """The sums or levels of all intervals from the first row to the last."""
    apart = spacings(points.times) if points.kind != "events" else None
    interval = rules.interval
    if interval is not None and not 1 <= interval <= DAY:
        raise InvalidInput(f"an interval of {interval} s is out of range.", parameter="interval", fix="Give 1s to 1d.")
    if apart is not None:
        interval = _check_spacing(points, apart, interval, found, name)
    elif interval is None:
        interval = HOUR
        if points.kind == "events":
            found.add("note", 1, "No interval was given: events were counted by the hour.")
        elif points.times.size > 1:
            message = "Rows keep no regular distance and no interval was given: hours were taken."
            found.add("mixed_intervals", points.times.size, message)
    zone = ZoneInfo(rules.zone)
    if interval == DAY:
        points = _by_local_days(points, zone)
    phase = _phase_of_zone(points, interval, zone)
    _refuse_endless(points, interval, name)
    if points.kind == "events":
        return bin_events(points, interval, phase, found)
    if points.kind == "counter":
        return bin_counter(points, interval, phase, None if apart is None else apart[0], rules.least_coverage, found)
    return bin_rows(points, interval, phase, apart, rules.least_coverage, found)


def _check_spacing(
    points: Points, apart: tuple[float, Floats], interval: int | None, found: Findings, name: str
) -> int:
    """The interval to use, of rows that keep a distance."""
    rule, local = apart
    several = sorted({float(one) for one in np.unique(local)} | {rule})
    if len(several) > 1:
        texts = ", ".join(format_duration(int(one)) for one in several)
        found.add("mixed_intervals", len(several), f"Rows come at different intervals: {texts}.")
    if interval is None:
        return int(min(max(several), DAY))
    if rule > interval and points.kind in ("count", "counter"):
        wide, narrow = format_duration(int(rule)), format_duration(interval)
        message = f"rows come every {wide}, which gives no values of {narrow}."
        raise InvalidInput(message, parameter=name, fix=f"Take an interval of {wide} or longer.")
    if rule > interval:
        message = (
            f"Rows come every {format_duration(int(rule))}, so most intervals of {format_duration(interval)} are gaps."
        )
        found.add("note", 1, message)
    return interval


def _by_local_days(points: Points, zone: ZoneInfo) -> Points:
    """With times as if the zone had kept its last offset: so every local day has 24 hours and begins at midnight."""
    ends = np.array([one for pair in ((points.covered or ()), *points.unobserved) for one in pair], dtype=np.float64)
    everything = np.concatenate((points.times, ends))
    hours = np.unique(everything // HOUR)
    offsets = np.array([_offset(float(hour) * HOUR, zone) for hour in hours])
    moved = everything + offsets[np.searchsorted(hours, everything // HOUR)] - offsets[-1]
    times, ends = moved[: points.times.size], moved[points.times.size :].tolist()
    pairs = list(zip(ends[::2], ends[1::2], strict=True))
    covered = pairs.pop(0) if points.covered is not None else None
    return replace(points, times=times, covered=covered, unobserved=tuple(pairs))


def _phase_of_zone(points: Points, interval: int, zone: ZoneInfo) -> float:
    """Where intervals begin, so that they are cut by the zone's clock."""
    last = points.times[-1] if points.times.size else (points.covered or (0.0, 0.0))[1]
    return float(-_offset(float(last), zone) % interval)


def _offset(at: float, zone: ZoneInfo) -> float:
    offset = datetime.fromtimestamp(at, zone).utcoffset()
    return 0.0 if offset is None else offset.total_seconds()


def _refuse_endless(points: Points, interval: int, name: str) -> None:
    ends = [*(points.covered or ()), *([points.times[0], points.times[-1]] if points.times.size else [])]
    span = max(ends) - min(ends)
    if span / interval > _MOST_INTERVALS:
        message = f"rows from {time_text(min(ends))} to {time_text(max(ends))} make {span / interval:,.0f} intervals."
        raise InvalidInput(message, parameter=name, fix="Is a time wrong? Else take a longer interval.")


def _cut(bins: Bins, rules: Rules, counted: bool, found: Findings, name: str) -> Bins:
    """Without the interval that is not over, without what is too old, and with NaN for what should be there by now."""
    start, interval, values = bins
    now = rules.now
    if now is not None:
        over = max(0, int((now - start) // interval))
        if over < values.size:
            amount = float(np.nansum(values[over:])) if counted else 0.0
            message = "The last interval is not over yet and was left out."
            found.add("partial_last", values.size - over, message, first=start + over * interval, amount=amount)
            values = values[:over]
    known = np.flatnonzero(np.isfinite(values))
    if not known.size:
        raise InvalidInput(
            "no whole interval is known.", parameter=name, fix="Take a shorter interval or more history."
        )
    # Rows without a value at the end are a missing tail as much as rows that are not there.
    values = values[known[0] : known[-1] + 1]
    start += int(known[0]) * interval
    if now is not None:
        values = _with_tail(start, interval, values, now, rules.stale, found, name)
    if rules.history is not None:
        keep = max(1, rules.history // interval)
        if values.size > keep:
            dropped = values.size - keep
            amount = float(np.nansum(values[:dropped])) if counted else 0.0
            message = f"Only the last {format_duration(rules.history)} were kept."
            found.add("truncated", dropped, message, first=start, amount=amount)
            values, start = values[dropped:], start + dropped * interval
            if not np.isfinite(values).any():
                raise InvalidInput("no value is left in the history that is kept.", parameter=name)
    return Bins(start, interval, values)


def _with_tail(
    start: float, interval: int, values: Floats, now: float, stale: int, found: Findings, name: str
) -> Floats:
    missing = int((now - start) // interval) - values.size
    if missing < 1:
        return values
    end = start + values.size * interval
    if now - end > stale:
        message = (
            f"the last value is of {time_text(end - interval)}, {format_duration(int((now - end) // HOUR * HOUR))} ago."
        )
        raise InvalidInput(message, parameter=name, fix="Is the source still written, and the clock right?")
    message = f"Values are missing up to now, the last {missing} intervals."
    found.add("missing_tail", missing, message, first=end)
    return np.concatenate((values, np.full(missing, np.nan)))


def _describe(series: Series, found: Findings) -> None:
    """Notes gaps, and what makes forecasting hard."""
    values = series.values
    known = np.flatnonzero(np.isfinite(values))
    inner = values[: known[-1] + 1]
    gap = np.isnan(inner)
    if gap.any():
        edges = np.flatnonzero(np.diff(np.concatenate(([0], gap.astype(np.int8), [0]))))
        lengths = edges[1::2] - edges[::2]
        longest = int(lengths.argmax())
        message = (
            f"{int(gap.sum())} of {inner.size} intervals are gaps, in {lengths.size} places; the longest is "
            f"{format_duration(int(lengths[longest]) * series.interval)} from "
            f"{time_text(float(series.times[edges[::2][longest]]))}."
        )
        found.add("gaps", int(gap.sum()), message, first=float(series.times[edges[0]]))
    if known.size == 1:
        found.add("short", 1, "There is one value only.")
    elif np.ptp(values[known]) == 0:
        found.add("constant", known.size, f"All values are {values[known[0]]:g}.")


__all__ = ["CLOCK_TOLERANCE", "Cleaned", "Rules", "clean", "clean_all", "joined"]
