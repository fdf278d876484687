# SPDX-License-Identifier: GPL-3.0-or-later
"""A node has one routing table: what it may carry of several routing domains."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

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
