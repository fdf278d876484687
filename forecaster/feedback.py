# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger tells of plans that were made: hits, misses, unused reservations, and who runs on what now.

The only file of the forecaster that knows how the ledger counts. Reading changes nothing in it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..plugins.module_utils.ipam.usage import Window
from ..plugins.module_utils.ipam.usage_feedback import Miss, WorkloadFeedback, read_feedback
from ..plugins.module_utils.ipam.usage_reasons import EXHAUSTED, KINDS, RETURNED
from ..plugins.module_utils.ledger.ledger import Ledger

ELSEWHERE = ("node", "location", "security_profile", "family", RETURNED)
"""Misses that more reservations would not have helped: reserved was for another place, or no address was wanted."""
_EACH = 0.005
"""By how much one miss (times the wanted hit rate) raises levels, and one hit (times the rest) lowers them, where few
instances are created."""
_FEW = 20.0
"""Creations a day beyond which each of them says less: at twice that a third, so that chance alone moves levels of a
large workload no more than those of a small one."""
_REMEMBERED = 3.0
"""Days after which creations weigh a third as much in what is usual."""
_IDLE = 0.012
"""By how much a day of reservations lowers levels that were used half as much as was expected, or less."""
_MOST = 0.03
_DAY = 86_400_000


class Held(NamedTuple):
    """What reservations of one forecast held until they ended.

    Attributes:
        number: reservations, or the parts of them before a newer plan.
        time: how long they were held, in milliseconds, one after the other.
        reserved, idle: instance-hours, and those of them in which no instance had the prefix.
    """

    number: int = 0
    time: int = 0
    reserved: float = 0.0
    idle: float = 0.0

    def plus(self, other: Held) -> Held:
        """Both."""
        return Held(
            self.number + other.number,
            self.time + other.time,
            self.reserved + other.reserved,
            self.idle + other.idle,
        )


class Place(NamedTuple):
    """Creations at one location."""

    hits: int
    misses: int


@dataclass(frozen=True)
class Counted:
    """What the ledger counted of one workload in a window.

    Attributes:
        since, until: milliseconds since 1970.
        hits: instances that found a reserved address.
        misses: those that did not, by reason.
        too_few: misses that more reservations would have helped.
        places: hits and misses by location; empty for where none is known.
        ended: what reservations that ended had held, by the forecast that they were made by.
    """

    since: int
    until: int
    hits: int = 0
    misses: Mapping[str, int] = field(default_factory=dict)
    too_few: int = 0
    places: Mapping[str, Place] = field(default_factory=dict)
    ended: Mapping[str, Held] = field(default_factory=dict)

    @property
    def held(self) -> Held:
        """What all forecasts had reserved."""
        found = Held()
        for one in self.ended.values():
            found = found.plus(one)
        return found

    def judged(self, expected: Mapping[str, float]) -> tuple[Held, float]:
        """What forecasts had reserved of which it is known how much they expected to be used, and that in
        instance-hours.

        Args:
            expected: used share of what was reserved, by forecast.
        """
        held, hours = Held(), 0.0
        for forecast, one in self.ended.items():
            if forecast in expected:
                held = held.plus(one)
                hours += expected[forecast] * one.reserved
        return held, hours


class Usual(NamedTuple):
    """What is usual of a workload lately.

    Attributes:
        hits, short: a day: creations that found an address, and those that more reservations would have helped; times
            the weight.
        weight: of all that was seen up to now; 1 at the most.
    """

    hits: float = 0.0
    short: float = 0.0
    weight: float = 0.0

    @property
    def created(self) -> float:
        """Of these, all, a day."""
        return (self.hits + self.short) / self.weight if self.weight else 0.0

    def after(self, counted: Counted) -> Usual:
        """With what was counted; however often one counts, it comes to the same."""
        days = (counted.until - counted.since) / _DAY
        if days <= 0:
            return self
        kept = math.exp(-days / _REMEMBERED)
        more = (1 - kept) / days
        return Usual(
            kept * self.hits + more * counted.hits,
            kept * self.short + more * counted.too_few,
            kept * self.weight + 1 - kept,
        )


@dataclass(frozen=True)
class Running:
    """Instances of a workload now.

    Attributes:
        total: all of them.
        of: by name of the reservation whose prefix they have.
    """

    total: int
    of: Mapping[str, int] = field(default_factory=dict)


def count(
    ledger: Ledger, since: Mapping[str, int], until: int, locations: Mapping[str, str] | None = None
) -> dict[str, Counted]:
    """What came of each workload's reservations from its time in ``since`` on and before ``until``.

    Windows that follow each other count everything once: a reservation as a whole where it ended.

    Args:
        since: by workload, milliseconds since 1970; others are not counted.
        until: the same; what is still to come is not counted.
        locations: where a workload's plans reserve, if they say.
    """
    found: dict[str, Counted] = {}
    with ledger.snapshot() as transaction:
        until = min(until, transaction.now)
        for begin in sorted({time for time in since.values() if time < until}):
            told = read_feedback(transaction, Window(begin, until, False))
            for name, time in since.items():
                if time == begin:
                    one = told.get(name) or WorkloadFeedback(name, {}, (), ())
                    found[name] = _counted(one, begin, until, (locations or {}).get(name))
    return found


def _counted(told: WorkloadFeedback, since: int, until: int, location: str | None) -> Counted:
    reasons = told.missed_by_reason
    missed = Counter(one.location for one in told.misses)
    places = {place or "": Place(told.hits.get(place, 0), missed[place]) for place in {*told.hits, *missed}}
    ended: dict[str, Held] = {}
    for one in told.ended:
        if one.forecast_id is not None:
            held = Held(1, one.until - one.since, one.reserved_hours, one.idle_hours)
            ended[one.forecast_id] = ended.get(one.forecast_id, Held()).plus(held)
    return Counted(
        since,
        until,
        sum(told.hits.values()),
        {reason: reasons[reason] for reason in KINDS if reason in reasons},
        sum(_helped(one, location) for one in told.misses),
        dict(sorted(places.items())),
        ended,
    )


def _helped(miss: Miss, location: str | None) -> bool:
    """Whether more reservations would have helped it: at the location of the plan, if that has one."""
    if miss.reason in ELSEWHERE:
        return False
    # A reservation that could have served it, but was used up, says itself that the place was right.
    return miss.reason == EXHAUSTED or location is None or miss.location in (None, location)


def running(ledger: Ledger) -> dict[str, Running]:
    """Instances that are there now, by workload."""
    found: dict[str, Counter[str]] = {}
    with ledger.snapshot() as transaction:
        names = {one.id: one.name for one in transaction.reservations()}
        for item in transaction.instances("wanted = 1"):
            name = names.get(item.reservation_id, "") if item.reservation_id is not None else ""
            found.setdefault(item.workload, Counter())[name] += 1
    return {
        workload: Running(counts.total(), {name: number for name, number in sorted(counts.items()) if name})
        for workload, counts in found.items()
    }


def corrected(shift: float, counted: Counted, target: float, expected: Mapping[str, float], usual: Usual) -> float:
    """What is added to a workload's levels after the ledger has counted: misses raise it, hits and reservations that
    stay unused lower it, within bounds.

    Args:
        shift: what was added up to now.
        target: the wanted hit rate.
        expected: used share of what was reserved, in the backtests of the forecasts of which that is known.
        usual: what is usual, with what was counted just now.
    """
    each = _EACH / (1 + usual.created / _FEW)
    shift += each * (counted.too_few * target - counted.hits * (1 - target))
    held, hours = counted.judged(expected)
    hits, short = (usual.hits, usual.short) if usual.weight else (counted.hits, counted.too_few)
    if hours and hits >= target * (hits + short):
        used = held.reserved - held.idle
        excess = min(max(hours / used - 1, 0.0), 1.0) if used > 0 else 1.0
        shift -= _IDLE * excess * held.time / _DAY
    return min(max(shift, -_MOST), _MOST)
