# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of shadow reservations, on a Linux node by netlink and on a router over NETCONF."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.transport import Transport
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.desired import desired_config
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instances import create
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.maintenance import verify_ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.model.reservation import InstanceRequest
from ansible_collections.shadownet.ipam.tests.integration.ansible_run import Ansible, Run
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab
from ansible_collections.shadownet.ipam.tests.integration.netconf.conftest import Node, candidate_server, node

__all__ = ["candidate_server", "node"]

CONNECTIONS = Path(__file__).parents[1] / "connection_plugins"
POOLS = [
    {"name": "shadow", "prefixes": ["10.200.0.0/16"], "kind": "shadow", "quarantine": "0s"},
    {"name": "provider", "prefixes": ["10.64.0.0/24"], "quarantine": "0s"},
]
RESERVATIONS: list[dict[str, Any]] = [
    {
        "workload": "web",
        "instances": 4,
        "prefix_length": 30,
        "node": "fe1",
        "starts_at": "2026-01-01T00:00:00Z",
        "expires_at": "2099-01-01T00:00:00Z",
    }
]
RESERVATIONS.append({**RESERVATIONS[0], "workload": "db", "instances": 1})
FLOOR = "10.200.0.0/16"


@dataclass
class Site:
    """Ansible, nodes in an inventory, and a ledger."""

    ansible: Ansible
    hosts: dict[str, dict[str, Any]]
    folder: Path
    way: dict[str, str]
    transport: Callable[[], Transport]
    lose: Callable[[], object]

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.db"

    def run(self, playbook: str, *arguments: str, **variables: Any) -> Run:
        inventory = self.folder / "inventory.json"
        inventory.write_text(json.dumps({"frontend_nodes": {"hosts": self.hosts}}))
        extra = {"shadownet_ledger": str(self.ledger), **variables}
        return self.ansible.playbook(f"shadownet.ipam.{playbook}", "-i", str(inventory), *arguments, extra_vars=extra)

    def reserve(self, *arguments: str, **variables: Any) -> Run:
        return self.run("reserve", *arguments, shadownet_pools=POOLS, shadow_reservations=RESERVATIONS, **variables)

    def instance(self, name: str, **options: Any) -> dict[str, Any]:
        return {"name": name, "workload": "web", "node": "fe1", **self.way, **options}

    def routes(self) -> list[tuple[str, str]]:
        """(prefix, type) of our routes on ``fe1``."""
        transport = self.transport()
        try:
            return sorted((route.prefix, route.type) for route in transport.read().config.routes)
        finally:
            transport.close()

    def statuses(self) -> dict[str, str]:
        with Ledger(self.ledger) as ledger, ledger.snapshot() as transaction:
            return {item.name: item.status for item in transaction.instances()}

    def check_ledger(self) -> None:
        with Ledger(self.ledger) as ledger:
            assert verify_ledger(ledger) == []


@pytest.fixture
def linux(ansible: Ansible, lab: Lab, tmp_path: Path) -> Site:
    ansible.environment["ANSIBLE_CONNECTION_PLUGINS"] = str(CONNECTIONS)
    hosts = {"fe1": {"ansible_connection": "netns", "netns": lab.names["fe1"]}}

    def lose() -> None:
        lab.run("fe1", "ip", "route", "flush", "proto", "201")

    return Site(ansible, hosts, tmp_path, {"interface": "tap1"}, lambda: NetlinkTransport(lab.names["fe1"]), lose)


@pytest.fixture
def router(ansible: Ansible, node: Node, tmp_path: Path) -> Iterator[Site]:
    options = node.server.options
    ssh = ansible.folder / ".ssh"
    ssh.mkdir(parents=True)
    (ssh / "known_hosts").write_text(node.server.known_hosts.read_text())
    host = {
        "ansible_host": options["host"],
        "ansible_port": options["port"],
        "ansible_user": options["username"],
        "ansible_ssh_private_key_file": options["private_key_file"],
        "shadownet_transport": "netconf",
    }
    with node.raw() as raw:
        raw.interface("eth7", "not ours", "192.0.2.1/24")

    def lose() -> None:
        node.push({}, "overridden")

    yield Site(ansible, {"fe1": host}, tmp_path, {"interface": "eth7", "next_hop": "192.0.2.9"}, node.transport, lose)
    node.clear()


@pytest.fixture(
    params=[pytest.param("linux", marks=pytest.mark.netns), pytest.param("router", marks=pytest.mark.netconf)]
)
def site(request: pytest.FixtureRequest) -> Site:
    return request.getfixturevalue(request.param)


def test_from_reservation_to_deletion(site: Site) -> None:
    foreseen = site.reserve("--check").ok()
    assert foreseen.changed > 0
    assert not site.ledger.exists()
    assert site.routes() == []
    assert site.reserve().ok().changed > 0
    blocks = [("10.200.0.0/28", "blackhole"), ("10.200.0.16/30", "blackhole"), (FLOOR, "blackhole")]
    assert site.routes() == sorted(blocks)
    assert site.reserve().ok().changed == 0

    names = {"web-1": "10.200.0.0/30", "web-2": "10.200.0.4/30", "db-1": "10.200.0.16/30"}
    instances = {"shadownet_instances": [site.instance(name, workload=name[:-2]) for name in names]}
    assert site.run("instance_created", "--check", **instances).ok().changed > 0
    assert site.routes() == sorted(blocks)
    assert site.statuses() == {}
    created = site.run("instance_created", **instances).ok()
    assert "web-1: 10.200.0.0/30 (shadow), pool shadow, on fe1" in created.stdout
    # The whole block of db is active: RFC 8349 has one route to it, Linux one with a lower metric over the blackhole.
    beneath = blocks if "next_hop" not in site.way else [blocks[0], blocks[2]]
    active = [(cidr, "unicast") for cidr in names.values()]
    assert site.routes() == sorted([*beneath, *active])
    assert site.statuses() == dict.fromkeys(names, "active")
    assert site.run("instance_created", **instances).ok().changed == 0

    site.lose()
    assert site.routes() == []
    repaired = site.run("reconcile").ok()
    assert "missing route 10.200.0.0/28" in repaired.stdout
    assert site.routes() == sorted([*beneath, *active])
    assert site.run("reconcile").ok().changed == 0

    gone = {"shadownet_instances": [{"name": "web-1"}, {"name": "db-1"}, {"name": "never"}]}
    assert site.run("instance_deleted", "--check", **gone).ok().changed > 0
    assert site.routes() == sorted([*beneath, *active])
    assert site.run("instance_deleted", **gone).ok().changed > 0
    assert site.routes() == sorted([*blocks, active[1]])
    assert site.statuses() == {"web-2": "active"}
    assert site.run("instance_deleted", **gone).ok().changed == 0

    assert site.reserve(shadownet_state="absent").ok().changed > 0
    assert site.routes() == sorted([(FLOOR, "blackhole"), active[1]]), "what is active outlives its reservation"
    site.check_ledger()


@pytest.mark.netns
def test_one_bad_interface_keeps_no_other_waiting(linux: Site, lab: Lab) -> None:
    linux.reserve().ok()
    bad = [linux.instance("web-1", interface="tap9"), linux.instance("web-2"), linux.instance("web-3", interface="no")]
    run = linux.run("instance_created", shadownet_instances=bad)
    assert run.rc != 0
    assert "Nodes refused web-1, web-3: config.routes[3].interface: the node has no interface tap9, no." in run.stdout
    assert linux.statuses() == {"web-1": "error", "web-2": "active", "web-3": "error"}
    assert ("10.200.0.4/30", "unicast") in linux.routes()
    lab.run("fe1", "ip", "link", "del", "tap1")
    run = linux.run("reconcile")
    assert "missing route 10.200.0.4/30" in run.stdout
    assert "; the rest can be repaired: config.routes" in run.stdout
    assert "Nodes refuse web-1, web-2, web-3, and carry the rest" in run.stdout
    assert run.stats["fe1"]["failures"] == 0
    assert run.stats["localhost"]["failures"] == 1
    assert set(linux.statuses().values()) == {"error"}
    told = str(linux.run("status").ok().task("Instances that are not active")["msg"])
    assert "web-2 (web): 10.200.0.4/30, on fe1: error (config.routes" in told
    lab.join("fe1", "tap1", "vm1", "eth1")
    assert "Nodes refuse web-1, web-3, and carry the rest" in linux.run("reconcile").stdout
    assert linux.statuses() == {"web-1": "error", "web-2": "active", "web-3": "error"}
    good = [linux.instance("web-1"), linux.instance("web-2"), linux.instance("web-3")]
    linux.run("instance_created", shadownet_instances=good).ok()
    assert set(linux.statuses().values()) == {"active"}


@pytest.mark.netns
def test_an_instance_moves_between_nodes(linux: Site, lab: Lab) -> None:
    lab.add("fe2")
    lab.join("fe2", "tap1", "vm2", "eth9")
    linux.hosts["fe2"] = {"ansible_connection": "netns", "netns": lab.names["fe2"]}
    anywhere = [{key: value for key, value in RESERVATIONS[0].items() if key != "node"}]
    linux.run("reserve", shadownet_pools=POOLS, shadow_reservations=anywhere).ok()
    assert linux.routes() == [], "a node gets the floor when an instance lands there"
    linux.run("instance_created", shadownet_instances=[linux.instance("web-1")]).ok()
    assert linux.routes() == [("10.200.0.0/16", "blackhole"), ("10.200.0.0/30", "unicast")]
    linux.run("instance_created", shadownet_instances=[linux.instance("web-1", node="fe2")]).ok()
    assert linux.routes() == [("10.200.0.0/16", "blackhole")]
    assert linux.statuses() == {"web-1": "active"}
    with Ledger(linux.ledger) as ledger, ledger.transaction(check=True) as transaction:
        assert desired_config(transaction, "fe2").config.routes[-1].type == "unicast"
    assert "10.200.0.0/30" in lab.run("fe2", "ip", "route")

    with Ledger(linux.ledger) as ledger, ledger.transaction() as transaction:  # back again, and interrupted at once
        create(transaction, InstanceRequest("web-1", "web", node="fe1", interface="tap1"))
    linux.run("reconcile").ok()
    assert "10.200.0.0/30" not in lab.run("fe2", "ip", "route")
    assert linux.routes() == [("10.200.0.0/16", "blackhole"), ("10.200.0.0/30", "unicast")]
    assert linux.statuses() == {"web-1": "active"}


@pytest.mark.netns
@pytest.mark.parametrize("playbook", ["request", "release", "reserve", "instance_created", "instance_deleted"])
def test_whatever_takes_an_instance_off_its_old_node_brings_it_to_the_new_one(
    linux: Site, lab: Lab, playbook: str
) -> None:
    lab.add("fe2")
    lab.join("fe2", "tap1", "vm2", "eth9")
    linux.hosts["fe2"] = {"ansible_connection": "netns", "netns": lab.names["fe2"]}
    anywhere = [{key: value for key, value in RESERVATIONS[0].items() if key != "node"}]
    linux.run("reserve", shadownet_pools=POOLS, shadow_reservations=anywhere).ok()
    linux.run("request", shadownet_requests=[{"name": "lan", "prefix_length": 28, "node": "fe1"}]).ok()
    linux.run("instance_created", shadownet_instances=[linux.instance("web-1"), linux.instance("web-2")]).ok()
    with Ledger(linux.ledger) as ledger, ledger.transaction() as transaction:  # it moves, interrupted at once
        create(transaction, InstanceRequest("web-1", "web", node="fe2", interface="tap1"))
    variables: dict[str, Any] = {
        "request": {"shadownet_requests": [{"name": "more", "prefix_length": 28, "node": "fe1"}]},
        "release": {"shadownet_requests": [{"name": "lan"}]},
        "reserve": {"shadow_reservations": [{**RESERVATIONS[1], "name": "db-1"}]},
        "instance_created": {"shadownet_instances": [linux.instance("web-3")]},
        "instance_deleted": {"shadownet_instances": [{"name": "web-2"}]},
    }[playbook]
    linux.run(playbook, **variables).ok()
    assert linux.statuses()["web-1"] == "active"
    assert "10.200.0.0/30" in lab.run("fe2", "ip", "route")
    assert ("10.200.0.0/30", "unicast") not in linux.routes()


@pytest.mark.netns
def test_addresses_are_set_in_network_namespaces(linux: Site, lab: Lab) -> None:
    linux.reserve().ok()
    way = {"assign": "netlink", "netns": lab.names["vm1"], "instance_interface": "eth0", "gateway": "169.254.1.1"}
    instances = {"shadownet_instances": [linux.instance("web-1", **way)]}
    linux.run("instance_created", **instances).ok()
    assert "inet 10.200.0.1/32" in lab.run("vm1", "ip", "address"), "of a routed prefix"
    assert "default via 169.254.1.1" in lab.run("vm1", "ip", "route")
    assert linux.run("instance_created", **instances).ok().changed == 0
    linux.run("instance_deleted", **instances).ok()
    assert "10.200.0" not in lab.run("vm1", "ip", "address")
    assert linux.run("instance_deleted", **instances).ok().changed == 0


@pytest.mark.netns
def test_of_two_instances_in_one_namespace_the_last_takes_the_way_out(linux: Site, lab: Lab) -> None:
    linux.reserve().ok()
    way = {"assign": "netlink", "netns": lab.names["vm1"], "instance_interface": "eth0", "gateway": "169.254.1.1"}
    linux.run("instance_created", shadownet_instances=[linux.instance(f"web-{n}", **way) for n in (1, 2, 3)]).ok()
    for names, left in ((["web-1"], ["10.200.0.5", "10.200.0.9"]), (["web-2", "web-3"], [])):
        linux.run("instance_deleted", shadownet_instances=[{"name": name} for name in names]).ok()
        there = lab.run("vm1", "ip", "address")
        assert [one for one in ("10.200.0.1", "10.200.0.5", "10.200.0.9") if f"inet {one}/32" in there] == left
        assert ("default via 169.254.1.1" in lab.run("vm1", "ip", "route")) == bool(left)
