# SPDX-License-Identifier: GPL-3.0-or-later
"""A word to systemd: sd_notify(3) is one datagram, so it needs no library."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(state: str) -> None:
    """Tells the service manager, if there is one, ``READY=1`` or the like. Nothing depends on its being heard."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as one:
        one.settimeout(1)
        one.sendto(state.encode(), "\0" + address[1:] if address[0] == "@" else address)
