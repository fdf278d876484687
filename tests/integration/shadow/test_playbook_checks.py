# SPDX-License-Identifier: GPL-3.0-or-later
"""``--check`` of the playbooks of shadow reservations foresees what a run does, on the nodes too; and a second run of
what was refused changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.shadownet.ipam.tests.integration.ansible_run import Run
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab

from .test_playbooks import POOLS, RESERVATIONS, Site, linux

__all__ = ["linux"]
pytestmark = pytest.mark.netns
PUSH = "Push the node's configuration"


def pushes(run: Run) -> dict[str, list[dict[str, Any]]]:
    """What changed on each node. A check that has two pushes to a node to foresee shows the same twice."""
    taken = [one for one in run.tasks if one.task == PUSH and one.status != "failed" and one.changed]
    return {one.host: one["changes"] for one in taken}


def told(run: Run, task: str) -> list[str]:
    return [line for line in run.task(task)["msg"] if line]


def test_reserve_foresees_what_ends(linux: Site) -> None:
    linux.reserve().ok()
    before = linux.routes()
    fewer = [{**RESERVATIONS[0], "instances": 2}]
    for state, given in (("overridden", fewer), ("absent", fewer), ("absent", fewer)):
        options = {"shadow_reservations": given, "shadownet_state": state}
        check = linux.run("reserve", "--check", "--diff", **options).ok()
        assert linux.routes() == before
        done = linux.run("reserve", **options).ok()
        before = linux.routes()
        assert pushes(check) == pushes(done)
        assert told(check, "Reservations") == told(done, "Reservations")
        assert check.changed > 0 or done.changed == 0
        if state == "overridden":
            assert "db: ended on fe1, gave up 10.200.0.16/30" in told(done, "Reservations")
            assert [one["key"] for one in pushes(check)["fe1"] if one["op"] == "remove"] == [
                "10.200.0.0/28 metric 4278198272",
                "10.200.0.16/30 metric 4278198272",
            ]
    assert told(done, "Reservations") == ["web: not in the ledger, or ended before"]


def test_a_pool_that_grows_takes_its_floors_to_all_its_nodes(linux: Site) -> None:
    linux.reserve().ok()
    grown = [{**POOLS[0], "prefixes": ["10.200.0.0/16", "10.201.0.0/16"]}]
    check = linux.run("reserve", "--check", shadownet_pools=grown, shadow_reservations=[]).ok()
    assert ("10.201.0.0/16", "blackhole") not in linux.routes()
    done = linux.run("reserve", shadownet_pools=grown, shadow_reservations=[]).ok()
    assert ("10.201.0.0/16", "blackhole") in linux.routes()
    assert pushes(check) == pushes(done) != {}
    assert linux.run("reserve", shadownet_pools=grown, shadow_reservations=[]).ok().changed == 0


def test_instances_that_move_and_interfaces_that_are_missing_are_foreseen(linux: Site, lab: Lab) -> None:
    lab.add("fe2")
    lab.join("fe2", "tap1", "vm2", "eth9")
    linux.hosts["fe2"] = {"ansible_connection": "netns", "netns": lab.names["fe2"]}
    anywhere = [{key: value for key, value in RESERVATIONS[0].items() if key != "node"}]
    linux.run("reserve", shadownet_pools=POOLS, shadow_reservations=anywhere).ok()
    linux.run("instance_created", shadownet_instances=[linux.instance("web-1")]).ok()

    moved = [linux.instance("web-1", node="fe2"), linux.instance("web-2", interface="tap9"), linux.instance("web-3")]
    before = linux.routes()
    check = linux.run("instance_created", "--check", shadownet_instances=moved)
    assert linux.routes() == before
    assert linux.statuses() == {"web-1": "active"}
    done = linux.run("instance_created", shadownet_instances=moved)
    for run in (check, done):
        assert run.rc != 0
        assert "was never made" not in run.stdout
        assert "Nodes refused web-2: config.routes[1].interface: the node has no interface tap9." in run.stdout
        assert [one.split(": ", 2)[-1].partition(" ")[0] for one in told(run, "Instances")] == [
            "active",
            "error",
            "active",
        ]
    assert pushes(check) == pushes(done)
    assert set(pushes(check)) == {"fe1", "fe2"}
    assert told(check, "Instances") == told(done, "Instances")

    again = linux.run("instance_created", shadownet_instances=moved)
    assert again.rc != 0
    assert again.changed == 0, again.output
    assert linux.run("reconcile").changed == 0
    assert linux.run("instance_created", "--check", shadownet_instances=moved).changed == 0

    lab.run("fe1", "ip", "link", "del", "tap1")  # the push that takes web-2 away meets web-3 without its interface
    gone = {"shadownet_instances": [{"name": "web-1"}, {"name": "web-2"}, {"name": "never"}]}
    check = linux.run("instance_deleted", "--check", **gone).ok()
    assert linux.statuses() == {"web-1": "active", "web-2": "error", "web-3": "active"}
    done = linux.run("instance_deleted", **gone).ok()
    assert pushes(check) == pushes(done)
    assert told(check, "Instances") == told(done, "Instances")
    assert told(done, "Instances") == [
        "web-1: gone from fe2, gave back 10.200.0.0/30 to pool shadow",
        "web-2: gone from fe1, gave back 10.200.0.4/30 to pool shadow",
        "never: not in the ledger",
    ]
    assert linux.statuses() == {"web-3": "error"}
    linux.check_ledger()
