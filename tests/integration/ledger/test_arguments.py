# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user meets who gives a module's list a wrong item, or leaves an option empty; by the real ansible-playbook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.tests.integration.ansible_run import Ansible
from ansible_collections.shadownet.ipam.tests.integration.test_ledger_modules import results, task

END = "2090-01-01T00:00:00Z"
EMPTY = "{{ '' }}"
WEB = {"workload": "web", "expires_at": END}


@pytest.fixture
def book(ansible: Ansible, tmp_path: Path) -> Ansible:
    ansible.environment["SHADOWNET_LEDGER"] = str(tmp_path / "ledger.db")
    return ansible


POOLS = task(
    "pool",
    pools=[
        {"name": "p", "prefixes": ["10.1.0.0/24"], "location": None, "strategy": None, "gateway": None},
        {"name": "s", "prefixes": ["10.200.0.0/24"], "kind": "shadow", "workload_cap": None, "lend": None},
    ],
)

WRONG: list[tuple[str, dict[str, Any], str]] = [
    (
        "reservation",
        {"reservations": [{**WEB, "name": "day"}, {**WEB, "name": "night", "instances": "many"}]},
        "reservations[1].instances: 'many' is not a whole number. Give one, such as 5. (reservations[1] is 'night'.)",
    ),
    (
        "reservation",
        {"reservations": [{**WEB, "confidence": "high"}]},
        "reservations[0].confidence: 'high' is not a number. Give one, such as 0.95. (reservations[0] is 'web'.)",
    ),
    (
        "reservation",
        {"reservations": [{**WEB, "name": "day", "instance_names": {"a": "b"}}]},
        "reservations[0].instance_names: expected a list, not a dictionary. Begin each item with a dash.",
    ),
    (
        "reservation",
        {"reservations": [{**WEB, "name": "day", "instance_names": ["web-1", None]}]},
        "reservations[0].instance_names[1]: expected text, not null. (reservations[0] is 'day'.)",
    ),
    ("reservation", {"reservations": WEB}, "reservations: expected a list, not a dictionary. Begin each item with"),
    ("reservation", {"reservations": ["web"]}, "reservations[0]: expected a dictionary, not the text 'web'."),
    # What the core finds has the item's name, too.
    (
        "reservation",
        {"reservations": [{**WEB, "name": "day", "instances": -1}]},
        "reservations[0].instances: '-1' is not a whole number from 0 to 1000000. (reservations[0] is 'day'.)",
    ),
    (
        "instance",
        {"instances": [{"name": "web-1", "workload": "web", "assign": "static"}]},
        "instances[0].assign: 'static' is not known. Choose one of none, netlink, dhcp. (instances[0] is 'web-1'.)",
    ),
    (
        "instance",
        {"instances": [{"name": "web-1", "workload": ["web"]}]},
        "instances[0].workload: expected text, not a list. (instances[0] is 'web-1'.)",
    ),
    ("instance", {"instances": [{"workload": "web"}]}, "instances[0].name: is required. (instances[0] is 'web'.)"),
    ("instance", {"name": "web-1", "workload": "web", "prefix_length": "long"}, "prefix_length: 'long' is not a whole"),
    (
        "instance",
        {"name": "web-1", "workload": "web", "fallback": "none"},
        "no reservation serves instance 'web-1' (none: nothing is reserved for this workload). With fallback=none it",
    ),
    (
        "subnet",
        {"requests": [{"name": "a", "addresses": 5, "adresses": 6}]},
        "requests[0]: unknown option adresses. Known are: name, id, service, addresses, ",
    ),
    (
        "subnet",
        {"requests": [{"name": "a", "addresses": 5}, {"name": "b", "addresses": 5, "renew": "perhaps"}]},
        "requests[1].renew: 'perhaps' is not a boolean. Write true or false. (requests[1] is 'b'.)",
    ),
    (
        "pool",
        {"pools": [{"name": "x", "prefixes": ["10.2.0.0/24"], "workload_cap": "half"}]},
        "pools[0].workload_cap: 'half' is not a number. Give one, such as 0.95. (pools[0] is 'x'.)",
    ),
    (
        "security_profile",
        {"profiles": [{"name": "web", "inbound": [{"action": "accept"}, {"action": "allow"}]}]},
        "(profiles[0] is 'web'.)",
    ),
]


def test_what_is_wrong_in_a_list_is_named(book: Ansible) -> None:
    tasks = [task(module, ignore=True, **options) for module, options, _words in WRONG]
    run = book.play([POOLS, *tasks, task("ledger_info", events=1000)]).ok()
    failed = [one for one in run.tasks if one.status == "failed"]
    assert len(failed) == len(WRONG), run.output
    for one, (module, _options, words) in zip(failed, WRONG, strict=True):
        assert (one.action.rpartition(".")[2], words in one["msg"]) == (module, True), f"{one['msg']}\n{words}"
    # Nothing came of any of them.
    (info,) = results(run, "ledger_info")
    assert {event["kind"] for event in info["events"]} == {"pool.declared"}


def empty(*options: str, value: Any) -> dict[str, Any]:
    return dict.fromkeys(options, value)


@pytest.mark.parametrize("value", [None, EMPTY], ids=["null", "template"])
def test_what_is_empty_is_not_given(book: Ansible, value: Any) -> None:
    reservation = {
        **WEB,
        **empty("name", "addresses", "prefix_length", "family", "pools", "node", "location", value=value),
        **empty("security_profile", "starts_at", "confidence", "forecast_id", "instance_names", value=value),
    }
    if value is None:
        reservation["instances"] = None
    instance = {
        "workload": "web",
        **empty("node", "interface", "next_hop", "assign", "mac", "gateway", "netns", "family", value=value),
        **empty("instance_interface", "location", "security_profile", "prefix_length", "pools", value=value),
        "fallback": value,
    }
    request = {
        "name": "r",
        "addresses": 5,
        **empty("id", "service", "prefix_length", "prefix", "family", "bandwidth", "location", value=None),
        **empty("security_profile", "pools", "strategy", "node", "ttl", "renew", value=None),
        "labels": {"owner": value},
    }
    tasks = [
        POOLS,
        task("reservation", reservations=[reservation], actor=None),
        task("instance", instances=[{"name": "web-1", **instance}]),
        task("instance", name="odd-1", **{**instance, "workload": "odd"}),
        task("subnet", requests=[request]),
        task("subnet", requests=[{"name": "r", "id": None}], state="absent"),
    ]
    run = book.play(tasks).ok()
    assert results(run, "reservation")[0]["reservations"][0]["blocks"] == ["10.200.0.0/32"]
    one, other = (result["instances"][0] for result in results(run, "instance"))
    assert (one["source"], one["node"], other["source"], other["status"]) == ("shadow", None, "dynamic", "active")
    assert results(run, "subnet")[0]["subnets"][0]["labels"] == {"owner": ""}


def test_what_is_empty_is_not_given_to_those_that_foresee_it_either(book: Ansible) -> None:
    """Check mode of a task is told the items of the tasks before it as they were written."""
    assumed = {"reservations": [{**WEB, "node": ""}]}
    wanted = [{"name": "web-1", "workload": "web", "node": ""}]
    run = book.play([POOLS]).ok()
    run = book.play([task("instance", assume=assumed, instances=wanted)], "--check").ok()
    assert results(run, "instance")[0]["instances"][0]["source"] == "shadow"


def test_an_empty_profile_does_not_open_a_subnet_to_all(book: Ansible) -> None:
    request = {"name": "r", "addresses": 5, "security_profile": EMPTY}
    rule = {"action": "accept", "protocol": "tcp", "destination_port": EMPTY}
    tasks = [
        POOLS,
        task("subnet", ignore=True, requests=[request]),
        task("security_profile", ignore=True, profiles=[{"name": "web", "inbound": [rule]}]),
    ]
    failed = [one["msg"] for one in book.play(tasks).ok().tasks if one.status == "failed"]
    assert [message.partition(":")[0] for message in failed] == [
        "requests[0].security_profile",
        "profiles[0].inbound[0].destination_port",
    ]
