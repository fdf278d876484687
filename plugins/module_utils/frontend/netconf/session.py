# SPDX-License-Identifier: GPL-3.0-or-later
"""One NETCONF session over SSH: ``ncclient`` keeps it and says hello, messages go their own way.

ncclient's own loop looks for work every 0.1 s and decodes all that has arrived for every packet; here the caller
writes, a thread only reads, and a reply costs what the server takes.
"""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from .address import Address, Route
from .announced import Announced
from .errors import CLOSED, Lost, NetconfError, Refused, RpcError, Unreachable
from .framing import Framer, FramingError, framed
from .login import Login, negotiate
from .needs import DefaultDeviceHandler, HelloHandler, NCClientError, NetconfBase, SSHSession, TransportError, paramiko
from .trees import BASE, BadXml, element, local_name, parse, to_bytes
from .way import Way

LONGEST_REPLY = 100_000_000  # octets; its tree takes eight times as much memory
_READ = 262144
_TAGS = {
    "error-type": "type",
    "error-tag": "tag",
    "error-severity": "severity",
    "error-app-tag": "app_tag",
    "error-path": "path",
    "error-message": "message",
}


class _Client(DefaultDeviceHandler):
    """What this client announces: only what the protocol needs."""

    _BASE_CAPABILITIES = ("urn:ietf:params:netconf:base:1.0", "urn:ietf:params:netconf:base:1.1")

    def get_capabilities(self) -> list[str]:
        return list(self._BASE_CAPABILITIES)


class _Wire(SSHSession):
    """An SSH session whose replies come by message-id."""

    def __init__(self, longest: int) -> None:
        super().__init__(_Client({"name": "default"}))
        self._framer = Framer(longest)
        self._arrived = threading.Condition()
        self._asked: str | None = None
        self._reply: Any = None
        self._end: str | None = None

    def greet(self, transport: Any, seconds: float) -> None:
        """Starts NETCONF on a connection that let us in, and exchanges hellos."""
        self._transport = transport
        with suppress(OSError, AttributeError):
            # sshd answers in two small packets; the second waits for our acknowledgement, which Linux delays by 40 ms.
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        self._channel = transport.open_session(timeout=seconds)
        self._channel.settimeout(seconds)
        self._channel.invoke_subsystem("netconf")
        self._post_connect(seconds)

    def send(self, message: str) -> None:
        """Writes at once, in the caller's thread."""
        self._write(message.encode())

    def ask(self, number: str, message: bytes) -> None:
        """Writes an rpc of this message-id. One at a time.

        Raises:
            Lost: the connection is gone.
        """
        with self._arrived:
            self._asked, self._reply = number, None
        self._write(message)

    def _write(self, message: bytes) -> None:
        try:
            self._channel.sendall(framed(message, self._base == NetconfBase.BASE_11))
        except (OSError, EOFError, AttributeError, paramiko.SSHException) as error:
            raise Lost(str(error) or "the connection is closed") from None

    def run(self) -> None:
        """Reads until the end."""
        reason = CLOSED
        try:
            while True:
                try:
                    data = self._channel.recv(_READ)
                except TimeoutError:
                    continue
                if not data:
                    break
                self._framer.chunked = self._base == NetconfBase.BASE_11
                for message in self._framer.feed(data):
                    self._take(message)
        except (OSError, EOFError, AttributeError, paramiko.SSHException, TransportError) as error:
            reason = str(error) or reason
        except (FramingError, BadXml) as error:
            reason = f"the server sent what is no NETCONF: {error}"
        finally:
            with self._arrived:
                self._end = reason
                self._arrived.notify_all()
            self._dispatch_error(TransportError(reason))
            self._transport.close()

    def _take(self, message: bytes) -> None:
        if not message.strip():
            return
        root = parse(message.strip())
        if root.tag == f"{{{BASE}}}rpc-reply":
            self._take_reply(root)
        elif root.tag == f"{{{BASE}}}hello":
            for one in list(root.iter(f"{{{BASE}}}capability")):
                one.text = (one.text or "").strip()  # ncclient compares URIs as they stand
                if not one.text:
                    one.getparent().remove(one)
            with self._lock:
                listeners: list[Any] = [one for one in self._listeners if isinstance(one, HelloHandler)]
            for listener in listeners:
                listener.callback((root.tag, root.attrib), root)  # ncclient takes a tree for a text
        elif local_name(root) != "notification":
            raise BadXml(f"{root.tag} is no message of RFC 6241")

    def _take_reply(self, root: Any) -> None:
        number = root.get("message-id")
        with self._arrived:
            # A server that could not read the rpc answers with an error that names no message.
            mine = number == self._asked or (number is None and root.find(f"{{{BASE}}}rpc-error") is not None)
            if self._asked is None or not mine:
                raise BadXml(f"an answer to message {number!r}, which was not sent")
            self._asked, self._reply = None, root
            self._arrived.notify_all()

    def answer(self, seconds: float) -> Any:
        """The reply to what was asked.

        Raises:
            Lost: none came.
        """
        with self._arrived:
            self._arrived.wait_for(lambda: self._reply is not None or self._end is not None, seconds)
            if self._reply is not None:
                reply, self._reply = self._reply, None
                return reply
            raise Lost(self._end or f"no answer within {seconds:g} s")


class Session:
    """One session with a server."""

    def __init__(self, address: Address, longest: int = LONGEST_REPLY) -> None:
        """Connects.

        Raises:
            InvalidInput: a file that the address names cannot be used.
            Unreachable: no connection, or nobody there who speaks NETCONF.
            NetconfError: a host key that is not known, or no authentication.
        """
        self._timeout = address.timeout
        self._numbers = itertools.count(1)
        self._wire = _Wire(longest)
        self._way: Way | None = None
        route = address.route()
        try:
            self._connect(address, route)
        except BaseException:
            self.abandon()
            raise
        self.announced = Announced(self._wire.server_capabilities or ())
        self.id = str(self._wire.id or "")

    def _connect(self, address: Address, route: Route) -> None:
        limit = _Limit(address.timeout)
        try:
            self._way = Way(route.host, route.port, route.proxy, address.timeout)
            with limit.cutting(self._way.socket):
                self._wire._transport = negotiate(self._way.socket, route, limit.left)
                Login(self._wire._transport, route, address).run()
                self._wire.greet(self._wire._transport, limit.left)
            self._wire._channel.settimeout(address.timeout)
        except (NetconfError, NCClientError, paramiko.SSHException, OSError, EOFError, Lost, ValueError) as error:
            if isinstance(error, NetconfError) and not limit.reached:
                raise
            self._unreachable(route, limit, error)

    def _unreachable(self, route: Route, limit: _Limit, error: Exception) -> NoReturn:
        said = str(error) or type(error).__name__
        if limit.reached:
            said = f"not done within {limit.seconds:g} s: {said}"
        fix = "Is the node up, the port right, and its NETCONF subsystem enabled?"
        message = f"No NETCONF session with {route.where}."
        if route.proxy is not None:
            message = f"No NETCONF session with {route.where} by way of: {route.proxy}."
            if self._way is not None and self._wire._transport is None:
                self._way.socket.close()
                said = self._way.said() or said
                fix = "Try this command: it has to lead to the node without asking anything."
        raise Unreachable(message, node_said=said, fix=fix) from None

    def call(self, operation: Any, timeout: float | None = None) -> Any:
        """Sends an operation and waits; the reply's element.

        Raises:
            Refused: with every rpc-error of severity error.
            Lost: no session any more; what the server did is unknown.
        """
        number = str(next(self._numbers))
        message = element("rpc", operation)
        message.set("message-id", number)
        try:
            self._wire.ask(number, to_bytes(message))
            reply = self._wire.answer(self._timeout if timeout is None else timeout)
        except Lost:
            self.abandon()
            raise
        errors = [_rpc_error(one) for one in reply.iterchildren(f"{{{BASE}}}rpc-error")]
        errors = [one for one in errors if one.severity != "warning"]
        if errors:
            raise Refused(local_name(operation), errors)
        return reply

    def close(self) -> None:
        """Says good-bye and ends the connection."""
        with suppress(Lost, Refused):
            self.call(element("close-session"), timeout=2.0)
        self.abandon()

    def abandon(self) -> None:
        """Ends the connection without a word."""
        wire = self._wire
        if wire._transport is not None:
            wire._transport.close()
        if wire.is_alive() and wire is not threading.current_thread():
            wire.join(5)
        if self._way is not None:
            self._way.close()
            self._way = None


class _Limit:
    """A moment at which whatever still waits for the server is cut off: libraries wait for some things without end."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.reached = False
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds, at least a moment."""
        return max(0.1, self._end - time.monotonic())

    @contextmanager
    def cutting(self, sock: socket.socket) -> Iterator[None]:
        """Cuts a socket at that moment, if this takes so long."""
        timer = threading.Timer(self.left, self._cut, (sock,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _cut(self, sock: socket.socket) -> None:
        self.reached = True
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _rpc_error(found: Any) -> RpcError:
    said: dict[str, str] = {}
    for child in found:
        name = _TAGS.get(local_name(child))
        if name is not None and child.text:
            said[name] = " ".join(child.text.split())
    holder = found.find(f"{{{BASE}}}error-info/{{{BASE}}}session-id")
    return RpcError(**said, session_id=holder.text.strip() if holder is not None and holder.text else None)
