# SPDX-License-Identifier: GPL-3.0-or-later
"""Two processes at once about one instance: no address stays where the ledger does not know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink import apply
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.transport import Current
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import NodeError
from ansible_collections.shadownet.ipam.plugins.module_utils.model.reservation import InstanceRequest
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.assign_netlink import NetlinkAssigner
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab

from .book import Book
from .test_active_routes import vm

pytestmark = pytest.mark.netns


@pytest.fixture
def other(book: Book, lab: Lab) -> Iterator[ActiveRouteManager]:
    """The manager of another process."""
    with (
        book.ledger.again() as ledger,
        ActiveRouteManager(ledger, lambda name: NetlinkTransport(lab.names[name]), background=False) as made,
    ):
        yield made


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], object]], None]:
    """Has something happen before the next time that an address is given, or taken."""

    def first(method: str, happens: Callable[[], object]) -> None:
        plain = getattr(NetlinkAssigner, method)

        def late(self: NetlinkAssigner, instance: Mapping[str, Any]) -> None:
            monkeypatch.setattr(NetlinkAssigner, method, plain)
            happens()
            plain(self, instance)

        monkeypatch.setattr(NetlinkAssigner, method, late)

    return first


def at(lab: Lab, number: int) -> InstanceRequest:
    return vm("web-1", f"tap{number}", assign="netlink", netns=lab.names[f"vm{number}"], instance_interface="eth0")


def having(lab: Lab) -> list[str]:
    """Who has the instance's address."""
    return [name for name in ("vm1", "vm2") if "10.200.0.0/32" in lab.run(name, "ip", "address")]


def test_given_after_another_process_gave_it_elsewhere(
    book: Book, lab: Lab, manager: ActiveRouteManager, other: ActiveRouteManager, before: Callable[..., None]
) -> None:
    book.reserve(2, node="fe1")
    before("give", lambda: other.created(at(lab, 2)))
    manager.created(at(lab, 1))
    assert having(lab) == ["vm2"]


def test_given_after_another_process_deleted_the_instance(
    book: Book, lab: Lab, manager: ActiveRouteManager, other: ActiveRouteManager, before: Callable[..., None]
) -> None:
    book.reserve(2, node="fe1")
    manager.reconcile("fe1")
    before("give", lambda: other.deleted("web-1"))
    with pytest.raises(NodeError, match="deleted by somebody else"):
        manager.created(at(lab, 1))
    assert having(lab) == []


def test_taken_before_another_process_gave_it_elsewhere(
    book: Book, lab: Lab, manager: ActiveRouteManager, other: ActiveRouteManager, before: Callable[..., None]
) -> None:
    book.reserve(2, node="fe1")
    manager.created(at(lab, 1))
    before("take", lambda: other.created(at(lab, 2)))
    manager.deleted("web-1")
    assert having(lab) == []


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], object]], None]:
    """Has something happen after the next time that an address was given, or taken."""

    def then(method: str, happens: Callable[[], object]) -> None:
        plain = getattr(NetlinkAssigner, method)

        def early(self: NetlinkAssigner, instance: Mapping[str, Any]) -> None:
            monkeypatch.setattr(NetlinkAssigner, method, plain)
            plain(self, instance)
            happens()

        monkeypatch.setattr(NetlinkAssigner, method, early)

    return then


def test_given_again_by_another_process_after_it_was_taken_and_before_the_ledger_said_so(
    book: Book, lab: Lab, manager: ActiveRouteManager, other: ActiveRouteManager, after: Callable[..., None]
) -> None:
    book.reserve(2, node="fe1")
    manager.created(at(lab, 1))
    after("take", lambda: other.created(at(lab, 1)))
    manager.deleted("web-1")
    assert having(lab) == []
    manager.settle()
    assert book.statuses() == {}


def test_created_by_another_process_while_a_deletion_looks_again(
    book: Book, lab: Lab, manager: ActiveRouteManager, other: ActiveRouteManager, after: Callable[..., None]
) -> None:
    book.reserve(2, node="fe1")
    manager.created(at(lab, 1))
    after("take", lambda: after("take", lambda: other.created(at(lab, 1))))  # the second time, when it is deleted
    manager.deleted("web-1")
    assert having(lab) == ["vm1"]
    manager.settle()
    other.settle()
    assert book.statuses() == {"web-1": "active"}


def test_deleted_by_another_process_while_the_node_is_reconciled(
    book: Book, lab: Lab, manager: ActiveRouteManager, other: ActiveRouteManager, before: Callable[..., None]
) -> None:
    book.reserve(2, node="fe1")
    manager.created(at(lab, 1))
    before("give", lambda: other.deleted("web-1"))
    manager.reconcile("fe1")
    assert having(lab) == []


def test_another_process_gives_the_same_between_a_look_and_a_change(
    book: Book, lab: Lab, manager: ActiveRouteManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.reserve(2, node="fe1")
    manager.reconcile("fe1")
    plain = NetlinkTransport.read

    def late(self: NetlinkTransport) -> Current:
        found = plain(self)
        if not self._netfilter:  # an instance's namespace
            monkeypatch.setattr(NetlinkTransport, "read", plain)
            NetlinkAssigner().give({**place(lab), "family": "ipv4", "address": "10.200.0.0"})
        return found

    monkeypatch.setattr(NetlinkTransport, "read", late)
    manager.created(at(lab, 1))
    assert having(lab) == ["vm1"]


def test_another_process_takes_the_same_between_a_look_and_a_change(
    book: Book, lab: Lab, manager: ActiveRouteManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.reserve(2, node="fe1")
    manager.reconcile("fe1")
    manager.created(at(lab, 1))
    plain = apply.addresses.deleting

    def late(*arguments: Any) -> Any:
        monkeypatch.setattr(apply.addresses, "deleting", plain)
        NetlinkAssigner().take({**place(lab), "family": "ipv4", "address": "10.200.0.0"})
        return plain(*arguments)

    monkeypatch.setattr(apply.addresses, "deleting", late)
    assert manager.deleted("web-1").changed
    assert having(lab) == []


def place(lab: Lab) -> dict[str, Any]:
    return {"netns": lab.names["vm1"], "instance_interface": "eth0", "gateway": None}
