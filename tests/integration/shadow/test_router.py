# SPDX-License-Identifier: GPL-3.0-or-later
"""The active route manager over NETCONF: one commit each, in which the route takes the place of the blackhole."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import NetconfTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import NodeError
from ansible_collections.shadownet.ipam.plugins.module_utils.model.reservation import InstanceRequest
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
from ansible_collections.shadownet.ipam.tests.integration.netconf.conftest import Node, candidate_server, node

from .book import Book

__all__ = ["candidate_server", "node"]

pytestmark = pytest.mark.netconf

FLOOR = {"prefix": "10.200.0.0/16", "type": "blackhole"}


def routes(node: Node) -> list[dict[str, object]]:
    return sorted(node.config()["routes"], key=lambda one: (one["prefix"], one["type"]))


def vm(name: str, interface: str = "eth7") -> InstanceRequest:
    return InstanceRequest(name, "web", node="fe1", interface=interface, next_hop="192.0.2.9")


def test_a_whole_block_changes_hands_in_one_commit(book: Book, node: Node) -> None:
    with node.raw() as raw:
        raw.interface("eth7", "not ours", "192.0.2.1/24")
    book.reserve(1, node="fe1", prefix_length=30)
    with ActiveRouteManager(book.ledger, lambda _name: node.transport(), background=False) as manager:
        manager.reconcile("fe1")
        inactive = {"prefix": "10.200.0.0/30", "type": "blackhole"}
        assert routes(node) == [FLOOR, inactive]
        done = manager.created(vm("web-1"))
        assert done.instance["status"] == "active", "nothing is owed"
        assert manager.owed == []
        active = {"prefix": "10.200.0.0/30", "type": "unicast", "next_hop": "192.0.2.9", "interface": "eth7"}
        assert routes(node) == [FLOOR, active]
        assert not manager.created(vm("web-1")).changed
        manager.deleted("web-1")
        assert routes(node) == [FLOOR, inactive]
        assert book.statuses() == {}
        with pytest.raises(NodeError, match="eth9"):
            manager.created(vm("web-1", "eth9"))
        assert book.statuses() == {"web-1": "error"}
        assert routes(node) == [FLOOR, inactive]


class Counted:
    """Counts pushes to nodes, and those among them that committed something."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pushes = self.commits = 0
        apply, hold = NetconfTransport.apply, NetconfTransport.hold

        def counted_apply(transport: NetconfTransport, *rest: Any) -> Any:
            self.commits += 1
            return apply(transport, *rest)

        def counted_hold(transport: NetconfTransport, *rest: Any) -> Any:
            self.pushes += 1
            return hold(transport, *rest)

        monkeypatch.setattr(NetconfTransport, "apply", counted_apply)
        monkeypatch.setattr(NetconfTransport, "hold", counted_hold)


def test_instances_that_wait_for_one_node_share_a_commit_and_each_has_its_own_answer(
    book: Book, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    with node.raw() as raw:
        raw.interface("eth7", "not ours", "192.0.2.1/24")
    book.reserve(20, node="fe1")
    counted, bad = Counted(monkeypatch), (5, 9)
    with (
        ActiveRouteManager(book.ledger, lambda _name: node.transport(), background=False) as manager,
        ThreadPoolExecutor(20) as pool,
    ):
        manager.reconcile("fe1")
        for step in ("created", "deleted"):
            counted.pushes, counted.commits, began = 0, 0, time.monotonic()
            if step == "created":
                tasks = [
                    pool.submit(manager.created, vm(f"web-{one}", "eth9" if one in bad else "eth7"))
                    for one in range(20)
                ]
            else:
                tasks = [pool.submit(manager.deleted, f"web-{one}") for one in range(20)]
            errors = {one: task.exception() for one, task in enumerate(tasks) if task.exception() is not None}
            took = time.monotonic() - began
            print(f"20 {step}: {counted.pushes} pushes, {counted.commits} commits, {took:.2f} s")
            if step == "created":
                assert sorted(errors) == [*bad]
                assert all(isinstance(error, NodeError) and "eth9" in str(error) for error in errors.values())
                good = [task.result() for one, task in enumerate(tasks) if one not in errors]
                assert {one.instance["status"] for one in good} == {"active"}
                assert {str(one["prefix"]) for one in routes(node)} >= {one.prefix for one in good}
            else:
                assert errors == {}
                assert all(task.result().changed for task in tasks)
            assert manager.owed == []
            assert counted.pushes <= 6
    assert book.statuses() == {}
    assert {one["type"] for one in routes(node)} == {"blackhole"}
