# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log: one JSON object a line, for every login, refusal, session and request that changes something."""

from __future__ import annotations

import json
import os
import sys
import syslog
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from .say import say

Place = Literal["stderr", "syslog"] | Path

# A stranger may cause this many lines a second and no more; what is left out is counted.
_STRANGERS = 10
_LONGEST = 256


class Audit:
    """Writes the audit log.

    A log that cannot be written (a full disk) stops no session: the failure is said on standard error, once until
    a line can be written again.
    """

    def __init__(self, place: Place, clock: Callable[[], float] = time.monotonic) -> None:
        """
        Raises:
            OSError: the file cannot be opened.
        """
        self._place = place
        self._clock = clock
        self._second = 0
        self._strangers = 0
        self._left_out = 0
        self._failing = False
        self._file = -1
        if place == "syslog":
            syslog.openlog("shadownet-node", syslog.LOG_PID, syslog.LOG_AUTHPRIV)
        self.reopen()

    def reopen(self) -> None:
        """Opens the file again, after log rotation has moved it.

        Raises:
            OSError: it cannot be opened; the old one stays in use.
        """
        if isinstance(self._place, Path):
            opened = os.open(self._place, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
            if self._file >= 0:
                os.close(self._file)
            self._file = opened

    def record(self, event: str, **facts: object) -> None:
        """One line. Facts that are None are left out; text beyond 256 characters is cut."""
        said = {key: _short(value) for key, value in facts.items() if value is not None}
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        # ASCII only: no name of a client's choice can forge a line or a terminal's control sequence.
        self._write(json.dumps({"time": now, "event": event, **said}, ensure_ascii=True))

    def stranger(self, event: str, **facts: object) -> None:
        """One line about somebody who is not logged in; only so many a second, the rest is counted."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._strangers = second, 0
            self._say_left_out()
        self._strangers += 1
        if self._strangers > _STRANGERS:
            self._left_out += 1
        else:
            self.record(event, **facts)

    def close(self) -> None:
        """Writes what is still to be said and closes the file."""
        self._say_left_out()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _say_left_out(self) -> None:
        if self._left_out:
            self.record("left-out", lines=self._left_out)
            self._left_out = 0

    def _write(self, line: str) -> None:
        try:
            if isinstance(self._place, Path):
                os.write(self._file, line.encode() + b"\n")
            elif self._place == "syslog":
                syslog.syslog(syslog.LOG_INFO, line)
            else:
                sys.stderr.write(line + "\n")
                sys.stderr.flush()
        except OSError as error:
            if not self._failing:
                self._failing = True
                say(f"the audit log cannot be written: {error}")
        else:
            self._failing = False


def _short(value: object) -> object:
    if isinstance(value, str) and len(value) > _LONGEST:
        return value[:_LONGEST] + "..."
    return value
