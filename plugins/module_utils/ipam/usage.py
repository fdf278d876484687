# SPDX-License-Identifier: GPL-3.0-or-later
"""How well what was reserved was used, over any time window: address-hours, hit rate, waste, misses.

Hit rate is the share of instance creations that were served from a reservation. Waste is idle reserved address-hours
over used address-hours. Both are None where there was nothing to divide by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from ..ledger.rows import format_time
from ..ledger.transaction import Transaction
from ..model.errors import InvalidInput
from ..model.units import parse_duration
from .parsing import parse_time
from .usage_reasons import KINDS
from .usage_replay import LEVELS, Replay, first_time
from .usage_state import FORM, Key
from .usage_sums import Counts, Sums, between

HOUR = 3_600_000
RESERVATIONS = ("made", "changed", "expired", "reclaimed", "removed", "superseded")
TRAFFIC = ("packets_ahead", "packets_unreserved", "instances_idle")


class Window(NamedTuple):
    """From ``since`` on and before ``until``, milliseconds since the epoch.

    ``closed``: it ends at the present, and what happened in the very last millisecond belongs to it.
    """

    since: int
    until: int
    closed: bool

    def holds(self, time: int) -> bool:
        """Is the moment inside?"""
        return self.since <= time and (time < self.until or (self.closed and time == self.until))


def read_window(since: Any, until: Any, now: int, parameter: str = "usage") -> Window:
    """A window as people write it.

    Args:
        since: ISO 8601 with zone, or a duration back from ``now`` such as ``7d``; None for all that is known.
        until: the same; None for ``now``, and nothing later counts.

    Raises:
        InvalidInput: not a time, or the window is empty.
    """
    first = 0 if since is None else read_moment(since, now, f"{parameter}.since")
    last = now if until is None else min(now, read_moment(until, now, f"{parameter}.until"))
    if last < first or (last == first and since is not None and until is not None):
        raise InvalidInput(
            f"the window is empty: it ends at {format_time(last)}, and begins at {format_time(first)}.",
            parameter=f"{parameter}.since",
        )
    return Window(first, last, last == now)


def read_moment(value: Any, now: int, parameter: str) -> int:
    """Milliseconds since the epoch for ISO 8601 with zone, or for a duration before ``now``. Raises InvalidInput."""
    text = str(value).strip()
    if text[:1].isdigit() and text[-1:].lower() in "smhdw":
        return now - parse_duration(text, parameter) * 1000
    return parse_time(text, parameter)


def usage(transaction: Transaction, window: Window, *, whole: bool = False) -> dict[str, Any]:
    """What became of shadow reservations and instances in a window, from the audit trail.

    Args:
        whole: read the trail from its beginning, even where a summary of it would do.

    Returns:
        ``since``, ``until``, ``recorded_since`` (the first event, None where there is none), and ``totals``,
        ``pools`` and ``workloads``: an entry for each family, pool and family, workload and family.
    """
    meter = _Meter(*_difference(transaction, window, whole))
    first = first_time(transaction)
    workloads = meter.entries(("workload", "family"), lambda key: (key.workload, f"ipv{key.family}"))
    return {
        "since": format_time(window.since if window.since or first is None else first),
        "until": format_time(window.until),
        "recorded_since": format_time(first),
        "totals": meter.entries(("family",), lambda key: (f"ipv{key.family}",)),
        "pools": meter.pools(),
        "workloads": [one for one in workloads if one["workload"]],
    }


def _difference(transaction: Transaction, window: Window, whole: bool) -> tuple[Counts, Counts]:
    """Address-milliseconds and counts of a window. Of what lies amid it, nothing is read that a summary has."""
    since, until = window.since, window.until
    replay, sums = _begin(transaction, None if whole else since)
    replay.proceed(since - 1)
    early = sums.at(since)
    if not whole and transaction.summarised(FORM, until)[0] > replay.begins:
        replay, sums = _begin(transaction, until)
    replay.proceed(until if window.closed else until - 1)
    late = sums.at(until)
    return between(early[0], late[0]), between(early[1], late[1])


def _begin(transaction: Transaction, before: int | None) -> tuple[Replay, Sums]:
    sums = Sums()
    return Replay(transaction, sums, before), sums


class _Meter:
    """Makes entries of address-milliseconds and counts by key."""

    def __init__(self, hours: Counts, counts: Counts) -> None:
        self._hours, self._counts = hours, counts
        self._against = {key: number for key, values in counts.items() if (number := values.pop("against", 0))}

    def entries(self, names: tuple[str, ...], group: Callable[[Key], tuple[Any, ...]]) -> list[dict[str, Any]]:
        """Sums over keys that are the same to ``group``."""
        hours: dict[Hashable, Counter[str]] = {}
        counts: dict[Hashable, Counter[str]] = {}
        for found, into in ((self._hours, hours), (self._counts, counts)):
            for key, values in found.items():
                sums = into.setdefault(group(key), Counter())
                for what, number in values.items():
                    sums[what] += number
        every: list[Any] = sorted({**hours, **counts}, key=str)
        shown = [
            {**dict(zip(names, one, strict=True)), **_entry(hours.get(one, Counter()), counts.get(one, Counter()))}
            for one in every
        ]
        return [one for one in shown if one.pop("any")]

    def pools(self) -> list[dict[str, Any]]:
        """By pool. A shadow pool answers for the misses of workloads for which it held something at the time."""
        for key, number in self._against.items():
            entry = self._counts.setdefault(key, Counter())
            entry["missed:against"] += number
            entry["created"] += number
        found = self.entries(("pool", "family"), lambda key: (key.pool, f"ipv{key.family}"))
        for key, number in self._against.items():
            self._counts[key]["missed:against"] -= number
            self._counts[key]["created"] -= number
        return [one for one in found if one["pool"] is not None]


def _entry(hours: Counter[str], counts: Counter[str]) -> dict[str, Any]:
    used = hours["activated"] + hours["dynamic"]
    created, hits = counts["created"], counts["hits"]
    reasons = {kind: counts[f"missed:{kind}"] for kind in KINDS if counts[f"missed:{kind}"]}
    return {
        **{f"{what}_hours": _hours(hours[what]) for what in LEVELS},
        "used_hours": _hours(used),
        "waste": round(hours["idle"] / used, 4) if used else None,
        "created": created,
        "deleted": counts["deleted"],
        "hits": hits,
        "missed": created - hits,
        "missed_by_reason": reasons,
        "hit_rate": round(hits / created, 4) if created else None,
        **{f"reservations_{word}": counts[f"reservations_{word}"] for word in RESERVATIONS},
        **{what: counts[what] for what in TRAFFIC},
        "any": any(hours.values()) or any(counts.values()),
    }


def _hours(milliseconds: int) -> float:
    return round(milliseconds / HOUR, 3)
