# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger makes of the counters that nodes report."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage import read_window, usage
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_traffic import (
    Counted,
    _advance,
    count_at,
    read_report,
    record_traffic,
)
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput

from .desk import Desk

FLOOR = "10.200.0.0/24"
QUIET = 600


@pytest.fixture
def node(desk: Desk) -> Desk:
    """Three addresses reserved at fe1, two anywhere, one at another node."""
    desk.pool("s", FLOOR, kind="shadow", location="fra1")
    desk.pool("p", "10.1.0.0/24")
    desk.reserve(
        {"workload": "web", "instances": 3, "begins": 0, "ends": 90000, "node": "fe1", "location": "fra1"},
        {"workload": "db", "instances": 2, "begins": 0, "ends": 90000},
        {"workload": "far", "instances": 1, "begins": 0, "ends": 90000, "node": "fe2"},
    )
    return desk


def tell(desk: Desk, since: str = "a", floor: tuple[int, int] | None = None, **counts: tuple[int, int]) -> list[Any]:
    """A report of the node fe1; ``x5=(3, 1)`` is for 10.200.0.5/32."""
    data = {
        "since": since,
        "prefixes": [
            {"prefix": f"10.200.0.{key[1:]}/32", "arrived": arrived, "forwarded": forwarded}
            for key, (arrived, forwarded) in counts.items()
        ],
        "floors": [] if floor is None else [{"prefix": FLOOR, "arrived": floor[0], "forwarded": floor[1]}],
    }
    with desk.ledger.transaction("test") as transaction:
        found = record_traffic(transaction, "fe1", read_report(data), QUIET * 1000)
    return [(one["kind"], one["workload"], one.get("packets", one.get("instance"))) for one in found]


def appear(desk: Desk, name: str) -> None:
    """An instance at fe1, whose route the node has."""
    desk.create(name, node="fe1", interface="tap1")
    desk.answer("fe1", desk.desired("fe1").node.revision)


def ahead(packets: int, workload: str | None = "web") -> tuple[Any, ...]:
    return ("shadow.traffic_ahead" if workload else "shadow.traffic_unreserved", workload, packets)


def test_what_a_node_shall_count(node: Desk) -> None:
    node.create("web-1", node="fe1", interface="tap1")
    node.create("odd-1", "odd", node="fe1", interface="tap2")
    node.create("odd-2", "odd", node="fe3", interface="tap2")
    with node.ledger.snapshot() as transaction:
        found = count_at(transaction, "fe1")
        assert count_at(transaction, "nowhere") == {"prefixes": [], "floors": []}
    rows = node.rows("SELECT start FROM reserved JOIN reservation ON id = reservation_id WHERE workload <> 'far'")
    reserved = {f"10.200.0.{start[-1]}/32" for (start,) in rows}
    assert len(reserved) == 5
    assert set(found["prefixes"]) == {*reserved, "10.1.0.0/32"}
    assert found["floors"] == [FLOOR]


def test_the_same_counters_again_are_nothing_new(node: Desk) -> None:
    assert tell(node, x0=(3, 0), x1=(2, 0), floor=(7, 0)) == [ahead(5), ahead(7, None)]
    before = node.content()
    assert tell(node, x0=(3, 0), x1=(2, 0), floor=(7, 0)) == []
    assert node.content() == before
    assert tell(node, x0=(4, 1), x1=(5, 2), floor=(7, 0)) == [ahead(1)]


def test_counters_that_began_anew_are_new_altogether(node: Desk) -> None:
    assert tell(node, x0=(9, 4)) == [ahead(5)]
    assert tell(node, since="b", x0=(20, 4)) == [ahead(16)]
    assert tell(node, since="b", x0=(3, 0)) == [ahead(3)]  # went back: the element was made again


def test_who_is_gone_keeps_its_packets_and_what_is_nobodys_is_left_out(node: Desk) -> None:
    tell(node, x0=(1, 0), x200=(5, 0))
    node.withdraw("web")
    assert tell(node, x0=(4, 0), x200=(6, 0)) == [ahead(3)]
    assert tell(node) == []
    assert tell(node, x0=(9, 0)) == []


def test_an_instance_without_traffic_is_told_once(node: Desk) -> None:
    tell(node, x0=(0, 0))
    appear(node, "web-1")
    node.seconds += QUIET - 1
    assert tell(node, x0=(0, 0)) == []
    node.seconds += 1
    assert tell(node, x0=(0, 0)) == [("instance.idle", "web", "web-1")]
    node.seconds += QUIET
    assert tell(node, x0=(0, 0)) == []
    assert tell(node, x0=(5, 5)) == []
    node.seconds += QUIET
    assert tell(node, x0=(5, 5)) == [("instance.idle", "web", "web-1")]


def test_an_instance_is_not_idle_while_nobody_looked(node: Desk) -> None:
    appear(node, "web-1")
    node.seconds += 10 * QUIET
    assert tell(node, x0=(0, 0)) == []
    node.seconds += QUIET
    assert tell(node, x0=(0, 0)) == [("instance.idle", "web", "web-1")]


def test_an_instance_that_is_not_active_is_not_idle(node: Desk) -> None:
    """Its node refused the route, or does not answer: nothing can reach it."""
    node.create("web-1", node="fe1", interface="tap1")
    assert tell(node, x0=(0, 0)) == []
    node.seconds += QUIET
    assert tell(node, x0=(0, 0)) == []
    node.answer("fe1", node.desired("fe1").node.revision, ok=False, message="no tap1", routes=["10.200.0.0/32"])
    assert node.rows("SELECT status FROM instance") == [("error",)]
    node.seconds += QUIET
    assert tell(node, x0=(0, 0)) == []
    node.seconds += QUIET
    # From when it is active, not from when it was created.
    appear(node, "web-1")
    assert tell(node, x0=(0, 0)) == []
    node.seconds += QUIET
    assert tell(node, x0=(0, 0)) == [("instance.idle", "web", "web-1")]


def test_traffic_of_the_one_before_is_not_held_against_the_next(node: Desk) -> None:
    appear(node, "web-1")
    tell(node, x0=(0, 0))
    node.delete("web-1")
    node.answer("fe1", node.desired("fe1").node.revision)
    node.seconds += QUIET
    assert tell(node, x0=(0, 0)) == []
    node.seconds += 60
    appear(node, "web-1")
    assert tell(node, x0=(0, 0)) == []


def test_usage_shows_both(node: Desk) -> None:
    tell(node, x0=(3, 0), floor=(7, 0))
    appear(node, "web-1")
    node.seconds += QUIET
    tell(node, x0=(3, 0), floor=(7, 0))
    with node.ledger.snapshot() as transaction:
        found = usage(transaction, read_window(None, None, transaction.now))
    web = next(one for one in found["workloads"] if one["workload"] == "web")
    assert (web["packets_ahead"], web["packets_unreserved"], web["instances_idle"]) == (3, 0, 1)
    (pool,) = [one for one in found["pools"] if one["pool"] == "s"]
    assert (pool["packets_ahead"], pool["packets_unreserved"]) == (3, 7)
    assert all(one["workload"] for one in found["workloads"])


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"prefixes": [{"prefix": "10.0.0.1", "arrived": 0, "forwarded": 0}]}, "traffic.prefixes[0].prefix"),
        ({"floors": [{"prefix": "10.0.0.0/8", "arrived": -1, "forwarded": 0}]}, "traffic.floors[0].arrived"),
        ({"prefixes": [{"prefix": "10.0.0.0/8", "arrived": 1}]}, "traffic.prefixes[0].forwarded"),
        ({"prefixes": [{"prefix": "10.0.0.0/8", "arrived": 1, "forwarded": 1}] * 2}, "traffic.prefixes[1].prefix"),
        ({"sins": "x"}, "traffic"),
    ],
)
def test_a_report_that_makes_no_sense(change: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_report({"since": "a", **change})
    assert caught.value.parameter == place


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.booleans()), max_size=40))
def test_never_more_ahead_than_there_were_however_the_readings_fall(steps: list[tuple[bool, int, bool]]) -> None:
    """Packets come while a node is being read: what arrived is read before what was forwarded."""
    stopped = arrived = forwarded = told = 0
    row = None
    for active, packets, read in steps:
        before = arrived
        arrived += packets
        forwarded += packets if active else 0
        stopped += 0 if active else packets
        if read:
            row, new, _passed = _advance(row, "a", Counted(before, forwarded))
            told += new
            assert told <= stopped
    row, new, _passed = _advance(row, "a", Counted(arrived, forwarded))
    assert told + new == stopped


def test_a_subnet_that_borrowed_is_not_the_floor_s(desk: Desk) -> None:
    desk.pool("s", FLOOR, kind="shadow", lend=True)
    desk.reserve({"workload": "web", "instances": 1, "begins": 0, "ends": 90000, "node": "fe1"})
    assert tell(desk, floor=(0, 0), x0=(0, 0)) == []
    lent = desk.get("lab", 25, node="fe1")
    with desk.ledger.snapshot() as transaction:
        assert lent in count_at(transaction, "fe1")["prefixes"]
    report = {"since": "a", "prefixes": [{"prefix": lent, "arrived": 9, "forwarded": 2}]}
    with desk.ledger.transaction("test") as transaction:
        assert record_traffic(transaction, "fe1", read_report(report), QUIET * 1000) == []
        assert transaction.traffic_of("fe1") == {}


def test_what_is_over_is_counted_no_more_though_nobody_met_it(node: Desk) -> None:
    assert tell(node, x0=(1, 0)) == [ahead(1)]
    node.seconds += 90000
    with node.ledger.snapshot() as transaction:
        assert count_at(transaction, "fe1") == {"prefixes": [], "floors": [FLOOR]}
    assert tell(node, floor=(5, 0)) == [ahead(5, None)]
