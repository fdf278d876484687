# SPDX-License-Identifier: GPL-3.0-or-later
"""The plain table that all readers fill, and the regular series that all models take.

A reader gives `Points`: what one workload's signal was, as the source tells it. Cleaning makes a `Series` of it:
one value an interval, NaN where nothing is known, and `Findings` that say what was met on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Kind = Literal["gauge", "count", "events", "counter"]
"""What a value says.

``gauge``: a level at that time (memory, instances). ``count``: how much happened in the interval of the row; no row
means nothing is known. ``events``: how much happened at that time; no row means that nothing happened.
``counter``: a total that only grows, and begins again at 0 (a reset).
"""
KINDS: tuple[str, ...] = get_args(Kind)

Aggregate = Literal["mean", "max"]

FindingKind = Literal[
    "gaps",
    "missing_tail",
    "partial_first",
    "partial_last",
    "thin",
    "unobserved",
    "zeros",
    "duplicates",
    "conflicts",
    "unsorted",
    "mixed_intervals",
    "resets",
    "unattributed",
    "dst_repeated",
    "dst_skipped",
    "dropped_lines",
    "negative",
    "not_finite",
    "huge",
    "future",
    "constant",
    "short",
    "truncated",
    "note",
]


_FIRST_SHOWN, _LAST_SHOWN = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (1, 9999))


@dataclass(frozen=True)
class Signal:
    """What is known of a signal by its name; a source may say otherwise.

    Attributes:
        aggregate: how several levels within one interval become one. What has to be reserved is the most that was
            needed at a time, so instances count by their maximum.
    """

    kind: Kind
    unit: str
    aggregate: Aggregate = "mean"


SIGNALS: dict[str, Signal] = {
    "requests": Signal("count", "requests"),
    "cpu": Signal("gauge", "cores"),
    "memory": Signal("gauge", "bytes"),
    "io": Signal("count", "bytes"),
    "instances": Signal("gauge", "instances", "max"),
    "creations": Signal("count", "instances"),
    "deletions": Signal("count", "instances"),
}
UNKNOWN_SIGNAL = Signal("gauge", "")


def known_signal(name: str) -> Signal:
    """What is known of the signal `name`: a plain gauge without unit for names that are not in `SIGNALS`."""
    return SIGNALS.get(name, UNKNOWN_SIGNAL)


@dataclass(frozen=True)
class Finding:
    """One thing that was met while reading or cleaning, and what was done about it.

    Attributes:
        count: how many rows, lines or intervals it concerns.
        message: one sentence for a person.
        first: when it was met first, if it has a time.
        amount: for counts, how much of the sum is not in the series because of it; 0 otherwise.
    """

    kind: FindingKind
    count: int
    message: str
    first: datetime | None = None
    amount: float = 0.0


@dataclass
class Findings:
    """What was found, in the order in which it was found."""

    items: list[Finding] = field(default_factory=list)

    def add(
        self, kind: FindingKind, count: int, message: str, *, first: float | None = None, amount: float = 0.0
    ) -> None:
        """Note it, unless it was met no time at all. `first` is in seconds since 1970 (UTC)."""
        if count:
            # A row whose time is none, or of no year that a calendar has, has no time to show.
            known = first is not None and _FIRST_SHOWN <= first < _LAST_SHOWN
            at = datetime.fromtimestamp(first or 0, UTC) if known else None
            self.items.append(Finding(kind, int(count), message, at, float(amount)))

    def extend(self, others: Iterable[Finding]) -> None:
        """Append what was found elsewhere."""
        self.items.extend(others)

    def count(self, kind: FindingKind) -> int:
        """How often things of this kind were met."""
        return sum(one.count for one in self.items if one.kind == kind)

    @property
    def left_out(self) -> float:
        """The part of the source's sum that is not in the series (counts only)."""
        return sum(one.amount for one in self.items)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.items)

    def __bool__(self) -> bool:
        return bool(self.items)


@dataclass(frozen=True)
class Points:
    """One workload's signal as a source tells it: unsorted, irregular, with duplicates.

    Attributes:
        times: seconds since 1970 (UTC). For ``count``: when the row's interval begins.
        values: NaN where the source has a row without a value.
        covered: from when to when the source watched (seconds), where it knows; for ``events`` silence between the
            two is zero, and nothing is known outside.
        unobserved: parts of `covered` in which the source did not watch.
        non_negative: whether a negative value is impossible.
        found: what the reader met.
    """

    workload: str
    signal: str
    kind: Kind
    unit: str
    times: Floats
    values: Floats
    aggregate: Aggregate = "mean"
    covered: tuple[float, float] | None = None
    unobserved: tuple[tuple[float, float], ...] = ()
    non_negative: bool = True
    found: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Series:
    """A regular series: ``values[i]`` belongs to ``[start + i * interval, start + (i + 1) * interval)``.

    Attributes:
        start: beginning of the first interval, in UTC.
        interval: seconds.
        values: NaN is a gap, also at the end (the source stopped before now).
        non_negative: whether forecasts below zero have no meaning.
        zone: IANA name of the time zone by whose clock people live; days and weeks repeat by it.
        newest: of levels, the newest value of the interval that is not over yet; NaN if it has none.
    """

    workload: str
    signal: str
    unit: str
    start: datetime
    interval: int
    values: Floats
    non_negative: bool = True
    zone: str = "UTC"
    newest: float = float("nan")

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None:
            raise ValueError("start has no time zone")
        if self.interval <= 0:
            raise ValueError("interval is not positive")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def key(self) -> tuple[str, str]:
        """Workload and signal."""
        return self.workload, self.signal

    @property
    def times(self) -> NDArray[np.int64]:
        """Beginning of every interval, in seconds since 1970 (UTC)."""
        return int(self.start.timestamp()) + self.interval * np.arange(len(self.values), dtype=np.int64)

    @property
    def end(self) -> datetime:
        """End of the last interval, and so the beginning of the first one to forecast."""
        return datetime.fromtimestamp(int(self.start.timestamp()) + self.interval * len(self.values), UTC)


Row = tuple[str, str, datetime, float, str]
"""Workload, signal, time, value, unit."""


def rows(series: Iterable[Series]) -> Iterator[Row]:
    """The plain table of many series; gaps are NaN."""
    for one in series:
        for at, value in zip(one.times.tolist(), one.values.tolist(), strict=True):
            yield one.workload, one.signal, datetime.fromtimestamp(at, UTC), value, one.unit
