# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances created by the active route manager, against one durable commit of the same rows and one raw route add.

``python tests/benchmarks/bench_activation.py`` as root: makes network namespaces of its own and removes them. The
ledger lies in the current folder's temporary place (``TMPDIR``), so that is the disk that counts. ``--profile`` prints
where the time of a creation goes.
"""

from __future__ import annotations

import cProfile
import pstats
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import harness
from bench_routes import namespace

STANDING = (10, 1_000, 100_000)
ROUNDS, EACH = 40, 10
TARGET = 2.0


class Peer:
    """The floor: a bare connection that commits the rows of one creation, and a socket that adds one route."""

    def __init__(self, path: Path, name: str) -> None:
        from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink import links, routes
        from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.wire import NETLINK_ROUTE, Wire

        self._base = sqlite3.connect(path, isolation_level=None)
        self._base.execute("PRAGMA synchronous = FULL")
        self._base.execute("PRAGMA cache_size = -65536")
        self._wire = Wire(NETLINK_ROUTE, name)
        link = links.find(self._wire, "node0")
        assert link is not None
        self._encoder = routes.Encoder(lambda _name: link.index)
        self._instance = self._base.execute("SELECT * FROM instance LIMIT 1").fetchone()
        self._event = self._base.execute("SELECT * FROM event WHERE kind = 'instance.created' LIMIT 1").fetchone()
        self._reserved = self._base.execute(
            "SELECT reservation_id, ordinal, start FROM reserved WHERE state = 'reserved' ORDER BY ordinal DESC LIMIT 1"
        ).fetchone()
        self._number = 1_000_000

    def create(self) -> float:
        """Seconds for what no implementation can leave out."""
        run = self._base.execute
        self._number += 1
        instance = (self._number, f"peer-{self._number}", *self._instance[2:])
        event = (None, *self._event[1:5], f"peer-{self._number}", *self._event[6:])
        reservation, ordinal, start = self._reserved
        route = {"prefix": f"11.0.{self._number >> 8 & 255}.{self._number & 255}/32", "type": "unicast"}
        kind, flags, body = self._encoder.adding({**route, "interface": "node0"})
        began = time.perf_counter()
        run("BEGIN IMMEDIATE")
        run("UPDATE node SET revision = revision + 1 WHERE name = 'fe1'")
        run(f"INSERT INTO instance VALUES ({', '.join('?' * len(instance))})", instance)
        run(
            "UPDATE occupied SET kind = 'instance', holder_id = ? "
            "WHERE routing_domain_id = 1 AND family = 4 AND start = ?",
            (self._number, start),
        )
        run("UPDATE reserved SET state = 'active' WHERE reservation_id = ? AND ordinal = ?", (reservation, ordinal))
        run(f"INSERT INTO event VALUES ({', '.join('?' * len(event))})", event)
        run("COMMIT")
        self._wire.talk(kind, flags, body)
        took = time.perf_counter() - began
        run("UPDATE reserved SET state = 'reserved' WHERE reservation_id = ? AND ordinal = ?", (reservation, ordinal))
        return took

    def close(self) -> None:
        self._base.close()
        self._wire.close()


def fill(path: Path, standing: int) -> None:
    """A ledger with one reservation of ``standing`` prefixes on ``fe1``."""
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.pools import declare_pools
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservation_requests import read_reservations
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservations import reserve
    from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger

    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    with Ledger(path, create=True) as ledger, ledger.transaction() as transaction:
        declare_pools(transaction, [{"name": "s", "prefixes": ["10.0.0.0/8"], "kind": "shadow", "quarantine": "0s"}])
        item = {"workload": "web", "instances": standing, "node": "fe1", "expires_at": until}
        reserve(transaction, read_reservations([item]))


def created(path: Path, name: str, profile: bool) -> tuple[list[float], list[float], dict[str, float]]:
    """Milliseconds of each creation, of the peer's in between, and the medians of the steps."""
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
    from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
    from ansible_collections.shadownet.ipam.plugins.module_utils.model.reservation import InstanceRequest
    from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager

    ours: list[float] = []
    peers: list[float] = []
    steps: dict[str, list[float]] = {}
    profiler = cProfile.Profile()
    with Ledger(path) as ledger, ActiveRouteManager(ledger, lambda _node: NetlinkTransport(name)) as manager:
        manager.reconcile("fe1")
        manager.created(InstanceRequest("warm", "web", node="fe1", interface="node0"))
        manager.settle()
        copy = path.with_suffix(".peer")
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = WAL")
        peer = Peer(copy, name)
        manager.deleted("warm")
        for _round in range(ROUNDS):
            manager.settle()
            for number in range(EACH):
                request = InstanceRequest(f"web-{number}", "web", node="fe1", interface="node0")
                began = time.perf_counter()
                if profile:
                    profiler.enable()
                done = manager.created(request)
                if profile:
                    profiler.disable()
                ours.append(1000 * (time.perf_counter() - began))
                assert done.source == "shadow"
                assert done.instance["status"] == "pending", "not the quick path"
                for step, took in done.milliseconds.items():
                    steps.setdefault(step, []).append(took)
                peers.append(1000 * peer.create())
            for number in range(EACH):
                manager.deleted(f"web-{number}")
        peer.close()
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)
    return ours, peers, {step: statistics.median(found) for step, found in steps.items()}


def measure(folder: Path, profile: bool) -> list[harness.Result]:
    """All lines of this benchmark."""
    results = []
    for standing in STANDING:
        path = folder / f"ledger-{standing}.db"
        fill(path, standing)
        with namespace(f"-{standing}") as name:
            ours, peers, steps = created(path, name, profile)
        print(f"{standing:,} reserved: median of steps in ms:", {step: round(took, 3) for step, took in steps.items()})
        ours_q, peers_q = statistics.quantiles(ours, n=100), statistics.quantiles(peers, n=100)
        results += [
            harness.compare(
                f"created, {standing:,} reserved, p{percent} / one commit and one route",
                ours_q[percent - 1],
                peers_q[percent - 1],
                "ms",
                TARGET if percent == 50 else None,
            )
            for percent in (50, 90, 99)
        ]
    return results


def main() -> int:
    """Runs and prints."""
    with tempfile.TemporaryDirectory() as folder:
        harness.as_collection(Path(folder))
        return harness.report(measure(Path(folder), "--profile" in sys.argv))


if __name__ == "__main__":
    sys.exit(main())
