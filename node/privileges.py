# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process of the agent may do: capabilities(7), user and groups, and who dies with whom.

Capabilities belong to threads, so everything here is called before a second thread starts. The C library is called
through ctypes: no maintained package on PyPI has these calls without a compiler.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from collections.abc import Collection, Iterable
from typing import NamedTuple

CAP_NET_ADMIN = 12
CAP_SETPCAP = 8

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_KEEPCAPS = 1, 4, 8
_PR_CAPBSET_READ, _PR_CAPBSET_DROP = 23, 24
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
_VERSION_3 = 0x20080522
_HIGHEST = 63

_libc = ctypes.CDLL(None, use_errno=True)


class PrivilegeError(Exception):
    """A right could not be taken or given up."""


class Owner(NamedTuple):
    """A user and group by number."""

    uid: int
    gid: int


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def effective() -> set[int]:
    """Numbers of the capabilities that this thread can use now."""
    header, data = _Header(_VERSION_3, 0), (_Data * 2)()
    if _libc.capget(ctypes.byref(header), data):
        raise PrivilegeError(f"the capabilities cannot be read: {os.strerror(ctypes.get_errno())}.")
    mask = data[0].effective | data[1].effective << 32
    return {number for number in range(_HIGHEST + 1) if mask >> number & 1}


def confine(keep: Collection[int] = (), owner: Owner | None = None) -> None:
    """Gives up, for good and for all later programs, every right except ``keep``.

    Bounding, ambient and inheritable sets become empty or ``keep``; no program that is run can add to them
    (no_new_privs); other processes of the same user cannot look into this one (not dumpable).

    Args:
        keep: capabilities that stay permitted and effective.
        owner: user and group to become; None stays who it is, for a process that was never root.

    Raises:
        PrivilegeError: a capability of ``keep`` was never there, or the kernel refused a step. Then end the process:
            part of the way may be done.
    """
    missing = set(keep) - effective()
    if missing:
        names = ", ".join("CAP_NET_ADMIN" if one == CAP_NET_ADMIN else str(one) for one in sorted(missing))
        raise PrivilegeError(f"this process lacks {names}. Start it as root or with that capability.")
    if CAP_SETPCAP in effective():  # without it the set can't be shrunk; no_new_privs makes it void
        _shrink_bounding(keep)
    if owner is not None and owner != (os.geteuid(), os.getegid()):
        _become(owner)
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    _capset(keep)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def die_with(parent: int, number: int = signal.SIGKILL) -> None:
    """Has the kernel end this process when its parent ends. Call it after ``confine``, which undoes it.

    Args:
        parent: process id of the parent, taken before the fork.
        number: the signal to get then.

    Raises:
        PrivilegeError: the parent ended already.
    """
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        raise PrivilegeError("the parent process ended.")


def close_all_but(keep: Iterable[int]) -> None:
    """Closes every file descriptor from 3 on that is not in ``keep``."""
    start = 3
    for number in sorted({one for one in keep if one >= start}):
        os.closerange(start, number)
        start = number + 1
    os.closerange(start, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _shrink_bounding(keep: Collection[int]) -> None:
    for number in range(_HIGHEST + 1):
        there = _libc.prctl(_PR_CAPBSET_READ, number, 0, 0, 0)
        if there < 0:  # past the last capability that this kernel has
            return
        if there and number not in keep:
            _prctl(_PR_CAPBSET_DROP, number)


def _become(owner: Owner) -> None:
    """Changes user and groups; permitted capabilities survive it, for ``_capset`` to choose from."""
    _prctl(_PR_SET_KEEPCAPS, 1)
    try:
        os.setgroups([])
        os.setresgid(owner.gid, owner.gid, owner.gid)
        os.setresuid(owner.uid, owner.uid, owner.uid)
    except OSError as error:
        raise PrivilegeError(
            f"user {owner.uid}, group {owner.gid} cannot be taken: {error.strerror}. Start the agent as root, "
            "or leave out user."
        ) from None
    _prctl(_PR_SET_KEEPCAPS, 0)


def _capset(keep: Collection[int]) -> None:
    header, data = _Header(_VERSION_3, 0), (_Data * 2)()
    for number in keep:
        for field in ("effective", "permitted"):
            half = data[number // 32]
            setattr(half, field, getattr(half, field) | 1 << number % 32)
    if _libc.capset(ctypes.byref(header), data):
        raise PrivilegeError(f"the capabilities cannot be set: {os.strerror(ctypes.get_errno())}.")


def _prctl(option: int, value: int) -> None:
    unused = ctypes.c_ulong(0)
    if _libc.prctl(option, ctypes.c_ulong(value), unused, unused, unused) < 0:
        raise PrivilegeError(f"prctl {option} failed: {os.strerror(ctypes.get_errno())}.")
