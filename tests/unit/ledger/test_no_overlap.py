# SPDX-License-Identifier: GPL-3.0-or-later
"""The database itself lets no two prefixes overlap, whoever writes: not even SQL by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.addresses import pack
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.sqlite import SqliteStore
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import Conflict
from ansible_collections.shadownet.ipam.plugins.module_utils.model.pool import Block, Pool

POOL = (
    "INSERT INTO pool (id, name, kind, routing_domain_id, excluded, security_profiles, strategy, quarantine, gateway, "
    "lend, dns_servers, cursor4, cursor6) VALUES (1, 'p', 'provider', 1, '[]', '[]', 'first_fit', 0, 'node', 0, '[]', "
    "x'00', x'00')"
)
TABLES = {
    "occupied": "INSERT INTO occupied (routing_domain_id, family, start, last, prefix_length, pool_id, kind) "
    "VALUES (?, ?, ?, ?, 24, 1, 'excluded')",
    "pool_prefix": "INSERT INTO pool_prefix (routing_domain_id, family, start, last, prefix_length, pool_id) "
    "VALUES (?, ?, ?, ?, 24, 1)",
}


def prepare(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO routing_domain VALUES (1, 'default'), (2, 'other')")
    connection.execute(POOL)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A second program with the ledger's file open."""
    path = tmp_path / "ledger.db"
    Ledger(path, create=True).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        prepare(connection)
        yield connection


def insert(database: sqlite3.Connection, table: str, first: int, last: int, family: int = 4, domain: int = 1) -> None:
    database.execute(TABLES[table], (domain, family, pack(first), pack(last)))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    ("first", "last"),
    [(100, 199), (100, 100), (199, 199), (120, 130), (50, 100), (199, 250), (0, 2**128 - 1), (50, 150), (150, 350)],
)
def test_an_insert_that_overlaps_fails(database: sqlite3.Connection, table: str, first: int, last: int) -> None:
    insert(database, table, 100, 199)
    insert(database, table, 300, 399)
    with pytest.raises(sqlite3.IntegrityError, match=r"overlap|UNIQUE"):
        insert(database, table, first, last)
    assert database.execute(f"SELECT COUNT(*) FROM {table}").fetchone() == (2,)


@pytest.mark.parametrize("table", TABLES)
def test_neighbours_families_and_routing_domains_do_not_disturb(database: sqlite3.Connection, table: str) -> None:
    insert(database, table, 100, 199)
    insert(database, table, 200, 299)
    insert(database, table, 99, 99)
    insert(database, table, 150, 160, family=6)
    insert(database, table, 150, 160, domain=2)
    assert database.execute(f"SELECT COUNT(*) FROM {table}").fetchone() == (5,)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "change",
    [
        f"start = x'{pack(199).hex()}'",
        f"last = x'{pack(300).hex()}'",
        f"start = x'{pack(150).hex()}', last = x'{pack(160).hex()}'",
        f"start = x'{pack(350).hex()}', last = x'{pack(360).hex()}'",
    ],
)
def test_an_update_into_another_fails(database: sqlite3.Connection, table: str, change: str) -> None:
    insert(database, table, 100, 199)
    insert(database, table, 200, 299)
    insert(database, table, 300, 399)
    before = database.execute(f"SELECT * FROM {table}").fetchall()
    with pytest.raises(sqlite3.IntegrityError, match=r"overlap|UNIQUE"):
        database.execute(f"UPDATE {table} SET {change} WHERE start = ?", (pack(200),))
    assert database.execute(f"SELECT * FROM {table}").fetchall() == before


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(("column", "value"), [("family", 4), ("routing_domain_id", 1)])
def test_an_update_of_family_or_routing_domain_into_another_fails(
    database: sqlite3.Connection, table: str, column: str, value: int
) -> None:
    insert(database, table, 100, 199)
    insert(database, table, 150, 160, family=6 if column == "family" else 4, domain=1 if column == "family" else 2)
    with pytest.raises(sqlite3.IntegrityError, match="overlap"):
        database.execute(f"UPDATE {table} SET {column} = ? WHERE start = ?", (value, pack(150)))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("values", [(1, 5, pack(1), pack(2)), (1, 4, b"\1", pack(2)), (1, 4, pack(2), pack(1))])
def test_rows_that_are_no_prefix_are_refused(
    database: sqlite3.Connection, table: str, values: tuple[object, ...]
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        database.execute(TABLES[table], values)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("column", ["routing_domain_id", "family", "start", "last"])
def test_the_key_is_never_null(database: sqlite3.Connection, table: str, column: str) -> None:
    insert(database, table, 100, 199)
    with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
        database.execute(f"UPDATE {table} SET {column} = NULL")


RANGES = st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(st.tuples(st.booleans(), RANGES, st.integers(0, 20)), max_size=25))
def test_any_history_of_inserts_and_updates_leaves_rows_disjoint(
    steps: list[tuple[bool, tuple[int, int], int]],
) -> None:
    with closing(SqliteStore.in_memory()) as store:
        database = store._connection
        prepare(database)
        rows: list[tuple[int, int]] = []
        for update, (first, last), which in steps:
            old = rows[which % len(rows)] if update and rows else None
            rest = [row for row in rows if row != old]
            fits = all(last < low or high < first for low, high in rest)
            try:
                if old is None:
                    insert(database, "occupied", first, last)
                else:
                    database.execute(
                        "UPDATE occupied SET start = ?, last = ? WHERE start = ?",
                        (pack(first), pack(last), pack(old[0])),
                    )
            except sqlite3.IntegrityError:
                assert not fits
            else:
                assert fits
                rows = [*rest, (first, last)]


def occupy(ledger: Ledger, pool: Pool, block: Block) -> None:
    with ledger.transaction("test") as transaction:
        transaction.event("x", "x", "x", None, None)
        transaction.occupy(pool, block, "excluded")


@pytest.mark.parametrize("block", [Block(4, 0, 24), Block(4, 0, 25), Block(4, 128, 25), Block(4, 7, 32)])
def test_the_ledger_calls_it_a_conflict_and_keeps_nothing(tmp_path: Path, block: Block) -> None:
    with Ledger(tmp_path / "ledger.db", create=True) as ledger:
        pool = Pool("p", prefixes=[Block(4, 0, 24)])
        with ledger.transaction("test") as transaction:
            transaction.save_pool(pool)
            transaction.occupy(pool, Block(4, 0, 24), "excluded")
        with pytest.raises(Conflict, match="overlap"):
            occupy(ledger, pool, block)
        with ledger.snapshot() as reader:
            assert len(reader.occupied_of(pool)) == 1
            assert reader.events() == []
