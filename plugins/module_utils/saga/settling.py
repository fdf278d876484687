# SPDX-License-Identifier: GPL-3.0-or-later
"""Pushes that are owed to nodes: many debts, one push; soon, but never so often that they take the machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_FIRST_RETRY, _LAST_RETRY = 0.5, 60.0
"""Seconds after a push that failed."""


class Settler:
    """Owes pushes, and makes them in a thread of its own, or when it is told to.

    Attributes:
        problems: why the last push to a node failed, by node; gone when one succeeds.
    """

    def __init__(self, push: Callable[[str], bool], *, background: bool, delay: float, rest: float) -> None:
        """
        Args:
            push: brings a node and the ledger together; False where it has to be tried again later. May be called by
                several threads at once.
            background: have a thread. Without one, only ``settle`` pays.
            delay: seconds that a debt waits for others to come along.
            rest: after each push the thread rests this many times as long as that took; not after one that failed,
                which as a rule only waited for an answer, and is tried again ever more seldom.
        """
        self._push = push
        self._background = background
        self._delay, self._rest = delay, rest
        self._due: dict[str, float] = {}
        self._retry: dict[str, float] = {}
        self._changed = threading.Condition()
        self._paying = threading.Lock()
        self._closing = False
        self._thread: threading.Thread | None = None
        self.problems: dict[str, Exception] = {}

    def owe(self, node: str) -> None:
        """Notes that a push to the node must follow."""
        with self._changed:
            if node not in self._due:
                self._due[node] = time.monotonic() + self._delay
                self._changed.notify_all()
            if self._background and self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._run, name="shadownet-settling", daemon=True)
                self._thread.start()

    @property
    def owed(self) -> list[str]:
        """Nodes to which a push is owed."""
        with self._changed:
            return list(self._due)

    def settle(self) -> None:
        """Makes all pushes that are owed, now, in the caller's thread; none is under way when this returns.

        Raises:
            ShadownetError: what the first node said that failed, after all were tried; or whatever else that was. It
                stays owed.
        """
        failed: list[Exception] = []
        with self._paying:  # after the push that the thread is making
            for node in self.owed:
                problem = self._pay(node)
                if problem is not None:
                    failed.append(problem)
        if failed:
            raise failed[0]

    def close(self) -> None:
        """Ends the thread, after the push that it is making. What is owed stays owed."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _pay(self, node: str) -> Exception | None:
        with self._changed:
            # Taken off before the ledger is read: what comes later is owed anew.
            self._due.pop(node, None)
        try:
            done = self._push(node)
        except Exception as problem:  # noqa: BLE001  # whatever it is: the debt stays, and the thread goes on
            self.problems[node] = problem
            self._later(node)
            return problem
        self.problems.pop(node, None)
        if done:
            self._retry.pop(node, None)
        else:
            self._later(node)
        return None

    def _later(self, node: str) -> None:
        """The longer the more often that was."""
        with self._changed:
            wait = self._retry[node] = min(2 * self._retry.get(node, _FIRST_RETRY / 2), _LAST_RETRY)
            self._due[node] = time.monotonic() + wait

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closing and not self._ripe():
                    first = min(self._due.values(), default=None)
                    self._changed.wait(None if first is None else max(0.0, first - time.monotonic()))
                if self._closing:
                    return
                node = self._ripe()[0]
            began = time.monotonic()
            with self._paying:
                failed = self._pay(node)
            if failed is not None:
                continue
            rested = time.monotonic() + self._rest * (time.monotonic() - began)
            with self._changed:
                while not self._closing and (left := rested - time.monotonic()) > 0:
                    self._changed.wait(left)

    def _ripe(self) -> list[str]:
        """Nodes whose turn has come, the longest waiting first."""
        now = time.monotonic()
        return sorted((node for node, due in self._due.items() if due <= now), key=self._due.__getitem__)
