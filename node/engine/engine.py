# SPDX-License-Identifier: GPL-3.0-or-later
"""The NETCONF server without its transport: sessions, datastores and what they share."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ..contract import EngineSettings, Kernel, Peer, User
from .confirmed import Commits
from .datastores import Datastores
from .locks import Locks
from .monitoring import MODULES, Monitoring, Statistics
from .notify import Notifications
from .schema import Schema
from .session import EngineSession
from .shortfall import Shortfall
from .startup import StartupFile
from .tree import Tree
from .vocabulary import Vocabulary
from .yang_library import capabilities

_LOG = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class Engine:
    """See ``contract.Opener``. Everything runs in one event loop; a second thread only prints what <get> has chosen.

    Attributes:
        long_reads: one <get> of routes at a time; 100,000 of them take some 300 MB meanwhile.
    """

    def __init__(self, kernel: Kernel, settings: EngineSettings) -> None:
        """
        Raises:
            SchemaMissing: a YANG module cannot be loaded.
        """
        explicit = settings.startup_mode == "explicit"
        self.kernel = kernel
        self.settings = settings
        self.schema = Schema(startup=explicit)
        self.capabilities = capabilities(self.schema, startup=explicit)
        self.datastores = Datastores(self.schema, kernel, StartupFile(settings.startup_file), settings.startup_mode)
        self.vocabulary = Vocabulary(self.schema)
        self.locks = Locks()
        self.notifications = Notifications(self.schema)
        self.shortfall = Shortfall(self.datastores, settings.observe, self.soon)
        self.commits = Commits(self.datastores, self.notifications.publish, self.soon, self.shortfall.began)
        self.sessions: dict[int, EngineSession] = {}
        self.statistics = Statistics()
        self._monitoring = Monitoring(
            self.schema, self.capabilities, startup=explicit, log_began=self.notifications.log_began
        )
        self._numbers = itertools.count(1)
        self._alone = asyncio.Lock()
        self.long_reads = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """See ``contract.Opener``."""
        await self.datastores.start()
        if self.datastores.missing:
            self.shortfall.began("startup")

    def open(self, user: User, peer: Peer, send: Callable[[bytes], None], end: Callable[[str], None]) -> EngineSession:
        """See ``contract.Opener``."""
        session = EngineSession(self, next(self._numbers), user, peer, send, end)
        self.sessions[session.session_id] = session
        return session

    async def stop(self) -> None:
        """See ``contract.Opener``."""
        for session in list(self.sessions.values()):
            await session.finish("other")
            session.end("the server stops")
        self.shortfall.stop()
        await self.alone(self.commits.stop)
        self.shortfall.stop()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self.datastores.stop()

    async def alone(self, work: Callable[[], Awaitable[_Result]]) -> _Result:
        """Run `work` while nothing else that changes does; it goes on when the caller is cancelled."""

        async def turn() -> _Result:
            async with self._alone:
                return await work()

        return await asyncio.shield(self._task(turn()))

    def soon(self, work: Callable[[], Awaitable[None]]) -> None:
        """The same, for who cannot wait."""

        async def logged() -> None:
            try:
                await self.alone(work)
            except Exception:  # noqa: BLE001  # nobody waits for it who could be told
                _LOG.exception("work that was put off failed")

        self._task(logged())

    def living(self, session_id: int | None) -> int:
        """The session's number, 0 if it has ended: what error-info says of a lock that no session holds."""
        return session_id if session_id in self.sessions and session_id is not None else 0

    def began(self, session: EngineSession) -> None:
        """A session has had its <hello>."""
        self.statistics.in_sessions += 1
        self.notifications.publish("netconf-session-start", session.words)

    def ended(self, session: EngineSession, reason: str, killed_by: int | None) -> None:
        """A session has given everything back."""
        if self.sessions.pop(session.session_id, None) is None:
            return
        self.notifications.unsubscribe(session.session_id)
        self.statistics.ended.add(session.facts.counters)
        if reason != "closed":
            self.statistics.dropped_sessions += 1
        if session.base_1_1 is None and reason != "bad-hello":
            return
        more = {"killed-by": killed_by} if killed_by is not None else {}
        self.notifications.publish("netconf-session-end", {**session.words, **more, "termination-reason": reason})

    def monitored(self, modules: set[str]) -> Tree:
        """What the server tells about itself, of these modules."""
        wanted = modules & set(MODULES)
        sessions = [session.facts for session in self.sessions.values()]
        return self._monitoring.data(wanted, sessions, self.statistics, self.locks)

    def _task(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
