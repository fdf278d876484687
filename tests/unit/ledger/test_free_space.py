# SPDX-License-Identifier: GPL-3.0-or-later
"""The index of free blocks inside one transaction and across several, with windows so small that every edge is met."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.plugins.module_utils.ledger import free_space
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.free_space import FreeSpace
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.sqlite import SqliteStore
from ansible_collections.shadownet.ipam.plugins.module_utils.model.pool import FAMILY_BITS, Block

WIDTH = 7
"""The space has 2**7 addresses."""


def blocks_of(free: set[int], limit: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Maximal aligned free blocks as (start, width), none larger than a pool prefix; by looking at every block."""
    found: set[tuple[int, int]] = set()
    for width in range(WIDTH, -1, -1):
        size = 1 << width
        for start in range(0, 1 << WIDTH, size):
            inside_prefix = any(low <= start and start + size <= low + (1 << wide) for low, wide in limit)
            covered = any(low <= start < low + (1 << wide) for low, wide in found)
            if inside_prefix and not covered and free.issuperset(range(start, start + size)):
                found.add((start, width))
    return found


@contextmanager
def store() -> Iterator[SqliteStore]:
    with closing(SqliteStore.in_memory()) as made:
        made.execute("PRAGMA foreign_keys = OFF")
        yield made


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "take", "give", "give", "flush", "reopen"]),
        st.integers(0, WIDTH),
        st.integers(0, 2**WIDTH - 1),
    ),
    max_size=60,
)


@given(
    steps=STEPS,
    window=st.sampled_from([1, 2, 3, 256]),
    family=st.sampled_from([4, 6]),
    at_the_end=st.booleans(),
    split=st.booleans(),
    holes=st.sets(st.integers(0, 2**WIDTH - 1), max_size=40),
)
@settings(max_examples=500, deadline=None)
def test_any_history_leaves_exactly_the_maximal_blocks(
    steps: list[tuple[str, int, int]], window: int, family: int, at_the_end: bool, split: bool, holes: set[int]
) -> None:
    bits = FAMILY_BITS[family]
    base = (1 << bits) - (1 << WIDTH) if at_the_end else 0
    limit = {(0, WIDTH - 1), (1 << (WIDTH - 1), WIDTH - 1)} if split else {(0, WIDTH)}
    prefixes = [Block(family, base + start, bits - width) for start, width in limit]
    free = set(range(1 << WIDTH)) - holes
    taken = [(hole, 0) for hole in sorted(holes)]
    with patch.object(free_space, "_WINDOW", window), store() as made:
        space = FreeSpace(made, 1, family, prefixes)
        space.reset([Block(family, base + start, bits - width) for start, width in blocks_of(free, limit)])
        for what, width, place in steps:
            size = 1 << width
            start = place // size * size
            if what == "take":
                length = space.enclosing(base + start, bits - width)
                fits = any(low <= start and start + size <= low + (1 << wide) for low, wide in blocks_of(free, limit))
                assert (length is not None) == fits
                if length is not None:
                    space.take(base + start, bits - width, length)
                    free -= set(range(start, start + size))
                    taken.append((start, width))
            elif what == "give" and taken:
                back, wide = taken.pop(place % len(taken))
                space.give(base + back, bits - wide)
                free |= set(range(back, back + (1 << wide)))
            elif what in ("flush", "reopen"):
                space.flush()
                if what == "reopen":
                    space = FreeSpace(made, 1, family, prefixes)
            expected = blocks_of(free, limit)
            for wide in range(WIDTH + 1):
                starts = sorted(base + low for low, own in expected if own == wide)
                later = [low for low in starts if low >= base + place]
                assert space.first_from(bits - wide, base + place) == (later[0] if later else None)
            heads = {length: start for start, length in space.heads(bits)}
            assert all(
                space.lowest(longest) == min(space.heads(longest), default=None)
                for longest in range(bits - 8, bits + 1)
            )
            assert heads == {
                bits - wide: min(base + low for low, own in expected if own == wide)
                for wide in {block[1] for block in expected}
            }
        space.flush()
        rows = made.execute("SELECT start, prefix_length FROM free_block").fetchall()
        assert {(int.from_bytes(row[0]) - base, bits - row[1]) for row in rows} == blocks_of(free, limit)
