# SPDX-License-Identifier: GPL-3.0-or-later
"""Several threads, one thing that serves one at a time: a ledger's connection, or everything about one name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from ..ledger.ledger import Ledger
from ..ledger.transaction import Transaction

_STRIPES = 64


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
    """One lock a name, out of a fixed number of locks: some names share one."""

    def __init__(self) -> None:
        self._locks = [threading.Lock() for _number in range(_STRIPES)]

    def hold(self, name: str) -> AbstractContextManager[object]:
        """Keeps other threads from the same name for the length of a ``with``."""
        return self._locks[hash(name) % _STRIPES]
