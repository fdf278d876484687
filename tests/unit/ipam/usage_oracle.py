# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage by looking: a ledger whose tables are looked at every minute, and steps that make any history of it."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.adopt_routes import adopt_routes
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instance_lifecycle import retry
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.lifecycle import expire
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.maintenance import accept_clock
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage import Window
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.addresses import format_block
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import ShadownetError
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import Route
from ansible_collections.shadownet.ipam.tests.unit.ipam.desk import START, Desk

MINUTE = 60
Step = tuple[Any, ...]


class Watched:
    """A desk whose state is looked at every minute, with everything moved on that is due, in a transaction that is
    undone: the ledger itself learns of it only when a call comes by.

    Attributes:
        levels: for each minute, by pool, workload, what and location.
        counts: by minute, workload, what and location.
        held: for each reservation that stands, by forecast: prefix-minutes held and idle since it began.
        ended: what reservations came to, by forecast: (minute, name, forecast id, how, prefix-minutes held and idle).
    """

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder / "ledger.db")
        self.minute = 0
        self.levels: list[Counter[tuple[Any, ...]]] = []
        self.counts: Counter[tuple[Any, ...]] = Counter()
        self.ends: dict[str, tuple[int, str]] = {}
        self.forecasts: dict[str, str] = {}
        self.held: dict[str, list[int]] = {}
        self.ended: list[tuple[Any, ...]] = []
        self.owners: dict[tuple[str, str], tuple[str, str | None]] = {}
        self.desk.pool("s1", "10.1.0.0/27", kind="shadow", quarantine="3m")
        self.desk.pool("s2", "10.2.0.0/29", kind="shadow", quarantine="0s")
        self.desk.pool("p", "10.3.0.0/28", quarantine="2m")

    # Looking

    def wait(self, minutes: int) -> None:
        for _number in range(minutes):
            self.levels.append(self.look())
            self.minute += 1
            self.desk.seconds += MINUTE
            self.expire()

    def expire(self) -> None:
        for name, (minute, workload) in list(self.ends.items()):
            if minute <= self.minute:
                self.end(name, workload, "expired", minute)

    def end(self, name: str, workload: str, how: str, minute: int) -> None:
        self.counts[minute, workload, f"reservations_{how}", None] += 1
        self.close(name, how, minute)
        del self.ends[name]

    def close(self, name: str, how: str, minute: int) -> None:
        held, idle = self.held.pop(name, (0, 0))
        if held:
            self.ended.append((minute, name, self.forecasts[name], how, held, idle))

    def look(self) -> Counter[tuple[Any, ...]]:
        found: Counter[tuple[Any, ...]] = Counter()
        with self.desk.ledger.transaction("oracle", check=True) as transaction:
            expire(transaction, limit=None)
            standing = transaction.reservations()
            assert {one.name for one in standing} == set(self.ends)
            for item in standing:
                for one in transaction.reserved_of(item.id):
                    pool, idle = transaction.pool_of(one.pool_id).name, one.state == "reserved"
                    if item.starts_at <= transaction.now:
                        found[pool, item.workload, "reserved", None] += one.block.size
                        found[pool, item.workload, "idle", None] += one.block.size if idle else 0
                        sums = self.held.setdefault(item.name, [0, 0])
                        sums[0] += 1
                        sums[1] += idle
                    elif idle:
                        found[pool, item.workload, "ahead", None] += one.block.size
            for one in transaction.instances():
                pool = transaction.pool_of(one.pool_id).name
                what = "resting" if not one.wanted else "activated" if one.source == "shadow" else "dynamic"
                found[pool, one.workload, what, one.location] += one.block.size
                found[pool, one.workload, "instances", one.location] += one.wanted
            for pool in transaction.pools().values():
                for one in transaction.occupied_of(pool):
                    if one.kind == "quarantine":
                        workload, location = self.owners[pool.name, format_block(one.block)]
                        found[pool.name, workload, "resting", location] += one.block.size
        return found

    def note_owners(self) -> None:
        """Who has an address, for when it rests after him."""
        with self.desk.ledger.snapshot() as transaction:
            for one in transaction.instances():
                place = transaction.pool_of(one.pool_id).name, format_block(one.block)
                self.owners[place] = one.workload, one.location

    def instance(self, name: str) -> tuple[Any, ...] | None:
        """(wanted, workload, location, source)."""
        rows = self.desk.rows("SELECT wanted, workload, location, source FROM instance WHERE name = ?", name)
        return rows[0] if rows else None

    # Doing

    def reserve(self, *wanted: tuple[tuple[str, str], int, int, int], forecast: str = "f0") -> None:
        """In one call: (name and workload, instances, minutes until it begins, and until it ends) of each."""
        items = [
            {
                "name": name,
                "workload": workload,
                "instances": instances,
                "begins": begins * MINUTE,
                "ends": (begins + lasts) * MINUTE,
                "prefix_length": 31 if name == "web-2" else 32,
                "pools": ["s2" if name == "db" else "s1"],
                "forecast_id": forecast,
            }
            for (name, workload), instances, begins, lasts in wanted
        ]
        for outcome, ((name, workload), _instances, begins, lasts) in zip(
            self.desk.reserve(*items), wanted, strict=True
        ):
            if outcome.before is None:
                if name in self.ends:  # the clock ran ahead beyond its end
                    self.end(name, self.ends[name][1], "expired", self.minute)
                self.counts[self.minute, workload, "reservations_made", None] += 1
            elif self.forecasts[name] != forecast:
                self.close(name, "replanned", self.minute)
            self.forecasts[name] = forecast
            self.ends[name] = (self.minute + begins + lasts, workload)

    def withdraw(self, name: str) -> None:
        (outcome,) = self.desk.withdraw(name)
        if outcome.before is not None:
            self.end(name, self.ends[name][1], "removed", self.minute)

    def create(self, name: str, workload: str | None = None, **options: Any) -> None:
        before = self.instance(name)
        created = self.desk.create(name, workload or name.partition("-")[0], **options)
        self.note_owners()
        if before is None or not before[0]:
            item = created.instance
            self.counts[self.minute, item.workload, "created", item.location] += 1
            if item.source == "shadow":
                self.counts[self.minute, item.workload, "hits", item.location] += 1

    def delete(self, name: str) -> None:
        before = self.instance(name)
        if before is not None and before[0]:
            self.counts[self.minute, before[1], "deleted", before[2]] += 1
        self.desk.delete(name)

    def answer(self, node: str, ok: bool) -> None:
        for (revision,) in self.desk.rows("SELECT revision FROM node WHERE name = ?", node):
            self.desk.answer(node, revision, ok)

    def refuse(self, node: str) -> None:
        """The node refuses the routes of every other instance, which are set aside."""
        with self.desk.ledger.snapshot() as transaction:
            items = transaction.instances("node = ? AND wanted = 1", (node,))
        for (revision,) in self.desk.rows("SELECT revision FROM node WHERE name = ?", node):
            self.desk.answer(node, revision, False, "no such link", [format_block(one.block) for one in items[::2]])

    def retry(self, node: str) -> None:
        with self.desk.ledger.transaction("test") as transaction:
            retry(transaction, node)

    def adopt(self, node: str, address: str) -> None:
        """A route is found at the node that the ledger does not know, as after a restore."""
        with self.desk.ledger.transaction("test") as transaction:
            adopt_routes(transaction, node, [Route(f"{address}/32", interface="tap9")])
        self.note_owners()

    def jump(self, minutes: int, steps: Iterable[Step]) -> None:
        """The clock runs ahead, things happen, and then it is set right: it all happened in this very minute."""
        self.desk.seconds += minutes * MINUTE
        for step in steps:
            with suppress(ShadownetError):
                self.take(step)
        self.desk.seconds -= minutes * MINUTE
        accept_clock(self.desk.ledger, "test")
        there = {name for (name,) in self.desk.rows("SELECT name FROM reservation")}
        for name, (_minute, workload) in list(self.ends.items()):
            if name not in there:
                self.end(name, workload, "expired", self.minute)
        ends = self.desk.rows("SELECT name, expires_at FROM reservation")
        self.ends |= {
            name: ((until // 1000 - START) // MINUTE, self.ends[name][1]) for name, until in ends if name in self.ends
        }

    def take(self, step: Step) -> None:
        """One step of a history."""
        word, *rest = step
        if word == "again":
            self.delete(rest[0])
            self.wait(rest[1])
            self.create(rest[0])
        elif word == "create":
            options: dict[str, Any] = {"node": rest[1], "interface": "tap0"} if rest[1] else {}
            self.create(rest[0], rest[3], location=rest[2], **options)
        elif word == "reserve":
            self.reserve(*rest[1:], forecast=rest[0])
        elif word == "quarantine":
            prefix = "10.1.0.0/27" if rest[0] == "s1" else "10.2.0.0/29"
            self.desk.pool(rest[0], prefix, kind="shadow", quarantine=rest[1])
        else:
            getattr(self, word)(*rest)


@contextmanager
def watched() -> Iterator[Watched]:
    """One in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        made = Watched(Path(folder))
        try:
            yield made
        finally:
            made.desk.close()


def window(first: int, last: int) -> Window:
    """From minute to minute."""
    return Window((START + first * MINUTE) * 1000, (START + last * MINUTE) * 1000, False)


# -- any history

NAMES = st.sampled_from([f"{workload}-{number}" for workload in ("web", "db") for number in range(3)])
NODES = st.sampled_from([None, None, "n1", "n2"])
PLACES = st.sampled_from([None, None, "fra1"])
WORKLOADS = st.sampled_from([None, None, None, "db", "web"])
# Most of what is worth telling needs something that stands already.
BEGINNING: list[Step] = [
    ("reserve", "f0", (("web", "web"), 6, 0, 40), (("db-2", "db"), 20, 0, 40)),
    ("reserve", "f0", (("db", "db"), 2, 1, 30)),
    ("create", "web-0", None, None, None),
    ("create", "web-1", "n1", "fra1", None),
    ("answer", "n1", True),
    ("wait", 2),
    ("create", "db-0", None, None, None),
]
RESERVATIONS = st.sampled_from([("web", "web"), ("web-2", "web"), ("db", "db"), ("db-2", "db"), ("web", "db")])
RESERVED = st.tuples(RESERVATIONS, st.integers(0, 4), st.integers(0, 6), st.integers(1, 12))
FORECASTS = st.sampled_from(["f0", "f1"])
# In one call one grows into what the other one gives up: both fill most of their pool.
SPLIT = st.builds(
    lambda forecast, share, ahead, lasts: (
        "reserve",
        forecast,
        (("web", "web"), share, 0, lasts),
        (("db-2", "db"), 28 - share, ahead, lasts),
    ),
    FORECASTS,
    st.integers(2, 26),
    st.sampled_from([0, 0, 3]),
    st.integers(5, 30),
)
CREATE = st.tuples(st.just("create"), NAMES, NODES, PLACES, WORKLOADS)
DELETE = st.tuples(st.just("delete"), NAMES)
RESERVE = st.tuples(st.just("reserve"), FORECASTS, RESERVED)
ADOPT = st.tuples(
    st.just("adopt"),
    st.sampled_from(["n1", "n2"]),
    st.builds("10.{}.0.{}".format, st.integers(1, 3), st.integers(0, 7)),
)
ANSWER = st.tuples(st.just("answer"), st.sampled_from(["n1", "n2"]), st.booleans())
SIMPLE = st.one_of(CREATE, CREATE, DELETE, RESERVE, ANSWER, ADOPT)
STEPS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 6)),
    RESERVE,
    SPLIT,
    SPLIT,
    st.tuples(st.just("withdraw"), RESERVATIONS.map(lambda one: one[0])),
    CREATE,
    CREATE,
    DELETE,
    st.tuples(st.just("again"), NAMES, st.integers(0, 4)),
    ANSWER,
    ADOPT,
    st.tuples(st.sampled_from(["refuse", "retry"]), st.sampled_from(["n1", "n2"])),
    st.tuples(st.just("jump"), st.integers(2, 50), st.lists(SIMPLE, max_size=4)),
    st.tuples(st.just("quarantine"), st.sampled_from(["s1", "s2"]), st.sampled_from(["0s", "1m", "4m"])),
)
HISTORIES = st.lists(STEPS, min_size=3, max_size=30)
