# SPDX-License-Identifier: GPL-3.0-or-later
"""The process without rights: everything that reads what clients send runs here."""

from __future__ import annotations

import asyncio
import concurrent.futures.thread
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..plugins.module_utils.model.errors import InvalidInput
from .audit import Audit
from .contract import Done, EngineSettings, Kernel, KernelRefused, Opener, StartupUnusable
from .engine import Engine
from .engine.startup import StartupFile
from .frames import BrokenFrame
from .keys import Account, accounts, server_keys
from .say import say
from .settings import Settings, Startup, load_settings
from .ssh import Front
from .systemd import notify

LOADED = (concurrent.futures.thread,)
"""What the standard library would load late, when the rights to read it may be gone."""


@dataclass(frozen=True)
class Given:
    """What the parent process hands over.

    Attributes:
        config: the settings file, for SIGHUP.
        sockets: bound and listening.
    """

    settings: Settings
    config: Path
    host_keys: tuple[bytes, ...]
    sockets: Sequence[socket.socket]


def serve(given: Given, kernel: Callable[[], Awaitable[Kernel]]) -> int:
    """Serves until SIGTERM or SIGINT; gives the exit status.

    Args:
        kernel: connects to the process that may change the kernel.
    """
    try:
        return asyncio.run(_serve(given, kernel))
    except (InvalidInput, StartupUnusable, KernelRefused, BrokenFrame, OSError) as error:
        say(_words(error))
        return 1


async def _serve(given: Given, kernel: Callable[[], Awaitable[Kernel]]) -> int:
    settings = given.settings
    users = accounts(settings.users)
    keys = server_keys(given.host_keys)
    audit = Audit(settings.audit)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    front: Front

    def observe(done: Done) -> None:
        front.observe(done)

    startup = settings.startup
    opener: Opener = Engine(await kernel(), EngineSettings(startup.file, startup.mode, observe=observe))
    front = Front(opener, users, settings.limits, audit)
    loop.add_signal_handler(signal.SIGHUP, _reload, given, front, audit)
    await opener.start()
    _begin(startup)
    await front.listen(given.sockets, keys)
    audit.record("start", pid=os.getpid())
    for one in given.sockets:
        address, port = one.getsockname()[:2]
        say(f"listening on {address} port {port}")
    notify("READY=1")
    await stop.wait()
    notify("STOPPING=1")
    front.close_door()
    await opener.stop()
    await front.close()
    audit.record("stop")
    audit.close()
    return 0


def _begin(startup: Startup) -> None:
    """Writes the startup file where there is none, so that one that is lost later is known for lost."""
    if startup.file.exists():
        return
    try:
        StartupFile(startup.file).clear()
    except OSError as error:
        what = "commits" if startup.mode == "automatic" else "copies to startup"
        say(f"startup.file: {startup.file} cannot be written, so {what} will fail: {error.strerror}.")


def _reload(given: Given, front: Front, audit: Audit) -> None:
    """Users and keys as they are now, and the audit log's file again. What is wrong changes nothing."""
    try:
        audit.reopen()
        fresh = load_settings(given.config)
        users: dict[str, Account] = accounts(fresh.users)
    except (InvalidInput, OSError) as error:
        say(f"not reloaded: {_words(error)}")
        audit.record("reload", outcome="failed", message=_words(error))
        return
    front.change_accounts(users)
    audit.record("reload", outcome="ok", users=len(users))
    if replace(fresh, users=given.settings.users) != given.settings:
        say("reloaded users and keys only; the other settings that have changed need a restart")


def _words(error: Exception) -> str:
    if isinstance(error, KernelRefused):
        return f"the kernel does not take the startup configuration: {error}"
    return str(error)
