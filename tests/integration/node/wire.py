# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that knows no manners: it sends octets as a test wants them, over paramiko."""

from __future__ import annotations

import socket
import time
from types import TracebackType
from typing import Any

import paramiko

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.framing import Framer, framed

from .front_node import BASE, FrontNode

HELLO_1_0 = "urn:ietf:params:netconf:base:1.0"
HELLO_1_1 = "urn:ietf:params:netconf:base:1.1"


def connection(node: FrontNode, user: str = "ada", key: str | None = None, window: int = 2**21) -> paramiko.Transport:
    """An SSH connection that is logged in. Raises what paramiko raises where it is not let in."""
    transport = paramiko.Transport(
        socket.create_connection((node.address, node.port), 20),
        default_window_size=window,
        default_max_packet_size=32768,
    )
    try:
        transport.connect(username=user, pkey=paramiko.Ed25519Key.from_private_key_file(str(node.key(key or user))))
    except BaseException:
        transport.close()
        raise
    return transport


class Wire:
    """One channel with the subsystem ``netconf``; the hellos are exchanged unless ``version`` is None."""

    def __init__(
        self, node: FrontNode, user: str = "ada", version: str | None = HELLO_1_1, window: int = 2**21
    ) -> None:
        self.transport = connection(node, user, window=window)
        self.channel = self.transport.open_session()
        self.channel.settimeout(20)
        self.channel.invoke_subsystem("netconf")
        self.framer = Framer(2**28)
        self.waiting: list[bytes] = []
        self.notifications: list[bytes] = []
        self.hello = self.message()
        if version is not None:
            capability = f"<capability>{version}</capability>"
            self.send(f'<hello xmlns="{BASE}"><capabilities>{capability}</capabilities></hello>')
            self.framer.chunked = version == HELLO_1_1

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.transport.close()

    def send(self, message: str) -> None:
        """One message."""
        self.raw(framed(message.encode(), self.framer.chunked))

    def raw(self, data: bytes) -> None:
        """Octets as they are."""
        self.channel.sendall(data)

    def message(self, seconds: float = 20) -> bytes:
        """The next message. Raises EOFError at the end of the channel, TimeoutError when none comes."""
        end = time.monotonic() + seconds
        while not self.waiting:
            self.channel.settimeout(max(0.01, end - time.monotonic()))
            data = self.channel.recv(2**18)
            if not data:
                raise EOFError
            self.waiting += self.framer.feed(data)
        return self.waiting.pop(0)

    def rpc(self, operation: str, number: Any = 1) -> bytes:
        """The reply to an operation; notifications before it go to ``notifications``."""
        self.send(f'<rpc message-id="{number}" xmlns="{BASE}">{operation}</rpc>')
        while b"<rpc-reply" not in (message := self.message()):
            self.notifications.append(message)
        return message

    def ended(self, seconds: float = 10) -> bool:
        """Whether the server ends the channel within that time."""
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                self.message(max(0.01, end - time.monotonic()))
        except (EOFError, OSError) as error:
            return not isinstance(error, TimeoutError)
        return False
