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
from collections.abc import Iterator
from contextlib import closing, contextmanager

from ...model.errors import NodeError
from ..transport import Mark
from .nft_table import commit
from .wire import CREATE, EXCL, NETLINK_NETFILTER, KernelRefused, Wire, in_namespace, pack, pack_text, parse, text

TABLE = "shadownet-mark"
_HEADER = struct.pack(">BBH", 1, 0, 0)
_SUBSYSTEM = 10 << 8
_NEWTABLE, _DELTABLE, _NEWCHAIN, _GETCHAIN, _DELCHAIN = 0, 2, 3, 4, 5
_LOCK = "shadownet-push"
_OWNER = 0x2
_NO_OWNERS = (errno.EOPNOTSUPP, errno.EINVAL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)
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


class Held(NodeError):
    """Somebody else holds the lock."""


class Lock:
    """A lock of a node, held by one at a time: one push, unless another name is given.

    It is an nf_tables table that its socket owns (NFT_TABLE_F_OWNER, since Linux 5.12): the kernel removes it with the
    socket, so that nothing is left behind by a push that was killed; and only who may configure the node can make it.
    The socket stays open from one push to the next, because closing it takes the kernel many milliseconds.
    """

    def __init__(self, netns: str | None, name: str = _LOCK) -> None:
        """
        Args:
            netns: name or path of another network namespace.
            name: what is locked, as the kernel shows it.
        """
        self._netns = netns
        self._name = name
        self._wire: Wire | None = None

    def close(self) -> None:
        """Gives the socket back, and the lock with it."""
        if self._wire is not None:
            self._wire.close()
        self._wire = None

    @contextmanager
    def hold(self, seconds: float) -> Iterator[None]:
        """Holds the lock for the length of a ``with``.

        Raises:
            Held: somebody else held it for longer than ``seconds``.
            NodeError: this user may not configure the node.
        """
        try:
            self._wire = self._wire or Wire(NETLINK_NETFILTER, self._netns)
        except (OSError, NodeError):  # no netfilter in this kernel, or what reading will name
            self._wire = None
        wire = self._wire
        try:
            taken = wire is not None and _take(wire, self._name, seconds)
        except BaseException:
            self.close()
            raise
        if wire is None or not taken:
            with closing(_hold_address(self._netns, self._name, seconds)):
                yield
            return
        try:
            yield
        finally:
            try:
                commit(wire, [(_SUBSYSTEM | _DELTABLE, 0, _HEADER + pack_text(1, self._name))])
            except (KernelRefused, NodeError, OSError):
                self.close()


def _take(wire: Wire, name: str, seconds: float) -> bool:
    """Makes the table; False where the kernel has none with owners."""
    table = _HEADER + pack_text(1, name) + pack(2, struct.pack(">I", _OWNER))
    end = time.monotonic() + seconds
    while True:
        try:
            commit(wire, [(_SUBSYSTEM | _NEWTABLE, CREATE | EXCL, table)])
        except NodeError:
            return False
        except KernelRefused as refused:
            if refused.index < 0 and refused.code == errno.EPERM:
                raise NodeError(
                    "This node may not be configured by this user.",
                    node_said=refused.words,
                    fix="Become root on the node (become: true); it takes CAP_NET_ADMIN.",
                ) from None
            if refused.code in _NO_OWNERS:
                return False
            if refused.code not in (errno.EPERM, errno.EEXIST):
                raise NodeError("The node cannot be held for this push.", node_said=refused.words) from None
            _wait(end, seconds, refused.words)
        else:
            return True


def _hold_address(netns: str | None, name: str, seconds: float) -> socket.socket:
    """The lock as an abstract unix address (unix(7)), which belongs to the network namespace too."""
    lock = in_namespace(netns, lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    end = time.monotonic() + seconds
    while True:
        try:
            lock.bind(f"\0{name}")
        except OSError as error:
            try:
                if error.errno != errno.EADDRINUSE:
                    raise NodeError("The node cannot be held for this push.", node_said=str(error)) from None
                _wait(end, seconds, str(error))
            except NodeError:
                lock.close()
                raise
        else:
            return lock


def _wait(end: float, seconds: float, said: str) -> None:
    if time.monotonic() >= end:
        raise Held(
            f"Another push held this node for more than {seconds:g} s.",
            node_said=said,
            fix="Try again when it has ended.",
        )
    time.sleep(_TICK)
