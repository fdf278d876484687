# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening the ledger, and its one way in: a transaction that either happens as a whole or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..model.errors import InvalidInput, LedgerUnusable
from .pause import collector_paused
from .registry import open_store
from .sqlite_files import user_path
from .sqlite_schema import SCHEMA_VERSION
from .transaction import Transaction

DEFAULT_LEDGER = "~/.shadownet/ledger.db"
LEDGER_VARIABLE = "SHADOWNET_LEDGER"
TIMEOUT_VARIABLE = "SHADOWNET_LEDGER_TIMEOUT"
DEFAULT_TIMEOUT = 60.0
LONGEST_TIMEOUT = 86400.0


class Ledger:
    """An open ledger.

    Args:
        location: path of the file; default is the environment's ``SHADOWNET_LEDGER``, then ``DEFAULT_LEDGER``.
        create: make a new one where there is none.
        check: nothing will be kept: a missing ledger that may be created is then an empty one in memory.
        timeout: seconds to wait for other writers; default ``SHADOWNET_LEDGER_TIMEOUT``, then 60.
        clock: seconds since the epoch.

    Raises:
        LedgerMissing, LedgerUnusable, LedgerNewer, InvalidInput: see ``sqlite_files``.
    """

    def __init__(
        self,
        location: str | os.PathLike[str] | None = None,
        *,
        create: bool = False,
        check: bool = False,
        timeout: float | None = None,
        clock: Callable[[], float] = time.time,
        any_version: bool = False,
    ) -> None:
        self.location = ledger_location(location)
        self.timeout = _timeout() if timeout is None else timeout
        self._clock = clock
        self.store = open_store(self.location, create, check, self.timeout)
        if self.store.version < SCHEMA_VERSION and not any_version:
            self.store.close()
            raise LedgerUnusable(
                f"{self.location} has schema version {self.store.version}, this release needs {SCHEMA_VERSION}.",
                parameter="ledger",
                fix="Run shadownet.ipam.ledger with state=migrated.",
            )

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def again(self) -> Ledger:
        """Another connection to the same ledger, for another thread."""
        return Ledger(self.location, timeout=self.timeout, clock=self._clock)

    def close(self) -> None:
        """Closes the store."""
        self.store.close()

    @contextmanager
    def transaction(self, actor: str = "unknown", *, check: bool = False) -> Iterator[Transaction]:
        """A writing transaction: committed at the end, undone by an exception or in check mode.

        Args:
            actor: who, for the audit trail.
            check: do everything, then undo it.

        Raises:
            LedgerBusy: other writers held the ledger beyond the time-out.
        """
        self.store.begin(write=True)
        try:
            with collector_paused():
                transaction = Transaction(self.store, actor, self._clock())
                yield transaction
                transaction.flush()
            if check:
                self.store.rollback()
            else:
                self.store.commit()
        except BaseException:
            self.store.rollback()
            raise

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """The ledger as of one moment, for reading; waits for nobody."""
        self.store.begin(write=False)
        try:
            yield Transaction(self.store, "reader", self._clock())
        finally:
            self.store.rollback()


def ledger_location(location: str | os.PathLike[str] | None) -> str:
    """The ledger that a user means: what is given, else the environment's, else the default; paths made absolute."""
    text = os.fspath(location or os.environ.get(LEDGER_VARIABLE) or DEFAULT_LEDGER)
    return text if "://" in text else str(user_path(text, "ledger"))


def _timeout() -> float:
    text = os.environ.get(TIMEOUT_VARIABLE, "")
    try:
        seconds = float(text) if text else DEFAULT_TIMEOUT
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_TIMEOUT:
        raise InvalidInput(
            f"'{text}' is not a number of seconds from 0 to {LONGEST_TIMEOUT:g}.", parameter=TIMEOUT_VARIABLE
        )
    return seconds
