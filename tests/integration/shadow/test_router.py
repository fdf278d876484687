# SPDX-License-Identifier: GPL-3.0-or-later
"""The active route manager over NETCONF: one commit each, in which the route takes the place of the blackhole."""

from __future__ import annotations

import pytest

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
