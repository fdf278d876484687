# SPDX-License-Identifier: GPL-3.0-or-later
"""Cleaning: what is known is kept, what is not is a gap, and everything in between is said."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.forecaster.series import Findings, Points, Series, rows
from ansible_collections.shadownet.ipam.forecaster.series_cleaning import Rules, clean, clean_all
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput

HOUR = 3600
START = datetime(2026, 3, 2, tzinfo=UTC).timestamp()  # a Monday


def points(times: Any, values: Any, kind: Any = "count", **more: Any) -> Points:
    seconds = START + np.asarray(times, dtype=np.float64)
    return Points("shop", "requests", kind, "requests", seconds, np.asarray(values, dtype=np.float64), **more)


def cleaned(given_points: Points, **rules: Any) -> tuple[Series, Findings]:
    found = Findings()
    return clean(given_points, Rules(**rules), found), found


def hours(values: Any, kind: Any = "count", **rules: Any) -> tuple[Series, Findings]:
    return cleaned(points(HOUR * np.arange(len(values)), values, kind), **rules)


def test_regular_rows_come_through_unchanged() -> None:
    series, found = hours([3, 1, 4, 1, 5])
    assert series.values.tolist() == [3, 1, 4, 1, 5]
    assert (series.start.timestamp(), series.interval) == (START, HOUR)
    assert not found
    table = list(rows([series]))
    assert table[1] == ("shop", "requests", datetime(2026, 3, 2, 1, tzinfo=UTC), 1.0, "requests")


def test_missing_rows_and_empty_values_are_gaps_and_no_zeros() -> None:
    series, found = cleaned(points(HOUR * np.array([0, 1, 2, 5, 6, 7]), [1, 2, math.nan, 6, 7, 8]))
    np.testing.assert_array_equal(series.values, [1, 2, math.nan, math.nan, math.nan, 6, 7, 8])
    (gaps,) = found
    assert (gaps.kind, gaps.count) == ("gaps", 3)
    assert "the longest is 3h from 2026-03-02T02:00:00Z" in gaps.message


def test_rows_a_second_early_or_late_stay_in_their_interval() -> None:
    jitter = np.array([0, 1, -1, 2, -2, 0, 0, 0])
    series, _one = cleaned(points(HOUR * np.arange(8) + jitter, np.arange(8)), interval=HOUR)
    assert series.values.tolist() == list(range(8))


def test_rows_at_half_past_make_intervals_from_half_past() -> None:
    series, _one = cleaned(points(1800 + HOUR * np.arange(5), [1, 2, 3, 4, 5]))
    assert series.start.minute == 30
    assert series.values.tolist() == [1, 2, 3, 4, 5]


def test_unsorted_rows_are_sorted_and_counted() -> None:
    series, found = cleaned(points(HOUR * np.array([2, 0, 1, 3]), [2, 0, 1, 3]))
    assert series.values.tolist() == [0, 1, 2, 3]
    assert found.count("unsorted") == 1


def test_a_row_exported_twice_counts_once() -> None:
    series, found = cleaned(points(HOUR * np.array([0, 1, 1, 2, 2]), [5, 6, 6, 7, 7]))
    assert series.values.tolist() == [5, 6, 7]
    assert found.count("duplicates") == 2
    assert found.left_out == 0


@pytest.mark.parametrize(
    ("rule", "expected", "left_out"),
    [("last", 8, 7), ("first", 7, 8), ("mean", 7.5, 7.5), ("max", 8, 7), ("sum", 15, 0)],
)
def test_of_other_values_of_the_same_time_the_rule_decides(rule: str, expected: float, left_out: float) -> None:
    series, found = cleaned(points(HOUR * np.array([0, 1, 1, 2]), [5, 7, 8, 9]), duplicates=rule)
    assert series.values.tolist() == [5, expected, 9]
    assert found.count("conflicts") == 1
    assert found.left_out == left_out


def test_several_rows_of_a_time_without_one_possible_value_are_a_gap() -> None:
    series, _one = cleaned(points(HOUR * np.array([0, 1, 1, 1, 2]), [5, math.nan, math.inf, -1, 9]))
    np.testing.assert_array_equal(series.values, [5, math.nan, 9])


def test_a_row_with_a_value_beats_one_without() -> None:
    series, found = cleaned(points(HOUR * np.array([0, 1, 1, 2]), [5, 7, math.nan, 9]))
    assert series.values.tolist() == [5, 7, 9]
    assert found.count("conflicts") == 0


def test_counts_of_minutes_add_up_and_levels_are_averaged_or_their_maximum() -> None:
    minutes = 60 * np.arange(180)
    values = np.arange(180) % 7
    assert cleaned(points(minutes, values), interval=HOUR)[0].values.sum() == values.sum()
    mean = cleaned(points(minutes, values, "gauge"), interval=HOUR)[0].values
    np.testing.assert_allclose(mean, values.reshape(3, 60).mean(axis=1))
    most = cleaned(points(minutes, values, "gauge", aggregate="max"), interval=HOUR)[0].values
    assert most.tolist() == [6, 6, 6]


def test_an_interval_with_too_few_rows_is_a_gap_and_its_sum_is_named() -> None:
    minutes = np.concatenate((60 * np.arange(60), 60 * np.arange(60, 80), 60 * np.arange(120, 180)))
    series, found = cleaned(points(minutes, np.ones(140)), interval=HOUR)
    np.testing.assert_array_equal(series.values, [60, math.nan, 60])
    assert (found.count("thin"), found.left_out) == (1, 20)


def test_first_and_last_interval_known_in_part_are_left_out() -> None:
    series, found = cleaned(points(60 * np.arange(30, 200), np.ones(170)), interval=HOUR)
    assert series.values.tolist() == [60, 60]
    assert series.start.timestamp() == START + HOUR
    assert (found.count("partial_first"), found.count("partial_last"), found.left_out) == (1, 1, 50)


def test_the_interval_that_is_not_over_is_left_out() -> None:
    series, found = hours([1, 2, 3, 4], now=START + 3.5 * HOUR)
    assert series.values.tolist() == [1, 2, 3]
    assert (found.count("partial_last"), found.left_out) == (1, 4)


def test_a_missing_tail_is_unknown_up_to_now() -> None:
    series, found = hours([1, 2, 3], now=START + 6.2 * HOUR)
    np.testing.assert_array_equal(series.values, [1, 2, 3, math.nan, math.nan, math.nan])
    assert found.count("missing_tail") == 3
    assert series.end.timestamp() == START + 6 * HOUR


def test_a_series_without_values_for_weeks_is_refused() -> None:
    with pytest.raises(InvalidInput, match="the last value is of 2026-03-02T02:00:00Z"):
        hours([1, 2, 3], now=START + 60 * 86400)


def test_rows_from_the_future_are_left_out_and_only_such_rows_are_refused() -> None:
    series, found = cleaned(points(HOUR * np.array([0, 1, 2, 50]), [1, 2, 3, 99]), now=START + 3 * HOUR)
    assert series.values.tolist() == [1, 2, 3]
    assert (found.count("future"), found.left_out) == (1, 99)
    with pytest.raises(InvalidInput, match="check clocks and time zone"):
        hours([1, 2, 3], now=START - 86400)


def test_impossible_values_are_gaps() -> None:
    series, found = hours([1, -2, math.inf, 1e300, 2.0**63, 3], "gauge")
    np.testing.assert_array_equal(series.values, [1, math.nan, math.nan, math.nan, math.nan, 3])
    assert (found.count("negative"), found.count("not_finite"), found.count("huge")) == (1, 1, 2)


def test_negative_levels_stay_where_they_can_be() -> None:
    series, found = cleaned(points(HOUR * np.arange(3), [1, -2, 3], "gauge", non_negative=False))
    assert series.values.tolist() == [1, -2, 3]
    assert not found


def test_a_counter_gives_increases_and_a_reset_loses_only_what_nobody_saw() -> None:
    series, found = cleaned(
        points(900 * np.arange(9), [100, 110, 120, 130, 140, 5, 15, 25, 35], "counter"), interval=HOUR
    )
    # After the reset the counter shows 5: those were counted since.
    np.testing.assert_allclose(series.values, [40, 35])
    assert found.count("resets") == 1


def test_an_increase_over_a_gap_belongs_to_no_interval() -> None:
    times = 900 * np.concatenate((np.arange(5), np.arange(16, 21)))
    values = [0, 1, 2, 3, 4, 104, 105, 106, 107, 108]
    series, found = cleaned(points(times, values, "counter"), interval=HOUR)
    np.testing.assert_array_equal(series.values, [4, math.nan, math.nan, math.nan, 4])
    assert (found.count("unattributed"), found.left_out) == (1, 100)


def test_an_increase_over_a_gap_is_not_in_the_hour_that_it_begins_in_either() -> None:
    minutes = np.concatenate((np.arange(51), np.arange(125, 181)))
    series, found = cleaned(points(60 * minutes, minutes * 10, "counter"), interval=HOUR)
    # Of the first hour 50 minutes are known, which is enough; the gap's 750 are not of it.
    np.testing.assert_allclose(series.values, [500, math.nan, 550])
    assert found.left_out == 750


def test_a_counter_that_is_read_twice_at_a_time_has_its_larger_value() -> None:
    times = 1800 * np.array([0, 1, 1, 2, 3, 4])
    series, found = cleaned(points(times, [0, 5, 4, 10, 15, 20], "counter"), interval=HOUR)
    np.testing.assert_allclose(series.values, [10, 10])
    assert (found.count("conflicts"), found.count("resets")) == (1, 0)


def test_silence_between_events_is_zero_and_before_them_unknown() -> None:
    series, found = cleaned(points([600, 700, 4 * HOUR, 5 * HOUR + 10], [1, 1, 1, 1], "events"), interval=HOUR)
    assert series.values.tolist() == [0, 0, 0, 1]
    assert series.start.timestamp() == START + HOUR
    assert (found.count("zeros"), found.count("partial_first"), found.count("partial_last")) == (3, 1, 1)


def test_what_a_source_did_not_watch_is_a_gap() -> None:
    watched = points(
        [0, 10, 5 * HOUR], [1, 1, 1], "events", covered=(START, START + 6 * HOUR),
        unobserved=((START + 1.5 * HOUR, START + 3 * HOUR),),
    )  # fmt: skip
    series, found = cleaned(watched, interval=HOUR)
    np.testing.assert_array_equal(series.values, [2, math.nan, math.nan, 0, 0, 1])
    assert found.count("unobserved") == 2


def test_a_source_that_watched_and_saw_nothing_gives_zeros() -> None:
    nothing = points([], [], "events", covered=(START, START + 3 * HOUR))
    series, found = cleaned(nothing, interval=HOUR)
    assert series.values.tolist() == [0, 0, 0]
    assert found.count("constant") == 3


def test_mixed_intervals_become_the_longer_one() -> None:
    times = np.concatenate((HOUR * np.arange(24), 24 * HOUR + 300 * np.arange(288)))
    values = np.concatenate((np.full(24, 12), np.ones(288)))
    series, found = cleaned(points(times, values))
    assert series.interval == HOUR
    assert series.values.tolist() == [12] * 48
    assert "5m, 1h" in next(one.message for one in found if one.kind == "mixed_intervals")


def test_single_gaps_are_no_other_interval() -> None:
    keep = np.random.default_rng(1).random(2000) < 0.5
    series, found = cleaned(points(HOUR * np.flatnonzero(keep), np.ones(keep.sum())))
    assert series.interval == HOUR
    assert found.count("mixed_intervals") == 0


def test_a_stretch_without_every_second_row_is_no_other_interval() -> None:
    """As in real counts of a road's traffic, six years by the hour."""
    times = np.concatenate((np.arange(500), np.arange(500, 530, 2), np.arange(530, 1000)))
    series, found = cleaned(points(HOUR * times, np.ones(times.size)))
    assert (series.interval, found.count("gaps"), found.count("mixed_intervals")) == (HOUR, 15, 0)
    assert np.nansum(series.values) == times.size


def test_counts_of_hours_cannot_become_minutes() -> None:
    with pytest.raises(InvalidInput, match="Take an interval of 1h or longer"):
        hours([1, 2, 3], interval=60)


def test_irregular_levels_fall_back_to_hours_and_say_so() -> None:
    times = np.cumsum(np.random.default_rng(2).integers(1, 5000, 200))
    series, found = cleaned(points(times, np.ones(200), "gauge"))
    assert series.interval == HOUR
    assert found.count("mixed_intervals") == 200


def test_local_days_have_one_value_each_over_the_change_of_clocks() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    days = [datetime(2026, 3, day, tzinfo=berlin).timestamp() for day in range(20, 32)]
    given_days = Points("shop", "requests", "count", "requests", np.array(days), np.arange(12.0))
    series, found = cleaned(given_days, interval=86400, zone="Europe/Berlin")
    assert series.values.tolist() == list(range(12))
    assert found.count("gaps") == 0


@pytest.mark.parametrize("kind", ["count", "events"])
def test_hours_add_up_to_local_days_of_23_to_25_hours(kind: Any) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    begin = datetime(2026, 3, 27, tzinfo=berlin).timestamp()
    times = begin + HOUR * np.arange(24 + 24 + 23 + 24)
    given_hours = Points("shop", "requests", kind, "requests", times, np.ones(times.size), covered=None)
    series, _one = cleaned(given_hours, interval=86400, zone="Europe/Berlin")
    whole = [24, 24, 23, 24] if kind == "count" else [24, 24, 23]
    assert series.values.tolist() == whole


def test_half_hour_zones_cut_their_own_hours() -> None:
    kolkata = datetime(2026, 3, 2, tzinfo=ZoneInfo("Asia/Kolkata")).timestamp()
    given_points = Points("shop", "requests", "count", "1", kolkata + 60 * np.arange(180.0), np.ones(180))
    series, _one = cleaned(given_points, interval=HOUR, zone="Asia/Kolkata")
    assert series.values.tolist() == [60, 60, 60]


def test_one_point_and_a_constant_are_named() -> None:
    assert hours([7])[1].count("short") == 1
    assert hours([7, 7, 7])[1].count("constant") == 3


@pytest.mark.parametrize(
    ("given_points", "words"),
    [
        (points([], []), "not one row"),
        (points([0, HOUR], [math.nan, math.nan]), "no row with a usable value"),
        (points([0, HOUR, 2 * HOUR], [-1, -1, -2]), "Negative values"),
        (points([-START, -START + 5], [1, 1]), "before 1980"),
    ],
    ids=["empty", "only gaps", "only negative", "clock never set"],
)
def test_what_cannot_be_used_is_refused_with_the_reason(given_points: Points, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        cleaned(given_points)


def test_a_stray_time_makes_no_endless_series() -> None:
    stray = points(np.concatenate(([-20 * 365 * 86400.0], np.arange(30.0))), np.ones(31))
    with pytest.raises(InvalidInput, match="Is a time wrong"):
        cleaned(stray)


def test_one_bad_workload_does_not_stop_the_others() -> None:
    good, bad = points(HOUR * np.arange(3), [1, 2, 3]), Points("bad", "cpu", "gauge", "cores", np.zeros(0), np.zeros(0))
    result = clean_all([bad, good], Rules())
    assert [one.workload for one in result.series] == ["shop"]
    assert result.refused == {("bad", "cpu"): "there is not one row."}


def test_two_sources_of_one_signal_are_joined_or_refused() -> None:
    early, late = points([0, HOUR], [1, 2]), points([2 * HOUR, 3 * HOUR], [3, 4])
    (series,) = clean_all([late, early], Rules()).series
    assert series.values.tolist() == [1, 2, 3, 4]
    levels = points([0, HOUR], [1, 2], "gauge")
    assert "Give the signals two names" in clean_all([early, levels], Rules()).refused["shop", "requests"]


def test_events_of_two_sources_are_known_while_both_watched() -> None:
    one = points([0, HOUR], [1, 1], "events", covered=(START, START + 3 * HOUR))
    two = points([HOUR, 2 * HOUR], [1, 1], "events", covered=(START + HOUR, START + 4 * HOUR))
    (series,) = clean_all([one, two], Rules(interval=HOUR)).series
    assert series.values.tolist() == [2, 1]


def test_history_keeps_the_newest() -> None:
    series, found = hours([1, 2, 3, 4, 5], history=2 * HOUR)
    assert series.values.tolist() == [4, 5]
    assert (found.count("truncated"), found.left_out) == (3, 6)


def test_a_repeated_row_is_left_out_once() -> None:
    _one, found = cleaned(points(HOUR * np.array([0, 1, 1, 50, 50]), [1, -3, -3, 99, 99]), now=START + 2 * HOUR)
    assert found.left_out == 96


row = st.tuples(
    st.integers(0, 3000),
    st.one_of(st.integers(-5, 1000).map(float), st.just(math.nan), st.sampled_from([math.inf, 1e200])),
)
rules = st.builds(
    Rules,
    interval=st.sampled_from([None, 300, 900, HOUR, 86400]),
    now=st.sampled_from([None, START + 90_000.0]),
    duplicates=st.sampled_from(["last", "first", "mean", "max", "sum"]),
    history=st.sampled_from([None, 86400]),
    zone=st.sampled_from(["UTC", "Asia/Kolkata", "Europe/Berlin"]),
)


@given(
    st.lists(row, min_size=1, max_size=80), rules, st.sampled_from(["count", "events"]), st.sampled_from([1, 60, 700])
)
def test_nothing_that_was_counted_is_lost_or_made_up(
    table: list[tuple[int, float]], how: Rules, kind: str, scale: int
) -> None:
    times, values = np.array([scale * one for one, _one in table]), np.array([value for _two, value in table])
    found = Findings()
    try:
        series = clean(points(times, values, kind), how, found)
    except InvalidInput:
        return
    counted = [(at, value) for at, value in zip(times.tolist(), values.tolist(), strict=True) if abs(value) <= 1e18]
    distinct = counted if kind == "events" else list(set(counted))
    total = math.fsum(value for _one, value in distinct)
    assert float(np.nansum(series.values)) + found.left_out == pytest.approx(total, abs=1e-6)
    assert np.isfinite(series.values).any()
    assert not (series.values < 0).any()


@given(st.lists(row, min_size=1, max_size=80), rules, st.sampled_from(["mean", "max"]), st.sampled_from([1, 60, 700]))
def test_every_level_lies_within_the_rows_of_its_interval(
    table: list[tuple[int, float]], how: Rules, aggregate: str, scale: int
) -> None:
    times, values = np.array([scale * one for one, _one in table]), np.array([value for _two, value in table])
    try:
        series = clean(points(times, values, "gauge", aggregate=aggregate), how, Findings())
    except InvalidInput:
        return
    seen = values[np.isfinite(values) & (values >= 0) & (values <= 1e18)]
    # Different values of the same time may be added when that is asked.
    most = seen.sum() if how.duplicates == "sum" else seen.max()
    known = series.values[np.isfinite(series.values)]
    assert known.size
    assert known.min() >= seen.min() - 1e-9
    assert known.max() <= most + 1e-9


@given(st.lists(st.integers(0, 50), min_size=2, max_size=100), st.sampled_from([60, 300, 900]), st.integers(0, 3000))
def test_a_counters_increases_are_all_there(rises: list[int], step: int, offset: int) -> None:
    total = np.cumsum(rises).astype(np.float64)
    found = Findings()
    try:
        series = clean(points(offset + step * np.arange(len(rises)), total, "counter"), Rules(interval=HOUR), found)
    except InvalidInput:
        return
    assert float(np.nansum(series.values)) + found.left_out == pytest.approx(sum(rises[1:]), abs=1e-6)
