# SPDX-License-Identifier: GPL-3.0-or-later
"""From one schema version to the next, with a ledger that the release before has written, and killed on the way.

``data/v1.sql`` was written by the code of schema version 1: pools of both families and two routing domains, subnets in
every status, quarantine, a security profile, nodes. ``data/v2.sql`` was written by that of version 2: reservations with
prefixes in every state, one of them over and not yet met; instances, one of them on its way to another node; quarantine
after subnets and instances, also of the same name. ``data/v2_usage.sql`` likewise: reservations, hits, and misses of
most kinds; ``data/v2_usage.json`` is the usage that it told of all of it, and of the last two hours.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instances import create
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.lifecycle import node_result
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.maintenance import (
    backup_ledger,
    migrate_ledger,
    restore_ledger,
    verify_ledger,
)
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservation_requests import read_reservations
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservations import reserve
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage import read_window, usage
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_feedback import feedback
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_summary import keep_summary
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger import sqlite_schema
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import LedgerUnusable
from ansible_collections.shadownet.ipam.plugins.module_utils.model.reservation import InstanceRequest

from .test_concurrency import FORK

STEPS = {1: sum(len(one) + 1 for one in sqlite_schema.MIGRATIONS[1:]), 2: len(sqlite_schema.MIGRATIONS[2]) + 1}
"""Statements of the migration from a version, and for each version the one that notes it."""

DATA = Path(__file__).parent / "data"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return written(tmp_path, "v1")


def written(tmp_path: Path, name: str) -> Path:
    path = tmp_path / f"old-{name}.db"
    script = (DATA / f"{name}.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(script)
    path.chmod(0o600)
    return path


def content(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        return [str(version), *connection.iterdump()]


def table(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def test_a_ledger_of_version_1_is_refused_and_left_alone_until_it_is_migrated(old: Path) -> None:
    before = content(old)
    with pytest.raises(LedgerUnusable, match=r"schema version 1.*state=migrated"):
        Ledger(old)
    assert content(old) == before


def test_what_version_1_held_is_there_after_the_migration_and_goes_its_way(old: Path) -> None:
    queries = {
        name: f"SELECT * FROM {name}"
        for name in ("pool", "pool_prefix", "free_block", "subnet", "node", "event", "security_profile", "meta")
    }
    before = {name: table(old, sql) for name, sql in queries.items()}
    occupied = table(
        old, "SELECT routing_domain_id, start, last, kind, subnet_id, name, until FROM occupied ORDER BY 1, 2"
    )
    assert {row[3] for row in occupied} == {"subnet", "quarantine", "excluded"}
    with Ledger(old, any_version=True) as ledger:
        assert migrate_ledger(ledger) == (1, sqlite_schema.SCHEMA_VERSION)
    assert {name: table(old, sql) for name, sql in queries.items()} == before
    assert occupied == table(
        old, "SELECT routing_domain_id, start, last, kind, holder_id, name, until FROM occupied ORDER BY 1, 2"
    )
    assert {row[0] for row in table(old, "SELECT last_kind FROM occupied WHERE kind = 'quarantine'")} == {"subnet"}
    # From then on it is a ledger like any other: the clock, answers of nodes, reservations.
    last = before["event"][-1][1] / 1000
    with Ledger(old, clock=lambda: last + 1) as ledger:
        assert verify_ledger(ledger) == []
        with ledger.transaction("test") as transaction:
            answered = node_result(transaction, "n1", transaction.nodes()["n1"].revision, True)
            assert {moved.subnet.name: moved.after is None for moved in answered.moved} == {"going": True}
        item = {"workload": "web", "instances": 20, "expires_at": "2090-01-01T00:00:00Z", "node": "n1"}
        with ledger.transaction("test") as transaction:
            (made,) = reserve(transaction, read_reservations([item]))
            assert made.after is not None
            assert len(made.after["prefixes"]) == 20
        assert verify_ledger(ledger) == []


def test_overlaps_are_refused_by_the_database_after_the_migration_too(old: Path) -> None:
    with Ledger(old, any_version=True) as ledger:
        migrate_ledger(ledger)
    for change in ("start = (SELECT MIN(start) FROM occupied)", "last = (SELECT MAX(last) FROM occupied)"):
        with closing(sqlite3.connect(old)) as connection, pytest.raises(sqlite3.IntegrityError):
            connection.execute(f"UPDATE occupied SET {change} WHERE kind = 'subnet'")


class _Mortal:
    """A connection that dies, with its whole process, before its n-th statement."""

    def __init__(self, connection: sqlite3.Connection, number: int) -> None:
        self._connection, self._left = connection, number

    def execute(self, sql: str) -> sqlite3.Cursor:
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1
        return self._connection.execute(sql)


def _die_migrating(path: Path, number: int, last: bool) -> None:
    with Ledger(path, any_version=True) as ledger:
        store: Any = ledger.store
        store._connection = _Mortal(store._connection, number)
        if last:
            # After the last statement, before the commit.
            ending = store._execute
            store._execute = lambda sql: os.kill(os.getpid(), signal.SIGKILL) if sql == "COMMIT" else ending(sql)
        migrate_ledger(ledger)


@pytest.mark.parametrize(
    ("version", "number"), [(version, number) for version in STEPS for number in range(STEPS[version] + 1)]
)
def test_a_migration_that_is_killed_leaves_a_whole_ledger_of_the_old_version(
    tmp_path: Path, version: int, number: int
) -> None:
    path = written(tmp_path, f"v{version}")
    before = content(path)
    process = FORK.Process(target=_die_migrating, args=(path, number, number == STEPS[version]))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert content(path) == before
    with Ledger(path, any_version=True) as ledger:
        assert migrate_ledger(ledger) == (version, sqlite_schema.SCHEMA_VERSION)
        assert verify_ledger(ledger) == []


def test_what_version_2_held_is_there_after_the_migration_and_goes_its_way(tmp_path: Path) -> None:
    path = written(tmp_path, "v2")
    names = ("pool", "pool_prefix", "free_block", "subnet", "reserved", "instance", "floor", "node", "event", "meta")
    before = {name: table(path, f"SELECT * FROM {name}") for name in names}
    with Ledger(path, any_version=True) as ledger:
        assert migrate_ledger(ledger) == (2, sqlite_schema.SCHEMA_VERSION)
    assert {name: table(path, f"SELECT * FROM {name}") for name in names} == before
    # By the audit trail, where it tells: both a subnet and an instance of two of these names had gone.
    assert table(
        path,
        "SELECT pool.name, occupied.name, last_kind FROM occupied JOIN pool ON pool.id = pool_id "
        "WHERE occupied.kind = 'quarantine' ORDER BY 1, 2",
    ) == [
        ("pro", "both", None),
        ("pro", "fleeting", "instance"),
        ("pro", "gone", "subnet"),
        ("pro", "twice", None),
        ("red", "twice", None),
        ("sha", "w4", "instance"),
    ]
    last = before["event"][-1][1] / 1000
    with Ledger(path, clock=lambda: last + 200) as ledger:
        assert verify_ledger(ledger) == []
        with ledger.transaction("test") as transaction:
            # It rests in a prefix of its reservation, and gets that again; the name of a subnet gets it nothing.
            back = create(transaction, InstanceRequest("w4", "web"))
            other = create(transaction, InstanceRequest("both", "batch"))
        assert (back.moved.after or {})["cidr"] == "10.1.0.3/32"
        assert (other.moved.after or {})["cidr"] != "10.0.0.32/32"
        with ledger.transaction("test") as transaction:
            item = {"name": "soon", "workload": "web", "instances": 9, "expires_at": "2090-01-01T00:00:00Z"}
            (made,) = reserve(transaction, read_reservations([item]))
            # The one of that name was over when the ledger was migrated.
            assert made.before is None
        assert verify_ledger(ledger) == []


def test_a_backup_of_version_1_can_be_restored(old: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    with Ledger(old, any_version=True) as ledger:
        backup_ledger(ledger, str(backup))
    before = content(backup)
    assert before[0] == "1"
    with Ledger(tmp_path / "new.db", create=True) as ledger:
        restore_ledger(ledger, str(backup), "test")
        assert verify_ledger(ledger) == []
        with ledger.snapshot() as transaction:
            assert len(transaction.subnets()) == 6
    assert content(backup) == before


def as_version_2(told: Any) -> Any:
    """Without what version 2 did not count; in this ledger, nothing."""
    if isinstance(told, list):
        return [as_version_2(one) for one in told]
    if not isinstance(told, dict):
        return told
    assert not told.get("reservations_superseded")
    return {key: as_version_2(value) for key, value in told.items() if key != "reservations_superseded"}


def test_usage_of_version_2_is_told_as_version_2_did(tmp_path: Path) -> None:
    path = written(tmp_path, "v2_usage")
    (last,) = table(path, "SELECT MAX(time) FROM event")[0]
    with Ledger(path, any_version=True, clock=lambda: last / 1000) as ledger:
        assert migrate_ledger(ledger) == (2, sqlite_schema.SCHEMA_VERSION)
    expected = json.loads((DATA / "v2_usage.json").read_text(encoding="utf-8"))
    with Ledger(path, clock=lambda: last / 1000) as ledger:
        for _time in ("without a summary", "with one"):
            with ledger.snapshot() as transaction:
                found = [usage(transaction, read_window(since, None, transaction.now)) for since in (None, "2h")]
            assert as_version_2(found) == expected
            keep_summary(ledger, every=1)
        missed = [(miss.instance, miss.reason) for one in feedback(ledger).values() for miss in one.misses]
        assert verify_ledger(ledger) == []
    assert sorted(missed) == [
        ("api-1", "family"),
        ("db-1", "location"),
        ("new-1", "none"),
        ("new-1", "returned"),
        ("soon-1", "none"),
        ("web-1", "node"),
        ("web-3", "exhausted"),
        ("web-4", "exhausted"),
    ]
