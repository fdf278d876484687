# SPDX-License-Identifier: GPL-3.0-or-later
"""A node has one routing table: what it may carry of several routing domains."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.adopt import adopt
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.portable import import_ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import Conflict

from .desk import Desk


@pytest.fixture
def domains(desk: Desk) -> Desk:
    for domain in ("d1", "d2"):
        desk.pool(f"{domain}-s", "10.0.0.0/28", kind="shadow", routing_domain=domain)
        desk.pool(f"{domain}-p", "10.1.0.0/28", routing_domain=domain)
    return desk


def reserved(domain: str, **options: Any) -> dict[str, Any]:
    return {"workload": domain, "instances": 2, "begins": 0, "ends": 3600, "pools": [f"{domain}-s"], **options}


def refused(error: pytest.ExceptionInfo[Conflict], parameter: str, holder: str) -> None:
    assert error.value.parameter == parameter
    assert "fe1 carries " in str(error.value)
    assert f" of {holder} in another routing domain" in str(error.value)


def test_floors(domains: Desk) -> None:
    domains.reserve(reserved("d1", node="fe1"))
    with pytest.raises(Conflict) as error:
        domains.reserve(reserved("d2", node="fe1"))
    refused(error, "reservations[0].node", "shadow pool d1-s")
    domains.reserve(reserved("d2", node="fe2"))
    # One that the reservation did not ask for, of a pool of the same domain, is none of its business.
    domains.reserve(reserved("d1", node="fe1", name="more"))


def test_reserved_addresses_of_instances(domains: Desk) -> None:
    domains.reserve(reserved("d1"), reserved("d2"))
    domains.create("i1", "d1", node="fe1", interface="tap1")
    with pytest.raises(Conflict) as error:
        domains.create("i2", "d2", node="fe1", interface="tap2")
    refused(error, "instances.node", "instance 'i1'")
    domains.create("i2", "d2", node="fe2", interface="tap2")
    with pytest.raises(Conflict):
        domains.create("i2", "d2", node="fe1", interface="tap2")
    assert domains.rows("SELECT node FROM instance ORDER BY name") == [("fe1",), ("fe2",)]


def test_an_instance_that_its_node_does_not_carry_is_free_to_be_anywhere(domains: Desk) -> None:
    for number in (1, 2):
        domains.create(f"i{number}", f"d{number}", node="fe1", pools=[f"d{number}-p"])
    domains.create("i1", "d1", node="fe1", next_hop="192.0.2.1")
    with pytest.raises(Conflict) as error:
        domains.create("i2", "d2", node="fe1", next_hop="192.0.2.2")
    refused(error, "instances.node", "instance 'i1'")


def test_a_subnet_and_an_instance(domains: Desk) -> None:
    domains.get("subnet", 29, pools=["d1-p"], node="fe1")
    with pytest.raises(Conflict) as error:
        domains.create("i2", "d2", node="fe1", interface="tap2", pools=["d2-p"])
    refused(error, "instances.node", "'subnet'")
    domains.create("i3", "d2", node="fe2", interface="tap2", pools=["d2-p"], prefix_length=28)
    with pytest.raises(Conflict):
        domains.get("other", pools=["d1-p"], prefix="10.1.0.8/29", node="fe2")


def test_verify_tells_of_what_one_node_carries_twice(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "ledger.db")
    for domain in ("d1", "d2"):
        desk.pool(f"{domain}-s", "10.0.0.0/28", kind="shadow", routing_domain=domain)
        desk.reserve(reserved(domain))
        desk.create(f"i-{domain}", domain, node=domain, interface="tap1")
    assert desk.problems() == []
    # As no call of ours leaves it.
    with closing(sqlite3.connect(desk.path)) as connection:
        connection.execute("UPDATE instance SET node = 'd1'")
        connection.commit()
    assert desk.problems() == ["node d1 carries space at 10.0.0.0 in two routing domains"]
    desk.close()


def test_an_instance_on_its_way_away(domains: Desk) -> None:
    for node in ("fe1", "fe2"):
        domains.create("i1", "d1", node=node, interface="tap1", pools=["d1-p"])
    with pytest.raises(Conflict) as error:
        domains.create("i2", "d2", node="fe1", interface="tap2", pools=["d2-p"])
    refused(error, "instances.node", "instance 'i1'")


def test_a_shadow_pool_that_grows_over_what_its_nodes_carry(domains: Desk) -> None:
    domains.reserve(reserved("d1", node="fe1"))
    domains.get("subnet", 29, pools=["d2-p"], node="fe1")
    domains.remove_pools("d1-p")
    with pytest.raises(Conflict) as error:
        domains.declare({"name": "d1-s", "prefixes": ["10.0.0.0/28", "10.1.0.0/28"]})
    refused(error, "pools[0].prefixes", "'subnet'")


_TIMES = {"starts_at": "2027-01-01T00:00:00Z", "expires_at": "2030-01-01T00:00:00Z"}
_PREFIX = {"ordinal": 0, "cidr": "10.0.0.3/32", "pool": "d2-s"}
_INSTANCE = {"name": "i", "workload": "w", "node": "fe1", "interface": "tap"}


@pytest.mark.parametrize(
    ("section", "item", "option"),
    [
        ("subnets", {"name": "b", "cidr": "10.1.0.8/29", "pool": "d2-p", "node": "fe1"}, "node"),
        ("instances", {**_INSTANCE, "cidr": "10.1.0.9/32", "pool": "d2-p"}, "node"),
        ("instances", {**_INSTANCE, "cidr": "10.0.0.9/32", "pool": "d2-s", "source": "shadow"}, "node"),
        ("instances", {**_INSTANCE, "cidr": "10.1.0.9/32", "pool": "d2-p", "node": "fe2", "leaving": "fe1"}, "leaving"),
        ("floors", {"pool": "d2-s", "node": "fe1"}, "node"),
        (
            "reservations",
            {"name": "r", "workload": "w", "instances": 1, "node": "fe1", **_TIMES, "prefixes": [_PREFIX]},
            "node",
        ),
    ],
)
def test_an_import_is_refused_as_every_other_way_is(
    domains: Desk, section: str, item: dict[str, Any], option: str
) -> None:
    domains.reserve(reserved("d1", node="fe1"))
    domains.get("a", 28, node="fe1", pools=["d1-p"])
    before = domains.content()
    with pytest.raises(Conflict) as error, domains.ledger.transaction("test") as transaction:
        import_ledger(transaction, {"format": 2, section: [item]})
    assert error.value.parameter == f"content.{section}[0].{option}"
    assert "fe1 carries " in str(error.value)
    assert domains.content() == before
    for key in ("node", "leaving"):
        if item.get(key) == "fe1":
            item = {**item, key: "fe3"}
    with domains.ledger.transaction("test") as transaction:
        assert import_ledger(transaction, {"format": 2, section: [item]})[section] == 1


def test_adoption_leaves_alone_what_the_node_cannot_carry_beside_the_rest(domains: Desk) -> None:
    domains.remove_pools("d1-p")
    domains.pool("d1-p", "10.2.0.0/28", routing_domain="d1")
    domains.reserve(reserved("d1", node="fe1"))
    domains.pool("d3-s", "10.0.0.0/12", kind="shadow", routing_domain="d3")
    config = {
        "interfaces": [{"name": "sn7", "type": "bridge", "description": "b", "addresses": ["10.0.0.1/27"]}],
        "routes": [
            {"prefix": "10.0.0.0/28", "type": "blackhole"},
            {"prefix": "10.0.0.0/12", "type": "blackhole"},
            {"prefix": "10.0.0.0/26", "interface": "tap1"},
            {"prefix": "10.1.0.4/32", "interface": "tap2"},
        ],
    }
    with domains.ledger.transaction("test") as transaction:
        done = {one["cidr"]: one for one in adopt(transaction, "fe1", config)}
    assert {cidr: one["adopted"] for cidr, one in done.items()} == {
        "10.0.0.0/27": False,
        "10.0.0.0/12": False,
        "10.0.0.0/26": False,
        "10.1.0.4/32": True,
    }
    assert {one["reason"] for one in done.values() if not one["adopted"]} == {
        f"fe1 carries 10.0.0.0/28 of shadow pool d1-s in another routing domain, which overlaps 10.0.0.0/{length}."
        for length in (26, 27, 12)
    }
    assert domains.rows("SELECT name FROM floor JOIN pool ON pool.id = pool_id") == [("d1-s",)]


def test_adoption_takes_the_pool_that_the_node_can_carry(domains: Desk) -> None:
    domains.reserve(reserved("d2", node="fe1"))
    with domains.ledger.transaction("test") as transaction:
        (done,) = adopt(transaction, "fe1", {"routes": [{"prefix": "10.0.0.9/32", "interface": "tap9"}]})
    assert done["adopted"]
    # Pool d1-s, which is the first, has that prefix too.
    assert domains.rows("SELECT pool.name FROM instance JOIN pool ON pool.id = pool_id") == [("d2-s",)]
