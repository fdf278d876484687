# SPDX-License-Identifier: GPL-3.0-or-later
"""10,000 routes pushed, against ``ip -batch``; a drift check of 10,000 own routes among 100,000.

``python tests/benchmarks/bench_routes.py`` as root: makes a network namespace of its own and removes it.
"""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import harness

OWN, ALL, ROUNDS = 10_000, 100_000, 5


@contextmanager
def namespace(which: str = "") -> Iterator[str]:
    """A namespace with one end of a veth pair: node0, 10.255.0.1/24."""
    name = f"sn-bench-{os.getpid()}{which}"
    run = subprocess.run
    run(["ip", "netns", "add", name], check=True)
    try:
        for command in (
            "link set lo up",
            "link add node0 type veth peer name node1",
            "link set node0 up",
            "link set node1 up",
            "address add 10.255.0.1/24 dev node0",
        ):
            run(["ip", "-n", name, *command.split()], check=True)
        yield name
    finally:
        run(["ip", "netns", "delete", name], check=True)


def prefixes(first: str, count: int) -> list[str]:
    """Neighbouring /28s."""
    start = int(ipaddress.ip_address(first))
    return [f"{ipaddress.ip_address(start + 16 * number)}/28" for number in range(count)]


def ip_batch(name: str, lines: list[str], folder: Path) -> float:
    """Seconds that ``ip -batch`` takes for these lines."""
    file = folder / "batch"
    file.write_text("".join(f"{line}\n" for line in lines))
    command = ["ip", "-n", name, "-batch", str(file)]
    return harness.seconds(lambda: subprocess.run(command, check=True))


def measure(folder: Path) -> list[harness.Result]:
    """All lines of this benchmark."""
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import diff
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.drift import classify
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.routes import GETROUTE
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.wire import NETLINK_ROUTE, Wire
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.registry import open_transport
    from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

    own = prefixes("10.0.0.0", OWN)
    config: dict[str, Any] = {"routes": [{"prefix": one, "next_hop": "10.255.0.2"} for one in own]}
    desired = NodeConfig.from_dict(config)
    empty = NodeConfig()
    with namespace() as name:
        transport = open_transport("netlink", netns=name)
        add = [f"route add {one} via 10.255.0.2 proto static" for one in own]
        delete = [f"route delete {one} via 10.255.0.2 proto static" for one in own]
        peers, pushes, applies, removals, peer_removals = [], [], [], [], []
        for _round in range(ROUNDS):
            peers.append(ip_batch(name, add, folder))
            peer_removals.append(ip_batch(name, delete, folder))
            pushes.append(harness.seconds(lambda: push(transport, desired, "merged")))
            removals.append(harness.seconds(lambda: push(transport, empty, "overridden")))
            changes = diff(transport.read().config, desired, "merged")
            applies.append(harness.seconds(lambda: transport.apply(changes)))  # noqa: B023
            push(transport, empty, "overridden")
        push(transport, desired, "merged")
        ip_batch(
            name,
            [f"route add {one} via 10.255.0.2 proto static" for one in prefixes("11.0.0.0", ALL - OWN)],
            folder,
        )
        found: list[Any] = []
        checks = [
            harness.seconds(lambda: found.extend(classify(transport.read().config, desired))) for _n in range(ROUNDS)
        ]
        assert not found, found[0]
        wire = Wire(NETLINK_ROUTE, name)
        body = bytes([2, 0, 0, 0, 254, 201, 0, 0, 0, 0, 0, 0])
        raw = [harness.seconds(lambda: sum(1 for _body in wire.dump(GETROUTE, body))) for _round in range(ROUNDS)]
        unchanged = [harness.seconds(lambda: push(transport, desired, "merged")) for _round in range(ROUNDS)]
        wire.close()
        transport.close()

    def ms(figures: list[float]) -> float:
        return 1000 * harness.middle(figures)

    return [
        harness.compare(
            f"push {OWN:,} routes: read, diff, apply, read back / ip -batch", ms(pushes), ms(peers), "ms", 1.0
        ),
        harness.compare(f"apply {OWN:,} routes alone / ip -batch", ms(applies), ms(peers), "ms", 1.0),
        harness.compare(f"push the removal of {OWN:,} / ip -batch", ms(removals), ms(peer_removals), "ms", None),
        harness.limit(f"drift check, {OWN:,} own among {ALL:,} / raw dump", ms(checks), ms(raw), "ms", 150),
        harness.limit(
            f"push that changes nothing, {OWN:,} own among {ALL:,} / raw dump", ms(unchanged), ms(raw), "ms", 150
        ),
    ]


def main() -> int:
    """Runs and prints."""
    with tempfile.TemporaryDirectory() as folder:
        harness.as_collection(Path(folder))
        return harness.report(measure(Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
