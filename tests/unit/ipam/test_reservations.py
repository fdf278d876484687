# SPDX-License-Identifier: GPL-3.0-or-later
"""Reservations and the instances that come for them, over a real ledger with a clock that the test moves."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instance_lifecycle import retry
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reserved import told_prefixes
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import (
    AllocationRefused,
    Conflict,
    InvalidInput,
)

from .desk import Desk

HOUR = 3600


@pytest.fixture
def shadow(desk: Desk) -> Desk:
    desk.pool("s", "10.200.0.0/24", kind="shadow", quarantine="60s")
    return desk


def web(instances: int, **options: Any) -> dict[str, Any]:
    return {"workload": "web", "instances": instances, "begins": 0, "ends": HOUR, **options}


def cidrs(outcome: Any) -> list[str]:
    return [one["cidr"] for one in outcome.after["prefixes"]]


def test_prefixes_lie_in_one_run_at_the_start_of_an_aligned_block(shadow: Desk) -> None:
    first, second = shadow.reserve(web(3, name="a"), web(5, name="b"))
    assert cidrs(first) == ["10.200.0.0/32", "10.200.0.1/32", "10.200.0.2/32"]
    assert first.after["blocks"] == ["10.200.0.0/31", "10.200.0.2/32"]
    assert second.after["blocks"] == ["10.200.0.8/30", "10.200.0.12/32"]


def test_asking_again_changes_nothing(shadow: Desk) -> None:
    item = {**web(3), "expires_at": "2030-01-01T00:00:00Z", "starts_at": "2026-01-01T00:00:00Z"}
    del item["begins"], item["ends"]
    assert shadow.reserve(item)[0].changed
    assert not shadow.reserve(item)[0].changed


def test_it_grows_behind_what_it_has_and_shrinks_from_its_end(shadow: Desk) -> None:
    shadow.reserve(web(2))
    assert cidrs(shadow.reserve(web(4))[0]) == [f"10.200.0.{number}/32" for number in range(4)]
    assert cidrs(shadow.reserve(web(1))[0]) == ["10.200.0.0/32"]


def test_it_never_shrinks_below_what_is_active(shadow: Desk) -> None:
    shadow.reserve(web(3))
    for number in range(3):
        shadow.create(f"web-{number}")
    after = shadow.reserve(web(1))[0].after
    assert (after["instances"], len(after["prefixes"])) == (1, 3)
    shadow.delete("web-2")
    shadow.delete("web-1")
    assert len(shadow.reserve(web(1))[0].after["prefixes"]) == 1
    shadow.seconds += 61
    assert shadow.reserve(web(1))[0].after["active"] == 1


def test_an_instance_gets_the_prefix_of_its_name_else_one_that_nobody_is_predicted_for(shadow: Desk) -> None:
    shadow.reserve(web(3, instance_names=["web-7"]))
    assert shadow.create("web-1").instance.block.start & 255 == 1
    named = shadow.create("web-7")
    assert (named.instance.block.start & 255, named.instance.source, named.missed) == (0, "shadow", None)


def test_a_name_keeps_its_one_prefix_while_its_instance_is_gone(shadow: Desk) -> None:
    wish = web(3, instance_names=["web-17", "web-18"])
    names = ["web-17", "web-18", None]
    shadow.reserve(wish)
    shadow.create("web-17")
    shadow.delete("web-17")
    for seconds in (0, 61):
        shadow.seconds += seconds
        wish |= {"begins": wish["begins"] - seconds, "ends": wish["ends"] - seconds}
        (outcome,) = shadow.reserve(wish)
        assert not outcome.changed
        assert [one["instance"] for one in outcome.after["prefixes"]] == names


def test_what_is_not_foreseen_comes_from_the_provider_pools_and_is_told(shadow: Desk) -> None:
    shadow.pool("p", "10.1.0.0/24")
    shadow.reserve(web(1), {**web(2, name="later"), "begins": 600})
    assert shadow.create("web-1").instance.source == "shadow"
    second = shadow.create("web-2")
    assert second.instance.source == "dynamic"
    assert second.missed == (
        "web: exhausted: every prefix has an instance, or rests after one; "
        "later: not begun: it begins at 2027-01-15T08:10:00.000Z"
    )
    with shadow.ledger.snapshot() as transaction:
        told = json.loads(transaction.events("kind = 'unexpected_scaling'")[0]["after"])
    assert told["reservations"][0] == {
        "name": "web",
        "instances": 1,
        "active": 1,
        "starts_at": "2027-01-15T08:00:00.000Z",
        "expires_at": "2027-01-15T09:00:00.000Z",
        "reason": "exhausted",
        "words": "every prefix has an instance, or rests after one",
    }
    assert (told["reason"], told["words"]) == ("exhausted", second.missed)
    assert told["reservations"][1]["reason"] == "not_begun"
    with pytest.raises(AllocationRefused, match="exhausted"):
        shadow.create("web-3", dynamic=False)


def test_created_and_deleted_twice(shadow: Desk) -> None:
    shadow.reserve(web(1))
    first = shadow.create("web-1")
    assert not shadow.create("web-1").moved.changed
    with pytest.raises(Conflict):
        shadow.create("web-1", workload="db")
    assert shadow.delete("web-1").after is None  # type: ignore[union-attr]
    assert shadow.delete("web-1") is None
    again = shadow.create("web-1")
    assert again.instance.block == first.instance.block
    assert again.instance.source == "shadow"


def test_a_prefix_rests_and_goes_back_to_its_reservation(shadow: Desk) -> None:
    shadow.reserve(web(1))
    shadow.create("web-1")
    shadow.delete("web-1")
    with pytest.raises(AllocationRefused):
        shadow.create("web-2", dynamic=False)
    shadow.seconds += 61
    assert shadow.create("web-2").instance.source == "shadow"


def test_active_instances_outlive_their_reservation(shadow: Desk) -> None:
    shadow.reserve(web(3))
    shadow.create("web-1")
    shadow.seconds += HOUR
    shadow.reserve({**web(1, name="next"), "workload": "db"})
    assert shadow.occupied("s") == [("10.200.0.0/32", "instance"), ("10.200.0.1/32", "reservation")]
    shadow.delete("web-1")
    shadow.seconds += 61
    shadow.reserve({**web(1, name="next"), "workload": "db"})
    assert shadow.occupied("s") == [("10.200.0.1/32", "reservation")]


def test_workload_cap(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/28", kind="shadow", workload_cap=0.5, excluded=["10.200.0.0-10.200.0.1"])
    desk.reserve(web(7))
    with pytest.raises(AllocationRefused, match="workload_cap: workload web holds 7 of 14"):
        desk.reserve(web(8))
    desk.reserve({**web(7), "workload": "db"})


def test_a_whole_prefix_of_the_pool_cannot_be_reserved(shadow: Desk) -> None:
    with pytest.raises(AllocationRefused, match="its floor with it"):
        shadow.reserve(web(1, prefix_length=24))
    assert shadow.reserve(web(2, prefix_length=25))[0].after["blocks"] == ["10.200.0.0/24"]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"instances": -1}, "instances"),
        ({"confidence": 95}, "confidence"),
        ({"expires_at": "tomorrow", "ends": None}, "expires_at"),
        ({"ends": -1}, "expires_at"),
        ({"addresses": 2, "prefix_length": 30}, "reservations[0]"),
        ({"instance_names": ["a", "b"]}, "instance_names"),
        ({"count": 2}, "reservations[0]"),
    ],
)
def test_bad_input_names_the_parameter(shadow: Desk, change: dict[str, Any], place: str) -> None:
    item = {key: value for key, value in {**web(1), **change}.items() if value is not None}
    with pytest.raises(InvalidInput) as caught:
        shadow.reserve(item)
    assert place in str(caught.value.parameter)


def test_the_node_gets_floors_inactive_routes_and_those_of_instances(shadow: Desk) -> None:
    shadow.reserve(web(3, node="fe1"))
    desired = shadow.desired("fe1")
    assert [(route.prefix, route.type) for route in desired.config.routes] == [
        ("10.200.0.0/24", "blackhole"),
        ("10.200.0.0/31", "blackhole"),
        ("10.200.0.2/32", "blackhole"),
    ]
    created = shadow.create("web-1", node="fe1", interface="tap1")
    assert created.instance.status == "pending"
    desired = shadow.desired("fe1")
    assert desired.config.routes[-1].prefix == "10.200.0.0/32"
    assert desired.config.routes[-1].interface == "tap1"
    assert shadow.answer("fe1", desired.node.revision).instances[0].after["status"] == "active"
    deleted = shadow.delete("web-1")
    assert deleted is not None
    assert deleted.after is not None
    assert deleted.after["status"] == "releasing"
    desired = shadow.desired("fe1")
    assert all(route.type == "blackhole" for route in desired.config.routes)
    assert shadow.answer("fe1", desired.node.revision).instances[0].after is None
    shadow.withdraw("web")
    assert [route.prefix for route in shadow.desired("fe1").config.routes] == ["10.200.0.0/24"]


def test_an_instance_that_moves_leaves_its_old_node(shadow: Desk) -> None:
    shadow.reserve(web(1))
    shadow.create("web-1", node="fe1", interface="tap1")
    before = shadow.desired("fe1").node.revision
    shadow.create("web-1", node="fe2", interface="tap9")
    old, new = shadow.desired("fe1"), shadow.desired("fe2")
    assert old.node.revision == before + 1
    assert [route.type for route in old.config.routes] == ["blackhole"]
    assert [route.type for route in new.config.routes] == ["blackhole"], "the old node may still have it"
    assert old.instances[0]["leaving"] == "fe1"
    shadow.answer("fe2", new.node.revision)
    assert shadow.desired("fe2").instances[0]["status"] == "pending"
    left = shadow.answer("fe1", old.node.revision).instances[0].after
    assert (left["status"], left["leaving"]) == ("pending", None)
    new = shadow.desired("fe2")
    assert new.config.routes[-1].interface == "tap9"
    assert shadow.answer("fe2", new.node.revision).instances[0].after["status"] == "active"


def test_an_instance_that_moves_and_is_deleted_waits_for_both_nodes(shadow: Desk) -> None:
    shadow.reserve(web(1))
    shadow.create("web-1", node="fe1", interface="tap1")
    shadow.answer("fe1", shadow.desired("fe1").node.revision)
    shadow.create("web-1", node="fe2", interface="tap9")
    shadow.delete("web-1")
    shadow.answer("fe2", shadow.desired("fe2").node.revision)
    assert shadow.occupied("s")[0] == ("10.200.0.0/32", "instance")
    shadow.answer("fe1", shadow.desired("fe1").node.revision)
    assert shadow.occupied("s")[0] == ("10.200.0.0/32", "instance")
    shadow.answer("fe2", shadow.desired("fe2").node.revision)
    assert shadow.occupied("s")[0] == ("10.200.0.0/32", "quarantine")


def test_an_instance_that_moves_and_comes_back_has_never_left(shadow: Desk) -> None:
    shadow.reserve(web(1))
    shadow.create("web-1", node="fe1", interface="tap1")
    shadow.create("web-1", node="fe2", interface="tap9")
    shadow.create("web-1", node="fe1", interface="tap1")
    back = shadow.desired("fe1")
    assert back.instances[0]["leaving"] is None
    assert back.config.routes[-1].interface == "tap1"
    assert [route.type for route in shadow.desired("fe2").config.routes] == ["blackhole"]
    assert shadow.answer("fe1", back.node.revision).instances[0].after["status"] == "active"


def test_what_a_node_refuses_is_set_aside_alone_until_it_is_created_again(shadow: Desk) -> None:
    shadow.reserve(web(2))
    shadow.create("web-1", node="fe1", interface="tap1")
    shadow.create("web-2", node="fe1", interface="tap2")
    answer = shadow.answer("fe1", shadow.desired("fe1").node.revision, False, "no tap1", ["10.200.0.0/32"])
    assert [(one.after["name"], one.after["status"]) for one in answer.instances] == [("web-1", "error")]
    desired = shadow.desired("fe1")
    assert [route.interface for route in desired.config.routes] == [None, "tap2"]
    assert [one.instance.name for one in shadow.answer("fe1", desired.node.revision).instances] == ["web-2"]
    again = shadow.create("web-1", node="fe1", interface="tap1")
    # What it said is kept, so that the same words again are nothing new.
    assert (again.instance.status, again.instance.reason) == ("pending", "no tap1")
    desired = shadow.desired("fe1")
    assert [route.interface for route in desired.config.routes] == [None, "tap1", "tap2"]
    shadow.answer("fe1", desired.node.revision, False, "unreachable")
    assert shadow.desired("fe1").instances[0]["status"] == "pending"
    assert shadow.desired("fe1").instances[0]["reason"] == "unreachable"


def test_what_a_node_refused_is_tried_again(shadow: Desk) -> None:
    shadow.reserve(web(2))
    for name in ("web-1", "web-2"):
        shadow.create(name, node="fe1", interface="tap1")
    refused = shadow.desired("fe1")
    shadow.answer("fe1", refused.node.revision, False, "no tap1", ["10.200.0.0/32"])
    for node, names in (("fe2", []), ("fe1", ["web-1"]), ("fe1", [])):
        with shadow.ledger.transaction("test") as transaction:
            moved = retry(transaction, node)
        assert [one.instance.name for one in moved] == names
    desired = shadow.desired("fe1")
    assert desired.config == refused.config
    assert [one["status"] for one in desired.instances] == ["pending", "pending"]
    late = shadow.answer("fe1", refused.node.revision)
    assert [one.instance.name for one in late.instances] == ["web-2"], "that push went without web-1"
    assert [one.instance.name for one in shadow.answer("fe1", desired.node.revision).instances] == ["web-1"]


def test_a_lending_pool_gives_free_space_then_what_is_least_certain_and_begins_last(desk: Desk) -> None:
    desk.pool("p", "10.1.0.0/29")
    desk.pool("s", "10.200.0.0/29", kind="shadow", lend=True)
    desk.get("full", 29)
    desk.reserve(
        web(2, name="sure", confidence=0.99),
        web(1, name="late", begins=60, confidence=0.5),
        web(1, name="soon", confidence=0.5),
    )
    assert desk.get("one", 30) == "10.200.0.4/30"
    assert desk.get("two", 32) == "10.200.0.2/32"
    with desk.ledger.snapshot() as transaction:
        assert [item.name for item in transaction.reservations()] == ["sure", "soon"]
        assert [item["name"] for item in transaction.events("kind = 'reservation.reclaimed'")] == ["late"]
    desk.create("web-1")
    with pytest.raises(AllocationRefused, match="full of what is in use"):
        desk.get("three", 30)
    assert [item["name"] for item in desk.subnets().values()] == ["full", "one", "two"]


def test_a_pool_that_does_not_lend_keeps_its_space(shadow: Desk) -> None:
    shadow.pool("p", "10.1.0.0/29")
    shadow.get("full", 29)
    with pytest.raises(AllocationRefused, match="kind: it is a shadow pool"):
        shadow.get("one", 30)


def test_it_grows_into_several_pools_when_none_has_the_room(desk: Desk) -> None:
    desk.pool("one", "10.200.0.0/29", kind="shadow", workload_cap=0.5)
    desk.pool("two", "10.201.0.0/29", kind="shadow")
    first = desk.reserve(web(6))[0]
    assert {one["pool"] for one in first.after["prefixes"]} == {"two"}
    grown = desk.reserve(web(11))[0].after
    assert [one["pool"] for one in grown["prefixes"]] == ["two"] * 8 + ["one"] * 3
    with pytest.raises(AllocationRefused) as caught:
        desk.reserve(web(13))
    assert dict(caught.value.pools) == {
        "one": "workload_cap: workload web holds 3 of 8 addresses, and 2 more would be over 50 %",
        "two": "size: no room for another /32",
    }
    assert len(desk.reserve(web(12))[0].after["prefixes"]) == 12


def test_other_pools_than_those_that_it_lies_in_are_refused(desk: Desk) -> None:
    desk.pool("one", "10.200.0.0/29", kind="shadow")
    desk.pool("two", "10.201.0.0/29", kind="shadow")
    desk.reserve(web(2))
    with pytest.raises(Conflict, match="has prefixes in pool one, which is not asked for"):
        desk.reserve(web(2, pools=["two"]))
    assert desk.reserve(web(9, pools=["two", "one"]))[0].changed


def test_a_prefix_as_long_as_one_of_the_pools_own_is_not_taken_whole(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/30", "10.200.0.8/32", kind="shadow", strategy="best_fit")
    assert cidrs(desk.reserve(web(1))[0]) == ["10.200.0.0/32"]
    with pytest.raises(
        AllocationRefused,
        match=r"size: room for 3 of the 4 prefixes of /32 that are still needed.*it has 1, asked are 5",
    ):
        desk.reserve(web(5))
    with pytest.raises(Conflict, match=r"10\.200\.0\.0/32 of reservation 'web' would be a whole prefix"):
        desk.pool("s", "10.200.0.0/32", "10.200.0.8/32")


def test_a_cap_is_exact_and_counts_instances_that_outlived_their_reservation(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/25", kind="shadow", workload_cap=0.29, excluded=["10.200.0.100-10.200.0.127"])
    # 0.29 * 100 is 28.999999999999996 in floating point.
    desk.reserve(web(29))
    with pytest.raises(AllocationRefused, match="workload_cap"):
        desk.reserve(web(30))
    desk.create("web-1")
    desk.seconds += HOUR
    with pytest.raises(AllocationRefused, match="holds 1 of 100 addresses, and 29 more would be over 29 %"):
        desk.reserve(web(29))
    desk.reserve(web(28))


def test_without_starts_at_it_begins_once_and_asking_again_changes_nothing(shadow: Desk) -> None:
    item = {"workload": "web", "instances": 1, "expires_at": "2030-01-01T00:00:00Z"}
    first = shadow.reserve(item)[0].after
    shadow.seconds += 60
    again = shadow.reserve(item)[0]
    assert not again.changed
    assert again.after["starts_at"] == first["starts_at"]


def test_what_is_over_is_left_out_but_a_forecast_that_is_wholly_over_is_refused(shadow: Desk) -> None:
    past = {**web(1, name="past"), "begins": -100, "ends": -1}
    outcomes = shadow.reserve(past, web(1))
    assert [(one.name, one.over, one.changed) for one in outcomes] == [("past", True, False), ("web", False, True)]
    with pytest.raises(InvalidInput, match="is past"):
        shadow.reserve(past)


def test_what_a_forecast_does_not_name_any_more_ends_where_that_is_asked_for(shadow: Desk) -> None:
    shadow.reserve(web(2, name="web-1"), web(2, name="web-2"), {**web(2), "workload": "db"})
    shadow.create("db-1", workload="db")
    shadow.reserve(web(1, name="web-2"))
    outcomes = shadow.reserve(web(1, name="web-2"), others="workloads")
    assert [(one.name, one.after is None) for one in outcomes] == [("web-2", False), ("web-1", True)]
    outcomes = shadow.reserve(web(1, name="web-2"), others="everything")
    assert [one.name for one in outcomes] == ["web-2", "db"]
    assert ("10.200.0.4/32", "instance") in shadow.occupied("s")
    with pytest.raises(InvalidInput, match="every reservation would end"):
        shadow.reserve(others="everything")
    with pytest.raises(InvalidInput, match="names no workload whose reservations it could replace"):
        shadow.reserve(others="workloads")


def test_what_shrinks_makes_room_for_what_grows_in_the_same_call(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/29", kind="shadow")
    desk.reserve(web(2, name="small"), web(4, name="large"))
    small, large = desk.reserve(web(7, name="small"), web(1, name="large"))
    assert (len(cidrs(small)), len(cidrs(large))) == (7, 1)


def test_shrinking_keeps_the_prefix_of_a_name_and_the_difference_is_told(shadow: Desk) -> None:
    shadow.reserve(web(4, instance_names=["web-a", "web-b", "web-c", "web-d"]))
    shrunk = shadow.reserve(web(2, instance_names=["web-d", "web-e"], confidence=0.5))[0]
    assert [(one["cidr"], one["instance"]) for one in shrunk.after["prefixes"]] == [
        ("10.200.0.0/32", "web-e"),
        ("10.200.0.3/32", "web-d"),
    ]
    assert shrunk.difference() == {
        "name": "web",
        "change": "changed",
        "instances": {"before": 4, "after": 2},
        "added": [],
        "removed": ["10.200.0.1/32", "10.200.0.2/32"],
        "kept": [],
        "node": None,
        "options": {"confidence": {"before": None, "after": 0.5}, "instances": {"before": 4, "after": 2}},
        "renamed": 1,
    }


def test_an_instance_that_is_there_gets_no_second_prefix_by_its_name(shadow: Desk) -> None:
    shadow.reserve(web(2))
    shadow.create("web-1")
    after = shadow.reserve(web(2, instance_names=["web-1", "web-2"]))[0].after
    assert [one["instance"] for one in after["prefixes"]] == [None, "web-2"]


def test_a_prefix_that_rests_while_its_reservation_shrinks_is_free_afterwards(shadow: Desk) -> None:
    shadow.reserve(web(2))
    shadow.create("web-1")
    shadow.delete("web-1")
    shadow.reserve(web(0))
    shadow.seconds += 61
    after = shadow.reserve(web(0))[0].after
    assert after["prefixes"] == []
    assert shadow.free("s") == ["10.200.0.0/24"]


@pytest.mark.parametrize(
    ("items", "place"),
    [
        ([web(1), web(1)], "reservations[1].name"),
        ([web(1, instance_names=["i"]), web(1, name="b", instance_names=["i"])], "reservations[1].instance_names"),
        ([web(1, expires_at="9999-12-31T23:59:59-14:00", ends=None)], "reservations[0].expires_at"),
        ([web(1, starts_at="2027-01-15T08:00:00", begins=None)], "reservations[0].starts_at"),
        ([web(1, begins=10, ends=10)], "reservations[0].expires_at"),
    ],
)
def test_times_and_names_that_contradict_each_other_are_refused(
    shadow: Desk, items: list[dict[str, Any]], place: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        shadow.reserve(*({key: value for key, value in item.items() if value is not None} for item in items))
    assert caught.value.parameter == place


def test_windows_that_follow_each_other_may_predict_the_same_instance(shadow: Desk) -> None:
    morning = web(1, name="morning", instance_names=["web-1"])
    evening = web(1, name="evening", begins=HOUR, ends=2 * HOUR, instance_names=["web-1"])
    assert all(one.changed for one in shadow.reserve(morning, evening))


def test_a_reclaim_takes_only_what_is_needed_and_its_node_is_to_be_told(desk: Desk) -> None:
    desk.pool("p", "10.1.0.0/30")
    desk.pool("a", "10.200.0.0/29", kind="shadow", lend=True)
    desk.pool("b", "10.201.0.0/29", kind="shadow", lend=True)
    desk.get("full", 30)
    desk.reserve(web(8, name="sure", pools=["a"], confidence=0.9, node="fe1"))
    desk.reserve(web(8, name="vague", pools=["b"], confidence=0.1, node="fe2"))
    before = desk.desired("fe2").node.revision
    # The least certain of all lending pools, not of the first.
    assert desk.get("lent", 30) == "10.201.0.0/30"
    with desk.ledger.snapshot() as transaction:
        kept = {item.name: item.instances for item in transaction.reservations()}
        (told,) = transaction.events("kind = 'reservation.reclaimed'")
    assert kept == {"sure": 8, "vague": 4}
    after = json.loads(told["after"])
    assert after["held"] == [{"pool": "b", "state": "reserved", "blocks": ["10.201.0.4/30"]}]
    assert [cidr for pool, cidr, state in told_prefixes(after)] == [f"10.201.0.{n}/32" for n in range(4, 8)]
    wanted = desk.desired("fe2")
    assert wanted.node.revision == before + 1
    assert [route.prefix for route in wanted.config.routes] == ["10.201.0.0/29", "10.201.0.4/30"]


def test_a_pool_that_goes_takes_its_floors_from_the_nodes(shadow: Desk) -> None:
    shadow.reserve(web(1, node="fe1"))
    before = shadow.desired("fe1").node.revision
    shadow.pool("s", "10.200.0.0/23")
    grown = shadow.desired("fe1")
    assert grown.node.revision == before + 1
    assert grown.config.routes[0].prefix == "10.200.0.0/23"
    with pytest.raises(Conflict, match=r"10\.200\.0\.0/32 of reservation 'web'"):
        shadow.remove_pools("s")
    shadow.withdraw("web")
    shadow.remove_pools("s")
    gone = shadow.desired("fe1")
    assert gone.config.routes == ()
    assert gone.node.revision > grown.node.revision


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("DELETE FROM reserved WHERE ordinal = 1", "which does not hold it"),
        (
            "UPDATE reserved SET state = 'resting' WHERE ordinal = 1",
            "prefix 1 is resting, which its address space is not",
        ),
        ("UPDATE reserved SET state = 'reserved' WHERE ordinal = 0", "prefix 0 is reserved, which its address space"),
        ("UPDATE instance SET ordinal = 1", "prefix 0 and the instance that has it contradict each other"),
        ("UPDATE instance SET ordinal = 7", "instance 'web-1' has a reserved prefix that there is not"),
        ("UPDATE instance SET ordinal = NULL", "instance 'web-1' has a reserved prefix that there is not"),
        ("UPDATE instance SET workload = 'db'", "contradict each other"),
        ("DELETE FROM instance", "but there are 0 instances"),
        ("UPDATE reservation SET instances = 4", "for 4 instances holds 3 prefixes, 2 of them idle"),
        ("UPDATE reservation SET instances = 2", "for 2 instances holds 3 prefixes, 2 of them idle"),
        ("UPDATE reservation SET prefix_length = 31", "or of another size"),
        ("UPDATE reservation SET confidence = 7", "has a confidence of 7"),
        ("UPDATE reservation SET name = ' web'", "a name that cannot be asked for"),
        ("DELETE FROM floor", "node fe1 has no floor for pool s, of which reservation 'web' holds a part"),
        ("UPDATE instance SET revision = 99", "is in a revision that node fe1 never had"),
        ("UPDATE sqlite_sequence SET seq = 0 WHERE name = 'instance'", "ids of instances would be given out again"),
        (
            "UPDATE sqlite_sequence SET seq = 0 WHERE name = 'reservation'",
            "ids of reservations would be given out again",
        ),
        ("UPDATE pool SET kind = 'provider'", "pool s is no shadow pool, yet nodes have its floors"),
    ],
)
def test_verify_finds_what_does_not_fit_together(tmp_path: Path, sql: str, words: str) -> None:
    desk = Desk(tmp_path / "spoilt.db")
    desk.pool("s", "10.200.0.0/24", kind="shadow")
    desk.reserve(web(3, node="fe1"))
    desk.create("web-1", node="fe1", interface="tap1")
    assert desk.problems() == []
    with closing(sqlite3.connect(desk.path)) as connection:
        connection.execute(sql)
        connection.commit()
    assert words in "\n".join(desk.problems())
    desk.close()


def test_a_prefix_that_is_asked_for_by_name_is_taken_from_whoever_has_it_reserved(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/29", kind="shadow", lend=True)
    desk.reserve(web(2, name="sure", confidence=0.9), web(2, name="vague", prefix_length=31, confidence=0.1))
    assert desk.get("mine", prefix="10.200.0.1/32") == "10.200.0.1/32"
    # A larger reserved prefix goes as a whole; what the subnet does not take of it is free.
    assert desk.get("more", prefix="10.200.0.4/32") == "10.200.0.4/32"
    assert desk.occupied("s") == [
        ("10.200.0.0/32", "reservation"),
        ("10.200.0.1/32", "subnet"),
        ("10.200.0.4/32", "subnet"),
        ("10.200.0.6/31", "reservation"),
    ]
    desk.create("web-1")
    with pytest.raises(AllocationRefused):
        desk.get("never", prefix="10.200.0.0/32")


def test_a_name_whose_prefix_another_instance_took_gets_a_new_one(shadow: Desk) -> None:
    shadow.reserve(web(1, instance_names=["web-7"]))
    shadow.create("web-1")
    outcome = shadow.reserve(web(2, instance_names=["web-7"]))[0]
    assert [one["cidr"] for one in outcome.after["prefixes"] if one["state"] == "reserved" and one["instance"]] == [
        "10.200.0.1/32"
    ]
    assert shadow.create("web-7").instance.source == "shadow"
