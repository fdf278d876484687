# SPDX-License-Identifier: GPL-3.0-or-later
"""The process tree: a parent that keeps CAP_NET_ADMIN and knows no client, and a child that has clients and no right.

::

    shadownet-node (as it is started)  reads the settings and host keys, binds the sockets
    ├── parent: the settings' user, CAP_NET_ADMIN; brings node configurations into the kernel
    └── child: the settings' user, no capability; SSH, XML, datastores
"""

from __future__ import annotations

import os
import pwd
import resource
import signal
import socket
import sys
import traceback
from pathlib import Path

from ..plugins.module_utils.model.errors import InvalidInput
from .alone import alone
from .frames import BrokenFrame
from .host_keys import read_host_keys
from .privileges import CAP_NET_ADMIN, Owner, PrivilegeError, close_all_but, confine, die_with, effective
from .say import say
from .settings import Settings, load_settings
from .sockets import bind_all

_PATIENCE = 30  # seconds for sessions to end and a pending confirmed commit to be taken back
_SPARE_FILES = 100


def run(config: Path, *, takeover: bool = False) -> int:
    """Runs the node until SIGTERM; gives the exit status.

    Args:
        takeover: replaces what other pushes of Shadownet have configured here before, or an agent whose startup file
            is gone.

    Raises:
        Conflict: another agent configures this kernel.
        InvalidInput: the settings, a key or a socket cannot be used.
        PrivilegeError: a right is missing.
    """
    settings = load_settings(config)
    if CAP_NET_ADMIN not in effective():
        raise PrivilegeError("this process lacks CAP_NET_ADMIN. Start it as root or with that capability.")
    owner = owner_of(settings.user)
    check_folder(settings)
    host_keys = read_host_keys(settings.host_keys, owner.uid if owner else None)
    sockets = bind_all(settings.listen)
    with alone():
        return _fork(settings, config, host_keys, sockets, owner, takeover)


def _fork(
    settings: Settings,
    config: Path,
    host_keys: tuple[bytes, ...],
    sockets: list[socket.socket],
    owner: Owner | None,
    takeover: bool,
) -> int:
    """Makes the child and serves it; the child never returns."""
    lost = lost_startup(settings)
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            ours.close()
            status = _child(settings, config.absolute(), host_keys, sockets, theirs, owner, parent)
        except PrivilegeError as error:
            say(str(error))
        except BaseException:  # noqa: BLE001  # nothing of the parent's stack may run in the child
            traceback.print_exc()
        finally:
            os._exit(status)
    theirs.close()
    for one in sockets:
        one.close()
    return _Parent(child, owner, takeover, lost).serve(ours)


def owner_of(user: str | None) -> Owner | None:
    """The numbers of the settings' ``user``; None for the one that runs already.

    Raises:
        InvalidInput: there is no such user.
    """
    if user is None:
        return None
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        raise InvalidInput(
            f"there is no system user '{user}'.",
            parameter="user",
            fix=f"Make it: useradd --system --home-dir /var/lib/shadownet-node --shell /usr/sbin/nologin {user}",
        ) from None
    return Owner(found.pw_uid, found.pw_gid)


def check_folder(settings: Settings) -> None:
    """Looks for the folder of the startup file.

    Raises:
        InvalidInput: it is not there, and every commit would fail.
    """
    folder = settings.startup.file.parent
    if not folder.is_dir():
        raise InvalidInput(
            f"there is no folder {folder}.",
            parameter="startup.file",
            fix=f"Make it for the user that the server runs as: install -d -o {settings.user or 'USER'} {folder}",
        )


def lost_startup(settings: Settings) -> Path | None:
    """The startup file, if it is not there though any agent that ran before has written it."""
    try:
        settings.startup.file.lstat()
    except FileNotFoundError:
        return settings.startup.file
    except OSError:
        return None  # whoever reads it says why it cannot
    return None


def _child(
    settings: Settings,
    config: Path,
    host_keys: tuple[bytes, ...],
    sockets: list[socket.socket],
    channel: socket.socket,
    owner: Owner | None,
    parent: int,
) -> int:
    close_all_but([channel.fileno(), *(one.fileno() for one in sockets)])
    _allow_files(settings.limits.sessions + settings.limits.unauthenticated + _SPARE_FILES)
    # Loaded here and not above: the parent shall not hold the code that reads what strangers send. And before the
    # rights are given up: Python's own folder may be closed to the user.
    from .kernel import connect  # noqa: PLC0415
    from .server import Given, serve  # noqa: PLC0415

    confine((), owner)
    die_with(parent)
    return serve(Given(settings, config, host_keys, sockets), lambda: connect(channel))


def _allow_files(number: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Parent:
    def __init__(self, child: int, owner: Owner | None, takeover: bool, lost: Path | None) -> None:
        self._child = child
        self._owner = owner
        self._takeover = takeover
        self._lost = lost
        self._stopping = False

    def serve(self, channel: socket.socket) -> int:
        """Serves the child until it has ended."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, lambda *_arguments: self._tell(signal.SIGHUP))
        signal.signal(signal.SIGALRM, lambda *_arguments: self._tell(signal.SIGKILL))
        try:
            # The child's user, or the parent could not end it without a further capability.
            confine((CAP_NET_ADMIN,), self._owner)
            from .applier import serve  # noqa: PLC0415  # the child has no use for it

            serve(channel, takeover=self._takeover, lost=self._lost)
        except BrokenFrame as error:
            say(f"the server process sent what is no request: {error}")
        finally:
            channel.close()
            status = self._wait()
        if self._stopping and status == 0:
            return 0
        if status < 0:
            say(f"the server process was ended by signal {-status}")
        return status if status > 0 else 1

    def _stop(self, *_arguments: object) -> None:
        self._stopping = True
        self._tell(signal.SIGTERM)
        signal.alarm(_PATIENCE)

    def _tell(self, number: int) -> None:
        # The child is not waited for before its end of the channel is closed, so its number is still its own.
        os.kill(self._child, number)

    def _wait(self) -> int:
        """The child's exit status; minus the signal that ended it. One that will not end is ended."""
        signal.alarm(_PATIENCE)
        _pid, status = os.waitpid(self._child, 0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        return os.waitstatus_to_exitcode(status)
