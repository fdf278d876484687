# SPDX-License-Identifier: GPL-3.0-or-later
"""Global locks (RFC 6241, 7.5 and 7.6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .errors import Fault, fault


@dataclass(frozen=True, slots=True)
class Lock:
    """Who holds a datastore, since when."""

    session_id: int
    since: datetime


class Locks:
    """One lock for each datastore."""

    def __init__(self) -> None:
        self.held: dict[str, Lock] = {}

    def take(self, target: str, session_id: int, now: datetime) -> None:
        """
        Raises:
            Fault: ``lock-denied``, also for the session that has it already.
        """
        holder = self.held.get(target)
        if holder is not None:
            raise denied(target, holder.session_id)
        self.held[target] = Lock(session_id, now)

    def release(self, target: str, session_id: int) -> None:
        """
        Raises:
            Fault: there is no lock of this session.
        """
        holder = self.held.get(target)
        if holder is None:
            raise fault("operation-failed", f"The {target} datastore is not locked.")
        if holder.session_id != session_id:
            raise fault("operation-failed", f"The lock on {target} is held by session {holder.session_id}.")
        del self.held[target]

    def release_all(self, session_id: int) -> list[str]:
        """Release what a session holds that has ended; the datastores."""
        names = [target for target, lock in self.held.items() if lock.session_id == session_id]
        for name in names:
            del self.held[name]
        return names

    def check(self, target: str, session_id: int) -> None:
        """
        Raises:
            Fault: ``in-use``: another session has locked what is to be changed.
        """
        holder = self.held.get(target)
        if holder is not None and holder.session_id != session_id:
            raise fault("in-use", f"The {target} datastore is locked by session {holder.session_id}.")


def denied(target: str, session_id: int, why: str = "is locked already") -> Fault:
    """``lock-denied`` with the session that holds the datastore, 0 where it is no session."""
    return fault("lock-denied", f"The {target} datastore {why}.", session_id=str(session_id))
