# SPDX-License-Identifier: GPL-3.0-or-later
"""What workloads needed, interval by interval: the history that a forecast is made from."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ..ledger.rows import format_time
from ..ledger.transaction import Transaction
from ..model.errors import InvalidInput
from .usage import Window
from .usage_replay import Listener, Replay, first_time
from .usage_state import Key

COLUMNS = (
    "time",
    "workload",
    "location",
    "created",
    "deleted",
    "missed",
    "instances",
    "instances_max",
    "instances_mean",
    "reserved",
    "reserved_mean",
)
MOST_ROWS = 1_000_000
_NEEDED = ("activated", "dynamic")


class _Group(NamedTuple):
    workload: str
    location: str


class Interval(NamedTuple):
    """Row of a history: one workload at one location in one interval.

    ``time`` is the beginning, in milliseconds since the epoch; ``instances`` and ``reserved`` are as at the end.
    ``reserved`` counts the prefixes of reservations that have begun, those that instances have included.
    """

    time: int
    workload: str
    location: str
    created: int
    deleted: int
    missed: int
    instances: int
    instances_max: int
    instances_mean: float
    reserved: int
    reserved_mean: float


def usage_history(
    transaction: Transaction, window: Window, interval: int, workloads: Sequence[str] = (), *, whole: bool = False
) -> list[Interval]:
    """Creations, deletions, and instances at once, by workload and location over time.

    Only whole intervals: they begin at multiples of ``interval`` since the epoch, from the one with the window's
    beginning (or the ledger's first event, if that is later) to the last one that ended inside the window. Each
    workload and location that had an instance or a reservation by the end of the window has a row for every interval.

    Args:
        interval: its length in milliseconds.
        workloads: only these; empty for all.
        whole: read the trail from its beginning, even where a summary of it would do.

    Raises:
        InvalidInput: more than ``MOST_ROWS`` rows.
    """
    first = first_time(transaction, ("reservation", "instance"))
    if first is None:
        return []
    begin = max(window.since, first) // interval * interval
    number = window.until // interval - begin // interval
    if number <= 0:
        return []
    recorder = _Recorder(begin, interval, number, frozenset(workloads))
    # What comes later may not show, not even as a workload that was never seen by then.
    Replay(transaction, recorder, None if whole else begin).proceed(begin + number * interval - 1)
    return recorder.rows()


def as_csv(rows: Iterable[Interval]) -> str:
    """Rows as CSV (RFC 4180, but lines end with LF) with a header; times in ISO 8601, UTC."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((format_time(row.time), *row[1:]) for row in rows)
    return out.getvalue()


def shown(row: Interval) -> dict[str, Any]:
    """A row as modules return it."""
    return {**row._asdict(), "time": format_time(row.time), "location": row.location or None}


class _Series:
    """One workload at one location. Levels are carried from each change to the next, interval by interval."""

    def __init__(self, begin: int, interval: int, number: int) -> None:
        self._interval, self._begin, self._end = interval, begin, begin + number * interval
        self.counts = {word: [0] * number for word in ("created", "deleted", "missed")}
        self.levels = [0, 0]
        self.sums = [[0] * number, [0] * number]
        self.ends = [[0] * number, [0] * number]
        self.most = [0] * number
        self._since = begin

    def advance(self, time: int) -> None:
        """Lets the levels stand until then."""
        until = min(time, self._end)
        while self._since < until:
            at = (self._since - self._begin) // self._interval
            stop = min(until, self._begin + (at + 1) * self._interval)
            self.most[at] = max(self.most[at], self.levels[0])
            for which in (0, 1):
                self.sums[which][at] += self.levels[which] * (stop - self._since)
                self.ends[which][at] = self.levels[which]
            self._since = stop

    def change(self, time: int, which: int, delta: int) -> None:
        """A level rises or falls."""
        self.advance(time)
        self.levels[which] += delta

    def count(self, time: int, word: str, number: int) -> None:
        """Something happened."""
        if self._begin <= time < self._end:
            self.counts[word][(time - self._begin) // self._interval] += number


class _Recorder(Listener):
    def __init__(self, begin: int, interval: int, number: int, workloads: frozenset[str]) -> None:
        self._begin, self._interval, self._number = begin, interval, number
        self._workloads = workloads
        self._series: dict[_Group, _Series] = {}

    def level(self, time: int, key: Key, what: str, prefixes: int, size: int) -> None:
        """Instances that are needed, and what is reserved for them."""
        del size
        which = 0 if what in _NEEDED else 1 if what == "reserved" else None
        series = self._of(key) if which is not None else None
        if series is not None and which is not None:
            series.change(time, which, prefixes)

    def happened(self, time: int, keys: Sequence[Key], what: str, number: int = 1) -> None:
        """Creations, misses among them, and deletions."""
        word = "missed" if what.startswith("missed:") else what
        if word not in ("created", "deleted", "missed"):
            return
        for key in keys:
            series = self._of(key)
            if series is not None:
                series.count(time, word, number)

    def _of(self, key: Key) -> _Series | None:
        if self._workloads and key.workload not in self._workloads:
            return None
        group = _Group(key.workload, key.location or "")
        found = self._series.get(group)
        if found is None:
            if (len(self._series) + 1) * self._number > MOST_ROWS:
                raise InvalidInput(
                    f"the history would have more than {MOST_ROWS} rows.",
                    parameter="history.interval",
                    fix="Ask for a shorter window, a longer interval, or some workloads only.",
                )
            found = self._series[group] = _Series(self._begin, self._interval, self._number)
        return found

    def rows(self) -> list[Interval]:
        """All rows, by time, workload and location."""
        groups = sorted(self._series)
        for group in groups:
            self._series[group].advance(self._begin + self._number * self._interval)
        return [
            _row(self._series[group], at, self._begin + at * self._interval, group, self._interval)
            for at in range(self._number)
            for group in groups
        ]


def _row(series: _Series, at: int, time: int, group: _Group, interval: int) -> Interval:
    return Interval(
        time,
        group.workload,
        group.location,
        series.counts["created"][at],
        series.counts["deleted"][at],
        series.counts["missed"][at],
        series.ends[0][at],
        series.most[at],
        round(series.sums[0][at] / interval, 3),
        series.ends[1][at],
        round(series.sums[1][at] / interval, 3),
    )
