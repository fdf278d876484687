# SPDX-License-Identifier: GPL-3.0-or-later
"""The strategies as pure functions, on random free space, against a scan of every address."""

from __future__ import annotations

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.strategies import STRATEGIES, Choice
from ansible_collections.shadownet.ipam.plugins.module_utils.model.pool import FAMILY_BITS

WIDTH = 6
"""The space is the last (or first) 2**6 addresses of its family."""


class Blocks:
    """Maximal free blocks in plain lists."""

    def __init__(self, family: int, base: int, free: frozenset[int]) -> None:
        self.family = family
        self.lists: dict[int, list[int]] = {}
        bits = FAMILY_BITS[family]
        for width in range(WIDTH, -1, -1):
            size = 1 << width
            for start in range(0, 1 << WIDTH, size):
                block = set(range(start, start + size))
                taken = any(
                    start >= s - base and start < s - base + (1 << (bits - n))
                    for n, ss in self.lists.items()
                    for s in ss
                )
                if block <= free and not taken:
                    self.lists.setdefault(bits - width, []).append(base + start)

    def heads(self, longest: int) -> list[tuple[int, int]]:
        return [(self.lists[length][0], length) for length in sorted(self.lists) if length <= longest]

    def lowest(self, longest: int) -> tuple[int, int] | None:
        return min(self.heads(longest), default=None)

    def first_from(self, prefix_length: int, address: int) -> int | None:
        starts = self.lists.get(prefix_length, [])
        at = bisect_left(starts, address)
        return starts[at] if at < len(starts) else None

    def has(self, prefix_length: int, start: int) -> bool:
        return start in self.lists.get(prefix_length, [])


FREE = st.one_of(
    st.frozensets(st.integers(0, 2**WIDTH - 1)),
    # Long runs, in which big blocks exist.
    st.lists(st.tuples(st.integers(0, 2**WIDTH - 1), st.integers(1, 40)), max_size=4).map(
        lambda runs: frozenset(n for at, long in runs for n in range(at, min(at + long, 2**WIDTH)))
    ),
)


def expected(strategy: str, blocks: Blocks, base: int, free: frozenset[int], size: int, cursor: int) -> int | None:
    fitting = [at for at in range(0, 2**WIDTH, size) if set(range(at, at + size)) <= free]
    if strategy == "best_fit":

        def room(at: int) -> int:
            around = size
            while around < 2**WIDTH:
                low = at // (around * 2) * around * 2
                if not set(range(low, low + around * 2)) <= free:
                    break
                around *= 2
            return around

        fitting.sort(key=room)
    if strategy == "round_robin":
        fitting.sort(key=lambda at: base + at < cursor)
    return base + fitting[0] if fitting else None


@given(
    strategy=st.sampled_from(sorted(STRATEGIES)),
    family=st.sampled_from([4, 6]),
    at_the_end=st.booleans(),
    free=FREE,
    width=st.integers(0, WIDTH),
    cursor=st.integers(-3, 2**WIDTH),
)
def test_each_strategy_takes_the_block_that_a_full_scan_takes(
    strategy: str, family: int, at_the_end: bool, free: frozenset[int], width: int, cursor: int
) -> None:
    bits = FAMILY_BITS[family]
    base = (1 << bits) - (1 << WIDTH) if at_the_end else 0
    blocks = Blocks(family, base, free)
    place = (base + cursor) % (1 << bits)
    choice = STRATEGIES[strategy](blocks, bits - width, place)
    assert (choice.start if choice else None) == expected(strategy, blocks, base, free, 1 << width, place)
    if choice is not None:
        around = choice.start >> (bits - choice.free_length) << (bits - choice.free_length)
        assert blocks.has(choice.free_length, around)


def test_without_free_space_nothing_is_chosen() -> None:
    for strategy in STRATEGIES.values():
        assert strategy(Blocks(4, 0, frozenset()), 32, 0) is None


def test_best_fit_leaves_the_large_block_whole() -> None:
    blocks = Blocks(4, 0, frozenset(range(16)) | {20, 21})
    assert STRATEGIES["best_fit"](blocks, 32, 0) == Choice(20, 31)
    assert STRATEGIES["first_fit"](blocks, 32, 0) == Choice(0, 28)
