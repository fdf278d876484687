# SPDX-License-Identifier: GPL-3.0-or-later
"""Reader ``csv`` and the ledger's ``history``: every shape of table, and what is wrong with a file is said."""

from __future__ import annotations

import gzip
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ansible_collections.shadownet.ipam.forecaster.inputs.csv_file import CsvOptions, read_csv
from ansible_collections.shadownet.ipam.forecaster.inputs.history import HistoryOptions, read_history
from ansible_collections.shadownet.ipam.forecaster.inputs.options import read_options
from ansible_collections.shadownet.ipam.forecaster.inputs.source import Context, Reading, SourceFailed
from ansible_collections.shadownet.ipam.forecaster.inputs.times import from_local
from ansible_collections.shadownet.ipam.forecaster.series import Findings, Points
from ansible_collections.shadownet.ipam.forecaster.series_cleaning import Rules, clean
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput

NOW = datetime(2026, 3, 10, tzinfo=UTC).timestamp()
CONTEXT = Context(now=NOW)


def read(folder: Path, text: str | bytes, name: str = "load.csv", **options: Any) -> Reading:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_csv(read_options(CsvOptions, {"path": str(path), **options}), CONTEXT)


def table(reading: Reading) -> dict[tuple[str, str], list[tuple[str, float]]]:
    return {
        (one.workload, one.signal): [
            (datetime.fromtimestamp(at, UTC).strftime("%dT%H:%M"), value)
            for at, value in zip(one.times.tolist(), one.values.tolist(), strict=True)
        ]
        for one in reading.points
    }


def only(reading: Reading) -> Points:
    (points,) = reading.points
    return points


def test_two_columns_are_one_workload_named_by_its_file(tmp_path: Path) -> None:
    reading = read(tmp_path, "timestamp,value\n2026-03-02T00:00:00Z,5\n2026-03-02T01:00:00Z,\n2026-03-02T02:00:00Z,7\n")
    points = only(reading)
    assert (points.workload, points.signal, points.kind, points.unit) == ("load", "requests", "count", "requests")
    assert points.values[0] == 5
    assert math.isnan(points.values[1])
    assert not reading.findings


def test_long_rows_name_workload_and_signal(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        "time;workload;signal;value\n2026-03-02 00:00;shop;cpu;1,5\n2026-03-02 00:00;blog;memory;3\n",
        decimal=",",
    )
    assert table(reading) == {("shop", "cpu"): [("02T00:00", 1.5)], ("blog", "memory"): [("02T00:00", 3)]}
    assert {one.unit for one in reading.points} == {"cores", "bytes"}


def test_wide_has_a_column_for_each_workload(tmp_path: Path) -> None:
    text = "ds\tshop\tblog\n20260302\t1\t2\n2026/03/03\t3\tNA\n"
    found = table(read(tmp_path, text, signal="instances"))
    assert found["shop", "instances"] == [("02T00:00", 1), ("03T00:00", 3)]
    assert math.isnan(found["blog", "instances"][1][1])
    assert list(table(read(tmp_path, text, columns=["blog"], layout="wide"))) == [("blog", "requests")]


def test_columns_beside_a_workload_are_its_signals(tmp_path: Path) -> None:
    text = "time,workload,requests,cpu\n1772409600,shop,10,0.5\n1772413200000,shop,20,0.75\n"
    found = table(read(tmp_path, text))
    assert found == {
        ("shop", "requests"): [("02T00:00", 10), ("02T01:00", 20)],
        ("shop", "cpu"): [("02T00:00", 0.5), ("02T01:00", 0.75)],
    }


def test_stamps_at_the_end_of_an_interval_are_moved_to_its_beginning(tmp_path: Path) -> None:
    text = "time,value\n2026-03-02T01:00Z,1\n2026-03-02T02:00Z,2\n2026-03-02T03:00Z,3\n"
    assert table(read(tmp_path, text, stamps="end"))["load", "requests"][0] == ("02T00:00", 1)


def test_own_names_formats_and_kinds(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        "when|what\n02.03.2026 07h|4\n02.03.2026 08h|x\n",
        time_column="when",
        value_column="what",
        time_format="%d.%m.%Y %Hh",
        workload="shop",
        signal="queue",
        kind="counter",
        unit="jobs",
        non_negative=False,
        zone="Asia/Kolkata",
    )
    points = only(reading)
    assert (points.workload, points.kind, points.unit, points.non_negative) == ("shop", "counter", "jobs", False)
    assert table(reading) == {("shop", "queue"): [("02T01:30", 4)]}
    (dropped,) = reading.findings
    assert dropped.count == 1
    assert "load.csv line 3: 'x' is no number" in dropped.message


def test_several_files_and_gzip(tmp_path: Path) -> None:
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"time,value\n2026-03-02T01:00Z,2\n"))
    (tmp_path / "a.csv").write_text("time,value\n2026-03-02T00:00Z,1\n")
    options = read_options(CsvOptions, {"path": [str(tmp_path / "*.csv"), str(tmp_path / "*.gz")]})
    assert [one.workload for one in read_csv(options, CONTEXT).points] == ["a", "b"]


def local_rows(zone: str, begin: datetime, minutes: int, number: int) -> tuple[str, list[float]]:
    """A file with the zone's own clock, and the true times."""
    moments = [begin + timedelta(minutes=minutes * one) for one in range(number)]
    lines = [f"{one.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M},1" for one in moments]
    return "time,value\n" + "\n".join(lines) + "\n", [one.timestamp() for one in moments]


@pytest.mark.parametrize("minutes", [15, 60])
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", datetime(2025, 10, 25, 12, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 28, 12, tzinfo=UTC)),
        ("America/New_York", datetime(2025, 11, 1, 12, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 3, tzinfo=UTC)),
    ],
)
def test_local_times_over_a_change_of_clocks(
    tmp_path: Path, zone: str, day: datetime, minutes: int, newest_first: bool
) -> None:
    if zone == "Australia/Lord_Howe":
        minutes = min(minutes, 30)  # its clocks change by half an hour, which full hours do not show
    text, expected = local_rows(zone, day, minutes, 24 * 60 // minutes)
    if newest_first:
        head, *lines = text.splitlines()
        text, expected = "\n".join([head, *reversed(lines)]), expected[::-1]
    points = only(read(tmp_path, text, zone=zone))
    np.testing.assert_array_equal(points.times, expected)
    kinds = [one.kind for one in points.found]
    assert kinds == ([] if day.month == 3 else ["dst_repeated"])


def test_both_passes_may_stand_side_by_side(tmp_path: Path) -> None:
    text = "time,value\n" + "".join(f"2025-10-26 {one},1\n" for one in "01:30 02:00 02:00 02:30 02:30 03:00".split())
    points = only(read(tmp_path, text, zone="Europe/Berlin"))
    np.testing.assert_array_equal(np.diff(points.times), [1800, 3600, -1800, 3600, 1800])


def test_the_second_pass_begins_where_time_steps_back() -> None:
    """Also where no time comes again, as with seconds that differ."""
    found = Findings()
    clocks = ["01:59:58", "02:10:01", "02:40:02", "02:10:09", "02:40:07", "03:00:01"]
    walls = np.array([datetime.fromisoformat(f"2025-10-26T{one}+00:00").timestamp() for one in clocks])
    times = from_local(walls, ZoneInfo("Europe/Berlin"), found)
    assert (np.diff(times) > 0).all()
    assert (times[3] - times[1], times[4] - times[2]) == (3608, 3605)


def test_an_hour_that_clocks_skipped_is_no_time(tmp_path: Path) -> None:
    text = "time,value\n2026-03-29 01:00,1\n2026-03-29 02:00,2\n2026-03-29 03:00,3\n"
    points = only(read(tmp_path, text, zone="Europe/Berlin"))
    assert points.values.tolist() == [1, 3]
    (skipped,) = points.found
    assert (skipped.kind, skipped.count) == ("dst_skipped", 1)


def test_times_without_zone_are_utc_and_that_is_said(tmp_path: Path) -> None:
    (note,) = only(read(tmp_path, "time,value\n2026-03-02 00:00,1\n")).found
    assert "were read as UTC" in note.message
    mixed = only(read(tmp_path, "time,value\n2026-03-02 00:00,1\n2026-03-02T00:00:00Z,1\n", zone="Asia/Kolkata"))
    assert mixed.times[1] - mixed.times[0] == 5.5 * 3600


def test_events_may_say_when_they_were_watched(tmp_path: Path) -> None:
    points = only(
        read(
            tmp_path,
            "time,value\n2026-03-02T05:00:00Z,1\n",
            kind="events",
            covered_from="2026-03-02T03:00:00Z",
            covered_until="2026-03-02T07:00:00Z",
        )
    )
    assert clean(points, Rules(interval=3600), Findings()).values.tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize(
    ("text", "options", "parameter", "words"),
    [
        ("", {}, "path", "is empty"),
        ("\n\n", {}, "path", "is empty"),
        (b"\x7fELF\0\0\0\1", {}, "path", "binary file"),
        (gzip.compress(b"time,value\n" * 999, mtime=0)[:40], {}, "path", "cannot read"),
        ("time,value\n2026-03-02,\xe4\n".encode("latin-1"), {}, "encoding", "no text in utf-8-sig"),
        ("2026-03-02T00:00Z,5\n", {}, "time_column", "The first line must name the columns"),
        ("time\n2026-03-02\n", {}, "columns", "no column beside the time"),
        ("time,a,b\n", {"layout": "long"}, "value_column", "no column of values"),
        ("time,value\n", {"time_column": "when"}, "time_column", "Its columns: time, value"),
        ("time,value\n", {"columns": ["shop"]}, "columns", "no column 'shop'"),
        ("time,value\n", {"zone": "Mars/Olympus"}, "zone", "IANA"),
        ("time,value\n", {"delimiter": ",,"}, "delimiter", "not one character"),
        ("time,value\n", {"workload": "a", "workload_column": "b"}, "workload", "both"),
        ("time,value\n", {"encoding": "klingon"}, "encoding", "no encoding"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_option(
    tmp_path: Path, text: str | bytes, options: dict[str, Any], parameter: str, words: str
) -> None:
    with pytest.raises((InvalidInput, SourceFailed), match=words) as raised:
        read(tmp_path, text, **options)
    assert raised.value.parameter == parameter


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match="no file"):
        read_csv(CsvOptions((str(tmp_path / "none*.csv"),)), CONTEXT)
    with pytest.raises(SourceFailed, match="is a folder"):
        read_csv(CsvOptions((str(tmp_path),)), CONTEXT)


def test_bad_rows_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    text = (
        "time,workload,value\n2026-03-02,shop,1\nyesterday,shop,2\n2026-03-03,shop\n2026-03-03,,4\n2026-03-04,shop,5\n"
    )
    reading = read(tmp_path, text)
    assert [value for _one, value in table(reading)["shop", "requests"]] == [1, 5]
    (dropped,) = reading.findings
    assert dropped.count == 3
    assert "line 3: 'yesterday' is no time" in dropped.message


HISTORY = """time,workload,location,created,deleted,missed,instances,instances_max,instances_mean,reserved,reserved_mean
2026-03-02T00:00:00.000Z,web,fra1,3,1,0,12,13,11.25,0,0
2026-03-02T00:00:00.000Z,web,ams1,1,0,0,2,2,1.5,0,0
2026-03-02T01:00:00.000Z,web,fra1,0,0,0,12,12,12,0,0
2026-03-02T01:00:00.000Z,web,ams1,0,0,0,2,2,2,0,0
2026-03-02T01:00:00.000Z,web,ams1,0,0,0,2,2,2,0,0
"""


def history(folder: Path, text: str, **options: Any) -> Reading:
    (folder / "history.csv").write_text(text)
    return read_history(read_options(HistoryOptions, {"path": str(folder / "history.csv"), **options}), CONTEXT)


def test_the_ledgers_history_by_workload_and_by_location(tmp_path: Path) -> None:
    reading = history(tmp_path, HISTORY)
    assert table(reading) == {
        ("web", "creations"): [("02T00:00", 4), ("02T01:00", 0)],
        ("web", "deletions"): [("02T00:00", 1), ("02T01:00", 0)],
        ("web", "instances"): [("02T00:00", 15), ("02T01:00", 14)],
    }
    assert [one.kind for one in reading.findings] == ["duplicates", "note"]
    split = table(history(tmp_path, HISTORY, by_location=True, signals=["instances"]))
    assert split["web@fra1", "instances"] == [("02T00:00", 13), ("02T01:00", 12)]


def test_a_short_form_of_the_history_is_read_too(tmp_path: Path) -> None:
    text = "time,workload,creations,deletions,instances\n2026-03-02T00:00:00Z,web,1,2,3\n"
    assert table(history(tmp_path, text))["web", "instances"] == [("02T00:00", 3)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time,value\n", "no column for workload, creations"),
        ("time,workload,creations,deletions,instances\n2026-03-02T00:00:00,web,1,2,3\n", "no zone"),
        ("time,workload,creations,deletions,instances\n2026-03-02T00:00:00Z,web,1\n", "line 2"),
        ("time,workload,creations,deletions,instances\nnow,web,1,2,3\n", "line 2"),
    ],
)
def test_what_is_no_history_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        history(tmp_path, text)
