# SPDX-License-Identifier: GPL-3.0-or-later
"""The octets' way to a node: a TCP connection, or a command that leads through a jump host.

paramiko's own ProxyCommand knows no shell, hides what the command says, and spins when the command ends.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from typing import IO

_ATTEMPTS = 3
_FIRST_WORD = 5.0
_SECONDS_TO_END = 2.0


class Way:
    """An open way. ``socket`` is what to write to and read from."""

    def __init__(self, host: str, port: int, proxy: str | None, seconds: float) -> None:
        """Opens it.

        Args:
            proxy: the shell's command whose input and output are the connection.
            seconds: the longest that this may take.

        Raises:
            OSError: nobody there, or nobody who speaks.
        """
        self._process: subprocess.Popen[bytes] | None = None
        self._words: IO[bytes] | None = None
        self.socket = _connected(host, port, seconds) if proxy is None else self._through(proxy)

    def _through(self, command: str) -> socket.socket:
        mine, theirs = socket.socketpair()
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        with theirs:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._words,
                start_new_session=True,
            )
        return mine

    def said(self) -> str:
        """What the command had to say, the last of it."""
        if self._words is None or self._process is None:
            return ""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_END)  # its last words may come after the end of its output
        self._words.seek(0)
        return " ".join(self._words.read().decode("utf-8", "replace").split())[-1000:]

    def close(self) -> None:
        """Ends it, and the command."""
        self.socket.close()
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
            self._process = None
        if self._words is not None:
            self._words.close()
            self._words = None


def _connected(host: str, port: int, seconds: float) -> socket.socket:
    end = time.monotonic() + seconds
    for _attempt in range(_ATTEMPTS):
        left = max(0.1, end - time.monotonic())
        made = socket.create_connection((host, port), left)
        # An SSH server speaks first. A busy one may accept a connection and then forget or drop it.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        left = max(0.0, min(_FIRST_WORD, end - time.monotonic()))
        if select.select([made], [], [], left)[0] and _peek(made):
            return made
        made.close()
        if time.monotonic() > end:
            break
    raise OSError("the server accepts connections, but says nothing")


def _peek(made: socket.socket) -> bytes:
    """The first octet, left where it is; nothing where the connection was closed at once."""
    try:
        return made.recv(1, socket.MSG_PEEK)
    except OSError:
        return b""
