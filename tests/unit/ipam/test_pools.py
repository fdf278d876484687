# SPDX-License-Identifier: GPL-3.0-or-later
"""Declaring, growing, shrinking and removing pools."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.utilisation import utilisation
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import Conflict, InvalidInput, ShadownetError
from ansible_collections.shadownet.ipam.tests.unit.ipam.desk import Desk


def test_declaring_a_pool_again_changes_nothing(desk: Desk) -> None:
    options = {"prefixes": ["10.1.0.0/24", "10.0.0.0/24"], "excluded": ["10.0.0.1-10.0.0.9"], "bandwidth": "1Gbit"}
    desk.declare({"name": "p", **options})
    before = desk.content()
    result = desk.declare({"name": "p", **options})[0]
    assert result["before"] == result["after"]
    assert desk.content() == before


def test_options_left_out_keep_their_value_and_empty_ones_take_it_away(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24", location="east", bandwidth="1Gbit", security_profiles=["web"], quarantine="5m")
    assert desk.declare({"name": "p", "strategy": "best_fit"})[0]["after"] == {
        "name": "p",
        "kind": "provider",
        "prefixes": ["10.0.0.0/24"],
        "excluded": [],
        "location": "east",
        "security_profiles": ["web"],
        "bandwidth": "1Gbit",
        "strategy": "best_fit",
        "quarantine": "5m",
        "gateway": "node",
        "lend": False,
        "workload_cap": None,
        "routing_domain": "default",
        "dns_servers": [],
    }
    after = desk.declare({"name": "p", "location": "", "bandwidth": "", "security_profiles": []})[0]["after"]
    assert (after["location"], after["bandwidth"], after["security_profiles"]) == (None, None, [])


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"prefixes": ["10.0.0.0/24"]}, r"^pools\[0\]\.name: is required"),
        ({"name": "p"}, r"^pools\[0\]\.prefixes: is required for a new pool"),
        ({"name": "p", "prefixes": []}, r"^pools\[0\]\.prefixes: is empty"),
        ({"name": "p", "prefixes": 5}, r"^pools\[0\]\.prefixes: expected a list"),
        ({"name": "p", "prefixes": {"a": 1}}, r"^pools\[0\]\.prefixes: expected a list"),
        ({"name": "p", "prefixes": ["10.0.0.0/24", "10.0.0.1/25"]}, r"^pools\[0\]\.prefixes\[1\]: .*host bits"),
        ({"name": "p", "prefixes": ["10.0.0.0/24", "10.0.0.0/25"]}, r"^pools\[0\]\.prefixes: .* overlap"),
        ({"name": "p", "prefixes": ["10.0.0.0/24", "10.0.0.0/24"]}, r"^pools\[0\]\.prefixes: .* overlap"),
        ({"name": "p", "prefixes": ["10.0.0.0/24"], "excluded": ["10.1.0.0/24"]}, r"excluded: .* lies outside"),
        ({"name": "p", "prefixes": ["10.0.0.0/24"], "excluded": ["x"]}, r"^pools\[0\]\.excluded\[0\]: "),
        ({"name": "p", "prefixes": ["10.0.0.0/24"], "excluded": 7}, r"^pools\[0\]\.excluded: "),
        ({"name": "p", "prefixes": ["10.0.0.0/24"], "kind": "spare"}, r"^pools\[0\]\.kind: "),
        ({"name": "p", "prefixes": ["10.0.0.0/24"], "strategy": "any"}, r"^pools\[0\]\.strategy: "),
        ({"name": "p", "prefixes": ["10.0.0.0/24"], "gateway": "me"}, r"^pools\[0\]\.gateway: "),
        ({"name": "p", "prefixes": ["10.0.0.0/24"], "quarantine": "-1m"}, r"^pools\[0\]\.quarantine: "),
        ({"name": "p", "prefixes": ["10.0.0.0/24"], "bandwidth": 0}, r"^pools\[0\]\.bandwidth: "),
        ({"name": "p", "prefixes": ["10.0.0.0/24"], "bandwidth": -5}, r"^pools\[0\]\.bandwidth: "),
        ({"name": "p", "prefixes": ["10.0.0.0/24"], "workload_cap": 0}, r"^pools\[0\]\.workload_cap: "),
        ({"name": "p", "prefixes": ["10.0.0.0/24"], "workload_cap": "nan"}, r"^pools\[0\]\.workload_cap: "),
        ({"name": "p", "prefixes": ["10.0.0.0/24"], "dns_servers": ["ns1"]}, r"^pools\[0\]\.dns_servers\[0\]: "),
        ({"name": "p", "prefixes": ["10.0.0.0/24"], "lend": "perhaps"}, r"^pools\[0\]\.lend: "),
        ({"name": "p", "prefix": "10.0.0.0/24"}, r"^pools\[0\]: unknown option prefix"),
        ({"name": "p", "prefixes": ["::/0"], "excluded": ["::1-ffff::"] * 2}, None),
    ],
)
def test_a_bad_option_is_refused_by_name(desk: Desk, item: dict[str, Any], words: str | None) -> None:
    if words is None:
        desk.declare(item)
        return
    with pytest.raises(InvalidInput, match=words):
        desk.declare(item)
    assert desk.rows("SELECT COUNT(*) FROM pool") == [(0,)]


def test_the_same_pool_twice_in_one_call_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidInput, match=r"^pools: 'p' is there twice"):
        desk.declare({"name": "p", "prefixes": ["10.0.0.0/24"]}, {"name": "p", "prefixes": ["10.1.0.0/24"]})


@pytest.mark.parametrize("prefix", ["10.0.0.0/24", "10.0.0.0/16", "10.0.0.128/25", "0.0.0.0/0"])
def test_pools_of_one_routing_domain_never_overlap(desk: Desk, prefix: str) -> None:
    desk.pool("p", "10.0.0.0/24")
    with pytest.raises(
        Conflict, match=r"^pools\[0\]\.prefixes: .* overlaps 10\.0\.0\.0/24 of pool p in routing domain"
    ):
        desk.pool("q", prefix)
    desk.pool("q", prefix, routing_domain="other")
    with pytest.raises(Conflict, match="overlaps"):
        desk.declare({"name": "q", "routing_domain": "default"})


def test_the_same_prefix_can_be_handed_out_in_two_routing_domains(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.pool("q", "10.0.0.0/24", routing_domain="other")
    assert desk.get("a", 24) == desk.get("b", 24, pools=["q"]) == "10.0.0.0/24"


def test_two_pools_cannot_swap_into_each_other_by_a_change(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.pool("q", "10.0.1.0/24")
    with pytest.raises(Conflict, match="overlaps"):
        desk.pool("p", "10.0.0.0/23")
    assert desk.free("p") == ["10.0.0.0/24"]


def test_a_pool_grows_around_what_is_in_use(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.get("a", 25)
    desk.pool("p", "10.0.0.0/23", "192.0.2.0/24", "2001:db8::/64")
    assert desk.free("p") == ["10.0.0.128/25", "10.0.1.0/24", "192.0.2.0/24", "2001:db8::/64"]
    assert desk.get("a", 25) == "10.0.0.0/25"


def test_a_pool_does_not_shrink_below_what_is_handed_out(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24", "10.0.1.0/24")
    desk.get("a", prefix="10.0.1.16/28")
    before = desk.content()
    with pytest.raises(
        Conflict, match=r"^pools\[0\]\.prefixes: 10\.0\.1\.16/28 of subnet 'a' would fall outside the pool"
    ):
        desk.pool("p", "10.0.0.0/24")
    assert desk.content() == before
    desk.pool("p", "10.0.1.0/27")
    assert desk.free("p") == ["10.0.1.0/28"]


def test_a_pool_prefix_is_not_split_through_a_subnet(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.get("a", 24)
    with pytest.raises(Conflict, match="would fall outside"):
        desk.pool("p", "10.0.0.0/25", "10.0.0.128/25")


def test_what_is_excluded_is_never_handed_out_and_comes_back(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/28", excluded=["10.0.0.1-10.0.0.6", "10.0.0.8/30", "10.0.0.5-10.0.0.7"])
    assert desk.free("p") == ["10.0.0.0/32", "10.0.0.12/30"]
    desk.pool("p", "10.0.0.0/28", excluded=[])
    assert desk.free("p") == ["10.0.0.0/28"]


def test_what_is_in_use_cannot_be_excluded(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.get("a", 28)
    with pytest.raises(Conflict, match=r"^pools\[0\]\.excluded: 10\.0\.0\.0/28 of subnet 'a' is in use"):
        desk.declare({"name": "p", "excluded": ["10.0.0.15"]})
    desk.release("a")
    with pytest.raises(Conflict, match="in quarantine after 'a' is in use"):
        desk.declare({"name": "p", "excluded": ["10.0.0.15"]})


def test_an_exclusion_outside_is_refused_even_beside_one_inside(desk: Desk) -> None:
    with pytest.raises(InvalidInput, match=r"excluded: 10\.0\.1\.0/24 lies outside the pool's prefixes"):
        desk.pool("p", "10.0.0.0/24", excluded=["10.0.0.128/25", "10.0.1.0/24"])


def test_bandwidth_does_not_shrink_below_what_is_handed_out(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24", bandwidth="1Gbit")
    desk.get("a", 28, bandwidth="300Mbit")
    with pytest.raises(Conflict, match=r"^pools\[0\]\.bandwidth: 300Mbit of it is handed out"):
        desk.declare({"name": "p", "bandwidth": "200Mbit"})
    desk.declare({"name": "p", "bandwidth": "300Mbit"})


@pytest.mark.parametrize("change", [{"kind": "shadow"}, {"routing_domain": "other"}])
def test_what_would_pull_the_ground_from_under_a_subnet_is_refused(desk: Desk, change: dict[str, Any]) -> None:
    desk.pool("p", "10.0.0.0/24")
    desk.get("a", 28)
    with pytest.raises(Conflict):
        desk.declare({"name": "p", **change})


def test_a_pool_in_use_is_not_removed(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24", excluded=["10.0.0.0/30"], quarantine=0)
    desk.get("a", 28)
    with pytest.raises(Conflict, match=r"pool p still holds 10\.0\.0\.16/28 of subnet 'a'"):
        desk.remove_pools("p")
    desk.release("a")
    assert desk.remove_pools("p", "never-was")[1]["before"] is None
    assert desk.rows("SELECT COUNT(*) FROM occupied") == desk.rows("SELECT COUNT(*) FROM free_block") == [(0,)]
    desk.pool("q", "10.0.0.0/24")


def test_one_bad_pool_undoes_the_whole_call(desk: Desk) -> None:
    with pytest.raises(ShadownetError):
        desk.declare({"name": "p", "prefixes": ["10.0.0.0/24"]}, {"name": "q", "prefixes": ["10.0.0.0/25"]})
    assert desk.rows("SELECT COUNT(*) FROM pool") == desk.rows("SELECT COUNT(*) FROM event") == [(0,)]


def test_pools_declared_and_used_in_one_call_are_laid_out_once(desk: Desk) -> None:
    desk.declare(*({"name": f"p{n}", "prefixes": [f"10.{n}.0.0/16"]} for n in range(50)))
    assert desk.get("a", 16, pools=["p49"]) == "10.49.0.0/16"


def test_utilisation_counts_every_address_once(desk: Desk) -> None:
    desk.pool("p", "10.0.0.0/24", "2001:db8::/64", excluded=["10.0.0.0/28"])
    desk.get("a", 26)
    desk.get("b", 28)
    desk.release("b")
    with desk.ledger.snapshot() as transaction:
        four, six = utilisation(transaction)
    assert {key: four[key] for key in ("addresses", "excluded", "used", "quarantine", "free", "largest_free")} == {
        "addresses": 256,
        "excluded": 16,
        "used": 64,
        "quarantine": 16,
        "free": 160,
        "largest_free": 25,
    }
    assert (six["free"], six["largest_free"], six["used_percent"]) == (2**64, 64, 0.0)
