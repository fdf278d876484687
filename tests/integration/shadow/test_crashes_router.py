# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed before every message that changes a router, and before every commit of the ledger: reconcile brings both
together. To be killed after one of them is to be killed before the next."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf import operations
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.sqlite import SqliteStore
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
from ansible_collections.shadownet.ipam.tests.integration.netconf.conftest import Node, candidate_server, node

from .book import Book
from .test_crashes import MOST, Work, World, killed
from .test_router import routes, vm

__all__ = ["candidate_server", "node"]

pytestmark = [pytest.mark.netconf, pytest.mark.slow]

CHANGING = ("lock", "unlock", "edit_config", "commit", "cancel_commit", "discard_changes")
PREFIX = "10.200.0.0/30"


class Router(World):
    """One node, reached over NETCONF."""

    effects = ((SqliteStore, "commit"), *((operations, name) for name in CHANGING))

    def __init__(self, node: Node) -> None:
        self.node = node

    def manager(self, ledger: Ledger, lab: Any = None) -> ActiveRouteManager:
        return ActiveRouteManager(ledger, lambda _name: self.node.transport(), background=False)


def gone(manager: ActiveRouteManager) -> None:
    manager.deleted("web-1")


def there(manager: ActiveRouteManager) -> None:
    manager.created(vm("web-1"))


@pytest.mark.parametrize(("before", "work"), [(gone, there), (there, gone)], ids=["created", "deleted"])
def test_killed_at_any_message(book: Book, node: Node, before: Work, work: Work) -> None:
    world, seen = Router(node), set()
    with node.raw() as raw:
        raw.interface("eth7", "not ours", "192.0.2.1/24")
    book.reserve(1, node="fe1", prefix_length=30)
    kills = 0
    for at in range(0, MOST, 2):
        with world.manager(book.ledger) as manager:
            manager.reconcile("fe1")
            before(manager)
        if not killed(book, None, at, work, world):
            break
        kills += 1
        with world.manager(book.ledger) as manager:
            manager.reconcile("fe1")
        active = [one["type"] for one in routes(node) if one["prefix"] == PREFIX]
        held = bool(book.statuses())
        seen.add(held)
        assert active == ["unicast" if held else "blackhole"], "never both, never neither"
        transport = node.transport()
        book.check_agreement("fe1", transport)
        transport.close()
    assert kills > 8
    assert seen == {False, True}
