# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of earlier plans corrects the next one: from the ledger, or from a file. Nothing is counted twice."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..plugins.module_utils.model.errors import InvalidInput
from .config import Settings
from .feedback import Counted, Running, corrected, count, running
from .inputs.ledger import LedgerOptions, open_ledger
from .inputs.source import SourceFailed
from .state import Memory


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
        if wanted.quantile is None:
            memory.fed = corrected(before, counted, wanted.target_hit_rate, memory.waste)
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
                found = count(ledger, since, until)
        except SourceFailed as error:
            told.failed = str(error)
            continue
        for name, counted in sorted(found.items()):
            told.add(name, counted, settings, memories)
            memories[name].taken = counted.until
    return told


def begin_counting(
    workloads: dict[str, float | None], settings: Settings, memories: dict[str, Memory], now: float
) -> None:
    """Remembers the waste that a plan expects, and from when on the fate of a workload's first one is counted.

    Args:
        workloads: that were planned, with that waste.
    """
    if not any(isinstance(one.options, LedgerOptions) and one.options.feedback for one in settings.sources):
        return
    for name, waste in workloads.items():
        memory = memories.setdefault(name, Memory())
        memory.waste, memory.taken = waste, memory.taken or round(now * 1000)


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
        told.add(name, Counted(0, 0, hits, {"other": misses} if misses else {}), settings, memories)
    return told


def words(name: str, told: Told, memory: Memory | None) -> list[str]:
    """What was counted of a workload, in sentences; none if nothing was."""
    one = told.counted.get(name)
    if one is None:
        return []
    missed = ", ".join(f"{number} {reason.replace('_', ' ')}" for reason, number in one.misses.items())
    text = f"{one.hits} hits, {sum(one.misses.values())} misses" + (f" ({missed})" if missed else "")
    if one.waste is not None:
        expected = f", {memory.waste:.2f} was expected" if memory and memory.waste is not None else ""
        text += f", waste {one.waste:.2f}{expected}"
    total = memory.fed if memory else 0.0
    return [f"since the last plan: {text}; levels moved by {told.moved[name]:+.4f}, {total:+.4f} in all"]
