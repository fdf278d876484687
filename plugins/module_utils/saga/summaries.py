# SPDX-License-Identifier: GPL-3.0-or-later
"""Summaries of the audit trail, kept by a process that lives long: beside its other work, and never in its way."""

from __future__ import annotations

import threading

from ..ipam.usage_summary import keep_summary
from ..ledger.ledger import Ledger


class Summaries:
    """Stores summaries where they are due. May be used by several threads.

    Args:
        ledger: stays the caller's. A connection of its own is opened with the first call: one that reads thousands of
            events must keep no push waiting.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._own: Ledger | None = None
        self._turn = threading.Lock()

    def keep(self) -> bool:
        """Stores one summary if one is due and no other thread is at it. Whatever goes wrong, it is tried again the
        next time: without a summary, nothing is lost but time.

        Returns:
            Whether one was stored.
        """
        if not self._turn.acquire(blocking=False):
            return False
        try:
            if self._own is None:
                self._own = self._ledger.again()
            return keep_summary(self._own)
        except Exception:  # noqa: BLE001  # whatever it is: the node was served, and that counts
            return False
        finally:
            self._turn.release()

    def close(self) -> None:
        """Closes the connection, after the summary that is being made."""
        with self._turn:
            own, self._own = self._own, None
            if own is not None:
                own.close()
