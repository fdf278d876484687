# SPDX-License-Identifier: GPL-3.0-or-later
"""A front-end node with two places for instances, a ledger with a shadow pool, and a manager of active routes.

``fe1`` has a default route to ``sink`` and forwards; ``vm1`` and ``vm2`` are behind its interfaces ``tap1``, ``tap2``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab, namespaces

from .book import Book


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with Book(tmp_path / "ledger.db") as made:
        yield made


@pytest.fixture
def lab() -> Iterator[Lab]:
    with namespaces("fe1", "vm1", "vm2", "sink") as made:
        made.forward("fe1")
        for number in (1, 2):
            made.join("fe1", f"tap{number}", f"vm{number}", "eth0")
        made.join("fe1", "up0", "sink", "eth0")
        made.run("fe1", "ip", "address", "add", "192.0.2.1/24", "dev", "up0")
        made.run("sink", "ip", "address", "add", "192.0.2.2/24", "dev", "eth0")
        made.run("fe1", "ip", "route", "add", "default", "via", "192.0.2.2")
        made.run("sink", "ip", "route", "add", "default", "via", "192.0.2.1")
        yield made


@pytest.fixture
def manager(book: Book, lab: Lab) -> Iterator[ActiveRouteManager]:
    """Without a thread: a test says when it settles."""
    with ActiveRouteManager(book.ledger, lambda name: NetlinkTransport(lab.names[name]), background=False) as made:
        yield made
