# SPDX-License-Identifier: GPL-3.0-or-later
"""What of running the kernel does not carry: told, audited, and tried again until it does (RFC 8342, 5.3.3.2)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from ..contract import Done, KernelRefused, Refusal
from .datastores import Datastores

_LOG = logging.getLogger(__name__)
_SOON = 5.0
_REST = 10  # times as long as the last try took: most of the time is for commits
_MOST_TOLD = 20


class Shortfall:
    """Begins when a configuration could be applied in part only, at the start or when a confirmed commit is taken
    back; ends when a later try, or any commit, succeeds as a whole."""

    def __init__(
        self,
        datastores: Datastores,
        observe: Callable[[Done], None],
        exclusive: Callable[[Callable[[], Awaitable[None]]], None],
    ) -> None:
        """
        Args:
            observe: takes lines for the audit log.
            exclusive: runs a coroutine function soon, alone with the datastores.
        """
        self._data = datastores
        self._observe = observe
        self._exclusive = exclusive
        self._timer: asyncio.TimerHandle | None = None

    def began(self, event: str) -> None:
        """``datastores.missing`` holds something since ``event``."""
        self._tell(event)
        self._arm(_SOON)

    def stop(self) -> None:
        """No further try."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _arm(self, seconds: float) -> None:
        self.stop()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._exclusive, self._again)

    async def _again(self) -> None:
        if not self._data.missing or self._timer is None:
            return  # a commit was made, or the server stops
        before, started = self._data.missing, time.monotonic()
        try:
            await self._data.make_up()
        except KernelRefused as refused:
            _LOG.error("running could not be tried again: %s", refused)
        if self._data.missing != before:
            self._tell("retry")
        if self._data.missing:
            self._arm(max(_SOON, _REST * (time.monotonic() - started)))

    def _tell(self, event: str) -> None:
        missing = self._data.missing
        for one in missing[:_MOST_TOLD]:
            _LOG.error("not in the kernel since %s: %s%s", event, one.message, f" ({one.path})" if one.path else "")
            self._record(event, "not-applied", _words(one))
        if len(missing) > _MOST_TOLD:
            self._record(event, "not-applied", f"and {len(missing) - _MOST_TOLD} more")
        if not missing:
            _LOG.warning("the kernel carries all of running now")
            self._record(event, "ok", None)

    def _record(self, event: str, outcome: str, message: str | None) -> None:
        self._observe(Done(0, "", "", event, "running", True, outcome, message))


def _words(one: Refusal) -> str:
    return f"{one.message} ({one.path})" if one.path else one.message
