# SPDX-License-Identifier: GPL-3.0-or-later
"""Export and import, adoption from nodes, and the audit trail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.adopt import adopt
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.history import list_events, state_at
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.parsing import parse_time
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.portable import export_ledger, import_ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.profiles import declare_profiles
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import Conflict, InvalidInput, ShadownetError
from ansible_collections.shadownet.ipam.tests.unit.ipam.desk import START, Desk


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
    desk.pool("p", "10.0.0.0/24", "2001:db8::/48", excluded=["10.0.0.1-10.0.0.9"], bandwidth="1Gbit", location="east")
    desk.pool("q", "10.0.0.0/24", routing_domain="other", quarantine="1h", strategy="round_robin")
    with desk.ledger.transaction("test") as transaction:
        declare_profiles(transaction, [{"name": "web", "inbound": [{"action": "accept", "protocol": "tcp"}]}])
    desk.ask(
        {"name": "a", "addresses": 6, "bandwidth": "10Mbit", "labels": {"x": "y"}, "node": "n1", "ttl": "1d"},
        {"name": "b", "prefix_length": 64},
        {"name": "caf\u00e9", "prefix_length": 28, "pools": ["q"], "service": "shop"},
        {"name": "gone", "prefix_length": 28},
        {"name": "going", "prefix_length": 28, "node": "n1"},
    )
    desk.answer("n1", 1)
    desk.release("gone", "going")


def test_what_was_exported_comes_back_the_same_in_an_empty_ledger(desk: Desk, other: Desk) -> None:
    fill(desk)
    data = export(desk)
    counts = {key: count for key, count in load(other, data).items() if count}
    assert counts == {"pools": 2, "security_profiles": 1, "subnets": 4, "quarantine": 1}
    # What a node carries must be pushed anew from this ledger.
    for item in data["subnets"]:
        if item["name"] == "a":
            assert item["status"] == "active"
            item["status"] = "pending"
    assert export(other) == data
    for pool in ("p", "q"):
        assert desk.free(pool) == other.free(pool)
        assert desk.occupied(pool) == other.occupied(pool)


def test_importing_twice_changes_nothing(desk: Desk, other: Desk) -> None:
    fill(desk)
    data = export(desk)
    load(other, data)
    before = other.content()
    assert set(load(other, data).values()) == {0}
    assert other.content() == before


def test_every_import_is_in_the_audit_trail(desk: Desk, other: Desk) -> None:
    fill(desk)
    load(other, export(desk))
    told = set(other.rows("SELECT kind, name FROM event"))
    assert {("pool.declared", "p"), ("profile.declared", "web"), ("subnet.imported", "a")} <= told
    assert "10.0.0.32/28" in {name for kind, name in told if kind.startswith("prefix.")}


def test_a_subnet_that_expired_before_the_export_still_ends(desk: Desk, other: Desk) -> None:
    desk.pool("p", "10.0.0.0/24", quarantine=0)
    desk.get("a", 28, ttl="1m")
    desk.seconds += 61
    data = export(desk)
    other.seconds = desk.seconds
    load(other, data)
    other.release("a")
    assert other.free("p") == ["10.0.0.0/24"]


def first_of(data: dict[str, Any], section: str) -> dict[str, Any]:
    found: dict[str, Any] = data[section][0]
    return found


@pytest.mark.parametrize(
    ("spoil", "error", "place"),
    [
        (lambda data: data.update(format=3), InvalidInput, "content.format"),
        (lambda data: data.update(pools="p"), InvalidInput, "content.pools"),
        (lambda data: data.update(subnets={"a": 1}), InvalidInput, "content.subnets"),
        (lambda data: data.update(surplus=1), InvalidInput, "content"),
        (lambda data: data["subnets"].append("a"), InvalidInput, "content.subnets[4]"),
        (lambda data: data["subnets"].append(data["subnets"][0]), InvalidInput, "content.subnets"),
        (lambda data: first_of(data, "subnets").update(cidr="10.0.0.0/28"), Conflict, "content.subnets[0].cidr"),
        (lambda data: first_of(data, "subnets").update(cidr="10.0.0.17/28"), InvalidInput, "content.subnets[0].cidr"),
        (lambda data: first_of(data, "subnets").update(cidr="10.9.0.0/28"), Conflict, "content.subnets[0].cidr"),
        (lambda data: data["subnets"][1].update(status="releasing"), InvalidInput, "content.subnets[1].status"),
        (lambda data: first_of(data, "subnets").update(status="lost"), InvalidInput, "content.subnets[0].status"),
        (lambda data: first_of(data, "subnets").update(pool="x"), ShadownetError, "content.subnets[0].pool"),
        (lambda data: first_of(data, "subnets").update(addresses="many"), InvalidInput, "content.subnets[0].addresses"),
        (lambda data: first_of(data, "subnets").update(addresses=-1), InvalidInput, "content.subnets[0].addresses"),
        (
            lambda data: first_of(data, "subnets").update(expires_at="soon"),
            InvalidInput,
            "content.subnets[0].expires_at",
        ),
        (lambda data: first_of(data, "quarantine").update(cidr="10.0.0.0/28"), Conflict, "content.quarantine[0].cidr"),
        (lambda data: first_of(data, "quarantine").update(until="1h"), InvalidInput, "content.quarantine[0].until"),
        (lambda data: first_of(data, "pools").update(prefixes=["10.0.0.0/30"]), ShadownetError, None),
    ],
)
def test_a_bad_import_changes_nothing_and_names_the_place(
    desk: Desk, other: Desk, spoil: Any, error: type[ShadownetError], place: str | None
) -> None:
    fill(desk)
    data = export(desk)
    spoil(data)
    before = other.content()
    with pytest.raises(error) as caught:
        load(other, data)
    if place is not None:
        assert caught.value.parameter == place
    assert other.content() == before


def test_an_import_into_a_ledger_that_gave_the_prefix_to_another_is_refused(desk: Desk, other: Desk) -> None:
    fill(desk)
    other.pool("p", "10.0.0.0/24")
    other.get("mine", 26, prefix=None)
    before = other.content()
    with pytest.raises(Conflict):
        load(other, export(desk))
    assert other.content() == before


# -- adoption


def carried(name: str, number: int, address: str) -> dict[str, Any]:
    return {"name": f"sn{number}", "description": name, "type": "bridge", "addresses": [address]}


def take_over(desk: Desk, *interfaces: dict[str, Any]) -> list[dict[str, Any]]:
    with desk.ledger.transaction("test") as transaction:
        return adopt(transaction, "n1", {"interfaces": list(interfaces)})


def test_what_a_node_carries_and_the_ledger_does_not_know_is_adopted(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24", "2001:db8::/48")
    known = desk.ask({"name": "known", "prefix_length": 28, "node": "n1"})[0]
    results = take_over(
        desk,
        carried("known", known["id"], "10.0.0.1/28"),
        carried("lost", 40, "10.0.0.33/28"),
        carried("six", 41, "2001:db8::1/64"),
        {"name": "eth0", "type": "bridge", "addresses": ["10.0.0.65/28"]},
    )
    assert [(one["name"], one["cidr"], one["adopted"]) for one in results] == [
        ("lost", "10.0.0.32/28", True),
        ("six", "2001:db8::/64", True),
    ]
    shown = desk.subnets()["lost"]
    assert (shown["id"], shown["cidr"], shown["node"], shown["status"]) == (40, "10.0.0.32/28", "n1", "active")
    # Ids go on after the adopted ones.
    assert desk.ask({"name": "new", "prefix_length": 28})[0]["id"] == 42


@pytest.mark.parametrize(
    ("interface", "reason"),
    [
        (carried("known", 40, "10.0.0.33/28"), "holds another subnet of that name"),
        (carried("lost", 1, "10.0.0.33/28"), "gave id 1 to another subnet"),
        (carried("lost", 40, "192.0.2.1/28"), "lies in no pool"),
        (carried("lost", 40, "10.0.0.1/29"), "not free"),
    ],
)
def test_what_cannot_be_adopted_is_left_alone_with_the_reason(
    desk: Desk, interface: dict[str, Any], reason: str
) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.get("known", 28)
    (result,) = take_over(desk, interface)
    assert result["adopted"] is False
    assert reason in result["reason"]
    assert list(desk.subnets()) == ["known"]


# -- audit trail


def test_every_change_is_in_the_audit_trail_with_time_actor_before_and_after(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.seconds += 10
    desk.get("a", 28, node="n1")
    desk.answer("n1", 1)
    desk.release("a")
    desk.answer("n1", 2)
    desk.seconds += 600
    desk.release("nobody")
    with desk.ledger.snapshot() as transaction:
        events = list_events(transaction, 100)
    assert [event["kind"] for event in events] == [
        "pool.declared",
        "subnet.allocated",
        "subnet.activated",
        "node.confirmed",
        "subnet.released",
        "subnet.removed",
        "node.confirmed",
        "prefix.freed",
    ]
    assert {event["actor"] for event in events} == {"test"}
    assert events[1]["before"] is None
    assert events[1]["after"]["status"] == "pending"
    assert (events[4]["before"]["status"], events[4]["after"]["status"]) == ("active", "releasing")
    assert events[5]["after"] is None
    assert (events[0]["time"], events[1]["time"]) == ("2027-01-15T08:00:00.000Z", "2027-01-15T08:00:10.000Z")
    with desk.ledger.snapshot() as transaction:
        assert [event["kind"] for event in list_events(transaction, 2, "a")] == ["subnet.released", "subnet.removed"]


def test_the_state_at_a_past_time_is_what_was_shown_then(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24", quarantine=0)
    desk.seconds += 10
    desk.get("a", 28, bandwidth="1Mbit")
    desk.seconds += 10
    desk.get("a", 28, bandwidth="2Mbit")
    desk.get("b", 28)
    desk.seconds += 10
    desk.release("a")
    desk.seconds += 10
    desk.release("b")
    desk.remove_pools("p")

    def at(seconds: int) -> tuple[list[str], dict[str, Any]]:
        with desk.ledger.snapshot() as transaction:
            state = state_at(transaction, (START + seconds) * 1000)
        return list(state["pools"]), {name: one.get("bandwidth") for name, one in state["subnets"].items()}

    assert at(-1) == ([], {})
    assert at(0) == (["p"], {})
    assert at(10) == at(19) == (["p"], {"a": 10**6})
    assert at(20) == (["p"], {"a": 2 * 10**6, "b": None})
    assert at(30) == (["p"], {"b": None})
    assert at(40) == ([], {})


def test_a_refused_call_leaves_no_event(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    with pytest.raises(ShadownetError):
        desk.get("a", 8)
    assert desk.rows("SELECT kind FROM event") == [("pool.declared",)]


@pytest.mark.parametrize("text", ["", "yesterday", "2027-01-15", "2027-01-15T08:00:00", None, 5, "9999-99-99T00:00Z"])
def test_a_time_without_zone_or_sense_is_refused(text: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^at: "):
        parse_time(text, "at")


def test_events_are_json_that_anything_reads(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.get("caf\u00e9", 28, labels={"\u2603": '"quoted" \\'})
    rows = desk.rows("SELECT after FROM event WHERE kind = 'subnet.allocated'")
    assert json.loads(rows[0][0])["labels"] == {"\u2603": '"quoted" \\'}
