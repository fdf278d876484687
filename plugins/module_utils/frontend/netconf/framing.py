# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages on a NETCONF stream: end-of-message marks (RFC 6242, 4.3) and chunks (4.2), for clients and servers.

Bytes are joined before anything decodes them: a chunk may end inside a character. Work and memory grow with the
stream's length only, however small its chunks are, and a message beyond the limit ends the session instead of the
memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_END = b"]]>]]>"
_CHUNK = re.compile(rb"\n#(?:([1-9][0-9]{0,9})|#)\n")
_BEGIN_OF_CHUNK = re.compile(rb"\n(?:#(?:[1-9][0-9]{0,9}|#)?)?")


class FramingError(Exception):
    """The stream is not what RFC 6242 says, or a message is too long."""


def framed(message: bytes, chunked: bool) -> bytes:
    """A message as it goes on the wire."""
    return b"\n#%d\n%s\n##\n" % (len(message), message) if chunked else message + _END


class Framer:
    """Takes what arrives, gives whole messages."""

    def __init__(self, limit: int) -> None:
        """
        Args:
            limit: most octets of one message.
        """
        self.chunked = False
        self.limit = limit
        self._buffer = bytearray()
        self._message = bytearray()
        self._searched = 0

    @property
    def held(self) -> int:
        """Octets of messages that are not complete yet."""
        return len(self._buffer) + len(self._message)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that are complete with ``data``.

        Raises:
            FramingError: see above.
        """
        self._buffer += data
        while True:
            message = self._next_chunked() if self.chunked else self._next_marked()
            if message is None:
                return
            yield message

    def _next_marked(self) -> bytes | None:
        at = self._buffer.find(_END, max(0, self._searched - len(_END)))
        if at < 0:
            self._searched = len(self._buffer)
            self._check(self._searched)
            return None
        self._check(at)
        message = self._copied(0, at)
        del self._buffer[: at + len(_END)]
        self._searched = 0
        return message

    def _next_chunked(self) -> bytes | None:
        while self._buffer:
            head = _CHUNK.match(self._buffer)
            if head is None:
                if not _BEGIN_OF_CHUNK.fullmatch(self._buffer):
                    raise FramingError(f"no chunk begins with {bytes(self._buffer[:20])!r}")
                return None
            if head[1] is None:
                if not self._message:
                    raise FramingError("a message has no chunk")
                del self._buffer[: head.end()]
                message = bytes(self._message)
                self._message.clear()
                return message
            size = int(head[1])
            self._check(len(self._message) + size)
            end = head.end() + size
            if len(self._buffer) < end:
                return None
            self._message += self._copied(head.end(), end)
            del self._buffer[:end]
        return None

    def _copied(self, start: int, end: int) -> bytes:
        with memoryview(self._buffer) as view:
            return bytes(view[start:end])

    def _check(self, size: int) -> None:
        if size > self.limit:
            raise FramingError(f"a message is longer than {self.limit:,} octets")
