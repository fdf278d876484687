# SPDX-License-Identifier: GPL-3.0-or-later
"""A real NETCONF server for tests: Debian's ``netconfd`` behind an ``sshd`` of its own on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
YUMA = Path("/usr/share/yuma")
PACKAGES = ("netconfd", "libyuma-base", "openssh-server")
MODULES = (
    "iana-if-type",
    "ietf-interfaces",
    "ietf-ip",
    "ietf-routing",
    "ietf-ipv4-unicast-routing",
    "ietf-ipv6-unicast-routing",
    "ietf-netconf-notifications",
)
_EMPTY = '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"/>'
_SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/client_key.pub
PasswordAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
MaxStartups 100
Subsystem netconf "/usr/sbin/netconf-subsystem --ncxserver-sockname={port}@{folder}/ncx.sock"
"""


def why_not() -> str | None:
    """Why this machine cannot run the server, or None."""
    # In a user namespace OpenSSH's server fails: it may not set groups.
    if os.geteuid() != 0 or Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]:
        return "netconfd and sshd need real root"
    programs = {"netconfd": "netconfd", "sshd": "openssh-server", "ssh-keygen": "openssh-client"}
    missing = [package for program, package in programs.items() if shutil.which(program, path=PATH) is None]
    if missing:
        return f"needs the Debian packages {', '.join(sorted({*missing, 'libyuma-base'}))}"
    return None


# Below the ports that Linux gives to clients: a server that is stopped and started finds its port free. Each process of
# a test run has its own part, and never gives a port twice.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PORTS = iter(range(11_000 + 5_000 * (_WORKER % 4), 16_000 + 5_000 * (_WORKER % 4)))


def free_port() -> int:
    """A port of loopback that nobody has now, and that nobody else gets."""
    for port in _PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("this process has used up its ports")


class Netconfd:
    """One server with its own datastores, keys and port. ``start`` and ``stop`` may alternate."""

    def __init__(
        self,
        folder: Path,
        target: str = "candidate",
        modules: tuple[str, ...] = MODULES,
        startup: bool = False,
        more: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self.target = target
        self.modules = modules
        self.startup = startup
        self.more = more
        self.port = free_port()
        self._processes: list[subprocess.Popen[bytes]] = []
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "yang").mkdir(exist_ok=True)
        (folder / "startup-cfg.xml").write_text(_EMPTY)
        (folder / "sshd_config").write_text(_SSHD.format(port=self.port, folder=folder))
        for key in ("host_key", "client_key"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
            subprocess.run(command, check=True, env={**os.environ, "PATH": PATH})
        public = (folder / "host_key.pub").read_text().split()
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public[0]} {public[1]}\n")

    @property
    def options(self) -> dict[str, Any]:
        """What a client needs to connect."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "username": "root",
            "private_key_file": str(self.folder / "client_key"),
            "known_hosts_file": str(self.known_hosts),
        }

    @property
    def log(self) -> str:
        """What the server has logged."""
        return (self.folder / "n.log").read_text(errors="replace")

    def start(self) -> Netconfd:
        """Starts both programs and waits until they answer."""
        Path("/run/sshd").mkdir(exist_ok=True)
        (self.folder / "ncx.sock").unlink(missing_ok=True)
        places = [self.folder / "yang", YUMA / "nmda-modules/ietf", *(YUMA / "modules" / one for one in _FOLDERS)]
        server = [
            "netconfd",
            f"--modpath={':'.join(map(str, places))}",
            f"--port={self.port}",
            f"--ncxserver-sockname={self.folder}/ncx.sock",
            "--superuser=root",
            f"--target={self.target}",
            f"--startup={self.folder}/startup-cfg.xml",
            "--with-nmda=true",
            f"--with-startup={str(self.startup).lower()}",
            "--with-url=false",
            f"--log={self.folder}/n.log",
            *(f"--module={name}" for name in self.modules),
            *self.more,
        ]
        sshd = [str(shutil.which("sshd", path=PATH)), "-D", "-e", "-f", str(self.folder / "sshd_config")]
        environment = {**os.environ, "PATH": PATH, "HOME": str(self.folder)}
        for name, command in (("netconfd", server), ("sshd", sshd)):
            with (self.folder / f"{name}.out").open("ab") as out:
                self._processes.append(
                    subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, cwd=self.folder
                    )
                )
        self._wait()
        return self

    def _wait(self) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            for process, name in zip(self._processes, ("netconfd", "sshd"), strict=True):
                assert process.poll() is None, (self.folder / f"{name}.out").read_text() + self.log[-3000:]
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                if (self.folder / "ncx.sock").exists():
                    return
            time.sleep(0.02)
        raise AssertionError(f"the server did not start: {self.log[-3000:]}")

    @property
    def lives(self) -> bool:
        """Whether both programs run."""
        return bool(self._processes) and all(process.poll() is None for process in self._processes)

    def is_dead(self) -> bool:
        """Whether netconfd has ended by itself."""
        with suppress(subprocess.TimeoutExpired):
            self._processes[0].wait(5)
        return self._processes[0].poll() is not None

    def stop(self) -> None:
        """Ends both programs."""
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()

    def __enter__(self) -> Netconfd:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        self.stop()


_FOLDERS = ("ietf", "netconfcentral", "yuma123")
