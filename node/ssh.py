# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH server: logs users in by public key, and lets them open NETCONF sessions and nothing else (RFC 6242)."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress

import asyncssh

from .audit import Audit
from .channel import NetconfChannel, all_let_go
from .contract import Done, Opener, User
from .doorkeeper import Doorkeeper
from .keys import Account, plain_address
from .settings import Limits

# Signatures with SHA-1 are left out.
_SIGNATURES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-256",
    "rsa-sha2-512",
)
_TRIES = 20  # an agent offers all the keys that it holds
_CHANNELS = 10  # of one connection
_KEEPALIVE = 30
_WITHOUT_CHANNEL = 5.0
_UNSENT_WITHOUT_CHANNEL = 2**20


class Front:
    """Everything that is connected, and the rules for it."""

    def __init__(self, opener: Opener, accounts: Mapping[str, Account], limits: Limits, audit: Audit) -> None:
        self.opener = opener
        self.accounts = accounts
        self.limits = limits
        self.audit = audit
        self.door = Doorkeeper(limits)
        self.lines: set[Connection] = set()
        self._acceptors: list[asyncssh.SSHAcceptor] = []
        self._sweeper: asyncio.Task[None] | None = None

    async def listen(self, sockets: Sequence[socket.socket], host_keys: Sequence[asyncssh.SSHKey]) -> None:
        """Begins to serve on sockets that are bound and listening."""
        for one in sockets:
            self._acceptors.append(
                await asyncssh.listen(
                    sock=one,
                    server_factory=lambda: Connection(self),
                    server_host_keys=list(host_keys),
                    server_version="shadownet-node",
                    config=None,
                    public_key_auth=True,
                    password_auth=False,
                    kbdint_auth=False,
                    host_based_auth=False,
                    gss_host=None,
                    allow_pty=False,
                    line_editor=False,
                    x11_forwarding=False,
                    agent_forwarding=False,
                    allow_scp=False,
                    encoding=None,
                    compression_algs=None,
                    signature_algs=_SIGNATURES,
                    login_timeout=self.limits.login_time,
                    keepalive_interval=_KEEPALIVE,
                )
            )
        self._sweeper = asyncio.create_task(self._sweep())

    def change_accounts(self, accounts: Mapping[str, Account]) -> None:
        """Takes over new users and keys, and ends the connections that they would not let in."""
        self.accounts = accounts
        for line in list(self.lines):
            line.check_account()

    def observe(self, done: Done) -> None:
        """What the engine calls after every operation."""
        if done.operation == "create-subscription" and done.outcome == "ok":
            for line in self.lines:
                line.subscribe(done.session_id)
        if done.changes or done.outcome != "ok":
            self.audit.record(
                "operation",
                user=done.user,
                source=done.source_host,
                session=done.session_id,
                operation=done.operation,
                target=done.target,
                outcome=done.outcome,
                message=done.message,
            )

    def close_door(self) -> None:
        """No further connection is taken."""
        for one in self._acceptors:
            one.close()

    async def close(self) -> None:
        """Ends what is still connected."""
        self.close_door()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        # What was said last goes out before the connections end.
        for _try in range(20):
            if not any(line.busy() for line in self.lines):
                break
            await asyncio.sleep(0.05)
        for line in list(self.lines):
            line.close("the server stops")
        await asyncio.sleep(0)
        for one in self._acceptors:
            await one.wait_closed()
        await all_let_go()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(1)
            now = time.monotonic()
            for line in list(self.lines):
                line.sweep(now)


class Connection(asyncssh.SSHServer):
    """One SSH connection."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._connection: asyncssh.SSHServerConnection | None = None
        self.channels: set[NetconfChannel] = set()
        self._tries = 0
        self._key: bytes = b""
        self._logged_in = self._used = False
        self._empty_since = time.monotonic()
        self.source = "?"
        self.user = User("", read_write=False)

    # What asyncssh calls.

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        peer = conn.get_extra_info("peername")
        self.source = str(plain_address(str(peer[0]))) if peer else "?"
        self._front.lines.add(self)
        pushed = self._front.door.arrive(self, self.source)
        if isinstance(pushed, Connection):
            pushed.push_out()

    def begin_auth(self, username: str) -> bool:
        return True  # a name that does not exist is refused as a wrong key is

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        account = self._front.accounts.get(username)
        if account is not None and account.accepts(key.public_data, self.source):
            self._key = key.public_data
            return True
        self._tries += 1
        self._front.audit.stranger(
            "login-refused", user=username, source=self.source, key=_fingerprint(key.public_data)
        )
        if self._tries >= _TRIES:
            self.abort()
        return False

    def auth_completed(self) -> None:
        connection = self._connection
        if connection is None:
            return
        name = str(connection.get_extra_info("username"))
        account = self._front.accounts.get(name)
        self._front.door.leave(self)
        if account is None or not account.accepts(self._key, self.source):
            self.abort()
            return
        if not self._front.door.connect(name):
            self._front.audit.record(
                "refused", user=name, source=self.source, what="connection", reason="limits.sessions_per_user"
            )
            self.abort()
            return
        self._logged_in = True
        self._empty_since = time.monotonic()
        self.user = User(name, account.access == "read-write")
        self._front.audit.record(
            "login", user=name, source=self.source, access=account.access, key=_fingerprint(self._key)
        )

    def session_requested(self) -> NetconfChannel | bool:
        front = self._front
        if not self._logged_in:
            return False
        reason = front.door.refusal(self.user.name)
        if len(self.channels) >= _CHANNELS:
            reason = f"the connection has {_CHANNELS} channels already"
        if reason is not None:
            front.audit.record("refused", user=self.user.name, source=self.source, what="session", reason=reason)
            return False
        return NetconfChannel(self, front.opener, front.door, front.limits, front.audit)

    def connection_lost(self, exc: Exception | None) -> None:
        self._front.lines.discard(self)
        self._front.door.leave(self)
        self._connection = None
        if self._logged_in:
            self._logged_in = False
            self._front.door.disconnect(self.user.name)

    # What channels call.

    def unsent(self) -> int:
        """Octets that are encrypted already and that the client has not taken."""
        # asyncssh tells only what its channels hold back, and nothing is held back from a client with a large window.
        transport = getattr(self._connection, "_transport", None)
        return transport.get_write_buffer_size() if transport is not None else 0

    def arriving(self) -> int:
        """Octets of unfinished messages of all sessions there are."""
        return sum(channel.arriving for line in self._front.lines for channel in line.channels)

    def abort(self) -> None:
        """Ends the connection without a word."""
        if self._connection is not None:
            self._connection.abort()

    def opened(self, channel: NetconfChannel) -> None:
        """A channel is there."""
        self.channels.add(channel)
        self._used = True

    def gone(self, channel: NetconfChannel) -> None:
        """A channel is no more."""
        self.channels.discard(channel)
        self._empty_since = time.monotonic()

    # What the front calls.

    def push_out(self) -> None:
        """Makes room for another who has not logged in."""
        self._front.audit.stranger("pushed-out", source=self.source, reason="limits.unauthenticated")
        self.abort()

    def subscribe(self, session_id: int) -> None:
        """This session has a subscription now, wherever it is."""
        for channel in self.channels:
            if channel.session_id == session_id:
                channel.subscribed = True

    def check_account(self) -> None:
        """Ends the connection if it would not be let in now."""
        if not self._logged_in:
            return
        account = self._front.accounts.get(self.user.name)
        good = account is not None and account.accepts(self._key, self.source)
        if not good or (account is not None and (account.access == "read-write") != self.user.read_write):
            self.close("the user, its access or its key was changed")

    def busy(self) -> bool:
        """Whether something waits to be sent to a session."""
        return any(channel.unsent() for channel in self.channels)

    def close(self, reason: str) -> None:
        """Ends all sessions and the connection."""
        for channel in list(self.channels):
            channel.end(reason)
        if self._connection is not None:
            self._connection.close()

    def sweep(self, now: float) -> None:
        """Looks once a second whether the client took too long."""
        for channel in list(self.channels):
            channel.sweep(now)
        if self.channels:
            return
        patience = _WITHOUT_CHANNEL if self._used else self._front.limits.hello_time
        if self._logged_in and now - self._empty_since > patience:
            self.close("no session")
        elif self.unsent() > _UNSENT_WITHOUT_CHANNEL:
            self.abort()  # it makes the server answer, and does not read


def _fingerprint(data: bytes) -> str:
    return "SHA256:" + b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
