# SPDX-License-Identifier: GPL-3.0-or-later
"""The revision that a node carries, kept in its kernel, and the lock that lets one push at a time touch the node.

The revision is the name of an empty chain in an nf_tables table of its own: it lives and dies with the network
namespace, as the configuration does, and changes in one transaction.
"""

from __future__ import annotations

import errno
import socket
import struct
import time

from ...model.errors import NodeError
from .nft_table import commit
from .wire import CREATE, KernelRefused, Wire, in_namespace, pack_text, parse, text

TABLE = "shadownet-revision"
_HEADER = struct.pack(">BBH", 1, 0, 0)
_SUBSYSTEM = 10 << 8
_NEWTABLE, _DELTABLE, _NEWCHAIN, _GETCHAIN, _DELCHAIN = 0, 2, 3, 4, 5
_LOCK = "\0shadownet-push"
_TICK = 0.02


def read(wire: Wire) -> int | None:
    """The revision that the node carries; None where none was kept, or the kernel has no nf_tables."""
    return max((int(name) for name in _chains(wire) if name.isdecimal()), default=None)


def keep(wire: Wire, revision: int | None) -> bool:
    """Keeps a revision, or (None) forgets it; False where the kernel has no nf_tables to keep it in."""
    old = _chains(wire)
    table = _HEADER + pack_text(1, TABLE)
    batch: list[tuple[int, int, bytes]] = []
    if revision is None:
        batch = [(_SUBSYSTEM | _DELTABLE, 0, table)] if old else []
    elif old != [str(revision)]:
        batch = [
            (_SUBSYSTEM | _NEWTABLE, CREATE, table),
            *((_SUBSYSTEM | _DELCHAIN, 0, table + pack_text(3, name)) for name in old),
            (_SUBSYSTEM | _NEWCHAIN, CREATE, table + pack_text(3, str(revision))),
        ]
    try:
        commit(wire, batch)
    except (NodeError, KernelRefused):
        return False
    return True


def _chains(wire: Wire) -> list[str]:
    try:
        dump = [parse(data, start + 4, end) for data, start, end in wire.dump(_SUBSYSTEM | _GETCHAIN, _HEADER)]
    except KernelRefused:
        return []
    return [text(chain[3]) for chain in dump if text(chain.get(1, b"")) == TABLE]


def hold(netns: str | None, seconds: float) -> socket.socket:
    """The lock of a node, held until the socket is closed or its process ends.

    An abstract unix address (unix(7)) belongs to the network namespace, so that every process that may configure the
    node meets at it, and nothing is left behind by one that was killed.

    Raises:
        NodeError: another push held it for longer than ``seconds``.
    """
    lock = in_namespace(netns, lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    end = time.monotonic() + seconds
    while True:
        try:
            lock.bind(_LOCK)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= end:
                lock.close()
                raise NodeError(
                    f"Another push held this node for more than {seconds:g} s.",
                    node_said=str(error),
                    fix="Try again when it has ended.",
                ) from None
            time.sleep(_TICK)
        else:
            return lock
