# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines for whoever runs the command."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """One line on standard error. Names in it come from anywhere: nothing of them moves a terminal's cursor."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    sys.stderr.write(f"shadownet-forecast: {shown}\n")
    sys.stderr.flush()


def answer(text: str) -> None:
    """What a command was asked for, on standard output."""
    sys.stdout.write(text)


class Progress:
    """How far many workloads are, on standard error of a terminal; silent elsewhere."""

    def __init__(self, total: int, what: str) -> None:
        self._total, self._what, self._done = total, what, 0
        self._shown = sys.stderr.isatty() and total > 1

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        if self._shown:
            filled = 30 * self._done // self._total
            drawn = "#" * filled + "." * (30 - filled)
            sys.stderr.write(f"\r{self._what} [{drawn}] {self._done}/{self._total}")
            if self._done == self._total:
                sys.stderr.write("\n")
            sys.stderr.flush()
