# SPDX-License-Identifier: GPL-3.0-or-later
"""Reader ``log``: every line is counted once, in its interval and for its workload, or it is said why not."""

from __future__ import annotations

import gzip
import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.forecaster.inputs import logs
from ansible_collections.shadownet.ipam.forecaster.inputs.logs import LogOptions, read_logs
from ansible_collections.shadownet.ipam.forecaster.inputs.options import read_options
from ansible_collections.shadownet.ipam.forecaster.inputs.source import Context, Reading, SourceFailed
from ansible_collections.shadownet.ipam.forecaster.series import Findings, Series
from ansible_collections.shadownet.ipam.forecaster.series_cleaning import Rules, clean_all
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput

START = datetime(2026, 3, 2, tzinfo=UTC)
NOW = START + timedelta(days=30)
AGENT = '"-" "curl/7.88.1"'


def line(at: datetime, path: str = "/shop/1", client: str = "192.0.2.1", size: str = "10", rest: str = "") -> str:
    return f'{client} - - [{at:%d/%b/%Y:%H:%M:%S %z}] "GET {path} HTTP/1.1" 200 {size}{rest}'


def read(folder: Path, content: Iterable[str] | bytes, interval: int = 3600, **options: Any) -> Reading:
    path = folder / "access.log"
    path.write_bytes(content if isinstance(content, bytes) else "".join(f"{one}\n" for one in content).encode())
    return read_logs(read_options(LogOptions, {"path": str(path), **options}), Context(NOW.timestamp(), interval))


def cleaned(reading: Reading, **rules: Any) -> dict[str, Series]:
    return {one.workload: one for one in clean_all(reading.points, Rules(**{"interval": 3600, **rules})).series}


def values(reading: Reading, workload: str = "log") -> list[float]:
    return cleaned(reading)[workload].values.tolist()


def every(minutes: int, number: int, begin: datetime = START) -> list[datetime]:
    return [begin + timedelta(minutes=minutes * one) for one in range(number)]


@pytest.mark.parametrize("rest", ["", f" {AGENT}", f' {AGENT} "10.0.0.1" 0.004', "\r"])
def test_common_combined_and_what_follows_them(tmp_path: Path, rest: str) -> None:
    reading = read(tmp_path, [line(at, rest=rest) for at in every(20, 9)])
    assert values(reading) == [3, 3]  # the last line is of 02:40: its hour was watched in part
    assert not reading.findings


def test_zones_of_the_lines_are_heeded(tmp_path: Path) -> None:
    zones = [
        "2026-03-02T00:00:00+00:00",
        "2026-03-02T06:15:00+05:30",
        "2026-03-01T20:59:59-04:00",
        "2026-03-02T02:59:00+00:00",
    ]
    reading = read(tmp_path, [line(datetime.fromisoformat(one)) for one in zones])
    assert values(reading) == [3, 0, 1]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"workload_regex": "^/([^/]+)/"}, {"shop": 2, "blog": 1}),
        ({"workload_regex": "/(?P<x>sh)?(?P<workload>op|blog)"}, {"op": 2, "blog": 1}),
        ({"workload_regex": "shop|blog"}, {"shop": 2, "blog": 1}),
        ({"workload_field": "client"}, {"192.0.2.1": 1, "192.0.2.2": 2}),
        ({"workload_field": "line", "workload_regex": "(/shop|/blog)"}, {"/shop": 2, "/blog": 1}),
        ({"workload_field": "status"}, {"200": 3}),
        ({"workload_field": "method"}, {"GET": 3}),
        ({"workload_field": "user"}, {"-": 3}),
        ({"workload": "web"}, {"web": 3}),
        ({}, {"log": 3}),
    ],
)
def test_what_names_the_workload(tmp_path: Path, options: dict[str, Any], expected: dict[str, int]) -> None:
    lines = [
        line(START, "/shop/1?x=%2Fblog", "192.0.2.1"),
        line(START, "/blog/2", "192.0.2.2"),
        line(START + timedelta(minutes=59), "/shop/3", "192.0.2.2"),
    ]
    reading = read(tmp_path, lines, **options)
    assert {one.workload: one.values.sum() for one in reading.points} == expected


def test_virtual_hosts_in_front(tmp_path: Path) -> None:
    lines = [f"shop.example:443 {line(START)}", f"blog.example:443 {line(START + timedelta(minutes=59))}"]
    reading = read(tmp_path, lines)
    assert {one.workload for one in reading.points} == {"shop.example:443", "blog.example:443"}
    with pytest.raises(InvalidInput, match="no virtual host in front"):
        read(tmp_path, [line(START)], workload_field="vhost")


def test_a_request_with_quotes_brackets_and_no_http(tmp_path: Path) -> None:
    lines = [
        line(START, '/shop/\\"[x]'),
        f'192.0.2.1 - alice b [{START:%d/%b/%Y:%H:%M:%S %z}] "\\x16\\x03" 400 -',
        f'::1 - - [{START:%d/%b/%Y:%H:%M:%S %z}] "" 408 - "-" "-"',
        line(START + timedelta(minutes=59)),
    ]
    reading = read(tmp_path, lines, workload_regex="^/(shop)")
    assert [(one.workload, one.values.sum()) for one in reading.points] == [("shop", 2)]
    (nameless,) = reading.findings
    assert "2 of 4 lines name no workload" in nameless.message


def test_bytes_are_added_up(tmp_path: Path) -> None:
    sizes = ["10", "-", "30", "2"]
    reading = read(
        tmp_path,
        [line(at, size=size) for at, size in zip(every(20, 4), sizes, strict=True)],
        value_field="bytes",
        signal="io",
    )
    (points,) = reading.points
    assert (points.unit, points.values.sum()) == ("bytes", 42)


JSON_TIMES = [
    lambda at: at.isoformat(),
    lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.123456Z"),
    lambda at: at.strftime("%Y-%m-%d %H:%M:%S,5+0000"),
    lambda at: at.timestamp(),
    lambda at: int(at.timestamp() * 1000),
    lambda at: str(at.timestamp()),
]


@pytest.mark.parametrize("write", JSON_TIMES)
def test_json_lines_with_times_of_all_kinds(tmp_path: Path, write: Any) -> None:
    lines = [json.dumps({"ts": write(at), "http": {"host": "shop"}, "n": 2}) for at in every(20, 9)]
    reading = read(tmp_path, lines, workload_field="http.host", value_field="n")
    assert values(reading, "shop") == [6, 6]
    assert not reading.findings


def test_json_with_flat_dotted_names_own_formats_and_local_times(tmp_path: Path) -> None:
    lines = [json.dumps({"when": f"02.03.2026 {hour:02}:59", "url.host": "shop"}) for hour in range(3)]
    options = {"time_field": "when", "time_format": "%d.%m.%Y %H:%M", "workload_field": "url.host", "format": "json"}
    reading = read(tmp_path, lines, zone="Asia/Kolkata", **options)
    (points,) = reading.points
    assert points.times[0] == datetime(2026, 3, 1, 19, 29, tzinfo=UTC).timestamp()
    assert not reading.findings
    assert "read as UTC" in next(iter(read(tmp_path, lines, **options).findings)).message


def test_an_hour_that_a_local_clock_shows_twice_is_a_gap(tmp_path: Path) -> None:
    local = [datetime(2025, 10, 26, hour, minute) for hour in range(6) for minute in (0, 30, 59)]  # noqa: DTZ001
    reading = read(tmp_path, [json.dumps({"time": one.isoformat()}) for one in local], zone="Europe/Berlin")
    found = cleaned(reading)["log"]
    # 00:00 and 01:00 summer time, 02:00 twice, 03:00 to 05:00 winter time.
    np.testing.assert_array_equal(found.values, [3, 3, math.nan, math.nan, 3, 3, 3])
    assert [one.kind for one in reading.findings] == ["dst_repeated"]


def test_malformed_lines_are_counted_and_the_first_is_shown(tmp_path: Path) -> None:
    lines = [line(at) for at in every(10, 12)]
    broken = [*lines[:3], "", "what is this", line(START)[:40], "   ", *lines[3:], line(START).replace("Mar", "Mrz")]
    reading = read(tmp_path, broken)
    assert values(reading) == [6]  # the last line is of 01:50
    (dropped,) = reading.findings
    assert dropped.count == 3
    assert "3 of 15 lines" in dropped.message
    assert "access.log line 5: 'what is this'" in dropped.message


@pytest.mark.parametrize(
    "bad",
    ['{"time": 1}x', "[1, 2]", '"word"', "{", "17", '{"other": 1}', '{"time": null}', '{"time": "soon"}', "[" * 99_999],
)
def test_malformed_json_lines_are_counted(tmp_path: Path, bad: str) -> None:
    lines = [json.dumps({"time": at.isoformat()}) for at in every(10, 13)]
    reading = read(tmp_path, [lines[0], bad, *lines[1:]])
    assert values(reading)[:2] == [6, 6]
    (dropped,) = reading.findings
    assert (dropped.kind, dropped.count) == ("dropped_lines", 1)
    assert "line 2" in dropped.message


def test_rotated_and_packed_files_are_one_log(tmp_path: Path) -> None:
    days = [[line(at) for at in every(30, 48, START + timedelta(days=day))] for day in range(3)]
    (tmp_path / "site.log").write_text("\n".join(days[2]))  # no newline at its end
    (tmp_path / "site.log.1").write_text("\n".join(days[1]) + "\n")
    (tmp_path / "site.log.1.gz").write_bytes(gzip.compress(("\n".join(days[1]) + "\n").encode()))
    (tmp_path / "site.log.2.gz").write_bytes(gzip.compress(("\n".join(days[0]) + "\n").encode()))
    options = read_options(LogOptions, {"path": str(tmp_path / "site.log*"), "workload": "web"})
    reading = read_logs(options, Context(NOW.timestamp()))
    assert values(reading, "web") == [2] * 71
    assert [one.kind for one in reading.findings] == ["duplicates"]


def test_a_lost_file_is_a_gap_and_a_quiet_night_is_zero(tmp_path: Path) -> None:
    awake = [at for at in every(1, 8 * 1440) if 7 <= at.hour < 22]
    lost = [at for at in awake if at.day != 6]
    reading = read(tmp_path, [line(at) for at in lost])
    series = cleaned(reading)["log"]
    hours = dict(zip(series.times.tolist(), series.values.tolist(), strict=True))
    night, noon, lost_noon = (
        hours[int(datetime(2026, 3, day, hour, tzinfo=UTC).timestamp())] for day, hour in ((4, 3), (4, 12), (6, 12))
    )
    assert (night, noon) == (0, 60)
    assert math.isnan(lost_noon)
    assert "silent 1 times" in next(one.message for one in reading.findings if one.kind == "unobserved")


@pytest.mark.parametrize(
    ("rule", "expected"), [("zero", [1, 0, 0, 0]), ("gap", [1, math.nan, math.nan, math.nan]), ("auto", [1, 0, 0, 0])]
)
def test_what_the_silence_of_a_rare_log_means_may_be_said(tmp_path: Path, rule: str, expected: list[float]) -> None:
    reading = read(tmp_path, [line(START), line(START + timedelta(hours=4, minutes=3))], silence=rule)
    found = cleaned(reading).get("log")
    if rule == "gap":
        # Of the first hour too, one quarter only has a line.
        assert found is None
    else:
        assert found is not None
        assert found.values.tolist() == [1, 0, 0, 0]


def test_a_workload_without_lines_while_others_have_some_is_zero(tmp_path: Path) -> None:
    lines = [line(at, "/shop/1") for at in every(1, 241)] + [line(START + timedelta(hours=1), "/blog/1")]
    reading = read(tmp_path, lines, workload_regex="^/(.*?)/")
    assert values(reading, "blog") == [0, 1, 0, 0]
    assert values(reading, "shop") == [60, 60, 60, 60]


def test_lines_from_the_future_are_left_out(tmp_path: Path) -> None:
    reading = read(tmp_path, [*(line(at) for at in every(20, 9)), line(NOW + timedelta(days=400))])
    assert values(reading) == [3, 3]
    (future,) = reading.findings
    assert (future.kind, future.count) == ("future", 1)
    with pytest.raises(SourceFailed, match="from the future"):
        read(tmp_path, [line(NOW + timedelta(days=1))])


def test_intervals_of_seconds(tmp_path: Path) -> None:
    moments = [START + timedelta(seconds=one) for one in range(31)]
    reading = read(tmp_path, [line(at) for at in moments], interval=10)
    assert cleaned(reading, interval=10)["log"].values.tolist() == [10, 10, 10]


@pytest.mark.parametrize(
    ("content", "options", "parameter", "words"),
    [
        (b"", {}, "path", "All files are empty"),
        (b"\n\n", {}, "path", "All files are empty"),
        (b"\x00\x01\x02", {}, "path", "binary file"),
        (b"hello\nworld\n", {}, "path", "not one line .* could be read. First access.log line 1: 'hello'"),
        (b'{"a": 1}\n', {}, "time_field", "no field of a usual name"),
        (b"x\n", {"workload_field": "host", "format": "common"}, "workload_field", "There are: vhost"),
        (b"x\n", {"workload_field": "host"}, "workload_field", "There are: vhost"),
        (b"x\n", {"workload_regex": "("}, "workload_regex", "no regular expression"),
        (b"x\n", {"workload": "a", "workload_field": "path"}, "workload", "both"),
        (b"x\n", {"value_field": "path", "workload_field": "path"}, "value_field", "of the workload too"),
        (b"x\n", {"zone": "Nowhere"}, "zone", "no time zone"),
        (b"x" * (17 << 20), {}, "path", "more than 16 MiB"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_option(
    tmp_path: Path, content: bytes, options: dict[str, Any], parameter: str, words: str
) -> None:
    with pytest.raises((InvalidInput, SourceFailed), match=words) as raised:
        read(tmp_path, content, **options)
    assert raised.value.parameter == parameter


def test_too_many_workloads_are_refused(tmp_path: Path) -> None:
    lines = [line(START, f"/{number}/") for number in range(10_001)]
    with pytest.raises(InvalidInput, match="more than 10000 workloads"):
        read(tmp_path, lines, workload_field="path")


plain = re.compile(r'^(\S+) \S+ \S+ \[([^\]]+)\] "[A-Z]+ /(\w+)[^"]*" \d+ \d+')
log_line = st.one_of(
    st.builds(
        lambda minutes, path, zone: line((START + timedelta(minutes=minutes)).astimezone(zone), path),
        st.integers(0, 600),
        st.sampled_from(["/shop/1", "/shop/2?q=1", "/blog/1"]),
        st.sampled_from([UTC, datetime.fromisoformat("2026-01-01T00:00+05:30").tzinfo]),
    ),
    st.sampled_from(["", " ", "junk", "{}", line(START)[:50]]),
)


@given(st.lists(log_line, min_size=1, max_size=60), st.integers(20, 300))
def test_blocks_of_any_size_count_as_a_plain_loop_does(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], block: int
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    expected: Counter[tuple[str, int]] = Counter()
    for one in lines:
        if match := plain.match(one):
            at = datetime.strptime(match[2], "%d/%b/%Y:%H:%M:%S %z").timestamp()
            expected[match[3], int(at // 900 * 900)] += 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "_BLOCK", block)
        if not expected:
            with pytest.raises(SourceFailed):
                read(folder, lines, workload_regex=r"/(\w+)", format="common")
            return
        reading = read(folder, lines, workload_regex=r"/(\w+)", format="common")
    counted = {
        (one.workload, int(at // 900 * 900)): value
        for one in reading.points
        for at, value in zip(one.times.tolist(), one.values.tolist(), strict=True)
    }
    assert counted == dict(expected)
    dropped = sum(one.count for one in reading.findings if one.kind == "dropped_lines")
    assert dropped + sum(expected.values()) == sum(1 for one in lines if one.strip())
    assert isinstance(reading.findings, Findings)
