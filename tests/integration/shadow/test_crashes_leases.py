# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed before and after every effect where addresses come from Kea: reconcile brings ledger, routes and leases
together. Commands that change leases are effects too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.kea import KeaServer, open_kea
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.addresses import format_block
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.model.reservation import InstanceRequest
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.assign_dhcp import DhcpAssigner
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.leases import reconcile_leases
from ansible_collections.shadownet.ipam.tests.integration.dhcp import kea_server
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab, wait_for

from .book import Book
from .test_active_routes import routes, vm
from .test_crashes import EFFECTS, World, everywhere

pytestmark = [pytest.mark.netns, pytest.mark.slow]

MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"


class KeaWorld(World):
    """Kea on ``fe1``."""

    effects = (*EFFECTS, (KeaServer, "add"), (KeaServer, "replace"), (KeaServer, "remove"))

    def __init__(self, book: Book, socket: str) -> None:
        self.book, self.socket = book, socket

    def manager(self, ledger: Ledger, lab: Any) -> ActiveRouteManager:
        with ledger.snapshot() as transaction:
            dhcp = DhcpAssigner(transaction.ledger_id(), socket=self.socket)
        return ActiveRouteManager(
            ledger, lambda name: NetlinkTransport(lab.names[name]), assigners={"dhcp": dhcp}, background=False
        )

    def leases(self) -> dict[str, tuple[str | None, str]]:
        """Instance and hardware address of our leases, by address."""
        found = open_kea(socket=self.socket).leases()
        return {one.address: (one.owner.instance, one.mac) for one in found if one.owner and not one.owner.placeholder}

    def wanted(self) -> dict[str, tuple[str | None, str]]:
        """The same, as the ledger has it."""
        with self.book.ledger.snapshot() as transaction:
            items = transaction.instances("wanted = 1 AND assign = 'dhcp'")
            return {format_block(one.block).partition("/")[0]: (one.name, str(one.mac)) for one in items}

    def reconcile(self) -> None:
        reconcile_leases(self.book.ledger, open_kea(socket=self.socket))

    def check(self) -> None:
        assert self.leases() == self.wanted()
        assert not reconcile_leases(self.book.ledger, open_kea(socket=self.socket), check=True).changed

    def check_held(self, lab: Lab) -> None:
        """At any moment: who has a lease or a route is in the ledger with that very address, and never two routes."""
        with self.book.ledger.snapshot() as transaction:
            held = {format_block(one.block).partition("/")[0]: one.name for one in transaction.instances()}
        assert {(address, name) for address, (name, _mac) in self.leases().items()} <= set(held.items())
        nodes = [node for node in ("fe1", "fe2") if node in lab.names]
        active = [one for node in nodes for one, kind in routes(lab, node) if kind.startswith("tap")]
        assert len(set(active)) == len(active)
        assert set(active) <= set(held)


@pytest.fixture
def world(book: Book, lab: Lab, tmp_path: Path) -> Iterator[KeaWorld]:
    if (reason := kea_server.why_not()) is not None:
        pytest.skip(reason)
    lab.join("fe1", kea_server.INTERFACE, "vm2", "eth8")
    wait_for(lambda: "LOWER_UP" in lab.run("fe1", "ip", "link", "show", kea_server.INTERFACE), what="the link")
    pool = {"pool": "10.200.0.0/27"}
    kea = kea_server.Kea(
        lab.names["fe1"],
        tmp_path / "kea",
        [{"id": 1, "subnet": "10.200.0.0/16", "interface": kea_server.INTERFACE, "pools": [pool]}],
    )
    kea.start()
    try:
        made = KeaWorld(book, str(kea.socket))
        yield made
    finally:
        kea.stop()


def leased(mac: str = MAC, **more: Any) -> InstanceRequest:
    return vm("web-1", assign="dhcp", mac=mac, **more)


def gone(manager: ActiveRouteManager) -> None:
    manager.deleted("web-1")
    manager.reconcile("fe1")


def there(manager: ActiveRouteManager) -> None:
    gone(manager)
    manager.created(leased())
    manager.settle()


def test_killed_while_an_instance_with_a_lease_is_created(book: Book, lab: Lab, world: KeaWorld) -> None:
    book.reserve(2, node="fe1")
    world.reconcile()
    assert (
        everywhere(book, lab, gone, lambda manager: manager.created(leased()), lambda: world.check_held(lab), world)
        > 15
    )
    world.check()


def test_killed_while_an_instance_gets_another_card(book: Book, lab: Lab, world: KeaWorld) -> None:
    book.reserve(2, node="fe1")
    world.reconcile()
    work = leased(OTHER)
    assert everywhere(book, lab, there, lambda manager: manager.created(work), lambda: world.check_held(lab), world) > 5
    assert world.leases() == {"10.200.0.0": ("web-1", OTHER)}


def test_killed_while_an_instance_with_a_lease_is_deleted(book: Book, lab: Lab, world: KeaWorld) -> None:
    book.reserve(2, node="fe1")
    world.reconcile()
    done = everywhere(book, lab, there, lambda manager: manager.deleted("web-1"), lambda: world.check_held(lab), world)
    assert done > 15
    assert (world.leases(), book.statuses()) == ({}, {})


def test_killed_while_an_instance_with_a_lease_moves(book: Book, lab: Lab, world: KeaWorld) -> None:
    lab.add("fe2")
    lab.join("fe2", "tap1", "vm2", "eth9")
    book.reserve(2)
    world.reconcile()

    def prepare(manager: ActiveRouteManager) -> None:
        there(manager)
        manager.reconcile("fe2")

    def work(manager: ActiveRouteManager) -> None:
        manager.created(leased(node="fe2"))

    assert everywhere(book, lab, prepare, work, lambda: world.check_held(lab), world) > 15
    assert world.leases() == {"10.200.0.0": ("web-1", MAC)}
    assert "10.200.0.0" in dict(routes(lab, "fe2"))
