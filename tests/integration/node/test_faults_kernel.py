# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel would not take today: at a commit, when a confirmed commit is taken back, and at the start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("libyang", reason="needs the extra node")
pytest.importorskip("asyncssh", reason="needs the extra node")
pytest.importorskip("paramiko", reason="needs the extra netconf")

from ansible_collections.shadownet.ipam.tests.integration.namespaces import namespaces, wait_for
from ansible_collections.shadownet.ipam.tests.unit.node.kernel.trees import (
    address,
    instance,
    interface,
    interfaces,
    ip,
    route,
    routing,
    via,
)

from .front_node import FrontNode
from .test_faults import ok, tag
from .wire import Wire

pytestmark = pytest.mark.netns

HOLE = route("10.1.0.0/16", "<special-next-hop>blackhole</special-next-hop>")
CONFIRMED = "<commit><confirmed/><confirm-timeout>600</confirm-timeout><persist>x</persist></commit>"


@pytest.fixture
def node() -> Iterator[FrontNode]:
    with namespaces("node") as lab:
        made = FrontNode(lab)
        try:
            plug_in(made)
            yield made
        finally:
            made.remove()


def plug_in(node: FrontNode) -> None:
    """The interface c1, that is not the agent's."""
    node.lab.run("node", *"ip link add c1 up type veth peer name c2".split())
    node.lab.run("node", *"ip link set c2 up".split())


def pull_out(node: FrontNode) -> None:
    node.lab.run("node", *"ip link delete c1".split())


def bridge(name: str, *addresses: str) -> str:
    return interface(name, inner=ip(4, "".join(map(address, addresses))) if addresses else "")


def port(*addresses: str) -> str:
    return interface("c1", "ethernetCsmacd", ip(4, "".join(map(address, addresses))))


def static(*routes: str) -> str:
    return routing(instance("x", v4="".join(routes))) if routes else ""


def replace(client: Wire, config: str) -> None:
    """Candidate is exactly this."""
    ok(
        client.rpc(
            "<edit-config><target><candidate/></target><default-operation>replace</default-operation>"
            f"<config>{config}</config></edit-config>"
        )
    )


def commit(node: FrontNode, config: str, how: str = "<commit/>") -> None:
    with Wire(node) as client:
        replace(client, config)
        ok(client.rpc(how))


def kernel(node: FrontNode) -> dict[str, Any]:
    """Destinations of the agent's routes, to the interfaces that they go through."""
    found = node.lab.json("node", *"ip -j route show proto 201".split()) or ()
    return {one["dst"]: one.get("dev") for one in found}


def running(node: FrontNode) -> bytes:
    with Wire(node) as client:
        return client.rpc("<get-config><source><running/></source></get-config>")


def shown(node: FrontNode) -> str:
    """IPv4 addresses and which links are up, without what the kernel does later by itself."""
    links = node.lab.json("node", *"ip -j link".split())
    up = sorted(one["ifname"] for one in links if "UP" in one["flags"])
    return f"{up} {node.lab.run('node', *'ip -4 -o address'.split())}"


def refused(node: FrontNode, config: str) -> bytes:
    """A commit that is refused; running and kernel are as they were. Its answer."""
    before = (running(node), shown(node), kernel(node))
    with Wire(node) as client:
        replace(client, config)
        found = client.rpc("<commit/>")
        ok(client.rpc("<discard-changes/>"))
    assert tag(found) == "operation-failed", found
    assert (running(node), shown(node), kernel(node)) == before
    return found


UPPER = route("10.9.0.0/16", via("10.5.0.2"))


@pytest.mark.parametrize(
    "after",
    [
        interfaces(bridge("sn1", "10.6.0.1/24"), port("10.7.0.1/24")),
        interfaces(interface("sn1", inner="<enabled>false</enabled>" + ip(4, address("10.5.0.1/24"))), port()),
    ],
    ids=["address", "disabled"],
)
def test_what_a_standing_route_rests_on_cannot_be_committed_away(node: FrontNode, after: str) -> None:
    node.start()
    commit(node, interfaces(bridge("sn1", "10.5.0.1/24"), port("10.7.0.1/24")) + static(UPPER))
    found = refused(node, after + static(UPPER))
    assert b"refused to keep route 10.9.0.0/16" in found
    assert b"ENETUNREACH" in found or b"EINVAL" in found
    assert b"destination-prefix='10.9.0.0/16'" in found or b'destination-prefix="10.9.0.0/16"' in found
    # So the next start takes what was committed.
    assert node.stop() == 0
    node.lab.run("node", *"ip link delete sn1".split())
    node.start()
    assert kernel(node) == {"10.9.0.0/16": "sn1"}


def test_routes_of_one_commit_may_stand_in_any_order(node: FrontNode) -> None:
    node.start()
    below = route("10.5.0.0/24", "<outgoing-interface>c1</outgoing-interface>")
    commit(node, interfaces(port("10.7.0.1/24")) + static(UPPER, below))
    assert kernel(node) == {"10.9.0.0/16": "c1", "10.5.0.0/24": "c1"}
    assert b"refused to keep route 10.9.0.0/16" in refused(node, interfaces(port("10.7.0.1/24")) + static(UPPER))


def test_a_route_follows_when_the_address_moves_or_changes(node: FrontNode) -> None:
    node.start()
    commit(node, interfaces(bridge("sn1", "10.5.0.1/24"), port()) + static(UPPER))
    commit(node, interfaces(bridge("sn1", "10.5.0.9/25"), port()) + static(UPPER))
    assert kernel(node) == {"10.9.0.0/16": "sn1"}
    commit(node, interfaces(bridge("sn1"), port("10.5.0.9/25")) + static(UPPER))
    assert kernel(node) == {"10.9.0.0/16": "c1"}
    with Wire(node) as client:
        replace(client, interfaces(bridge("sn1", "10.5.0.9/25"), port()) + static(UPPER))
        ok(client.rpc(CONFIRMED))
        assert kernel(node) == {"10.9.0.0/16": "sn1"}
        ok(client.rpc("<cancel-commit><persist-id>x</persist-id></cancel-commit>"))
    assert kernel(node) == {"10.9.0.0/16": "c1"}


def test_a_bridge_that_carries_what_is_not_ours_is_not_deleted(node: FrontNode) -> None:
    node.start()
    commit(node, interfaces(bridge("sn1", "10.5.0.1/24")) + static(HOLE))
    node.lab.run("node", *"ip address add 10.77.1.1/24 dev sn1".split())
    found = refused(node, static(HOLE))
    assert b"cannot be removed: it carries what is not ours and would be lost, address 10.77.1.1/24." in found
    assert b"interface[" in found
    # Neither does the end of a confirmed commit that had made it.
    commit(node, interfaces(bridge("sn1", "10.5.0.1/24"), bridge("sn2")) + static(HOLE), CONFIRMED)
    node.lab.run("node", *"ip address add 10.77.2.1/24 dev sn2".split())
    with Wire(node) as client:
        ok(client.rpc("<cancel-commit><persist-id>x</persist-id></cancel-commit>"))
    assert "10.77.2.1/24" in node.lab.run("node", *"ip address show dev sn2".split())
    assert b"sn2" not in running(node)
    (line,) = node.audit("operation", operation="cancel")
    assert line["outcome"] == "not-applied"
    assert "carries what is not ours" in line["message"]
    node.lab.run("node", *"ip address del 10.77.2.1/24 dev sn2".split())
    wait_for(lambda: "sn2" not in node.lab.run("node", "ip", "-br", "link"), 20, "the next try")


@pytest.mark.parametrize("how", ["cancel", "timeout", "end of session"])
def test_a_confirmed_commit_is_taken_back_as_far_as_the_kernel_goes(node: FrontNode, how: str) -> None:
    node.start()
    before = interfaces(port("10.5.0.1/24")) + static(UPPER, HOLE, route("10.8.0.0/16", via("10.5.0.3")))
    commit(node, before)
    kept = running(node)
    with Wire(node) as client:
        replace(client, static(route("10.2.0.0/16", "<special-next-hop>blackhole</special-next-hop>")))
        commits = {
            "cancel": CONFIRMED,
            "timeout": "<commit><confirmed/><confirm-timeout>1</confirm-timeout><persist>x</persist></commit>",
            "end of session": "<commit><confirmed/></commit>",
        }
        pull_out(node)
        ok(client.rpc(commits[how]))
        assert kernel(node) == {"10.2.0.0/16": None}
        if how == "cancel":
            ok(client.rpc("<cancel-commit><persist-id>x</persist-id></cancel-commit>"))
    wait_for(lambda: kernel(node) == {"10.1.0.0/16": None}, 20, "the way back")
    # Running is what was before; what is missing is told.
    assert running(node) == kept
    event = "timeout" if how == "timeout" else "cancel"
    lines = [one["message"] for one in node.audit("operation", operation=event, outcome="not-applied")]
    assert any("the node has no interface c1" in one for one in lines), lines
    assert any("10.9.0.0/16" in one or "10.8.0.0/16" in one for one in lines), lines
    assert "the node has no interface c1" in node.said()
    # Commits go on without a restart, strictly as ever.
    refused(node, interfaces(port("10.5.0.1/24")) + static(HOLE))
    commit(node, static(HOLE, route("10.3.0.0/16", "<special-next-hop>blackhole</special-next-hop>")))
    assert kernel(node) == {"10.1.0.0/16": None, "10.3.0.0/16": None}


def test_what_came_back_in_part_is_whole_when_the_interface_returns(node: FrontNode) -> None:
    node.start()
    commit(node, interfaces(port("10.5.0.1/24")) + static(UPPER, HOLE))
    with Wire(node) as client:
        replace(client, static(HOLE))
        ok(client.rpc(CONFIRMED))
        pull_out(node)
        ok(client.rpc("<cancel-commit><persist-id>x</persist-id></cancel-commit>"))
    assert kernel(node) == {"10.1.0.0/16": None}
    plug_in(node)
    wait_for(lambda: kernel(node) == {"10.1.0.0/16": None, "10.9.0.0/16": "c1"}, 20, "the next try")
    wait_for(lambda: bool(node.audit("operation", operation="retry", outcome="ok")), 5, "the audit log")


def test_the_agent_starts_with_what_the_kernel_takes(node: FrontNode) -> None:
    """A next hop that is not reachable at boot, an interface that is not there yet, an address that is taken."""
    node.start()
    many = [route(f"10.{high}.{low}.0/24", via("10.5.0.2")) for high in range(20, 24) for low in range(250)]
    config = interfaces(port("10.5.0.1/24"), bridge("sn1", "10.6.0.1/24", "10.4.0.1/24")) + static(*many, UPPER, HOLE)
    commit(node, config)
    kept = running(node)
    assert node.stop() == 0
    file = (node.folder / "state/startup.xml").read_bytes()
    # As after a reboot.
    for command in ("ip link delete c1", "ip link delete sn1", "ip route flush proto 201", "nft flush ruleset"):
        node.lab.run("node", *command.split())
    node.lab.run("node", *"ip address add 10.4.0.1/24 dev lo".split())
    node.start()
    assert kernel(node) == {"10.1.0.0/16": None}
    assert "10.6.0.1/24" in node.lab.run("node", *"ip address show sn1".split())
    assert running(node) == kept
    assert (node.folder / "state/startup.xml").read_bytes() == file
    told = [one["message"] for one in node.audit("operation", operation="startup", outcome="not-applied")]
    assert len(told) == 3, told  # not one line for each of a thousand routes
    for words in (
        "the node has no interface c1",
        "10.4.0.1 is already in use on interface lo",
        "With 1000 more routes by",
    ):
        assert any(words in one for one in told), (words, told)
    assert "the node has no interface c1" in node.said()
    node.lab.run("node", *"ip address delete 10.4.0.1/24 dev lo".split())
    plug_in(node)
    wait_for(lambda: len(kernel(node)) == len(many) + 2, 30, "the next try")
    assert "10.5.0.1/24" in node.lab.run("node", *"ip address show c1".split())
    assert "10.4.0.1/24" in node.lab.run("node", *"ip address show sn1".split())
    wait_for(lambda: bool(node.audit("operation", operation="retry", outcome="ok")), 5, "the audit log")
    commit(node, static(HOLE))
    assert kernel(node) == {"10.1.0.0/16": None}


def test_a_commit_that_takes_out_what_is_missing_ends_the_tries(node: FrontNode) -> None:
    node.start()
    commit(node, interfaces(port("10.5.0.1/24")) + static(UPPER, HOLE))
    assert node.stop() == 0
    pull_out(node)
    node.start()
    assert b"the node has no interface c1" in refused(node, interfaces(port("10.5.0.1/24")) + static(HOLE))
    commit(node, static(HOLE))
    plug_in(node)
    assert node.stop() == 0
    assert not node.audit("operation", operation="retry")
    node.start()
    assert kernel(node) == {"10.1.0.0/16": None}
    assert not node.audit("operation", operation="retry")
