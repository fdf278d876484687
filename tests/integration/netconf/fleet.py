# SPDX-License-Identifier: GPL-3.0-or-later
"""Many nodes that speak NETCONF: one real server each, with its own datastores, keys and port."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .server import Netconfd


class Fleet:
    """Started servers ``fe01``, ``fe02`` ... and what a controller needs to reach them."""

    def __init__(self, folder: Path, count: int) -> None:
        """``folder`` gets a folder for each server."""
        self.servers = {f"fe{number:02}": Netconfd(folder / f"fe{number:02}") for number in range(1, count + 1)}
        self.folder = folder

    def hosts(self) -> dict[str, dict[str, Any]]:
        """The host variables of each node."""
        return {name: _variables(server) for name, server in self.servers.items()}

    def inventory(self) -> Path:
        """A file with all nodes in the group ``frontend_nodes``."""
        place = self.folder / "hosts.json"
        place.write_text(json.dumps({"frontend_nodes": {"hosts": self.hosts()}}))
        return place

    def known_hosts(self, home: Path) -> Path:
        """A file in a user's home that has every node's host key."""
        place = home / ".ssh" / "known_hosts"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("".join(server.known_hosts.read_text() for server in self.servers.values()))
        return place

    def hang(self, name: str, hung: bool = True) -> None:
        """Stops a NETCONF server in its tracks, or lets it go on. Its sshd still lets clients in."""
        netconfd = self.servers[name]._processes[0]
        os.kill(netconfd.pid, signal.SIGSTOP if hung else signal.SIGCONT)


def _variables(server: Netconfd) -> dict[str, Any]:
    return {
        "ansible_host": server.options["host"],
        "ansible_port": server.options["port"],
        "ansible_user": server.options["username"],
        "ansible_ssh_private_key_file": server.options["private_key_file"],
        "shadownet_transport": "netconf",
    }


@contextmanager
def fleet(folder: Path, count: int) -> Iterator[Fleet]:
    """``count`` running servers."""
    made = Fleet(folder, count)
    # netconfd takes a second to end.
    with ThreadPoolExecutor(count) as pool:
        try:
            for server in made.servers.values():
                server.start()
            yield made
        finally:
            list(pool.map(Netconfd.stop, made.servers.values()))
