# SPDX-License-Identifier: GPL-3.0-or-later
"""The active route manager with instances that obtain their addresses by DHCP, on a node where Kea runs."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.demo import probe
from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.kea import open_kea
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.registry import open_transport
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instance_requests import read_instance
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.pools import declare_pools
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservation_requests import read_reservations
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservations import reserve
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import DhcpError
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.assign_dhcp import DhcpAssigner
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.leases import reconcile_leases
from ansible_collections.shadownet.ipam.tests.integration.dhcp.clients import udhcpc
from ansible_collections.shadownet.ipam.tests.integration.dhcp.conftest import CLIENT_LINK, Link
from ansible_collections.shadownet.ipam.tests.integration.dhcp.kea_server import INTERFACE, SERVER, subnet

pytestmark = pytest.mark.netns
SHADOW, PROVIDER = "10.80.0.0/27", "10.80.1.0/28"


class Site:
    """A node, Kea on it, a ledger with a reservation of four for ``web``, and the manager."""

    def __init__(self, link: Link, ledger: Ledger) -> None:
        assert link.kea is not None
        self.link, self.ledger = link, ledger
        with ledger.transaction("test") as transaction:
            self.ledger_id = transaction.ledger_id()
            pools = [
                {"name": "shadow", "kind": "shadow", "prefixes": [SHADOW], "quarantine": "0s"},
                {"name": "provider", "prefixes": [PROVIDER], "quarantine": "0s"},
            ]
            declare_pools(transaction, pools)
            times = {"starts_at": "2020-01-01T00:00:00Z", "expires_at": "2200-01-01T00:00:00Z"}
            asked = [{"name": "r1", "workload": "web", "instances": 4, "node": "fe1", **times}]
            reserve(transaction, read_reservations(asked))
        socket = str(link.kea.socket)
        self.manager = ActiveRouteManager(
            ledger,
            lambda name: open_transport("netlink", netns=link.lab.names["server"]),
            assigners={"dhcp": DhcpAssigner(self.ledger_id, socket=socket)},
            background=False,
        )
        reconcile_leases(ledger, open_kea(socket=socket), pools=["provider"])
        self.manager.reconcile("fe1")

    def created(self, name: str, mac: str, **more: Any) -> Any:
        given = {"name": name, "workload": "web", "node": "fe1", "interface": INTERFACE, "mac": mac, "assign": "dhcp"}
        return self.manager.created(read_instance({**given, **more}, "instance"))

    def routes(self) -> set[str]:
        found = self.link.lab.json("server", "ip", "-j", "route", "show", "proto", "201")
        return {one["dst"] for one in found if one.get("type") != "blackhole"}

    def leases(self) -> dict[str, str | None]:
        found = self.link.server.leases()
        return {one.address: one.owner.instance for one in found if one.owner and not one.owner.placeholder}


@pytest.fixture
def site(link: Link) -> Iterator[Site]:
    link.start([subnet("10.80.0.0-10.80.1.255")])
    with Ledger(link.folder / "ledger.db", create=True) as ledger:
        made = Site(link, ledger)
        try:
            yield made
        finally:
            made.manager.close()


def test_reserved_and_unexpected_instances_answer_at_the_address_that_they_obtained(site: Site) -> None:
    link = site.link
    done = site.created("web-1", link.mac())
    assert (done.source, done.missed) == ("shadow", None)
    assert udhcpc(link.lab.names["client"], CLIENT_LINK, link.folder / "client", SERVER) == done.address
    assert site.routes() == {done.address}
    assert link.lab.call("server", probe.ping, done.address, 3, 1.0)["answered"] == 3
    other = site.created("job-1", "52:54:00:00:00:02", workload="job", assign="none", fallback="dhcp")
    assert other.source == "dynamic"
    assert IPv4Address(other.address) in IPv4Network(PROVIDER)
    assert link.bare(lambda client: client.obtain("52:54:00:00:00:02")).address == other.address
    for name in ("web-1", "job-1"):
        site.manager.deleted(name)
    site.manager.settle()
    assert (site.routes(), site.leases()) == (set(), {})
    assert link.lab.call("server", probe.ping, done.address, 1, 0.2)["answered"] == 0


def test_while_kea_is_away_nothing_is_lost_and_repeating_finishes_it(site: Site) -> None:
    kea = site.link.kea
    assert kea is not None
    kea.stop()
    with pytest.raises(DhcpError, match="no socket"):
        site.created("web-1", site.link.mac())
    kea.start()
    done = site.created("web-1", site.link.mac())
    assert site.leases() == {done.address: "web-1"}
    kea.stop(kill=True)
    with pytest.raises(DhcpError, match=r"no socket|nobody listens"):
        site.manager.deleted("web-1")
    with site.ledger.snapshot() as transaction:
        assert transaction.instance_named("web-1").wanted, "the ledger keeps what still may have a lease"
    kea.start()
    site.manager.deleted("web-1")
    site.manager.settle()
    assert (site.leases(), site.routes()) == ({}, set())
    assert not site.manager.deleted("web-1").changed


def test_an_address_that_lies_in_no_pool_of_kea_is_refused_until_it_does(site: Site) -> None:
    kea = site.link.kea
    assert kea is not None
    site.created("web-1", "52:54:00:00:00:01")  # the pools are known now
    with site.ledger.transaction("test") as transaction:
        declare_pools(transaction, [{"name": "far", "prefixes": ["10.80.7.0/28"], "quarantine": "0s"}])
    far = {"workload": "job", "fallback": "dhcp", "pools": ["far"]}
    with pytest.raises(DhcpError, match=r"lease 10\.80\.7\.0: lies in no pool of the server"):
        site.created("job-1", "52:54:00:00:00:02", **far)
    kea.stop()
    kea.subnets = [subnet("10.80.0.0-10.80.7.255")]
    kea.start()
    assert site.created("job-1", "52:54:00:00:00:02", **far).address == "10.80.7.0"
    assert link_obtains(site.link, "52:54:00:00:00:02") == "10.80.7.0"


def link_obtains(link: Link, mac: str) -> str:
    return str(link.bare(lambda client: client.obtain(mac)).address)


def test_an_instance_that_comes_back_with_another_card(site: Site) -> None:
    first = site.created("web-1", "52:54:00:00:00:01")
    again = site.created("web-1", site.link.mac())
    assert again.address == first.address
    assert site.link.server.lease_of(first.address).mac == site.link.mac()
    assert udhcpc(site.link.lab.names["client"], CLIENT_LINK, site.link.folder / "c", SERVER) == first.address
