# SPDX-License-Identifier: GPL-3.0-or-later
"""One fleet with every kind of bad file in it, through the real command: each is told of, the others are planned."""

from __future__ import annotations

import gzip
import json
import math
import random
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
NOW = "2026-02-02T00:00:00Z"
HOURS = 28 * 24
DRAW = random.Random(8)
GOOD = [100 + 50 * math.sin(2 * math.pi * (at - 9) / 24) + DRAW.gauss(0, 3) for at in range(HOURS)]
TIMES = [(BEGIN + timedelta(hours=at)).strftime("%Y-%m-%dT%H:%M:%SZ") for at in range(HOURS + 100)]
HEADER = "time,value\n"


def table(values: Sequence[object], times: Sequence[str] = TIMES) -> bytes:
    return (HEADER + "".join(f"{at},{value}\n" for at, value in zip(times, values, strict=False))).encode()


def every(step: int, other: object) -> list[object]:
    """The good values, each `step`-th one replaced."""
    return [other if at % step == 0 else value for at, value in enumerate(GOOD)]


PLAIN = table(GOOD).decode()
SHUFFLED = random.Random(9).sample(PLAIN.splitlines()[1:], HOURS)
SPARSE = [line for at, line in enumerate(PLAIN.splitlines()[1:]) if at < 300 or at % 6 == 0]
TODAY = [line for at, line in enumerate(PLAIN.splitlines()[1:]) if at < 300 or at >= 400 or at % 6 == 0]

PLANNED: dict[str, tuple[bytes, str]] = {
    "one_point": (table([5], TIMES[HOURS - 1 :]), "There is one value only"),
    "constant": (table([7] * HOURS), "constant at 7"),
    "zeros": (table([0] * HOURS), "constant at 0"),
    "some_nan": (table(every(5, "NaN")), "gaps"),
    "some_infinite": (table(every(50, "inf")), "Infinite values are gaps"),
    "some_beyond": (table(every(50, "1e999")), "Infinite values are gaps"),
    "some_negative": (table(every(50, -5)), "Negative values where none can be"),
    "some_huge": (table(every(50, "1e300")), "Values beyond 1e+18 are gaps"),
    "unsorted": ((HEADER + "\n".join(SHUFFLED)).encode(), "sorted"),
    "some_mixed": ((HEADER + "\n".join(TODAY)).encode(), "different intervals: 1h, 6h"),
    "some_future": (table([*GOOD, *[1] * 100]), "Rows from the future"),
    "twice": (table(GOOD) + table(GOOD)[len(HEADER) :], "counted once"),
    "some_lines_cut": (table(GOOD) + b"2026-02-01T23\n", ""),
    "bom": (b"\xef\xbb\xbf" + table(GOOD), ""),
    "crlf": (PLAIN.replace("\n", "\r\n").encode(), ""),
    "cr": (PLAIN.replace("\n", "\r").encode(), ""),
    "semicolon": (PLAIN.replace(",", ";").encode(), ""),
    "tab": (PLAIN.replace(",", "\t").encode(), ""),
    "packed": (gzip.compress(PLAIN.encode()), ""),
}
"""What a fallback or cleaning makes usable, and what must be said of it."""
REFUSED: dict[str, tuple[bytes | None, str]] = {
    "large": (table([value * 1e15 for value in GOOD]), "instances would be needed. Is it in the signal's unit?"),
    "nan": (table(["nan"] * HOURS), "nan: not predicted. requests: no row with a usable value"),
    "infinite": (table(["1e999"] * HOURS), "Infinite values are gaps"),
    "negative": (table([-5] * HOURS), "Negative values where none can be"),
    "huge": (table(["1e300"] * HOURS), "Values beyond 1e+18 are gaps"),
    "future": (table(GOOD, [at.replace("2026", "2027") for at in TIMES]), "Rows from the future, up to 31532400 s"),
    "mixed": ((HEADER + "\n".join(SPARSE)).encode(), "Rows come at different intervals: 1h, 6h."),
    "stale": (table(GOOD[:200]), "472h ago"),
    "empty": (b"", "empty.csv is empty"),
    "header_only": (HEADER.encode(), "There is no row below the header"),
    "no_header": (PLAIN[len(HEADER) :].encode(), "has no column of times; its first line is"),
    "prose": (b"hello world\nthis is not\na table\n", "has no column of times"),
    "binary": (bytes(DRAW.randrange(256) for _one in range(5000)), "binary.csv is a binary file"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(2000), "picture.csv is a binary file"),
    "nul": (PLAIN.encode()[:5000] + b"\0\0" + PLAIN.encode()[5000:], "nul.csv is a binary file"),
    "cut_gzip": (gzip.compress(PLAIN.encode())[:1000], "cut_gzip.csv: Compressed file ended"),
    "latin": (table(GOOD) + "2026-02-01T23:30:00Z,é\n".encode("latin-1"), "Name its encoding, like latin-1"),
    "utf16": (PLAIN.encode("utf-16"), "utf16.csv is a binary file"),
    "no_times": (table(GOOD, ["yesterday"] * HOURS), "'yesterday' is no time"),
    "decimal_comma": (PLAIN.replace(",", ";").replace(".", ",").encode(), "is no number (unless decimal is ',')"),
    "open_quote": ((HEADER + '"2026-01-05,3\n' + PLAIN[len(HEADER) :]).encode(), "open_quote.csv line 2"),
    "long_line": ((HEADER + f"{TIMES[0]},{'9' * 2_000_000}\n" + PLAIN[len(HEADER) :]).encode(), "no CSV file"),
    "missing": (None, "there is no file"),
}
"""What nothing can be made of, and what standard error must say."""
STRAY: dict[str, tuple[str, bytes]] = {
    "a log that is binary": ("log", bytes(DRAW.randrange(256) for _one in range(5000))),
    "a log that is prose": ("log", b"hello world\nthis is no log\n"),
    "a history that is prose": ("history", b"hello world\n"),
}


class Run(NamedTuple):
    status: int
    told: str
    report: dict[str, Any]
    variables: dict[str, Any]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys\nfrom ansible_collections.shadownet.ipam.forecaster.cli import main\nsys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def source(path: Path, kind: str = "csv", **options: str) -> dict[str, str]:
    return {"type": kind, "path": str(path), **options}


def settings(folder: Path, sources: list[dict[str, str]], **more: object) -> Path:
    path = folder / "forecast.yml"
    defaults = {"capacity": {"requests": 10, "memory": 20}}
    path.write_text(yaml.safe_dump({"sources": sources, "defaults": defaults, "models": ["last_week"], **more}))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The whole fleet at once."""
    folder = tmp_path_factory.mktemp("fleet")
    files: dict[str, bytes | None] = {"first": table(GOOD), **{name: one[0] for name, one in PLANNED.items()}}
    files |= {**{name: one[0] for name, one in REFUSED.items()}, "last": table(GOOD)}
    sources = []
    for name, content in files.items():
        path = folder / f"{name}.csv"
        if content is not None:
            path.write_bytes(content)
        sources.append(source(path, workload=name, signal="requests"))
    for name, (kind, content) in STRAY.items():
        path = folder / name.replace(" ", "_")
        path.write_bytes(content)
        sources.append(source(path, kind))
    config = settings(folder, sources, workloads={name: {} for name in files})
    out, report = folder / "out.yml", folder / "plan.json"
    done = command("plan", "--config", str(config), "-o", str(out), "--report", str(report), "--now", NOW)
    return Run(done.returncode, done.stderr, json.loads(report.read_text()), yaml.safe_load(out.read_text()))


def test_the_exit_status_tells_that_some_are_missing(run: Run) -> None:
    assert run.status == 3


@pytest.mark.parametrize("name", ["first", "last", *PLANNED])
def test_it_is_planned_and_what_was_met_is_told(run: Run, name: str) -> None:
    one = run.report["workloads"][name]
    assert len(one["slots"]) == 24
    assert PLANNED.get(name, (b"", ""))[1] in json.dumps(one)
    if name not in ("one_point", "constant", "zeros"):
        upper = [slot["upper_instances"] for slot in one["slots"]]
        assert 10 < max(upper) < 30
        assert 4 < min(upper) < 15
    written = {entry["workload"] for entry in run.variables["shadow_reservations"]}
    assert name in written or not any(slot["additional_instances"] for slot in one["slots"])


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_and_says_why(run: Run, name: str) -> None:
    assert name in run.report["refused"]
    assert f"{name}: not predicted." in run.told
    concerned = [line for line in run.told.splitlines() if f"{name}: not" in line or f"{name}.csv" in line]
    # A source that gave nothing is named by its place.
    concerned += [line for line in run.told.splitlines() if "it gave nothing" in line]
    assert any(REFUSED[name][1] in line for line in concerned), run.told


def test_a_source_of_another_kind_is_named(run: Run) -> None:
    for name in STRAY:
        assert name.replace(" ", "_") in run.told


def test_every_message_is_one_short_line(run: Run) -> None:
    lines = run.told.splitlines()
    assert all(line.startswith("shadownet-forecast: ") for line in lines)
    assert max(len(line) for line in lines) < 600


def test_when_nothing_can_be_read_that_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "prose.csv").write_text("hello world\n")
    config = settings(tmp_path, [source(tmp_path / "prose.csv"), source(tmp_path / "missing.csv")])
    done = command("plan", "--config", str(config), "-o", str(tmp_path / "out.yml"), "--now", NOW)
    assert done.returncode == 1
    assert "no column of times" in done.stderr
    assert "there is no file" in done.stderr
    assert not (tmp_path / "out.yml").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x81",
        b"[]",
        b'{"version": 9}',
        b'{"version": 1, "memories": {"first/requests": 5}}',
        b'{"version": 1, "memories": {"first/requests": {"shift": "x"}}}',
        b'{"version": 1, "memories": {"first/requests": {"shift": NaN}}}',
        b'{"version": 1, "memories": {"first/requests": {"stated": []}}}',
        b'{"version": 1, "memories": {"first/requests": {"stated": {"1769990400": "x"}}}}',
    ],
)
def test_a_state_that_is_none_is_told_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "first.csv").write_bytes(table(GOOD))
    state = tmp_path / "state.json"
    state.write_bytes(content)
    config = settings(tmp_path, [source(tmp_path / "first.csv", signal="requests")], state=str(state))
    done = command("plan", "--config", str(config), "-o", str(tmp_path / "out.yml"), "--now", NOW)
    assert done.returncode == 1
    assert "is no state of the forecaster" in done.stderr
    assert "Remove it" in done.stderr
    assert state.read_bytes() == content
    assert not (tmp_path / "out.yml").exists()


@pytest.mark.parametrize("content", [b"", b"- a\n", b"\x80", b"\0\0", b"a: [b\n", b"sources: 5\n", b"sources: [{}]\n"])
def test_settings_that_are_none_are_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "forecast.yml"
    path.write_bytes(content)
    done = command("plan", "--config", str(path))
    assert done.returncode == 1
    assert done.stderr.startswith("shadownet-forecast: ")


@pytest.mark.slow
def test_a_file_of_a_million_rows_takes_little_memory(tmp_path: Path) -> None:
    """Rows of a second each: packed, and without a memory of every time that was met."""
    first = int(BEGIN.timestamp())
    with (tmp_path / "big.csv").open("w") as file:
        file.write("time,workload,value\n")
        file.writelines(f"{first + at * 2},w{at % 5},{at % 97}.5\n" for at in range(1_000_000))
    config = settings(tmp_path, [source(tmp_path / "big.csv", signal="memory")])
    # The most that this program itself has held: getrusage would count the memory of who started it.
    measured = (
        "import sys\nfrom ansible_collections.shadownet.ipam.forecaster.cli import main\nstatus = main()\n"
        "sys.stderr.write(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
        "sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", measured, "plan", "--config", str(config), "-o", "-", "--now", NOW],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len({one["workload"] for one in yaml.safe_load(done.stdout)["shadow_reservations"]}) <= 5
    assert int(done.stderr.splitlines()[-1]) < 200_000  # KiB


def test_backtest_and_quantiles_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_bytes(table(GOOD))
    bad = []
    for name in ("binary", "prose", "empty", "nan"):
        bad.append(tmp_path / f"{name}.csv")
        bad[-1].write_bytes(REFUSED[name][0] or b"")
    done = command("backtest", str(tmp_path / "good.csv"), *map(str, bad), "--models", "last_week", "--origins", "2")
    assert done.returncode == 3
    assert all(path.name in done.stderr for path in bad), done.stderr
    assert "good" in done.stdout
    for path in bad:
        done = command("quantiles", str(path), "--origin", "2026-02-01T23:00:00")
        assert done.returncode == 1
        assert done.stdout == ""
        assert path.name in done.stderr
