# SPDX-License-Identifier: GPL-3.0-or-later
"""One behaviour of allocation at a time: sizes, addresses, matching, order, refusals, asking again."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import (
    AllocationRefused,
    Conflict,
    InvalidInput,
    NotFound,
)
from ansible_collections.shadownet.ipam.tests.unit.ipam.desk import Desk

# -- sizes


@pytest.mark.parametrize(
    ("gateway", "addresses", "length"),
    [
        ("node", 1, 30),
        ("node", 2, 29),
        ("node", 5, 29),
        ("node", 6, 28),
        ("node", 13, 28),
        ("node", 14, 27),
        ("router", 1, 29),
        ("router", 4, 29),
        ("router", 5, 28),
        ("router", 12, 28),
        ("router", 13, 27),
        ("node", 2**16 - 3, 16),
        ("node", 2**16 - 2, 15),
    ],
)
def test_addresses_are_for_the_hosts_and_the_others_come_on_top(
    desk: Desk, gateway: str, addresses: int, length: int
) -> None:
    desk.pool("p", "10.0.0.0/8", gateway=gateway)
    shown = desk.ask({"name": "a", "addresses": addresses})[0]
    assert shown["prefix_length"] == length
    first, last = (int.from_bytes(map(int, shown[key].split("."))) for key in ("first_host", "last_host"))
    assert last - first + 1 >= addresses


def test_addresses_of_ipv6_are_a_64_unless_a_length_is_given(desk: Desk) -> None:
    desk.pool("p", "2001:db8::/48")
    assert desk.get("a", addresses=5, family="ipv6") == "2001:db8::/64"
    assert desk.get("b", addresses=2**62, family="ipv6") == "2001:db8:0:1::/64"
    assert desk.get("c", 120) == "2001:db8:0:2::/120"


@pytest.mark.parametrize("addresses", [2**32 - 2, 2**32, 2**62])
def test_more_addresses_than_ipv4_has_are_refused(desk: Desk, addresses: int) -> None:
    desk.pool("p", "0.0.0.0/0")
    with pytest.raises(InvalidInput, match=r"^requests\[0\]\.addresses: "):
        desk.get("a", addresses=addresses)


@pytest.mark.parametrize(
    ("gateway", "prefix", "expected"),
    [
        ("node", "10.0.0.0/24", ("10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.254")),
        ("router", "10.0.0.0/24", ("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.254")),
        ("node", "10.0.0.0/31", ("10.0.0.0", "10.0.0.0", "10.0.0.1", "10.0.0.1")),
        ("router", "10.0.0.0/31", ("10.0.0.0", "10.0.0.1", None, None)),
        ("node", "10.0.0.0/30", ("10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.2")),
        ("router", "10.0.0.0/30", ("10.0.0.1", "10.0.0.2", None, None)),
        ("node", "10.0.0.7/32", ("10.0.0.7", "10.0.0.7", None, None)),
        ("node", "2001:db8::/64", ("2001:db8::1", "2001:db8::1", "2001:db8::2", "2001:db8::ffff:ffff:ffff:ffff")),
        ("router", "2001:db8::/64", ("2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::ffff:ffff:ffff:ffff")),
        ("node", "2001:db8::/127", ("2001:db8::", "2001:db8::", "2001:db8::1", "2001:db8::1")),
        ("router", "2001:db8::/127", ("2001:db8::", "2001:db8::1", None, None)),
        ("node", "2001:db8::5/128", ("2001:db8::5", "2001:db8::5", None, None)),
    ],
)
def test_gateway_node_and_hosts_have_their_addresses(
    desk: Desk, gateway: str, prefix: str, expected: tuple[str | None, ...]
) -> None:
    desk.pool("p", "10.0.0.0/8", "2001:db8::/32", gateway=gateway)
    shown = desk.ask({"name": "a", "prefix": prefix})[0]
    assert tuple(shown[key] for key in ("gateway", "ip_address", "first_host", "last_host")) == expected


@pytest.mark.parametrize("prefix", ["10.0.0.7/32", "2001:db8::5/128"])
def test_one_address_is_too_few_for_router_and_node(desk: Desk, prefix: str) -> None:
    desk.pool("p", "10.0.0.0/8", "2001:db8::/32", gateway="router")
    with pytest.raises(AllocationRefused, match="p: gateway: a subnet of one address has no room"):
        desk.get("a", prefix=prefix)


@pytest.mark.parametrize(
    ("space", "length", "count"),
    [
        ("10.0.0.0/30", 32, 4),
        ("10.0.0.0/30", 31, 2),
        ("2001:db8::/126", 128, 4),
        ("2001:db8::/126", 127, 2),
        ("255.255.255.252/30", 32, 4),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc/126", 128, 4),
    ],
)
@pytest.mark.parametrize("strategy", ["first_fit", "best_fit", "round_robin"])
@pytest.mark.parametrize("together", [False, True])
def test_the_smallest_prefixes_fill_a_pool_to_its_last_address(
    desk: Desk, space: str, length: int, count: int, strategy: str, together: bool
) -> None:
    desk.pool("p", space, strategy=strategy, quarantine=0)
    items = [{"name": f"s{n}", "prefix_length": length} for n in range(count)]
    given = desk.ask(*items) if together else [desk.ask(item)[0] for item in items]
    assert len({one["cidr"] for one in given}) == count
    assert desk.free("p") == []
    for _turn in range(2):
        with pytest.raises(AllocationRefused, match=r"size: no room for a /.*, it is full"):
            desk.ask(*({"name": f"more{n}", "prefix_length": length} for n in range(2)))
    desk.release(*(f"s{n}" for n in range(count)))
    assert desk.free("p") == [space]


@pytest.mark.parametrize("space", ["0.0.0.0/0", "::/0"])
def test_the_whole_address_space_can_be_a_pool_and_a_subnet(desk: Desk, space: str) -> None:
    desk.pool("p", space, quarantine=0)
    family = "ipv6" if ":" in space else "ipv4"
    assert desk.get("a", 0, family=family) == space
    desk.release("a")
    assert desk.get("b", 1, family=family).endswith("/1")
    assert desk.get("c", 1, family=family).endswith("/1")
    desk.release("b", "c")
    assert desk.free("p") == [space]


def test_round_robin_asks_beyond_the_last_address_and_wraps(desk: Desk) -> None:
    space = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120"
    desk.pool("p", space, strategy="round_robin")
    desk.get("last", prefix="ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffe0/128")
    assert desk.get("a", 123) == "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/123"
    desk.get("near", prefix="ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0/128")
    assert desk.get("b", 123) == "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff20/123"


def test_after_the_last_address_of_all_there_is_none(desk: Desk) -> None:
    desk.pool("p", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127")
    desk.get("a", 128)
    with pytest.raises(AllocationRefused, match="it is full"):
        desk.ask({"name": "b", "prefix_length": 128}, {"name": "c", "prefix_length": 128})
    assert desk.get("b", 128) == "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"


def test_free_blocks_of_neighbouring_prefixes_do_not_merge(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/25", "10.0.0.128/25", quarantine=0)
    with pytest.raises(AllocationRefused, match="no room for a /24, the largest free block is a /25"):
        desk.get("a", 24)
    desk.ask({"name": "a", "prefix_length": 25}, {"name": "b", "prefix_length": 25})
    desk.release("a", "b")
    assert desk.free("p") == ["10.0.0.0/25", "10.0.0.128/25"]


# -- matching and order


def test_a_refusal_says_for_every_pool_why(desk: Desk) -> None:
    desk.pool("small", "10.1.0.0/28")
    desk.pool("six", "2001:db8::/48")
    desk.pool("west", "10.2.0.0/16", location="west")
    desk.pool("plain", "10.3.0.0/16", location="east")
    desk.pool("slow", "10.4.0.0/16", location="east", security_profiles=["web"], bandwidth="1Mbit")
    desk.pool("shadow", "10.5.0.0/16", kind="shadow")
    desk.pool("full", "10.6.0.0/30", location="east", security_profiles=["web"])
    with pytest.raises(AllocationRefused) as caught:
        desk.get("a", 24, location="east", security_profile="web", bandwidth="1Gbit")
    assert caught.value.pools == [
        ("small", "location: it is without one, not in east"),
        ("six", "family: it has no IPv4 prefix"),
        ("west", "location: it is in west, not in east"),
        ("plain", "security_profile: unknown profile web, it offers none"),
        ("slow", "bandwidth: 1Mbit of 1Mbit left, 1Gbit more are asked"),
        ("shadow", "kind: it is a shadow pool, for reservations"),
        ("full", "size: no room for a /24, the largest free block is a /30"),
    ]
    for name, why in caught.value.pools:
        assert f"{name}: {why}" in str(caught.value)
    assert caught.value.parameter == "requests[0]"


@pytest.mark.parametrize(
    ("options", "parameter"),
    [
        ({"location": "nowhere"}, "requests[0].location"),
        ({"security_profile": "unknown"}, "requests[0].security_profile"),
        ({"bandwidth": "2Gbit"}, "requests[0].bandwidth"),
        ({"family": "ipv6"}, "requests[0].family"),
    ],
)
def test_a_refusal_for_one_reason_names_the_option(desk: Desk, options: dict[str, Any], parameter: str) -> None:
    desk.pool("p", "10.0.0.0/16", bandwidth="1Gbit", security_profiles=["web"], location="east")
    desk.pool("q", "10.1.0.0/16", bandwidth="1Gbit")
    with pytest.raises(AllocationRefused) as caught:
        desk.get("a", 24, **options)
    assert caught.value.parameter == parameter
    assert [refusal[0] for refusal in caught.value.pools] == ["p", "q"]


def test_a_ledger_without_pools_says_so(desk: Desk) -> None:
    with pytest.raises(AllocationRefused, match="the ledger has no pool"):
        desk.get("a", 24)


def test_an_unknown_pool_is_an_error_that_names_the_known_ones(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/16")
    with pytest.raises(NotFound, match=r"^requests\[0\]\.pools: there is no pool 'x'\. Declared are: p\."):
        desk.get("a", 24, pools=["x"])


def test_pools_are_tried_in_the_order_of_the_request_or_of_declaration(desk: Desk) -> None:
    desk.pool("one", "10.1.0.0/24")
    desk.pool("two", "10.2.0.0/24")
    assert desk.get("a", 25) == "10.1.0.0/25"
    assert desk.get("b", 25, pools=["two", "one"]) == "10.2.0.0/25"
    assert desk.get("d", 25) == "10.1.0.128/25"
    assert desk.get("e", 25) == "10.2.0.128/25"
    with pytest.raises(AllocationRefused) as caught:
        desk.get("f", 25, pools=["two", "one"])
    assert [refusal[0] for refusal in caught.value.pools] == ["two", "one"]


def test_pools_by_round_robin_take_turns(desk: Desk) -> None:
    for n in (1, 2, 3):
        desk.pool(f"p{n}", f"10.{n}.0.0/24", strategy="round_robin")
    given = [desk.get(f"s{n}", 28) for n in range(5)]
    assert given == ["10.1.0.0/28", "10.2.0.0/28", "10.3.0.0/28", "10.1.0.16/28", "10.2.0.16/28"]


def test_in_one_call_pools_take_turns_too(desk: Desk) -> None:
    for n in (1, 2):
        desk.pool(f"p{n}", f"10.{n}.0.0/24", strategy="round_robin")
    given = desk.ask(*({"name": f"s{n}", "prefix_length": 28} for n in range(4)))
    assert [one["pool"] for one in given] == ["p1", "p2", "p1", "p2"]


def test_round_robin_goes_on_after_what_was_released(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/27", strategy="round_robin", quarantine=0)
    assert desk.get("a", 29) == "10.0.0.0/29"
    desk.release("a")
    assert [desk.get(f"s{n}", 29) for n in range(4)] == ["10.0.0.8/29", "10.0.0.16/29", "10.0.0.24/29", "10.0.0.0/29"]


def test_a_security_profile_decides_which_pools_may_serve(desk: Desk) -> None:
    desk.pool("plain", "10.1.0.0/24")
    desk.pool("web", "10.2.0.0/24", security_profiles=["web", "db"])
    assert desk.get("a", 28, security_profile="web") == "10.2.0.0/28"
    assert desk.get("b", 28) == "10.1.0.0/28"


def test_a_request_without_location_may_lie_anywhere_and_gets_the_pools_location(desk: Desk) -> None:
    desk.pool("east", "10.1.0.0/24", location="east")
    desk.pool("west", "10.2.0.0/24", location="west")
    assert desk.ask({"name": "a", "prefix_length": 28})[0]["location"] == "east"
    assert desk.get("b", 28, location="west") == "10.2.0.0/28"


def test_bandwidth_is_handed_out_and_comes_back(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24", bandwidth="100Mbit", quarantine=0)
    desk.get("a", 28, bandwidth="60Mbit")
    with pytest.raises(AllocationRefused, match="40Mbit of 100Mbit left, 50Mbit more are asked"):
        desk.get("b", 28, bandwidth="50Mbit")
    desk.get("b", 28, bandwidth="40Mbit")
    desk.get("c", 28)
    desk.release("a")
    desk.get("d", 28, bandwidth="60Mbit")


def test_bandwidth_of_a_subnet_on_a_node_comes_back_when_the_node_confirms(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24", bandwidth="100Mbit")
    desk.get("a", 28, bandwidth="100Mbit", node="n1")
    desk.release("a")
    with pytest.raises(AllocationRefused):
        desk.get("b", 28, bandwidth="1Mbit")
    desk.answer("n1", 2)
    desk.get("b", 28, bandwidth="100Mbit")


# -- explicit prefixes


def test_an_explicit_prefix_is_given_where_it_is_free(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    assert desk.get("a", prefix="10.0.0.64/28") == "10.0.0.64/28"
    assert desk.free("p") == ["10.0.0.0/26", "10.0.0.80/28", "10.0.0.96/27", "10.0.0.128/25"]


@pytest.mark.parametrize(
    ("prefix", "why"),
    [
        ("192.0.2.0/24", "prefix: 192.0.2.0/24 does not lie in it"),
        ("10.0.0.0/23", "prefix: 10.0.0.0/23 does not lie in it"),
        ("10.0.0.0/28", "prefix: 10.0.0.0/28 is held by 'other'"),
        ("10.0.0.0/24", "prefix: 10.0.0.0/28 is held by 'other'"),
        ("10.0.0.4/30", "prefix: 10.0.0.0/28 is held by 'other'"),
        ("10.0.0.16/28", "prefix: 10.0.0.16/28 of it is excluded"),
        ("10.0.0.18/32", "prefix: 10.0.0.16/28 of it is excluded"),
        ("2001:db8::/64", "family: it has no IPv6 prefix"),
    ],
)
def test_a_prefix_that_cannot_be_given_is_refused_with_the_reason(desk: Desk, prefix: str, why: str) -> None:
    desk.pool("p", "10.0.0.0/24", excluded=["10.0.0.16/28"])
    desk.get("other", 28)
    with pytest.raises(AllocationRefused) as caught:
        desk.get("a", prefix=prefix)
    assert caught.value.pools == [("p", why)]


# -- asking again


def test_asking_again_changes_nothing_and_writes_no_event(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24", security_profiles=["web"], bandwidth="1Gbit", location="east")
    wish = {
        "name": "a",
        "service": "shop",
        "addresses": 6,
        "bandwidth": "10Mbit",
        "security_profile": "web",
        "location": "east",
        "node": "n1",
        "labels": {"team": "x"},
    }
    first = desk.ask(wish)[0]
    before = desk.content()
    again = desk.ask(wish)[0]
    assert (first.pop("changed"), again.pop("changed")) == (True, False)
    assert first == again
    assert desk.content() == before


def test_names_that_look_the_same_are_the_same_key(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    assert desk.get("caf\u00e9", 28) == desk.get("cafe\u0301", 28)


@pytest.mark.parametrize(
    ("change", "pushed"),
    [
        ({"labels": {"team": "y"}}, False),
        ({"labels": {}}, False),
        ({"labels": {"vlan": "7"}}, True),
        ({"service": "other"}, False),
        ({"bandwidth": "20Mbit"}, True),
        ({"bandwidth": None}, True),
        ({"security_profile": "db"}, True),
    ],
)
def test_what_may_change_changes_in_place_and_is_pushed_where_it_shows(
    desk: Desk, change: dict[str, Any], pushed: bool
) -> None:
    desk.pool("p", "10.0.0.0/24", security_profiles=["web", "db"])
    wish = {"name": "a", "prefix_length": 28, "bandwidth": "10Mbit", "security_profile": "web", "node": "n1"}
    first = desk.ask({**wish, "labels": {"team": "x"}})[0]
    desk.answer("n1", 1)
    changed = desk.ask({**wish, "labels": {"team": "x"}, **change})[0]
    assert (changed["changed"], changed["cidr"], changed["id"]) == (True, first["cidr"], first["id"])
    assert changed["status"] == ("pending" if pushed else "active")
    assert desk.ask({**wish, "labels": {"team": "x"}, **change})[0]["changed"] is False


@pytest.mark.parametrize(
    ("change", "option", "words"),
    [
        ({"prefix_length": 27}, "prefix_length", "it is a /28, asked is a /27"),
        ({"prefix_length": None, "addresses": 30}, "addresses", "it is a /28, asked is a /26"),
        ({"prefix_length": None, "prefix": "10.0.0.16/28"}, "prefix", "it is 10.0.0.0/28, asked is 10.0.0.16/28"),
        ({"family": "ipv6"}, "family", "10.0.0.0/28 is IPv4, asked is IPv6"),
        ({"pools": ["q"]}, "pools", "it lies in pool p, asked is q"),
        ({"location": "west"}, "location", "it is in east, asked is west"),
        ({"node": "n1"}, "node", "it is on no node, asked is n1"),
    ],
)
def test_what_may_not_change_is_refused_with_the_difference(
    desk: Desk, change: dict[str, Any], option: str, words: str
) -> None:
    desk.pool("p", "10.0.0.0/24", "2001:db8::/48", location="east")
    desk.pool("q", "10.1.0.0/24")
    desk.get("a", 28)
    before = desk.content()
    with pytest.raises(Conflict) as caught:
        desk.ask({"name": "a", "prefix_length": 28, **change})
    assert words in str(caught.value)
    assert caught.value.parameter == f"requests[0].{option}"
    assert desk.content() == before


def test_another_number_of_addresses_of_the_same_size_is_remembered(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.get("a", addresses=6)
    assert desk.ask({"name": "a", "addresses": 10})[0]["changed"] is True
    assert desk.subnets()["a"]["addresses"] == 10
    assert desk.ask({"name": "a", "addresses": 10})[0]["changed"] is False


def test_more_bandwidth_than_is_left_is_refused_in_place_too(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24", bandwidth="100Mbit")
    desk.get("a", 28, bandwidth="60Mbit")
    desk.get("b", 28, bandwidth="30Mbit")
    with pytest.raises(AllocationRefused, match=r"cannot change from 60Mbit to 80Mbit .*10Mbit of 100Mbit left"):
        desk.get("a", 28, bandwidth="80Mbit")
    desk.get("a", 28, bandwidth="70Mbit")
    desk.get("a", 28, bandwidth="10Mbit")
    desk.get("c", 28, bandwidth="60Mbit")


def test_a_subnet_on_its_way_out_that_is_asked_for_again_stays(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    given = desk.get("a", 28, node="n1")
    desk.answer("n1", 1)
    desk.release("a")
    shown = desk.ask({"name": "a", "prefix_length": 28, "node": "n1"})[0]
    assert (shown["cidr"], shown["status"], shown["changed"]) == (given, "pending", True)
    # The node confirms the removal that it was told before: that says nothing of the revision that came after.
    desk.answer("n1", 2)
    assert desk.subnets()["a"]["status"] == "pending"
    desk.answer("n1", 3)
    assert desk.subnets()["a"]["status"] == "active"


# -- all or nothing


def test_one_refused_request_undoes_the_whole_call(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    before = desk.content()
    with pytest.raises(AllocationRefused, match=r"^requests\[2\]"):
        desk.ask(*({"name": f"s{n}", "prefix_length": 25} for n in range(3)))
    assert desk.content() == before


# -- release


def test_releasing_what_is_not_there_is_no_error(desk: Desk) -> None:
    assert desk.release("nobody") == [None]


@pytest.mark.parametrize("order", [("name", "id"), ("id", "name")])
@pytest.mark.parametrize("quarantine", [0, 600])
@pytest.mark.parametrize("node", [None, "n1"])
def test_one_subnet_released_by_name_and_by_id_goes_once(
    desk: Desk, order: tuple[str, str], quarantine: int, node: str | None
) -> None:
    desk.pool("p", "10.0.0.0/24", quarantine=quarantine, bandwidth="1Gbit")
    number = desk.ask({"name": "a", "prefix_length": 28, "bandwidth": "5Mbit", "node": node})[0]["id"]
    desk.release_keys(*({"name": "a"} if key == "name" else {"id": number} for key in order))
    events = [row[0] for row in desk.rows("SELECT kind FROM event WHERE name = 'a'")]
    assert events == ["subnet.allocated", "subnet.released"]


def test_an_id_is_never_used_again(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24", quarantine=0)
    first = desk.ask({"name": "a", "prefix_length": 28})[0]["id"]
    desk.release("a")
    assert desk.ask({"name": "a", "prefix_length": 28})[0]["id"] > first


# -- nodes


def test_a_failed_push_is_kept_with_the_nodes_words_until_one_succeeds(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.get("a", 28, node="n1")
    desk.answer("n1", 1, ok=False, message="No such device")
    shown = desk.subnets()["a"]
    assert (shown["status"], shown["reason"]) == ("error", "No such device")
    assert desk.ask({"name": "a", "prefix_length": 28, "node": "n1"})[0]["changed"] is False
    desk.answer("n1", 1)
    shown = desk.subnets()["a"]
    assert (shown["status"], shown["reason"]) == ("active", None)


def test_a_result_for_an_older_revision_changes_nothing_newer(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.get("a", 28, node="n1")
    desk.get("b", 28, node="n1")
    desk.answer("n1", 1)
    assert {name: one["status"] for name, one in desk.subnets().items()} == {"a": "active", "b": "pending"}
    desk.answer("n1", 1, ok=False, message="late")
    assert {name: one["status"] for name, one in desk.subnets().items()} == {"a": "active", "b": "pending"}


def test_a_failed_removal_keeps_the_prefix_in_use(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24", quarantine=0)
    desk.get("a", 24, node="n1")
    desk.answer("n1", 1)
    desk.release("a")
    desk.answer("n1", 2, ok=False, message="busy")
    assert desk.subnets()["a"]["status"] == "error"
    assert desk.occupied("p") == [("10.0.0.0/24", "subnet")]
    desk.answer("n1", 2)
    assert desk.free("p") == ["10.0.0.0/24"]


@pytest.mark.parametrize(("node", "revision", "error"), [("n2", 1, NotFound), ("n1", 2, InvalidInput)])
def test_a_result_for_what_the_ledger_never_made_is_refused(
    desk: Desk, node: str, revision: int, error: type[Exception]
) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.get("a", 28, node="n1")
    with pytest.raises(error):
        desk.answer(node, revision)
