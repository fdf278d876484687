# SPDX-License-Identifier: GPL-3.0-or-later
"""The sockets that the server listens on, bound while the process still may bind port 830."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress

from ..plugins.module_utils.model.errors import InvalidInput
from .settings import Listen

_BACKLOG = 128
_IP_FREEBIND, _IPV6_FREEBIND = 15, 78  # linux/in.h and in6.h; the socket module lacks them


def bind_all(listen: Sequence[Listen]) -> list[socket.socket]:
    """One listening socket for each address.

    An address need not exist yet: it may be one that the node's own startup configuration brings.

    Raises:
        InvalidInput: the port is taken or needs root; ``parameter`` names the item. No socket stays open then.
    """
    made: list[socket.socket] = []
    try:
        for at, one in enumerate(listen):
            both = one.address == "::" and not any(
                ":" not in other.address and other.port == one.port for other in listen
            )
            made.append(_bind(one, both, f"listen[{at}]"))
    except BaseException:
        for opened in made:
            opened.close()
        raise
    return made


def _bind(one: Listen, both: bool, where: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in one.address else socket.AF_INET
    # With the protocol named, asyncio turns off Nagle's algorithm for what is accepted.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # a kernel without IPv6 free binding then wants the address to be there
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if both else 1)
                made.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
            else:
                made.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        made.bind((one.address, one.port))
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise InvalidInput(
            f"{one.address} port {one.port} cannot be bound: {error.strerror}.",
            parameter=where,
            fix="Is another server running there? A port below 1024 needs root or CAP_NET_BIND_SERVICE.",
        ) from None
    return made
