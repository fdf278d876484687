# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is let in when it is crowded, and what the audit log says about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.node.audit import Audit
from ansible_collections.shadownet.ipam.node.doorkeeper import Doorkeeper
from ansible_collections.shadownet.ipam.node.settings import Limits


def test_a_flood_from_one_address_pushes_itself_out() -> None:
    door = Doorkeeper(Limits(unauthenticated=10))
    assert door.arrive("guest", "192.0.2.1") is None
    pushed = [door.arrive(number, "198.51.100.1") for number in range(1000)]
    assert pushed[:9] == [None] * 9
    assert pushed[9:] == list(range(991)), "the oldest of the crowd goes first, and never the guest"
    assert door.strangers == 10


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.sampled_from("abc")), max_size=200), st.integers(1, 8))
def test_the_door_never_holds_more_than_its_limit(steps: list[tuple[bool, int, str]], limit: int) -> None:
    door = Doorkeeper(Limits(unauthenticated=limit))
    there: set[int] = set()
    for comes, who, source in steps:
        if comes and who not in there:
            pushed = door.arrive(who, source)
            assert (pushed is not None) == (len(there) == limit)
            there.discard(pushed)  # type: ignore[arg-type]
            there.add(who)
        elif not comes:
            door.leave(who)
            there.discard(who)
        assert door.strangers == len(there) <= limit


def test_sessions_are_limited_in_total_and_for_each_user() -> None:
    door = Doorkeeper(Limits(sessions=3, sessions_per_user=2))
    door.enter("ada")
    door.enter("ada")
    assert "sessions_per_user" in (door.refusal("ada") or "")
    assert door.refusal("bob") is None
    door.enter("bob")
    assert "limits.sessions)" in (door.refusal("cyd") or "")
    door.exit("ada")
    assert door.refusal("ada") is None
    assert [door.connect("ada") for _attempt in range(3)] == [True, True, False]
    door.disconnect("ada")
    assert door.connect("ada")


def test_each_event_is_one_line_of_ascii_json(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.log")
    audit.record("login", user='eve\n{"event": "login"}\x1b[2J ünïcode', source=None, key="k" * 1000)
    audit.close()
    raw = (tmp_path / "audit.log").read_bytes()
    assert raw.count(b"\n") == 1
    assert all(32 <= octet < 127 for octet in raw[:-1])
    line = json.loads(raw)
    assert line["event"] == "login"
    assert line["user"].startswith("eve\n")
    assert "source" not in line
    assert len(line["key"]) < 300
    assert (tmp_path / "audit.log").stat().st_mode & 0o777 == 0o640


def test_strangers_cannot_fill_the_log(tmp_path: Path) -> None:
    now = [100.0]
    audit = Audit(tmp_path / "audit.log", clock=lambda: now[0])
    for _number in range(1000):
        audit.stranger("login-refused", source="192.0.2.1")
    now[0] += 1
    audit.stranger("login-refused", source="192.0.2.1")
    audit.close()
    lines = [json.loads(line) for line in (tmp_path / "audit.log").read_text().splitlines()]
    assert len(lines) == 12
    assert lines[10]["lines"] == 990


def test_the_log_is_opened_again_after_rotation(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    audit = Audit(file)
    audit.record("one")
    file.rename(tmp_path / "audit.log.1")
    audit.reopen()
    audit.record("two")
    audit.close()
    assert "one" in (tmp_path / "audit.log.1").read_text()
    assert "two" in file.read_text()


def test_a_full_disk_is_said_once_and_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    if not Path("/dev/full").is_char_device():
        pytest.skip("needs the device /dev/full")
    audit = Audit(Path("/dev/full"))
    audit.record("one")
    audit.record("two")
    audit.close()
    assert capsys.readouterr().err.count("cannot be written") == 1
