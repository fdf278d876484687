# SPDX-License-Identifier: GPL-3.0-or-later
"""A running ``shadownet-node`` in a network namespace of its own, reached over a veth pair as from a management net."""

from __future__ import annotations

import itertools
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.shadownet.ipam.tests.integration.ansible_run import CHECKOUT
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
_numbers = itertools.count()


def real_root() -> bool:
    """Whether other system users can be become (in a user namespace they cannot)."""
    return os.geteuid() == 0 and Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]


class FrontNode:
    """One node with two users: ``ada`` may write, ``bob`` may read. ``start`` and ``stop`` may alternate."""

    def __init__(self, lab: Lab, short: str = "node", **settings: Any) -> None:
        self.lab = lab
        self.short = short
        # The server's user must be able to read it, and pytest's own folders are closed to it.
        self.folder = Path(tempfile.mkdtemp(prefix="sn-front-", dir="/run" if os.access("/run", os.W_OK) else None))
        self.folder.chmod(0o755)
        self.uplink = f"mg{secrets.token_hex(4)}"
        number = next(_numbers) + 1
        # One address pair of 198.18.0.0/15 (RFC 2544) for each process and node.
        pair = (os.getpid() * 37 + number) % 30000
        base = (198 << 24) + (18 << 16) + pair * 4
        self.here, self.address = (socket.inet_ntoa((base + one).to_bytes(4, "big")) for one in (1, 2))
        self.port = 830
        self.through: tuple[str, ...] = ()  # a program that starts it
        self.python = sys.executable
        self.words: tuple[str, ...] = ()  # more of its command line
        self.extra: dict[str, str] = {}  # environment
        self.process: subprocess.Popen[str] | None = None
        self._make_link()
        self._make_files(settings)

    def _make_link(self) -> None:
        name = self.lab.names[self.short]
        command = ["ip", "link", "add", self.uplink, "type", "veth", "peer", "name", "mgmt0", "netns", name]
        subprocess.run(command, check=True)
        for words in (
            ["address", "add", f"{self.here}/30", "dev", self.uplink],
            ["link", "set", self.uplink, "up"],
        ):
            subprocess.run(["ip", *words], check=True)
        self.lab.run(self.short, "ip", "address", "add", f"{self.address}/30", "dev", "mgmt0")
        self.lab.run(self.short, "ip", "link", "set", "mgmt0", "up")

    def _make_files(self, settings: dict[str, Any]) -> None:
        library = self.folder / "lib/ansible_collections/shadownet"
        library.mkdir(parents=True)
        (library / "ipam").symlink_to(CHECKOUT, target_is_directory=True)
        state = self.folder / "state"
        state.mkdir()
        for key in ("host_key", "ada", "bob", "eve"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", str(self.folder / key)]
            subprocess.run(command, check=True)
        for user in ("ada", "bob"):
            rsa = str(self.folder / f"{user}_rsa")
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", rsa, "-m", "PEM"], check=True
            )
            with (self.folder / f"{user}.pub").open("a") as keys:
                keys.write(Path(f"{rsa}.pub").read_text())
        self.known_hosts = self.folder / "known_hosts"
        kind, key = (self.folder / "host_key.pub").read_text().split()[:2]
        self.known_hosts.write_text(f"{self.address} {kind} {key}\n[{self.address}]:{self.port} {kind} {key}\n")
        self.settings: dict[str, Any] = {
            "listen": [{"address": "0.0.0.0", "port": self.port}],
            "host_keys": ["host_key"],
            "users": [
                {"name": "ada", "access": "read-write", "authorized_keys_file": "ada.pub"},
                {"name": "bob", "access": "read-only", "authorized_keys_file": "bob.pub"},
            ],
            "startup": {"file": "state/startup.xml"},
            "audit": "state/audit.log",
            **settings,
        }
        if real_root():
            self.settings["user"] = "nobody"
            shutil.chown(state, "nobody", "nogroup")
        self.write_settings()

    def write_settings(self) -> None:
        """Writes the settings file from ``settings``."""
        self.config.write_text(yaml.safe_dump(self.settings))
        self.config.chmod(0o644)

    @property
    def config(self) -> Path:
        return self.folder / "config.yml"

    @property
    def options(self) -> dict[str, Any]:
        """How the user who may write reaches it, as an ``Address`` takes it."""
        return {
            "host": self.address,
            "port": self.port,
            "username": "ada",
            "private_key_file": str(self.key("ada")),
            "known_hosts_file": str(self.known_hosts),
        }

    @property
    def environment(self) -> dict[str, str]:
        places = [str(self.folder / "lib"), sysconfig.get_path("purelib")]
        return {**os.environ, "PYTHONPATH": ":".join(places), "PYTHONDONTWRITEBYTECODE": "1", **self.extra}

    def command(self, *words: str) -> list[str]:
        """The command line that runs ``shadownet-node`` in the node's namespace."""
        module = "ansible_collections.shadownet.ipam.node.cli"
        return ["ip", "netns", "exec", self.lab.names[self.short], *self.through, self.python, "-m", module, *words]

    def start(self, wait: bool = True) -> FrontNode:
        """Starts it, and waits until it listens."""
        with (self.folder / "stderr").open("a") as log:
            self.process = subprocess.Popen(
                self.command("run", "--config", str(self.config), *self.words),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
                env=self.environment,
                cwd="/",
            )
        before = self.said().count("listening on")
        end = time.monotonic() + 60
        while wait and self.said().count("listening on") <= before:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.05)
        return self

    def said(self) -> str:
        """Its standard error, of all runs."""
        return (self.folder / "stderr").read_text()

    def audit(self, event: str | None = None, **facts: Any) -> list[dict[str, Any]]:
        """The lines of the audit log of that kind, in order."""
        lines = [json.loads(line) for line in (self.folder / "state/audit.log").read_text().splitlines()]
        return [
            line
            for line in lines
            if event in (None, line["event"]) and all(line.get(key) == value for key, value in facts.items())
        ]

    def processes(self) -> tuple[int, int]:
        """Process ids of parent and child."""
        assert self.process is not None
        parent = self.process.pid  # `ip netns exec` becomes the command
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return parent, int(children[0])

    def memory(self, process: int) -> int:
        """Octets of a process that are in memory."""
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def signal(self, number: signal.Signals) -> None:
        """A signal to the parent process."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> int:
        """Ends it as systemd would; gives the exit status."""
        if self.process is None:
            return 0
        with suppress(ProcessLookupError):
            self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
            raise
        finally:
            self.process = None

    def kill(self) -> None:
        """SIGKILL to the parent."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(5)
        self.process = None

    def remove(self) -> None:
        """Stops it and removes what it left."""
        try:
            self.stop()
        finally:
            subprocess.run(["ip", "link", "delete", self.uplink], check=False, capture_output=True)
            shutil.rmtree(self.folder)

    def key(self, user: str) -> Path:
        """The private key of a user (``eve`` is none)."""
        return self.folder / user
