# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading an access log of a million lines: lines a second, against ``wc -l`` and a loop with a regular expression."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import harness

LINES = int(os.environ.get("BENCH_LINES", "1000000"))
BEGIN = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
ROUNDS = 3
_LINE = re.compile(r'^(\S+) \S+ \S+ \[([^\]]+)\] "(\S+) (\S+) [^"]*" (\d{3}) (\d+|-) "[^"]*" "[^"]*"$')


def write_logs(folder: Path) -> tuple[Path, Path]:
    """A week of a million requests to eight services, as Combined and as JSON lines."""
    draw = random.Random(6)
    combined, lines = folder / "access.log", folder / "access.json"
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
    with combined.open("w") as plain, lines.open("w") as objects:
        for number in range(LINES):
            at = datetime.fromtimestamp(BEGIN + number * 7 * 86400 / LINES, UTC)
            client = f"198.51.100.{draw.randrange(256)}"
            path = f"/{'abcdefgh'[draw.randrange(8)]}/items/{draw.randrange(10000)}"
            size = draw.randrange(100, 50000)
            plain.write(f'{client} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET {path} HTTP/1.1" 200 {size} "-" "{agent}"\n')
            line = {"time": at.isoformat(), "client": client, "service": path[1], "path": path, "bytes": size}
            objects.write(json.dumps(line) + "\n")
    return combined, lines


def plain_loop(path: Path) -> int:
    """What one would write in a minute: a match for every line, and a counter by hour and service."""
    counted: Counter[tuple[datetime, str]] = Counter()
    for line in path.open():
        match = _LINE.match(line)
        if match:
            at = datetime.strptime(match[2], "%d/%b/%Y:%H:%M:%S %z").replace(minute=0, second=0)
            counted[at, match[4].split("/")[1]] += 1
    return sum(counted.values())


def lean_loop(path: Path) -> int:
    """The same with nothing but the match: no time is read, the hour is cut from its text."""
    counted: Counter[tuple[str, str]] = Counter()
    for line in path.open():
        match = _LINE.match(line)
        if match:
            counted[match[2][:14], match[4][1:2]] += 1
    return sum(counted.values())


def json_loop(path: Path) -> int:
    """A plain loop over JSON lines."""
    counted: Counter[tuple[str, str]] = Counter()
    for line in path.open():
        found = json.loads(line)
        counted[found["time"][:13], found["service"]] += 1
    return sum(counted.values())


def rates(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Lines a second, the best of some rounds; every round runs them all, so that all meet the same load."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _round in range(ROUNDS):
        for name, work in works.items():
            taken[name].append(harness.seconds(work))
    return {name: LINES / min(seconds) for name, seconds in taken.items()}


def measure(folder: Path) -> list[harness.Result]:
    """All lines of the report."""
    from ansible_collections.shadownet.ipam.forecaster.inputs.logs import LogOptions, read_logs
    from ansible_collections.shadownet.ipam.forecaster.inputs.source import Context

    def ours(*wanted: Any) -> Callable[[], None]:
        def read() -> None:
            counted = sum(float(one.values.sum()) for one in read_logs(*wanted).points)
            if counted != LINES:
                raise SystemExit(f"the reader counted {counted:,.0f} lines")

        return read

    context = Context(now=BEGIN + 8 * 86400)
    combined, lines = write_logs(folder)
    found = rates(
        {
            "by path": ours(LogOptions((str(combined),), workload_regex="^/(.)/"), context),
            "of one": ours(LogOptions((str(combined),), workload="shop"), context),
            "lean": partial(lean_loop, combined),
            "plain": partial(plain_loop, combined),
            "objects": ours(LogOptions((str(lines),), workload_field="service"), context),
            "loop": partial(json_loop, lines),
            "wc": partial(subprocess.run, ["wc", "-l", combined], check=True, stdout=subprocess.DEVNULL),
        }
    )
    by_path, of_one, objects = found["by path"], found["of one"], found["objects"]
    lean, plain, loop, counted = found["lean"], found["plain"], found["loop"], found["wc"]
    compare = harness.compare
    return [
        compare("Combined, workload from the path; peer: a plain loop", by_path, plain, "/s", 1.0, "higher"),
        compare("Combined, workload from the path; peer: a loop of matches", by_path, lean, "/s", None, "higher"),
        compare("Combined, workload from the path; peer: wc -l", by_path, counted, "/s", None, "higher"),
        compare("Combined, one workload; peer: a loop of matches", of_one, lean, "/s", 1.0, "higher"),
        compare("JSON lines, workload from a field; peer: a loop of json.loads", objects, loop, "/s", 0.8, "higher"),
    ]


def main() -> int:
    """Measures and prints; 0 when every target was reached."""
    with tempfile.TemporaryDirectory() as name:
        harness.as_collection(Path(name))
        return harness.report(measure(Path(name)))


if __name__ == "__main__":
    sys.exit(main())
