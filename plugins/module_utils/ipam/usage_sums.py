# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that was counted up to a moment, so that a window is the difference of two moments.

A level that changed by ``d`` at the time ``t`` comes to ``d * (T - t)`` by the time ``T``. So of each level its height
and the sum of all ``d * t`` are kept, and its time integral at any later moment follows. All numbers are whole ones
(address-milliseconds), so that differences are exact.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from .usage_replay import Level, Listener
from .usage_state import Key

Counts = dict[Key, Counter[str]]


class Sums(Listener):
    """Adds up what a replay tells."""

    def __init__(self) -> None:
        self._levels: defaultdict[tuple[Key, str], list[int]] = defaultdict(lambda: [0, 0])
        self._counts: defaultdict[tuple[Key, str], int] = defaultdict(int)

    def level(self, time: int, key: Key, what: str, prefixes: int, size: int) -> None:
        """A level rises or falls."""
        entry = self._levels[key, what]
        change = prefixes * size
        entry[0] += change
        entry[1] += change * time

    def happened(self, time: int, keys: Sequence[Key], what: str, number: int = 1) -> None:
        """Counts; for several keys, that differ by pool, only once where pools do not matter."""
        del time
        for key in keys:
            self._counts[key, what] += number
        if what != "against":
            for key in keys[1:]:
                self._counts[key._replace(pool=None), what] -= number

    def at(self, time: int) -> tuple[Counts, Counts]:
        """Address-milliseconds and counts up to a moment, by key; nothing may have been told from after it."""
        levels: Counts = {}
        for (key, what), (height, moment) in self._levels.items():
            levels.setdefault(key, Counter())[what] = height * time - moment
        counts: Counts = {}
        for (key, what), number in self._counts.items():
            counts.setdefault(key, Counter())[what] = number
        return levels, counts

    def dump(self) -> list[Any]:
        """All of it, as JSON can hold it."""
        return [
            [[*key, what, *entry] for (key, what), entry in self._levels.items()],
            [[*key, what, number] for (key, what), number in self._counts.items()],
        ]

    def resume(self, time: int, levels: Iterable[Level], sums: list[Any]) -> None:
        """Goes on from what was dumped, which has the levels too."""
        del time, levels
        heights, counts = sums
        for *key, what, height, moment in heights:
            self._levels[Key(*key), what] = [height, moment]
        for *key, what, number in counts:
            self._counts[Key(*key), what] = number


def between(early: Counts, late: Counts) -> Counts:
    """What came later: the difference of two moments. Numbers that are not zero only."""
    found: Counts = {}
    for key, values in late.items():
        before = early.get(key, Counter())
        found[key] = Counter({what: number - before[what] for what, number in values.items() if number != before[what]})
    return found
