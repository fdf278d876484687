# SPDX-License-Identifier: GPL-3.0-or-later
"""A second way into a NETCONF server, through ``habits.py``: an ``sshd`` of its own, the same netconfd behind it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from .server import PATH, Netconfd, free_port

_HABITS = Path(__file__).with_name("habits.py")


class Middle:
    """Serves the same datastores as ``server``, with habits."""

    def __init__(self, server: Netconfd, folder: Path, *habits: str) -> None:
        self.folder = folder
        self.port = free_port()
        self._server = server
        (folder / "was-silent").unlink(missing_ok=True)
        (folder / "habits").write_text(" ".join(habits))
        known = server.known_hosts.read_text().splitlines()[0].split(maxsplit=1)[1]
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {known}\n")
        run = folder / "run"
        # netconf-subsystem finds netconfd by the port on which the client came in.
        run.write_text(
            f"#!/bin/sh\nexport HABITS={folder} SSH_CONNECTION='127.0.0.1 1 127.0.0.1 {server.port}'\n"
            f"exec {sys.executable} {_HABITS} /usr/sbin/netconf-subsystem "
            f"--ncxserver-sockname={server.port}@{server.folder}/ncx.sock\n"
        )
        run.chmod(0o755)
        lines = [line for line in (server.folder / "sshd_config").read_text().splitlines() if "Subsystem" not in line]
        lines[0] = f"Port {self.port}"
        (folder / "sshd_config").write_text("\n".join([*lines, f"Subsystem netconf {run}", ""]))

    @property
    def options(self) -> dict[str, Any]:
        """What a client needs to connect."""
        return {**self._server.options, "port": self.port, "known_hosts_file": str(self.folder / "known_hosts")}

    def __enter__(self) -> Middle:
        sshd = [str(shutil.which("sshd", path=PATH)), "-D", "-e", "-f", str(self.folder / "sshd_config")]
        with (self.folder / "sshd.out").open("ab") as out:
            environment = {**os.environ, "PATH": PATH}
            self._sshd = subprocess.Popen(sshd, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            time.sleep(0.02)
        raise AssertionError((self.folder / "sshd.out").read_text())

    def __exit__(self, *_error: object) -> None:
        self._sshd.terminate()
        self._sshd.wait(10)
