# SPDX-License-Identifier: GPL-3.0-or-later
"""Commit, and commits that must be confirmed (RFC 6241, 8.3 and 8.4)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ..contract import Applied
from .changes import edits
from .datastores import Datastores
from .errors import Fault, fault
from .tree import Tree

_LOG = logging.getLogger(__name__)
_AGAIN = 5.0

Publish = Callable[[str, dict[str, Any]], object]


@dataclass(frozen=True, slots=True)
class Who:
    """The session behind a commit, and what it is called in notifications."""

    session_id: int
    words: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """The parameters of <commit>."""

    confirmed: bool = False
    timeout: int = 600
    persist: str | None = None
    persist_id: str | None = None


@dataclass(slots=True)
class _Pending:
    previous: Tree
    session_id: int
    persist: str | None
    timer: asyncio.TimerHandle | None = None


class Commits:
    """candidate to running, for good or until further notice. The caller holds the datastores' lock."""

    def __init__(
        self,
        datastores: Datastores,
        publish: Publish,
        exclusive: Callable[[Callable[[], Awaitable[None]]], None],
        left: Callable[[str], None] = lambda _event: None,
    ) -> None:
        """
        Args:
            exclusive: runs a coroutine function soon, alone with the datastores.
            left: is told (``cancel`` or ``timeout``) when the kernel did not take back all that was before.
        """
        self._left = left
        self._data = datastores
        self._publish = publish
        self._exclusive = exclusive
        self._pending: _Pending | None = None

    @property
    def pending_of(self) -> int | None:
        """The session that a pending confirmed commit is of."""
        return None if self._pending is None else self._pending.session_id

    async def commit(self, who: Who, request: Request) -> str | None:
        """Does what <commit> asks; gives what is to be remarked on it, for the audit log.

        A commit without changes makes the kernel carry running again. One that confirms, or extends the time to
        confirm, looks at no kernel: it must not fail because of what somebody else did meanwhile.

        Raises:
            Fault: nothing was changed.
        """
        self._may(who, request.persist_id)
        before: Tree | None = None
        remark: str | None = None
        if self._data.modified:
            content = self._data.validated("candidate")
            before = await self._data.make_running(content, lasting=not request.confirmed)
            self._data.discard()
            self._changed(who.words, before)
        else:
            if self._pending is None:
                remark = _repaired(await self._data.repair())
            if request.confirmed and self._pending is None:
                before = self._data.running.copy()
            if self._pending is not None and not request.confirmed:
                self._data.save_running()
        self._settle(who, request, before)
        return remark

    def _settle(self, who: Who, request: Request, before: Tree | None) -> None:
        pending = self._pending
        if not request.confirmed:
            if before is not None:
                before.free()
            if pending is not None:
                self._forget()
                self._tell("complete", who.words)
            return
        if pending is None:
            previous = before if before is not None else Tree(self._data.schema.context)
            pending = self._pending = _Pending(previous, who.session_id, request.persist)
            event = "start"
        else:
            if before is not None:
                before.free()
            if pending.timer is not None:
                pending.timer.cancel()
            pending.session_id = who.session_id
            pending.persist = request.persist if request.persist is not None else pending.persist
            event = "extend"
        self._arm(pending, request.timeout)
        self._tell(event, who.words, request.timeout)

    async def cancel(self, who: Who, persist_id: str | None) -> None:
        """<cancel-commit>.

        Raises:
            Fault: there is nothing to be cancelled, or not by this session, or the kernel would not go back.
        """
        if self._pending is None:
            raise fault("operation-failed", "There is no confirmed commit to cancel.")
        self._may(who, persist_id)
        await self._roll_back("cancel", who.words)

    async def session_ended(self, who: Who) -> None:
        """Go back, unless the commit persists."""
        pending = self._pending
        if pending is not None and pending.persist is None and pending.session_id == who.session_id:
            await self._try_roll_back("cancel", who.words)

    async def stop(self) -> None:
        """Go back, whoever's commit it is: what was not confirmed does not outlive the server."""
        if self._pending is not None:
            await self._try_roll_back("cancel", {})
            self._forget()

    def _may(self, who: Who, persist_id: str | None) -> None:
        pending = self._pending
        if pending is None or pending.persist is None:
            if persist_id is not None:
                raise fault(
                    "invalid-value", "There is no confirmed commit with this persist-id.", bad_element="persist-id"
                )
            if pending is not None and pending.session_id != who.session_id:
                raise fault(
                    "in-use", f"Session {pending.session_id} has a confirmed commit that it must confirm first."
                )
        elif persist_id is None:
            raise fault("in-use", "A confirmed commit with persist is pending: give its persist-id.")
        elif persist_id != pending.persist:
            raise fault("invalid-value", "This is not the persist-id of the pending commit.", bad_element="persist-id")

    def _arm(self, pending: _Pending, seconds: float) -> None:
        # The loop's clock is monotonic: setting the date neither shortens nor extends the wait.
        loop = asyncio.get_running_loop()
        pending.timer = loop.call_later(seconds, self._exclusive, lambda: self._timed_out(pending))

    async def _timed_out(self, pending: _Pending) -> None:
        # It may have been confirmed or extended while this waited for its turn.
        due = pending.timer is not None and pending.timer.when() <= asyncio.get_running_loop().time()
        if self._pending is pending and due:
            await self._try_roll_back("timeout", {})

    async def _try_roll_back(self, event: str, words: dict[str, Any]) -> None:
        try:
            await self._roll_back(event, words)
        except Fault as refused:
            _LOG.error("a confirmed commit could not be rolled back, trying again: %s", refused)
            if self._pending is not None:
                self._arm(self._pending, _AGAIN)

    async def _roll_back(self, event: str, words: dict[str, Any]) -> None:
        pending = self._pending
        if pending is None:
            return
        try:
            before = await self._data.make_running(pending.previous, lasting=False)
        except Fault as refused:
            # Something has gone meanwhile that the state before needs. To stay would mean that nobody can commit, and
            # that what nobody confirmed is kept; so the rest of it comes back.
            _LOG.error("not all that was before a confirmed commit can be brought back: %s", refused)
            before = await self._data.make_running(pending.previous, lasting=False, most=True)
            self._left(event)
        pending.previous = Tree(self._data.schema.context)
        self._forget()
        self._tell(event, words)
        self._changed(words, before)
        before.free()

    def _forget(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            if pending.timer is not None:
                pending.timer.cancel()
            pending.previous.free()

    def _tell(self, event: str, words: dict[str, Any], timeout: int | None = None) -> None:
        more: dict[str, Any] = {"confirm-event": event}
        if timeout is not None:
            more["timeout"] = timeout
        self._publish("netconf-confirmed-commit", {**words, **more})

    def _changed(self, words: dict[str, Any], before: Tree) -> None:
        by = words or {"server": [None]}
        found = edits(before, self._data.running)
        if found:
            self._publish("netconf-config-change", {"changed-by": by, "datastore": "running", "edit": found})


def _repaired(applied: Applied) -> str | None:
    if not applied.changes:
        return None
    more = ", ..." if applied.changes > len(applied.some) else ""
    return f"the kernel did not hold running; repaired {applied.changes}: {', '.join(applied.some)}{more}"
