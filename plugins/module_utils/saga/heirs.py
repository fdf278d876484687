# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes wait for another one to give up what moved to them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Heirs:
    """The waiting nodes, by the one that has to give up. May be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, set[str | None]] = {}

    def add(self, node: str, *heirs: str | None) -> None:
        """``heirs`` wait for ``node``."""
        with self._lock:
            self._waiting.setdefault(node, set()).update(heirs)

    @contextmanager
    def of(self, node: str) -> Iterator[set[str | None]]:
        """Those that wait for ``node`` now, for a push to it; if that raises, they wait on."""
        with self._lock:
            found = self._waiting.pop(node, set())
        try:
            yield found
        except BaseException:
            self.add(node, *found)
            raise
