# SPDX-License-Identifier: GPL-3.0-or-later
"""The locks of running and candidate."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from . import operations
from .errors import Lost, NetconfError, Refused
from .link import Link

_PAUSE = 0.1
_LONGEST_PAUSE = 1.0
_SETTLE_EVERY = 2.0
_UNKNOWN = {"operation-not-supported", "unknown-element"}


class Locks:
    """The locks of one transaction."""

    def __init__(self, link: Link, patience: float, settle: Callable[[], bool] = lambda: False) -> None:
        """
        Args:
            patience: seconds to wait for a lock.
            settle: called where the lock of running is denied: ends what an earlier run of ours left pending, which is
                a reason to deny it; whether there was anything.
        """
        self._link = link
        self._patience = patience
        self._settle = settle
        self._held: list[str] = []
        self._holder: object = None
        self.supported = True

    @property
    def held(self) -> bool:
        """Whether any lock is held: those of a session that was lost are not."""
        return bool(self._held) and self._holder is self._link.current

    @property
    def candidate(self) -> bool:
        """Whether that of the candidate is held."""
        return self.held and "candidate" in self._held

    def take(self) -> None:
        """Locks running, then the candidate.

        Raises:
            NetconfError: somebody else held one for too long; says who. None is held then.
            Lost: the session is gone, and its locks with it.
        """
        self._held.clear()
        end = time.monotonic() + self._patience
        for datastore in ("running", "candidate") if self._link.announced.candidate else ("running",):
            self._take(datastore, end)

    def _take(self, datastore: str, end: float) -> None:
        pause = _PAUSE
        settle_at, last_try = 0.0, False
        while True:
            try:
                self._link.call(operations.lock(datastore))
            except Refused as refused:
                last = refused
            else:
                self._held.append(datastore)
                self._holder = self._link.current
                return
            if last.tags & _UNKNOWN:
                self.supported = False
                return
            if "access-denied" in last.tags:
                self.release()
                raise NetconfError(
                    f"The user may not lock the {datastore} datastore.",
                    rpc_errors=last.errors,
                    fix="Nothing was changed. Have the node's access control allow lock and unlock to this user.",
                )
            now = time.monotonic()
            over = now >= end
            # Where the server names a session as the holder, nothing is pending, most likely: tried first and last.
            # Some name the session that began what is pending, though it is gone; the locks of a live one forbid it.
            named = any(error.session_id not in (None, "0") for error in last.errors)
            if datastore == "running" and not last_try and (over or now >= settle_at):
                last_try = over
                settle_at = end if named else now + _SETTLE_EVERY
                if self._settle():
                    continue
            if over:
                holder = self._link.holder(last.errors)
                self.release()
                raise NetconfError(
                    f"The {datastore} datastore could not be locked within {self._patience:g} s; held by {holder}.",
                    rpc_errors=last.errors,
                    fix="Nothing was changed. Try again when it is free.",
                )
            time.sleep(min(pause, max(0.0, end - time.monotonic())))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def release(self) -> None:
        """Unlocks what is held."""
        while self.held:
            datastore = self._held.pop()
            with suppress(Refused, Lost):
                self._link.call(operations.unlock(datastore))
        self._held.clear()
