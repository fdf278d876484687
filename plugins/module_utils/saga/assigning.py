# SPDX-License-Identifier: GPL-3.0-or-later
"""The assigners in use: opened when an instance first asks for one, and kept. Each serves one thread at a time, but for
those that say that they can serve many (``Assigner``)."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from .assign import Assigner, open_assigner

_CONCERNED = ("assign", "address", "prefix_length", "mac", "gateway", "netns", "instance_interface")


def same_way(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether both have the same address in the same place, by the same way to assign."""
    return all(one.get(key) == other.get(key) for key in _CONCERNED)


class Assigning:
    """Gives and takes addresses, each instance by the way that it names."""

    def __init__(self, given: Mapping[str, Assigner]) -> None:
        """
        Args:
            given: assigners by name; others are opened without options.
        """
        self._lock = threading.Lock()
        self._open = {name: (_lock_of(one), one) for name, one in given.items()}

    def ready(self, *names: str) -> None:
        """Opens ways to assign, so that one that cannot be had is found out before anything is changed.

        Raises:
            InvalidInput: there is none of that name, or its options are missing.
        """
        for name in names:
            if name != "none":
                self._opened(name)

    def give(self, instance: Mapping[str, Any]) -> None:
        """See ``Assigner.give``."""
        if instance["assign"] != "none":
            with self._named(instance["assign"]) as assigner:
                assigner.give(instance)

    def take(self, instance: Mapping[str, Any]) -> None:
        """See ``Assigner.take``."""
        if instance["assign"] != "none":
            with self._named(instance["assign"]) as assigner:
                assigner.take(instance)

    def close(self) -> None:
        """Closes them all, whatever one of them raises."""
        with self._lock, ExitStack() as everything:
            for name in list(self._open):
                everything.callback(self._close, *self._open.pop(name))

    @staticmethod
    def _close(lock: AbstractContextManager[Any], assigner: Assigner) -> None:
        with lock:
            assigner.close()

    @contextmanager
    def _named(self, name: str) -> Iterator[Assigner]:
        lock, assigner = self._opened(name)
        with lock:
            yield assigner

    def _opened(self, name: str) -> tuple[AbstractContextManager[Any], Assigner]:
        with self._lock:
            if name not in self._open:
                made = open_assigner(name)
                self._open[name] = _lock_of(made), made
            return self._open[name]


def _lock_of(assigner: Assigner) -> AbstractContextManager[Any]:
    return nullcontext() if getattr(assigner, "many_threads", False) else threading.Lock()
