# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as files write them, in seconds since 1970 (UTC); and what a change of clocks does to local times."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ..series import Findings, Floats

_LEAST_NUMBER = 1e8
"""A smaller number is a date like 20260131, not seconds since 1970."""
_QUARTER = 900
"""All offsets in use, and all changes of clocks since 1980, are at whole quarters of an hour (Lord Howe: half)."""


def read_time(text: str, form: str | None = None) -> tuple[float, bool]:
    """Seconds, and whether they are of a local clock: then as if that were UTC's.

    Takes ISO 8601 (RFC 3339 too), the same with slashes in the date, and seconds, milli-, micro- or nanoseconds since
    1970; or what `form` says (``strptime``).

    Raises:
        ValueError: it is no time.
    """
    if form is not None:
        return _seconds(datetime.strptime(text, form))  # noqa: DTZ007, a format without zone gives a local time
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if number >= _LEAST_NUMBER:
        return since_1970(number), False
    if text[4:5] == "/" and text[7:8] == "/":
        text = f"{text[:4]}-{text[5:7]}-{text[8:]}"
    return _seconds(datetime.fromisoformat(text.removesuffix(" UTC") + "Z" if text.endswith(" UTC") else text))


def since_1970(number: float) -> float:
    """Seconds, of a number that counts seconds or thousandths, millionths or milliards of them.

    Raises:
        ValueError: it is no finite number.
    """
    if not np.isfinite(number):
        raise ValueError("no finite number")
    for most, unit in ((1e11, 1), (1e14, 1e3), (1e17, 1e6)):
        if abs(number) < most:
            return number / unit
    return number / 1e9


def _seconds(found: datetime) -> tuple[float, bool]:
    local = found.utcoffset() is None
    return (found.replace(tzinfo=UTC) if local else found).timestamp(), local


def offsets_of(walls: Floats, zone: ZoneInfo) -> tuple[Floats, Floats]:
    """How far the zone is ahead of UTC at local times: by their first reading and by their second one."""
    quarters, places = np.unique(walls // _QUARTER, return_inverse=True)
    first, second = np.empty(quarters.size), np.empty(quarters.size)
    for place, quarter in enumerate(quarters.tolist()):
        wall = datetime.fromtimestamp(quarter * _QUARTER, UTC).replace(tzinfo=zone)
        first[place] = _offset(wall)
        second[place] = _offset(wall.replace(fold=1))
    return first[places], second[places]


def _offset(wall: datetime) -> float:
    offset = wall.utcoffset()
    return 0.0 if offset is None else offset.total_seconds()


def from_local(walls: Floats, zone: ZoneInfo, found: Findings) -> Floats:
    """UTC of local times, in the order of their rows.

    When clocks go back, an hour comes twice: its second pass begins where time steps back, or where a time comes
    again. What clocks skipped when they went forward is no time: NaN.
    """
    first, second = offsets_of(walls, zone)
    times = walls - first
    skipped = first < second
    if skipped.any():
        message = f"Times that {zone.key} skipped when its clocks went forward were left out: is the zone right?"
        found.add("dst_skipped", int(skipped.sum()), message, first=float(times[skipped].min()))
    ambiguous = np.flatnonzero(first > second)
    if ambiguous.size:
        later = ambiguous[_second_pass(walls, ambiguous)]
        times[later] = walls[later] - second[later]
        message = (
            f"Times that {zone.key} has twice were told apart by their order; {later.size} are of the second pass."
        )
        found.add("dst_repeated", int(ambiguous.size), message, first=float(times[ambiguous].min()))
    times[skipped] = np.nan
    return times


def _second_pass(walls: Floats, ambiguous: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which of the ambiguous rows belong to the second pass, looking at one change of clocks after the other."""
    steps = np.diff(walls)
    newest_first = (steps < 0).sum() > (steps > 0).sum()
    order = ambiguous[::-1] if newest_first else ambiguous
    later = np.zeros(ambiguous.size, dtype=bool)
    seen: set[float] = set()
    before, passed, day = -np.inf, False, None
    for place, wall in enumerate(walls[order].tolist()):
        if day is None or abs(wall - day) > 86400:
            seen, before, passed, day = set(), -np.inf, False, wall
        passed = passed or wall < before
        later[place] = passed or wall in seen
        seen.add(wall)
        before = wall
    return later[::-1] if newest_first else later


def to_utc(times: Floats, local: NDArray[np.bool_], zone: ZoneInfo | None, found: Findings) -> Floats:
    """UTC of rows of which some may be local; without a zone these are taken as UTC, which is said."""
    if not local.any():
        return times
    if zone is None:
        message = "Times without a zone were read as UTC; give the option 'zone' if they are not."
        found.add("note", 1, message, first=float(times[local][0]))
        return times
    times = times.copy()
    times[local] = from_local(times[local], zone, found)
    return times
