# SPDX-License-Identifier: GPL-3.0-or-later
"""What time does to subnets: ttl, quarantine, and clocks that jump."""

from __future__ import annotations

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam import lifecycle
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.maintenance import describe_ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import AllocationRefused, Conflict
from ansible_collections.shadownet.ipam.tests.unit.ipam.desk import Desk


def test_a_released_prefix_rests_ten_minutes_unless_the_pool_says_otherwise(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    assert desk.get("a", 24) == "10.0.0.0/24"
    desk.release("a")
    assert desk.occupied("p") == [("10.0.0.0/24", "quarantine")]
    desk.seconds += 599
    with pytest.raises(AllocationRefused, match="full"):
        desk.get("b", 24)
    desk.seconds += 1
    assert desk.get("b", 24) == "10.0.0.0/24"


def test_without_quarantine_a_released_prefix_is_free_at_once(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24", quarantine=0)
    desk.get("a", 24)
    desk.release("a")
    assert desk.free("p") == ["10.0.0.0/24"]
    assert desk.get("b", 24) == "10.0.0.0/24"


def test_while_its_prefix_rests_the_same_name_gets_it_back(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.get("a", 28)
    mine = desk.get("b", 28)
    desk.release("a", "b")
    assert desk.get("c", 28) not in ("10.0.0.0/28", mine)
    assert desk.get("b", 28) == mine


def test_another_size_of_the_same_name_does_not_get_the_resting_prefix(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.get("a", 28)
    desk.release("a")
    assert desk.get("a", 27) == "10.0.0.32/27"


def test_a_resting_prefix_is_refused_to_others_with_the_time_of_its_end(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.get("a", 28)
    desk.release("a")
    with pytest.raises(AllocationRefused, match=r"10\.0\.0\.0/28 is in quarantine until 2027-01-15T08:10:00\.000Z"):
        desk.get("b", prefix="10.0.0.0/28")


def test_ttl_counts_from_creation_and_only_renew_extends_it(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    wish = {"name": "a", "prefix_length": 28, "ttl": "1h"}
    first = desk.ask(wish)[0]
    desk.seconds += 1800
    again = desk.ask(wish)[0]
    assert (again["changed"], again["expires_at"]) == (False, first["expires_at"])
    renewed = desk.ask({**wish, "renew": True})[0]
    assert (renewed["changed"], renewed["expires_at"]) == (True, "2027-01-15T09:30:00.000Z")
    desk.seconds += 3599
    assert desk.ask(wish)[0]["changed"] is False


def test_an_expired_subnet_goes_without_anyone_remembering_it(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.get("a", 24, ttl="1h")
    desk.seconds += 3600
    assert desk.subnets()["a"]["status"] == "releasing"
    with pytest.raises(AllocationRefused):
        desk.get("b", 24)
    desk.release("nobody")
    assert desk.subnets() == {}
    assert desk.occupied("p") == [("10.0.0.0/24", "quarantine")]
    assert [row[0] for row in desk.rows("SELECT kind FROM event WHERE name = 'a'")] == [
        "subnet.allocated",
        "subnet.expired",
    ]


def test_an_expired_subnet_on_a_node_stays_in_use_until_the_node_confirms(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24", quarantine=0)
    desk.get("a", 24, node="n1", ttl="1h")
    desk.answer("n1", 1)
    desk.seconds += 90_000
    desk.release("nobody")
    assert desk.subnets()["a"]["status"] == "releasing"
    desk.answer("n1", 1)
    assert desk.occupied("p") == [("10.0.0.0/24", "subnet")]
    desk.answer("n1", 2)
    assert desk.free("p") == ["10.0.0.0/24"]


def test_a_clock_up_to_a_minute_behind_stands_still(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.seconds -= 60
    created = desk.ask({"name": "a", "prefix_length": 28})[0]["created_at"]
    assert created == "2027-01-15T08:00:00.000Z"
    assert describe_ledger(desk.ledger)["clock_behind_seconds"] == 0


def test_a_clock_more_than_a_minute_behind_expires_nothing_and_is_reported(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24", quarantine=60)
    desk.get("a", 28, ttl="1s")
    desk.get("b", 28)
    desk.release("b")
    desk.seconds += 7200
    desk.get("later", 28)
    # "a" and the rest of "b" went on just now; what comes next expires while the clock lies behind.
    desk.get("c", 28, ttl="1s")
    desk.seconds += 5
    desk.ask({"name": "d", "prefix_length": 28})
    desk.get("e", 28, ttl="1s")
    desk.seconds -= 7200
    assert describe_ledger(desk.ledger)["clock_behind_seconds"] == 7200
    before = desk.occupied("p")
    desk.release("nobody")
    assert desk.occupied("p") == before
    desk.seconds += 7201
    assert describe_ledger(desk.ledger)["clock_behind_seconds"] == 0
    desk.release("nobody")
    assert "e" not in desk.subnets()


def test_more_expired_items_than_one_sweep_takes_still_make_room(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle.expire, "__defaults__", (2,))
    desk.pool("p", "10.0.0.0/28", quarantine=60)
    desk.ask(*({"name": f"s{n}", "prefix_length": 31, "ttl": "1m"} for n in range(8)))
    desk.seconds += 60
    for _turn in range(4):
        desk.release("nobody")
    assert {held[1] for held in desk.occupied("p")} == {"quarantine"}
    desk.seconds += 1000
    desk.get("big", 28)
    assert list(desk.subnets()) == ["big"]


def test_a_name_whose_subnet_expired_beyond_the_sweep_does_not_keep_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle.expire, "__defaults__", (2,))
    desk.pool("p", "10.0.0.0/28", quarantine=0)
    desk.ask(*({"name": f"s{n}", "prefix_length": 31, "ttl": "1m"} for n in range(8)))
    desk.seconds += 60
    outcome = desk.ask({"name": "s7", "prefix_length": 31, "ttl": "1m"})[0]
    assert (outcome["changed"], outcome["cidr"]) == (True, "10.0.0.0/31")


def test_room_made_in_mid_call_takes_nothing_from_the_requests_after(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request's need for room frees what rested under the second one's name."""
    monkeypatch.setattr(lifecycle.expire, "__defaults__", (0,))
    desk.pool("p", "10.0.0.0/28", quarantine=60)
    desk.ask({"name": "a", "prefix_length": 29}, {"name": "b", "prefix_length": 29})
    desk.release("a", "b")
    desk.seconds += 61
    given = desk.ask({"name": "new", "prefix_length": 29}, {"name": "a", "prefix_length": 29})
    assert {one["cidr"] for one in given} == {"10.0.0.0/29", "10.0.0.8/29"}


def test_a_pool_can_go_once_its_last_quarantine_has_ended(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.get("a", 24)
    desk.release("a")
    with pytest.raises(Conflict, match="in quarantine after 'a'"):
        desk.remove_pools("p")
    desk.seconds += 600
    assert desk.remove_pools("p")[0]["before"]["name"] == "p"


def test_a_pool_can_shrink_once_the_quarantine_outside_has_ended(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24", "10.0.1.0/24")
    desk.get("a", prefix="10.0.1.0/24")
    desk.release("a")
    with pytest.raises(Conflict, match="would fall outside"):
        desk.pool("p", "10.0.0.0/24")
    desk.seconds += 600
    desk.pool("p", "10.0.0.0/24")
    assert desk.free("p") == ["10.0.0.0/24"]
