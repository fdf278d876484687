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
    Evidence,
    Score,
    Sizing,
    evidence,
    learn_capacity,
    level_for,
    score,
    score_slots,
    slot_reservations,
    trade_off,
)

COUNTS = st.integers(0, 12)
MONTH = Evidence(rises=500, days=16)


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


def test_what_comes_is_rounded_once() -> None:
    """0.9 more instances than expected may come each time; of whole numbers it would be none, one or two."""
    upper, expected = np.array([[3.5, 3.8, 4.4, 3.0]]), np.array([[3.1, 3.4, 3.9, 2.6]])
    assert slot_reservations(upper, expected, np.array([3.0])).tolist() == [[1, 1, 1, 0]]
    assert (np.ceil(upper[0, 1:]) - np.ceil(expected[0, :-1])).tolist() == [0, 1, -1]


def test_nothing_is_reserved_where_no_whole_number_is_crossed() -> None:
    upper, expected = np.array([[0.003, 0.004, 2.6, 2.7]]), np.array([[0.002, 0.003, 2.5, 2.6]])
    assert slot_reservations(upper, expected, np.array([1.0])).tolist() == [[0, 0, 2, 0]]


def test_only_where_nothing_is_expected_none_may_run() -> None:
    upper = np.array([[1.5, 1.6, 1.6]])
    some, none = np.array([[0.3, 0.3, 0.3]]), np.zeros((1, 3))
    assert slot_reservations(upper, some, np.array([1.0])).tolist() == [[1, 1, 1]]
    assert slot_reservations(upper, none, np.array([1.0])).tolist() == [[1, 2, 2]]


def test_shares_are_instances_that_are_not_rounded() -> None:
    sizing = Sizing(10, 2, 4)
    assert sizing.share(np.array([5.0, 25, 99])).tolist() == [2, 2.5, 4]
    assert sizing.running_share(np.array([5.0, 99])).tolist() == [2, 4]
    assert Sizing(10, 2, 4, counted=True).running_share(np.array([5.0, 99])).tolist() == [0.5, 9.9]


def test_rounding_once_costs_less_for_the_same_hits() -> None:
    """Three instances, errors of half a one: what whole numbers of both do to their difference is noise."""
    draw = np.random.default_rng(1)
    middle = 3 + 1.5 * np.sin(2 * np.pi * np.arange(24) / 24) + draw.random((400, 1))
    happened = middle + 0.5 * draw.normal(size=(400, 24))
    before, errors = middle[:, 0], 0.5 * draw.normal(size=100_000)
    bounds = middle[:, :, None] + np.quantile(errors, LADDER)
    once = [one for _one, one in trade_off(bounds, LADDER, happened, before, Sizing(1))]
    needed, first = np.ceil(happened), np.ceil(before)
    running = np.concatenate([first[:, None], np.ceil(middle)[:, :-1]], axis=1)
    ways = np.moveaxis(np.ceil(bounds), -1, 0)
    twice = [score_slots(needed, np.maximum(upper - running, 0), first) for upper in ways]

    def waste(found: list[Score]) -> float:
        return float(np.interp(0.95, [one.hit_rate for one in found], [one.waste for one in found]))

    assert waste(once) < 0.92 * waste(twice)


def test_origins_close_together_are_no_further_evidence() -> None:
    draw = np.random.default_rng(3)
    values = 50 + np.round(20 * np.sin(2 * np.pi * np.arange(241) / 24) + 5 * draw.normal(size=241))

    def known(every: int) -> Evidence:
        origins = np.arange(1, 241 - 24 + 1, every)
        happened = values[origins[:, None] + np.arange(24)]
        return evidence(happened, values[origins - 1], origins, 24, Sizing())

    rises = np.maximum(np.diff(values), 0)
    often, seldom = known(1), known(24)
    assert seldom.rises == rises[:240].sum() == often.rises
    by_day = rises[:240].reshape(10, 24).sum(1)
    assert often.days == pytest.approx(by_day.sum() ** 2 / (by_day**2).sum())
    assert 9 < seldom.days <= 10


def test_days_on_which_nearly_nothing_came_are_little_evidence() -> None:
    happened = np.zeros((10, 24))
    happened[4, 6:] = 40
    happened[::3, 12] += 1
    origins = np.arange(10) * 24
    found = evidence(happened, np.zeros(10), origins, 24, Sizing())
    assert found.rises == 44
    assert 1 < found.days < 1.3
    assert evidence(np.full((10, 24), np.nan), np.zeros(10), origins, 24, Sizing()) == Evidence()


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
    assert [step.hit_rate for step, _one in curve] == sorted(step.hit_rate for step, _two in curve)
    assert [step.waste for step, _one in curve] == sorted(step.waste for step, _two in curve)
    low, why = level_for(0.8, curve, MONTH)
    high, _one = level_for(0.95, curve, MONTH)
    assert why == ""
    assert low < high
    reached = np.interp(high, LADDER, [step.hit_rate for step, _one in curve])
    assert 0.95 < reached < 0.985


def test_the_less_a_backtest_knows_the_more_caution() -> None:
    draw = np.random.default_rng(2)
    happened = 50 + 10 * draw.normal(size=(200, 24))
    law = np.quantile(50 + 10 * draw.normal(size=100_000), LADDER)
    curve = trade_off(np.broadcast_to(law, (200, 24, len(LADDER))), LADDER, happened, np.full(200, 50.0), Sizing(1))
    levels = [level_for(0.8, curve, Evidence(500 * days / 16, days))[0] for days in (16, 13, 8, 4, 2)]
    assert levels[0] == levels[1]
    assert levels[1] < levels[2] < levels[3] <= levels[4]
    # One in a hundred may miss in four days: these cannot tell, and the quantile is at least the hit rate.
    rough = [(step, Score(100, 100, 100, 0)) for step, _one in curve]
    sure = [(type(step)(step.level, 1.0, 0.1), one) for step, one in rough]
    assert level_for(0.95, sure, Evidence(500, 16))[0] == LADDER[0]
    assert level_for(0.95, sure, Evidence(500, 4))[0] == 0.95
    assert level_for(0.99, sure, Evidence(500, 16))[0] == 0.99


def test_too_few_rises_say_so() -> None:
    level, why = level_for(0.95, [], Evidence())
    assert level == 0.95
    assert "too few" in why


def test_an_unreachable_hit_rate_says_what_is_reached() -> None:
    happened = np.tile([0.0, 100.0], (50, 12))
    bounds = np.broadcast_to(np.linspace(0, 50, len(LADDER)), (50, 24, len(LADDER)))
    level, why = level_for(0.95, trade_off(bounds, LADDER, happened, np.zeros(50), Sizing(1)), MONTH)
    assert level == LADDER[-1]
    assert "50.0% at the most" in why


def test_capacity_is_learned_from_load_against_instances() -> None:
    draw = np.random.default_rng(4)
    load = 500 + 400 * np.sin(np.arange(400) / 4) + 50 * draw.random(400)
    assert learn_capacity(load, np.ceil(load / 90)) == pytest.approx(90, rel=0.1)
    assert learn_capacity(load[:10], np.ceil(load[:10] / 90)) is None
    assert learn_capacity(load, np.zeros(400)) is None
