# SPDX-License-Identifier: GPL-3.0-or-later
"""Ledger and Kea together: created, deleted, crashed in between, and made to agree again."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.desk import give
from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.guard import guard, read_prefixes, unguarded
from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.kea import KeaServer, open_kea
from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.kea_channel import UnixChannel
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.dhcp import guarded_prefixes
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instance_lifecycle import delete, shown
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instance_requests import read_instance
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instances import create
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.pools import declare_pools
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservation_requests import read_reservations
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservations import reserve
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import Conflict, InvalidInput
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.assign import open_assigner
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.assign_dhcp import DhcpAssigner
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.leases import reconcile_leases
from ansible_collections.shadownet.ipam.tests.integration.dhcp.clients import dhclient, greedy
from ansible_collections.shadownet.ipam.tests.integration.dhcp.conftest import CLIENT_LINK, Link, owned
from ansible_collections.shadownet.ipam.tests.integration.dhcp.kea_server import SERVER, subnet

pytestmark = pytest.mark.netns
MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"
SHADOW, PROVIDER = IPv4Network("10.80.0.0/27"), IPv4Network("10.80.1.0/28")


class Site:
    """A ledger, Kea, and the way to give addresses by it; ``created`` and ``deleted`` in the order of the saga."""

    def __init__(self, link: Link, ledger: Ledger) -> None:
        assert link.kea is not None
        self.link, self.ledger = link, ledger
        with ledger.snapshot() as transaction:
            self.ledger_id = transaction.ledger_id()
        self.socket = str(link.kea.socket)
        self.assigner = DhcpAssigner(self.ledger_id, socket=self.socket)

    def created(self, name: str, mac: str, assigner: Any = None, **more: Any) -> dict[str, Any]:
        """The ledger first, then the lease."""
        given = {"name": name, "workload": "web", "mac": mac, "assign": "dhcp", **more}
        request = read_instance(given, "instance")
        with self.ledger.transaction("test") as transaction:
            told = shown(transaction, create(transaction, request).instance)
        (assigner or self.assigner).give(told)
        return told

    def deleted(self, name: str, assigner: Any = None) -> None:
        """The lease first, then the ledger."""
        with self.ledger.snapshot() as transaction:
            found = transaction.instance_named(name)
            told = None if found is None else shown(transaction, found)
        if told is not None:
            (assigner or self.assigner).take(told)
            with self.ledger.transaction("test") as transaction:
                delete(transaction, name)

    def leases(self) -> dict[str, str]:
        """MAC by address of all leases of instances."""
        found = open_kea(socket=self.socket).leases()
        return {one.address: one.mac for one in found if one.owner is not None and not one.owner.placeholder}

    def book(self) -> dict[str, str]:
        """The same, as the ledger wants it."""
        with self.ledger.snapshot() as transaction:
            items = transaction.instances("wanted = 1 AND assign = 'dhcp'")
            return {str(IPv4Address(item.block.start)): str(item.mac) for item in items}

    def reconcile(self, **more: Any) -> list[tuple[str, str]]:
        """What differed. Afterwards nothing may."""
        done = reconcile_leases(self.ledger, open_kea(socket=self.socket), pools=["provider"], **more)
        again = reconcile_leases(self.ledger, open_kea(socket=self.socket), pools=["provider"], **more)
        assert again.changed == bool(more.get("check") and done.changed)
        return [(one.kind, one.address) for one in done.findings]


def _fill(ledger: Ledger) -> None:
    pools = [
        {"name": "shadow", "kind": "shadow", "prefixes": [str(SHADOW)], "excluded": ["10.80.0.0-10.80.0.1"]},
        {"name": "provider", "prefixes": [str(PROVIDER)], "quarantine": "0s"},
    ]
    times = {"starts_at": "2020-01-01T00:00:00Z", "expires_at": "2200-01-01T00:00:00Z"}
    asked = [{"name": "r1", "workload": "web", "instances": 4, **times}]
    with ledger.transaction("test") as transaction:
        declare_pools(transaction, pools)
    with ledger.transaction("test") as transaction:
        reserve(transaction, read_reservations(asked))


@pytest.fixture
def site(link: Link, tmp_path: Path) -> Iterator[Site]:
    """A shadow pool with a reservation of four for ``web``, and a small provider pool; both in Kea's pools."""
    pools = [{"pool": str(SHADOW)}, {"pool": str(PROVIDER)}, {"pool": "10.80.2.0-10.80.2.3"}]
    link.start([subnet(pools=pools)])
    with Ledger(str(tmp_path / "ledger.db"), create=True) as ledger:
        _fill(ledger)
        found = Site(link, ledger)
        found.reconcile()
        yield found
        found.assigner.close()


def test_all_that_the_ledger_hands_out_is_guarded_and_nothing_else(site: Site) -> None:
    with site.ledger.snapshot() as transaction:
        guarded = read_prefixes(guarded_prefixes(transaction, ["provider"]))
    addresses = {int(one) for network in guarded for one in network}
    assert addresses == {int(one) for one in (*SHADOW, *PROVIDER)} - {int(one) for one in list(SHADOW)[:2]}
    assert unguarded(site.assigner.server, guarded) == ([], [])
    got = site.link.lab.call("client", greedy, CLIENT_LINK, 7)
    assert {int(IPv4Address(one)) for one in got}.isdisjoint(addresses)
    assert len(set(got)) == 6  # two that are excluded, four of Kea's own


def test_a_reserved_instance_and_an_unexpected_one_obtain_their_addresses(site: Site) -> None:
    told = site.created("web-1", site.link.mac())
    assert told["source"] == "shadow"
    assert dhclient(site.link.lab.names["client"], CLIENT_LINK, site.link.folder / "c", SERVER) == told["address"]
    other = site.created("job-1", OTHER, workload="job", fallback="dhcp", assign="none")
    assert (other["source"], other["assign"]) == ("dynamic", "dhcp")
    assert IPv4Address(other["address"]) in PROVIDER
    assert site.link.bare(lambda client: client.obtain(OTHER)).address == other["address"]
    site.deleted("job-1")
    site.deleted("web-1")
    assert site.leases() == site.book() == {}
    assert site.reconcile() == []


def test_created_and_deleted_twice_and_deleted_before_it_was_created(site: Site) -> None:
    site.deleted("web-1")
    told = site.created("web-1", MAC)
    assert site.created("web-1", MAC)["address"] == told["address"]
    assert site.leases() == {told["address"]: MAC}
    site.deleted("web-1")
    site.assigner.take(told)
    site.deleted("web-1")
    assert site.leases() == {}
    assert site.created("web-1", MAC)["address"] == told["address"]  # its own, from quarantine
    assert site.leases() == {told["address"]: MAC}


def test_an_address_that_a_stranger_has_is_refused_and_reported(site: Site) -> None:
    with site.ledger.snapshot() as transaction:
        first = transaction.reserved_of(transaction.reservation_named("r1").id)[0]
    address = str(IPv4Address(first.block.start))
    site.assigner.server.remove(address)  # somebody took the guard away
    for _attempt in range(40):
        stranger = site.link.bare(lambda client: client.obtain(OTHER, wanted=address))
    assert stranger.address == address
    with pytest.raises(Conflict, match=f"{address}: is held by the hardware address {OTHER}"):
        site.created("web-1", MAC)
    before = site.assigner.server.lease_of(address)
    assert site.reconcile() == [("foreign", address)]
    assert site.assigner.server.lease_of(address) == before
    site.deleted("web-1")
    assert site.assigner.server.lease_of(address) == before


def test_reconcile_finds_and_repairs_each_kind_of_difference(site: Site) -> None:
    one, two, three = (site.created(f"web-{n}", f"52:54:00:00:01:0{n}") for n in (1, 2, 3))
    server = site.assigner.server
    server.remove(one["address"])
    give(server, owned(two["address"], "52:54:00:00:01:99", "web-2", ledger=site.ledger_id))
    give(server, owned("10.80.2.1", OTHER, "web-9", ledger=site.ledger_id))
    give(server, owned("10.80.2.2", "52:54:00:00:01:77", "web-1", ledger="other"))
    give(server, owned("10.80.2.3", "52:54:00:00:01:78", ledger=None))
    expected = [("missing", one["address"]), ("changed", two["address"]), ("leaked", "10.80.2.1")]
    before = site.leases()
    assert site.reconcile(check=True) == expected
    assert site.leases() == before
    assert site.reconcile() == expected
    theirs = {"10.80.2.2": "52:54:00:00:01:77", "10.80.2.3": "52:54:00:00:01:78"}
    assert site.leases() == {**site.book(), **theirs}
    assert set(site.book()) == {told["address"] for told in (one, two, three)}


def test_two_instances_with_one_card_are_reported_and_the_others_are_served(site: Site) -> None:
    one = site.created("web-1", MAC)
    with pytest.raises(Conflict, match=f"{MAC} has the lease of {one['address']} already"):
        site.created("web-2", MAC)
    done = reconcile_leases(site.ledger, site.assigner.server, pools=["provider"])
    assert [(found.kind, "already" in done.refused[found.address]) for found in done.findings] == [("missing", True)]
    assert site.leases() == {one["address"]: MAC}


class Crash(BaseException):
    """Not an error that anybody catches: the process is gone."""


class Failing:
    """A channel that dies before, or right after, its n-th command that changes something."""

    def __init__(self, path: str, number: int, before: bool) -> None:
        self._channel = UnixChannel(path)
        self._left, self._before = number, before

    def ask(self, command: str, arguments: Any = None) -> dict[str, Any]:
        counted = command in ("lease4-add", "lease4-update", "lease4-del")
        self._left -= counted
        if counted and self._left == 0 and self._before:
            raise Crash
        answer = self._channel.ask(command, arguments)
        if counted and self._left == 0:
            raise Crash
        return answer

    def close(self) -> None:
        self._channel.close()


class CrashingLedger:
    """Dies at the n-th commit: before it, or right after it is durable."""

    def __init__(self, ledger: Ledger, number: int, before: bool) -> None:
        self._commit, self.store = ledger.store.commit, ledger.store
        self._left, self._before = number, before
        self.store.commit = self._crash  # type: ignore[method-assign]

    def _crash(self) -> None:
        self._left -= 1
        if self._left == 0 and self._before:
            raise Crash
        self._commit()
        if self._left == 0:
            raise Crash

    def restore(self) -> None:
        self.store.commit = self._commit  # type: ignore[method-assign]


def moves(site: Site, assigner: Any) -> Iterator[Callable[[], Any]]:
    """What a site goes through; each step is one that may crash."""
    yield lambda: site.created("web-1", MAC, assigner)
    yield lambda: site.created("job-1", OTHER, assigner, workload="job", fallback="dhcp")
    yield lambda: site.deleted("web-1", assigner)
    yield lambda: site.created("web-2", MAC, assigner)
    yield lambda: site.deleted("job-1", assigner)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["lease", "ledger"])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("guarded", [True, False])
def test_after_a_crash_at_any_boundary_reconcile_makes_them_agree(
    site: Site, place: str, before: bool, guarded: bool
) -> None:
    crashes = 0
    for number in itertools.count(1):
        if not guarded:
            for lease in list(site.assigner.server.leases()):
                site.assigner.server.remove(lease.address)
        assigner = DhcpAssigner(site.ledger_id, socket=site.socket)
        ledger = None
        if place == "lease":
            assigner.server = KeaServer(Failing(site.socket, number, before))
        else:
            ledger = CrashingLedger(site.ledger, number, before)
        try:
            for move in moves(site, assigner):
                move()
            crashed = False
        except Crash:
            crashed = True
        finally:
            assigner.close()
            if ledger is not None:
                ledger.restore()
        site.reconcile()
        assert site.leases() == site.book()
        crashes += crashed
        # Whoever repeats the call that crashed finishes it.
        for name in ("web-1", "web-2", "job-1"):
            site.deleted(name)
        assert site.leases() == site.book() == {}
        assert site.reconcile() == []
        if not crashed:
            break
    assert crashes == 5


def test_options_that_are_missing(site: Site) -> None:
    with pytest.raises(InvalidInput, match="ledger_id"):
        open_assigner("dhcp")
    told = site.created("web-1", MAC)
    with pytest.raises(InvalidInput, match="mac: is required"):
        site.assigner.give({**told, "mac": None})
    with pytest.raises(InvalidInput, match="one IPv4 address"):
        site.assigner.give({**told, "prefix_length": 30, "cidr": "10.80.0.4/30"})
    site.assigner.take({**told, "family": "ipv6", "address": "fd00::1"})
    assert site.leases() == {told["address"]: MAC}
    guard(site.assigner.server, [SHADOW], ledger=site.ledger_id)
