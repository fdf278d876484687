# SPDX-License-Identifier: GPL-3.0-or-later
"""Reservations and the instances that come for them, over a real ledger with a clock that the test moves."""

from __future__ import annotations

import json
from typing import Any

import pytest

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
    }
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
    assert (again.instance.status, again.instance.reason) == ("pending", None)
    desired = shadow.desired("fe1")
    assert [route.interface for route in desired.config.routes] == [None, "tap1", "tap2"]
    shadow.answer("fe1", desired.node.revision, False, "unreachable")
    assert shadow.desired("fe1").instances[0]["status"] == "pending"
    assert shadow.desired("fe1").instances[0]["reason"] == "unreachable"


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
