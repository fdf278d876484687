# SPDX-License-Identifier: GPL-3.0-or-later
"""1, 10 and 50 NETCONF nodes in one run of the playbook ``request``: what a node costs when it is one of many.

``python tests/benchmarks/bench_netconf_nodes.py`` as root, with Debian's netconfd and openssh-server: each node is a
server of its own, started here, on loopback, and ended. Two subnets for each node, as many forks as nodes. Two lines
hold the time of a node in the largest run against that in the middle one, after the run of one node is taken off as
what every run costs: by the wall clock, and by the CPU time of the controller. If nodes share nothing but the cores, a
node costs the same in both. The last line holds the wall clock against all CPU time of controller and servers, shared
out over the cores: 1 means that nothing waited (on a machine with nothing else to do).
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import harness

SIZES = (1, 10, 50)
TARGET = 1.5


class Cost(NamedTuple):
    """Seconds of one run."""

    wall: float
    controller: float
    servers: float


def controller_seconds() -> float:
    """CPU time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def server_seconds(nodes: Any) -> float:
    """CPU time of netconfd, of sshd, and of the children that sshd had for the sessions."""
    ticks = 0
    for server in nodes.servers.values():
        for process in server._processes:
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def run(folder: Path, count: int) -> Cost:
    """One first run over so many nodes."""
    from ansible_collections.shadownet.ipam.tests.integration.netconf.fleet import fleet

    home = folder / str(count)
    home.mkdir()
    with fleet(home / "nodes", count) as nodes:
        nodes.known_hosts(home)
        requests = [
            {"name": f"{what}-{node}", "prefix_length": 28, "node": node}
            for node in nodes.servers
            for what in ("web", "db")
        ]
        variables = {
            "shadownet_pools": [{"name": "bench", "prefixes": ["10.0.0.0/16"]}],
            "shadownet_requests": requests,
        }
        (home / "request.json").write_text(json.dumps(variables))
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "HOME": str(home),
            "ANSIBLE_COLLECTIONS_PATH": str(folder),
            "SHADOWNET_LEDGER": str(home / "ledger.db"),
        }
        program = str(Path(sys.executable).parent / "ansible-playbook")
        command = [program, "shadownet.ipam.request", "-i", str(nodes.inventory()), "-e", f"@{home}/request.json"]
        controller, servers, started = controller_seconds(), server_seconds(nodes), time.perf_counter()
        done = subprocess.run(
            [*command, "--forks", str(count)], env=environment, capture_output=True, text=True, check=False
        )
        wall = time.perf_counter() - started
        if done.returncode != 0 or done.stdout.count(": active") != len(requests):
            raise RuntimeError(done.stdout[-3000:] + done.stderr[-2000:])
        return Cost(wall, controller_seconds() - controller, server_seconds(nodes) - servers)


def measure(folder: Path) -> list[harness.Result]:
    """All lines."""
    one, some, many = (run(folder, count) for count in SIZES)
    small, large = SIZES[1] - 1, SIZES[2] - 1
    what = f"a further node, of {SIZES[2]} / of {SIZES[1]}"
    mine = [1000 * (getattr(many, kind) - getattr(one, kind)) / large for kind in ("wall", "controller")]
    less = [1000 * (getattr(some, kind) - getattr(one, kind)) / small for kind in ("wall", "controller")]
    lines = [
        harness.compare(f"{what}: wall clock", mine[0], less[0], "ms", None),
        harness.compare(f"{what}: CPU time of the controller", mine[1], less[1], "ms", TARGET),
    ]
    for count, cost in zip(SIZES, (one, some, many), strict=True):
        cores = len(os.sched_getaffinity(0))
        busy = (cost.controller + cost.servers) / cores
        lines.append(
            harness.compare(f"{count} nodes: wall clock / CPU time over {cores} cores", cost.wall, busy, "s", None)
        )
    return lines


def main() -> int:
    """Runs and prints."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        harness.as_collection(folder)
        from ansible_collections.shadownet.ipam.tests.integration.netconf import server

        reason = server.why_not()
        if reason is not None:
            print(f"skipped: {reason}")
            return 0
        return harness.report(measure(folder))


if __name__ == "__main__":
    sys.exit(main())
