# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demo prints: chapters, claims that hold or end it, measured times."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

_WIDTH = 96


class Broken(Exception):
    """A claim of the demo that does not hold."""


class Clock:
    """Seconds that a ``with`` block took."""

    def __enter__(self) -> Clock:
        self._began = time.perf_counter()
        self.seconds = 0.0
        return self

    def __exit__(self, *_exception: object) -> None:
        self.seconds = time.perf_counter() - self._began


class Words:
    """Writes to standard output; in colour only on a terminal that wants it."""

    def __init__(self) -> None:
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._chapters = 0
        self.claims = 0

    def _paint(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._colour else text

    def chapter(self, title: str) -> None:
        """A new heading."""
        self._chapters += 1
        print(f"\n{self._paint('1', f'{self._chapters}. {title}')}", flush=True)

    def say(self, text: str, seconds: float | None = None) -> None:
        """One line, with the time that it took at its end."""
        took = "" if seconds is None else self._paint("2", _took(seconds))
        print(f"   {text:<{_WIDTH}}{took}".rstrip(), flush=True)

    def command(self, text: str, seconds: float) -> None:
        """A command as a user would type it."""
        self.say(f"$ {text}", seconds)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Columns; the first row is their heading."""
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for number, row in enumerate(rows):
            line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
            print(f"     {self._paint('2', line) if number == 0 else line}".rstrip(), flush=True)

    def claim(self, holds: bool, text: str, otherwise: str, seconds: float | None = None) -> None:
        """A claim that was checked.

        Raises:
            Broken: it does not hold; ``otherwise`` says what was found.
        """
        if not holds:
            raise Broken(f"{text}: {otherwise}")
        self.claims += 1
        took = "" if seconds is None else self._paint("2", _took(seconds))
        print(f"   {self._paint('32', 'ok')} {text:<{_WIDTH - 3}}{took}".rstrip(), flush=True)

    def failed(self, text: str) -> None:
        """The last word of a demo that failed."""
        print(f"\n   {self._paint('31;1', 'FAILED')} {text}", flush=True)


def _took(seconds: float) -> str:
    return f"{seconds * 1000:7.1f} ms" if seconds < 1 else f"{seconds:7.1f} s"
