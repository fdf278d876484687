# SPDX-License-Identifier: GPL-3.0-or-later
"""What the forecaster reads of its last plans; any history is checked in ``test_usage``."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_feedback import Ended, Forecast, feedback
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_reasons import KINDS, NONE, OTHER, read_reason
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput
from ansible_collections.shadownet.ipam.tests.unit.ipam.desk import START, Desk

HOUR = 3600


@pytest.fixture
def shadow(desk: Desk) -> Desk:
    desk.pool("s", "10.200.0.0/24", kind="shadow", quarantine="0s")
    desk.pool("p", "10.1.0.0/24", quarantine="30m")
    return desk


def test_hits_and_misses_with_reason_time_and_place(desk: Desk) -> None:
    desk.pool("s", "10.200.0.0/24", kind="shadow", location="fra1")
    desk.pool("p", "10.1.0.0/24", location="fra1")
    desk.reserve({"workload": "web", "instances": 1, "begins": 0, "ends": HOUR})
    desk.create("web-1")
    desk.seconds += 60
    desk.create("web-2")
    desk.create("db-1", "db")
    found = feedback(desk.ledger)
    assert list(found) == ["db", "web"]
    web = found["web"]
    assert (web.created, web.hits, web.hit_rate) == (2, {"fra1": 1}, 0.5)
    assert [(one.time, one.instance, one.location, one.reason) for one in web.misses] == [
        ((START + 60) * 1000, "web-2", "fra1", "exhausted")
    ]
    assert web.misses[0].words == "web: exhausted: every prefix has an instance, or rests after one"
    assert (found["db"].missed_by_reason, found["db"].hit_rate) == ({"none": 1}, 0.0)


def test_one_that_came_back_to_what_was_not_reserved_is_a_miss_of_its_own(shadow: Desk) -> None:
    shadow.create("web-1")
    shadow.delete("web-1")
    shadow.create("web-1")
    assert [one.reason for one in feedback(shadow.ledger)["web"].misses] == ["none", "returned"]


def test_what_ended_is_told_as_a_whole_in_the_window_of_its_end(shadow: Desk) -> None:
    shadow.reserve(
        {"workload": "web", "instances": 3, "begins": 0, "ends": 4 * HOUR, "confidence": 0.9, "forecast_id": "f1"},
        {"workload": "db", "instances": 2, "begins": HOUR, "ends": 9 * HOUR, "forecast_id": "f1"},
    )
    shadow.seconds += HOUR
    shadow.create("web-1")
    shadow.seconds += 4 * HOUR
    early, late = (feedback(shadow.ledger, since, until) for since, until in ((None, "1h"), ("1h", None)))
    assert early["web"].ended == ()
    # Nobody came by when it ended, and it did all the same. What goes on is not told of yet.
    assert list(late) == ["web"]
    assert late["web"].ended == (
        Ended("web", None, 4, "f1", 0.9, START * 1000, (START + 4 * HOUR) * 1000, "expired", 3, 12.0, 9.0),
    )
    assert late["web"].unused_hours == {Forecast("f1", 0.9): 9.0}
    assert not late["web"].ended[0].unused


def test_what_goes_on_under_another_forecast_is_told_by_forecast(shadow: Desk) -> None:
    plan = {"workload": "web", "begins": 0, "ends": 9 * HOUR}
    shadow.reserve({**plan, "instances": 2, "forecast_id": "f1", "confidence": 0.5})
    shadow.seconds += HOUR
    shadow.reserve({**plan, "instances": 4, "forecast_id": "f1", "confidence": 0.5})
    shadow.seconds += HOUR
    shadow.reserve({**plan, "instances": 1, "forecast_id": "f2", "confidence": 0.5})
    shadow.seconds += HOUR
    shadow.withdraw("web")
    ended = feedback(shadow.ledger)["web"].ended
    assert [(one.forecast_id, one.ended, one.instances, one.reserved_hours, one.unused) for one in ended] == [
        ("f1", "replanned", 4, 6.0, True),
        ("f2", "removed", 1, 1.0, True),
    ]
    assert (ended[0].until, ended[1].since) == ((START + 2 * HOUR) * 1000, (START + 2 * HOUR) * 1000)


def test_what_never_began_is_no_reservation_that_nobody_used(shadow: Desk) -> None:
    shadow.reserve({"workload": "web", "instances": 2, "begins": HOUR, "ends": 2 * HOUR})
    shadow.seconds += 60
    shadow.withdraw("web")
    assert feedback(shadow.ledger) == {}


def test_a_window_may_be_written_as_a_datetime(shadow: Desk) -> None:
    shadow.create("web-1")
    shadow.seconds += HOUR
    at = datetime.fromtimestamp(START, UTC)
    assert feedback(shadow.ledger, at)["web"].created == 1
    assert feedback(shadow.ledger, at.replace(minute=1)) == {}
    with pytest.raises(InvalidInput, match=r"feedback\.since"):
        feedback(shadow.ledger, datetime(2027, 1, 1))  # noqa: DTZ001


def test_events_have_the_reason_as_a_code(shadow: Desk) -> None:
    shadow.reserve(
        {"workload": "web", "name": "x: exhausted; y", "instances": 1, "begins": 0, "ends": HOUR, "node": "n"}
    )
    shadow.create("web-1", node="n1")
    ((after,),) = shadow.rows("SELECT after FROM event WHERE kind = 'unexpected_scaling'")
    told = json.loads(after)
    assert (told["reason"], told["reservations"][0]["reason"]) == ("node", "node")
    assert read_reason(told) == ("node", told["words"])


@pytest.mark.parametrize("code", [one for one in KINDS if one not in ("returned", "other")])
def test_events_of_earlier_releases_had_it_in_words(code: str) -> None:
    spoken = "not begun" if code == "not_begun" else code
    names = [] if code == NONE else ["x: exhausted; y", "later"]
    words = (
        f"{spoken}: why" if code == NONE else f"x: exhausted; y: {spoken}: why; later: not begun: it begins; and 7 more"
    )
    old = {"reason": words, "reservations": [{"name": name} for name in names]}
    assert read_reason(old) == (code, words)


def test_a_reason_of_a_later_release_is_another_one() -> None:
    assert read_reason({"reason": "weather", "words": "it rains", "reservations": []}) == (OTHER, "it rains")
