# SPDX-License-Identifier: GPL-3.0-or-later
"""A running ``shadownet-node`` as its clients meet it: over SSH, with framing, XML, datastores and startup file.

``python tests/benchmarks/bench_node_ssh.py`` as root: makes network namespaces of its own and removes them.

- Routes: <edit-config> and <commit>, against a push of the same routes by the netlink transport in the same run. The
  client is paramiko, in another process than the server; its own time counts.
- Sessions: from connecting until both have said hello and the end, one after the other, against OpenSSH with netconfd
  (where Debian's netconfd and openssh-server are installed) by the same client.
- Notifications: from a <commit> to the last of 50 subscribers that has read of it, without a peer.
- A <get> of 100,000 foreign routes, and how long another session's requests wait meanwhile.
- Memory of both processes over 10,000 commits of one route more or less (``--commits 1000`` for fewer).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import harness
from bench_node import COUNTS, FOREIGN, GATEWAY, ROUNDS, ms, xml
from bench_routes import ip_batch, namespace, prefixes

SESSIONS, SUBSCRIBERS, MOST_GROWTH = 40, 50, 4.0
MIB = 2**20
GONE = '<routing xmlns="urn:ietf:params:xml:ns:yang:ietf-routing" xmlns:nc="{base}" nc:operation="remove"/>'


@contextmanager
def front_node() -> Iterator[Any]:
    """A running node with the interface node0, 10.255.0.1/24."""
    from ansible_collections.shadownet.ipam.tests.integration.namespaces import namespaces
    from ansible_collections.shadownet.ipam.tests.integration.node.front_node import FrontNode

    with namespaces("node") as lab:
        for command in (
            "link add node0 type veth peer name node1",
            "link set node0 up",
            "link set node1 up",
            "address add 10.255.0.1/24 dev node0",
        ):
            lab.run("node", "ip", *command.split())
        made = FrontNode(lab)
        try:
            yield made.start()
        finally:
            made.remove()


def done(client: Any, operation: str) -> float:
    """Seconds that an operation takes."""
    start = time.perf_counter()
    reply = client.rpc(operation)
    taken = time.perf_counter() - start
    if b"<ok/>" not in reply:
        raise RuntimeError(reply[:2000].decode())
    return taken


def edit(content: str) -> str:
    """<edit-config> of the candidate."""
    return f"<edit-config><target><candidate/></target><config>{content}</config></edit-config>"


def routes(node: Any) -> list[harness.Result]:
    """Commits of routes, and of one more among many."""
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
    from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.registry import open_transport
    from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig
    from ansible_collections.shadownet.ipam.tests.integration.node.wire import BASE, Wire

    found = []
    with namespace("-peer") as other, Wire(node) as client:
        transport = open_transport("netlink", netns=other)
        for count in COUNTS:
            names = prefixes("10.0.0.0", count + 1)
            desired, more = (
                NodeConfig.from_dict({"routes": [{"prefix": one, "next_hop": GATEWAY} for one in some]})
                for some in (names[:count], names)
            )
            edits, commits, direct, ones, one_direct = [], [], [], [], []
            for _round in range(ROUNDS):
                edits.append(done(client, edit(xml(names[:count]))))
                commits.append(done(client, "<commit/>"))
                direct.append(harness.seconds(lambda: push(transport, desired, "overridden")))  # noqa: B023
                ones.append(done(client, edit(xml(names[count:]))) + done(client, "<commit/>"))
                one_direct.append(harness.seconds(lambda: push(transport, more, "overridden")))  # noqa: B023
                done(client, edit(GONE.format(base=BASE)))
                done(client, "<commit/>")
                push(transport, NodeConfig(), "overridden")
            both = [one + two for one, two in zip(edits, commits, strict=True)]
            goal = 3.0 if count == 1_000 else None
            found += [
                harness.compare(f"<commit> of {count:,} routes over SSH / push", ms(commits), ms(direct), "ms", goal),
                harness.compare(f"<edit-config> and <commit> of {count:,} / push", ms(both), ms(direct), "ms", None),
                harness.compare(f"both of one more beside {count:,} / push", ms(ones), ms(one_direct), "ms", None),
            ]
        transport.close()
    return found


def session(server: Any, user: str = "ada") -> None:
    """One session, until both have said hello."""
    from ansible_collections.shadownet.ipam.tests.integration.node.wire import Wire

    with Wire(server, user):
        pass


def sessions(node: Any, folder: Path) -> list[harness.Result]:
    """How many there can be in a second, one after the other."""
    from ansible_collections.shadownet.ipam.tests.integration.netconf import server

    what = "sessions per second, one after the other"
    reason = server.why_not()
    if reason is not None:
        figures = [harness.seconds(lambda: session(node)) for _round in range(SESSIONS)]
        print(f"no peer for sessions: {reason}")
        return [harness.compare(what, 1 / harness.middle(figures), 0.0, "/s", None, "higher")]
    with server.Netconfd(folder / "netconfd") as netconfd:
        options = netconfd.options
        key = Path(options["private_key_file"])
        peer = SimpleNamespace(address=options["host"], port=options["port"], key=lambda _user: key)
        ours, peers = [], []
        for _round in range(SESSIONS):
            ours.append(harness.seconds(lambda: session(node)))
            peers.append(harness.seconds(lambda: session(peer, options["username"])))
    return [
        harness.compare(
            f"{what} / OpenSSH with netconfd", 1 / harness.middle(ours), 1 / harness.middle(peers), "/s", None, "higher"
        )
    ]


def told(subscriber: Any, arrived: list[float]) -> None:
    """Waits for one notification and notes when it came."""
    if b"netconf-config-change" not in subscriber.message():
        raise RuntimeError("something else was told")
    arrived.append(time.perf_counter())


def notifications(node: Any) -> list[harness.Result]:
    """How long until the last of many subscribers knows."""
    from ansible_collections.shadownet.ipam.tests.integration.node.wire import BASE, Wire

    space = "urn:ietf:params:xml:ns:netconf:notification:1.0"
    only = '<netconf-config-change xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"/>'
    subscribe = f'<create-subscription xmlns="{space}"><filter>{only}</filter></create-subscription>'
    # Half as the user who may write, half as the one who may read: a user has at most 50 sessions.
    users = ["bob" if number % 2 else "ada" for number in range(SUBSCRIBERS)]
    subscribers = [Wire(node, user) for user in users]
    taken: list[float] = []
    last: list[float] = []
    try:
        for one in subscribers:
            done(one, subscribe)
        with Wire(node) as client:
            for number in range(ROUNDS * 4):
                arrived: list[float] = []
                done(client, edit(GONE.format(base=BASE) if number % 2 else xml(["10.0.0.0/28"])))
                threads = [threading.Thread(target=told, args=(one, arrived)) for one in subscribers]
                for thread in threads:
                    thread.start()
                start = time.perf_counter()
                taken.append(done(client, "<commit/>"))
                for thread in threads:
                    thread.join()
                if len(arrived) != SUBSCRIBERS:
                    raise RuntimeError(f"{len(arrived)} of {SUBSCRIBERS} were told")
                last.append(max(arrived) - start)
    finally:
        for one in subscribers:
            one.transport.close()
    return [
        harness.limit(
            f"<commit> until the last of {SUBSCRIBERS} subscribers knows / its reply", ms(last), ms(taken), "ms", 500
        )
    ]


def long_get(node: Any, folder: Path) -> list[harness.Result]:
    """A long answer of one session, and the others."""
    from ansible_collections.shadownet.ipam.tests.integration.node.wire import Wire

    lines = [f"route add {one} via {GATEWAY} proto static" for one in prefixes("11.0.0.0", FOREIGN)]
    ip_batch(node.lab.names["node"], lines, folder)
    ribs = '<routing xmlns="urn:ietf:params:xml:ns:yang:ietf-routing"><ribs/></routing>'
    waits: list[float] = []
    over = threading.Event()
    with Wire(node) as one, Wire(node) as other:

        def ask() -> None:
            while not over.is_set():
                waits.append(harness.seconds(lambda: other.rpc("<get-config><source><running/></source></get-config>")))
                time.sleep(0.005)

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.5)
        quiet, waits[:] = harness.middle(waits), []
        start = time.perf_counter()
        octets = len(one.rpc(f'<get><filter type="subtree">{ribs}</filter></get>'))
        taken = time.perf_counter() - start
        over.set()
        asking.join()
    what = f"<get> of {FOREIGN:,} foreign routes"
    return [
        harness.limit(f"{what}, {octets / MIB:.0f} MiB", 1000 * taken, 0.0, "ms", 15_000),
        harness.limit(
            "another session's <get-config> then, at worst / else", 1000 * max(waits), 1000 * quiet, "ms", 1000
        ),
        harness.limit("the same, median / else", ms(waits), 1000 * quiet, "ms", 100),
    ]


def memory(node: Any, commits: int) -> list[harness.Result]:
    """What both processes hold after a tenth of the commits and after all of them."""
    from ansible_collections.shadownet.ipam.tests.integration.node.wire import BASE, Wire

    def held() -> list[float]:
        return [node.memory(process) / MIB for process in node.processes()]

    before: list[float] = []
    start = time.perf_counter()
    with Wire(node) as client:
        done(client, edit(xml(prefixes("10.0.0.0", 100))))
        one = xml(["10.200.0.0/28"])
        less = one.replace("<route>", f'<route xmlns:nc="{BASE}" nc:operation="delete">')
        less = less[: less.index("<next-hop>")] + less[less.index("</next-hop>") + len("</next-hop>") :]
        for number in range(commits):
            done(client, edit(less if number % 2 else one))
            done(client, "<commit/>")
            if number == commits // 10:
                before = held()
    each = 1000 * (time.perf_counter() - start) / commits
    return [
        *(
            harness.limit(
                f"MiB that the {name} has grown since {commits // 10:,} commits", now - then, now, "MiB", MOST_GROWTH
            )
            for name, then, now in zip(("parent", "child"), before, held(), strict=True)
        ),
        harness.limit(f"an edit and commit of one route beside 100, {commits:,} times", each, 0.0, "ms", 50),
    ]


def main() -> int:
    """Runs and prints."""
    reader = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    reader.add_argument("--commits", type=int, default=10_000)
    reader.add_argument("--no-routes", action="store_true", help="leave out the first part")
    words = reader.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        harness.as_collection(Path(folder))
        with front_node() as node:
            found = [] if words.no_routes else routes(node)
            found += sessions(node, Path(folder))
            found += notifications(node)
            found += long_get(node, Path(folder))
        with front_node() as node:
            found += memory(node, words.commits)
        return harness.report(found)


if __name__ == "__main__":
    sys.exit(main())
