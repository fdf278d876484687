# SPDX-License-Identifier: GPL-3.0-or-later
"""SQLite as the ledger's store: connections, transactions, errors, whole-file copies.

Everything that only SQLite understands is here and in ``sqlite_schema``; the queries elsewhere are plain SQL
with ``?`` for parameters.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from ..model.errors import Conflict, LedgerBusy, LedgerMissing, LedgerNewer, LedgerUnusable, ShadownetError
from .sqlite_files import check_file, check_place, check_version
from .sqlite_schema import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION
from .store import Store

_CACHE_KIB = 65536
_SAME_START = tuple(f"UNIQUE constraint failed: {table}.routing_domain_id" for table in ("occupied", "pool_prefix"))
_LONGEST_NAP, _SHORTEST_NAP = 0.003, 0.0003
"""Seconds between two looks at the writers' lock, at the beginning of a wait and after a long one."""


class SqliteStore:
    """One connection to a ledger file.

    Args:
        path: the file. create: make a new ledger where there is none.
        timeout: seconds to wait for other writers.

    Raises:
        LedgerMissing, LedgerUnusable, LedgerNewer: see ``sqlite_files``.
    """

    overlap_fix = "Prefixes of one routing domain never overlap."

    def __init__(self, path: Path, *, create: bool, timeout: float) -> None:
        self.path, self._timeout, self.created = path, timeout, False
        check_place(path)
        try:
            check_file(path)
        except LedgerMissing:
            if not create:
                raise
            self.created = _create(path)
        with self._translated():
            self._connection = _connect(path, timeout)
            self._execute = self._connection.execute
            self.version = int(self._execute("PRAGMA user_version").fetchone()[0])
        try:
            check_version(path, self.version)
        except LedgerNewer:
            self.close()
            raise

    @classmethod
    def in_memory(cls) -> SqliteStore:
        """An empty ledger that vanishes: what check mode works on where there is no file yet."""
        store = cls.__new__(cls)
        store.path, store._timeout, store.version = Path(":memory:"), 0.0, SCHEMA_VERSION
        store.created = True
        store._connection = sqlite3.connect(":memory:", isolation_level=None)
        store._execute = store._connection.execute
        _apply(store._connection, MIGRATIONS)
        return store

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def begin(self, *, write: bool) -> None:
        """Begins a transaction; a writer waits here for its turn.

        Raises:
            LedgerBusy: not within the time-out.
        """
        with self._translated():
            if write:
                self._wait_for_turn()
            else:
                self._execute("BEGIN")

    def _wait_for_turn(self) -> None:
        """Begins to write, after whoever writes now.

        SQLite's own way to wait sleeps the longer the longer it has waited, up to 100 ms, while newcomers take
        the lock: under load some wait for all the others. Here who has waited longer asks more often.
        """
        began = time.monotonic()
        self._execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                try:
                    self._execute("BEGIN IMMEDIATE")
                    return
                except sqlite3.OperationalError as error:
                    waited = time.monotonic() - began
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or waited > self._timeout:
                        raise
                time.sleep(max(_SHORTEST_NAP, _LONGEST_NAP - waited / 100))
        finally:
            self._execute(f"PRAGMA busy_timeout = {round(self._timeout * 1000)}")

    def commit(self) -> None:
        """Commits; on return the change is on disk."""
        with self._translated():
            self._execute("COMMIT")

    def rollback(self) -> None:
        """Undoes the transaction, if there still is one."""
        if self._connection.in_transaction:
            self._execute("ROLLBACK")

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Runs one statement. Raises LedgerError or Conflict (overlap)."""
        try:
            return self._execute(sql, parameters)
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Runs one statement for many rows. Raises as ``execute``."""
        try:
            self._connection.executemany(sql, rows)
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def last_id(self, table: str) -> int:
        """The largest id that ``table`` ever gave out."""
        row = self.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        return int(row[0]) if row else 0

    def problems(self) -> list[str]:
        """What SQLite itself finds damaged in the file; empty when it is sound."""
        with self._translated():
            rows = self._execute("PRAGMA integrity_check(20)").fetchall()
            broken = self._execute("PRAGMA foreign_key_check").fetchall()
        found = [str(row[0]) for row in rows if row[0] != "ok"]
        found += self._schema_problems()
        return found + [f"row {row[1]} of {row[0]} refers to a missing row of {row[2]}" for row in broken]

    def _schema_problems(self) -> list[str]:
        """What was added to, taken from or changed in the schema behind the ledger's back."""
        there, wanted = dict(self.execute(_SCHEMA).fetchall()), _schema_of(MIGRATIONS)
        odd = sorted(name for name in {*there, *wanted} if there.get(name) != wanted.get(name))
        return [f"the schema's {name} is missing, changed or strange" for name in odd]

    def migrate(self) -> int:
        """Brings the schema to this release's version, in one transaction; returns the version before."""
        before = self.version
        with self._translated():
            self._execute("BEGIN IMMEDIATE")
            try:
                before = int(self._execute("PRAGMA user_version").fetchone()[0])
                _apply(self._connection, MIGRATIONS[before:], before)
                self._execute("COMMIT")
            except BaseException:
                self.rollback()
                raise
        self.version = SCHEMA_VERSION
        return before

    def backup(self, target: Path) -> None:
        """Copies the ledger, as of one moment, to a new file; readers and writers go on meanwhile."""
        with self._translated(), _new_file(target) as path, closing(sqlite3.connect(path)) as copy:
            self._connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")

    def restore(self, source: Path, key: str, value: str, check: Callable[[Store], None]) -> None:
        """Replaces the whole content by a backup's in one step, with a meta entry that says so.

        Args:
            check: looks at a private copy of the backup and raises what is wrong with it; nothing is replaced then.
        """
        with tempfile.TemporaryDirectory(prefix="shadownet-") as folder:
            copy_path = Path(folder) / "copy.db"
            uri = f"{source.resolve().as_uri()}?mode=ro"
            with (
                self._translated(source),
                closing(sqlite3.connect(uri, uri=True)) as original,
                closing(sqlite3.connect(copy_path)) as copy,
            ):
                original.backup(copy)
            copied = SqliteStore(copy_path, create=False, timeout=self._timeout)
            try:
                copied.migrate()
                check(copied)
                copied.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
            finally:
                copied.close()
            with self._translated(), closing(sqlite3.connect(copy_path)) as copy:
                copy.backup(self._connection)
                self._execute("PRAGMA journal_mode = WAL")
        self.version = SCHEMA_VERSION

    @contextmanager
    def _translated(self, path: Path | None = None) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._translate(error, path) from error

    def _translate(self, error: sqlite3.Error, path: Path | None = None) -> ShadownetError:
        text, code = str(error), getattr(error, "sqlite_errorcode", None)
        primary = code & 0xFF if code is not None else None
        # The trigger comes after the key, so that a prefix with the same first address meets the key.
        if "shadownet: overlap" in text or text.startswith(_SAME_START):
            return Conflict("would overlap a prefix that is already there.", fix=self.overlap_fix)
        if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return LedgerBusy(
                f"other writers held {self.path} for more than {self._timeout:g} s.",
                parameter="ledger",
                fix="Try again, or raise SHADOWNET_LEDGER_TIMEOUT (seconds).",
            )
        reasons = {
            sqlite3.SQLITE_FULL: "the disk is full; nothing was changed",
            sqlite3.SQLITE_READONLY: "it cannot be written to",
            sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
            sqlite3.SQLITE_PERM: "access is denied",
            sqlite3.SQLITE_IOERR: f"the disk failed ({text})",
            sqlite3.SQLITE_CORRUPT: f"it is damaged ({text})",
            sqlite3.SQLITE_NOTADB: f"it is damaged ({text})",
        }
        # The log's index could not grow.
        known = sqlite3.SQLITE_FULL if code == sqlite3.SQLITE_IOERR_SHMSIZE else primary
        why = reasons.get(known or -1, text)
        return LedgerUnusable(f"{path or self.path}: {why}.", parameter="ledger")


_SCHEMA = "SELECT type || ' ' || name, sql FROM sqlite_master WHERE sql IS NOT NULL"


@cache
def _schema_of(migrations: tuple[tuple[str, ...], ...]) -> dict[str, str]:
    """SQL by name of what these migrations make."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        _apply(connection, migrations)
        return dict(connection.execute(_SCHEMA).fetchall())


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _connect(path: Path, timeout: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=rw",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _apply(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]], version: int = 0) -> None:
    for statements in migrations:
        for statement in statements:
            connection.execute(statement)
        version += 1
        connection.execute(f"PRAGMA user_version = {version}")


@contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """A private file beside ``target`` that appears there, whole and on disk, or not at all."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent)
    except OSError as error:
        raise LedgerUnusable(f"{target}: {error.strerror}.", fix="Name a folder that can be written to.") from None
    path = Path(name)
    try:
        # The umask may have taken the owner's own rights away.
        os.fchmod(handle, 0o600)
        os.close(handle)
        yield path
        with path.open("rb") as file:
            os.fsync(file.fileno())
        try:
            # A hard link, unlike a rename, never replaces what somebody else put there meanwhile.
            os.link(path, target)
        except FileExistsError:
            raise Conflict(f"{target} exists already.", fix="Name a new file.") from None
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        path.unlink(missing_ok=True)


def _create(path: Path) -> bool:
    """Makes a new ledger; False when somebody else has made it meanwhile."""
    # A symbolic link to nowhere stays a link.
    path = path.resolve()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise LedgerUnusable(f"{path.parent}: {error.strerror}.", parameter="ledger") from None
    try:
        # Whoever else creates it in the same moment waits here, and then finds it.
        fcntl.flock(folder, fcntl.LOCK_EX)
        try:
            check_file(path)
        except LedgerMissing:
            _create_alone(path)
            return True
        return False
    finally:
        os.close(folder)


def _create_alone(path: Path) -> None:
    try:
        # There is nothing, or an empty file (check_file), over which a ledger could not be linked.
        path.unlink(missing_ok=True)
        with _new_file(path) as new, closing(sqlite3.connect(new, isolation_level=None)) as connection:
            connection.execute("BEGIN")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            _apply(connection, MIGRATIONS)
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode = WAL")
    except OSError as error:
        raise LedgerUnusable(f"{path}: {error.strerror}.", parameter="ledger") from None
    except sqlite3.Error as error:
        raise LedgerUnusable(f"{path}: {error}.", parameter="ledger") from error
