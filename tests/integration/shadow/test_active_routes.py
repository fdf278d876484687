# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances come and go by the active route manager, on a real node: what is defined for every odd case."""

from __future__ import annotations

import socket
import subprocess
from contextlib import closing
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.transport import Current, Mark
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.desired import Wanted
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.hold import HELD
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instance_lifecycle import delete
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instances import create
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.lifecycle import node_result
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_state import FORM
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_summary import EVERY
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import (
    AllocationRefused,
    Conflict,
    InvalidInput,
    LedgerHeld,
    NodeError,
)
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig, Route
from ansible_collections.shadownet.ipam.plugins.module_utils.model.reservation import InstanceRequest
from ansible_collections.shadownet.ipam.plugins.module_utils.saga import node_push
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab, wait_for

from .book import Book

pytestmark = pytest.mark.netns


def vm(name: str, interface: str | None = "tap1", workload: str = "web", **options: object) -> InstanceRequest:
    return InstanceRequest(name, workload, node=options.pop("node", "fe1"), interface=interface, **options)  # type: ignore[arg-type]


def routes(lab: Lab, node: str = "fe1") -> list[tuple[str, str]]:
    """(destination, interface or ``blackhole``) of our routes."""
    found = lab.json(node, "ip", "-json", "route", "show", "proto", "201") or []
    return sorted((one["dst"], one.get("dev", one.get("type", ""))) for one in found)


FLOOR = [("10.200.0.0/16", "blackhole")]
STANDING = [*FLOOR, ("10.200.0.0/30", "blackhole")]


def test_created_and_deleted(book: Book, lab: Lab, manager: ActiveRouteManager) -> None:
    book.reserve(4, node="fe1")
    manager.reconcile("fe1")
    assert routes(lab) == sorted(STANDING)
    done = manager.created(vm("web-1"))
    assert (done.source, done.address, done.prefix, done.missed) == ("shadow", "10.200.0.0", "10.200.0.0/32", None)
    assert set(done.milliseconds) == {"ledger", "route", "assign"}
    assert routes(lab) == sorted([*STANDING, ("10.200.0.0", "tap1")])
    assert book.statuses() == {"web-1": "pending"}, "the node was not read back yet"
    assert manager.owed == ["fe1"]
    manager.settle()
    assert book.statuses() == {"web-1": "active"}
    gone = manager.deleted("web-1")
    assert gone.changed
    assert gone.instance is not None
    assert gone.instance["status"] == "releasing"
    assert routes(lab) == sorted(STANDING)
    manager.settle()
    assert book.statuses() == {}
    book.check_agreement("fe1", NetlinkTransport(lab.names["fe1"]))


def test_a_node_without_reservations_gets_its_floor_with_the_first_instance(
    book: Book, lab: Lab, manager: ActiveRouteManager
) -> None:
    book.reserve(4)
    done = manager.created(vm("web-1"))
    assert routes(lab) == sorted([*FLOOR, ("10.200.0.0", "tap1")])
    assert done.instance["status"] == "active", "the first push to a node is a full one"


def test_twice_changes_nothing_and_unknown_is_no_error(book: Book, lab: Lab, manager: ActiveRouteManager) -> None:
    book.reserve(4, node="fe1")
    manager.reconcile("fe1")
    assert not manager.deleted("web-1").changed, "deleted before created"
    first, second = manager.created(vm("web-1")), manager.created(vm("web-1"))
    assert (first.changed, second.changed) == (True, False)
    assert first.prefix == second.prefix
    manager.settle()
    assert manager.created(vm("web-1")).instance["status"] == "active"
    assert [manager.deleted("web-1").changed for _time in range(2)] == [True, False]
    assert routes(lab) == sorted(STANDING)
    manager.settle()
    assert manager.deleted("web-1").instance is None


def test_created_again_it_gets_its_own_prefix_back(book: Book, lab: Lab, manager: ActiveRouteManager) -> None:
    book.reserve(4, node="fe1")
    manager.reconcile("fe1")
    manager.created(vm("web-0"))
    mine = manager.created(vm("web-1")).prefix
    manager.deleted("web-1")
    assert manager.created(vm("web-1", "tap2")).prefix == mine, "while its deletion was under way"
    assert ("10.200.0.1", "tap2") in routes(lab)
    manager.settle()
    book.check_agreement("fe1", NetlinkTransport(lab.names["fe1"]))


def test_a_miss_comes_from_the_provider_pool_and_says_why(book: Book, lab: Lab, manager: ActiveRouteManager) -> None:
    done = manager.created(vm("odd-1", workload="odd"))
    assert (done.source, done.prefix) == ("dynamic", "10.64.0.0/32")
    assert done.missed == "none: nothing is reserved for this workload"
    assert ("10.64.0.0", "tap1") in routes(lab)
    with pytest.raises(AllocationRefused):
        manager.created(vm("odd-2", workload="odd", dynamic=False))


def test_what_the_kernel_refuses_is_in_error_and_keeps_no_other_waiting(
    book: Book, lab: Lab, manager: ActiveRouteManager
) -> None:
    book.reserve(4, node="fe1")
    manager.reconcile("fe1")
    with pytest.raises(NodeError, match="tap9"):
        manager.created(vm("web-1", "tap9"))
    assert book.statuses() == {"web-1": "error"}
    manager.created(vm("web-2", "tap2"))
    manager.settle()
    assert book.statuses() == {"web-1": "error", "web-2": "active"}
    lab.run("fe1", "ip", "link", "add", "tap9", "type", "veth", "peer", "name", "other9")
    lab.run("fe1", "ip", "link", "set", "tap9", "up")
    manager.created(vm("web-1", "tap9"))
    manager.settle()
    assert book.statuses() == {"web-1": "active", "web-2": "active"}
    book.check_agreement("fe1", NetlinkTransport(lab.names["fe1"]))


def test_an_interface_that_is_gone_costs_only_its_own_instances(
    book: Book, lab: Lab, manager: ActiveRouteManager
) -> None:
    book.reserve(4, node="fe1")
    manager.reconcile("fe1")
    for name, interface in (("web-1", "tap1"), ("web-2", "tap1"), ("web-3", "tap2")):
        manager.created(vm(name, interface))
    manager.settle()
    lab.run("fe1", "ip", "link", "del", "tap1")
    lab.run("fe1", "ip", "link", "set", "tap2", "down")
    lab.run("fe1", "ip", "link", "set", "tap2", "up")
    assert routes(lab) == sorted(STANDING)
    manager.reconcile("fe1")
    assert book.statuses() == {"web-1": "error", "web-2": "error", "web-3": "active"}
    assert routes(lab) == sorted([*STANDING, ("10.200.0.2", "tap2")])
    assert manager.deleted("web-1").changed
    manager.settle()
    assert book.statuses() == {"web-2": "error", "web-3": "active"}


def test_a_link_that_is_down_is_told_and_mended_by_creating_again(
    book: Book, lab: Lab, manager: ActiveRouteManager
) -> None:
    book.reserve(4, node="fe1")
    manager.reconcile("fe1")
    manager.created(vm("web-1"))
    manager.settle()
    lab.run("fe1", "ip", "link", "set", "tap1", "down")
    manager.reconcile("fe1")
    with book.ledger.snapshot() as transaction:
        item = transaction.instance_named("web-1")
    assert item is not None
    assert item.status == "error"
    assert "Network is down" in str(item.reason)
    lab.run("fe1", "ip", "link", "set", "tap1", "up")
    manager.created(vm("web-1"))
    manager.settle()
    book.check_agreement("fe1", NetlinkTransport(lab.names["fe1"]))


def test_an_instance_moves_between_nodes_and_is_never_on_two(book: Book, lab: Lab, manager: ActiveRouteManager) -> None:
    lab.add("fe2")
    lab.join("fe2", "tap1", "vm2", "eth9")
    book.reserve(4)
    for number in range(2):
        manager.created(vm(f"web-{number}"))
    manager.settle()
    moved = manager.created(vm("web-1", node="fe2"))
    assert (moved.prefix, moved.instance["status"], moved.changed) == ("10.200.0.1/32", "active", True)
    assert routes(lab) == sorted([*FLOOR, ("10.200.0.0", "tap1")])
    assert routes(lab, "fe2") == sorted([*FLOOR, ("10.200.0.1", "tap1")])


def test_while_the_old_node_cannot_be_reached_the_new_one_waits(book: Book, lab: Lab) -> None:
    lab.add("fe2")
    lab.join("fe2", "tap1", "vm2", "eth9")
    book.reserve(4)
    reachable = dict(lab.names)

    def nodes(name: str) -> NetlinkTransport:
        return NetlinkTransport(reachable.get(name, "sn-nowhere"))

    with ActiveRouteManager(book.ledger, nodes, background=False) as first:
        first.created(vm("web-1"))
    del reachable["fe1"]
    with ActiveRouteManager(book.ledger, nodes, background=False) as second:
        with pytest.raises(NodeError):
            second.created(vm("web-1", node="fe2"))
        with pytest.raises(NodeError):
            second.created(vm("web-1", node="fe2"))
        assert book.statuses() == {"web-1": "pending"}
        assert ("10.200.0.0", "tap1") in routes(lab)
        second.reconcile("fe2")
        assert routes(lab, "fe2") == FLOOR
    reachable["fe1"] = lab.names["fe1"]
    with ActiveRouteManager(book.ledger, nodes, background=False) as third:
        assert third.created(vm("web-1", node="fe2")).instance["status"] == "active"
    assert routes(lab) == FLOOR
    assert routes(lab, "fe2") == sorted([*FLOOR, ("10.200.0.0", "tap1")])


def _move_in_the_ledger(book: Book) -> None:
    """The first step of a move of ``web-1`` to ``fe2``; whoever made it was killed then."""
    with book.ledger.transaction() as transaction:
        create(transaction, vm("web-1", node="fe2"))


def test_a_move_is_finished_whichever_node_is_reconciled_first(
    book: Book, lab: Lab, manager: ActiveRouteManager
) -> None:
    lab.add("fe2")
    lab.join("fe2", "tap1", "vm2", "eth9")
    book.reserve(4)
    manager.created(vm("web-1"))
    manager.settle()
    _move_in_the_ledger(book)
    manager.reconcile("fe2")
    assert routes(lab, "fe2") == FLOOR, "the old node has it still"
    manager.reconcile("fe1")
    assert manager.owed == ["fe2"]
    manager.settle()
    assert book.statuses() == {"web-1": "active"}
    assert routes(lab, "fe2") == sorted([*FLOOR, ("10.200.0.0", "tap1")])


def test_a_move_is_finished_though_a_newer_push_to_the_old_node_came_first(
    book: Book, lab: Lab, manager: ActiveRouteManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.add("fe2")
    lab.join("fe2", "tap1", "vm2", "eth9")
    book.reserve(4)
    manager.created(vm("web-1"))
    manager.settle()
    plain = node_push._wanted
    newer: list[int] = []

    def wanted(ledger: node_push.Book, node: str, *rest: Any) -> Wanted:
        """What is wanted, but before it is pushed, somebody else pushes more; he settles that later."""
        found = plain(ledger, node, *rest)
        if node == "fe1" and not newer:
            with book.ledger.transaction() as transaction:
                create(transaction, vm("web-2"))
            more = plain(book.ledger, "fe1", None, "other", False)
            newer.append(more.node.revision)
            transport = NetlinkTransport(lab.names["fe1"])
            push(transport, more.config, "overridden", mark=Mark(more.ledger_id, more.node.revision))
            transport.close()
        return found

    monkeypatch.setattr(node_push, "_wanted", wanted)
    assert manager.created(vm("web-1", node="fe2")).instance["leaving"] == "fe1"
    with book.ledger.transaction() as transaction:
        node_result(transaction, "fe1", newer[0], True)
    while manager.owed:
        manager.settle()
    assert book.statuses() == {"web-1": "active", "web-2": "active"}
    assert routes(lab, "fe2") == sorted([*FLOOR, ("10.200.0.0", "tap1")])
    assert ("10.200.0.0", "tap1") not in routes(lab)


@pytest.mark.parametrize("fate", ["moved", "deleted"])
def test_a_route_that_comes_after_another_process_moved_or_deleted_the_instance_goes_at_once(
    book: Book, lab: Lab, manager: ActiveRouteManager, monkeypatch: pytest.MonkeyPatch, fate: str
) -> None:
    lab.add("fe2")
    lab.join("fe2", "tap1", "vm2", "eth9")
    book.reserve(4, node="fe1" if fate == "deleted" else None)
    manager.reconcile("fe1")
    with (
        book.ledger.again() as ledger,
        ActiveRouteManager(ledger, lambda name: NetlinkTransport(lab.names[name]), background=False) as other,
    ):
        plain = NetlinkTransport.quick_route

        def late(self: NetlinkTransport, *rest: Any) -> bool:
            monkeypatch.setattr(NetlinkTransport, "quick_route", plain)
            if fate == "moved":
                other.created(vm("web-1", node="fe2"))
            else:
                other.deleted("web-1")
            other.settle()
            return plain(self, *rest)

        monkeypatch.setattr(NetlinkTransport, "quick_route", late)
        if fate == "moved":
            assert manager.created(vm("web-1")).instance["node"] == "fe2"
            assert ("10.200.0.0", "tap1") in routes(lab, "fe2")
        else:
            with pytest.raises(NodeError, match="deleted by somebody else"):
                manager.created(vm("web-1"))
        assert "10.200.0.0" not in dict(routes(lab))


def test_a_node_that_cannot_be_reached_keeps_the_instance_pending_and_the_address_held(book: Book, lab: Lab) -> None:
    book.reserve(1)
    reachable: dict[str, str] = {}

    def nodes(name: str) -> NetlinkTransport:
        return NetlinkTransport(reachable.get(name, "sn-nowhere"))

    with ActiveRouteManager(book.ledger, nodes, background=False) as manager:
        with pytest.raises(NodeError):
            manager.created(vm("web-1"))
        assert book.statuses() == {"web-1": "pending"}
        with pytest.raises(NodeError):
            manager.deleted("web-1")
        assert book.statuses() == {"web-1": "releasing"}
        with pytest.raises(AllocationRefused):
            manager.created(vm("web-2", dynamic=False))
    reachable["fe1"] = lab.names["fe1"]
    with ActiveRouteManager(book.ledger, nodes, background=False) as manager:
        manager.reconcile("fe1")
        assert book.statuses() == {}
        assert manager.created(vm("web-2", dynamic=False)).prefix == "10.200.0.0/32"


def test_a_way_to_assign_that_is_not_to_be_had_changes_nothing(book: Book, manager: ActiveRouteManager) -> None:
    book.reserve(4, node="fe1")
    with pytest.raises(InvalidInput, match="ledger's id"):
        manager.created(vm("web-1", assign="dhcp", mac="52:54:00:00:00:01"))
    assert book.statuses() == {}


def test_an_older_push_that_comes_in_between_is_put_right(book: Book, lab: Lab, manager: ActiveRouteManager) -> None:
    book.reserve(4, node="fe1")
    manager.reconcile("fe1")
    manager.created(vm("web-1"))
    lab.run("fe1", "ip", "route", "del", "10.200.0.0/32", "dev", "tap1", "proto", "201")
    manager.settle()
    assert ("10.200.0.0", "tap1") in routes(lab)
    manager.deleted("web-1")
    lab.run("fe1", "ip", "route", "add", "10.200.0.0/32", "dev", "tap1", "proto", "201")
    manager.settle()
    assert routes(lab) == sorted(STANDING)
    assert book.statuses() == {}


def test_a_full_push_may_be_faster_than_the_route(book: Book, lab: Lab, manager: ActiveRouteManager) -> None:
    book.reserve(4, node="fe1")
    manager.reconcile("fe1")
    lab.run("fe1", "ip", "route", "add", "10.200.0.0/32", "dev", "tap1", "proto", "201")
    assert manager.created(vm("web-1")).instance["status"] == "pending", "it was ours, so no push was needed"
    lab.run("fe1", "ip", "route", "add", "10.200.0.1/32", "dev", "tap2", "proto", "static")
    with pytest.raises(NodeError, match="not ours"):
        manager.created(vm("web-2"))
    assert book.statuses() == {"web-1": "active", "web-2": "error"}
    assert ("10.200.0.1", "tap2") not in routes(lab), "what is somebody else's stays his"


def test_a_node_that_lost_everything_gets_the_floor_before_the_route(
    book: Book, lab: Lab, manager: ActiveRouteManager
) -> None:
    book.reserve(4, node="fe1")
    manager.reconcile("fe1")
    lab.run("fe1", "ip", "route", "flush", "proto", "201")
    manager.created(vm("web-1"))
    assert routes(lab) == sorted([*FLOOR, ("10.200.0.0", "tap1")])
    lab.run("fe1", "ip", "route", "flush", "proto", "201")
    manager.deleted("web-1")
    assert routes(lab) == FLOOR


def test_a_namespace_made_anew_is_noticed(book: Book, lab: Lab, manager: ActiveRouteManager) -> None:
    book.reserve(4, node="fe1")
    manager.reconcile("fe1")
    manager.created(vm("web-1"))
    manager.settle()
    name = lab.names["fe1"]
    for verb in ("delete", "add"):
        subprocess.run(["ip", "netns", verb, name], check=True)
    lab.run("fe1", "ip", "link", "set", "lo", "up")
    lab.join("fe1", "tap1", "vm1", "eth1")
    manager.created(vm("web-2"))
    assert routes(lab) == sorted([*STANDING, ("10.200.0.0", "tap1"), ("10.200.0.1", "tap1")])


def test_the_thread_settles_soon_and_saves_pushes(book: Book, lab: Lab) -> None:
    book.reserve(200, node="fe1")
    with ActiveRouteManager(book.ledger, lambda name: NetlinkTransport(lab.names[name])) as manager:
        manager.reconcile("fe1")
        for number in range(200):
            manager.created(vm(f"web-{number}"))
        wait_for(lambda: set(book.statuses().values()) == {"active"}, what="the thread")
        with book.ledger.snapshot() as transaction:
            pushes = len(transaction.events("kind = 'node.confirmed'"))
        assert pushes < 60
        for number in range(200):
            manager.deleted(f"web-{number}")
        wait_for(lambda: book.statuses() == {}, what="the thread")
        assert not manager.problems
    book.check_agreement("fe1", NetlinkTransport(lab.names["fe1"]))


def test_a_node_that_another_ledger_took_over_gets_no_more_routes(
    book: Book, lab: Lab, manager: ActiveRouteManager
) -> None:
    book.reserve(4, node="fe1")
    manager.reconcile("fe1")
    transport = NetlinkTransport(lab.names["fe1"])
    theirs = NodeConfig(routes=(Route("10.99.0.0/16", type="blackhole"),))
    push(transport, theirs, "overridden", mark=Mark("11111111-1111-4111-8111-111111111111", 5), takeover=True)
    manager.created(vm("web-1"))
    with pytest.raises(Conflict, match="another ledger"):
        manager.settle()
    with pytest.raises(Conflict, match="another ledger"):
        manager.created(vm("web-2"))
    assert "10.200.0.1" not in dict(routes(lab))
    push(transport, NodeConfig(), "overridden", takeover=True)
    transport.close()
    manager.settle()
    assert book.statuses() == {"web-1": "active", "web-2": "active"}


def test_a_held_ledger_takes_nothing_away(book: Book, lab: Lab, manager: ActiveRouteManager) -> None:
    book.reserve(1, node="fe1")
    manager.reconcile("fe1")
    manager.created(vm("web-1", assign="netlink", netns=lab.names["vm1"], instance_interface="eth0"))
    manager.settle()
    with book.ledger.transaction() as transaction:
        transaction.set_meta(HELD, "restored from a backup")
    with pytest.raises(LedgerHeld):
        manager.deleted("web-1")
    with pytest.raises(LedgerHeld), book.ledger.transaction() as transaction:
        delete(transaction, "web-1")
    assert book.statuses() == {"web-1": "active"}
    assert ("10.200.0.0", "tap1") in routes(lab)
    assert "10.200.0.0/32" in lab.run("vm1", "ip", "address")


class Failing(NetlinkTransport):
    """Cannot be read ``failures`` times, for a reason that nobody foresaw."""

    failures = 0

    def read(self) -> Current:
        if Failing.failures:
            Failing.failures -= 1
            raise RuntimeError("can't start new thread")
        return super().read()


def test_the_thread_outlives_what_nobody_foresaw(book: Book, lab: Lab) -> None:
    book.reserve(4, node="fe1")
    with ActiveRouteManager(book.ledger, lambda name: Failing(lab.names[name])) as manager:
        manager.reconcile("fe1")
        Failing.failures = 1
        manager.created(vm("web-1"))
        wait_for(lambda: isinstance(manager.problems.get("fe1"), RuntimeError), what="the failure")
        assert manager.owed == ["fe1"]
        wait_for(lambda: book.statuses() == {"web-1": "active"}, what="the thread")
        wait_for(lambda: not manager.problems, what="the thread")


def test_the_address_is_set_in_the_instances_namespace_and_taken_away(
    book: Book, lab: Lab, manager: ActiveRouteManager
) -> None:
    lab.run("fe1", "ip", "address", "add", "169.254.1.1/32", "dev", "tap1")
    book.reserve(1, node="fe1")
    manager.reconcile("fe1")
    way = {"assign": "netlink", "netns": lab.names["vm1"], "instance_interface": "eth0", "gateway": "169.254.1.1"}
    manager.created(vm("web-1", **way))
    with (
        closing(lab.socket("vm1", socket.AF_INET, socket.SOCK_DGRAM)) as instance,
        closing(lab.socket("sink", socket.AF_INET, socket.SOCK_DGRAM)) as client,
    ):
        instance.bind(("10.200.0.0", 7))
        client.sendto(b"hello", ("10.200.0.0", 7))
        instance.settimeout(5)
        said, whom = instance.recvfrom(100)
        instance.sendto(said, whom)
        client.settimeout(5)
        assert client.recv(100) == b"hello", "there and back, by its default route"
    manager.settle()
    assert not manager.created(vm("web-1", **way)).changed
    manager.deleted("web-1")
    assert "10.200.0.0" not in lab.run("vm1", "ip", "address")
    assert lab.run("vm1", "ip", "route") == ""
    manager.settle()
    manager.created(vm("web-1", **way))
    lab.run("vm1", "ip", "address", "flush", "dev", "eth0")
    manager.reconcile("fe1")
    assert "10.200.0.0/32" in lab.run("vm1", "ip", "address"), "reconcile gives it again"
    subprocess.run(["ip", "netns", "delete", lab.names.pop("vm1")], check=True)
    assert manager.deleted("web-1").changed, "gone with its namespace"


def test_an_instance_without_namespace_keeps_no_other_from_its_address(
    book: Book, lab: Lab, manager: ActiveRouteManager
) -> None:
    book.reserve(2, node="fe1")
    manager.reconcile("fe1")
    for number in (1, 2):
        way = {"assign": "netlink", "netns": lab.names[f"vm{number}"], "instance_interface": "eth0"}
        manager.created(vm(f"web-{number}", f"tap{number}", **way))
    manager.settle()
    lab.run("vm2", "ip", "address", "flush", "dev", "eth0")
    subprocess.run(["ip", "netns", "delete", lab.names.pop("vm1")], check=True)
    with pytest.raises(NodeError, match="namespace"):
        manager.reconcile("fe1")
    assert "10.200.0.1/32" in lab.run("vm2", "ip", "address")


def test_summaries_of_the_audit_trail_are_made_when_it_settles_and_not_before(
    book: Book, manager: ActiveRouteManager
) -> None:
    def summarised() -> int:
        with book.ledger.snapshot() as transaction:
            return transaction.summarised(FORM)[0]

    manager.reconcile("fe1")
    with book.ledger.transaction() as transaction:
        while transaction.newest_event() < EVERY:
            create(transaction, InstanceRequest("passing", "other"))
            delete(transaction, "passing")
    manager.created(vm("web-1"))
    assert summarised() == 0
    manager.settle()
    assert summarised() >= EVERY
    assert book.statuses() == {"web-1": "active"}
