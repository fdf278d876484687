# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that several threads ask for at once: done once for all who wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Generic, TypeVar

Done = TypeVar("Done")


class Shared(Generic[Done]):
    """Work by name, for each name one at a time. Who asks while it is under way may have come too late for that; he
    shares the next with all others who wait for it, and each of them has its result, or its error."""

    def __init__(self, work: Callable[[str], Done]) -> None:
        """
        Args:
            work: what there is to do for a name. What was so before it is called, it must take into account.
        """
        self._work = work
        self._changed = threading.Condition()
        self._busy: set[str] = set()
        self._waiting: dict[str, Future[Done]] = {}

    def do(self, name: str) -> Done:
        """What the work answers that began after this was called.

        Raises:
            Exception: what it raises.
        """
        while True:
            with self._changed:
                mine = self._waiting.get(name)
                leads = mine is None
                if mine is None:
                    mine = self._waiting[name] = Future()
            if leads:
                self._lead(name, mine)
            # Where who did it for all was interrupted, as by the keyboard, that is no answer for the others.
            with suppress(CancelledError):
                return mine.result()

    def _lead(self, name: str, shared: Future[Done]) -> None:
        try:
            with self._changed:
                try:
                    while name in self._busy:
                        self._changed.wait()
                finally:
                    # From here on, whoever comes is too late.
                    del self._waiting[name]
                self._busy.add(name)
            try:
                shared.set_result(self._work(name))
            finally:
                with self._changed:
                    self._busy.discard(name)
                    self._changed.notify_all()
        except Exception as problem:  # noqa: BLE001  # everybody who waits raises it
            shared.set_exception(problem)
        except BaseException:
            shared.cancel()
            raise
