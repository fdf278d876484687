# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's second front-end node: a NETCONF server whose commit is the kernel's configuration.

::

    controller ---- fe2 ---- cache
                     \\------ app
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from ansible_collections.shadownet.ipam.demo.lab import Lab, LabError, command, ip

NODE = "fe2"
HOSTS = (NODE, "cache", "app")
ADDRESS, PORT = "198.18.0.2", 830
PACKAGES = "libyang2-dev build-essential python3-dev"
_CONTROLLER = "198.18.0.1/30"
_STARTING = 30.0


def why_not() -> str | None:
    """Why this machine cannot run the node, or None."""
    missing = [name for name in ("libyang", "asyncssh", "ncclient") if find_spec(name) is None]
    if not missing:
        return None
    return f"needs libyang, which is not here: apt-get install {PACKAGES}, then make demo again"


class NetconfNode:
    """``shadownet-node`` in a namespace, with keys and settings of this run alone."""

    def __init__(self, lab: Lab, home: Path) -> None:
        """
        Args:
            home: of the controller's user; its ``.ssh/known_hosts`` will know the node.
        """
        self._lab = lab
        self._home = home
        self._folder = home / NODE
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Namespaces, the cable to the controller, and the server.

        Raises:
            LabError: it does not start.
        """
        self._lab.add(*HOSTS)
        self._lab.forward(NODE)
        command(*f"ip link add control type veth peer name control netns {NODE}".split())
        command(*f"ip address add {_CONTROLLER} dev control".split())
        command(*"ip link set control up".split())
        ip(NODE, f"address add {ADDRESS}/30 dev control")
        ip(NODE, "link set control up")
        self._settings()
        words = ["ip", "netns", "exec", NODE, sys.executable, "-m", "ansible_collections.shadownet.ipam.node.cli"]
        with (self._folder / "log").open("wb") as log:
            self._server = subprocess.Popen(
                [*words, "run", "--config", str(self._folder / "config.yml")], stdout=log, stderr=log
            )
        self._wait(self._server)

    def _settings(self) -> None:
        import asyncssh  # noqa: PLC0415 - only here where the node can run

        self._folder.mkdir(mode=0o700)
        keys = {name: asyncssh.generate_private_key("ssh-ed25519") for name in ("host_key", "client_key")}
        for name, key in keys.items():
            key.write_private_key(self._folder / name)
            (self._folder / name).chmod(0o600)
        public = {name: key.export_public_key().decode().strip() for name, key in keys.items()}
        known = self._home / ".ssh/known_hosts"
        known.parent.mkdir(mode=0o700, exist_ok=True)
        known.write_text(f"[{ADDRESS}]:{PORT} {public['host_key']}\n")
        (self._folder / "config.yml").write_text(
            f'listen: [{{address: "{ADDRESS}", port: {PORT}}}]\n'
            "host_keys: [host_key]\n"
            f'users: [{{name: demo, access: read-write, authorized_keys: ["{public["client_key"]}"]}}]\n'
            "startup: {file: startup.xml}\n"
        )

    def _wait(self, server: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + _STARTING
        while time.monotonic() < end and server.poll() is None:
            try:
                socket.create_connection((ADDRESS, PORT), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        said = (self._folder / "log").read_text(errors="replace").strip().splitlines()
        raise LabError(f"shadownet-node does not start: {said[-1] if said else 'it says nothing'}")

    def stop(self) -> None:
        """Ends the server."""
        if self._server is not None:
            self._server.terminate()
            self._server.wait(20)
            self._server = None
