# SPDX-License-Identifier: GPL-3.0-or-later
"""Reservations, instances and floors in an export, and what becomes of them after a restore."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.adopt import adopt
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.portable import export_ledger, import_ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import ShadownetError

from .desk import Desk

HOUR = 3600


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "other.db")
    yield made
    assert made.problems() == []
    made.close()


def export(desk: Desk) -> dict[str, Any]:
    with desk.ledger.snapshot() as transaction:
        found: dict[str, Any] = yaml.safe_load(yaml.safe_dump(export_ledger(transaction)))
    return found


def load(desk: Desk, data: Any) -> dict[str, int]:
    with desk.ledger.transaction("test") as transaction:
        return import_ledger(transaction, data)


def fill(desk: Desk) -> None:
    desk.pool("p", "10.1.0.0/29", quarantine="1h")
    desk.pool("s", "10.200.0.0/24", "2001:db8::/64", kind="shadow", lend=True, quarantine="1h", workload_cap=0.5)
    desk.reserve(
        {"workload": "web", "instances": 5, "begins": 0, "ends": HOUR, "node": "fe1", "instance_names": ["web-9"]},
        {"workload": "db", "instances": 2, "begins": 60, "ends": HOUR, "confidence": 0.5, "forecast_id": "f1"},
        {"workload": "six", "instances": 3, "family": "ipv6", "prefix_length": 80, "begins": 0, "ends": HOUR},
        {"workload": "over", "instances": 1, "begins": 0, "ends": 10, "pools": ["s"]},
    )
    desk.create("web-1", node="fe1", interface="tap1", mac="52:54:00:12:34:56")
    desk.create("web-2")
    desk.delete("web-2")
    desk.create("over-1", workload="over", node="fe2", next_hop="10.9.9.9")
    desk.create("lone-1", workload="lone")
    desk.get("full", 30)
    desk.get("lent", 28)
    desk.seconds += 11
    desk.release("nobody")


def test_reservations_instances_and_floors_come_back_the_same(desk: Desk, other: Desk) -> None:
    fill(desk)
    other.seconds = desk.seconds
    data = export(desk)
    counts = load(other, data)
    assert (counts["reservations"], counts["instances"], counts["floors"], counts["quarantine"]) == (3, 3, 0, 1)
    assert export(other) == data
    for pool in ("p", "s"):
        assert desk.free(pool) == other.free(pool)
        assert desk.occupied(pool) == other.occupied(pool)
    for node in ("fe1", "fe2"):
        assert desk.desired(node).config == other.desired(node).config
    before = other.content()
    assert set(load(other, data).values()) == {0}
    assert other.content() == before
    # The mapping lives on: the name that was predicted, and the prefix that rests after an instance.
    assert str(other.create("web-9").moved.after["cidr"]) == "10.200.0.0/32"  # type: ignore[index]
    assert other.create("web-2").instance.block == desk.create("web-2").instance.block


def test_a_prefix_whose_rest_is_over_comes_back_reserved(desk: Desk, other: Desk) -> None:
    fill(desk)
    data = export(desk)
    data["reservations"] = [one for one in data["reservations"] if one["name"] == "web"]
    data["reservations"][0]["expires_at"] = "2030-01-01T00:00:00Z"
    other.seconds = desk.seconds + 2 * HOUR
    load(other, data)
    states = {one["state"] for one in other.desired("fe1").reservations[0]["prefixes"]}
    assert states == {"reserved", "active"}


def test_an_export_of_the_release_before_can_be_imported(desk: Desk, other: Desk) -> None:
    desk.pool("p", "10.1.0.0/24")
    desk.get("a", 28)
    data = {key: value for key, value in export(desk).items() if key not in ("instances", "reservations", "floors")}
    assert load(other, {**data, "format": 1})["subnets"] == 1


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (lambda data: data["reservations"][2].update(workload=None), "reservations[2].workload"),
        (lambda data: data["reservations"][2].update(starts_at=None), "reservations[2].starts_at"),
        (lambda data: data["reservations"][2].update(prefixes=[]), "reservations[2].prefixes"),
        (lambda data: data["reservations"][0]["prefixes"][0].update(cidr="10.200.0.0/32"), "prefixes[0].cidr"),
        (lambda data: data["reservations"][2]["prefixes"][0].update(state="lost"), "prefixes[0].state"),
        (lambda data: data["reservations"][2]["prefixes"][1].update(ordinal=0), "reservations[2].prefixes"),
        (lambda data: data["reservations"][0]["prefixes"][0].update(pool="p"), "prefixes[0].cidr"),
        (lambda data: data["instances"][0].update(cidr="10.200.0.0/32"), "cidr"),
        (lambda data: data["instances"][0].update(cidr="192.0.2.0/32"), "instances[0].cidr"),
        (lambda data: data["instances"][0].update(status="releasing"), "instances[0].status"),
        (lambda data: data["floors"].append({"pool": "p", "node": "fe1"}), "floors[2].pool"),
        (lambda data: data["instances"].clear(), "state"),
    ],
)
def test_a_bad_import_changes_nothing_and_names_the_place(desk: Desk, other: Desk, spoil: Any, place: str) -> None:
    fill(desk)
    data = export(desk)
    spoil(data)
    other.seconds = desk.seconds
    before = other.content()
    with pytest.raises(ShadownetError) as caught:
        load(other, data)
    assert place in str(caught.value.parameter)
    assert other.content() == before


# -- after a restore


def carried(*routes: dict[str, Any]) -> dict[str, Any]:
    return {"routes": list(routes)}


def hole(prefix: str) -> dict[str, Any]:
    return {"prefix": prefix, "type": "blackhole", "metric": 4278198272}


def take_over(desk: Desk, node: str, config: dict[str, Any]) -> list[dict[str, Any]]:
    with desk.ledger.transaction("test") as transaction:
        return adopt(transaction, node, config)


def test_an_instance_that_was_activated_after_the_backup_keeps_its_route_and_its_reserved_prefix(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/24", kind="shadow")
    desk.reserve(
        {"workload": "web", "instances": 2, "begins": 0, "ends": HOUR, "node": "fe1", "instance_names": ["web-1"]}
    )
    config = carried(
        hole("10.200.0.0/24"),
        hole("10.200.0.0/31"),
        {"prefix": "10.200.0.0/32", "interface": "tap1"},
        {"prefix": "10.200.0.1/32", "interface": "tap2"},
    )
    results = take_over(desk, "fe1", config)
    assert [(one["name"], one["cidr"], one["adopted"]) for one in results] == [
        ("web-1", "10.200.0.0/32", True),
        ("10.200.0.1", "10.200.0.1/32", True),
    ]
    wanted = {(route.prefix, route.type, route.interface) for route in desk.desired("fe1").config.routes}
    assert wanted == {
        ("10.200.0.0/24", "blackhole", None),
        ("10.200.0.0/31", "blackhole", None),
        ("10.200.0.0/32", "unicast", "tap1"),
        ("10.200.0.1/32", "unicast", "tap2"),
    }
    assert {item.workload for item in _instances(desk)} == {"web"}
    assert take_over(desk, "fe1", config) == []


def _instances(desk: Desk) -> list[Any]:
    with desk.ledger.snapshot() as transaction:
        return transaction.instances()


def test_an_instance_of_which_nothing_is_known_keeps_its_address_and_nobody_else_gets_it(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/24", kind="shadow")
    desk.pool("p", "10.1.0.0/24")
    results = take_over(
        desk,
        "fe1",
        carried(
            hole("10.200.0.0/24"),
            hole("10.200.0.8/29"),
            {"prefix": "10.200.0.9/32", "next_hop": "192.0.2.9"},
            {"prefix": "10.1.0.7/32", "interface": "tap7"},
            {"prefix": "0.0.0.0/0", "next_hop": "192.0.2.1", "metric": 1000001},
        ),
    )
    assert [(one["name"], one["adopted"]) for one in results] == [("10.200.0.9", True), ("10.1.0.7", True)]
    found = {item.name: item for item in _instances(desk)}
    assert (found["10.200.0.9"].source, found["10.1.0.7"].source) == ("shadow", "dynamic")
    assert found["10.1.0.7"].workload == "unknown"
    # The floor is kept; the inactive route of a reservation that nobody knows any more is not wanted.
    assert [route.prefix for route in desk.desired("fe1").config.routes if route.type == "blackhole"] == [
        "10.200.0.0/24"
    ]
    shown = desk.reserve({"workload": "web", "instances": 20, "begins": 0, "ends": HOUR})[0].after
    assert "10.200.0.9/32" not in {one["cidr"] for one in shown["prefixes"]}


def test_a_route_that_contradicts_the_ledger_is_not_adopted(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/24", kind="shadow")
    desk.reserve({"workload": "web", "instances": 1, "begins": 0, "ends": HOUR})
    desk.create("web-1", node="fe1", interface="tap1")
    results = take_over(desk, "fe2", carried({"prefix": "10.200.0.0/32", "interface": "tap1"}))
    assert [(one["adopted"], one["reason"]) for one in results] == [
        (False, "its prefix is that of instance 'web-1' on fe1")
    ]
    # Only one of a kind without a pool: it is no route of an instance at all.
    assert take_over(desk, "fe2", carried({"prefix": "192.0.2.0/32", "interface": "tap1"})) == [
        {
            "name": "192.0.2.0",
            "cidr": "192.0.2.0/32",
            "kind": "instance",
            "adopted": False,
            "reason": "it lies in no pool",
        }
    ]
