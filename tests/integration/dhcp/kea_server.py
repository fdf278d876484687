# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Kea for tests: ``kea-dhcp4`` in a network namespace, with folders, sockets and locks of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
INTERFACE = "lan0"
SERVER = "10.80.0.1"
INFINITE = 4294967295
_PROGRAMS = {
    "kea-dhcp4": "kea-dhcp4-server",
    "kea-ctrl-agent": "kea-ctrl-agent",
    "dhclient": "isc-dhcp-client",
    "udhcpc": "udhcpc",
}


def hooks() -> Path | None:
    """Kea's folder of hook libraries."""
    return next(iter(sorted(Path("/usr/lib").glob("*/kea/hooks"))), None)


def why_not() -> str | None:
    """Why this machine cannot run these tests, or None."""
    missing = sorted(package for program, package in _PROGRAMS.items() if shutil.which(program, path=PATH) is None)
    return f"needs the Debian packages {', '.join(missing)}" if missing else None


def subnet(pool: str = "10.80.0.0/24", **more: Any) -> dict[str, Any]:
    """A ``subnet4`` of Kea in which only the server's own address lies outside the pool."""
    return {
        "id": 1,
        "subnet": "10.80.0.0/16",
        "interface": INTERFACE,
        "pools": [{"pool": pool}],
        "option-data": [{"name": "routers", "data": SERVER}],
        **more,
    }


class Kea:
    """One server. ``start`` and ``stop`` may alternate: leases stay in ``folder``.

    Args:
        namespace: real name of the namespace in which it runs.
        folder: where it keeps everything.
        subnets: of its configuration; see ``subnet``.
        lease_commands: whether it loads the hook library for them.
        more: further settings of ``Dhcp4``.
    """

    def __init__(
        self,
        namespace: str,
        folder: Path,
        subnets: list[dict[str, Any]] | None = None,
        lease_commands: bool = True,
        **more: Any,
    ) -> None:
        self.namespace = namespace
        self.folder = folder
        self.socket = folder / "kea4.sock"
        self.subnets = [subnet()] if subnets is None else subnets
        self.lease_commands = lease_commands
        self.more = more
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def config(self) -> dict[str, Any]:
        """The configuration, as Kea reads it."""
        library = f"{hooks()}/libdhcp_lease_cmds.so"
        return {
            "Dhcp4": {
                "interfaces-config": {"interfaces": [INTERFACE], "dhcp-socket-type": "raw"},
                "control-socket": {"socket-type": "unix", "socket-name": str(self.socket)},
                "lease-database": {"type": "memfile", "persist": True, "name": str(self.folder / "leases4.csv")},
                "hooks-libraries": [{"library": library}] if self.lease_commands else [],
                "subnet4": self.subnets,
                "loggers": [
                    {"name": "kea-dhcp4", "severity": "INFO", "output_options": [{"output": str(self.log)}]},
                ],
                **self.more,
            }
        }

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "kea4.log"

    def start(self) -> None:
        """Starts it, and waits until it takes commands."""
        path = self.folder / "kea4.json"
        path.write_text(json.dumps(self.config()))
        self._process = spawn(self.namespace, self.folder, "kea-dhcp4", "-c", str(path))
        until = time.monotonic() + 20
        while not self._ready():
            assert self._process.poll() is None, f"kea-dhcp4 ended:\n{self.said()}"
            assert time.monotonic() < until, f"kea-dhcp4 is not ready:\n{self.said()}"
            time.sleep(0.02)

    def _ready(self) -> bool:
        said = self.log.read_text().rpartition("DHCP4_STARTING")[2] if self.log.exists() else ""
        return self.socket.exists() and "DHCP4_STARTED" in said

    def said(self) -> str:
        """Its log, and what it printed before it had one."""
        return "\n".join(path.read_text() for path in (self.folder / "kea-dhcp4.out", self.log) if path.exists())

    def stop(self, kill: bool = False) -> None:
        """Ends it; with ``kill`` as a crash would."""
        end(self._process, kill)
        self._process = None
        with suppress(OSError):
            self.socket.unlink()


class ControlAgent:
    """Kea's control agent: its commands over HTTP, on loopback of the namespace of a test run.

    Args:
        kea: where the commands go.
        port: of loopback.
        more: settings of ``Control-agent``: authentication, certificates.
    """

    def __init__(self, kea: Kea, port: int, **more: Any) -> None:
        self.kea = kea
        self.port = port
        self.more = more
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, and waits until it listens."""
        config = {
            "Control-agent": {
                "http-host": "127.0.0.1",
                "http-port": self.port,
                "control-sockets": {"dhcp4": {"socket-type": "unix", "socket-name": str(self.kea.socket)}},
                **self.more,
            }
        }
        path = self.kea.folder / "agent.json"
        path.write_text(json.dumps(config))
        # In the namespace of the tests: they reach it by loopback, as it reaches Kea by its socket's path.
        self._process = spawn(None, self.kea.folder, "kea-ctrl-agent", "-c", str(path))
        until = time.monotonic() + 20
        out = self.kea.folder / "kea-ctrl-agent.out"
        while "CTRL_AGENT_HTTP_SERVICE_STARTED" not in out.read_text() and "CTRL_AGENT_STARTED" not in out.read_text():
            assert self._process.poll() is None, out.read_text()
            assert time.monotonic() < until, out.read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends it."""
        end(self._process)
        self._process = None


def spawn(namespace: str | None, folder: Path, *command: str) -> subprocess.Popen[bytes]:
    """Starts one of Kea's programs; what it prints is in ``<program>.out``."""
    environment = {
        "PATH": PATH,
        "KEA_PIDFILE_DIR": str(folder),
        "KEA_LOCKFILE_DIR": str(folder),
        "KEA_DHCP_DATA_DIR": str(folder),
    }
    inside = [] if namespace is None else ["ip", "netns", "exec", namespace]
    full = [*inside, own_copy(command[0], folder), *command[1:]]
    with (folder / f"{command[0]}.out").open("wb") as out:
        return subprocess.Popen(full, env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL)


def own_copy(program: str, folder: Path) -> str:
    """Path of a copy of a program. AppArmor goes by the path, and allows the original only its usual folders.

    Raises:
        FileNotFoundError: there is no such program.
    """
    copy = folder / program
    if not copy.exists():
        found = shutil.which(program, path=PATH)
        if found is None:
            raise FileNotFoundError(program)
        shutil.copy(found, copy)
    return str(copy)


def end(process: subprocess.Popen[bytes] | None, kill: bool = False) -> None:
    """Ends a process that ``spawn`` started."""
    if process is None or process.poll() is not None:
        return
    if kill:
        process.kill()
    else:
        process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
