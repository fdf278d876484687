# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks with instances that obtain their addresses by DHCP, from reserving to reconciling."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.desk import give
from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.guard import read_prefixes, unguarded
from ansible_collections.shadownet.ipam.tests.integration.ansible_run import Ansible, Run
from ansible_collections.shadownet.ipam.tests.integration.dhcp.clients import udhcpc
from ansible_collections.shadownet.ipam.tests.integration.dhcp.conftest import CLIENT_LINK, Link, owned
from ansible_collections.shadownet.ipam.tests.integration.dhcp.kea_server import SERVER, subnet

pytestmark = [pytest.mark.netns, pytest.mark.slow]
CONNECTIONS = Path(__file__).parents[1] / "connection_plugins"
SHADOW, PROVIDER = "10.80.0.0/28", "10.80.1.0/29"
POOLS = [
    {"name": "shadow", "prefixes": [SHADOW], "kind": "shadow", "quarantine": "0s"},
    {"name": "provider", "prefixes": [PROVIDER], "quarantine": "0s"},
]
RESERVATIONS = [
    {
        "workload": "web",
        "instances": 2,
        "node": "fe1",
        "starts_at": "2026-01-01T00:00:00Z",
        "expires_at": "2099-01-01T00:00:00Z",
    }
]


class Site:
    """The node is where Kea runs; the interface to the client is the instances'."""

    def __init__(self, link: Link, ansible: Ansible) -> None:
        self.link, self.ansible = link, ansible
        ansible.environment["ANSIBLE_CONNECTION_PLUGINS"] = str(CONNECTIONS)
        assert link.kea is not None
        self.variables: dict[str, Any] = {
            "shadownet_ledger": str(link.folder / "ledger.db"),
            "shadownet_pools": POOLS,
            "shadow_reservations": RESERVATIONS,
            "shadownet_dhcp": {"socket": str(link.kea.socket), "pools": ["provider"], "subnet_id": 1},
        }
        host = {"ansible_connection": "netns", "netns": link.lab.names["server"]}
        self.inventory = link.folder / "inventory.json"
        self.inventory.write_text(json.dumps({"frontend_nodes": {"hosts": {"fe1": host}}}))

    def run(self, playbook: str, *arguments: str, **more: Any) -> Run:
        variables = {**self.variables, **more}
        return self.ansible.playbook(
            f"shadownet.ipam.{playbook}", "-i", str(self.inventory), *arguments, extra_vars=variables
        )

    def leases(self) -> dict[str, str | None]:
        """Instance by address."""
        found = self.link.server.leases()
        return {one.address: one.owner.instance for one in found if one.owner and not one.owner.placeholder}


def test_reserved_created_obtained_reconciled_and_deleted(link: Link, ansible: Ansible) -> None:
    link.start([subnet("10.80.0.0-10.80.1.20")])
    site = Site(link, ansible)
    site.run("reserve").ok()
    assert unguarded(link.server, read_prefixes([SHADOW, PROVIDER])) == ([], [])
    assert site.run("reserve").ok().changed == 0
    way = {"node": "fe1", "interface": "lan0"}
    instances = [
        {"name": "web-1", "workload": "web", "mac": link.mac(), "assign": "dhcp", **way},
        {
            "name": "job-1",
            "workload": "job",
            "mac": "52:54:00:00:00:02",
            "fallback": "dhcp",
            "pools": ["provider"],
            **way,
        },
    ]
    site.run("instance_created", shadownet_instances=instances).ok()
    (web,) = [address for address, name in site.leases().items() if name == "web-1"]
    (job,) = [address for address, name in site.leases().items() if name == "job-1"]
    assert udhcpc(link.lab.names["client"], CLIENT_LINK, link.folder / "client", SERVER) == web
    assert link.bare(lambda client: client.obtain("52:54:00:00:00:02")).address == job
    assert site.run("instance_created", shadownet_instances=instances).ok().changed == 0
    assert site.run("reconcile").ok().changed == 0

    # A lease got lost, one is of an instance that the ledger does not know, and a guard is gone.
    ledger_id = link.server.lease_of(web).owner.ledger
    link.server.remove(web)
    link.server.remove("10.80.0.9")
    give(link.server, owned("10.80.1.20", "52:54:00:00:00:09", "old-1", ledger=ledger_id))
    site.run("reconcile", "--check").ok()
    assert site.leases() == {job: "job-1", "10.80.1.20": "old-1"}
    reported = site.run("reconcile", shadownet_repair=False).ok()
    assert reported.changed > 0
    assert site.leases() == {job: "job-1", "10.80.1.20": "old-1"}
    site.run("reconcile").ok()
    assert site.leases() == {web: "web-1", job: "job-1"}
    assert unguarded(link.server, read_prefixes([SHADOW, PROVIDER])) == ([], [])

    names = [{"name": one["name"]} for one in instances]
    site.run("instance_deleted", shadownet_instances=names).ok()
    assert site.leases() == {}
    assert unguarded(link.server, read_prefixes([SHADOW, PROVIDER])) == ([], [])
    assert site.run("instance_deleted", shadownet_instances=names).ok().changed == 0


def test_an_address_whose_lease_cannot_be_taken_back_stays_the_ledgers(link: Link, ansible: Ansible) -> None:
    kea = link.start([subnet("10.80.0.0-10.80.1.20")])
    site = Site(link, ansible)
    site.run("reserve").ok()
    way = {"workload": "web", "node": "fe1", "interface": "lan0"}
    leased = {"name": "web-1", "mac": link.mac(), "assign": "dhcp", **way}
    plain = {"name": "web-2", **way}
    site.run("instance_created", shadownet_instances=[leased, plain]).ok()
    (web,) = site.leases()
    names = [{"name": "web-1"}, {"name": "web-2"}]
    kea.stop()
    run = site.run("instance_deleted", shadownet_instances=names)
    assert run.rc != 0
    assert "web-1 could not be deleted, because the address could not be taken back: " in run.stdout
    assert [one["name"] for one in run.task("Delete the instances")["instances"]] == ["web-2"]
    kea.start()
    assert site.leases() == {web: "web-1"}
    run = site.run("instance_deleted", shadownet_instances=names).ok()
    assert [one["name"] for one in run.task("Delete the instances")["instances"]] == ["web-1"]
    assert site.leases() == {}


def test_a_check_foresees_guards_and_leases(link: Link, ansible: Ansible) -> None:
    link.start([subnet("10.80.0.0-10.80.1.20")])
    site = Site(link, ansible)
    there = [one.address for one in link.server.leases()]
    guards = "Keep the ledger's addresses from others"
    check = site.run("reserve", "--check", "--diff").ok()
    assert [one.address for one in link.server.leases()] == there
    done = site.run("reserve").ok()
    assert check.task(guards)["guarded"] == done.task(guards)["guarded"] != []
    way = {"workload": "web", "node": "fe1", "interface": "lan0", "assign": "dhcp"}
    instances = [{"name": "web-1", "mac": link.mac(), **way}]
    check = site.run("instance_created", "--check", shadownet_instances=instances).ok()
    assert site.leases() == {}
    done = site.run("instance_created", shadownet_instances=instances).ok()
    leases = [run.task("By DHCP", "fe1")["changes"] for run in (check, done)]
    assert leases[0] == leases[1] != []

    # Another card: its former lease is taken back first, and becomes the new one's.
    other = [{**instances[0], "mac": "52:54:00:00:00:77"}]
    site.run("instance_created", "--check", shadownet_instances=other).ok()
    site.run("instance_created", shadownet_instances=other).ok()
    (address,) = site.leases()
    assert link.server.lease_of(address).mac == "52:54:00:00:00:77"
    assert site.run("instance_created", shadownet_instances=other).ok().changed == 0
    check = site.run("instance_deleted", "--check", shadownet_instances=other).ok()
    assert check.changed > 0
    assert site.leases() == {address: "web-1"}
    grown = [POOLS[0], {**POOLS[1], "prefixes": [PROVIDER, "10.80.1.8/29"]}]
    check = site.run("reserve", "--check", shadownet_pools=grown).ok()
    assert check.task(guards)["guarded"] == ["10.80.1.8-10.80.1.15"]
