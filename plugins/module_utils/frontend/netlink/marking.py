# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose revision a node carries, kept in its kernel, and the lock that lets one push at a time touch the node.

The mark is the name of an empty chain, ``LEDGER-REVISION``, in an nf_tables table of its own: it lives and dies with
the network namespace, as the configuration does, and changes in one transaction.
"""

from __future__ import annotations

import errno
import socket
import struct
import time

from ...model.errors import NodeError
from ..transport import Mark
from .nft_table import commit
from .wire import CREATE, KernelRefused, Wire, in_namespace, pack_text, parse, text

TABLE = "shadownet-mark"
_HEADER = struct.pack(">BBH", 1, 0, 0)
_SUBSYSTEM = 10 << 8
_NEWTABLE, _DELTABLE, _NEWCHAIN, _GETCHAIN, _DELCHAIN = 0, 2, 3, 4, 5
_LOCK = "\0shadownet-push"
_TICK = 0.02


def read(wire: Wire) -> Mark | None:
    """The mark of the node; None where none was kept, or the kernel has no nf_tables."""
    for name in _chains(wire):
        ledger_id, dash, number = name.rpartition("-")
        if dash and number.isdecimal():
            return Mark(ledger_id, int(number))
    return None


def keep(wire: Wire, mark: Mark | None) -> bool:
    """Keeps a mark, or (None) forgets it; False where the kernel has no nf_tables to keep it in."""
    name = "" if mark is None else f"{mark.ledger_id}-{mark.revision}"
    old = _chains(wire)
    table = _HEADER + pack_text(1, TABLE)
    batch: list[tuple[int, int, bytes]] = []
    if mark is None:
        batch = [(_SUBSYSTEM | _DELTABLE, 0, table)] if old else []
    elif old != [name]:
        batch = [
            (_SUBSYSTEM | _NEWTABLE, CREATE, table),
            *((_SUBSYSTEM | _DELCHAIN, 0, table + pack_text(3, other)) for other in old),
            (_SUBSYSTEM | _NEWCHAIN, CREATE, table + pack_text(3, name)),
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
