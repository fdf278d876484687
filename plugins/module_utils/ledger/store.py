# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger asks of a database. Everything above speaks plain SQL with ``?`` for parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol


class Rows(Protocol):
    """The answer of one statement."""

    @property
    def rowcount(self) -> int:
        """How many rows a change concerned."""

    def fetchone(self) -> Any:
        """The next row, None at the end."""

    def fetchall(self) -> list[Any]:
        """All rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Row after row."""


class Store(Protocol):
    """One connection to one ledger.

    Attributes:
        version: schema version that the ledger has.
        created: whether opening it made it.
    """

    version: int
    created: bool

    def close(self) -> None:
        """Closes the connection."""

    def begin(self, *, write: bool) -> None:
        """Begins a transaction; a writer waits here for its turn. Raises LedgerBusy."""

    def commit(self) -> None:
        """Commits; on return the change is durable."""

    def rollback(self) -> None:
        """Undoes the transaction, if there still is one."""

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Runs one statement. Raises LedgerError, or Conflict where address space would overlap."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Runs one statement for many rows. Raises as ``execute``."""

    def last_id(self, table: str) -> int:
        """The largest id that ``table`` ever gave out."""

    def problems(self) -> list[str]:
        """What the database itself finds damaged."""

    def migrate(self) -> int:
        """Brings the schema to this release's version; returns the version before."""

    def backup(self, target: Path) -> None:
        """Copies the ledger, as of one moment, to a new file."""

    def restore(self, source: Path, key: str, value: str, check: Callable[[Store], None]) -> None:
        """Replaces the whole content by a backup's in one step, with a meta entry that says so.

        Args:
            check: looks at the backup and raises what is wrong with it; nothing is replaced then.
        """
