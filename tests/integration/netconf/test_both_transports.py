# SPDX-License-Identifier: GPL-3.0-or-later
"""One test body for node configurations, on a Linux kernel by netlink and on NETCONF servers, as far as all can.

``shadownet-node`` is both: a NETCONF server whose commits reach a Linux kernel. There each push is compared with what
``ip`` shows, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.drift import classify
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.address import Address
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.dialect import Dialect
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import NetconfTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import PushResult, push
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.registry import open_transport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.transport import Transport
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import Conflict, NodeError, NotFound
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig
from ansible_collections.shadownet.ipam.tests.integration.namespaces import namespaces
from ansible_collections.shadownet.ipam.tests.integration.node.front_node import FrontNode

from . import openconfig
from .conftest import Node
from .raw import Raw

pytestmark = pytest.mark.netns

INTERFACES: list[dict[str, Any]] = [
    {"name": "sn1", "type": "bridge", "description": "first", "addresses": ["10.1.0.1/24", "2001:db8:1::1/64"]},
    {"name": "sn2", "type": "bridge", "mtu": 1400, "addresses": ["10.2.0.1/24"]},
    {"name": "off", "type": "bridge", "enabled": False},
]
ROUTES: list[dict[str, Any]] = [
    {"prefix": "10.9.0.0/16", "type": "blackhole"},
    {"prefix": "10.9.1.0/24", "next_hop": "10.1.0.9", "interface": "sn1"},
    {"prefix": "10.9.2.0/24", "interface": "sn2"},
    {"prefix": "2001:db8:9::/48", "next_hop": "2001:db8:1::9", "interface": "sn1"},
]
EVERYTHING = {"interfaces": INTERFACES, "routes": ROUTES}


class Subject:
    """One node by one transport; a hand that is not ours can add an interface and take one away."""

    def __init__(
        self,
        transport: Transport,
        foreign: Callable[[str, str], object],
        remove: Callable[[str], object],
        kernel: Transport | None = None,
    ) -> None:
        """
        Args:
            transport: to the node.
            foreign: adds an interface (name, address) that is not ours.
            remove: removes an interface by its name.
            kernel: another transport, to the kernel that must hold what the node says that it has.
        """
        self.transport = transport
        self.foreign = foreign
        self.remove = remove
        self._kernel = kernel

    def push(self, config: dict[str, Any] | None = None, state: str = "merged", check: bool = False) -> PushResult:
        desired = NodeConfig.from_dict(config)
        result = push(self.transport, desired, state, check)
        if not check:
            again = push(self.transport, desired, state)
            assert not again.changed, [change.to_dict() for change in again.changes]
        if self._kernel is not None:
            assert ours(self._kernel) == ours(self.transport)
        return result

    def config(self) -> dict[str, list[dict[str, Any]]]:
        return self.transport.read().config.to_dict()


def ours(transport: Transport) -> dict[str, list[dict[str, Any]]]:
    """What both sides of ``shadownet-node`` must say alike: not the usual MTU, nor what other clients configured."""
    found = transport.read().config.to_dict()
    found["interfaces"] = [item for item in found["interfaces"] if "type" in item]
    for item in found["interfaces"]:
        if item.get("mtu") == 1500:
            del item["mtu"]
    return found


@pytest.fixture(scope="module")
def front_node() -> Iterator[FrontNode]:
    """A running ``shadownet-node``."""
    pytest.importorskip("libyang", reason="needs the extra node")
    pytest.importorskip("asyncssh", reason="needs the extra node")
    with namespaces("node") as lab:
        made = FrontNode(lab)
        try:
            yield made.start()
        finally:
            made.remove()


@contextmanager
def on_front_node(node: FrontNode) -> Iterator[Subject]:
    """It by our client, with another client that adds and removes, and a look at its kernel."""
    transport = NetconfTransport(Address(**node.options, timeout=30.0), node="fe1", lock_timeout=3.0)
    kernel = open_transport("netlink", netns=node.lab.names["node"])
    run = node.lab.run

    def add(name: str, address: str) -> None:
        run("node", "ip", "link", "add", name, "up", "type", "veth", "peer", "name", f"{name}p")
        run("node", "ip", "link", "set", f"{name}p", "up")
        raw.interface(name, "theirs", address)

    def remove(name: str) -> None:
        raw.remove(name)
        if name in ports():
            run("node", "ip", "link", "delete", name)

    def ports() -> list[str]:
        return [link["ifname"] for link in node.lab.json("node", *"ip -j link show type veth".split())]

    try:
        with Raw(node) as raw:
            yield Subject(transport, add, remove, kernel)
    finally:
        push(transport, NodeConfig(), "overridden")
        transport.close()
        kernel.close()


KINDS = [
    "netlink",
    "netconf-front-node",
    *(pytest.param(f"netconf-{kind}", marks=pytest.mark.netconf) for kind in ("candidate", "running", "openconfig")),
]


@pytest.fixture(params=KINDS)
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    if request.param == "netlink":
        with namespaces("node") as lab:
            transport = open_transport("netlink", netns=lab.names["node"])

            def add(name: str, address: str) -> None:
                lab.run("node", "ip", "link", "add", name, "type", "bridge")
                lab.run("node", "ip", "address", "add", address, "dev", name)
                lab.run("node", "ip", "link", "set", name, "up")

            yield Subject(transport, add, lambda name: lab.run("node", "ip", "link", "delete", name))
            transport.close()
        return
    if request.param == "netconf-front-node":
        with on_front_node(request.getfixturevalue("front_node")) as made:
            yield made
        return
    if request.param == "netconf-openconfig":
        other = Node(request.getfixturevalue("openconfig_server"))
        transport = other.transport(dialect=Dialect("openconfig"))
        with other.raw() as raw:
            openconfig.clear(raw)
            yield Subject(
                transport,
                lambda name, address: openconfig.add_interface(raw, name, address),
                lambda name: openconfig.remove_interface(raw, name),
            )
        transport.close()
        return
    node: Node = request.getfixturevalue("node" if request.param == "netconf-candidate" else "simple_node")
    transport = node.transport()
    with node.raw() as raw:
        yield Subject(transport, lambda name, address: raw.interface(name, "theirs", address), raw.remove)
    transport.close()


@pytest.mark.parametrize("state", ["merged", "replaced", "overridden"])
def test_everything_is_made_and_removed(subject: Subject, state: str) -> None:
    assert subject.push(EVERYTHING, state).changed
    desired = subject.transport.prepare(NodeConfig.from_dict(EVERYTHING))
    assert classify(subject.transport.read().config, desired) == []
    assert subject.push({}, "deleted").changed
    assert subject.config() == {"interfaces": [], "routes": [], "access_lists": []}


def test_what_is_read_can_be_pushed(subject: Subject) -> None:
    subject.push(EVERYTHING)
    config = subject.config()
    assert not subject.push(config, "overridden").changed
    subject.push({}, "overridden")
    subject.push(config, "overridden")
    assert subject.config() == config


def test_check_mode_says_the_same_and_changes_nothing(subject: Subject) -> None:
    planned = subject.push(EVERYTHING, check=True)
    assert subject.config() == {"interfaces": [], "routes": [], "access_lists": []}
    assert subject.push(EVERYTHING).changes == planned.changes


@pytest.mark.parametrize(
    "change",
    [
        {"mtu": 1300},
        {"enabled": False},
        {"description": "other <&> 'ü'"},
        {"description": None},
        {"addresses": ["10.1.0.1/25", "2001:db8:1::1/64"]},
        {"addresses": ["10.1.0.2/24", "2001:db8:1::2/64"]},
        {"addresses": ["10.1.0.2/24"]},
        {"addresses": []},
    ],
)
def test_each_attribute_changes(subject: Subject, change: dict[str, Any]) -> None:
    one = {**INTERFACES[0], "mtu": 1500}
    subject.push({"interfaces": [one, INTERFACES[1]]})
    subject.push({"interfaces": [{**one, **change}, INTERFACES[1]]}, "overridden")
    found = next(item for item in subject.config()["interfaces"] if item["name"] == "sn1")
    for key, value in change.items():
        assert found.get(key, []) == value or (value is None and key not in found)


def test_a_route_flips_between_blackhole_and_next_hop(subject: Subject) -> None:
    off = {**EVERYTHING, "routes": [{"prefix": "10.9.5.0/24", "type": "blackhole"}]}
    on = {**EVERYTHING, "routes": [{"prefix": "10.9.5.0/24", "next_hop": "10.1.0.7", "interface": "sn1"}]}
    for config in (off, on, off, on):
        subject.push(config, "overridden")
        assert [route["type"] for route in subject.config()["routes"]] == ["blackhole" if config is off else "unicast"]


def test_what_is_not_ours_is_neither_changed_nor_removed(subject: Subject) -> None:
    subject.foreign("eth7", "192.0.2.1/24")
    subject.push(EVERYTHING, "overridden")
    assert "eth7" in subject.transport.read().foreign.interfaces
    assert "eth7" not in str(subject.config())
    with pytest.raises(Conflict, match=r"192\.0\.2\.1 is already in use on interface eth7"):
        subject.push({"interfaces": [{"name": "sn9", "type": "bridge", "addresses": ["192.0.2.1/24"]}]})
    with pytest.raises(Conflict, match="already has an interface eth7"):
        subject.push({"interfaces": [{"name": "eth7", "type": "bridge"}]})
    with pytest.raises(NotFound, match="no interface nowhere"):
        subject.push({"routes": [{"prefix": "10.9.7.0/24", "interface": "nowhere"}]})
    subject.push({"routes": [{"prefix": "10.9.7.0/24", "interface": "eth7"}]})
    subject.push({}, "deleted")
    assert "eth7" in subject.transport.read().foreign.interfaces
    subject.remove("eth7")


def test_drift_is_told_and_repaired(subject: Subject) -> None:
    bridges = {"interfaces": INTERFACES[:2]}
    subject.push(bridges)
    subject.remove("sn2")
    drift = subject.push(bridges, "overridden", check=True).drift
    assert {(one["kind"], one["object"], one["key"]) for one in drift} == {
        ("missing", "interface", "sn2"),
        ("missing", "address", "sn2 10.2.0.1/24"),
    }
    subject.push(bridges, "overridden")
    leaked = subject.push({"interfaces": INTERFACES[:1]}, "overridden", check=True).drift
    assert {(one["kind"], one["key"]) for one in leaked} >= {("leaked", "sn2")}


def test_a_thousand_routes(subject: Subject) -> None:
    routes = [{"prefix": f"10.{100 + n // 250}.{n % 250}.0/24", "type": "blackhole"} for n in range(1000)]
    assert len(subject.push({"routes": routes}).changes) == 1000
    assert len(subject.config()["routes"]) == 1000
    assert len(subject.push({}, "overridden").changes) == 1000


def test_a_refusal_changes_nothing(subject: Subject) -> None:
    subject.push(EVERYTHING)
    before = subject.config()
    with pytest.raises((NodeError, NotFound)):
        subject.push(
            {"interfaces": [{"name": "sn3", "type": "bridge"}], "routes": [{"prefix": "10.0.0.0/8", "interface": "x"}]}
        )
    assert subject.config() == before
