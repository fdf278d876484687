# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back of one push."""

from __future__ import annotations

from collections.abc import Callable

from ...model.errors import NodeError, RollbackFailed
from .wire import KernelRefused


class Undo:
    """Steps that take back what was applied; also what ``apply`` hands out."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], None]] = []

    def add(self, step: Callable[[], None]) -> None:
        """Remembers how to take back what was just done."""
        self._steps.append(step)

    def confirm(self) -> None:
        """Forgets the way back."""
        self._steps.clear()

    def undo(self) -> None:
        """Goes all the way back, the last step first, past steps that fail.

        Raises:
            RollbackFailed: with the kernel's words for the first step that failed.
        """
        failed: list[str] = []
        while self._steps:
            try:
                self._steps.pop()()
            except (KernelRefused, NodeError, OSError) as refused:
                failed.append(str(refused))
        if failed:
            raise RollbackFailed(
                f"{len(failed)} steps of the way back failed; the node is in between.",
                node_said=failed[0],
                fix="Push again, or run reconcile.",
            )
