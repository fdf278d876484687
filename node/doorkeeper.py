# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may come in: how many strangers may stand at the door, and how many sessions a user may have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

from .settings import Limits


class Doorkeeper:
    """Counts; the front acts on it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._strangers: dict[Hashable, str] = {}  # in the order of their arrival
        self._of_source: Counter[str] = Counter()
        self._of_user: Counter[str] = Counter()
        self._connections: Counter[str] = Counter()

    @property
    def strangers(self) -> int:
        """How many have not logged in yet."""
        return len(self._strangers)

    @property
    def sessions(self) -> int:
        """How many sessions there are."""
        return self._of_user.total()

    def arrive(self, who: Hashable, source: str) -> Hashable | None:
        """A connection has come. Gives the one that has to go for it, if the door is full.

        That one is the oldest of the address that has most of them: a flood from one address pushes itself out,
        and whoever comes from another is let in.
        """
        pushed = None
        if len(self._strangers) >= self._limits.unauthenticated:
            crowd = max(self._of_source, key=lambda one: (self._of_source[one], one == source))
            pushed = next(one for one, whence in self._strangers.items() if whence == crowd)
            self.leave(pushed)
        self._strangers[who] = source
        self._of_source[source] += 1
        return pushed

    def leave(self, who: Hashable) -> None:
        """It has logged in, or is gone. May be repeated."""
        source = self._strangers.pop(who, None)
        if source is not None:
            self._of_source[source] -= 1
            if not self._of_source[source]:
                del self._of_source[source]

    def connect(self, user: str) -> bool:
        """Counts a connection that has logged in. False where the user has too many; then it is not counted."""
        if self._connections[user] >= self._limits.sessions_per_user:
            return False
        self._connections[user] += 1
        return True

    def disconnect(self, user: str) -> None:
        """A counted connection is gone."""
        self._connections[user] -= 1
        if self._connections[user] <= 0:
            del self._connections[user]

    def refusal(self, user: str) -> str | None:
        """Why the user may have no further session, or None."""
        if self.sessions >= self._limits.sessions:
            return f"there are {self._limits.sessions} sessions already (limits.sessions)"
        if self._of_user[user] >= self._limits.sessions_per_user:
            return f"the user has {self._limits.sessions_per_user} sessions already (limits.sessions_per_user)"
        return None

    def enter(self, user: str) -> None:
        """A session begins."""
        self._of_user[user] += 1

    def exit(self, user: str) -> None:
        """A session has ended."""
        self._of_user[user] -= 1
        if self._of_user[user] <= 0:
            del self._of_user[user]
