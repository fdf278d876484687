# SPDX-License-Identifier: GPL-3.0-or-later
"""Open transports, one to each node, each for one thread at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from ..frontend.transport import Transport


class Lines:
    """Transports by node, opened when they are needed first, and kept."""

    def __init__(self, make: Callable[[str], Transport]) -> None:
        """
        Args:
            make: a transport to a node; contacts nothing. May raise ShadownetError.
        """
        self._make = make
        self._lock = threading.Lock()
        self._open: dict[str, tuple[threading.Lock, Transport]] = {}
        self._renewed: set[str] = set()

    @contextmanager
    def open(self, node: str) -> Iterator[Transport]:
        """The transport to a node, for this thread alone for the length of a ``with``."""
        with self._lock:
            if node not in self._open:
                self._open[node] = (threading.Lock(), self._make(node))
            lock, transport = self._open[node]
        with lock:
            stale = getattr(transport, "stale", None)
            if stale is not None and stale():
                # The network namespace is another one of the same name: nothing of ours is there.
                transport.close()
                self._renewed.add(node)
            yield transport

    def renewed(self, node: str) -> bool:
        """Whether the node turned out to be a new one since this was asked last."""
        found = node in self._renewed
        self._renewed.discard(node)
        return found

    def close(self) -> None:
        """Closes them all, whatever one of them raises."""
        with self._lock, ExitStack() as everything:
            for lock, transport in self._open.values():
                everything.callback(_close, lock, transport)
            self._open.clear()


def _close(lock: threading.Lock, transport: Transport) -> None:
    with lock:
        transport.close()
