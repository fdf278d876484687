# SPDX-License-Identifier: GPL-3.0-or-later
"""Pushes that are owed to nodes: many debts, one push; soon, but never so often that they take the machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

_FIRST_RETRY, _LAST_RETRY = 0.5, 60.0
"""Seconds after a push that failed."""

MOST = 16
"""Nodes that are pushed to at once; half of that at most are nodes to which the last push failed."""

PATIENCE = 0.25
"""Seconds after which a push counts as one that waits for its node, and the next one may begin beside it. Until then
pushes take turns: Python runs one thread at a time, and creations need it too."""


class Settler:
    """Owes pushes, and makes them in threads of its own, or when it is told to.

    One thread keeps the time. It starts one for each push, so that a node that does not answer keeps no other waiting.

    Attributes:
        problems: why the last push to a node failed, by node; gone when one succeeds.
    """

    def __init__(self, push: Callable[[str], bool], *, background: bool, delay: float, rest: float) -> None:
        """
        Args:
            push: brings a node and the ledger together; False where it has to be tried again later. May be called by
                several threads at once, though never twice at once for one node.
            background: have threads. Without them, only ``settle`` pays.
            delay: seconds that a debt waits for others to come along.
            rest: after each push its node rests this many times as long as that took, and all nodes this many times
                as long as it took a processor. After one that failed, which as a rule only waited for an answer, its
                node is tried again ever more seldom.
        """
        self._push = push
        self._background = background
        self._delay, self._rest = delay, rest
        self._due: dict[str, float] = {}
        self._retry: dict[str, float] = {}
        self._rested: dict[str, float] = {}
        self._paying: dict[str, float] = {}
        """By node to which a push is under way, when it began."""
        self._next = 0.0
        """When the next push may begin."""
        self._changed = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._threads: list[threading.Thread] = []
        self.problems: dict[str, Exception] = {}

    def owe(self, node: str) -> None:
        """Notes that a push to the node must follow."""
        with self._changed:
            if node not in self._due:
                self._due[node] = time.monotonic() + self._delay
                self._changed.notify_all()
            if self._background and self._thread is None and not self._closing:
                keeper = threading.Thread(target=self._run, name="shadownet-settling", daemon=True)
                # Where no thread is to be had just now, the next debt tries again; ``settle`` needs none.
                with suppress(RuntimeError):
                    keeper.start()
                    self._thread = keeper

    @property
    def owed(self) -> list[str]:
        """Nodes to which a push is owed."""
        with self._changed:
            return list(self._due)

    def settle(self) -> None:
        """Makes all pushes that are owed, now; none is under way when this returns.

        Raises:
            ShadownetError: what the first node said that failed, after all were tried; or whatever else that was. It
                stays owed.
        """
        with self._changed:
            nodes = list(dict.fromkeys((*self._due, *self._paying)))
        failed = [problem for problem in self._settle_all(nodes) if problem is not None]
        if failed:
            raise failed[0]

    @contextmanager
    def instead(self, node: str) -> Iterator[None]:
        """Somebody else makes a push, which settles what is owed until now: it is owed again only if that fails."""
        with self._changed:
            due = self._due.pop(node, None)
        try:
            yield
        except BaseException:
            with self._changed:
                if due is not None:
                    self._due[node] = min(due, self._due.get(node, due))
                    self._changed.notify_all()
            raise
        with self._changed:
            self.problems.pop(node, None)
            self._retry.pop(node, None)

    def close(self) -> None:
        """Ends the threads, after the pushes that they are making. What is owed stays owed."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            keeper = self._thread
        if keeper is not None:
            keeper.join()
        for thread in self._threads:
            thread.join()

    def _settle_all(self, nodes: list[str]) -> list[Exception | None]:
        if len(nodes) > 1:
            try:
                with ThreadPoolExecutor(min(len(nodes), MOST), "shadownet-settle") as pool:
                    return list(pool.map(self._settle, nodes))
            except RuntimeError:
                # No threads are to be had, as when the interpreter is ending. What was paid by then is not owed now.
                pass
        return [self._settle(node) for node in nodes]

    def _settle(self, node: str) -> Exception | None:
        """Pays now what is owed to a node, after the push that a thread is making."""
        with self._changed:
            while node in self._paying:
                self._changed.wait()
            if node not in self._due:
                return None
            self._begin(node)
        return self._pay(node)

    def _begin(self, node: str) -> None:
        # Taken off before the ledger is read: what comes later is owed anew.
        self._due.pop(node, None)
        self._paying[node] = time.monotonic()

    def _pay(self, node: str) -> Exception | None:
        """Makes the push that ``_begin`` began."""
        used = time.thread_time()
        problem: Exception | None = None
        done = False
        try:
            done = self._push(node)
        except Exception as found:  # noqa: BLE001  # whatever it is: the debt stays, and the threads go on
            problem = found
        finally:
            used = time.thread_time() - used
            with self._changed:
                self._end(node, done, problem, used)
        return problem

    def _end(self, node: str, done: bool, problem: Exception | None, used: float) -> None:
        now = time.monotonic()
        began = self._paying.pop(node)
        if problem is None:
            self.problems.pop(node, None)
            self._rested[node] = now + self._rest * (now - began)
        else:
            self.problems[node] = problem
        if done:
            self._retry.pop(node, None)
        else:
            # The longer the more often that was.
            wait = self._retry[node] = min(2 * self._retry.get(node, _FIRST_RETRY / 2), _LAST_RETRY)
            self._due[node] = now + wait
        self._next = max(self._next, now) + self._rest * used
        self._changed.notify_all()

    def _run(self) -> None:
        """Keeps the time."""
        with self._changed:
            while not self._closing:
                node, wait = self._ripe()
                if node is None:
                    self._changed.wait(wait)
                    continue
                self._begin(node)
                thread = threading.Thread(target=self._pay, args=(node,), name=f"shadownet-push-{node}", daemon=True)
                try:
                    thread.start()
                except RuntimeError as full:
                    # No thread is to be had just now.
                    self._end(node, False, full, 0.0)
                else:
                    self._threads = [*(one for one in self._threads if one.is_alive()), thread]

    def _ripe(self) -> tuple[str | None, float | None]:
        """The node whose turn has come, of several the longest waiting; or none, and the seconds until one's may come,
        None for not before something changes."""
        now = time.monotonic()
        failing = sum(node in self._retry for node in self._paying)
        turns = [
            (max(due, self._rested.get(node, 0.0)), node)
            for node, due in self._due.items()
            if node not in self._paying and (failing < MOST // 2 or node not in self._retry)
        ]
        if not turns or len(self._paying) >= MOST:
            return None, None
        turn, node = min(turns)
        begin = max([turn, self._next, *(began + PATIENCE for began in self._paying.values())])
        return (node, None) if begin <= now else (None, begin - now)
