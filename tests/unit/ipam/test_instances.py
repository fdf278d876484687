# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances: where they are, how their node reaches them, under which name, and what is kept for whom."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.adopt import adopt
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.history import state_at
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instance_requests import read_instance
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage import read_window, usage
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_history import usage_history
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import (
    AllocationRefused,
    Conflict,
    InvalidInput,
    NotFound,
    ShadownetError,
)

from .desk import START, Desk

DAY = 86_400


def cidr(desk: Desk, name: str, workload: str = "web", **options: Any) -> str:
    after = desk.create(name, workload, **options).moved.after
    assert after is not None
    return str(after["cidr"])


# Resting prefixes


def test_what_rests_goes_back_to_the_same_kind_of_holder_only(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/29", quarantine="1h")
    assert desk.get("web-1", 32) == "10.0.0.0/32"
    desk.release("web-1")
    assert cidr(desk, "web-1") == "10.0.0.1/32"
    assert desk.get("web-1", 32) == "10.0.0.0/32"
    desk.release("web-1")
    desk.delete("web-1")
    assert desk.get("web-1", 32) == "10.0.0.0/32"
    assert cidr(desk, "web-1") == "10.0.0.1/32"


def test_a_subnet_gets_nothing_that_rests_after_an_instance_of_its_name(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/31", quarantine="1h")
    cidr(desk, "x")
    desk.delete("x")
    assert desk.get("x", 32) == "10.0.0.1/32"
    with pytest.raises(AllocationRefused):
        desk.get("y", 32)


# How the node reaches it


@pytest.mark.parametrize("name", ["lo", "LO", "lo0", "Loopback17"])
def test_a_loopback_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"^i\.interface: .* is the node's loopback.*Give the interface"):
        read_instance({"name": "a", "workload": "w", "node": "fe1", "interface": name}, "i")


@pytest.mark.parametrize(
    ("hop", "what"),
    [
        ("127.0.0.1", "loopback"),
        ("0.0.0.0", "unspecified"),
        ("224.0.0.5", "multicast"),
        ("::1", "loopback"),
        ("ff02::1", "multicast"),
    ],
)
def test_a_next_hop_that_no_neighbour_has_is_refused(hop: str, what: str) -> None:
    family = "ipv6" if ":" in hop else "ipv4"
    with pytest.raises(InvalidInput, match=rf"^i\.next_hop: {hop} is .*{what}.* space, and no neighbour"):
        read_instance({"name": "a", "workload": "w", "node": "fe1", "next_hop": hop, "family": family}, "i")


def test_what_looks_alike_is_none() -> None:
    for interface in ("lo1x", "long", "lobby0"):
        assert (
            read_instance({"name": "a", "workload": "w", "node": "n", "interface": interface}, "i").interface
            == interface
        )
    data = {"name": "a", "workload": "w", "node": "n", "interface": "e", "next_hop": "fe80::1", "family": "ipv6"}
    assert read_instance(data, "i").next_hop == "fe80::1"


@pytest.mark.parametrize("gateway", ["node", "router"])
def test_a_next_hop_that_is_the_node_itself_is_refused(desk: Desk, gateway: str) -> None:
    desk.pool("p", "10.0.0.0/24", gateway=gateway)
    desk.get("lan", 28, node="fe1")
    desk.get("elsewhere", 28, node="fe2")
    own, other = ("10.0.0.1", "10.0.0.17") if gateway == "node" else ("10.0.0.2", "10.0.0.18")
    before = desk.content()
    with pytest.raises(Conflict, match=f"{own} is the address of fe1 itself, in subnet 'lan'") as caught:
        desk.create("a", node="fe1", next_hop=own)
    assert caught.value.parameter == "instances.next_hop"
    assert caught.value.fix is not None
    assert desk.content() == before
    desk.create("a", node="fe1", next_hop=other)
    with pytest.raises(Conflict):
        desk.create("a", node="fe1", next_hop=own)
    desk.create("a", node="fe1", next_hop="10.0.0.5")


@pytest.mark.parametrize("mac", ["ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "01:00:5e:00:00:01", "33-33-00-00-00-01"])
def test_a_mac_address_that_no_station_has_is_refused(mac: str) -> None:
    with pytest.raises(InvalidInput, match=r"^i\.mac: .* is (no address|the broadcast address|a multicast address),"):
        read_instance({"name": "a", "workload": "w", "mac": mac}, "i")


def test_a_mac_address_that_is_administered_locally_is_taken() -> None:
    assert read_instance({"name": "a", "workload": "w", "mac": "02-00-00-00-00-01"}, "i").mac == "02:00:00:00:00:01"


# Location


@pytest.fixture
def places(desk: Desk) -> Desk:
    for place in ("east", "west", ""):
        number = ["east", "west", ""].index(place)
        where = {"location": place} if place else {}
        desk.pool(f"s-{place or 'none'}", f"10.200.{number}.0/28", kind="shadow", **where)
        desk.pool(f"p-{place or 'none'}", f"10.100.{number}.0/28", **where)
    return desk


def reserve(desk: Desk, pool: str, **options: Any) -> None:
    desk.reserve({"workload": "web", "instances": 2, "begins": 0, "ends": DAY, "pools": [pool], **options})


@pytest.mark.parametrize(
    ("pool", "location", "asked", "hit"),
    [
        ("s-east", None, None, True),
        ("s-east", None, "east", True),
        ("s-east", None, "west", False),
        ("s-east", "east", None, True),
        ("s-east", "east", "east", True),
        ("s-east", "east", "west", False),
        ("s-none", None, None, True),
        ("s-none", None, "east", False),
    ],
)
def test_who_names_a_location_gets_addresses_of_there_and_of_nowhere_else(
    places: Desk, pool: str, location: str | None, asked: str | None, hit: bool
) -> None:
    reserve(places, pool, **({} if location is None else {"location": location}))
    made = places.create("web-1", location=asked)
    assert made.instance.source == ("shadow" if hit else "dynamic")
    if hit:
        assert made.instance.location == (None if pool == "s-none" else "east")
    else:
        assert "location: " in str(made.missed)
        assert made.instance.location == asked
        assert (made.moved.after or {})["pool"] == f"p-{asked}"


def test_of_a_reservation_in_several_places_an_instance_gets_a_prefix_of_its_own(places: Desk) -> None:
    places.reserve({"workload": "web", "instances": 17, "ends": DAY, "pools": ["s-east", "s-west"]})
    assert cidr(places, "a", location="west") == "10.200.1.0/32"
    assert cidr(places, "b") == "10.200.0.0/32"
    missed = places.create("c", location="west").missed
    assert missed == "web: exhausted: every prefix has an instance, or rests after one"


def test_a_name_that_is_predicted_elsewhere_gets_another_prefix(places: Desk) -> None:
    reserve(places, "s-east", instance_names=["web-1"])
    assert places.create("web-1", location="west").instance.source == "dynamic"
    assert places.create("web-2", location="east").instance.source == "shadow"


def test_without_a_location_dynamic_addresses_are_where_their_pool_is(places: Desk) -> None:
    assert places.create("a").instance.location == "east"
    assert places.create("b", location="west").instance.location == "west"
    with pytest.raises(AllocationRefused, match="p-none: location: it is without one, not in north"):
        places.create("c", location="north")


def test_an_instance_does_not_change_its_location_unnoticed(places: Desk) -> None:
    places.create("a", location="west")
    assert not places.create("a").moved.changed
    assert not places.create("a", location="west").moved.changed
    with pytest.raises(Conflict, match="'a' has an address of west, asked is east") as caught:
        places.create("a", location="east")
    assert caught.value.parameter == "instances.location"


def test_usage_tells_reservations_and_instances_of_a_pool_at_the_same_location(places: Desk) -> None:
    reserve(places, "s-east")
    places.create("a")
    places.create("b", location="east")
    places.seconds += 3600
    with places.ledger.snapshot() as transaction:
        rows = usage_history(transaction, read_window(None, None, transaction.now), 3_600_000)
    assert {(row.workload, row.location) for row in rows} == {("web", "east")}
    assert [(row.instances, row.reserved) for row in rows] == [(2, 2)]


# Names


@pytest.fixture
def adopted(desk: Desk) -> Desk:
    """After a restore: three routes on fe1 that the ledger does not know."""
    desk.pool("s", "10.200.0.0/28", kind="shadow")
    desk.pool("p", "10.1.0.0/28")
    desk.reserve({"workload": "web", "instances": 2, "ends": DAY, "instance_names": ["web-1"]})
    routes = [
        {"prefix": prefix, "interface": interface}
        for prefix, interface in (("10.200.0.0/32", "tap7"), ("10.200.0.9/32", "tap9"), ("10.1.0.3/32", "tap3"))
    ]
    with desk.ledger.transaction("test") as transaction:
        done = adopt(transaction, "fe1", {"routes": routes})
    assert [(one["name"], one["adopted"]) for one in done] == [
        ("web-1", True),
        ("10.200.0.9", True),
        ("10.1.0.3", True),
    ]
    return desk


def test_an_adopted_instance_gets_its_name_and_workload_back_and_keeps_its_address(adopted: Desk) -> None:
    for _again in (False, True):
        made = adopted.create("db-4", "db", node="fe1", interface="tap9", former_name="10.200.0.9")
        assert made.missed is None
        assert (made.moved.after or {})["cidr"] == "10.200.0.9/32"
        assert made.moved.changed is not _again
    names = adopted.rows("SELECT name, workload FROM instance ORDER BY name")
    assert names == [("10.1.0.3", "unknown"), ("db-4", "db"), ("web-1", "web")]
    (event,) = adopted.rows("SELECT name, before, after FROM event WHERE kind = 'instance.renamed'")
    assert (event[0], json.loads(event[1])["name"], json.loads(event[2])["name"]) == ("db-4", "10.200.0.9", "db-4")
    # The route is there already.
    route = next(route for route in adopted.desired("fe1").config.routes if route.prefix == "10.200.0.9/32")
    assert route.interface == "tap9"


def test_one_that_was_taken_for_another_that_was_predicted_gets_its_own_name(adopted: Desk) -> None:
    made = adopted.create("web-7", node="fe1", interface="tap7", former_name="web-1")
    assert (made.moved.after or {})["cidr"] == "10.200.0.0/32"
    assert cidr(adopted, "web-1", node="fe1", interface="tap1") == "10.200.0.1/32"


def test_renaming_is_refused_where_it_would_lie(adopted: Desk) -> None:
    with pytest.raises(NotFound, match=r"there is no instance '10.200.0.99', nor 'db-9'"):
        adopted.create("db-9", "db", former_name="10.200.0.99")
    with pytest.raises(Conflict, match=r"there are two instances, '10.1.0.3' with 10.1.0.3/32 and 'web-1' with"):
        adopted.create("web-1", former_name="10.1.0.3")
    with pytest.raises(Conflict, match="'web-1' is of workload web"):
        adopted.create("db-1", "db", former_name="web-1")
    adopted.delete("10.1.0.3")
    with pytest.raises(Conflict, match="is being deleted"):
        adopted.create("db-1", "db", former_name="10.1.0.3")
    adopted.create("10.1.0.3", "unknown", node="fe1", interface="tap3")


def test_usage_counts_a_renamed_instance_once_and_under_its_own_workload(adopted: Desk) -> None:
    adopted.seconds += 3600
    adopted.create("db-4", "db", node="fe1", interface="tap9", former_name="10.200.0.9")
    adopted.seconds += 3600
    with adopted.ledger.snapshot() as transaction:
        found = usage(transaction, read_window(None, None, transaction.now))
    hours = {one["workload"]: one["used_hours"] for one in found["workloads"]}
    assert hours == {"unknown": 1.0 + 2.0, "db": 1.0, "web": 2.0}
    assert sum(one["deleted"] for one in found["workloads"]) == 0


# The past


def test_the_state_at_a_past_time_has_reservations_and_instances(adopted: Desk) -> None:
    def at(seconds: float) -> Any:
        with adopted.ledger.snapshot() as transaction:
            return state_at(transaction, round(1000 * (START + seconds)))

    adopted.seconds += 60
    adopted.create("db-4", "db", node="fe1", interface="tap9", former_name="10.200.0.9")
    adopted.seconds += 60
    adopted.delete("web-1")
    adopted.answer("fe1", adopted.desired("fe1").node.revision)
    assert sorted(at(59)["instances"]) == ["10.1.0.3", "10.200.0.9", "web-1"]
    assert sorted(at(60)["instances"]) == ["10.1.0.3", "db-4", "web-1"]
    assert sorted(at(120)["instances"]) == ["10.1.0.3", "db-4"]
    assert at(120)["instances"]["db-4"]["cidr"] == "10.200.0.9/32"
    assert at(-1)["reservations"] == {}
    assert at(DAY - 1)["reservations"]["web"]["held"][0]["blocks"] == ["10.200.0.0/31"]
    # It was over, though no call had met that.
    assert at(DAY)["reservations"] == {}


# Words


@pytest.mark.parametrize(
    ("change", "parameter", "words"),
    [
        ({"family": "ipv6"}, "family", "has addresses of IPv4, asked is addresses of IPv6"),
        ({"prefix_length": 30}, "prefix_length", "has a /32 for each instance, asked is a /30 for each instance"),
        ({"node": "fe2"}, "node", "has node fe1, asked is node fe2"),
        ({"node": None}, "node", "has node fe1, asked is no node"),
        ({"location": "east"}, "location", "has no location, asked is location east"),
        ({"workload": "db", "name": "web"}, "workload", "has workload web, asked is workload db"),
    ],
)
def test_what_a_reservation_cannot_change_is_said_in_words(
    desk: Desk, change: dict[str, Any], parameter: str, words: str
) -> None:
    desk.pool("s", "10.200.0.0/28", kind="shadow")
    item = {"workload": "web", "instances": 1, "ends": DAY, "node": "fe1"}
    desk.reserve(item)
    with pytest.raises(Conflict, match=words) as caught:
        desk.reserve({**item, **change})
    assert caught.value.parameter == f"reservations[0].{parameter}"


def test_too_many_instances_say_how_many_there_is_room_for(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/24", kind="shadow")
    item = {"workload": "web", "ends": DAY}
    desk.reserve({**item, "instances": 1})
    with pytest.raises(AllocationRefused) as caught:
        desk.reserve({**item, "instances": 300})
    assert caught.value.pools == [("s", "size: room for 255 of the 299 prefixes of /32 that are still needed")]
    assert caught.value.fix is not None
    assert "it has 1, asked are 300" in caught.value.fix


def test_without_a_fallback_the_refusal_speaks_of_no_pool(desk: Desk) -> None:
    desk.pool("p", "10.1.0.0/28")
    with pytest.raises(ShadownetError) as caught:
        desk.create("a", dynamic=False)
    assert "has no pool" not in str(caught.value)
    assert str(caught.value).startswith(
        "instances: no reservation serves instance 'a' (none: nothing is reserved for this workload)."
    )
