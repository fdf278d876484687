# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``dhcp_lease`` in plays, against a real Kea."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.shadownet.ipam.tests.integration.ansible_run import Ansible, Run
from ansible_collections.shadownet.ipam.tests.integration.dhcp.clients import udhcpc
from ansible_collections.shadownet.ipam.tests.integration.dhcp.conftest import CLIENT_LINK, Link
from ansible_collections.shadownet.ipam.tests.integration.dhcp.kea_server import SERVER

pytestmark = pytest.mark.netns
MAC, OTHER, THIRD = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"


def task(link: Link, register: str, **options: Any) -> dict[str, Any]:
    assert link.kea is not None
    given = {"socket": str(link.kea.socket), **options}
    return {"name": register, "shadownet.ipam.dhcp_lease": given, "register": register}


def both(ansible: Ansible, link: Link, **options: Any) -> Run:
    """Check mode, then twice for real: it must foretell the first, and the second must change nothing."""
    checked = ansible.play([task(link, "one", **options)], "--check", "--diff").ok().task("one")
    run = ansible.play([task(link, "one", **options), task(link, "again", **options)], "--diff").ok()
    real = run.task("one")
    assert (checked.changed, checked.result["diff"]) == (real.changed, real.result["diff"])
    assert not run.task("again").changed
    return run


def test_a_lease_is_added_obtained_and_taken_away(link: Link, ansible: Ansible) -> None:
    link.start()
    leases = [
        {
            "address": "10.80.0.20",
            "mac": link.mac().upper().replace(":", "-"),
            "instance": "web-1",
            "hostname": "web-1",
        },
        {"address": "10.80.0.21", "mac": OTHER, "instance": "web-2", "subnet_id": 1, "valid_lifetime": 900},
    ]
    found = both(ansible, link, leases=leases).task("one")
    assert [one["address"] for one in found["changes"]] == ["10.80.0.20", "10.80.0.21"]
    assert found["diff"]["after"] == f"10.80.0.20 {link.mac()} web-1 web-1\n10.80.0.21 {OTHER} web-2\n"
    assert udhcpc(link.lab.names["client"], CLIENT_LINK, link.folder / "client", SERVER) == "10.80.0.20"
    assert not ansible.play([task(link, "one", leases=leases)]).ok().task("one").changed
    gone = both(ansible, link, leases=[{"address": "10.80.0.20", "instance": "web-1"}], state="absent").task("one")
    assert gone["changes"][0]["after"] is None
    assert [lease.address for lease in link.server.leases()] == ["10.80.0.21"]


def test_guarding_gathering_and_unguarding(link: Link, ansible: Ansible) -> None:
    link.start()
    prefixes = ["10.80.0.16/28", "10.99.0.0/24", "2001:db8::/64"]
    strange = link.bare(lambda client: client.obtain(OTHER, wanted="10.80.0.18")).address
    done = both(ansible, link, prefixes=prefixes, state="guarded").task("one")
    assert done["guarded"] == ["10.80.0.16-10.80.0.17", "10.80.0.19-10.80.0.31"]
    assert [one["address"] for one in done["taken"]] == [strange]
    assert len(done["weaknesses"]) == 3
    assert any(f"{strange} was given away already, to {OTHER}" in text for text in done["warnings"])
    run = ansible.play(
        [
            task(link, "give", leases=[{"address": "10.80.0.20", "mac": MAC, "instance": "web-1"}]),
            task(link, "look", prefixes=["10.80.0.0/27"], state="gathered"),
            task(link, "take", leases=[{"address": "10.80.0.20", "instance": "web-1"}], state="absent"),
            task(link, "all", state="gathered"),
        ]
    ).ok()
    look = run.task("look")
    assert [(one["address"], one["instance"]) for one in look["gathered"]] == [("10.80.0.20", "web-1")]
    assert look["unguarded"] == ["10.80.0.0-10.80.0.15"]
    assert run.task("take")["changes"][0]["after"]["placeholder"] is True
    assert (run.task("all")["gathered"], run.task("all")["placeholders"]) == ([], 15)
    gone = both(ansible, link, prefixes=prefixes, state="unguarded").task("one")
    assert gone["unguarded"] == ["10.80.0.16-10.80.0.17", "10.80.0.19-10.80.0.31"]
    assert [lease.address for lease in link.server.leases()] == [strange]


def test_what_another_ledger_guards_is_one_warning(link: Link, ansible: Ansible) -> None:
    link.start()
    prefixes = ["10.80.0.0/27"]
    run = ansible.play(
        [
            task(link, "theirs", prefixes=["10.80.0.8/29"], ledger_id="theirs", state="guarded"),
            task(link, "ours", prefixes=prefixes, ledger_id="ours", state="guarded"),
        ]
    ).ok()
    (warning,) = [text for text in run.task("ours")["warnings"] if "10.80." in text]
    assert warning.startswith("10.80.0.8-10.80.0.15: placeholders of the ledger theirs keep them. Two ledgers must not")


def test_overridden_is_all_that_the_ledger_has(link: Link, ansible: Ansible) -> None:
    link.start()
    one = {"address": "10.80.0.20", "mac": MAC, "instance": "web-1"}
    run = ansible.play(
        [
            task(link, "theirs", leases=[{"address": "10.80.0.40", "mac": OTHER}], ledger_id="other"),
            task(link, "ours", leases=[one, {"address": "10.80.0.21", "mac": THIRD}], ledger_id="mine"),
        ]
    ).ok()
    # The same card at another address: the former lease has to go first.
    wanted = [{**one, "address": "10.80.0.30"}]
    run = both(ansible, link, leases=wanted, ledger_id="mine", state="overridden")
    drift = [(found["kind"], found["address"]) for found in run.task("one")["drift"]]
    assert drift == [("leaked", "10.80.0.20"), ("leaked", "10.80.0.21"), ("missing", "10.80.0.30")]
    assert [lease.address for lease in link.server.leases()] == ["10.80.0.30", "10.80.0.40"]


def test_one_bad_lease_keeps_all_from_being_given(link: Link, ansible: Ansible) -> None:
    link.start()
    strange = link.bare(lambda client: client.obtain(OTHER)).address
    leases = [{"address": "10.80.0.99", "mac": MAC}, {"address": strange, "mac": THIRD}]
    failed = ansible.play([task(link, "one", leases=leases)]).failed()
    assert f"lease {strange}: is held by the hardware address {OTHER}" in failed["msg"]
    assert failed["error"] == "Conflict"
    assert f"This is leases[1] ({strange}). None of the 2 leases was changed." in failed["msg"]
    assert (failed["changes"], failed.changed) == ([], False)
    assert link.server.lease_of("10.80.0.99") is None


def test_every_lease_that_is_refused_is_named(link: Link, ansible: Ansible) -> None:
    link.start()
    strange = link.bare(lambda client: client.obtain(OTHER)).address
    leases = [
        {"address": "10.80.0.99", "mac": MAC},
        {"address": strange, "mac": THIRD, "instance": "web-2"},
        {"address": "10.99.0.1", "mac": "52:54:00:00:00:04", "instance": "web-3"},
    ]
    failed = ansible.play([task(link, "one", leases=leases)]).failed()
    assert f"lease {strange}: is held by" in failed["msg"]
    assert f"This is leases[1] ({strange}, instance 'web-2')." in failed["msg"]
    assert "Refused too: leases[2] (10.99.0.1, instance 'web-3'). None of the 3 leases was changed." in failed["msg"]


def test_a_lease_that_fails_in_the_middle_tells_of_the_others(link: Link, ansible: Ansible) -> None:
    """Kea learns only when it gets the second one that there is no such subnet."""
    link.start()
    leases = [
        {"address": "10.80.0.20", "mac": MAC, "instance": "web-1"},
        {"address": "10.80.0.21", "mac": OTHER, "instance": "web-2", "subnet_id": 77},
        {"address": "10.80.0.22", "mac": THIRD, "instance": "web-3"},
    ]
    failed = ansible.play([task(link, "one", leases=leases)]).failed()
    assert "This was the lease of 10.80.0.21, instance 'web-2'." in failed["msg"]
    assert "Changed before it: 10.80.0.20. Not tried any more: 10.80.0.22. Repeat it to do the rest." in failed["msg"]
    assert ([one["address"] for one in failed["changes"]], failed.changed) == (["10.80.0.20"], True)
    assert [lease.address for lease in link.server.leases()] == ["10.80.0.20"]


def test_overridden_takes_nothing_away_where_a_lease_is_refused(link: Link, ansible: Ansible) -> None:
    link.start()
    strange = link.bare(lambda client: client.obtain(OTHER)).address
    old = {"address": "10.80.0.20", "mac": MAC, "instance": "web-1"}
    ansible.play([task(link, "one", leases=[old], ledger_id="mine")]).ok()
    wanted = [{"address": strange, "mac": THIRD, "instance": "web-2"}]
    failed = ansible.play([task(link, "one", leases=wanted, ledger_id="mine", state="overridden")]).failed()
    assert "nothing was changed" in failed["msg"]
    assert "10.80.0.20" in [lease.address for lease in link.server.leases()]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"leases": [{"address": "10.80.0.300", "mac": MAC}]}, "leases[0].address: "),
        ({"leases": [{"address": "fd00::1", "mac": MAC}]}, "leases[0].address: "),
        ({"leases": [{"address": "10.80.0.20"}]}, "leases[0].mac: '' is not a MAC address"),
        ({"leases": [{"address": "10.80.0.20", "mac": "52:54"}]}, "leases[0].mac: '52:54' is not a MAC address"),
        ({"leases": [{"address": "10.80.0.20", "mac": MAC}] * 2}, "leases[1].address: 10.80.0.20 is there twice"),
        (
            {"leases": [{"address": "10.80.0.20", "mac": MAC}, {"address": "10.80.0.21", "mac": MAC}]},
            f"leases[1].mac: {MAC} is there twice",
        ),
        ({"leases": [{"address": "10.80.0.20", "mac": MAC, "valid_lifetime": 0}]}, "leases[0].valid_lifetime: "),
        (
            {"leases": [{"address": "10.80.0.20", "mac": MAC, "instance": "web-1", "subnet_id": "lan"}]},
            "leases[0].subnet_id: 'lan' is not a whole number. Give one, such as 5. (leases[0] is 'web-1'.)",
        ),
        ({"leases": [{"mac": MAC, "instance": "web-1"}]}, "leases[0].address: is required. (leases[0] is 'web-1'.)"),
        ({"leases": [{"address": "10.80.0.20", "mac": "x", "instance": "web-1"}]}, "(leases[0] is 'web-1'.)"),
        ({"leases": ["10.80.0.20"]}, "leases[0]: expected a dictionary, not the text '10.80.0.20'."),
        ({"leases": [{"address": "10.80.9.1", "mac": MAC}]}, "lease 10.80.9.1: lies in no pool of the server"),
        ({"state": "overridden", "leases": []}, "ledger_id"),
        ({"state": "guarded"}, "prefixes"),
        ({"state": "guarded", "prefixes": ["10.80.0.1/16"]}, "prefixes[0]: "),
        ({"url": "http://127.0.0.1:1/"}, "mutually exclusive"),
    ],
)
def test_options_without_meaning_change_nothing(
    link: Link, ansible: Ansible, options: dict[str, Any], said: str
) -> None:
    link.start()
    assert said in ansible.play([task(link, "one", **options)]).failed()["msg"]
    assert list(link.server.leases()) == []


def test_a_missing_server_is_told_with_what_to_do(link: Link, ansible: Ansible) -> None:
    link.start().stop()
    failed = ansible.play([task(link, "one", state="gathered")]).failed()
    assert "there is no socket" in failed["msg"]
    assert failed["error"] == "DhcpUnreachable"
