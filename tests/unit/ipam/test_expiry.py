# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a reservation: at once for everybody who asks, and swept a little by every call."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instances import create
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.lifecycle import SHORT_SWEEP
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.utilisation import utilisation
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import AllocationRefused
from ansible_collections.shadownet.ipam.plugins.module_utils.model.reservation import InstanceRequest

from .desk import Desk

SIZE = 3 * SHORT_SWEEP + 7
MINUTE, DAY = 60, 86_400


@pytest.fixture
def over(desk: Desk) -> Desk:
    """One reservation has just ended, with an active prefix and one that rests; another one stands."""
    desk.pool("s", "10.200.0.0/16", kind="shadow", quarantine="1h", lend=True)
    desk.pool("p", "10.1.0.0/28")
    desk.reserve(
        {"workload": "old", "instances": SIZE, "ends": MINUTE, "node": "fe1", "instance_names": ["old-5", "old-6"]},
        {"workload": "web", "instances": 40, "ends": DAY, "node": "fe2"},
    )
    desk.create("old-1", "old", node="fe1", interface="tap1")
    desk.answer("fe1", desk.desired("fe1").node.revision)
    desk.create("old-2", "old")
    desk.delete("old-2")
    desk.seconds += MINUTE + 1
    return desk


def left(desk: Desk) -> int:
    return int(
        desk.rows("SELECT COUNT(*) FROM reserved JOIN reservation ON id = reservation_id WHERE workload = 'old'")[0][0]
    )


def ends(desk: Desk) -> list[tuple[Any, ...]]:
    return desk.rows("SELECT name, after FROM event WHERE kind = 'reservation.expired'")


def test_every_call_sweeps_some_of_it_and_the_book_is_right_all_the_time(over: Desk) -> None:
    seen = []
    for number in range(6):
        over.create(f"web-{number}")
        assert over.problems() == []
        assert ends(over) == [("old", None)]
        seen.append(left(over))
    assert seen == [SIZE - SHORT_SWEEP, SIZE - 2 * SHORT_SWEEP, SIZE - 3 * SHORT_SWEEP, 0, 0, 0]
    assert over.rows("SELECT 1 FROM reservation WHERE workload = 'old'") == []
    # What is in use outlives it, and what rests goes on resting.
    assert (
        sorted(kind for _cidr, kind in over.occupied("s")) == ["instance"] * 7 + ["quarantine"] + ["reservation"] * 34
    )
    assert over.rows("SELECT reservation_id, ordinal FROM instance WHERE name = 'old-1'") == [(None, None)]


def test_its_node_is_told_once_and_loses_all_its_routes_at_once(over: Desk) -> None:
    before = over.rows("SELECT revision FROM node WHERE name = 'fe1'")[0][0]
    over.create("web-1")
    assert left(over) > 0
    for _call in range(5):
        desired = over.desired("fe1")
        assert desired.node.revision == before + 1
        assert [(route.prefix, route.type) for route in desired.config.routes] == [
            ("10.200.0.0/16", "blackhole"),
            ("10.200.0.2/32", "unicast"),
        ]
        assert desired.reservations == []


@pytest.mark.parametrize("name", ["old-5", "old-2", "old-9"])
def test_nothing_of_it_is_given_to_an_instance_whatever_its_name(over: Desk, name: str) -> None:
    over.create("web-1")
    assert left(over) > 0
    made = over.create(name, "old")
    assert made.instance.source == "dynamic"
    assert made.missed == "none: nothing is reserved for this workload"


def test_what_an_instance_gives_back_meanwhile_is_nobodys(over: Desk) -> None:
    over.create("web-1")
    over.delete("old-1")
    over.answer("fe1", over.rows("SELECT revision FROM node WHERE name = 'fe1'")[0][0])
    assert left(over) > 0
    assert over.problems() == []
    over.seconds += 2 * 3600
    over.release("nobody")
    assert over.problems() == []
    assert {kind for _cidr, kind in over.occupied("s")} == {"instance", "reservation"}


def test_the_same_name_can_be_reserved_and_all_of_its_space_be_had_while_it_is_being_swept(over: Desk) -> None:
    over.create("web-1")
    assert left(over) > 0
    (made,) = over.reserve({"workload": "old", "instances": 5, "ends": DAY})
    assert made.before is None
    assert left(over) == 5


def test_a_subnet_may_borrow_what_is_still_to_be_swept(over: Desk) -> None:
    over.create("web-1")
    assert left(over) > 0
    # Twice where nothing was reserved, and then where the one was that ended.
    assert over.get("large", 17) == "10.200.128.0/17"
    assert over.get("other", 18) == "10.200.64.0/18"
    assert over.get("third", 25) == "10.200.0.128/25"
    with pytest.raises(AllocationRefused):
        over.get("too-large", 16)


def test_a_subnet_borrows_what_is_over_before_anything_that_stands_with_or_without_a_provider_pool(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/22", kind="shadow", lend=True)
    desk.reserve({"workload": "web", "instances": 64, "ends": DAY})
    desk.reserve({"workload": "old", "instances": 960, "ends": MINUTE})
    desk.seconds += MINUTE
    got = [one["cidr"] for one in desk.ask(*({"name": name, "prefix_length": 24} for name in "abc"))]
    assert got == ["10.200.1.0/24", "10.200.2.0/24", "10.200.3.0/24"]
    assert desk.rows("SELECT instances FROM reservation WHERE name = 'web'") == [(64,)]


def test_what_rested_and_what_it_went_back_to_are_over_together(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/24", kind="shadow", quarantine="1m")
    desk.reserve({"workload": "web", "instances": 2, "ends": 10 * MINUTE})
    desk.create("web-1")
    desk.delete("web-1")

    def held() -> tuple[int, int]:
        with desk.ledger.snapshot() as transaction:
            found = utilisation(transaction)[0]
        return found["reserved"], found["free"]

    desk.seconds += 2 * MINUTE
    assert held() == (2, 254)
    desk.seconds += 8 * MINUTE
    assert held() == (0, 256)
    desk.withdraw("nobody")
    assert held() == (0, 256)


def test_a_clock_that_goes_back_ends_nothing_more_and_sweeps_what_had_ended(over: Desk) -> None:
    over.create("web-1")
    between = left(over)
    over.seconds -= 600
    over.create("web-2")
    assert 0 < left(over) < between
    (made,) = over.reserve({"workload": "old", "instances": 2, "ends": DAY})
    assert made.before is None


def test_what_is_over_counts_as_free_whether_or_not_it_was_swept(over: Desk) -> None:
    def shadow() -> dict[str, Any]:
        with over.ledger.snapshot() as transaction:
            return next(one for one in utilisation(transaction) if one["pool"] == "s")

    before = shadow()
    assert (before["reserved"], before["used"], before["quarantine"]) == (40, 1, 1)
    over.create("web-1")
    assert left(over) > 0
    between = shadow()
    assert (between["reserved"], between["used"], between["free"]) == (39, 2, before["free"])
    over.withdraw("nobody")
    assert left(over) == 0
    assert shadow() == between


def test_check_mode_ends_nothing(over: Desk) -> None:
    before = over.content()
    with over.ledger.transaction("test", check=True) as transaction:
        assert create(transaction, InstanceRequest("web-1", "web")).instance.source == "shadow"
    assert over.content() == before


def test_free_space_does_not_merge_across_two_prefixes_of_a_pool(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/26", "10.200.0.64/26", kind="shadow", lend=True)
    desk.reserve({"workload": "web", "instances": 128, "ends": MINUTE})
    with pytest.raises(AllocationRefused):
        desk.get("too-large", 25)
    assert desk.problems() == []
    desk.seconds += MINUTE
    desk.release("nobody")
    assert desk.free("s") == ["10.200.0.0/26", "10.200.0.64/26"]


def test_more_that_rested_than_one_call_sweeps_serves_and_makes_room(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/24", kind="shadow", quarantine="60s")
    desk.pool("p", "10.1.0.0/25", quarantine="60s")
    desk.reserve({"workload": "web", "instances": 128, "ends": DAY})
    for number in range(256):
        desk.create(f"i-{number}")
    for number in range(256):
        desk.delete(f"i-{number}")
    with pytest.raises(AllocationRefused, match="exhausted"):
        desk.create("too-early")
    desk.seconds += 61
    # One of the reservation, though the oldest that rested are many more than one call sweeps.
    sources = [desk.create(f"n-{number}").instance.source for number in range(256)]
    assert sources == ["shadow"] * 128 + ["dynamic"] * 128
    assert desk.problems() == []
