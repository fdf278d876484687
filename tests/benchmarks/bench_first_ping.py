# SPDX-License-Identifier: GPL-3.0-or-later
"""An instance is created → it answers its first ping: by the resident active route manager, against DHCP.

``python tests/benchmarks/bench_first_ping.py`` as root, with Kea, dhclient and udhcpc. Makes network namespaces of its
own, a node with an instance behind it, and removes them. In one run, by turns:

- shadow: the call of the active route manager, which commits to the ledger, activates the route on the node, and sets
  the address in the instance's namespace; then the ping.
- dhclient and udhcpc: the client is started in the instance's namespace; Kea, on the node, has the lease for it
  already. Its script sets address and route, says so, then the ping. What the ledger costs is not in these figures.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import harness

ROUNDS = 15
PATIENCE = 10.0
SHADOW, LEASED = "10.200.0.0/16", "10.80.0.77"
INTERFACE = "eth0"
SCRIPT = """#!/bin/sh
case ${{reason:-$1}} in
  BOUND|REBOOT|bound)
    ip address replace "${{new_ip_address:-$ip}}/32" dev {interface}
    ip route replace {server} dev {interface}
    echo up >{fifo} ;;
esac
"""


class Site:
    """A node with Kea and a resident active route manager; an instance's namespace behind its interface."""

    def __init__(self, lab: Any, kea: Any, manager: Any, folder: Path) -> None:
        self.lab, self.kea, self.manager, self.folder = lab, kea, manager, folder
        self.fifo = folder / "up"
        os.mkfifo(self.fifo)
        self.script = folder / "script"
        self.script.write_text(SCRIPT.format(interface=INTERFACE, server=kea_server().SERVER, fifo=self.fifo))
        self.script.chmod(0o755)
        self.wire = lab.socket("node", socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._number = 0

    def ping(self, address: str) -> None:
        """Returns with the first answer."""
        until = time.perf_counter() + PATIENCE
        while time.perf_counter() < until:
            self._number = (self._number + 1) & 0xFFFF
            head = struct.pack(">BBHHH", 8, 0, 0, 77, self._number)
            total = sum(struct.unpack(">4H", head))
            total = (total & 0xFFFF) + (total >> 16)
            self.wire.sendto(head[:2] + struct.pack(">H", ~total & 0xFFFF) + head[4:], (address, 0))
            while select.select([self.wire], [], [], 0.05)[0]:
                data, sender = self.wire.recvfrom(2048)
                if sender[0] == address and data[20] == 0 and data[24:28] == head[4:]:
                    return
        raise TimeoutError(f"{address} does not answer")

    def shadow(self, number: int) -> tuple[float, dict[str, float]]:
        """Milliseconds from creation to the first ping; and those of the manager's steps."""
        request = instance(self.lab.names["vm"], number)
        began = time.perf_counter()
        done = self.manager.created(request)
        self.ping(done.address)
        took = 1000 * (time.perf_counter() - began)
        if done.source != "shadow":
            raise RuntimeError("it was to have a reserved address")
        self.manager.deleted(request.name)
        self.manager.settle()
        self.clear()
        return took, done.milliseconds

    def client(self, *command: str) -> float:
        """Milliseconds from the start of a DHCP client to the first ping."""
        wire = os.open(self.fifo, os.O_RDWR | os.O_NONBLOCK)
        quiet = subprocess.DEVNULL
        inside = ["nsenter", f"--net=/run/netns/{self.lab.names['vm']}"]
        began = time.perf_counter()
        process = subprocess.Popen([*inside, *command], stdin=quiet, stdout=quiet, stderr=quiet)
        try:
            if not select.select([wire], [], [], PATIENCE)[0]:
                raise TimeoutError(f"{command[0]} got no address")
            self.ping(LEASED)
            took = 1000 * (time.perf_counter() - began)
        finally:
            os.close(wire)
            process.terminate()  # it may want to stay, to renew the lease
            process.wait()
        return took

    def dhclient(self) -> float:
        """ISC's client, as it is when nothing is known of former leases."""
        leases = self.folder / "leases"
        leases.unlink(missing_ok=True)
        program = kea_server().own_copy("dhclient", self.folder)
        files = ("-cf", "/dev/null", "-sf", str(self.script), "-pf", str(self.folder / "pid"), "-lf", str(leases))
        took = self.client(program, "-4", "-1", "-d", "-q", *files, INTERFACE)
        self.clear()
        return took

    def udhcpc(self) -> float:
        """Busybox's client."""
        took = self.client("udhcpc", "-f", "-q", "-n", "-i", INTERFACE, "-s", str(self.script))
        self.clear()
        return took

    def clear(self) -> None:
        """As it was: no address in the instance's namespace, and no neighbour known on the node."""
        for where, command in (
            ("vm", f"address flush dev {INTERFACE} scope global"),
            ("vm", f"route flush dev {INTERFACE}"),
            ("vm", f"neighbour flush dev {INTERFACE}"),
            ("node", f"neighbour flush dev {kea_server().INTERFACE}"),
        ):
            self.lab.run(where, "ip", *command.split())


def kea_server() -> Any:
    """Kea for tests."""
    from ansible_collections.shadownet.ipam.tests.integration.dhcp import kea_server as found

    return found


def instance(namespace: str, number: int) -> Any:
    """A request for one that was foreseen."""
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instance_requests import (
        read_instance,
    )

    asked = {
        "name": f"web-{number}",
        "workload": "web",
        "node": "fe1",
        "interface": kea_server().INTERFACE,
        "assign": "netlink",
        "netns": namespace,
        "instance_interface": INTERFACE,
        "gateway": kea_server().SERVER,
    }
    return read_instance(asked, "instance")


def fill(ledger: Any) -> None:
    """A thousand addresses, reserved."""
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.pools import declare_pools
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservation_requests import read_reservations
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservations import reserve

    times = {"starts_at": "2020-01-01T00:00:00Z", "expires_at": "2200-01-01T00:00:00Z"}
    pool = {"name": "shadow", "kind": "shadow", "prefixes": [SHADOW], "quarantine": "0s"}
    with ledger.transaction() as transaction:
        declare_pools(transaction, [pool])
        asked = {"name": "r1", "workload": "web", "instances": 1000, "node": "fe1", **times}
        reserve(transaction, read_reservations([asked]))


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """All that is needed, warm: reserved in the ledger, floors on the node, sockets open, Kea at work."""
    from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.desk import give
    from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.kea import open_kea
    from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.lease import Lease, Owner
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.registry import open_transport
    from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
    from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
    from ansible_collections.shadownet.ipam.tests.integration.namespaces import namespaces, wait_for

    link, server = kea_server().INTERFACE, kea_server().SERVER
    with namespaces("node", "vm") as lab, Ledger(folder / "ledger.db", create=True) as ledger:
        lab.join("node", link, "vm", INTERFACE)
        lab.run("node", "ip", "address", "add", f"{server}/16", "dev", link)
        wait_for(lambda: "LOWER_UP" in lab.run("node", "ip", "link", "show", link), what="the link")
        kea = kea_server().Kea(lab.names["node"], folder / "kea")
        kea.start()
        try:
            found = lab.json("vm", "ip", "-j", "link", "show", INTERFACE)[0]["address"]
            owner = Owner(instance="dhcp-1")
            give(open_kea(socket=str(kea.socket)), Lease(address=LEASED, mac=found, owner=owner))
            fill(ledger)
            with ActiveRouteManager(
                ledger, lambda name: open_transport("netlink", netns=lab.names["node"]), background=False
            ) as manager:
                manager.reconcile("fe1")
                made = Site(lab, kea, manager, folder)
                try:
                    yield made
                finally:
                    made.wire.close()
        finally:
            kea.stop()


def measure(folder: Path) -> list[harness.Result]:
    """All lines of this benchmark."""
    shadow, steps, dhclient, udhcpc = [], [], [], []
    with site(folder) as made:
        made.shadow(0)  # the first one opens what is kept open
        for number in range(1, ROUNDS + 1):
            took, parts = made.shadow(number)
            shadow.append(took)
            steps.append(parts)
            dhclient.append(made.dhclient())
            udhcpc.append(made.udhcpc())
    middle = {step: harness.middle(one[step] for one in steps) for step in steps[0]}
    print("created by the manager, ms:", ", ".join(f"{step} {value:.2f}" for step, value in middle.items()))
    ours = harness.middle(shadow)
    first = "created -> first ping, shadow / "
    return [
        harness.compare(f"{first}dhclient on Kea", ours, harness.middle(dhclient), "ms", 0.25),
        harness.compare(f"{first}udhcpc on Kea", ours, harness.middle(udhcpc), "ms", 0.25),
    ]


def main() -> int:
    """Runs and prints."""
    with tempfile.TemporaryDirectory() as folder:
        harness.as_collection(Path(folder))
        if (reason := kea_server().why_not()) is not None:
            print(f"skipped: {reason}")
            return 0
        return harness.report(measure(Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
