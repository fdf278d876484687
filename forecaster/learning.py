# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of earlier plans corrects the next one: from the ledger, or from a file. Nothing is counted twice."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..plugins.module_utils.model.errors import InvalidInput
from .config import Settings
from .demand import WorkloadPlan, expected_idle
from .feedback import Counted, Running, Usual, corrected, count, running
from .inputs.ledger import LedgerOptions, open_ledger
from .inputs.source import SourceFailed
from .state import Memory

if TYPE_CHECKING:
    from .plan import Plan


@dataclass
class Told:
    """What was told of earlier plans, by workload.

    Attributes:
        moved: by how much levels of each workload were moved.
        running: instances now; only a ledger tells.
        failed: why a ledger could not be asked.
    """

    counted: dict[str, Counted] = field(default_factory=dict)
    moved: dict[str, float] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    failed: str = ""

    def add(self, name: str, counted: Counted, settings: Settings, memories: dict[str, Memory]) -> None:
        """Corrects a workload's levels. Where the user chose a quantile, that stays as it is."""
        memory, wanted = memories.setdefault(name, Memory()), settings.of(name)
        before = memory.fed
        usual = Usual(*memory.usual).after(counted)
        memory.usual = tuple(usual)
        if wanted.quantile is None:
            memory.fed = corrected(before, counted, wanted.target_hit_rate, memory.expected, usual)
        self.counted[name], self.moved[name] = counted, memory.fed - before


def ask_ledger(settings: Settings, memories: dict[str, Memory], now: float) -> Told:
    """Asks the source of type ``ledger``, if there is one, what became of plans since the last run.

    What happened before a workload's first plan says nothing of plans, and is not counted.
    """
    told = Told()
    for source in settings.sources:
        options = source.options
        if not isinstance(options, LedgerOptions) or not options.feedback:
            continue
        until = round(now * 1000)
        try:
            with open_ledger(options, now) as ledger:
                told.running = running(ledger)
                since = {name: one.taken for name, one in memories.items() if one.taken}
                places = {name: place for name in since if (place := settings.of(name).location)}
                found = count(ledger, since, until, places)
        except SourceFailed as error:
            told.failed = str(error)
            continue
        for name, counted in sorted(found.items()):
            told.add(name, counted, settings, memories)
            memories[name].taken = counted.until
    return told


def begin_counting(plan: Plan, settings: Settings, memories: dict[str, Memory]) -> None:
    """Remembers how much of its reservations a plan expects to be used, and from when on the fate of a workload's first
    one is counted."""
    if not any(isinstance(one.options, LedgerOptions) and one.options.feedback for one in settings.sources):
        return
    for one in plan.workloads:
        if one.refused:
            continue
        memory = memories.setdefault(one.workload, Memory())
        memory.taken = memory.taken or round(plan.now * 1000)
        used = _used(one, settings)
        name = one.forecast_id
        memory.expected.pop(name, None)
        if used:
            memory.expected[name] = used
        # Forecasts whose reservations are over and told of; there is one a slot at most.
        wanted = settings.of(one.workload)
        most = settings.slots + wanted.hold // settings.interval + 2
        memory.expected = dict(sorted(memory.expected.items())[-most:])


def _used(plan: WorkloadPlan, settings: Settings) -> float | None:
    """Share of what it reserves that a plan expects to be used, as the ledger counts that; None where it is not known.

    In the backtest instances are there from the beginning of their slot. Here they come at any time in it, on average
    in its middle; a reservation begins before its slot, and those that came for it keep it until it ends.
    """
    idle = expected_idle(plan)
    if idle is None:
        return None
    wanted, slot = settings.of(plan.workload), settings.interval
    return (1 - idle) * (slot / 2 + wanted.hold) / (wanted.lead_time + slot + wanted.hold)


def read_feedback(path: Path, settings: Settings, memories: dict[str, Memory]) -> Told:
    """Takes in a JSON mapping of workload to ``hits`` and ``misses``, as counted since the last run.

    Raises:
        InvalidInput: the file is something else.
    """
    try:
        given: Any = json.loads(path.read_text(encoding="utf-8"))
        counts = {str(name): (int(one["hits"]), int(one["misses"])) for name, one in given.items()}
        if any(number < 0 for one in counts.values() for number in one):
            raise ValueError("a number is negative")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        fix = 'Write {"WORKLOAD": {"hits": 12, "misses": 1}}.'
        raise InvalidInput(f"{path} is no feedback ({error}).", parameter="--feedback", fix=fix) from None
    told = Told()
    for name, (hits, misses) in sorted(counts.items()):
        told.add(name, Counted(0, 0, hits, {"other": misses} if misses else {}, misses), settings, memories)
    return told


def words(name: str, told: Told, memory: Memory | None) -> list[str]:
    """What was counted of a workload, in sentences; none if nothing was."""
    one = told.counted.get(name)
    if one is None:
        return []
    missed = ", ".join(f"{number} {reason.replace('_', ' ')}" for reason, number in one.misses.items())
    text = f"{one.hits} hits, {sum(one.misses.values())} misses" + (f" ({missed})" if missed else "")
    if len(one.places) > 1:
        text += ", by location: " + ", ".join(
            f"{place or 'none'} {count.hits} and {count.misses}" for place, count in one.places.items()
        )
    held = one.held
    if held.reserved:
        text += f"; {held.number} reservations ended, {held.idle / held.reserved:.0%} of their time unused"
    judged, hours = one.judged(memory.expected if memory else {})
    if hours:
        text += f" ({1 - hours / judged.reserved:.0%} was expected)"
    total = memory.fed if memory else 0.0
    return [f"since the last plan: {text}; levels moved by {told.moved[name]:+.4f}, {total:+.4f} in all"]
