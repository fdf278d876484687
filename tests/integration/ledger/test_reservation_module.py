# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``reservation``, and what borrowing does to its reservations, run by the real ansible-playbook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.tests.integration.ansible_run import Ansible
from ansible_collections.shadownet.ipam.tests.integration.test_ledger_modules import results, task

END = "2090-01-01T00:00:00Z"


def wish(name: str, instances: int, **options: Any) -> dict[str, Any]:
    return {"name": name, "workload": "web", "instances": instances, "expires_at": END, **options}


@pytest.fixture
def book(ansible: Ansible, tmp_path: Path) -> Ansible:
    """Ansible with a ledger that has a pool of each kind."""
    ansible.environment["SHADOWNET_LEDGER"] = str(tmp_path / "ledger.db")
    ansible.play(
        [
            task(
                "pool",
                pools=[
                    {"name": "p", "prefixes": ["10.1.0.0/30"]},
                    {"name": "s", "prefixes": ["10.200.0.0/24"], "kind": "shadow", "lend": True},
                ],
            )
        ]
    ).ok()
    return ansible


def test_a_newer_forecast_converges_and_tells_what_it_changed(book: Ansible) -> None:
    first = [wish("day", 6, node="fe1", confidence=0.9), wish("peak", 2, node="fe2")]
    second = [
        wish("day", 3, node="fe1", confidence=0.9),
        wish("night", 1),
        wish("past", 1, expires_at="2020-01-01T00:00:00Z"),
    ]
    run = book.play(
        [
            task("reservation", reservations=first),
            task("reservation", reservations=first),
            task("reservation", reservations=second, state="replaced"),
            task("reservation", reservations=[{"name": "day"}, {"name": "never"}], state="absent"),
            task("reservation", ignore=True, reservations=[second[2]]),
            task("ledger", state="verified"),
        ],
        "--diff",
    ).ok()
    made, same, converged, ended, refused = results(run, "reservation")
    assert (made["changed"], made["nodes"]) == (True, ["fe1", "fe2"])
    assert made["reservations"][0]["blocks"] == ["10.200.0.0/30", "10.200.0.4/31"]
    # Nothing has been pushed yet, so that the same nodes are still to be pushed to.
    assert (same["changed"], same["changes"], same["nodes"]) == (False, [], ["fe1", "fe2"])
    told = {one["name"]: (one["change"], one["added"], one["removed"]) for one in converged["changes"]}
    assert told == {
        "day": ("changed", [], ["10.200.0.3/32", "10.200.0.4/31"]),
        "night": ("made", ["10.200.0.3/32"], []),
        "peak": ("ended", [], ["10.200.0.6/31"]),
    }
    assert converged["over"] == ["past"]
    assert "past" in converged["warnings"][0]
    assert converged["nodes"] == ["fe1", "fe2"]
    sides = {item["before_header"]: item for item in converged["diff"]}
    assert sides["day"]["before"]["blocks"] == ["10.200.0.0/30", "10.200.0.4/31"]
    assert "prefixes" not in sides["day"]["before"]
    assert [one["name"] for one in ended["changes"]] == ["day"]
    assert "reservations[0].expires_at: is past" in refused["msg"]


def test_check_mode_foretells_and_keeps_nothing(book: Ansible) -> None:
    run = book.play([task("reservation", reservations=[wish("day", 2, node="fe1")])], "--check").ok()
    assert results(run, "reservation")[0]["reservations"][0]["blocks"] == ["10.200.0.0/31"]
    run = book.play([task("ledger_info")]).ok()
    assert {one["reserved"] for one in results(run, "ledger_info")[0]["pools"]} == {0}


def test_a_subnet_that_is_borrowed_names_the_nodes_that_lose_inactive_routes(book: Ansible) -> None:
    run = book.play(
        [
            task(
                "reservation",
                reservations=[wish("day", 255, node="fe1", confidence=0.9), wish("one", 1, node="fe2", confidence=0.1)],
            ),
            task("subnet", requests=[{"name": "full", "prefix_length": 30}, {"name": "lent", "prefix_length": 32}]),
            task("node_config_info", node="fe2"),
            task("ledger_info", name="one"),
        ]
    ).ok()
    (subnet,) = results(run, "subnet")
    assert subnet["subnets"][1]["pool"] == "s"
    assert subnet["nodes"] == ["fe2"]
    routes = results(run, "node_config_info")[0]["config"]["routes"]
    assert [route["prefix"] for route in routes] == ["10.200.0.0/24"]
