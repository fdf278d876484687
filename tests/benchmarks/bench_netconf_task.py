# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole task ``frontend_config`` over NETCONF against ``ansible.netcommon.netconf_config``, on the same server.

``python tests/benchmarks/bench_netconf_task.py`` as root, with Debian's netconfd and openssh-server; the server is
started here, on loopback, and ended. netconf_config comes with PyPI's ``ansible``, in an environment of its own below
``build/`` that the first run makes (570 MB; that run needs a network, `make clean` removes it).

Both are plays through ``ansible-playbook``, whose start and end do not count: a task's time is what Ansible needs from
the task's start on the host to its result. Every task of a play changes every route and the interface, to and fro
between two configurations; the first one adds them, and for the peer starts the connection that persists between its
tasks. The peer is set up for speed: it need not guess the kind of server, and runs in the controller's process. It
edits and commits at once; ours connects for each task, reads before, commits confirmed, reads back, and probes with a
second session.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import harness

SIZES = (1, 100, 1000)
TASKS, ROUNDS = 4, 3
TARGET = 1.0
LAST = "192.0.2.2"
PEER = harness.CHECKOUT / "build" / "netcommon"
NEEDS = ("ansible>=12.3", "ncclient>=0.7.1")
MARK = "SHADOWNET_BENCH"


def peer_environment() -> str | None:
    """Makes the environment of the peer where there is none; why that failed, or None."""
    if (PEER / "made").exists():
        return None
    print(f"Installing {', '.join(NEEDS)} into {PEER.relative_to(harness.CHECKOUT)} ...", flush=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(PEER)], check=True)
        pip = [
            str(PEER / "bin/python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--retries=1",
        ]
        subprocess.run([*pip, *NEEDS], check=True)
    except subprocess.CalledProcessError as error:
        return f"{error} (`make bench` has no network: run this file by itself once)"
    (PEER / "made").touch()
    return None


class Side:
    """One of the two: which Ansible, which inventory, which tasks."""

    def __init__(self, folder: Path, name: str, programs: Path, variables: dict[str, Any]) -> None:
        self.folder = folder / name
        self.name = name
        (self.folder / ".ssh").mkdir(parents=True)
        (self.folder / "hosts.json").write_text(json.dumps({"all": {"hosts": {"fe1": variables}}}))
        self._command = [str(programs / "ansible-playbook"), "-i", str(self.folder / "hosts.json")]
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "HOME": str(self.folder),
            "ANSIBLE_COLLECTIONS_PATH": str(folder if name == "ours" else self.folder / "none"),
            "ANSIBLE_PYTHON_INTERPRETER": str(programs / "python"),
            "ANSIBLE_CALLBACK_PLUGINS": str(harness.CHECKOUT / "tests/integration/callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "record",
            MARK: str(self.folder),
        }

    def play(self, tasks: list[dict[str, Any]]) -> list[str]:
        """The command for a play of these tasks."""
        file = self.folder / f"play{len(tasks)}.json"
        file.write_text(json.dumps([{"hosts": "fe1", "gather_facts": False, "tasks": tasks}]))
        return [*self._command, str(file)]

    def run(self, command: list[str], tasks: int) -> list[float]:
        """Runs it; how long each task took, in seconds. Every task has to change something."""
        record = self.folder / "record.jsonl"
        record.unlink(missing_ok=True)
        environment = {**self._environment, "SHADOWNET_TEST_RECORD": str(record)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        lines = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
        taken = [line["seconds"] for line in lines if line.get("status") == "changed"]
        if done.returncode != 0 or len(taken) != tasks:
            raise RuntimeError(f"{self.name}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return taken

    def peak(self, command: list[str], tasks: int) -> float:
        """The most memory that all processes of a run have at one time, in MB; shared pages count once."""
        mark = f"{MARK}={self.folder}\0".encode()
        most, over = 0.0, threading.Event()

        def watch() -> None:
            nonlocal most
            while not over.is_set():
                most = max(most, sum(_pss(place, mark) for place in Path("/proc").glob("[0-9]*")))
                time.sleep(0.01)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            self.run(command, tasks)
        finally:
            over.set()
            watcher.join()
        return most


def _pss(place: Path, mark: bytes) -> float:
    try:
        if mark not in (place / "environ").read_bytes():
            return 0.0
        found = re.search(rb"^Pss: +(\d+) kB", (place / "smaps_rollup").read_bytes(), re.MULTILINE)
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def sides(folder: Path, netconfd: Any) -> tuple[Side, Side]:
    """Ours and the peer's."""
    options = netconfd.options
    variables = {
        "ansible_host": options["host"],
        "ansible_port": options["port"],
        "ansible_user": options["username"],
        "ansible_private_key_file": options["private_key_file"],
    }
    peers = {"ansible_connection": "ansible.netcommon.netconf", "ansible_network_os": "default"}
    ours = Side(folder, "ours", Path(sys.executable).parent, variables)
    peer = Side(folder, "peer", PEER / "bin", {**variables, **peers, "ansible_command_timeout": 120})
    for side in (ours, peer):
        (side.folder / ".ssh/known_hosts").write_text(netconfd.known_hosts.read_text())
    return ours, peer


def config(size: int, last: int) -> dict[str, Any]:
    """An interface and routes."""
    routes = [{"prefix": f"10.{n // 250}.{n % 250}.0/24", "next_hop": f"192.0.2.{last}"} for n in range(size)]
    return {
        "interfaces": [{"name": "sn1", "type": "bridge", "description": f"to {last}", "addresses": ["192.0.2.254/24"]}],
        "routes": routes,
    }


class Bench:
    """Both sides on one server."""

    def __init__(self, folder: Path, netconfd: Any) -> None:
        from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.address import Address
        from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import NetconfTransport

        self.ours, self.peer = sides(folder, netconfd)
        self.transport = NetconfTransport(Address(**netconfd.options, timeout=120.0), node="bench")

    def tasks(self, side: Side, size: int, count: int) -> list[dict[str, Any]]:
        """The same configurations in the words of either module."""
        from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import transition
        from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

        made: list[dict[str, Any]] = []
        for last in (1 + number % 2 for number in range(count)):
            wanted = config(size, last)
            if side is self.ours:
                made.append({"shadownet.ipam.frontend_config": {"transport": "netconf", "config": wanted}})
            else:
                text = self.transport.render(transition(NodeConfig(), NodeConfig.from_dict(wanted)))
                made.append({"ansible.netcommon.netconf_config": {"content": "\n".join(text)}})
        return made

    def clear(self) -> None:
        """Empties the server."""
        from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
        from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

        push(self.transport, NodeConfig(), "deleted")

    def play(self, side: Side, size: int) -> list[float]:
        """Times of the tasks of a play on an empty server, which must carry the last of them afterwards."""
        self.clear()
        taken = side.run(side.play(self.tasks(side, size, TASKS)), TASKS)
        found = self.transport.read().config
        if {route.next_hop for route in found.routes} != {LAST} or len(found.routes) != size:
            raise RuntimeError(f"{side.name}: the server does not carry what the last task asked for")
        return taken

    def size(self, size: int) -> list[harness.Result]:
        """The lines of one size."""
        first: dict[str, list[float]] = {"ours": [], "peer": []}
        further: dict[str, list[float]] = {"ours": [], "peer": []}
        for number in range(ROUNDS):
            for side in (self.ours, self.peer) if number % 2 else (self.peer, self.ours):
                taken = [1000 * one for one in self.play(side, size)]
                first[side.name].append(taken[0])
                further[side.name] += taken[1:]
        return [
            harness.compare(
                f"{what} of {size:,} routes / netconf_config",
                harness.middle(found["ours"]),
                harness.middle(found["peer"]),
                "ms",
                TARGET,
            )
            for what, found in (("first task", first), ("further task", further))
        ]

    def run(self) -> list[harness.Result]:
        """All lines."""
        results = [line for size in SIZES for line in self.size(size)]
        peaks = {}
        for side in (self.ours, self.peer):
            self.clear()
            peaks[side.name] = side.peak(side.play(self.tasks(side, SIZES[-1], 2)), 2)
        what = f"peak memory of a play, {SIZES[-1]:,} routes / netconf_config"
        results.append(harness.compare(what, peaks["ours"], peaks["peer"], "MB", None))
        self.transport.close()
        return results


def main() -> int:
    """Runs and prints."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        harness.as_collection(folder)
        from ansible_collections.shadownet.ipam.tests.integration.netconf import server

        reason = server.why_not() or peer_environment()
        if reason is not None:
            print(f"skipped: {reason}")
            return 0
        with server.Netconfd(folder / "server") as netconfd:
            return harness.report(Bench(folder, netconfd).run())


if __name__ == "__main__":
    sys.exit(main())
