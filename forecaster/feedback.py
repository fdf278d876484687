# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger tells of plans that were made: hits, misses, idle reservations, and who runs on what now.

The only file of the forecaster that knows how the ledger counts. Reading changes nothing in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..plugins.module_utils.ipam.usage import Window, usage
from ..plugins.module_utils.ipam.usage_reasons import KINDS, RETURNED
from ..plugins.module_utils.ledger.ledger import Ledger
from ..plugins.module_utils.ledger.transaction import Transaction

ELSEWHERE = ("node", "location", "security_profile", "family", RETURNED)
"""Misses that more reservations would not have helped: reserved was for another place, or no address was wanted."""
_EACH = 0.005
"""By how much one miss (times the wanted hit rate) raises levels, and one hit (times the rest) lowers them."""
_IDLE = 0.012
"""By how much a day lowers levels that had twice the idle reservations that were expected, or more."""
_MOST = 0.03
_DAY = 86_400_000


@dataclass(frozen=True)
class Counted:
    """What the ledger counted of one workload in a window.

    Attributes:
        since, until: milliseconds since 1970.
        hits: instances that found a reserved address.
        misses: those that did not, by reason.
        idle, used: address-hours.
        ended: reservations whose time ended.
    """

    since: int
    until: int
    hits: int = 0
    misses: Mapping[str, int] = field(default_factory=dict)
    idle: float = 0.0
    used: float = 0.0
    ended: int = 0

    @property
    def too_few(self) -> int:
        """Misses that more reservations would have helped."""
        return sum(number for reason, number in self.misses.items() if reason not in ELSEWHERE)

    @property
    def waste(self) -> float | None:
        """Idle by used; None where nothing was used."""
        return self.idle / self.used if self.used else None


@dataclass(frozen=True)
class Running:
    """Instances of a workload now.

    Attributes:
        total: all of them.
        of: by name of the reservation whose prefix they have.
    """

    total: int
    of: Mapping[str, int] = field(default_factory=dict)


def count(ledger: Ledger, since: Mapping[str, int], until: int) -> dict[str, Counted]:
    """What came of each workload's reservations from its time in ``since`` on and before ``until``.

    Args:
        since: by workload, milliseconds since 1970; others are not counted.
        until: the same; what is still to come is not counted.
    """
    found: dict[str, Counted] = {}
    with ledger.snapshot() as transaction:
        until = min(until, transaction.now)
        for begin in sorted({time for time in since.values() if time < until}):
            asked = {name for name, time in since.items() if time == begin}
            found |= _count(transaction, begin, until, asked)
    return found


def _count(transaction: Transaction, since: int, until: int, workloads: set[str]) -> dict[str, Counted]:
    found = {name: Counted(since, until) for name in workloads}
    for one in usage(transaction, Window(since, until, False))["workloads"]:
        name = one["workload"]
        if name not in workloads:
            continue
        # One entry a family.
        sofar = found[name]
        misses = Counter(sofar.misses) + Counter(one["missed_by_reason"])
        found[name] = Counted(
            since,
            until,
            sofar.hits + one["hits"],
            {reason: misses[reason] for reason in KINDS if misses[reason]},
            sofar.idle + one["idle_hours"],
            sofar.used + one["used_hours"],
            sofar.ended + one["reservations_expired"],
        )
    return found


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


def corrected(shift: float, counted: Counted, target: float, expected_waste: float | None) -> float:
    """What is added to a workload's levels after the ledger has counted: misses raise it, hits and reservations that
    stay idle lower it, within bounds.

    Args:
        shift: what was added up to now.
        target: the wanted hit rate.
        expected_waste: of the plan in its backtest; None where there was none.
    """
    shift += _EACH * (counted.too_few * target - counted.hits * (1 - target))
    met = counted.hits >= target * (counted.hits + counted.too_few)
    if met and expected_waste and counted.waste is not None:
        excess = min(max(counted.waste / expected_waste - 1, 0.0), 1.0)
        shift -= _IDLE * excess * (counted.until - counted.since) / _DAY
    return min(max(shift, -_MOST), _MOST)
