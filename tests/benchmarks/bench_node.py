# SPDX-License-Identifier: GPL-3.0-or-later
"""Commits of the NETCONF agent's kernel side, against the netlink transport's own push in the same run.

``python tests/benchmarks/bench_node.py`` as root: makes network namespaces of its own and removes them. From a valid
data tree to the kernel: reading the tree, the way to the applier process, checking there, push, and the answer. Then
what ``get`` costs beside 100,000 foreign routes.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import harness
from bench_routes import ip_batch, namespace, prefixes

COUNTS, ROUNDS = (1, 100, 1_000, 5_000, 20_000), 5
FOREIGN = 100_000
GATEWAY = "10.255.0.2"


def xml(routes: list[str]) -> str:
    """The data tree of these routes, as a client writes it."""
    inner = "".join(
        f"<route><destination-prefix>{one}</destination-prefix><next-hop><next-hop-address>{GATEWAY}"
        "</next-hop-address></next-hop></route>"
        for one in routes
    )
    return (
        '<routing xmlns="urn:ietf:params:xml:ns:yang:ietf-routing"><control-plane-protocols><control-plane-protocol>'
        "<type>static</type><name>shadownet</name><static-routes>"
        f'<ipv4 xmlns="urn:ietf:params:xml:ns:yang:ietf-ipv4-unicast-routing">{inner}</ipv4>'
        "</static-routes></control-plane-protocol></control-plane-protocols></routing>"
    )


class Agent:
    """The kernel side of an agent in a namespace, its applier in a process of its own."""

    def __init__(self, name: str) -> None:
        from pyroute2 import netns

        from ansible_collections.shadownet.ipam.node import applier
        from ansible_collections.shadownet.ipam.node.engine.schema import Schema
        from ansible_collections.shadownet.ipam.node.kernel import connect

        self.schema = Schema()
        self._context = self.schema.context
        ours, theirs = socket.socketpair()
        self._child = os.fork()
        if self._child == 0:
            ours.close()
            netns.setns(name, flags=0)
            applier.serve(theirs)
            os._exit(0)
        theirs.close()
        self._loop = asyncio.new_event_loop()
        self.kernel = self._loop.run_until_complete(connect(ours, name))

    def tree(self, text: str) -> Any:
        """A valid data tree."""
        return self._context.parse_data_mem(text, "xml", validate_present=True, no_state=True, strict=True)

    def apply(self, tree: Any) -> None:
        """The kernel's part of a commit."""
        self._loop.run_until_complete(self.kernel.apply(None, tree))

    def state(self, *parts: Any) -> Any:
        """The kernel's part of a get."""
        return self._loop.run_until_complete(self.kernel.state(frozenset(parts)))

    def get(self, *parts: Any) -> int:
        """The engine's part too; octets of the reply's data."""
        from ansible_collections.shadownet.ipam.node.engine import reading

        tree = self._loop.run_until_complete(reading.kernel_state(self.schema, self.kernel, frozenset(parts)))
        try:
            return len(reading.configuration(self.schema, tree, None, 0))
        finally:
            tree.free()

    def close(self) -> None:
        """Ends the applier."""
        self.kernel.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        os.waitpid(self._child, 0)
        self._loop.close()


@contextmanager
def agent(name: str) -> Iterator[Agent]:
    """An agent for the length of a ``with``."""
    made = Agent(name)
    try:
        yield made
    finally:
        made.close()


def ms(figures: list[float]) -> float:
    """The median in milliseconds."""
    return 1000 * harness.middle(figures)


def commits() -> list[harness.Result]:
    """Commits of routes, and of one more among many."""
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.registry import open_transport
    from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

    found = []
    with namespace() as name, namespace("-peer") as other, agent(name) as ours:
        transport = open_transport("netlink", netns=other)
        for count in COUNTS:
            routes = prefixes("10.0.0.0", count + 1)
            config = {"routes": [{"prefix": one, "next_hop": GATEWAY} for one in routes[:count]]}
            desired, more = (
                NodeConfig.from_dict(config),
                NodeConfig.from_dict({"routes": [*config["routes"], {"prefix": routes[count], "next_hop": GATEWAY}]}),
            )
            tree, tree_more = ours.tree(xml(routes[:count])), ours.tree(xml(routes))
            commit, direct, one_commit, one_direct = [], [], [], []
            for _round in range(ROUNDS):
                commit.append(harness.seconds(lambda: ours.apply(tree)))  # noqa: B023
                direct.append(harness.seconds(lambda: push(transport, desired, "overridden")))  # noqa: B023
                one_commit.append(harness.seconds(lambda: ours.apply(tree_more)))  # noqa: B023
                one_direct.append(harness.seconds(lambda: push(transport, more, "overridden")))  # noqa: B023
                ours.apply(None)
                push(transport, NodeConfig(), "overridden")
            tree.free()
            tree_more.free()
            goal = 3.0 if count == 1_000 else None
            found += [
                harness.compare(f"commit {count:,} routes to the kernel / push", ms(commit), ms(direct), "ms", goal),
                harness.compare(f"commit one more beside {count:,} / push", ms(one_commit), ms(one_direct), "ms", None),
            ]
        transport.close()
    return found


def gets(folder: Path) -> list[harness.Result]:
    """What is shown beside many foreign routes, against the raw dump and ``ip``."""
    from ansible_collections.shadownet.ipam.node.contract import Part
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.routes import GETROUTE
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.wire import NETLINK_ROUTE, Wire

    with namespace() as name, agent(name) as ours:
        alone = [harness.seconds(lambda: ours.state(Part.INTERFACES)) for _round in range(ROUNDS)]
        lines = [f"route add {one} via {GATEWAY} proto static" for one in prefixes("11.0.0.0", FOREIGN)]
        ip_batch(name, lines, folder)
        beside = [harness.seconds(lambda: ours.state(Part.INTERFACES)) for _round in range(ROUNDS)]
        ribs = [harness.seconds(lambda: ours.state(Part.ROUTES)) for _round in range(ROUNDS)]
        gets = [harness.seconds(lambda: ours.get(Part.ROUTES)) for _round in range(ROUNDS)]
        wire = Wire(NETLINK_ROUTE, name)
        body = bytes([2, 0, 0, 0, 254, 0, 0, 0, 0, 0, 0, 0])
        raw = [harness.seconds(lambda: sum(1 for _body in wire.dump(GETROUTE, body))) for _round in range(ROUNDS)]
        wire.close()
    return [
        harness.compare(
            f"state of interfaces beside {FOREIGN:,} foreign routes / without", ms(beside), ms(alone), "ms", 3.0
        ),
        harness.limit(f"state of {FOREIGN:,} foreign routes / raw dump", ms(ribs), ms(raw), "ms", 5_000),
        harness.limit("the same as the data of a reply / raw dump", ms(gets), ms(raw), "ms", 15_000),
    ]


def main() -> int:
    """Runs and prints."""
    with tempfile.TemporaryDirectory() as folder:
        harness.as_collection(Path(folder))
        return harness.report([*commits(), *gets(Path(folder))])


if __name__ == "__main__":
    sys.exit(main())
