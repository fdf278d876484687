# SPDX-License-Identifier: GPL-3.0-or-later
"""One NETCONF session on one SSH channel: framing, order, and what a client may keep waiting (RFC 6242)."""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from contextlib import suppress
from typing import Protocol

import asyncssh

from ..plugins.module_utils.frontend.netconf.framing import Framer, FramingError, framed
from .audit import Audit
from .contract import Opener, Peer, Session, User
from .doorkeeper import Doorkeeper
from .settings import Limits

SUBSYSTEM = "netconf"
_LONGEST_HELLO = 2**20
_UNFINISHED = 4
_LONGEST_WORDS = 500
# With this much unsent the client is not given the reply to its next request, as that would wait behind it.
_ENOUGH_UNSENT = 2**20
_PAUSE = 0.05
# What has been said last may still be on its way when the channel is closed.
_LINGER = 5.0


class Line(Protocol):
    """The SSH connection below, as far as a channel needs it."""

    source: str
    user: User

    def unsent(self) -> int:
        """Octets that are encrypted already and that the client has not taken."""

    def abort(self) -> None:
        """Ends the connection without a word."""

    def arriving(self) -> int:
        """Octets of unfinished messages of all sessions there are."""

    def opened(self, channel: NetconfChannel) -> None:
        """A channel is there."""

    def gone(self, channel: NetconfChannel) -> None:
        """A channel is no more."""


class NetconfChannel(asyncssh.SSHServerSession[bytes]):
    """What asyncssh calls for one channel. It takes the subsystem ``netconf`` and nothing else."""

    def __init__(self, line: Line, opener: Opener, door: Doorkeeper, limits: Limits, audit: Audit) -> None:
        self._line = line
        self._opener = opener
        self._door = door
        self._limits = limits
        self._audit = audit
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._session: Session | None = None
        self._framer = Framer(min(_LONGEST_HELLO, limits.message_size))
        self._most_arriving = limits.message_size * _UNFINISHED
        self._arrived = bytearray()
        self._worker: asyncio.Task[None] | None = None
        self._eof = False
        self._greeted = False
        self._reason: str | None = None
        self._ended_at: float | None = None
        self._begun = self._active = self._moved = time.monotonic()
        self._sent = self._taken = 0
        self.subscribed = False

    # What asyncssh calls.

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan
        # asyncssh would keep every variable that a client sends, without limit, and offers no way to refuse one.
        vars(chan)["_process_env_request"] = _no_variable
        self._line.opened(self)
        self._door.enter(self._line.user.name)

    def subsystem_requested(self, subsystem: str) -> bool:
        if subsystem == SUBSYSTEM:
            return True
        return self._refused(f"subsystem {subsystem}")

    def shell_requested(self) -> bool:
        return self._refused("shell")

    def exec_requested(self, command: str) -> bool:
        return self._refused(f"command {command}")

    def pty_requested(self, term_type: str, term_size: object, term_modes: object) -> bool:
        return self._refused("terminal")

    def session_started(self) -> None:
        session = self._opener.open(self._line.user, Peer(self._line.source), self._notify, self.end)
        self._session = session
        self._note("session-start")
        self._write(session.hello)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self._session is None or self._ended_at is not None:
            return
        self._arrived += data
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        elif self._channel is not None:
            self._channel.pause_reading()  # asyncssh holds at most one window of what comes meanwhile

    def eof_received(self) -> bool:
        self._eof = True
        if self._worker is None:
            self.end("the client has closed its side")
        return True  # replies to what came before may still go out

    def connection_lost(self, exc: Exception | None) -> None:
        self._channel = None
        self._ended_at = self._ended_at or time.monotonic()  # what it has asked and is not begun is forgotten
        self._reason = self._reason or (f"the connection was lost: {exc}" if exc else "the client closed the channel")
        self._door.exit(self._line.user.name)
        self._line.gone(self)
        if self._session is not None:
            self._note("session-end", reason=self._reason)
            # An operation that has begun is not torn apart: what it does is finished before its session is let go.
            task = asyncio.create_task(self._let_go(self._session, self._worker))
            _keep(task)

    # The session.

    async def _work(self) -> None:
        """Takes one message after the other until nothing is left."""
        try:
            while self._arrived and not self._over():
                data, self._arrived = bytes(self._arrived), bytearray()
                for message in self._framer.feed(data):
                    await self._take(message)
                    await asyncio.sleep(0)  # many operations end without waiting; others have their turn all the same
                    if self._over():
                        return
                if self.arriving > self._limits.message_size // 8 and self._line.arriving() > self._most_arriving:
                    self.end("too much is being received at a time (four times limits.message_size)")
                if self._channel is not None:
                    self._channel.resume_reading()
        except FramingError as error:
            self.end(f"framing: {error}")
        except Exception as error:  # noqa: BLE001  # a defect costs this session, not the others
            traceback.print_exc(file=sys.stderr)
            self.end(f"internal error: {type(error).__name__}")
        finally:
            self._worker = None
        if self._eof:
            self.end("the client has closed its side")

    async def _take(self, message: bytes) -> None:
        session = self._session
        if session is None:
            return
        self._active = time.monotonic()
        reply = await session.receive(message)
        self._active = time.monotonic()
        if reply is not None:
            self._write(reply)
        if not self._greeted and session.base_1_1 is not None:
            self._greeted = True
            self._framer.chunked = session.base_1_1
            self._framer.limit = self._limits.message_size
        if session.ended:
            self.end(session.end_reason or "the session was closed")
        while self.unsent() > _ENOUGH_UNSENT and self._ended_at is None:
            await asyncio.sleep(_PAUSE)

    async def _let_go(self, session: Session, worker: asyncio.Task[None] | None) -> None:
        if worker is not None:
            await asyncio.wait([worker])
        await session.closed()

    def _notify(self, message: bytes) -> None:
        if self.unsent() + len(message) > self._limits.send_queue:
            self.end("the client does not read its notifications (limits.send_queue)", at_once=True)
        else:
            self._write(message)

    def _over(self) -> bool:
        return self._ended_at is not None

    def _write(self, message: bytes) -> None:
        if self._channel is not None and self._ended_at is None:
            data = framed(message, self._framer.chunked)
            with suppress(OSError):  # asyncssh's word for a channel that the client is just closing
                self._channel.write(data)
                self._sent += len(data)

    def end(self, reason: str, *, at_once: bool = False) -> None:
        """Closes the channel when what was written is sent, or ``at_once``."""
        if self._ended_at is None:
            self._ended_at = time.monotonic()
            self._reason = reason
            if self._channel is not None:
                if not self._greeted:
                    self._explain(reason)
                self._channel.close()
        if at_once:
            self._line.abort()

    def _explain(self, reason: str) -> None:
        """Tells a client that has not got as far as rpc-errors why its session ends: SSH clients show what comes on
        the channel's standard error."""
        text = ascii(reason)[1:-1][:_LONGEST_WORDS]  # a codec could not be loaded any more in here
        with suppress(OSError):
            if self._channel is not None:
                self._channel.write_stderr(f"shadownet-node: {text}\n".encode())

    # Time.

    def unsent(self) -> int:
        """Octets written and not yet taken by the client, as far as can be told."""
        waiting = self._channel.get_write_buffer_size() if self._channel is not None else 0
        return waiting + self._line.unsent()

    def sweep(self, now: float) -> None:
        """Looks once a second whether the client took too long."""
        limits = self._limits
        unsent = self.unsent()
        taken = self._sent - unsent
        if taken > self._taken or not unsent:
            self._taken, self._moved = taken, now
        if self._ended_at is not None:
            if now - self._ended_at > _LINGER:
                self._line.abort()
        elif now - self._moved > limits.send_time:
            self.end("the client does not read (limits.send_time)", at_once=True)
        elif not self._greeted:
            if now - self._begun > limits.hello_time:
                self.end("no hello came (limits.hello_time)")
        elif self._idle(now):
            self.end("no request came (limits.idle_time)")

    def _idle(self, now: float) -> bool:
        limit = self._limits.idle_time
        return limit > 0 and not self.subscribed and self._worker is None and now - self._active > limit

    @property
    def arriving(self) -> int:
        """Octets of an unfinished message."""
        return 0 if self._over() else self._framer.held

    @property
    def session_id(self) -> int | None:
        """The engine's number, once there is a session."""
        return self._session.session_id if self._session is not None else None

    def _refused(self, what: str) -> bool:
        self._note("refused", what=what)
        return False

    def _note(self, event: str, **facts: object) -> None:
        number = self.session_id
        self._audit.record(event, user=self._line.user.name, source=self._line.source, session=number, **facts)


def _no_variable(_packet: object) -> bool:
    return False


_tasks: set[asyncio.Task[None]] = set()


def _keep(task: asyncio.Task[None]) -> None:
    """The event loop holds its tasks weakly."""
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def all_let_go() -> None:
    """Waits until every session whose channel is gone has been let go."""
    while _tasks:
        await asyncio.wait(set(_tasks))
