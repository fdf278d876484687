# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger modules and the lookup, run by the real ansible-playbook."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.shadownet.ipam.tests.integration.ansible_run import Ansible, Run

POOL = {
    "name": "lab",
    "prefixes": ["10.0.0.0/16", "2001:db8::/48"],
    "security_profiles": ["web"],
    "location": "fra1",
    "bandwidth": "10Gbit",
    "quarantine": "1h",
}
REQUESTS = [
    {"name": "web", "addresses": 6, "security_profile": "web", "bandwidth": "1Gbit", "node": "fe1"},
    {"name": "web6", "addresses": 6, "family": "ipv6", "node": "fe1"},
    {"name": "p2p", "prefix_length": 31, "labels": {"role": "uplink"}},
]


def task(module: str, /, ignore: bool = False, **options: Any) -> dict[str, Any]:
    """A task of one of our modules, registered under the module's name."""
    kept = {"ignore_errors": True} if ignore else {}
    return {"name": module, f"shadownet.ipam.{module}": options, "register": module, **kept}


@pytest.fixture
def book(ansible: Ansible, tmp_path: Path) -> Ansible:
    """Ansible with a ledger that has the pool ``lab``."""
    ansible.environment["SHADOWNET_LEDGER"] = str(tmp_path / "ledger.db")
    ansible.play([task("pool", **POOL)]).ok()
    return ansible


def results(run: Run, module: str) -> list[dict[str, Any]]:
    return [item.result for item in run.tasks if item.action == f"shadownet.ipam.{module}"]


def test_a_pool_is_declared_once_and_changed_in_place(book: Ansible) -> None:
    run = book.play(
        [task("pool", **POOL), task("pool", name="lab", strategy="best_fit"), task("pool", name="lab")], "--diff"
    ).ok()
    same, changed, untouched = results(run, "pool")
    assert not same["changed"]
    assert not untouched["changed"]
    assert changed["changed"]
    assert changed["diff"][0]["before"]["strategy"] == "first_fit"
    assert untouched["pools"][0]["strategy"] == "best_fit"
    assert untouched["pools"][0]["prefixes"] == POOL["prefixes"]


def test_the_ledger_is_private(book: Ansible, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "ledger.db").stat().st_mode) == 0o600


def test_the_same_requests_return_the_same_subnets(book: Ansible) -> None:
    run = book.play([task("subnet", requests=REQUESTS), task("subnet", requests=REQUESTS)]).ok()
    first, second = results(run, "subnet")
    assert (first["changed"], second["changed"]) == (True, False)
    assert first["subnets"] == second["subnets"]
    assert [item["cidr"] for item in first["subnets"]] == ["10.0.0.0/28", "2001:db8::/64", "10.0.0.16/31"]
    assert [item["status"] for item in first["subnets"]] == ["pending", "pending", "active"]
    web = first["subnets"][0]
    assert (web["gateway"], web["ip_address"], web["netmask"]) == ("10.0.0.1", "10.0.0.1", "255.255.255.240")
    assert first["nodes"] == ["fe1"]


def test_check_mode_names_the_very_prefixes_and_keeps_nothing(book: Ansible) -> None:
    foreseen = book.play([task("subnet", requests=REQUESTS)], "--check").ok().task("subnet")
    nothing = book.play([task("subnet_info")]).ok().task("subnet_info")
    real = book.play([task("subnet", requests=REQUESTS)]).ok().task("subnet")
    assert foreseen.changed
    assert nothing["count"] == 0
    assert [item["cidr"] for item in foreseen["subnets"]] == [item["cidr"] for item in real["subnets"]]


def test_check_mode_makes_no_ledger(ansible: Ansible, tmp_path: Path) -> None:
    place = tmp_path / "none" / "ledger.db"
    run = ansible.play([task("pool", **POOL, ledger=str(place))], "--check").ok()
    assert run.task("pool").changed
    assert not place.parent.exists()


def test_a_push_moves_subnets_on(book: Ansible) -> None:
    run = book.play(
        [
            task("subnet", requests=REQUESTS),
            task("node_config_info", node="fe1"),
            task("node_result", node="fe1", revision="{{ node_config_info.revision }}"),
            task("node_result", node="fe1", revision="{{ node_config_info.revision }}"),
            task("subnet", requests=[{"name": "web"}, {"name": "p2p"}, {"name": "nobody"}], state="absent"),
            task("node_config_info", node="fe1"),
            task("node_result", node="fe1", revision="{{ node_config_info.revision }}", failed=True, reason="no route"),
            task("subnet_info", status=["error"]),
            task("node_result", node="fe1", revision="{{ node_config_info.revision }}"),
            task("subnet_info"),
            task("ledger_info", events=3, name="web"),
            task("ledger", state="verified"),
        ]
    ).ok()
    confirmed, again, failed, gone = results(run, "node_result")
    assert [item["status"] for item in confirmed["subnets"]] == ["active", "active"]
    assert not again["changed"]
    before, after = results(run, "node_config_info")
    assert [item["name"] for item in before["config"]["interfaces"]] == ["sn1", "sn2"]
    assert [item["name"] for item in after["config"]["interfaces"]] == ["sn2"]
    assert [(item["name"], item["status"]) for item in failed["subnets"]] == [("web", "error")]
    in_error, left = results(run, "subnet_info")
    assert in_error["subnets"][0]["reason"] == "no route"
    assert [(item["name"], item["status"]) for item in gone["subnets"]] == [("web", "gone")]
    assert [item["name"] for item in left["subnets"]] == ["web6"]
    info = run.task("ledger_info")
    assert info["pools"][0]["prefixes_in_quarantine"] == 2
    assert [event["kind"] for event in info["events"]] == ["subnet.released", "subnet.failed", "subnet.removed"]
    node = {"name": "fe1", "revision": 2, "applied_revision": 2, "failed_revision": None, "reason": None}
    assert info["nodes"] == [{**node, "in_sync": True, "subnets": 1, "instances": 0}]


@pytest.mark.parametrize(
    ("module", "options", "words"),
    [
        (
            "pool",
            {"name": "bad", "prefixes": ["10.9.0.1/24"]},
            ["prefixes[0]: '10.9.0.1/24'", "host bits", "10.9.0.0/24"],
        ),
        ("pool", {"name": "bad", "prefixes": ["10.0.4.0/24"]}, ["overlaps 10.0.0.0/16 of pool lab"]),
        ("pool", {"name": "lab", "prefixes": ["10.0.1.0/24"]}, ["10.0.0.0/28 of subnet 'web'", "prefixes"]),
        ("pool", {"name": "lab", "excluded": ["10.0.0.3"]}, ["10.0.0.0/28 of subnet 'web'", "excluded"]),
        ("pool", {"name": "lab", "state": "absent"}, ["still holds", "'web'"]),
        ("subnet", {"requests": [{"name": "n", "addresses": -1}]}, ["requests[0].addresses"]),
        ("subnet", {"requests": [{"name": "n", "addresses": 10**30}]}, ["requests[0].addresses"]),
        ("subnet", {"requests": [{"name": "n"}]}, ["requests[0]", "addresses, prefix_length, prefix"]),
        ("subnet", {"requests": [{"name": "n", "addresses": 2}] * 2}, ["requests", "'n' is there twice"]),
        ("subnet", {"requests": [{"name": "a\x07b", "addresses": 2}]}, ["requests[0].name"]),
        ("subnet", {"requests": [{"name": "n", "addresses": 2, "security_profile": "x"}]}, ["profile x", "lab"]),
        (
            "subnet",
            {"requests": [{"name": "n", "addresses": 2, "bandwidth": "1Tbit"}]},
            ["bandwidth", "9Gbit of 10Gbit"],
        ),
        ("subnet", {"requests": [{"name": "n", "addresses": 2, "pools": ["x"]}]}, ["no pool 'x'", "lab"]),
        ("subnet", {"requests": [{"name": "n", "prefix": "10.0.0.0/30"}]}, ["held by 'web'"]),
        ("subnet", {"requests": [{"name": "web", "addresses": 60, "node": "fe1"}]}, ["/28", "/26"]),
        ("subnet", {"requests": [{"name": "n", "addresses": 2, "ttl": "soon"}]}, ["requests[0].ttl", "2h"]),
        ("subnet", {"requests": [{"name": "n", "addresses": 2, "colour": "red"}]}, ["colour"]),
        ("node_result", {"node": "fe1", "revision": 99}, ["revision", "99"]),
        ("node_result", {"node": "fe9", "revision": 1}, ["fe9", "fe1"]),
        ("node_config_info", {"node": "fe1", "attachment": {"type": "vlan"}}, ["attachment.parent"]),
        (
            "security_profile",
            {"name": "p", "inbound": [{"action": "accept", "destination_port": "80"}]},
            ["inbound[0]"],
        ),
        ("ledger_info", {"at": "yesterday"}, ["at", "2026"]),
        ("subnet_info", {"address": "300.1.1.1"}, ["address"]),
    ],
)
def test_bad_input_is_named_and_changes_nothing(
    book: Ansible, module: str, options: dict[str, Any], words: list[str]
) -> None:
    run = book.play(
        [task("subnet", requests=REQUESTS), task(module, ignore=True, **options), task("ledger_info", events=1)]
    )
    error = next(item for item in run.tasks if item.status == "failed")
    for word in words:
        assert word in error["msg"], error["msg"]
    assert run.tasks[-1]["events"][0]["name"] == "p2p", "something was written after the last request"


def test_a_missing_ledger_is_an_error_for_all_but_pool_and_ledger(ansible: Ansible, tmp_path: Path) -> None:
    place = str(tmp_path / "ledger.db")
    calls = [
        task("subnet", True, requests=REQUESTS, ledger=place),
        task("subnet_info", True, ledger=place),
        task("node_config_info", True, node="fe1", ledger=place),
        task("node_result", True, node="fe1", revision=0, ledger=place),
        task("ledger_info", True, ledger=place),
        task("ledger", True, state="verified", ledger=place),
        task("ledger", ledger=place),
        task("ledger", ledger=place),
    ]
    run = ansible.play(calls).ok()
    assert ["there is no ledger at" in item["msg"] for item in run.tasks if item.status == "failed"] == [True] * 6
    assert [item.changed for item in run.tasks[-2:]] == [True, False]


def test_backup_restore_and_adoption(book: Ansible, tmp_path: Path) -> None:
    copy = str(tmp_path / "copy.db")
    late = {"name": "late", "addresses": 6, "node": "fe1"}
    run = book.play(
        [
            task("subnet", requests=REQUESTS),
            task("ledger", state="backed_up", file=copy),
            task("subnet", requests=[late]),
            task("node_config_info", node="fe1"),
            {"ansible.builtin.set_fact": {"carried": "{{ node_config_info.config }}"}},
            task("ledger", state="restored", file=copy),
            task("subnet", True, requests=[{"name": "thief", "addresses": 6}]),
            task("ledger", state="adopted", nodes=[{"name": "fe1", "config": "{{ carried }}"}]),
            task("subnet", requests=[{"name": "thief", "addresses": 6}, late]),
            task("ledger", state="verified"),
        ]
    ).ok()
    allocated, held, after = results(run, "subnet")[1:]
    assert "reconcile" in held["msg"]
    adopted = results(run, "ledger")[2]["adopted"]
    assert [(item["name"], item["adopted"]) for item in adopted] == [("late", True)]
    assert after["subnets"][1]["cidr"] == allocated["subnets"][0]["cidr"]
    assert after["subnets"][0]["cidr"] != after["subnets"][1]["cidr"]
    assert stat.S_IMODE(Path(copy).stat().st_mode) == 0o600


def test_export_and_import(book: Ansible, tmp_path: Path) -> None:
    file, other = str(tmp_path / "book.yml"), str(tmp_path / "other.db")
    run = book.play(
        [
            task("subnet", requests=REQUESTS),
            task("subnet", requests=[{"name": "p2p"}], state="absent"),
            task("ledger", state="exported", file=file),
            task("ledger", state="exported", file=file),
            task("ledger", state="imported", file=file, ledger=other),
            task("ledger", state="imported", file=file, ledger=other),
            task("ledger", state="verified", ledger=other),
            task("subnet_info", ledger=other),
        ]
    ).ok()
    written, same, taken, again = results(run, "ledger")[:4]
    assert [written["changed"], same["changed"], taken["changed"], again["changed"]] == [True, False, True, False]
    counts = {"pools": 1, "security_profiles": 0, "subnets": 2, "quarantine": 1}
    assert taken["imported"] == counts | {"reservations": 0, "instances": 0, "floors": 0}
    assert [item["name"] for item in run.task("subnet_info")["subnets"]] == ["web", "web6"]
    assert yaml.safe_load(Path(file).read_text())["quarantine"][0]["name"] == "p2p"


def lookup(*options: str) -> dict[str, Any]:
    call = ", ".join(["'shadownet.ipam.subnet'", *options])
    return {"name": "lookup", "ansible.builtin.debug": {"msg": f"{{{{ lookup({call}) }}}}"}, "ignore_errors": True}


def test_the_lookup_reads_allocates_and_only_foretells_in_check_mode(book: Ansible) -> None:
    allocate = lookup("'ci'", "allocate=true", "addresses=6", "field='cidr'")
    foretold = book.play([allocate, lookup("'ci'")], "--check")
    assert foretold.tasks[0]["msg"] == "10.0.0.0/28"
    assert "no subnet is held by 'ci'" in foretold.tasks[1]["msg"]
    run = book.play([allocate, allocate, lookup("'ci'", "field='gateway'"), lookup("'ci'", "addresses=6")])
    assert [item["msg"] for item in run.tasks[:3]] == ["10.0.0.0/28", "10.0.0.0/28", "10.0.0.1"]
    assert "allocate=true" in run.tasks[3]["msg"]


def test_the_lookup_leaves_alone_what_it_is_not_told(book: Ansible) -> None:
    full = {"name": "ci", "addresses": 6, "bandwidth": "1Gbit", "security_profile": "web", "labels": {"a": "b"}}
    run = book.play([task("subnet", requests=[full]), lookup("'ci'", "allocate=true", "addresses=6", "field='status'")])
    again = book.play([task("subnet", requests=[full])]).ok()
    assert run.tasks[1]["msg"] == "active"
    assert not again.task("subnet").changed


def test_module_defaults_by_action_group(book: Ansible, tmp_path: Path) -> None:
    other = str(tmp_path / "other.db")
    defaults = {"module_defaults": {"group/shadownet.ipam.ipam": {"ledger": other, "actor": "ci"}}}
    run = book.play([task("pool", **POOL), task("ledger_info", events=1)], play=defaults).ok()
    assert run.task("ledger_info")["events"][0]["actor"] == "ci"
    assert Path(other).exists()


def test_a_ledger_module_copied_to_a_host_refuses(collections_path: Path) -> None:
    module = collections_path / "ansible_collections/shadownet/ipam/plugins/modules/subnet.py"
    arguments = '{"ANSIBLE_MODULE_ARGS": {"requests": []}}'
    run = subprocess.run([sys.executable, str(module)], input=arguments, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "action plugin" in run.stdout
