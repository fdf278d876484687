# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: one story in chapters, each with claims that are checked against the kernel and by real traffic.

``demo/run`` starts it in namespaces of its own. Whatever does not hold ends it with status 1, and the output of
Ansible is kept and shown.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.shadownet.ipam.demo.ahead import Ahead, why_no_kea
from ansible_collections.shadownet.ipam.demo.forecast import Forecast, why_no_forecast
from ansible_collections.shadownet.ipam.demo.lab import CLIENT, Lab, LabError, command, inside, ip, marked
from ansible_collections.shadownet.ipam.demo.netconf_node import NetconfNode, why_not
from ansible_collections.shadownet.ipam.demo.words import Broken, Clock, Words
from ansible_collections.shadownet.ipam.tests.integration.ansible_run import Ansible, Run

HERE = Path(__file__).parent
PLACE = Path("/run/shadownet-demo")
NETCONF = "demo/netconf"
ECHOES = 3
FAST, SLOW = "0.5", "5"
QUARANTINE = 6.5


class Demo:
    """The state of one run: the lab, Ansible, and what was handed out."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.lab = Lab()
        self.log = PLACE / "ansible.log"
        self.subnets: dict[str, dict[str, Any]] = {}
        given = yaml.safe_load((HERE / "vars.yml").read_text())
        self.requests = {one["name"]: one for one in given["shadownet_requests"]}
        self.prefixes = [prefix for pool in given["shadownet_pools"] for prefix in pool["prefixes"]]
        self.behind = [
            p for pool in given["shadownet_pools"] if pool.get("gateway") != "router" for p in pool["prefixes"]
        ]
        plugins = {"ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connection_plugins")}
        self.second = NetconfNode(self.lab, PLACE)
        self.ahead = Ahead(self, PLACE)
        self.forecast = Forecast(self, PLACE)
        self.ansible = Ansible(PLACE, environment=plugins | {"SHADOWNET_LEDGER": str(PLACE / "ledger.db")})

    # What the chapters are made of.

    def playbook(self, name: str, folder: str = "demo") -> Run:
        """Runs a playbook of the collection with the inventory and variables in a folder, and shows the command."""
        variables = f"{folder}/vars.yml"
        return self.run(name, f"-e @{variables}", "-e", f"@{HERE.parent / variables}", folder=folder)

    def run(self, name: str, shown: str, *arguments: str, folder: str = "demo") -> Run:
        """Runs a playbook with the inventory in a folder; ``shown`` are the arguments as a user would write them."""
        inventory = f"{folder}/inventory.yml"
        with Clock() as clock:
            run = self.ansible.playbook(f"shadownet.ipam.{name}", "-i", str(HERE.parent / inventory), *arguments)
        shown = f"ansible-playbook shadownet.ipam.{name} -i {inventory} {shown}".rstrip()
        self._keep(shown, run)
        self.words.command(shown, clock.seconds)
        if run.rc:
            raise Broken(f"the playbook {name} ended with {run.rc}")
        return run

    def _keep(self, shown: str, run: Run) -> None:
        with self.log.open("a") as log:
            log.write(f"$ {shown}\n{run.output}\n")

    def ping(self, subnet: dict[str, Any], count: int = ECHOES, patience: str = SLOW) -> dict[str, Any]:
        """ICMP echo from the client to the service host in a subnet."""
        found: dict[str, Any] = self.lab.probe("client", "ping", subnet["first_host"], str(count), patience)
        return found

    def pings(self, *names: str) -> None:
        """Claims that the service hosts in these subnets answer the client, and tells how far away they are."""
        for name in names or self.subnets:
            subnet = self.subnets[name]
            found = self.ping(subnet)
            way = {1: "router, fe1's bridge", 2: "router, fe1"}.get(found["routers"], "an unknown way")
            self.words.claim(
                found["answered"] == ECHOES,
                f"ping client -> {name} {subnet['first_host']}: {found['answered']} of {ECHOES} answered, by {way}",
                "the service host does not answer",
                (found["milliseconds"] or 0) / 1000,  # the best of them
            )

    def silence(self, *names: str) -> None:
        """Claims that nobody answers at the addresses of these subnets."""
        with ThreadPoolExecutor(len(names)) as at_once:
            every = list(at_once.map(lambda name: self.ping(self.subnets[name], 2, FAST), names))
        for name, found in zip(names, every, strict=True):
            text = f"ping client -> {name} {self.subnets[name]['first_host']}: no answer"
            self.words.claim(found["answered"] == 0, text, f"{found['answered']} of 2 were answered")

    def connects(self, port: int, expected: str, why: str) -> None:
        """Claims what TCP from the client to a port of the web host leads to."""
        address = self.subnets["web"]["first_host"]
        found = self.lab.probe("client", "connect", address, str(port), SLOW if expected == "answers" else FAST)
        took = found["milliseconds"] / 1000 if expected == "answers" else None
        text = f"TCP client -> web {address} port {port}: {expected}{why}"
        self.words.claim(found["said"].startswith(expected), text, found["said"], took)

    # The chapters.

    def build(self) -> None:
        """The lab: a front-end node without a single subnet"""
        with Clock() as clock:
            self.lab.build()
        self.words.say("client ---- router ==== fe1 ---- web, db, edge          (namespaces of this run alone)")
        self.words.say(
            f"client {CLIENT[0]}, {CLIENT[1]}; fe1 forwards, and has no subnet and no way out", clock.seconds
        )
        self.words.claim(marked("fe1") == [], "fe1 carries nothing of ours", ", ".join(marked("fe1")))

    def request(self) -> None:
        """Three services ask for subnets"""
        run = self.playbook("request")
        self.subnets = {one["name"]: one for one in run.task("Look the subnets up")["subnets"]}
        steps = {"pools declared": "pool", "5 subnets handed out": "subnet", "fe1 configured": "frontend_config"}
        for text, task in steps.items():
            self.words.say(f"  {text}", run.task(task).seconds)
        rows = [("service", "asked for", "got", "gateway", "on fe1")]
        for name, one in self.subnets.items():
            on = f"{one['interface']} {one['ip_address']}"
            rows.append((name, _asked(self.requests[name]), one["cidr"], one["gateway"], on))
        self.words.table(rows)
        states = {name: one["status"] for name, one in self.subnets.items()}
        self.words.claim(set(states.values()) == {"active"}, "the ledger has all 5 as active", str(states))
        carried = inside("fe1", self.prefixes)
        wanted = sorted(one["ip_address"] for one in self.subnets.values())
        self.words.claim(sorted(carried) == wanted, "fe1's kernel has their addresses", ", ".join(carried))
        self.plug()

    def plug(self) -> None:
        """What others do meanwhile: the hypervisor plugs service hosts in, the provider its router."""
        with Clock() as clock:
            for one in self.subnets.values():
                self.lab.plug(one)
                if one["pool"] == "provider":
                    self.lab.uplink(one, self.behind)
            self.lab.serve("web", 80, 8080)
            self.lab.serve("db", 5432)
        self.words.say(
            "service hosts plugged in by hypervisor; provider routes the pools to fe1's address in edge", clock.seconds
        )

    def reach(self) -> None:
        """Traffic from the client reaches every subnet"""
        self.pings()

    def guard(self) -> None:
        """The security profile lets in HTTP and nothing else"""
        address = self.subnets["web"]["first_host"]
        for port in (80, 8080):
            found = self.lab.probe("web", "connect", address, str(port), SLOW)
            self.words.claim(found["said"] == "answers", f"the web host itself serves port {port}", found["said"])
        self.connects(80, "answers", "")
        self.connects(8080, "no answer", ", dropped at fe1 by the profile")

    def limit(self) -> None:
        """The bandwidth that was asked for is the bandwidth that is there"""
        asked = self.subnets["web"]["bandwidth"]
        rate = self.lab.probe("client", "send", self.subnets["web"]["first_host"], "80", "1")["bits_per_second"]
        text = f"TCP client -> web: {rate / 1e6:.1f} Mbit/s of the {asked / 1e6:.0f} Mbit/s that it asked for"
        self.words.claim(0.5 * asked < rate < 1.1 * asked, text, "not within 50 to 110 %")
        free = self.lab.probe("client", "send", self.subnets["db"]["first_host"], "5432", "0.3")["bits_per_second"]
        text = f"TCP client -> db: {free / 1e6:.0f} Mbit/s, it asked for no limit"
        self.words.claim(free > 2 * rate, text, "as slow as if it had one")

    def rerun(self) -> None:
        """Asking again changes nothing"""
        run = self.playbook("request")
        self.words.claim(run.changed == 0, "changed=0 on every host", str(run.stats))
        again = {one["name"]: one["cidr"] for one in run.task("Look the subnets up")["subnets"]}
        same = again == {name: one["cidr"] for name, one in self.subnets.items()}
        self.words.claim(same, "the same prefixes", str(again))

    def drift(self) -> None:
        """Somebody works on fe1 by hand"""
        web, edge, db = (self.subnets[name] for name in ("web", "edge", "db"))
        default = next(line for line in ip("fe1", "-4 route show default").splitlines() if edge["interface"] in line)
        by_hand = (
            f"ip address del {web['ip_address']}/{web['prefix_length']} dev {web['interface']}",
            f"ip route del {default.strip()}",
            f"ip link set {db['interface']} down",
            f"tc qdisc del dev {web['interface']} root",
            f"ip route add 10.99.0.0/24 via {web['first_host']} proto 201 onlink dev {web['interface']}",
            "ip link add mgmt0 type bridge",
            "ip address add 192.0.2.1/24 dev mgmt0",
            "ip link set mgmt0 up",
            "ip route add 192.0.2.128/25 via 192.0.2.2",
        )
        for line in by_hand:
            program, *rest = line.split()
            command(program, "-n", "fe1", *rest)
            self.words.say(f"# {line}")
        left = self.lab.probe("fe1", "tables", "delete")
        self.words.say("# table inet shadownet deleted, as `nft delete table inet shadownet` does")
        self.words.claim("shadownet" not in left, "the access lists are off the kernel", str(left))
        self.silence("web", "db")

    def reconcile(self) -> None:
        """reconcile compares book and kernel, and repairs what is ours"""
        run = self.playbook("reconcile")
        drift = run.task("Compare")["drift"]
        for one in drift:
            self.words.say(f"  {one['kind']:8} {one['object']} {one['key']}")
        kinds = {(one["kind"], one["object"]) for one in drift}
        wanted = {
            *(("missing", what) for what in ("address", "route", "access_list", "rate_limit")),
            ("changed", "interface"),
            ("leaked", "route"),
        }
        self.words.claim(wanted <= kinds, "every difference of ours was found", f"not {sorted(wanted - kinds)}")
        words = str(drift)
        foreign = "mgmt0" not in words and "192.0.2." not in words
        self.words.claim(foreign, "mgmt0 and its route are somebody else's, and in nobody's way: not named", words)
        self.words.say("repaired", run.task("Push the node's configuration").seconds)

    def repaired(self) -> None:
        """After the repair all is as before"""
        self.pings("web", "db", "edge")
        self.connects(80, "answers", "")
        self.connects(8080, "no answer", ", the profile is back")
        self.words.claim("10.99.0.0/24" not in ip("fe1", "route show"), "the leaked route is gone", "it is there")
        there = "192.0.2.1" in ip("fe1", "address show") and "192.0.2.128/25" in ip("fe1", "route show")
        self.words.claim(there, "mgmt0 and its route were left alone", "they are gone")
        run = self.playbook("reconcile")
        drift = run.task("Compare")["drift"]
        self.words.claim(not drift and run.changed == 0, "reconcile finds no difference any more", str(drift))

    def release(self) -> None:
        """The services give their subnets back"""
        run = self.playbook("release")
        self.released = time.monotonic()
        self.words.say("  fe1 cleared", run.task("frontend_config").seconds)
        book = self.pools(run.task("Look at the pools")["pools"])
        resting = sum(one["prefixes_in_quarantine"] for one in book)
        self.words.claim(resting == len(self.subnets), f"all {resting} prefixes rest in quarantine", str(book))

    def gone(self) -> None:
        """Nothing of ours is left on fe1"""
        left = marked("fe1")
        self.words.claim(left == [], "no interface and no route bears our mark", ", ".join(left))
        left = inside("fe1", self.prefixes)
        self.words.claim(left == [], "no address of the pools is left", ", ".join(left))
        left = self.lab.probe("fe1", "tables")
        self.words.claim("shadownet" not in left, "no access list is left", ", ".join(left))
        there = "192.0.2.128/25" in ip("fe1", "route show")
        self.words.claim(there, "mgmt0 and its route are still there", "they are gone")
        self.silence(*self.subnets)

    def free(self) -> None:
        """After quarantine the space is free again"""
        time.sleep(max(0.0, self.released + QUARANTINE - time.monotonic()))
        book = self.pools(self.playbook("status").task("Look at pools and nodes")["pools"])
        used = [one for one in book if one["used"] or one["prefixes_in_quarantine"]]
        self.words.claim(not used, "nothing in use, nothing in quarantine", str(used))
        run = self.ansible.play([{"shadownet.ipam.ledger": {"state": "verified"}}])
        self._keep("ansible localhost -m shadownet.ipam.ledger -a state=verified", run)
        problems = run.task("ledger").result.get("problems", [run.output])
        self.words.claim(run.rc == 0 and not problems, "ledger verified: its blocks tile every pool", str(problems))

    def pools(self, book: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Shows what the ledger says of its pools."""
        for one in book:
            text = f"{one['used_percent']} % in use, {one['prefixes_in_quarantine']} prefixes in quarantine"
            self.words.say(f"  {one['pool']} {one['family']}: {text}, largest free block /{one['largest_free']}")
        return book

    # The second node.

    def netconf(self) -> None:
        """Another node is a NETCONF server"""
        with Clock() as clock:
            self.second.start()
        self.words.say("controller ---- fe2 ---- cache, app          (shadownet-node runs on fe2)", clock.seconds)
        run = self.playbook("request", NETCONF)
        self.words.say("  fe2 configured: one edit, one confirmed commit", run.task("frontend_config").seconds)
        self.subnets = {one["name"]: one for one in run.task("Look the subnets up")["subnets"]}
        states = {name: one["status"] for name, one in self.subnets.items()}
        self.words.claim(set(states.values()) == {"active"}, "the ledger has both subnets as active", str(states))
        for one in self.subnets.values():
            self.lab.plug(one)
        cache = self.subnets["cache"]["first_host"]
        found = self.lab.probe("app", "ping", cache, str(ECHOES), SLOW)
        text = f"ping app -> cache {cache}: {found['answered']} of {ECHOES} answered, by fe2"
        answered = found["answered"] == ECHOES and found["routers"] == 1
        self.words.claim(answered, text, str(found), (found["milliseconds"] or 0) / 1000)
        self.lab.serve("cache", 11211, 22)
        for port, expected in ((11211, "answers"), (22, "no answer")):
            found = self.lab.probe("app", "connect", cache, str(port), SLOW if expected == "answers" else FAST)
            text = f"TCP app -> cache {cache} port {port}: {expected}"
            self.words.claim(found["said"].startswith(expected), text, found["said"])

    def commit(self) -> None:
        """Its commit is the kernel's configuration, or fails with the kernel's words"""
        before = ip("fe2", "route show")
        route = {"prefix": "10.99.0.0/24", "next_hop": "203.0.113.1"}
        inventory = str(HERE / "netconf/inventory.yml")
        task = {"shadownet.ipam.frontend_config": {"transport": "netconf", "config": {"routes": [route]}}}
        run = self.ansible.play([task], "-i", inventory, hosts="fe2")
        self._keep("ansible fe2 -m shadownet.ipam.frontend_config -a '...'", run)
        said = run.failed()["msg"]
        self.words.say("a route to a gateway that cannot be reached:")
        self.words.say(f"  {said}")
        self.words.claim("nreachable" in said, "refused, in the kernel's words", said)
        self.words.claim(ip("fe2", "route show") == before, "fe2's routes are as they were", ip("fe2", "route show"))

    def second_release(self) -> None:
        """And gives back what it carried"""
        self.playbook("release", NETCONF)
        left = marked("fe2")
        self.words.claim(left == [], "no interface and no route on fe2 bears our mark", ", ".join(left))

    def chapters(self) -> list[tuple[str, Callable[[], None]]]:
        """The chapters by the names that DEMO_BREAK knows."""
        names = "build request reach guard limit rerun drift reconcile repaired release gone free"
        second = "netconf commit second_release" if why_not() is None else ""
        one, two = ([(name, getattr(self, name)) for name in some.split()] for some in (names, second))
        return one + self.ahead.chapters() + self.forecast.chapters() + two


def _asked(request: dict[str, Any]) -> str:
    size = f"{request['addresses']} addresses" if "addresses" in request else f"a /{request['prefix_length']}"
    parts = [size, "IPv6" if request.get("family") == "ipv6" else ""]
    parts += [
        request.get("bandwidth", ""),
        f"profile {request['security_profile']}" if "security_profile" in request else "",
    ]
    parts += [f"in {request['location']}" if "location" in request else "", *request.get("pools", ())]
    return ", ".join(part for part in parts if part)


def _end(*_arguments: object) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    """Tells the story; the exit status."""
    signal.signal(signal.SIGTERM, _end)
    outside = os.environ.get("TMPDIR")
    PLACE.mkdir(parents=True)
    words = Words()
    demo = Demo(words)
    spoiler, _colon, spoil = os.environ.get("DEMO_BREAK", "").partition(":")
    try:
        with Clock() as clock:
            for name, chapter in demo.chapters():
                words.chapter(chapter.__doc__ or name)
                chapter()
                if name == spoiler:
                    command("sh", "-c", spoil)
    except (Broken, LabError, AssertionError, subprocess.SubprocessError) as error:
        words.failed(str(error).partition("\n")[0])
        _keep_log(demo.log, outside)
        return 1
    except KeyboardInterrupt:
        words.failed("interrupted")
        return 130
    except Exception:
        _keep_log(demo.log, outside)
        raise
    finally:
        demo.second.stop()
        demo.ahead.stop()
        demo.lab.close()
    words.chapter("Done")
    if (reason := why_not()) is not None:
        words.say(f"Left out: a second node that speaks NETCONF {reason}.")
    if (reason := why_no_kea()) is not None:
        words.say(f"Left out: DHCP for the machine that nobody expected {reason}.")
    if (reason := why_no_forecast()) is not None:
        words.say(f"Left out: forecasts {reason}.")
    words.say(f"{words.claims} claims checked, all hold; the lab goes with its namespaces", clock.seconds)
    return 0


def _keep_log(log: Path, outside: str | None) -> None:
    if not log.exists():
        return
    kept = Path(tempfile.mkdtemp(prefix="shadownet-demo-", dir=outside)) / "ansible.log"
    shutil.copy(log, kept)
    print(f"   Ansible said (all of it in {kept}):")
    for line in log.read_text().rstrip().splitlines()[-25:]:
        print(f"   | {line}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
