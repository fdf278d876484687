# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage and history from audit trails of 10,000, 50,000 and 100,000 events, against a bare loop that only reads them.

``python tests/benchmarks/bench_usage.py`` (``--quick`` stops at 10,000). The bare loop fetches the same rows and parses
the JSON of what each event left behind. Twenty workloads come and go, and are planned anew every hour.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
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
        self.ledger = Ledger(path, create=True, clock=lambda: self.seconds)
        pools = [
            {"name": "shadow", "kind": "shadow", "prefixes": ["10.0.0.0/16"], "quarantine": "10m"},
            {"name": "provider", "prefixes": ["10.1.0.0/16"], "quarantine": "10m"},
        ]
        with self.ledger.transaction("bench") as transaction:
            declare_pools(transaction, pools)

    def grow(self, events: int) -> int:
        """Lets hours pass until there are so many events; returns how many there are."""
        while (found := self.count()) < events:
            self.hour()
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


def ours(book: Book) -> dict[str, Any]:
    """The usage of the last week."""
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage import read_window, usage

    with book.ledger.snapshot() as transaction:
        return usage(transaction, read_window("7d", None, transaction.now))


def history(book: Book) -> int:
    """Hourly rows of all there is."""
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage import read_window
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_history import usage_history

    with book.ledger.snapshot() as transaction:
        return len(usage_history(transaction, read_window(None, None, transaction.now), HOUR * 1000))


def measure(path: Path, sizes: tuple[int, ...]) -> Iterator[harness.Result]:
    """Lines of the report; the last says whether the price of an event stays the same, beside the bare loop."""
    book = Book(path)
    each: list[float] = []
    for size in sizes:
        events = book.grow(size)
        peer = harness.middle(harness.seconds(lambda: bare(path)) for _round in range(ROUNDS))
        mine = harness.middle(harness.seconds(lambda: ours(book)) for _round in range(ROUNDS))
        rows = history(book)
        past = harness.middle(harness.seconds(lambda: history(book)) for _round in range(ROUNDS))
        each.append(mine / peer)
        yield harness.compare(f"usage of 7 days, {events:,} events", mine * 1000, peer * 1000, "ms", None)
        yield harness.compare(f"history, {events:,} events, {rows:,} rows", past * 1000, peer * 1000, "ms", None)
    if len(each) > 1:
        yield harness.compare("ratio at the last size to that at the first", each[-1], each[0], "", 1.5)
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
