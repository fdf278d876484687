# SPDX-License-Identifier: GPL-3.0-or-later
"""NETCONF: the edit and commit RPCs, and session set-up, against PyPI ``netconf-client`` on the same server.

``python tests/benchmarks/bench_netconf.py`` as root, with Debian's netconfd and openssh-server; the server is started
here, on loopback, and ended.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import harness

SIZES = ((1, 9), (100, 7), (1000, 5), (5000, 2))
SESSIONS = 9
TARGET = 1.2


def measure(folder: Path) -> list[harness.Result]:
    """All lines. Both clients take turns, so that a slow moment of the machine meets both."""
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.address import Address
    from ansible_collections.shadownet.ipam.tests.integration.netconf import server

    reason = server.why_not()
    if reason is not None:
        print(f"skipped: {reason}")
        return []
    with server.Netconfd(folder / "server") as netconfd:
        address = Address(**netconfd.options, timeout=120.0)
        results = [_sessions(netconfd, address)]
        for size, rounds in SIZES:
            results += _routes(netconfd, address, size, rounds)
        return results


def _peer(netconfd: Any) -> Any:
    from netconf_client.connect import connect_ssh
    from netconf_client.ncclient import Manager

    options = netconfd.options
    session = connect_ssh(
        host=options["host"],
        port=options["port"],
        username=options["username"],
        key_filename=options["private_key_file"],
    )
    return Manager(session, timeout=120)


def _sessions(netconfd: Any, address: Any) -> harness.Result:
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.session import Session

    ours: list[float] = []
    peers: list[float] = []
    for _round in range(SESSIONS):
        started = time.perf_counter()
        mine = Session(address)
        ours.append(time.perf_counter() - started)
        mine.close()
        started = time.perf_counter()
        other = _peer(netconfd)
        peers.append(time.perf_counter() - started)
        other.session.close()
    return harness.compare(
        "session set-up / netconf-client", 1000 * harness.middle(ours), 1000 * harness.middle(peers), "ms", None
    )


def _routes(netconfd: Any, address: Any, size: int, rounds: int) -> list[harness.Result]:
    from lxml import etree

    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import transition
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf import operations
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.session import Session
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import NetconfTransport
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.trees import parse
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
    from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

    routes = [{"prefix": f"10.{n // 250}.{n % 250}.0/24", "next_hop": "192.0.2.1"} for n in range(size)]
    wanted = NodeConfig.from_dict({"routes": routes})
    transport = NetconfTransport(address, node="bench")
    text = "\n".join(transport.render(transition(NodeConfig(), wanted)))
    config = parse(text.encode())
    mine, other = Session(address), _peer(netconfd)
    times: dict[str, list[float]] = {"ours": [], "peer": [], "push": []}

    def ours() -> None:
        mine.call(operations.edit_config("candidate", config, test=True, rollback=True))
        mine.call(operations.commit())

    def peer() -> None:
        payload = etree.tostring(config).decode()
        other.edit_config(
            config=payload, target="candidate", test_option="test-then-set", error_option="rollback-on-error"
        )
        other.commit()

    for number in range(rounds):
        for name, work in (("ours", ours), ("peer", peer)) if number % 2 else (("peer", peer), ("ours", ours)):
            times[name].append(harness.seconds(work))
            push(transport, NodeConfig(), "deleted")
        times["push"].append(harness.seconds(lambda: push(transport, wanted, "merged")))
        push(transport, NodeConfig(), "deleted")
    transport.close()
    mine.close()
    other.session.close()
    found = {name: 1000 * harness.middle(some) for name, some in times.items()}
    return [
        harness.compare(
            f"edit and commit of {size:,} routes / netconf-client", found["ours"], found["peer"], "ms", TARGET
        ),
        harness.compare(
            f"whole push of {size:,} routes, read back and confirmed / netconf-client's edit and commit",
            found["push"],
            found["peer"],
            "ms",
            None,
        ),
    ]


def main() -> int:
    """Runs and prints."""
    with tempfile.TemporaryDirectory() as folder:
        harness.as_collection(Path(folder))
        return harness.report(measure(Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
