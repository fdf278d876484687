# SPDX-License-Identifier: GPL-3.0-or-later
"""One NETCONF session over SSH: ``ncclient`` connects and authenticates, messages go their own way.

ncclient's own loop looks for work every 0.1 s and decodes all that has arrived for every packet; here the caller
writes, a thread only reads, and a reply costs what the server takes.
"""

from __future__ import annotations

import itertools
import threading
from contextlib import suppress
from typing import Any

from ...model.errors import InvalidInput
from .address import Address, Route
from .announced import Announced
from .errors import Lost, NetconfError, Refused, RpcError, Unreachable
from .framing import Framer, FramingError, framed
from .needs import (
    AuthenticationError,
    DefaultDeviceHandler,
    HelloHandler,
    NetconfBase,
    SSHSession,
    SSHUnknownHostError,
    TransportError,
    paramiko,
)
from .trees import BASE, BadXml, element, local_name, parse, to_bytes

LONGEST_REPLY = 256 * 1024 * 1024
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

    def __init__(self, route: Route, longest: int) -> None:
        super().__init__(_Client({"name": "default"}))
        self._known_hosts = route.known_hosts
        self._framer = Framer(longest)
        self._arrived = threading.Condition()
        self._replies: dict[str, Any] = {}
        self._end: str | None = None

    def load_known_hosts(self, filename: str | None = None) -> None:
        """Only the files that the address names: ncclient would add the user's own to them."""
        for place in self._known_hosts:
            self._host_keys.load(str(place))

    def send(self, message: str) -> None:
        """Writes at once, in the caller's thread."""
        self.write(message.encode())

    def write(self, message: bytes) -> None:
        """Writes one message.

        Raises:
            Lost: the connection is gone.
        """
        try:
            self._channel.sendall(framed(message, self._base == NetconfBase.BASE_11))
        except (OSError, EOFError, AttributeError, paramiko.SSHException) as error:
            raise Lost(str(error) or "the connection is closed") from None

    def run(self) -> None:
        """Reads until the end."""
        reason = "the connection was closed"
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
        name = local_name(root)
        if name == "rpc-reply":
            with self._arrived:
                self._replies[root.get("message-id") or ""] = root
                self._arrived.notify_all()
        elif name == "hello":
            with self._lock:
                listeners: list[Any] = [one for one in self._listeners if isinstance(one, HelloHandler)]
            for one in listeners:
                one.callback((root.tag, root.attrib), message.strip().decode())

    def answer(self, number: str, seconds: float) -> Any:
        """The reply to a message.

        Raises:
            Lost: none came.
        """
        with self._arrived:
            self._arrived.wait_for(lambda: number in self._replies or self._end is not None, seconds)
            if number in self._replies:
                return self._replies.pop(number)
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
        route = address.route()
        self._wire = _Wire(route, longest)
        try:
            self._connect(address, route)
        except BaseException:
            self.abandon()
            raise
        self._wire._channel.settimeout(address.timeout)
        self.announced = Announced(self._wire.server_capabilities or ())
        self.id = str(self._wire.id or "")

    def _connect(self, address: Address, route: Route) -> None:
        where = f"{route.host} port {route.port}"
        try:
            self._wire.connect(
                host=route.host,
                port=route.port,
                sock=route.socket(),
                username=route.username,
                password=address.password,
                key_filename=[str(one) for one in route.keys] or None,
                allow_agent=address.password is None,
                look_for_keys=address.password is None and not route.keys,
                hostkey_verify=address.host_key_checking,
                timeout=address.timeout,
            )
        except SSHUnknownHostError as error:
            files = ", ".join(map(str, route.known_hosts)) or "no file"
            raise NetconfError(
                f"The host key of {where} is not one of those in {files}.",
                node_said=f"fingerprint (MD5) {error.fingerprint}",
                parameter="host",
                fix="Compare the fingerprint with the node's, then add its key to known_hosts; or somebody is between.",
            ) from None
        except AuthenticationError as error:
            raise NetconfError(
                f"{where} does not let {route.username or 'this user'} in.",
                node_said=str(error),
                parameter="username",
                fix="Give private_key_file or password, or load a key into the agent.",
            ) from None
        except InvalidInput:
            raise
        except (TransportError, paramiko.SSHException, OSError, EOFError, Lost, ValueError) as error:
            raise Unreachable(
                f"No NETCONF session with {where}.",
                node_said=str(error) or type(error).__name__,
                fix="Is the node up, the port right, and its NETCONF subsystem enabled?",
            ) from None

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
            self._wire.write(to_bytes(message))
            reply = self._wire.answer(number, self._timeout if timeout is None else timeout)
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


def _rpc_error(found: Any) -> RpcError:
    said: dict[str, str] = {}
    for child in found:
        name = _TAGS.get(local_name(child))
        if name is not None and child.text:
            said[name] = " ".join(child.text.split())
    holder = found.find(f"{{{BASE}}}error-info/{{{BASE}}}session-id")
    return RpcError(**said, session_id=holder.text.strip() if holder is not None and holder.text else None)
