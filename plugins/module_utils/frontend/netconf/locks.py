# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks, and what an earlier run of ours left pending behind them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from . import operations
from .errors import Lost, NetconfError, Refused
from .link import Link

_PAUSE = 0.1
_LONGEST_PAUSE = 1.0
_UNKNOWN = {"operation-not-supported", "unknown-element"}
_EARLIER = 16


def persist_ids(node: str, revision: int | None) -> list[str]:
    """The id of this run's confirmed commit, then those that an earlier run of ours may have left pending."""
    plain = f"shadownet-{node}"
    if revision is None:
        return [plain]
    earlier = [f"{plain}-{number}" for number in range(revision - 1, max(-1, revision - 1 - _EARLIER), -1)]
    return [f"{plain}-{revision}", *earlier, plain]


def settle(link: Link, ids: Sequence[str]) -> bool:
    """Confirms what an earlier run of ours left pending; whether there was anything.

    A confirming commit, because it interrupts no traffic and because a server refuses it while another session
    holds the locks, so that a run that is still alive is left alone. What differs from what is wanted now is
    repaired by the push that follows.
    """
    if not link.announced.persist:
        return False
    for one in ids:
        try:
            link.call(operations.commit(persist_id=one))
        except Refused:
            continue
        return True
    return False


class Locks:
    """The locks of one transaction."""

    def __init__(self, link: Link, ids: Sequence[str], patience: float) -> None:
        """
        Args:
            ids: persist-ids of ours that may be pending.
            patience: seconds to wait for a lock.
        """
        self._link = link
        self._ids = ids
        self._patience = patience
        self._held: list[str] = []
        self._holder: object = None
        self.supported = True

    @property
    def held(self) -> bool:
        """Whether any lock is held: those of a session that was lost are not."""
        return bool(self._held) and self._holder is self._link.current

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
            if settle(self._link, self._ids):
                continue
            if time.monotonic() >= end or "access-denied" in last.tags:
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
