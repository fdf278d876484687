# SPDX-License-Identifier: GPL-3.0-or-later
"""A front-end node in a namespace of its own, and ways to look at it that are not ours."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import PushResult, push
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.registry import open_transport
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab, namespaces, wait_for

SETTLED = 4.0
QUIET = 1.2
VOLATILE = ("handle", "metainfo", "preferred_life_time", "valid_life_time", "linkinfo", "stats64")


class Node:
    """One node under test."""

    def __init__(self, lab: Lab, short: str = "node") -> None:
        self.lab = lab
        self.short = short
        self.transport = open_transport("netlink", netns=lab.names[short])

    def push(self, config: dict[str, Any] | None = None, state: str = "merged", check_mode: bool = False) -> PushResult:
        """A push that, when repeated, must change nothing."""
        desired = NodeConfig.from_dict(config)
        result = push(self.transport, desired, state, check_mode)
        if not check_mode:
            again = push(self.transport, desired, state)
            assert not again.changed, [change.to_dict() for change in again.changes]
        return result

    def config(self) -> dict[str, list[dict[str, Any]]]:
        """What is ours."""
        return self.transport.read().config.to_dict()

    def run(self, command: str) -> str:
        """A command on the node."""
        return self.lab.run(self.short, *command.split())

    def nft(self, text: str) -> None:
        """nft commands on the node."""
        self.lab.run(self.short, "nft", "-f", "-", text=text)

    def dump(self) -> dict[str, Any]:
        """Everything that ip, tc and nft show, without what time changes by itself."""
        commands = {
            "links": "ip -j -d link show",
            "addresses": "ip -j address show",
            "routes": "ip -j -d -4 route show table all",
            "routes6": "ip -j -d -6 route show table all",
            "queues": "tc -j qdisc show",
            "nft": "nft -j list ruleset",
        }
        found = {key: stable(self.lab.json(self.short, *command.split())) or [] for key, command in commands.items()}
        found["nft"] = found["nft"]["nftables"]
        found["addresses"] = [
            {"interface": link["ifname"], **address} for link in found["addresses"] for address in link["addr_info"]
        ]
        return found


def settled(node: Node) -> dict[str, Any]:
    """A dump that has not changed for longer than the kernel waits with news of carriers (linkwatch, one second)."""
    last, since = node.dump(), time.monotonic()
    while time.monotonic() < since + QUIET:
        time.sleep(0.1)
        now = node.dump()
        if now != last:
            last, since = now, time.monotonic()
    return last


def stable(value: Any) -> Any:
    """JSON without handles, lifetimes, and tentative flags; what hangs in a hash table in a fixed order."""
    if isinstance(value, dict):
        found = {key: stable(item) for key, item in value.items() if key not in VOLATILE}
        if "local" in found:
            found.pop("tentative", None)
        if found.get("table") == "local" or "operstate" in found:
            found.pop("operstate", None)
        return {key: item for key, item in found.items() if item is not None}
    if isinstance(value, list):
        found_list = [stable(item) for item in value]
        return sorted(found_list, key=repr) if all(isinstance(one, dict) for one in found_list) else found_list
    return value


def same(node: Node, before: dict[str, Any]) -> None:
    """The node is as it was: within seconds, because the kernel restores carrier and link-local addresses later.

    Raises:
        AssertionError: it is not; says in which objects.
    """
    end = time.monotonic() + SETTLED
    while (after := node.dump()) != before and time.monotonic() < end:
        time.sleep(0.1)
    for part, value in before.items():
        lost = [one for one in value if one not in after[part]]
        new = [one for one in after[part] if one not in value]
        assert (lost, new) == ([], []), f"{part}: lost {lost}, new {new}"
    assert before == after


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Namespaces ``node`` and ``client``."""
    with namespaces("node", "client") as made:
        for which in ("all", "default"):  # or link-local addresses come up to two seconds after their link
            made.run("node", "sh", "-c", f"echo 0 > /proc/sys/net/ipv6/conf/{which}/accept_dad")
        yield made


@pytest.fixture
def node(lab: Lab) -> Iterator[Node]:
    """The front-end node, with an uplink ``up0`` (10.255.0.1/24) to ``client`` that is not ours."""
    lab.join("node", "up0", "client", "eth0")
    lab.run("node", "ip", "address", "add", "10.255.0.1/24", "dev", "up0")
    lab.run("node", "ip", "-6", "address", "add", "2001:db8:ff::1/64", "dev", "up0", "nodad")
    ready = ["ip", "-6", "route", "show", "table", "local", "dev", "up0"]
    wait_for(lambda: "fe80" in lab.run("node", *ready), what="the kernel's own link-local address")
    made = Node(lab)
    yield made
    made.transport.close()
