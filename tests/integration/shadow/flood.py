# SPDX-License-Identifier: GPL-3.0-or-later
"""A flood of datagrams from one namespace, and who got them: counted by the kernel, so that none is overlooked."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from pyroute2 import netns as pyroute2_netns

from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab

PORT = 9


def _send(namespace: str, address: str, count: Any, stop: Any) -> None:
    pyroute2_netns.setns(namespace, flags=0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        while not stop.is_set():
            for _number in range(20):
                try:
                    sender.sendto(b"x", (address, PORT))
                except OSError:  # an ICMP error that came back, or a full queue
                    continue
                count.value += 1


@contextmanager
def flood(lab: Lab, source: str, address: str) -> Iterator[Any]:
    """Sends to an address without pause; ``.value`` of what this gives counts the datagrams sent."""
    context = get_context("fork")
    count, stop = context.Value("q", 0, lock=False), context.Event()
    child = context.Process(target=_send, args=(lab.names[source], address, count, stop))
    child.start()
    try:
        yield count
    finally:
        stop.set()
        child.join(10)
        if child.is_alive():
            child.kill()
            child.join()


def catch_all(lab: Lab, short: str, prefix: str) -> None:
    """Lets a namespace take everything to a prefix for its own, without a socket, and without answering."""
    lab.run(short, "ip", "route", "add", "local", prefix, "dev", "lo")
    lab.run(short, "sh", "-c", "echo 0 > /proc/sys/net/ipv4/icmp_msgs_per_sec")


def arrived(lab: Lab, short: str) -> int:
    """How many datagrams a namespace got, whatever became of them."""
    names, values = (
        line.split()[1:] for line in lab.run(short, "cat", "/proc/net/snmp").splitlines() if line.startswith("Udp:")
    )
    found = dict(zip(names, map(int, values), strict=True))
    return found["InDatagrams"] + found["NoPorts"] + found["InErrors"]
