# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves a port on the host ``web-NODE`` for a moment and connects from ``app-NODE``: writes ``open`` or ``closed``."""

from __future__ import annotations

import subprocess
import sys

SERVE = "import socket; s = socket.create_server(('', {port})); s.settimeout(10); print('up', flush=True); s.accept()"
CONNECT = "import socket; socket.create_connection(('{host}', {port}), 2)"


def on(host: str, code: str) -> list[str]:
    """The command that runs code on a host."""
    return ["ip", "netns", "exec", host, sys.executable, "-c", code]


def main(node: str, port: str, host: str) -> None:
    """Entry point."""
    with subprocess.Popen(on(f"web-{node}", SERVE.format(port=port)), stdout=subprocess.PIPE, text=True) as server:
        if server.stdout is None or server.stdout.readline() != "up\n":
            raise SystemExit("the server does not start")
        client = subprocess.run(on(f"app-{node}", CONNECT.format(host=host, port=port)), stderr=sys.stderr, check=False)
        server.kill()
    sys.stdout.write("closed" if client.returncode else "open")


main(*sys.argv[1:])
