# SPDX-License-Identifier: GPL-3.0-or-later
"""Times of log lines: the same minute stands in thousands of lines, so each is worked out once."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np

from ..series_points import EARLIEST, LATEST
from .times import offsets_of, read_time

_MONTHS = {name: number for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_MOST_KNOWN = 200_000


class LogTimes:
    """Seconds since 1970 (UTC) of what logs write.

    Args:
        zone: of times without one; None for UTC.
        form: format of times, as in ``strptime``.

    Attributes:
        assumed_utc: whether there was a time without a zone, and no zone was given.
    """

    def __init__(self, zone: ZoneInfo | None, form: str | None) -> None:
        self._zone = zone
        self._form = form
        self._known: dict[tuple[str, str], float | None] = {}
        self._ambiguous: list[tuple[float, float]] = []
        self.assumed_utc = False

    def of(self, stamp: str, zone: str) -> float | None:
        """The time, or None where it is none."""
        key = (stamp, zone)
        if key in self._known:
            return self._known[key]
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        try:
            found = self._common(stamp, zone) if stamp[2:3] == "/" and self._form is None else self._other(stamp, zone)
        except (ValueError, OverflowError, KeyError, OSError):
            found = None
        if found is not None and not EARLIEST <= found < LATEST:
            found = None
        self._known[key] = found
        return found

    @staticmethod
    def _common(stamp: str, zone: str) -> float:
        """``10/Oct/2000:13:55``, with or without seconds, and ``-0700``: as Common Log Format has it."""
        hours, minutes = int(zone[1:3]), int(zone[3:5])
        offset = timedelta(hours=hours, minutes=minutes) * (-1 if zone[:1] == "-" else 1)
        seconds = int(stamp[18:20]) if len(stamp) > 17 else 0
        day, month, year = int(stamp[:2]), _MONTHS[stamp[3:6]], int(stamp[7:11])
        # A leap second is the last one of its minute.
        hour, minute, second = int(stamp[12:14]), int(stamp[15:17]), min(seconds, 59)
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone(offset)).timestamp()

    def _other(self, stamp: str, zone: str) -> float | None:
        seconds, local = read_time(stamp + zone, self._form)
        if not local:
            return seconds
        if self._zone is None:
            self.assumed_utc = True
            return seconds
        first, second = (float(one[0]) for one in offsets_of(np.array([seconds]), self._zone))
        if first < second:
            return None
        if first > second:
            self._ambiguous.append((seconds - first, seconds - second))
        return seconds - first

    def ambiguous_spans(self) -> tuple[tuple[float, float], ...]:
        """From when to when local times stand for two times each, one span for each change of clocks."""
        spans: list[tuple[float, float]] = []
        for begin, end in sorted(self._ambiguous):
            if spans and begin - spans[-1][0] < 86400:
                spans[-1] = (spans[-1][0], max(spans[-1][1], end + 60))
            else:
                spans.append((begin, end + 60))
        return tuple(spans)
