# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node cannot carry, or can only carry later, costs nobody else anything."""

from __future__ import annotations

from contextlib import closing

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import NodeError
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.node_push import push_node
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab

from .book import Book
from .test_active_routes import STANDING, routes, vm

pytestmark = pytest.mark.netns


class Counted(NetlinkTransport):
    """Counts pushes."""

    pushes = 0

    def prepare(self, desired: NodeConfig, parameter: str = "config") -> NodeConfig:
        self.pushes += 1
        return super().prepare(desired, parameter)


@pytest.mark.parametrize("bad", ["tap-customer-0017", "a/b"])
def test_a_bad_name_of_an_interface_blocks_no_push(book: Book, lab: Lab, manager: ActiveRouteManager, bad: str) -> None:
    book.reserve(4, node="fe1")
    with pytest.raises(NodeError, match="interface name"):
        manager.created(vm("web-1", bad))
    assert manager.created(vm("web-2", "tap1")).instance["status"] == "pending"
    manager.settle()
    assert book.statuses() == {"web-1": "error", "web-2": "active"}


def test_a_name_that_is_too_long_gets_no_route_by_another_interface(
    book: Book, lab: Lab, manager: ActiveRouteManager
) -> None:
    book.reserve(4, node="fe1")
    manager.reconcile("fe1")
    lab.run("fe1", "ip", "link", "add", "tap-customer-00", "up", "type", "bridge")
    with pytest.raises(NodeError, match="tap-customer-0017"):
        manager.created(vm("web-1", "tap-customer-0017"))
    assert routes(lab) == sorted(STANDING)
    manager.settle()
    assert book.statuses() == {"web-1": "error"}


def test_reconcile_brings_all_back_that_stopped_with_a_link(book: Book, lab: Lab, manager: ActiveRouteManager) -> None:
    book.reserve(300, node="fe1")
    manager.reconcile("fe1")
    for number in range(280):
        manager.created(vm(f"web-{number}"))
    manager.settle()
    lab.run("fe1", "ip", "link", "set", "tap1", "down")
    told = Counted(lab.names["fe1"])
    with closing(told):
        push_node(book.ledger, "fe1", told)
    assert told.pushes == 2, "one that is refused, and one without all that was refused"
    manager.created(vm("other", "tap2"))
    manager.reconcile("fe1")
    statuses = book.statuses()
    assert statuses.pop("other") == "active"
    assert set(statuses.values()) == {"error"}, "the link is still down"
    lab.run("fe1", "ip", "link", "set", "tap1", "up")
    manager.reconcile("fe1")
    assert set(book.statuses().values()) == {"active"}
    book.check_agreement("fe1", NetlinkTransport(lab.names["fe1"]))
