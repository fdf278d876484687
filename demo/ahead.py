# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's chapters on addresses that stand ready before anybody needs them.

::

    client ---- router ---- fe1 ---- vm1, vm2, vm3    (expected: a forecast has reserved for them)
                             \\------ burst            (nobody expected it)

``fe1`` reaches its virtual machines over a bridge that is the hypervisor's; Kea serves DHCP there, where it is
installed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import yaml

from ansible_collections.shadownet.ipam.demo.lab import PROBE, Lab, LabError, ip, ip_json
from ansible_collections.shadownet.ipam.demo.words import Clock, Words
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instance_requests import read_instances
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.assign import Assigner, open_assigner
from ansible_collections.shadownet.ipam.tests.integration.ansible_run import Run
from ansible_collections.shadownet.ipam.tests.integration.dhcp import kea_server
from ansible_collections.shadownet.ipam.tests.integration.dhcp.clients import udhcpc

FLOOR, INSTANCES = "10.65.0.0/24", "10.66.0.0/24"
EXPECTED = ("vm1", "vm2", "vm3")
BURST = "burst"
BRIDGE, GATEWAY = "vms", "10.66.0.1"
# The network and broadcast addresses, which hosts that think in subnets cannot use.
_ENDS = {FLOOR: ["10.65.0.0", "10.65.0.255"], INSTANCES: ["10.66.0.0", "10.66.0.255"]}
_TRANSIT = ("198.18.1.1", "198.18.1.2")
_PATIENCE = "5"


def why_no_kea() -> str | None:
    """Why the unexpected machine gets its address without DHCP, or None."""
    reason = kea_server.why_not()
    return None if reason is None else f"{reason}: apt-get install them, then make demo again"


class Teller(Protocol):
    """What the chapters need of the demo."""

    words: Words
    lab: Lab

    def run(self, name: str, shown: str, *arguments: str) -> Run:
        """Runs a playbook, and shows the command."""


class Ahead:
    """The chapters, and what they share."""

    def __init__(self, teller: Teller, folder: Path) -> None:
        """
        Args:
            folder: where the demo keeps its ledger and files.
        """
        self._teller, self._words, self._lab = teller, teller.words, teller.lab
        self._folder = folder
        self._kea: kea_server.Kea | None = None
        self._addresses: dict[str, str] = {}

    def chapters(self) -> list[tuple[str, Callable[[], None]]]:
        """The chapters by name."""
        every = (self.reserve, self.created, self.unexpected, self.deleted)
        return [(chapter.__name__, chapter) for chapter in every]

    def stop(self) -> None:
        """Ends Kea."""
        if self._kea is not None:
            self._kea.stop()

    # The chapters.

    def reserve(self) -> None:
        """A forecast says: three more machines of web within the hour"""
        self._wire()
        begins = datetime.now(UTC).replace(microsecond=0)
        forecast = {
            "shadownet_pools": [
                {"name": "shadow", "kind": "shadow", "prefixes": [FLOOR], "excluded": _ENDS[FLOOR], "quarantine": "6s"},
                {
                    "name": "instances",
                    "prefixes": [INSTANCES],
                    "excluded": [*_ENDS[INSTANCES], GATEWAY],
                    "quarantine": "6s",
                },
            ],
            "shadow_reservations": [
                {
                    "workload": "web",
                    "instances": len(EXPECTED),
                    "node": "fe1",
                    "starts_at": begins.isoformat(),
                    "expires_at": (begins + timedelta(hours=1)).isoformat(),
                    "confidence": 0.95,
                }
            ],
        }
        path = self._folder / "forecast.yml"
        path.write_text(yaml.safe_dump(forecast, sort_keys=False))
        run = self._teller.run("reserve", "-e @forecast.yml", "-e", f"@{path}")
        (reserved,) = run.task("reservation")["reservations"]
        for one in reserved["prefixes"]:
            self._words.say(f"  {one['cidr']} for the next instance of web")
        self._addresses = {
            name: one["cidr"].partition("/")[0] for name, one in zip(EXPECTED, reserved["prefixes"], strict=True)
        }
        standing = {one["dst"] for one in ip_json("fe1", "route show type blackhole proto 201")}
        wanted = {FLOOR, *(block.removesuffix("/32") for block in reserved["blocks"])}
        text = f"fe1 has inactive routes: the pool's floor {FLOOR}, and {', '.join(reserved['blocks'])}"
        self._words.claim(wanted <= standing, text, str(sorted(standing)))
        first = self._addresses[EXPECTED[0]]
        self._dropped(first, "though fe1 has a default route")
        found = self._lab.probe("client", "ping", first, "2", "0.5")
        self._words.claim(found["answered"] == 0, f"ping client -> {first}: no answer yet", str(found))

    def created(self) -> None:
        """The machines appear, and the active route manager is told"""
        with Ledger(self._folder / "ledger.db") as ledger, self._manager(ledger) as manager:
            manager.reconcile("fe1")
            for name in EXPECTED:
                self._plug(name)
                (request,) = read_instances(
                    [
                        {
                            "name": name,
                            "workload": "web",
                            "node": "fe1",
                            "interface": BRIDGE,
                            "gateway": GATEWAY,
                            "assign": "netlink",
                            "netns": name,
                            "instance_interface": "eth0",
                        }
                    ]
                )
                with _FirstAnswer(self._addresses[name]) as first:
                    began = time.monotonic()
                    done = manager.created(request)
                    took = first.wait()
                steps = ", ".join(f"{step} {spent:.1f} ms" for step, spent in done.milliseconds.items())
                self._words.claim(
                    done.source == "shadow" and done.address == self._addresses[name],
                    f"{name}: {done.prefix}, reserved for it ({steps})",
                    f"{done.source} {done.address}",
                )
                self._words.claim(
                    took is not None,
                    f"created -> first ping client -> {name} answered",
                    "the machine does not answer",
                    (took or began) - began,
                )
        statuses = self._statuses()
        self._words.claim(
            set(statuses.values()) == {"active"},
            "read back from fe1: all three are active in the ledger",
            str(statuses),
        )

    def unexpected(self) -> None:
        """A machine that nobody expected"""
        with_kea = why_no_kea() is None
        self._plug(BURST)
        mac = ip_json(BURST, "link show eth0")[0]["address"]
        instance: dict[str, Any] = {"name": BURST, "workload": "batch", "pools": ["instances"]}
        instance |= {"node": "fe1", "interface": BRIDGE, "gateway": GATEWAY}
        if with_kea:
            self._start_kea()
            instance |= {"fallback": "dhcp", "mac": mac}
        else:
            instance |= {"assign": "netlink", "netns": BURST, "instance_interface": "eth0"}
        run = self._instances("instance_created", instance)
        (got,) = run.task("Take what is reserved")["instances"]
        self._words.say(f"  {got['cidr']} from pool {got['pool']}: {got['source']}")
        self._words.claim(
            got["source"] == "dynamic" and bool(got["missed"]),
            f"the ledger keeps the miss for the next forecast: {got['missed']}",
            str(got),
        )
        if with_kea:
            with Clock() as clock:
                address = udhcpc(BURST, "eth0", self._folder / "udhcpc", GATEWAY)
            self._words.claim(
                address == got["address"], f"udhcpc gets just that address from Kea: {address}", str(got), clock.seconds
            )
            ip(BURST, f"route replace default via {GATEWAY} onlink dev eth0")
        found = self._lab.probe("client", "ping", got["address"], "3", _PATIENCE)
        took = (found["milliseconds"] or 0) / 1000
        text = f"ping client -> {BURST} {got['address']}: {found['answered']} of 3 answered"
        self._words.claim(found["answered"] == 3, text, str(found), took)

    def deleted(self) -> None:
        """The machines go, and the ledger tells how good the forecast was"""
        with Ledger(self._folder / "ledger.db") as ledger, self._manager(ledger) as manager:
            manager.reconcile("fe1")
            for name in EXPECTED[:2]:
                done = manager.deleted(name)
                steps = ", ".join(f"{step} {spent:.1f} ms" for step, spent in done.milliseconds.items())
                self._words.say(f"{name} deleted ({steps})")
            manager.settle()
        for name in EXPECTED[:2]:
            self._dropped(self._addresses[name], "again, by what stayed beneath its route")
        statuses = self._statuses()
        self._words.claim(set(statuses) == {EXPECTED[2], BURST}, f"{EXPECTED[2]} lives on", str(statuses))
        self._instances("instance_deleted", {"name": BURST})
        run = self._teller.run("status", "")
        usage = {one["workload"]: one for one in run.task("Look at pools and nodes")["usage"]["workloads"]}
        rows = [("workload", "created", "from reservations", "hit rate", "idle h", "used h")]
        for name, one in usage.items():
            rate = "none" if one["hit_rate"] is None else f"{one['hit_rate']:.0%}"
            rows.append(
                (name, str(one["created"]), str(one["hits"]), rate, str(one["idle_hours"]), str(one["used_hours"]))
            )
        self._words.table(rows)
        rates = {name: one["hit_rate"] for name, one in usage.items()}
        self._words.claim(rates == {"web": 1.0, "batch": 0.0}, "hit rates: all of web, none of batch", str(rates))

    # What they are made of.

    def _wire(self) -> None:
        """The way of the client to the machines, and fe1's default route, over which nothing may leak."""
        self._lab.cable("router", "transit", "fe1", "uplink")
        for host, port, near in (("router", "transit", _TRANSIT[0]), ("fe1", "uplink", _TRANSIT[1])):
            self._lab.address(host, port, f"{near}/30")
        for prefix in (FLOOR, INSTANCES):
            ip("router", f"route add {prefix} via {_TRANSIT[1]}")
        ip("fe1", f"route add default via {_TRANSIT[0]}")
        ip("fe1", f"link add {BRIDGE} type bridge")
        self._lab.address("fe1", BRIDGE, f"{GATEWAY}/24")
        ip("fe1", f"link set {BRIDGE} up")

    def _plug(self, name: str) -> None:
        """The hypervisor starts a machine."""
        self._lab.add(name)
        self._lab.cable(name, "eth0", "fe1", f"tap-{name}")
        ip("fe1", f"link set tap-{name} master {BRIDGE}")

    def _manager(self, ledger: Ledger) -> ActiveRouteManager:
        assigners: dict[str, Assigner] = {}
        if self._kea is not None:
            with ledger.snapshot() as transaction:
                ledger_id = transaction.ledger_id()
            assigners["dhcp"] = open_assigner("dhcp", ledger_id=ledger_id, socket=str(self._kea.socket))
        return ActiveRouteManager(
            ledger, NetlinkTransport, attachments={"fe1": {"type": "bridge"}}, assigners=assigners, actor="demo"
        )

    def _dropped(self, address: str, why: str) -> None:
        try:
            said = ip("fe1", f"route get {address}")
        except LabError as error:
            said = str(error)
        text = f"fe1 drops packets to {address}, {why}"
        self._words.claim("Invalid argument" in said or "unreachable" in said, text, said)

    def _instances(self, playbook: str, instance: dict[str, Any]) -> Run:
        path = self._folder / "instances.yml"
        given: dict[str, Any] = {"shadownet_instances": [instance]}
        if self._kea is not None:
            given["shadownet_dhcp"] = {"socket": str(self._kea.socket)}
        path.write_text(yaml.safe_dump(given))
        return self._teller.run(playbook, "-e @instances.yml", "-e", f"@{path}")

    def _statuses(self) -> dict[str, str]:
        with Ledger(self._folder / "ledger.db") as ledger, ledger.snapshot() as transaction:
            return {item.name: item.status for item in transaction.instances()}

    def _start_kea(self) -> None:
        served = {
            "id": 1,
            "subnet": INSTANCES,
            "interface": BRIDGE,
            "pools": [{"pool": INSTANCES}],
            "option-data": [{"name": "routers", "data": GATEWAY}],
        }
        interfaces = {"interfaces": [BRIDGE], "dhcp-socket-type": "raw"}
        self._kea = kea_server.Kea("fe1", self._folder / "kea", [served], **{"interfaces-config": interfaces})
        with Clock() as clock:
            self._kea.start()
        self._words.say("Kea serves DHCP to the machines", clock.seconds)


class _FirstAnswer:
    """A client that pings an address over and over, from before it is there until it answers."""

    def __init__(self, address: str) -> None:
        words = ["ip", "netns", "exec", "client", sys.executable, str(PROBE), "first", address, _PATIENCE]
        self._probe = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> _FirstAnswer:
        if self._probe.stdout is None or self._probe.stdout.readline() != "ready\n":
            raise LabError("the client does not ping")
        return self

    def wait(self) -> float | None:
        """When the first answer came, on this machine's monotonic clock; None if none came in time."""
        said = self._probe.stdout.readline() if self._probe.stdout is not None else ""
        found: float | None = json.loads(said)["at"] if said else None
        return found

    def __exit__(self, *_error: object) -> None:
        with suppress(ProcessLookupError):
            self._probe.kill()
        self._probe.wait()
