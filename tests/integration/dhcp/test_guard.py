# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom Kea gives what the ledger holds: nobody, whatever clients do and whatever happens to Kea."""

from __future__ import annotations

import socket
import time
from ipaddress import IPv4Address, IPv4Network

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.desk import give, take
from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.guard import (
    guard,
    overlaps,
    read_prefixes,
    unguard,
    unguarded,
    weaknesses,
)
from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.lease import INFINITE, PLACEHOLDER_MAC, DhcpPool
from ansible_collections.shadownet.ipam.tests.integration.dhcp.clients import (
    ACK,
    DECLINE,
    RELEASE,
    REQUEST,
    greedy,
)
from ansible_collections.shadownet.ipam.tests.integration.dhcp.conftest import CLIENT_LINK, DROP, LEDGER, Link, owned
from ansible_collections.shadownet.ipam.tests.integration.dhcp.kea_server import SERVER, subnet
from ansible_collections.shadownet.ipam.tests.integration.namespaces import wait_for

MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"
SHADOW = IPv4Network("10.80.0.16/28")
SERVER_ID = socket.inet_aton(SERVER)


def in_shadow(addresses: list[str]) -> list[str]:
    return [address for address in addresses if IPv4Address(address) in SHADOW]


@pytest.mark.netns
@pytest.mark.slow
def test_a_greedy_client_empties_the_pool_and_never_gets_a_guarded_address(link: Link) -> None:
    link.start([subnet("10.80.0.8-10.80.0.39")])  # 8 below the shadow addresses, 16 of them, 8 above
    done = guard(link.server, [SHADOW], ledger=LEDGER)
    assert [str(span) for span in done.added] == ["10.80.0.16-10.80.0.31"]
    give(link.server, owned("10.80.0.20", MAC, "web-1"))
    got = link.lab.call("client", greedy, CLIENT_LINK, 18)
    assert len(set(got)) == 16  # all that there is beside the guarded ones
    assert in_shadow(got) == []
    # By name, as a client that remembers an address, and by the placeholder's own identifiers.
    asked = link.bare(
        lambda client: [
            client.obtain("0a:00:00:01:00:01", wanted="10.80.0.17"),
            client.ask(REQUEST, "0a:00:00:01:00:02", wanted="10.80.0.18", seconds=0.5),
            client.ask(REQUEST, "0a:00:00:01:00:03", current="10.80.0.19", seconds=0.5),
            client.obtain(PLACEHOLDER_MAC[: 16 * 3 - 1]),
            client.obtain("0a:00:00:01:00:04", client_id=bytes([0x53] * 20)),
        ]
    )
    assert [one for one in asked if one is not None and one.kind == ACK] == []
    assert link.bare(lambda client: client.obtain(MAC)).address == "10.80.0.20"


@pytest.mark.netns
def test_without_a_guard_the_same_client_gets_them(link: Link) -> None:
    """The test above can fail."""
    link.start([subnet("10.80.0.16-10.80.0.19")])
    assert in_shadow(link.lab.call("client", greedy, CLIENT_LINK, 4)) != []


@pytest.mark.netns
def test_guarding_again_adds_what_is_missing_and_taking_back_leaves_a_placeholder(link: Link) -> None:
    link.start()
    server = link.server
    give(server, owned("10.80.0.18", MAC, "web-1"))  # before the guard
    planned = guard(server, [SHADOW], ledger=LEDGER, check=True)
    assert planned.changed
    assert len(list(server.leases())) == 1
    done = guard(server, [SHADOW], ledger=LEDGER)
    assert [str(span) for span in done.added] == ["10.80.0.16-10.80.0.17", "10.80.0.19-10.80.0.31"]
    assert [lease.address for lease in done.marked] == ["10.80.0.18"]
    assert not guard(server, [SHADOW], ledger=LEDGER).changed
    assert not give(server, owned("10.80.0.18", MAC, "web-1")).changed
    server.remove("10.80.0.25")
    assert [str(span) for span in unguarded(server, [SHADOW])[0]] == ["10.80.0.25"]
    assert [str(span) for span in guard(server, [SHADOW], ledger=LEDGER).added] == ["10.80.0.25"]
    take(server, "10.80.0.18", ledger=LEDGER, instance="web-1")
    assert server.leases_of_mac(MAC) == []
    assert unguarded(server, [SHADOW]) == ([], [])
    assert [str(span) for span in unguard(server, [SHADOW], ledger=LEDGER)] == ["10.80.0.16-10.80.0.31"]
    assert list(server.leases()) == []


@pytest.mark.netns
def test_what_kea_gave_away_before_is_reported_and_left_alone(link: Link) -> None:
    link.start([subnet("10.80.0.16-10.80.0.19")])
    strange = link.bare(lambda client: client.obtain(OTHER)).address
    done = guard(link.server, [SHADOW], ledger=LEDGER)
    assert [(lease.address, lease.mac) for lease in done.taken] == [(strange, OTHER)]
    assert sum(span.last - span.first + 1 for span in done.added) == 3
    assert [lease.address for lease in unguarded(link.server, [SHADOW])[1]] == [strange]
    assert link.bare(lambda client: client.obtain(OTHER)).address == strange


@pytest.mark.netns
@pytest.mark.parametrize("crash", [False, True])
def test_leases_and_placeholders_outlive_a_restart_and_reclamation(link: Link, crash: bool) -> None:
    kea = link.start(**{"expired-leases-processing": {"reclaim-timer-wait-time": 1, "hold-reclaimed-time": 0}})
    guard(link.server, [SHADOW], ledger=LEDGER)
    give(link.server, owned("10.80.0.20", MAC, "web-1"))
    before = list(link.server.leases())
    for _round in range(2):
        kea.stop(kill=crash)
        kea.start()
        assert list(link.server.leases()) == before
    time.sleep(2.5)  # reclaimed twice
    assert list(link.server.leases()) == before
    assert in_shadow(link.lab.call("client", greedy, CLIENT_LINK, 6)) == []
    assert link.bare(lambda client: client.obtain(MAC)).address == "10.80.0.20"


@pytest.mark.netns
def test_after_a_loss_of_all_leases_they_are_back_before_kea_serves_anybody(link: Link) -> None:
    kea = link.start([subnet(str(SHADOW))])
    kea.stop()
    kea.more = {"interfaces-config": {"interfaces": []}}
    kea.start()
    assert link.bare(lambda client: client.obtain(OTHER)) is None
    guard(link.server, [SHADOW], ledger=LEDGER)
    give(link.server, owned("10.80.0.20", MAC, "web-1"))
    kea.stop()
    kea.more = {}
    kea.start()
    assert link.bare(lambda client: client.obtain(MAC)).address == "10.80.0.20"
    assert link.bare(lambda client: client.obtain(OTHER)) is None


@pytest.mark.netns
def test_as_the_documentation_configures_it_an_owner_cannot_lose_its_address(link: Link) -> None:
    link.start([subnet(**{"valid-lifetime": INFINITE, "match-client-id": False})], **{"client-classes": [DROP]})
    server = link.server
    guard(server, [SHADOW], ledger=LEDGER)
    give(server, owned("10.80.0.20", MAC, "web-1"))
    assert link.bare(lambda client: client.obtain(MAC)).lifetime == INFINITE
    link.bare(
        lambda client: (
            client.ask(RELEASE, MAC, current="10.80.0.20", server=SERVER_ID),
            client.ask(DECLINE, MAC, wanted="10.80.0.20", server=SERVER_ID),
        )
    )
    # Kea has read them once it answers what came after them.
    assert link.bare(lambda client: client.obtain(OTHER)).address != "10.80.0.20"
    assert not give(server, owned("10.80.0.20", MAC, "web-1")).changed
    assert weaknesses(server, [SHADOW]) == []


@pytest.mark.netns
@pytest.mark.parametrize("trusted", [False, True])
def test_clones_that_call_themselves_the_same_each_get_their_own_address(link: Link, trusted: bool) -> None:
    """Machines from one image often share a client identifier; Kea must go by the hardware address alone."""
    link.start([subnet(**{"match-client-id": trusted})])
    guard(link.server, [SHADOW], ledger=LEDGER)
    give(link.server, owned("10.80.0.20", MAC, "web-1"))
    give(link.server, owned("10.80.0.21", OTHER, "web-2"))
    same = b"\xff\x00\x00\x00\x01cloned"
    got = link.bare(lambda client: [client.obtain(mac, client_id=same) for mac in (MAC, OTHER, MAC)])
    addresses = [None if one is None else one.address for one in got]
    assert (addresses == ["10.80.0.20", "10.80.0.21", "10.80.0.20"]) == (not trusted)
    assert any("match-client-id" in text for text in weaknesses(link.server, [SHADOW])) == trusted


@pytest.mark.netns
def test_with_threads_it_is_the_same(link: Link) -> None:
    threads = {"enable-multi-threading": True, "thread-pool-size": 4, "packet-queue-size": 64}
    link.start([subnet("10.80.0.8-10.80.0.39")], **{"multi-threading": threads})
    assert link.server.lease_of("10.80.0.16") is None
    guard(link.server, [SHADOW], ledger=LEDGER)
    for number in range(20):  # while the owner asks, and asks again
        give(link.server, owned("10.80.0.20", MAC, f"web-{number}"))
        assert link.bare(lambda client: client.obtain(MAC)).address == "10.80.0.20"
        take(link.server, "10.80.0.20", ledger=LEDGER, instance=f"web-{number}")
    got = link.lab.call("client", greedy, CLIENT_LINK, 17)
    assert in_shadow(got) == []


@pytest.mark.netns
def test_otherwise_it_can_and_guarding_says_so_and_giving_again_repairs_it(link: Link) -> None:
    link.start([subnet("10.80.0.16-10.80.0.19", **{"valid-lifetime": 600})])
    server = link.server
    told = " ".join(weaknesses(server, [SHADOW]))
    assert "subnet 1: leases run out after 600 s" in told
    assert "release or decline" in told
    assert weaknesses(server, read_prefixes(["10.99.0.0/24"])) == []  # not in Kea's reach
    guard(server, [SHADOW], ledger=LEDGER)
    lease = owned("10.80.0.17", MAC, "web-1")
    give(server, lease)
    link.bare(lambda client: client.obtain(MAC))
    link.bare(lambda client: client.ask(DECLINE, MAC, wanted="10.80.0.17", server=SERVER_ID))
    wait_for(lambda: server.lease_of("10.80.0.17").state == "declined", what="the decline")
    assert give(server, lease).changed
    assert link.bare(lambda client: client.obtain(MAC)).address == "10.80.0.17"
    link.bare(lambda client: client.ask(RELEASE, MAC, current="10.80.0.17", server=SERVER_ID))
    wait_for(lambda: server.lease_of("10.80.0.17") is None, what="the release")
    assert [str(span) for span in unguarded(server, [SHADOW])[0]] == ["10.80.0.17"]
    assert guard(server, [SHADOW], ledger=LEDGER).changed


@pytest.mark.netns
def test_an_expired_lease_of_a_stranger_is_nobodys(link: Link) -> None:
    more = {"expired-leases-processing": {"reclaim-timer-wait-time": 1}}
    link.start([subnet("10.80.0.16-10.80.0.19", **{"valid-lifetime": 2})], **more)
    strange = link.bare(lambda client: client.obtain(OTHER)).address
    assert guard(link.server, [SHADOW], ledger=LEDGER).taken != []
    wait_for(lambda: link.server.lease_of(strange).state == "expired", what="its reclamation")
    assert guard(link.server, [SHADOW], ledger=LEDGER).taken == []
    assert unguarded(link.server, [SHADOW]) == ([], [])


@pytest.mark.netns
@pytest.mark.parametrize("reclaimed", [False, True])
def test_a_lease_of_ours_that_ran_out_and_went_to_a_stranger_is_the_strangers(link: Link, reclaimed: bool) -> None:
    """Kea leaves our mark on it."""
    more = {"expired-leases-processing": {"reclaim-timer-wait-time": 1}} if reclaimed else {}
    link.start([subnet("10.80.0.16-10.80.0.16", **{"valid-lifetime": 2})], **more)
    server = link.server
    give(server, owned("10.80.0.16", MAC, "web-1"))
    link.bare(lambda client: client.obtain(MAC))
    wait_for(lambda: server.lease_of("10.80.0.16").state == "expired", what="its end")
    assert server.lease_of("10.80.0.16").owner.instance == "web-1"
    if reclaimed:
        time.sleep(2.5)
    assert link.bare(lambda client: client.obtain(OTHER)).address == "10.80.0.16"
    strange = server.lease_of("10.80.0.16")
    assert (strange.mac, strange.owner) == (OTHER, None)
    assert take(server, "10.80.0.16", ledger=LEDGER, instance="web-1").note == "not ours"
    assert [lease.mac for lease in guard(server, [SHADOW], ledger=LEDGER).taken] == [OTHER]


@pytest.mark.netns
def test_on_one_link_strangers_are_served_from_their_own_subnet(link: Link) -> None:
    shadow = {"id": 1, "subnet": "10.80.0.0/16", "pools": [{"pool": str(SHADOW)}], "valid-lifetime": INFINITE}
    strangers = {"id": 2, "subnet": "10.90.0.0/24", "pools": [{"pool": "10.90.0.16/29"}], "valid-lifetime": 600}
    network = {"name": "lan", "interface": "lan0", "subnet4": [shadow, strangers]}
    link.start([], **{"shared-networks": [network]})
    server = link.server
    done = guard(server, [SHADOW, IPv4Network("10.80.9.0/24")], ledger=LEDGER)
    assert [str(span) for span in done.added] == ["10.80.0.16-10.80.0.31"]
    early = "0a:00:00:00:00:02"  # it asked before its instance was known
    got = link.lab.call("client", greedy, CLIENT_LINK, 9)
    assert len(set(got)) == 8
    assert all(IPv4Address(address) in IPv4Network("10.90.0.16/29") for address in got)
    give(server, owned("10.80.0.20", early, "web-1"))
    assert link.bare(lambda client: client.obtain(early)).address == "10.80.0.20"


def pool(first: str, last: str, subnet_id: int = 1) -> DhcpPool:
    return DhcpPool(subnet_id, int(IPv4Address(first)), int(IPv4Address(last)), 600)


def test_where_pools_and_prefixes_meet() -> None:
    pools = [pool("10.0.0.10", "10.0.0.20"), pool("10.0.0.40", "10.0.0.50"), pool("10.1.0.0", "10.1.0.255", 2)]
    found = overlaps(pools, read_prefixes(["10.0.0.16/28", "10.0.0.0/24", "10.1.0.128/25", "10.9.0.0/16", "fd00::/64"]))
    assert [(span.subnet_id, str(span)) for span in found] == [
        (1, "10.0.0.10-10.0.0.20"),
        (1, "10.0.0.40-10.0.0.50"),
        (2, "10.1.0.128-10.1.0.255"),
    ]
