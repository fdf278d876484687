# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage and history from audit trails of 10,000, 50,000 and 100,000 events, with summaries of them and without.

``python tests/benchmarks/bench_usage.py`` (``--quick`` stops at 10,000). The bare loop fetches the same rows and parses
the JSON of what each event left behind. Twenty workloads come and go, and are planned anew every hour; summaries are
made as writers make them, and left aside for the lines that read everything.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import harness

SIZES = (10_000, 50_000, 100_000)
WORKLOADS, RESERVED, HOUR, ROUNDS = 20, 12, 3600, 3
START = 1_800_000_000


class Book:
    """A ledger whose clock the benchmark moves, and that grows through the sizes."""

    def __init__(self, path: Path) -> None:
        from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.pools import declare_pools
        from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger

        self.seconds, self.path, self.number = START, path, 0
        self.write_seconds = self.summary_seconds = 0.0
        self.ledger = Ledger(path, create=True, clock=lambda: self.seconds)
        pools = [
            {"name": "shadow", "kind": "shadow", "prefixes": ["10.0.0.0/16"], "quarantine": "10m"},
            {"name": "provider", "prefixes": ["10.1.0.0/16"], "quarantine": "10m"},
        ]
        with self.ledger.transaction("bench") as transaction:
            declare_pools(transaction, pools)

    def grow(self, events: int) -> int:
        """Lets hours pass until there are so many events; returns how many there are."""
        from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_summary import keep_summary

        while (found := self.count()) < events:
            self.write_seconds += harness.seconds(self.hour)
            self.summary_seconds += harness.seconds(lambda: keep_summary(self.ledger))
        return found

    def count(self) -> int:
        """Number of events."""
        with closing(sqlite3.connect(self.path)) as connection:
            return int(connection.execute("SELECT COUNT(*) FROM event").fetchone()[0])

    def hour(self) -> None:
        """Each workload is planned anew, gets ten instances more, some of them unforeseen, and gives ten back."""
        from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instance_lifecycle import delete
        from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instances import create
        from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservation_requests import read_reservations
        from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservations import reserve
        from ansible_collections.shadownet.ipam.plugins.module_utils.model.reservation import InstanceRequest

        self.number += 1
        ends = datetime.fromtimestamp(self.seconds + 2 * HOUR, UTC).isoformat()
        plan = [
            {"workload": f"w{one}", "instances": RESERVED - self.number % 3, "expires_at": ends}
            for one in range(WORKLOADS)
        ]
        with self.ledger.transaction("bench") as transaction:
            reserve(transaction, read_reservations(plan, transaction.now))
            for one in range(WORKLOADS):
                for number in range(12):
                    create(transaction, InstanceRequest(f"w{one}-{self.number}-{number}", f"w{one}"))
        self.seconds += HOUR // 2
        with self.ledger.transaction("bench") as transaction:
            for one in range(WORKLOADS):
                for number in range(12):
                    delete(transaction, f"w{one}-{self.number}-{number}")
        self.seconds += HOUR // 2


def bare(path: Path) -> int:
    """Reads and parses, and makes nothing of it."""
    found = 0
    with closing(sqlite3.connect(path)) as connection:
        for _time, after in connection.execute("SELECT time, after FROM event ORDER BY id"):
            found += 1 if after is None else len(json.loads(after))
    return found


def told(book: Book, since: str | None, whole: bool) -> dict[str, Any]:
    """The usage since then."""
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage import read_window, usage

    with book.ledger.snapshot() as transaction:
        return usage(transaction, read_window(since, None, transaction.now), whole=whole)


def history(book: Book, since: str | None, whole: bool) -> int:
    """Hourly rows since then."""
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage import read_window
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_history import usage_history

    with book.ledger.snapshot() as transaction:
        window = read_window(since, None, transaction.now)
        return len(usage_history(transaction, window, HOUR * 1000, whole=whole))


def feedback(book: Book, since: str | None, whole: bool) -> int:
    """What the forecaster reads every hour."""
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage import read_window
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_feedback import read_feedback

    with book.ledger.snapshot() as transaction:
        window = read_window(since, None, transaction.now)
        return len(read_feedback(transaction, window, whole=whole))


def milliseconds(work: Callable[[], object]) -> float:
    """The middle one of some."""
    return harness.middle(harness.seconds(work) for _round in range(ROUNDS)) * 1000


QUESTIONS: tuple[tuple[str, Callable[[Book, str | None, bool], object], str | None], ...] = (
    ("usage of all", told, None),
    ("usage of 2 days", told, "2d"),
    ("history of 1 day, hourly", history, "1d"),
    ("feedback of 1 hour", feedback, "1h"),
)


def measure(path: Path, sizes: tuple[int, ...]) -> Iterator[harness.Result]:
    """Lines of the report; the last one is the price of the summaries."""
    book = Book(path)
    for size in sizes:
        events = book.grow(size)
        peer = milliseconds(lambda: bare(path))
        plain = milliseconds(lambda: told(book, None, True))
        rows = milliseconds(lambda: history(book, None, True))
        yield harness.compare(f"{events:,} events: usage of all, from every event", plain, peer, "ms", None)
        yield harness.compare(f"{events:,} events: history of all, from every event", rows, peer, "ms", None)
        for words, ask, since in QUESTIONS:
            whole = milliseconds(lambda ask=ask, since=since: ask(book, since, True))
            mine = milliseconds(lambda ask=ask, since=since: ask(book, since, False))
            line = f"{events:,} events: {words}, with summaries to without"
            yield harness.compare(line, mine, whole, "ms", 0.5 if events > 50_000 else None)
    kept, peer = book.summary_seconds * 1000, book.write_seconds * 1000
    yield harness.compare("all summaries to all writing", kept, peer, "ms", 0.2)
    book.ledger.close()


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Usage and history from long audit trails.")
    parser.add_argument("--quick", action="store_true", help="stop at 10,000 events")
    sizes = SIZES[:1] if parser.parse_args().quick else SIZES
    with tempfile.TemporaryDirectory() as folder:
        harness.as_collection(Path(folder))
        return harness.report(measure(Path(folder) / "ledger.db", sizes))


if __name__ == "__main__":
    sys.exit(main())
