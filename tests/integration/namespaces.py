# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces for tests: made with unique names, removed whatever happens.

::

    with namespaces("node", "client") as lab:
        lab.join("node", "c0", "client", "eth0")
        lab.run("node", "ip", "address", "add", "10.0.0.1/24", "dev", "c0")
        lab.call("client", send_something, "10.0.0.1")
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from pyroute2 import netns as pyroute2_netns

_WAIT = 60.0


class Lab:
    """Namespaces by the short name that a test uses; ``names`` has the real ones under ``/run/netns``."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self._token = secrets.token_hex(4)

    def add(self, short: str) -> str:
        """Makes a namespace with its loopback up, and gives its real name."""
        name = f"sn-{self._token}-{short}"
        subprocess.run(["ip", "netns", "add", name], check=True)
        self.names[short] = name
        self.run(short, "ip", "link", "set", "lo", "up")
        return name

    def run(self, short: str, *command: str, text: str | None = None, check: bool = True) -> str:
        """Runs a program in a namespace and gives its standard output.

        Raises:
            AssertionError: it ended non-zero; with what it said.
        """
        full = ["ip", "netns", "exec", self.names[short], *command]
        done = subprocess.run(full, input=text, capture_output=True, text=True, check=False, timeout=_WAIT)
        assert not check or done.returncode == 0, f"{' '.join(command)}: {done.stderr or done.stdout}"
        return done.stdout

    def json(self, short: str, *command: str) -> Any:
        """The JSON that a program prints in a namespace; None if it prints nothing."""
        out = self.run(short, *command)
        return json.loads(out) if out.strip() else None

    def join(self, one: str, one_interface: str, other: str, other_interface: str) -> None:
        """A veth pair between two namespaces, both ends up."""
        first, second = self.names[one], self.names[other]
        command = ["ip", "link", "add", one_interface, "netns", first, "type", "veth"]
        subprocess.run([*command, "peer", "name", other_interface, "netns", second], check=True)
        self.run(one, "ip", "link", "set", one_interface, "up")
        self.run(other, "ip", "link", "set", other_interface, "up")

    def move(self, one: str, interface: str, other: str) -> None:
        """Moves an interface into another namespace and sets it up there."""
        self.run(one, "ip", "link", "set", interface, "netns", self.names[other])
        self.run(other, "ip", "link", "set", interface, "up")

    def call(self, short: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """What ``function`` returns in a child process inside a namespace; raises what it raises.

        The function and its arguments must be picklable only in so far as fork needs nothing of the sort.
        """
        context = get_context("fork")
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_child, args=(self.names[short], theirs, function, arguments))
        child.start()
        theirs.close()
        try:
            good, value = ours.recv() if ours.poll(_WAIT) else (False, TimeoutError("no answer"))
        except EOFError:
            good, value = False, RuntimeError("the child died")
        finally:
            child.join(1)
            if child.is_alive():
                child.kill()
                child.join()
            ours.close()
        if not good:
            raise value
        return value

    def socket(self, short: str, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket that belongs to a namespace and is used from here. The caller closes it."""
        made: list[socket.socket] = []

        def work() -> None:
            pyroute2_netns.setns(self.names[short], flags=0)
            made.append(socket.socket(family, kind, protocol))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return made[0]

    def forward(self, short: str) -> None:
        """Lets a namespace route packets, as the operator of a node would."""
        for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            self.run(short, "sh", "-c", f"echo 1 > /proc/sys/net/{name}")

    def remove(self) -> None:
        """Removes all namespaces of this lab."""
        for name in self.names.values():
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
        self.names.clear()


def _child(name: str, pipe: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        pyroute2_netns.setns(name, flags=0)
        pipe.send((True, function(*arguments)))
    except BaseException as error:  # noqa: BLE001  # whatever it is, the parent raises it
        pipe.send((False, error))
    finally:
        pipe.close()
        os._exit(0)


@contextmanager
def namespaces(*shorts: str) -> Iterator[Lab]:
    """A lab with these namespaces; on the way out all of it is removed."""
    lab = Lab()
    try:
        for short in shorts:
            lab.add(short)
        yield lab
    finally:
        lab.remove()


def wait_for(condition: Callable[[], bool], seconds: float = 10.0, what: str = "it") -> None:
    """Waits until ``condition`` holds.

    Raises:
        AssertionError: it does not in time.
    """
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)
