# SPDX-License-Identifier: GPL-3.0-or-later
"""Netlink as bytes: attributes, requests with acknowledgement, filtered dumps (RFC 3549, linux/netlink.h).

The encoders and decoders of pyroute2 take 0.5 ms a message; a node with thousands of routes needs 10 µs.
pyroute2 enters another network namespace, everything else is struct.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

try:
    from pyroute2 import netns as pyroute2_netns
except ImportError:  # named to the user by whoever opens a socket
    pyroute2_netns = None

from ...model.errors import NamespaceGone, NodeError

NETLINK_ROUTE = 0
NETLINK_NETFILTER = 12
REQUEST, MULTI, ACK = 0x1, 0x2, 0x4
DUMP_INTERRUPTED = 0x10
REPLACE, EXCL, CREATE, APPEND = 0x100, 0x200, 0x400, 0x800
DUMP = 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
NESTED = 0x8000
TYPE_MASK = 0x3FFF
OURS = 201
"""Protocol number of our routes (RTPROT) and of our addresses (IFA_PROTO)."""

MESSAGES_A_SEND = 128
"""Acknowledgements of this many messages fit in a receive buffer of the kernel's default size."""

_SIOCGIFNAME, _SIOCGIFINDEX = 0x8910, 0x8933
_LONGEST_NAME = 15
_SOL_NETLINK = 270
_CAP_ACK, _EXT_ACK, _STRICT_CHECK = 10, 11, 12
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_NAME_AND_INDEX = struct.Struct("=16si20x")  # struct ifreq of netdevice(7)
_EXTACK_MESSAGE = 1
_RECEIVE = 1 << 18
_RETRIES = 5
_TIMEOUT = 30.0


class KernelRefused(Exception):
    """The kernel answered a request with an error.

    Attributes:
        code: errno. words: ``Network is unreachable (ENETUNREACH)``, with the kernel's own explanation if it gave
        one. index: which message of a batch, from 0.
    """

    def __init__(self, code: int, explanation: str = "", index: int = 0) -> None:
        name = "EOPNOTSUPP" if code == errno.EOPNOTSUPP else errno.errorcode.get(code, str(code))
        words = f"{os.strerror(code)} ({name})"
        self.words = f"{explanation.rstrip('.')}: {words}" if explanation else words
        super().__init__(self.words)
        self.code = code
        self.index = index


def pack(kind: int, payload: bytes) -> bytes:
    """One attribute, padded to four octets."""
    size = 4 + len(payload)
    return _ATTRIBUTE.pack(size, kind) + payload + b"\0" * (-size & 3)


def pack_u32(kind: int, value: int) -> bytes:
    """One attribute with a number in host order."""
    return struct.pack("=HHI", 8, kind, value)


def pack_text(kind: int, value: str) -> bytes:
    """One attribute with a NUL-terminated text."""
    return pack(kind, value.encode() + b"\0")


def nest(kind: int, *parts: bytes) -> bytes:
    """One attribute that holds others."""
    return pack(kind | NESTED, b"".join(parts))


def pairs(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Attribute types (without flag bits) and payloads in ``data[start:end]``, in their order."""
    end = len(data) if end is None else end
    while start + 4 <= end:
        size, kind = _ATTRIBUTE.unpack_from(data, start)
        if size < 4:
            return
        yield kind & TYPE_MASK, data[start + 4 : start + size]
        start += (size + 3) & ~3


def parse(data: bytes, start: int = 0, end: int | None = None) -> dict[int, bytes]:
    """The same as a dictionary; of attributes that come twice the last."""
    return dict(pairs(data, start, end))


def u32(data: bytes) -> int:
    """A number in host order."""
    return int.from_bytes(data, "little" if struct.pack("=H", 1)[0] else "big")


def text(data: bytes) -> str:
    """A NUL-terminated text."""
    return data.split(b"\0", 1)[0].decode(errors="replace")


def _open(protocol: int) -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)


def open_socket(protocol: int, netns: str | None) -> socket.socket:
    """A netlink socket, in the network namespace of that name or path if one is given.

    Raises:
        NodeError: see ``in_namespace``.
    """
    return in_namespace(netns, lambda: _open(protocol))


def in_namespace(netns: str | None, make: Callable[[], socket.socket]) -> socket.socket:
    """The socket that ``make`` makes in a network namespace.

    A socket stays in the namespace in which it was made, so a thread of its own enters the namespace, makes the
    socket and ends; the caller's threads never leave theirs.

    Raises:
        NamespaceGone: there is no such namespace.
        NodeError: no permission, no namespace but something else, or pyroute2 is missing.
    """
    if netns is None:
        return make()
    if pyroute2_netns is None:
        raise NodeError(
            "The Python library pyroute2, which enters namespaces, is missing on this node.",
            parameter="netns",
            fix="Install it: pip install pyroute2.",
        )
    made: list[socket.socket] = []
    failed: list[OSError] = []

    def work() -> None:
        try:
            pyroute2_netns.setns(netns, flags=0)
            made.append(make())
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=work, name="shadownet-netns")
    thread.start()
    thread.join()
    if failed or not made:
        said = str(failed[0]) if failed else "no answer"
        if failed and failed[0].errno == errno.ENOENT:
            raise NamespaceGone(f"There is no network namespace {netns}.", node_said=said, parameter="netns")
        raise NodeError(f"Network namespace {netns} cannot be entered.", node_said=said, parameter="netns")
    return made[0]


def namespace_identity(netns: str | None) -> tuple[int, int] | None:
    """Device and inode of a network namespace by name or path; None for the caller's own, or where there is none."""
    if netns is None:
        return None
    try:
        found = Path("/run/netns", netns).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Wire:
    """One netlink socket."""

    def __init__(self, protocol: int, netns: str | None = None) -> None:
        """
        Args:
            protocol: ``NETLINK_ROUTE`` or ``NETLINK_NETFILTER``.
            netns: name or path of another network namespace.

        Raises:
            NodeError: see ``open_socket``.
        """
        self._socket = open_socket(protocol, netns)
        self._socket.bind((0, 0))
        self._socket.settimeout(_TIMEOUT)
        for option in (_CAP_ACK, _EXT_ACK, _STRICT_CHECK):
            self._socket.setsockopt(_SOL_NETLINK, option, 1)
        self._enlarge(socket.SO_RCVBUF, 33, 1 << 22)
        self._sequence = 1

    def _enlarge(self, option: int, forced: int, size: int) -> None:
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, forced, size)
        except OSError:  # forcing needs privilege over the host; the system's limit must do
            self._socket.setsockopt(socket.SOL_SOCKET, option, size)

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()

    def index(self, name: str) -> int:
        """Number of the interface of that name in the socket's network namespace (netdevice(7)): a tenth of a ``get``.

        Alternative names (``ip link property``) do not count: what the node carries is read back by proper names.

        Raises:
            KernelRefused: ENODEV, there is none.
        """
        octets = name.encode()
        if not 0 < len(octets) <= _LONGEST_NAME:  # the request would hold the beginning of it, another's name
            raise KernelRefused(errno.ENODEV, f"interface {name}")
        try:
            answer = fcntl.ioctl(self._socket, _SIOCGIFINDEX, _NAME_AND_INDEX.pack(octets, 0))
            proper = fcntl.ioctl(self._socket, _SIOCGIFNAME, answer)
        except OSError as error:
            raise KernelRefused(error.errno or errno.ENODEV, f"interface {name}") from None
        if _NAME_AND_INDEX.unpack(proper)[0].split(b"\0", 1)[0] != octets:
            raise KernelRefused(errno.ENODEV, f"interface {name}")
        return int(_NAME_AND_INDEX.unpack(answer)[1])

    def talk(self, kind: int, flags: int, body: bytes) -> None:
        """One request; returns when the kernel has done it.

        Raises:
            KernelRefused: it has not.
        """
        refused, _sent = self.batch([(kind, flags, body)])
        if refused:
            raise refused[0]

    def get(self, kind: int, body: bytes, flags: int = 0) -> bytes | None:
        """The answer (without header) to a request for one object; None when there is no such object.

        Raises:
            KernelRefused: for another reason than ENOENT or ENODEV.
        """
        self._sequence += 1
        self._socket.send(_HEADER.pack(16 + len(body), kind, REQUEST | flags, self._sequence, 0) + body)
        while True:
            data = self._socket.recv(_RECEIVE)
            for answer, _flags, sequence, start, end in _messages(data):
                if sequence != self._sequence:
                    continue
                if answer != NLMSG_ERROR:
                    return data[start:end]
                refused = _error(data, start, end, _flags)
                if refused is None or refused.code in (errno.ENOENT, errno.ENODEV):
                    return None
                raise refused

    def batch(
        self, requests: Sequence[tuple[int, int, bytes]], keep_going: bool = False
    ) -> tuple[list[KernelRefused], int]:
        """Many requests, ``MESSAGES_A_SEND`` at once, and everything that the kernel refuses.

        A batch is no transaction: the requests around a refused one are carried out.

        Args:
            requests: type, flags and body of each.
            keep_going: send everything, whatever is refused; otherwise stop after the send with a refusal.

        Returns:
            What was refused (``index`` counts in ``requests``), and how many were sent.
        """
        found: list[KernelRefused] = []
        header = _HEADER.pack
        for start in range(0, len(requests), MESSAGES_A_SEND):
            some = requests[start : start + MESSAGES_A_SEND]
            first = self._sequence + 1
            self._sequence += len(some)
            parts: list[bytes] = []
            last = first + len(some) - 1
            for number, (kind, flags, body) in enumerate(some, first):
                asked = REQUEST | ACK | flags if number == last else REQUEST | flags
                parts += (header(16 + len(body), kind, asked, number, 0), body)
            self._socket.send(b"".join(parts))
            refused = self._refusals(first, last)
            for one in refused:
                one.index += start
            found += refused
            if refused and not keep_going:
                return found, start + len(some)
        return found, len(requests)

    def _refusals(self, first: int, last: int) -> list[KernelRefused]:
        """The errors among the requests of one send.

        The kernel takes the messages of a send in their order and reports every error, asked or not
        (netlink_rcv_skb in net/netlink/af_netlink.c); only the last asks for an acknowledgement, whose arrival
        says that all the others without an error have been done. A lost report raises ENOBUFS.
        """
        found: list[KernelRefused] = []
        while True:
            data = self._socket.recv(_RECEIVE)
            done = False
            for kind, flags, sequence, start, end in _messages(data):
                if kind != NLMSG_ERROR or not first <= sequence <= last:
                    continue
                refused = _error(data, start, end, flags)
                if refused is not None:
                    refused.index = sequence - first
                    found.append(refused)
                done = done or sequence == last
            if done:
                return found

    def dump(self, kind: int, body: bytes) -> Iterator[tuple[bytes, int, int]]:
        """All objects that the kernel's own filter lets through: (buffer, start, end) of each body.

        Raises:
            KernelRefused: the kernel cannot dump this.
        """
        for _attempt in range(_RETRIES):
            found: list[tuple[bytes, int, int]] = []
            if self._dump_once(kind, body, found):
                return iter(found)
        raise KernelRefused(errno.EINTR, "objects keep changing while they are read")

    def _dump_once(self, kind: int, body: bytes, found: list[tuple[bytes, int, int]]) -> bool:
        """False when the kernel says that what it showed may be inconsistent."""
        self._sequence += 1
        mine, consistent = self._sequence, True
        self._socket.send(_HEADER.pack(16 + len(body), kind, REQUEST | DUMP, mine, 0) + body)
        while True:
            data = self._socket.recv(_RECEIVE)
            at, size = 0, len(data)
            while at < size:
                length, answer, flags, sequence, _port = _HEADER.unpack_from(data, at)
                if sequence == mine:
                    if flags & DUMP_INTERRUPTED:
                        consistent = False
                    if answer in (NLMSG_DONE, NLMSG_ERROR):
                        refused = _error(data, at + 16, at + length, flags)
                        if refused is not None:
                            raise refused
                        return consistent
                    found.append((data, at + 16, at + length))
                at += (length + 3) & ~3

    def transaction(self, messages: Sequence[bytes], first: int) -> None:
        """Sends messages with sequence numbers from ``first`` that the kernel takes as a whole (nfnetlink batch).

        The last but one of them must ask for an acknowledgement, which comes after the commit.

        Raises:
            KernelRefused: the first reason given; nothing was changed. ``index`` counts from the second message.
        """
        data = b"".join(messages)
        if len(data) > 100_000:
            self._enlarge(socket.SO_SNDBUF, 32, 2 * len(data) + 65536)
        try:
            self._socket.send(data)
        except OSError as error:
            raise KernelRefused(error.errno or errno.EIO, f"a transaction of {len(data)} bytes") from None
        try:
            refused = self._answer(first, first + len(messages) - 2)
        finally:
            self._socket.settimeout(_TIMEOUT)
        if refused is not None:
            raise refused

    def _answer(self, first: int, last: int) -> KernelRefused | None:
        """Why a transaction was refused. All reasons are there at once; the rest of them is read away."""
        problem: KernelRefused | None = None
        while True:
            try:
                answer = self._socket.recv(_RECEIVE)
            except BlockingIOError:
                return problem
            done = False
            for kind, flags, sequence, start, end in _messages(answer):
                if kind == NLMSG_ERROR and first <= sequence <= last + 1:
                    refused = _error(answer, start, end, flags)
                    if refused is not None and problem is None:
                        refused.index = sequence - first - 1
                        problem = refused
                        self._socket.settimeout(0)  # MSG_DONTWAIT does not keep Python from waiting
                    done = done or sequence == last
            if done and problem is None:
                return None

    def reserve(self, count: int) -> int:
        """The first of ``count`` sequence numbers for ``transaction``."""
        first = self._sequence + 1
        self._sequence += count
        return first


def _messages(data: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """(type, flags, sequence, start of body, end of body) of each message in a received buffer."""
    at, size = 0, len(data)
    while at + 16 <= size:
        length, kind, flags, sequence, _port = _HEADER.unpack_from(data, at)
        yield kind, flags, sequence, at + 16, at + length
        at += (max(length, 16) + 3) & ~3


def _error(data: bytes, start: int, end: int, flags: int) -> KernelRefused | None:
    """What an NLMSG_ERROR or NLMSG_DONE says; None when it is an acknowledgement."""
    code = -int.from_bytes(data[start : start + 4], "little" if struct.pack("=H", 1)[0] else "big", signed=True)
    if code == 0:
        return None
    explanation = ""
    if flags & 0x200:  # NLM_F_ACK_TLVS; with CAP_ACK the request itself is cut to its header
        explanation = text(parse(data, start + 20, end).get(_EXTACK_MESSAGE, b""))
    return KernelRefused(code, explanation)
