# SPDX-License-Identifier: GPL-3.0-or-later
"""Many subnets' interfaces released in one push, against ``ip -batch``.

``python tests/benchmarks/bench_links.py`` as root: makes a network namespace of its own and removes it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import bench_routes
import harness

LINKS, ROUNDS = 200, 3


def measure(folder: Path) -> list[harness.Result]:
    """All lines of this benchmark."""
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.registry import open_transport
    from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

    interfaces = [
        {"name": f"sn{n}", "type": "bridge", "addresses": [f"10.0.{n}.1/24"], "rate_limit": "10Mbit"}
        for n in range(LINKS)
    ]
    desired = NodeConfig.from_dict({"interfaces": interfaces})
    release = [line for n in range(LINKS) for line in (f"link set sn{n} down", f"link delete sn{n}")]
    ours, peers = [], []
    with bench_routes.namespace() as name:
        transport = open_transport("netlink", netns=name)
        for number in range(2 * ROUNDS):
            push(transport, desired, "overridden")
            if number % 2:
                peers.append(bench_routes.ip_batch(name, release, folder))
            else:
                ours.append(harness.seconds(lambda: push(transport, NodeConfig(), "overridden")))
        transport.close()
    what = f"push the release of {LINKS} interfaces / ip -batch down, delete"
    return [harness.compare(what, 1000 * harness.middle(ours), 1000 * harness.middle(peers), "ms", 1.3)]


def main() -> int:
    """Runs and prints."""
    with tempfile.TemporaryDirectory() as folder:
        harness.as_collection(Path(folder))
        return harness.report(measure(Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
