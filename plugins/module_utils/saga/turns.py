# SPDX-License-Identifier: GPL-3.0-or-later
"""Several threads, one thing that serves one at a time: a ledger's connection, or everything about one name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..ledger.ledger import Ledger
from ..ledger.transaction import Transaction
from ..model.errors import LedgerBusy


class Turns:
    """A ledger's transactions, one thread after the other. Has what ``push_node`` needs of a ``Ledger``.

    A thread waits for the others of this process as long as for other writers, and then for those: for twice the
    ledger's time-out at most, however many threads wait.

    Args:
        ledger: one connection. Closing it is the caller's.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()

    @contextmanager
    def transaction(self, actor: str = "unknown", *, check: bool = False) -> Iterator[Transaction]:
        """See ``Ledger.transaction``.

        Raises:
            LedgerBusy: or other threads had it for longer than its time-out.
        """
        with self._turn(), self._ledger.transaction(actor, check=check) as transaction:
            yield transaction

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """See ``Ledger.snapshot``.

        Raises:
            LedgerBusy: other threads had it for longer than its time-out.
        """
        with self._turn(), self._ledger.snapshot() as transaction:
            yield transaction

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=self._ledger.timeout):
            raise LedgerBusy(
                f"other threads of this process used {self._ledger.location}, or waited for it, for more than "
                f"{self._ledger.timeout:g} s.",
                parameter="ledger",
                fix="Try again, or raise SHADOWNET_LEDGER_TIMEOUT (seconds).",
            )
        try:
            yield
        finally:
            self._lock.release()


class Names:
    """A lock for each name that is in use: one that takes long keeps no other waiting."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Keeps other threads from the same name for the length of a ``with``."""
        own = self._count(name, 1)
        try:
            with own:
                yield
        finally:
            self._count(name, -1)

    def _count(self, name: str, more: int) -> threading.Lock:
        with self._lock:
            own, users = self._held.get(name) or (threading.Lock(), 0)
            if users + more:
                self._held[name] = own, users + more
            else:
                del self._held[name]
            return own
