# SPDX-License-Identifier: GPL-3.0-or-later
"""Hit rate and waste against a count by hand, and the quantile that a hit rate needs."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.forecaster.decision import (
    LADDER,
    Score,
    Sizing,
    learn_capacity,
    level_for,
    score,
    score_slots,
    slot_reservations,
    trade_off,
)

COUNTS = st.integers(0, 12)


@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=30), COUNTS)
def test_score_counts_instances_one_by_one(slots: list[tuple[int, int]], before: int) -> None:
    rises = hits = used = idle = 0
    running = before
    for needed, reserved in slots:
        for number in range(running + 1, needed + 1):
            rises += 1
            hits += number <= reserved
        used += needed
        idle += max(reserved - needed, 0)
        running = needed
    table = np.array([slots], float)
    assert score(table[:, :, 0], table[:, :, 1], np.array([before], float)) == Score(rises, hits, used, idle)


@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=30), COUNTS, st.randoms(use_true_random=False))
def test_slots_are_scored_as_if_each_instance_took_an_address(
    slots: list[tuple[int, int]], before: int, chance: Random
) -> None:
    """The oracle has a prefix for each instance: which of them ends first must not matter."""
    rises = hits = used = idle = 0
    running = ["elsewhere"] * before
    for number, (needed, reserved) in enumerate(slots):
        free = reserved
        while len(running) > needed:
            running.pop(chance.randrange(len(running)))
        while len(running) < needed:
            rises += 1
            hits += free > 0
            running.append(f"slot {number}" if free else "elsewhere")
            free -= free > 0
        used += needed
        idle += free
    table = np.array([slots], float)
    found = score_slots(table[:, :, 0], table[:, :, 1], np.array([before], float))
    assert found == Score(rises, hits, used, idle)


def test_a_slot_is_reserved_for_what_comes_beyond_those_that_run() -> None:
    upper, expected = np.array([[7.0, 9, 4, 6]]), np.array([[5.0, 6, 3, 4]])
    assert slot_reservations(upper, expected, np.array([6.0])).tolist() == [[1, 4, 0, 3]]


def test_nothing_to_hit_is_no_miss_and_idle_without_use_is_endless_waste() -> None:
    assert Score().hit_rate == 1
    assert Score().waste == 0
    assert Score(idle=3).waste == float("inf")


def test_unknown_slots_count_for_nothing() -> None:
    needed = np.array([[3.0, np.nan, 5.0]])
    assert score(needed, np.full((1, 3), 9.0), np.array([2.0])) == Score(1, 1, 3, 6)


@pytest.mark.parametrize(
    ("demand", "instances"), [(0, 1), (1, 1), (100, 1), (100.00001, 1), (101, 2), (950, 8), (-5, 1), (1e12, 8)]
)
def test_sizing_rounds_up_within_its_bounds(demand: float, instances: int) -> None:
    assert Sizing(100, 1, 8).instances(np.array([demand])).tolist() == [instances]


def test_the_level_is_the_lowest_that_reaches_the_hit_rate_with_caution() -> None:
    draw = np.random.default_rng(2)
    happened = 50 + 10 * draw.normal(size=(200, 24))
    law = np.quantile(50 + 10 * draw.normal(size=100_000), LADDER)
    curve = trade_off(np.broadcast_to(law, (200, 24, len(LADDER))), LADDER, happened, np.full(200, 50.0), Sizing(1))
    assert [step.hit_rate for step, _ in curve] == sorted(step.hit_rate for step, _ in curve)
    assert [step.waste for step, _ in curve] == sorted(step.waste for step, _ in curve)
    low, why = level_for(0.8, curve)
    high, _ = level_for(0.95, curve)
    assert why == ""
    assert low < high
    reached = np.interp(high, LADDER, [step.hit_rate for step, _ in curve])
    assert 0.95 < reached < 0.985


def test_too_few_rises_say_so() -> None:
    level, why = level_for(0.95, [])
    assert level == 0.95
    assert "too few" in why


def test_an_unreachable_hit_rate_says_what_is_reached() -> None:
    happened = np.tile([0.0, 100.0], (50, 12))
    bounds = np.broadcast_to(np.linspace(0, 50, len(LADDER)), (50, 24, len(LADDER)))
    level, why = level_for(0.95, trade_off(bounds, LADDER, happened, np.zeros(50), Sizing(1)))
    assert level == LADDER[-1]
    assert "50.0% at the most" in why


def test_capacity_is_learned_from_load_against_instances() -> None:
    draw = np.random.default_rng(4)
    load = 500 + 400 * np.sin(np.arange(400) / 4) + 50 * draw.random(400)
    assert learn_capacity(load, np.ceil(load / 90)) == pytest.approx(90, rel=0.1)
    assert learn_capacity(load[:10], np.ceil(load[:10] / 90)) is None
    assert learn_capacity(load, np.zeros(400)) is None
