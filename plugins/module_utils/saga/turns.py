# SPDX-License-Identifier: GPL-3.0-or-later
"""Several threads, one thing that serves one at a time: a ledger's connection, or everything about one name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..ledger.ledger import Ledger
from ..ledger.transaction import Transaction


class Turns:
    """A ledger's transactions, one thread after the other. Has what ``push_node`` needs of a ``Ledger``.

    Args:
        ledger: one connection. Closing it is the caller's.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()

    @contextmanager
    def transaction(self, actor: str = "unknown", *, check: bool = False) -> Iterator[Transaction]:
        """See ``Ledger.transaction``."""
        with self._lock, self._ledger.transaction(actor, check=check) as transaction:
            yield transaction

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """See ``Ledger.snapshot``."""
        with self._lock, self._ledger.snapshot() as transaction:
            yield transaction


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
