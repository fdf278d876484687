# SPDX-License-Identifier: GPL-3.0-or-later
"""Allocation in bulk and one by one, at 1,000, 100,000 and 1,000,000 standing subnets, against bare loops.

``python tests/benchmarks/bench_allocation.py`` (``--quick`` leaves out the million). The bare loop replays the very
statements and rows that the ledger wrote, recorded beforehand, on the same file with the same indexes and triggers:
what is left is the price of deciding. Takes about three minutes and 2 GB of the temporary folder's disk.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import harness

SIZES = (1_000, 100_000, 1_000_000)
BULK, SINGLE, ROUNDS, CHUNK = 20_000, 200, 5, 20_000
LENGTHS = (28, 27, 30, 29, 28, 26, 29)
WRITES = ("INSERT", "UPDATE", "DELETE")

Statement = tuple[str, Sequence[Any], bool]


def requests(first: int, count: int, tag: str) -> list[dict[str, Any]]:
    """Requests as a playbook gives them, in mixed sizes."""
    return [
        {
            "name": f"{tag}-{number}",
            "service": f"service-{number % 97}",
            "prefix_length": LENGTHS[number % len(LENGTHS)],
            "bandwidth": "10Mbit",
            "labels": {"team": f"t{number % 13}"},
        }
        for number in range(first, first + count)
    ]


class Bench:
    """One ledger file that grows through the sizes."""

    def __init__(self, path: Path) -> None:
        from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.pools import declare_pools
        from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger

        self.path, self.standing = path, 0
        self.ledger = Ledger(path, create=True)
        # With the settings of the ledger's own connections.
        self.bare = sqlite3.connect(path, isolation_level=None, cached_statements=256)
        self.undoing = sqlite3.connect(path, isolation_level=None, cached_statements=256)
        for connection in (self.bare, self.undoing):
            for pragma in ("synchronous = FULL", "cache_size = -65536", "foreign_keys = ON", "trusted_schema = OFF"):
                connection.execute(f"PRAGMA {pragma}")
        with self.ledger.transaction("bench") as transaction:
            declare_pools(transaction, [{"name": "p", "prefixes": ["8.0.0.0/6"], "quarantine": 0}])

    def close(self) -> None:
        self.bare.close()
        self.undoing.close()
        self.ledger.close()

    def allocate(self, items: Sequence[dict[str, Any]]) -> None:
        """One call: requests are read, subnets handed out, everything committed."""
        from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.allocate import allocate
        from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.requests import read_requests

        with self.ledger.transaction("bench") as transaction:
            allocate(transaction, read_requests(items))

    def release(self, names: list[str]) -> None:
        from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.lifecycle import release

        with self.ledger.transaction("bench") as transaction:
            release(transaction, names)

    def grow(self, size: int) -> None:
        """To `size` standing subnets with holes between them, as use leaves them."""
        target = size + size // 20
        while self.standing < target:
            count = min(CHUNK, target - self.standing)
            self.allocate(requests(self.standing, count, "standing"))
            self.standing += count
        gone = [f"standing-{number}" for number in range(7, target, 21)]
        for at in range(0, len(gone), CHUNK):
            self.release(gone[at : at + CHUNK])
        self.standing = target
        self.bare.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def undone(self) -> Iterator[list[Statement]]:
        """Afterwards the ledger is as it was; the list holds what was written.

        By a connection of its own: SQLite forgets its cached pages when another connection has written, and so both
        racers start with none.
        """
        marks = {
            table: self.undoing.execute(f"SELECT MAX(id) FROM {table}").fetchone()[0] for table in ("subnet", "event")
        }
        pool = self.undoing.execute("SELECT bandwidth_used, turn, cursor4 FROM pool").fetchone()
        written: list[Statement] = []
        yield written
        with self.transaction(self.undoing):
            for sql, rows, many in reversed(written):
                for row in reversed(rows) if many else [rows]:
                    if "free_block" in sql:
                        inverse = (
                            "INSERT INTO free_block VALUES (?, ?, ?, ?)"
                            if sql.startswith("DELETE")
                            else "DELETE FROM free_block WHERE pool_id = ? AND family = ? AND prefix_length = ? "
                            "AND start = ?"
                        )
                        self.undoing.execute(inverse, row)
                    elif "INTO occupied" in sql:
                        self.undoing.execute(
                            "DELETE FROM occupied WHERE routing_domain_id = ? AND family = ? AND start = ?", row[:3]
                        )
            for table, mark in marks.items():
                self.undoing.execute(f"DELETE FROM {table} WHERE id > ?", (mark,))
                self.undoing.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (mark, table))
            self.undoing.execute("UPDATE pool SET bandwidth_used = ?, turn = ?, cursor4 = ?", pool)
        self.undoing.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def transaction(self, connection: sqlite3.Connection) -> Iterator[None]:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")

    @contextmanager
    def recorded(self, written: list[Statement]) -> Iterator[None]:
        """Notes every row that the ledger writes meanwhile."""
        store = self.ledger.store
        execute, executemany = store.execute, store.executemany

        def one(sql: str, parameters: Sequence[Any] = ()) -> Any:
            if sql.lstrip().startswith(WRITES):
                written.append((sql, parameters, False))
            return execute(sql, parameters)

        def many(sql: str, rows: Any) -> None:
            kept = list(rows)
            written.append((sql, kept, True))
            executemany(sql, kept)

        store.execute, store.executemany = one, many  # type: ignore[method-assign]
        try:
            yield
        finally:
            del store.execute, store.executemany

    def loop(self, statements: Sequence[Statement]) -> None:
        """The bare loop: one statement for each row, all in one transaction."""
        with self.transaction(self.bare):
            for sql, rows, many in statements:
                for row in rows if many else [rows]:
                    self.bare.execute(sql, row)

    def batch(self, statements: Sequence[Statement]) -> None:
        """The least that SQLite needs: each statement once for all its rows."""
        with self.transaction(self.bare):
            for sql, rows, many in statements:
                self.bare.executemany(sql, rows if many else [rows])

    def race(self, calls: Sequence[Sequence[dict[str, Any]]]) -> list[float]:
        """Seconds that these calls take by the ledger, the bare loop and the batch: medians of alternating rounds."""
        scripts: list[list[Statement]] = []
        with self.undone() as everything:
            for items in calls:
                script: list[Statement] = []
                with self.recorded(script):
                    self.allocate(items)
                scripts.append(script)
                everything.extend(script)
        times: list[list[float]] = [[], [], []]
        for _round in range(ROUNDS):
            for taken, work, items in zip(
                times, (self.allocate, self.loop, self.batch), (calls, scripts, scripts), strict=True
            ):
                with self.undone() as written:
                    written.extend(everything)
                    taken.append(harness.seconds(partial(each, work, items)))
        return [harness.middle(taken) for taken in times]


def each(work: Callable[[Any], None], items: Sequence[Any]) -> None:
    for item in items:
        work(item)


def measure(path: Path, sizes: Sequence[int]) -> list[harness.Result]:
    results: list[harness.Result] = []
    rates: list[float] = []
    with closing(Bench(path)) as bench:
        for size in sizes:
            print(f"growing to {size:,} standing subnets ...", file=sys.stderr, flush=True)
            bench.grow(size)
            ours, bare, batch = bench.race([requests(0, BULK, "bulk")])
            rates.append(BULK / ours)
            what = f"{BULK:,} in one transaction, {size:,} standing"
            results.append(harness.compare(what, BULK / ours, BULK / bare, "/s", 0.6, "higher"))
            results.append(harness.compare("  the same against executemany", BULK / ours, BULK / batch, "/s", None))
            results.append(harness.compare("  the same against 15,000/s", BULK / ours, 15_000, "/s", 1.0, "higher"))
            ours, bare = bench.race([requests(number, 1, "single") for number in range(SINGLE)])[:2]
            what = f"one durable commit each, {size:,} standing"
            results.append(harness.compare(what, SINGLE / ours, SINGLE / bare, "/s", 0.6, "higher"))
        for size, rate in zip(sizes[1:], rates[1:], strict=True):
            target = 0.75 if size == SIZES[-1] else None
            what = f"bulk rate at {size:,} against that at {sizes[0]:,}"
            results.append(harness.compare(what, rate, rates[0], "/s", target, "higher"))
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="leave out 1,000,000 standing subnets")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="shadownet-bench-") as name:
        folder = Path(name)
        harness.as_collection(folder)
        return harness.report(measure(folder / "ledger.db", SIZES[:-1] if quick else SIZES))


if __name__ == "__main__":
    sys.exit(main())
