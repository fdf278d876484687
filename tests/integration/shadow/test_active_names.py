# SPDX-License-Identifier: GPL-3.0-or-later
"""The active route manager knows an instance by its name, however that is written."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instance_requests import read_instance
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab

from .book import Book

pytestmark = pytest.mark.netns


@pytest.mark.parametrize("name", [101, "cafe\u0301"], ids=["number", "not in normal form"])
def test_what_was_created_can_be_deleted(book: Book, lab: Lab, manager: ActiveRouteManager, name: Any) -> None:
    book.reserve(4, node="fe1")
    request = {"name": name, "workload": "web", "node": "fe1", "interface": "tap1"}
    manager.created(read_instance(request, "instance"))
    assert "10.200.0.0 dev tap1" in lab.run("fe1", "ip", "route")
    assert manager.deleted(name).changed
    assert "10.200.0.0 dev tap1" not in lab.run("fe1", "ip", "route")
    manager.settle()
    assert book.statuses() == {}
    with pytest.raises(InvalidInput, match="is not a name"):
        manager.deleted(" web-1")
