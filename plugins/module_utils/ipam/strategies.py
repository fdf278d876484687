# SPDX-License-Identifier: GPL-3.0-or-later
"""Which free block a request gets: pure decisions over an index of free blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from ..model.pool import FAMILY_BITS


class FreeBlocks(Protocol):
    """What a strategy may ask: maximal free aligned blocks of one pool and family."""

    family: int

    def heads(self, longest: int) -> list[tuple[int, int]]:
        """The lowest free block of each size: (start, prefix length) for lengths up to ``longest``, shortest first."""

    def lowest(self, longest: int) -> tuple[int, int] | None:
        """Of these, the one with the lowest address."""

    def first_from(self, prefix_length: int, address: int) -> int | None:
        """Lowest free block of this size that starts at or after ``address``."""

    def has(self, prefix_length: int, start: int) -> bool:
        """Is this very block free (and maximal)?"""


class Choice(NamedTuple):
    """First address of the chosen block, and the prefix length of the free block it is cut from."""

    start: int
    free_length: int


def first_fit(free: FreeBlocks, prefix_length: int, cursor: int) -> Choice | None:
    """The free aligned block that fits with the lowest address."""
    lowest = free.lowest(prefix_length)
    return None if lowest is None else Choice._make(lowest)


def best_fit(free: FreeBlocks, prefix_length: int, cursor: int) -> Choice | None:
    """The smallest free aligned block that fits, the lowest address on ties."""
    heads = free.heads(prefix_length)
    return Choice(*heads[-1]) if heads else None


def round_robin(free: FreeBlocks, prefix_length: int, cursor: int) -> Choice | None:
    """The first free aligned block at or after the cursor, else (wrapping) the one with the lowest address."""
    bits = FAMILY_BITS[free.family]
    size = 1 << (bits - prefix_length)
    aligned = -(-cursor // size) * size
    found: list[Choice] = []
    for head in free.heads(prefix_length):
        length = head[1]
        shift = bits - length
        around = aligned >> shift << shift
        if around < aligned < 1 << bits and free.has(length, around):
            found.append(Choice(aligned, length))
        start = free.first_from(length, aligned)
        if start is not None:
            found.append(Choice(start, length))
    return min(found, default=None) or first_fit(free, prefix_length, cursor)


STRATEGIES: dict[str, Callable[[FreeBlocks, int, int], Choice | None]] = {
    "first_fit": first_fit,
    "best_fit": best_fit,
    "round_robin": round_robin,
}
