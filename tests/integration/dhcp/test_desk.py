# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases given and taken back on a real Kea: by whom they are obtained, and whom they are kept from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.desk import give, take
from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.guard import guard, read_prefixes
from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.lease import INFINITE
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import Conflict, DhcpError, InvalidInput
from ansible_collections.shadownet.ipam.tests.integration.dhcp.clients import ACK, NAK, REQUEST, dhclient, udhcpc
from ansible_collections.shadownet.ipam.tests.integration.dhcp.conftest import CLIENT_LINK, LEDGER, Link, owned
from ansible_collections.shadownet.ipam.tests.integration.dhcp.kea_server import SERVER, subnet

pytestmark = pytest.mark.netns
Client = Callable[[str, str, Path, str], str | None]
MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"


@pytest.mark.parametrize("client", [dhclient, udhcpc])
@pytest.mark.parametrize("lifetime", [INFINITE, 3600])
def test_a_real_client_obtains_the_address_that_was_given_to_it(link: Link, client: Client, lifetime: int) -> None:
    link.start([subnet(**{"valid-lifetime": lifetime})])
    guard(link.server, read_prefixes(["10.80.0.64/26"]), ledger=LEDGER)
    given = give(link.server, owned("10.80.0.77", link.mac(), "web-1"))
    assert given.changed
    assert given.before.owner.placeholder
    assert client(link.lab.names["client"], CLIENT_LINK, link.folder / "client", SERVER) == "10.80.0.77"
    assert link.addresses() == ["10.80.0.77"]
    # The client's request changed the lease (its lifetime, its client id), but not whose it is.
    assert not give(link.server, owned("10.80.0.77", link.mac(), "web-1")).changed


def test_a_lease_outside_the_pools_is_never_obtained(link: Link) -> None:
    """Why addresses must lie in a pool of Kea, and thus need a guard."""
    link.start([subnet("10.80.0.16/28")])
    give(link.server, owned("10.80.5.5", MAC, "web-1"))
    answer = link.bare(lambda client: client.obtain(MAC))
    assert answer.kind == ACK
    assert answer.address != "10.80.5.5"


def test_giving_twice_and_taking_twice_changes_nothing_the_second_time(link: Link) -> None:
    link.start()
    assert give(link.server, owned("10.80.0.20", MAC, "web-1")).changed
    assert not give(link.server, owned("10.80.0.20", MAC, "web-1")).changed
    assert take(link.server, "10.80.0.20", ledger=LEDGER, instance="web-1").changed
    assert not take(link.server, "10.80.0.20", ledger=LEDGER, instance="web-1").changed
    assert link.server.lease_of("10.80.0.20") is None
    assert not take(link.server, "10.80.0.21", ledger=LEDGER, instance="web-2").changed


def test_check_mode_says_the_same_and_changes_nothing(link: Link) -> None:
    link.start()
    planned = give(link.server, owned("10.80.0.20", MAC, "web-1"), check=True)
    assert planned.changed
    assert link.server.lease_of("10.80.0.20") is None
    give(link.server, owned("10.80.0.20", MAC, "web-1"))
    assert take(link.server, "10.80.0.20", check=True).changed
    assert link.server.lease_of("10.80.0.20") is not None


def test_what_kea_gave_by_itself_is_neither_overwritten_nor_removed(link: Link) -> None:
    link.start()
    strange = link.bare(lambda client: client.obtain(OTHER)).address
    before = link.server.lease_of(strange)
    with pytest.raises(Conflict, match=f"{strange}.*{OTHER}.*not ours"):
        give(link.server, owned(strange, MAC, "web-1"))
    left = take(link.server, strange, ledger=LEDGER, instance="web-1")
    assert (left.changed, left.note) == (False, "not ours")
    assert link.server.lease_of(strange) == before


def test_a_client_that_has_an_address_in_that_subnet_already_is_refused(link: Link) -> None:
    link.start()
    first = link.bare(lambda client: client.obtain(MAC)).address
    with pytest.raises(Conflict, match=f"{MAC} has the lease of {first} already"):
        give(link.server, owned("10.80.0.99", MAC, "web-1"))
    assert link.server.lease_of("10.80.0.99") is None


def test_another_ledgers_lease_stays(link: Link) -> None:
    link.start()
    give(link.server, owned("10.80.0.20", MAC, "web-1", ledger="other"))
    with pytest.raises(Conflict, match="of ledger other"):
        give(link.server, owned("10.80.0.20", OTHER, "web-1"))
    assert take(link.server, "10.80.0.20", ledger=LEDGER).note == "not ours"
    assert link.server.lease_of("10.80.0.20").mac == MAC


def test_within_one_ledger_the_newer_instance_gets_it_and_a_late_take_leaves_it_alone(link: Link) -> None:
    link.start()
    give(link.server, owned("10.80.0.20", MAC, "web-1"))
    assert give(link.server, owned("10.80.0.20", OTHER, "web-2")).changed
    assert take(link.server, "10.80.0.20", ledger=LEDGER, instance="web-1").note == "of instance web-2"
    assert link.server.lease_of("10.80.0.20").mac == OTHER
    with pytest.raises(Conflict, match="web-2"):
        give(link.server, owned("10.80.0.20", MAC, ledger=None))


def test_an_instance_with_another_network_card_keeps_its_address(link: Link) -> None:
    link.start()
    give(link.server, owned("10.80.0.20", MAC, "web-1"))
    assert give(link.server, owned("10.80.0.20", OTHER, "web-1")).changed
    assert link.bare(lambda client: client.obtain(OTHER)).address == "10.80.0.20"
    assert link.bare(lambda client: client.obtain(MAC)).address != "10.80.0.20"


def test_hostname_and_lifetime_are_compared_as_they_were_asked_for(link: Link) -> None:
    link.start([subnet(**{"valid-lifetime": 600})])
    lease = owned("10.80.0.20", MAC, "web-1", hostname="web-1.example.net", lifetime=900)
    assert give(link.server, lease).changed
    assert link.server.lease_of("10.80.0.20").hostname == "web-1.example.net"
    link.bare(lambda client: client.obtain(MAC))  # Kea puts its own lifetime in
    assert link.server.lease_of("10.80.0.20").lifetime == 600
    assert not give(link.server, lease).changed
    assert give(link.server, replace(lease, owner=replace(lease.owner, hostname="web.example.net"))).changed


def test_a_deleted_instance_is_told_so_when_it_renews(link: Link) -> None:
    link.start(authoritative=True)
    give(link.server, owned("10.80.0.20", MAC, "web-1"))
    assert link.bare(lambda client: client.obtain(MAC)).address == "10.80.0.20"
    take(link.server, "10.80.0.20", ledger=LEDGER, instance="web-1")
    answer = link.bare(lambda client: client.ask(REQUEST, MAC, wanted="10.80.0.20"))
    assert answer.kind == NAK


def test_a_subnet_that_kea_does_not_have(link: Link) -> None:
    link.start()
    with pytest.raises(InvalidInput, match="subnet with id 7"):
        give(link.server, replace(owned("10.80.0.20", MAC, "web-1"), subnet_id=7))
    with pytest.raises(InvalidInput, match=r"no subnet for 10\.99\.0\.1"):
        give(link.server, owned("10.99.0.1", MAC, "web-1"))


def test_without_the_hook_library_the_error_names_it_and_its_line(link: Link) -> None:
    link.start(lease_commands=False)
    with pytest.raises(DhcpError, match=r'libdhcp_lease_cmds\.so.*"hooks-libraries": \[\{"library"'):
        give(link.server, owned("10.80.0.20", MAC, "web-1"))
