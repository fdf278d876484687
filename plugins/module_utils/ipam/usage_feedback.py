# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a forecast: per workload the creations that it served and missed, and what it reserved for nobody.

For whoever makes the next forecast. Windows that follow each other tell of everything once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..ledger.ledger import Ledger
from ..ledger.transaction import Transaction
from .usage import HOUR, Window, read_window
from .usage_replay import Listener, Replay
from .usage_state import Key, Stretch


class Miss(NamedTuple):
    """A creation that no reservation served.

    Attributes:
        time: milliseconds since the epoch.
        reason: one of ``usage_reasons.KINDS``; ``words`` explain it.
    """

    time: int
    instance: str
    location: str | None
    reason: str
    words: str


class Ended(NamedTuple):
    """What one reservation held for one forecast, from its beginning until it ended or another forecast took it over.

    Attributes:
        forecast_id, confidence: as they were reserved with; None where none were given.
        since, until: milliseconds since the epoch. It is told of in the window that has ``until``, as a whole, even
            where it began earlier.
        ended: ``expired``, ``removed``, ``superseded``, ``reclaimed``, or ``replanned`` where it goes on with another
            forecast id or confidence.
        instances: the most that it was for at once.
        reserved_hours, idle_hours: instance-hours: of each prefix, whatever its size, the hours that it was held from
            the reservation's beginning on; and of that, those in which no instance had it and in which it did not rest
            after one.
    """

    reservation: str
    location: str | None
    family: int
    forecast_id: str | None
    confidence: float | None
    since: int
    until: int
    ended: str
    instances: int
    reserved_hours: float
    idle_hours: float

    @property
    def unused(self) -> bool:
        """Did no instance come for it at all?"""
        return self.idle_hours == self.reserved_hours


class Forecast(NamedTuple):
    """The forecast that a reservation was made by, as far as it was told."""

    forecast_id: str | None
    confidence: float | None


@dataclass(frozen=True, slots=True)
class WorkloadFeedback:
    """What became of what was reserved for a workload, in a window.

    Attributes:
        hits: creations that were served from a reservation, by location.
        misses: the other creations, in order of time.
        ended: reservations that had begun and ended, in order of their end.
    """

    workload: str
    hits: dict[str | None, int]
    misses: tuple[Miss, ...]
    ended: tuple[Ended, ...]

    @property
    def created(self) -> int:
        """Creations of instances."""
        return sum(self.hits.values()) + len(self.misses)

    @property
    def hit_rate(self) -> float | None:
        """Hits by creations; None where nothing was created."""
        return sum(self.hits.values()) / self.created if self.created else None

    @property
    def missed_by_reason(self) -> dict[str, int]:
        """Number of misses by reason."""
        return dict(Counter(one.reason for one in self.misses))

    @property
    def unused_hours(self) -> dict[Forecast, float]:
        """Idle instance-hours of what ended, by forecast."""
        found: dict[Forecast, float] = {}
        for one in self.ended:
            forecast = Forecast(one.forecast_id, one.confidence)
            found[forecast] = found.get(forecast, 0.0) + one.idle_hours
        return found


def feedback(ledger: Ledger, since: Any = None, until: Any = None) -> dict[str, WorkloadFeedback]:
    """What became of reservations in a window, from the audit trail, by workload.

    Args:
        ledger: open; it is only read.
        since: a ``datetime`` with zone or the same as ISO 8601, or a duration back from now such as ``7d``; None for
            all that is known.
        until: the same, and not part of the window; None for now.

    Returns:
        An entry for each workload that had a creation, or a reservation that ended.

    Raises:
        InvalidInput: not a time, or the window is empty.
    """
    with ledger.snapshot() as transaction:
        return read_feedback(transaction, read_window(since, until, transaction.now, "feedback"))


def read_feedback(transaction: Transaction, window: Window, *, whole: bool = False) -> dict[str, WorkloadFeedback]:
    """``feedback`` inside a transaction.

    Args:
        whole: read the trail from its beginning, even where a summary of it would do.
    """
    collector = _Collector(window)
    Replay(transaction, collector, None if whole else window.since).proceed(window.until)
    return collector.found()


class _Collector(Listener):
    def __init__(self, window: Window) -> None:
        self._window = window
        self._hits: dict[str, Counter[str | None]] = {}
        self._misses: dict[str, list[Miss]] = {}
        self._ended: dict[str, list[Ended]] = {}
        self._latest: dict[str, tuple[list[Miss], int]] = {}

    def happened(self, time: int, keys: Sequence[Key], what: str, number: int = 1) -> None:
        """Hits; the rest has ways of its own."""
        if what == "hits" and self._window.holds(time):
            for key in keys:
                self._hits.setdefault(key.workload, Counter())[key.location] += number

    def missed(self, time: int, instance: str, key: Key, reason: str, words: str, again: bool) -> None:
        """A miss; told again, it takes the place of what was told first."""
        if not self._window.holds(time):
            return
        found = Miss(time, instance, key.location, reason, words)
        if again:
            misses, at = self._latest[instance]
            misses[at] = found
            return
        misses = self._misses.setdefault(key.workload, [])
        self._latest[instance] = misses, len(misses)
        misses.append(found)

    def ended(self, stretch: Stretch) -> None:
        """A reservation, or one forecast's part of it."""
        if self._window.holds(stretch.until):
            found = Ended(
                stretch.name,
                stretch.location,
                stretch.family,
                stretch.forecast_id,
                stretch.confidence,
                stretch.since,
                stretch.until,
                stretch.ended,
                stretch.instances,
                stretch.held / HOUR,
                stretch.idle / HOUR,
            )
            self._ended.setdefault(stretch.workload, []).append(found)

    def found(self) -> dict[str, WorkloadFeedback]:
        """By workload, in order of their names."""
        return {
            name: WorkloadFeedback(
                name,
                dict(self._hits.get(name, {})),
                tuple(self._misses.get(name, ())),
                tuple(self._ended.get(name, ())),
            )
            for name in sorted({*self._hits, *self._misses, *self._ended})
        }
