# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage and history through ``ledger_info`` and the playbook ``status``."""

from __future__ import annotations

import csv
import re
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instance_lifecycle import delete
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instances import create
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.pools import declare_pools
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservation_requests import read_reservations
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservations import reserve
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage_summary import EVERY
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.model.reservation import InstanceRequest
from ansible_collections.shadownet.ipam.tests.integration.ansible_run import Ansible, Run

HOUR = 3600


@pytest.fixture
def past(ansible: Ansible, tmp_path: Path) -> Ansible:
    """A ledger with five hours of history: two web servers for four hours, one of three reserved, one that missed."""
    path = tmp_path / "ledger.db"
    ansible.environment["SHADOWNET_LEDGER"] = str(path)
    now = [(int(time.time()) // HOUR - 6) * HOUR]
    ledger = Ledger(path, create=True, clock=lambda: float(now[0]))

    def work(what: Callable[[Any], object]) -> None:
        with ledger.transaction("test") as transaction:
            what(transaction)

    pools = [
        {"name": "s", "kind": "shadow", "prefixes": ["10.9.0.0/24"], "quarantine": "0s"},
        {"name": "p", "prefixes": ["10.8.0.0/24"]},
    ]
    ends = (datetime.fromtimestamp(now[0], UTC) + timedelta(hours=3)).isoformat()
    work(lambda transaction: declare_pools(transaction, pools))
    wanted = [{"workload": "web", "instances": 3, "expires_at": ends}]
    work(lambda transaction: reserve(transaction, read_reservations(wanted, transaction.now)))
    for number in range(4):
        name = f"web-{number}"
        work(lambda transaction, name=name: create(transaction, InstanceRequest(name, "web")))
    work(lambda transaction: delete(transaction, "web-0"))
    work(lambda transaction: delete(transaction, "web-1"))
    now[0] += 4 * HOUR
    work(lambda transaction: delete(transaction, "web-2"))
    ledger.close()
    return ansible


def info(options: dict[str, Any]) -> dict[str, Any]:
    return {"name": "Ask", "shadownet.ipam.ledger_info": options, "register": "found"}


def test_usage_in_a_window(past: Ansible) -> None:
    run = past.play([info({"usage": {}}), info({"usage": {"since": "1m"}}), info({})]).ok()
    whole, minute, without = [one.result for one in run.tasks if one.action == "shadownet.ipam.ledger_info"]
    (web,) = whole["usage"]["workloads"]
    assert (web["created"], web["hits"], web["hit_rate"], web["deleted"]) == (4, 3, 0.75, 3)
    # Two of three were idle until the reservation expired; one instance each in both pools.
    assert (web["idle_hours"], web["reserved_hours"], web["activated_hours"]) == (6, 9, 4)
    assert (web["missed_by_reason"], web["reservations_expired"]) == ({"exhausted": 1}, 1)
    (last,) = minute["usage"]["workloads"]
    assert (last["created"], last["hit_rate"], last["dynamic_hours"]) == (0, None, 0.017)
    assert "usage" not in without
    assert not whole["changed"]


def test_history_as_rows_and_as_csv(past: Ansible, tmp_path: Path) -> None:
    file = tmp_path / "history.csv"
    asked = {"history": {"interval": "1h", "file": str(file)}}
    rehearsal = past.play([info(asked)], "--check").ok()
    assert rehearsal.tasks[-1].result["changed"]
    assert not file.exists()
    run = past.play([info(asked), info(asked), info({"history": {"workloads": ["web"]}})]).ok()
    first, again, rows = [one.result for one in run.tasks if one.action == "shadownet.ipam.ledger_info"]
    assert (first["changed"], again["changed"], rows["changed"]) == (True, False, False)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    lines = list(csv.DictReader(file.read_text().splitlines()))
    assert len(lines) == first["history_rows"] == len(rows["history"]) == 6
    assert [one["instances"] for one in rows["history"]] == [2, 2, 2, 2, 1, 1]
    assert [one["reserved"] for one in rows["history"]] == [3, 3, 3, 0, 0, 0]
    assert {key: lines[0][key] for key in ("created", "deleted", "missed", "instances_max", "location")} == {
        "created": "4",
        "deleted": "2",
        "missed": "1",
        "instances_max": "2",
        "location": "",
    }
    assert [one["time"] for one in lines] == [one["time"] for one in rows["history"]]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"usage": {"since": "yesterday"}}, "usage.since"),
        ({"history": {"interval": "0s"}}, "history.interval"),
        ({"history": {"interval": "often"}}, "history.interval"),
        ({"history": {"since": "2020-01-01T00:00:00Z", "until": "2019-01-01T00:00:00Z"}}, "empty"),
        ({"history": {"file": "/proc/nowhere/history.csv"}}, "history.file"),
    ],
)
def test_what_makes_no_sense_is_refused(past: Ansible, options: dict[str, Any], words: str) -> None:
    assert words in str(past.play([info(options)]).failed().result)


def shown(run: Run) -> list[str]:
    found: Any = run.task("Usage of shadow reservations")["msg"]
    return list(found)


def columns(line: str) -> list[str]:
    return re.split(r"  +", line)


def test_status_tells_of_it(past: Ansible) -> None:
    head, titles, web, *more = shown(past.playbook("shadownet.ipam.status", "-e", "shadownet_since=1d").ok())
    # Nothing is known from before the first event, five hours ago.
    match = re.fullmatch(r"(\S+:\d\dZ) to (\S+:\d\dZ); reserved, idle and used in address-hours", head)
    assert match is not None
    first, last = (datetime.fromisoformat(text) for text in match.groups())
    assert timedelta(hours=6) <= last - first < timedelta(hours=8)
    names = ["workload", "family", "created", "hits", "hit rate", "reserved", "idle", "used", "waste", "remarks"]
    assert columns(titles) == names
    told = dict(zip(names, columns(web), strict=True))
    assert [told[name] for name in names[:5]] == ["web", "ipv4", "4", "3", "75.0 %"]
    assert told["remarks"] == "missed 1: exhausted 1; reservations expired 1"
    # All in one line: nothing to add up.
    assert more == []


@pytest.fixture
def many(ansible: Ansible, tmp_path: Path) -> Ansible:
    """200 workloads with a reservation each; every other one never came, so that there is nothing to divide by."""
    path = tmp_path / "many.db"
    ansible.environment["SHADOWNET_LEDGER"] = str(path)
    now = [time.time() - 2 * HOUR]
    with Ledger(path, create=True, clock=lambda: now[0]) as ledger, ledger.transaction("test") as transaction:
        declare_pools(transaction, [{"name": "s", "kind": "shadow", "prefixes": ["10.9.0.0/24"]}])
        wanted = [{"workload": f"w{number}", "expires_at": "2099-01-01T00:00:00Z"} for number in range(200)]
        reserve(transaction, read_reservations(wanted))
        for number in range(0, 200, 2):
            request = InstanceRequest(f"i{number}", f"w{number}", node="fe1", interface="tap1")
            create(transaction, request)
    return ansible


def test_status_of_many_workloads_is_a_table_that_can_be_read(many: Ansible) -> None:
    run = many.playbook("shadownet.ipam.status", "-e", "shadownet_limit=102").ok()
    _head, titles, *lines, last = shown(run)
    assert last == "only the 102 largest of 200 are shown; shadownet_limit says how many"
    assert len(lines) == 103
    # Where there is nothing to divide by, the columns say so.
    name, family, created, hits, rate, reserved, idle, used, waste = columns(lines[101])
    assert (name, family, created, hits, rate, waste, used) == ("w101", "ipv4", "0", "0", "-", "-", "0.0")
    assert 2 <= float(reserved) == float(idle) <= 2.1
    name, family, created, hits, rate, reserved, idle, used, waste = columns(lines[102])
    assert (name, family, created, hits, rate, waste) == ("all", "ipv4", "100", "100", "100.0 %", "1.00")
    assert 400 <= float(reserved) < 420
    # What is right-aligned ends where its title ends.
    end = titles.index("waste") + len("waste")
    assert {len(line) for line in lines} == {end}
    (pool,) = run.task("Pools")["msg"]
    assert "s (ipv4, shadow): 78.12 % in use, instances: 100, addresses reserved beside them: 100, " in pool
    assert run.task("Instances that are not active")["msg"][0] == "i0 (w0): 10.9.0.0/32, on fe1: pending"


def test_status_of_an_empty_ledger(ansible: Ansible, tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    ansible.environment["SHADOWNET_LEDGER"] = str(path)
    Ledger(path, create=True).close()
    run = ansible.playbook("shadownet.ipam.status").ok()
    (line,) = shown(run)
    assert line.endswith("Z: nothing reserved, no instances")
    assert [run.task(name)["msg"] for name in ("Pools", "Nodes", "Subnets")] == [["none"]] * 3


API = {"workload": "api", "instances": 1, "expires_at": "2090-01-01T00:00:00Z"}
TRAFFIC = {"since": "run 1", "prefixes": [], "floors": []}
WRITERS = [
    {"shadownet.ipam.reservation": {"reservations": [API]}},
    {"shadownet.ipam.instance": {"name": "api-1", "workload": "api"}},
    {"shadownet.ipam.traffic_result": {"node": "fe1", "traffic": TRAFFIC}},
]


@pytest.mark.parametrize("task", WRITERS, ids=lambda task: next(iter(task)).rpartition(".")[2])
def test_writers_keep_a_summary_where_one_is_due(past: Ansible, task: dict[str, Any]) -> None:
    path = past.environment["SHADOWNET_LEDGER"]
    with Ledger(path) as ledger, ledger.transaction("test") as transaction:
        for number in range(EVERY):
            transaction.event("subnet.changed", "subnet", f"s{number}", None, None)
    before = past.play([info({"usage": {"since": "1d"}})]).ok().tasks[-1].result["usage"]["totals"]
    named = {"name": "Write", **task}
    past.play([named], "--check").ok()
    assert summaries(path) == 0
    past.play([named, named]).ok()
    assert summaries(path) == 1
    asked = {"usage": {"since": "1d", "until": "1m"}}
    after = past.play([info(asked)]).ok().tasks[-1].result["usage"]["totals"]
    assert [one["created"] for one in after] == [one["created"] for one in before]
    assert summaries(path) == 1


def summaries(path: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM usage_summary").fetchone()[0])
