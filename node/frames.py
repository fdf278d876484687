# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages between server and applier: four octets of length, most significant first, then JSON."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import Any

MOST = 1 << 26
"""Octets of the longest message: some 800,000 routes."""

_LENGTH = struct.Struct(">I")


class BrokenFrame(Exception):
    """The other side closed the connection in the middle of a message, or sent something else than messages."""


def encode(message: Any) -> bytes:
    """One message.

    Raises:
        ValueError: it is longer than ``MOST``.
    """
    data = json.dumps(message, separators=(",", ":")).encode()
    if len(data) > MOST:
        raise ValueError(f"a message of {len(data)} octets; at most {MOST} can be sent.")
    return _LENGTH.pack(len(data)) + data


def _length(head: bytes) -> int:
    length: int = _LENGTH.unpack(head)[0]
    if length > MOST:
        raise BrokenFrame(f"a message of {length} octets was announced; at most {MOST} are read.")
    return length


def _decode(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise BrokenFrame("a message that is not JSON.") from None


def receive(connection: socket.socket) -> Any:
    """The next message of a blocking socket.

    Raises:
        EOFError: the other side closed the connection after its last message.
        BrokenFrame: see there.
    """
    return _decode(_exactly(connection, _length(_exactly(connection, _LENGTH.size, may_end=True))))


def _exactly(connection: socket.socket, size: int, may_end: bool = False) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        data = connection.recv(min(size - len(parts), 1 << 20))
        if not data:
            if may_end and not parts:
                raise EOFError
            raise BrokenFrame("the connection ended inside a message.")
        parts += data
    return bytes(parts)


async def receive_async(reader: asyncio.StreamReader) -> Any:
    """The next message of a stream.

    Raises:
        BrokenFrame: see there; also at the stream's end.
    """
    try:
        return _decode(await reader.readexactly(_length(await reader.readexactly(_LENGTH.size))))
    except (asyncio.IncompleteReadError, OSError):
        raise BrokenFrame("the applier ended.") from None
