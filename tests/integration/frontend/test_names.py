# SPDX-License-Identifier: GPL-3.0-or-later
"""What no kernel can carry is refused with the parameter's name, before anything is changed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.registry import TRANSPORTS, open_transport
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput, NodeError
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig, Route

from .conftest import Node, same

pytestmark = pytest.mark.netns

HOSTILE = [
    "a" * 16,
    "ä" * 8,
    "a/b",
    "a b",
    ".",
    "..",
    "snü",
    "sn%d",
    "a:b",
    "-a",
    "*",
    "a*",
    "lo",
    "all",
    "default",
    "a;reboot",
    'a"b',
    "$(id)",
]


def test_one_error_names_all_routes_by_what_is_no_interface(node: Node) -> None:
    names = ["up0", "tap-customer-0017", "a/b", "up0"]
    routes = [{"prefix": f"10.1.{n}.0/24", "interface": name} for n, name in enumerate(names)]
    with pytest.raises(InvalidInput) as caught:
        node.push({"routes": routes})
    assert caught.value.routes == ("10.1.1.0/24", "10.1.2.0/24")
    assert caught.value.parameter == "config.routes[1].interface"
    assert "'tap-customer-0017', 'a/b'." in str(caught.value)


def test_a_single_route_is_only_for_the_very_interface(node: Node) -> None:
    node.run("ip link add tap-customer-00 up type bridge")
    node.run("ip link property add dev up0 altname nice")
    for name in ("tap-customer-0017", "up0\0x", "nice", "", "a/b"):
        with pytest.raises(NodeError) as caught:
            node.transport.quick_route(Route("10.1.1.0/24", "unicast", None, name, None), [], True)
        assert caught.value.routes == ("10.1.1.0/24",)
    assert node.config()["routes"] == []
    assert node.transport.quick_route(Route("10.1.1.0/24", "unicast", None, "tap-customer-00", None), [], True)
    assert node.config()["routes"][0]["interface"] == "tap-customer-00"


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("state", ["merged", "overridden", "deleted"])
def test_hostile_names(node: Node, name: str, state: str) -> None:
    before = node.dump()
    good: dict[str, Any] = {"name": "sn1", "type": "bridge"}
    cases: list[tuple[str, dict[str, Any]]] = [
        ("config.interfaces[1].name", {"name": name, "type": "bridge"}),
        ("config.interfaces[1].peer", {"name": "sn2", "type": "veth", "peer": name}),
    ]
    if name not in ("lo", "all", "default"):
        cases += [
            ("config.interfaces[1].parent", {"name": "sn2", "type": "macvlan", "parent": name}),
            ("config.interfaces[1].bridge", {"name": "sn2", "type": "bridge", "bridge": name}),
        ]
    for parameter, bad in cases:
        with pytest.raises(InvalidInput) as caught:
            node.push({"interfaces": [good, bad]}, state)
        assert caught.value.parameter == parameter
    same(node, before)


@pytest.mark.parametrize(
    ("config", "parameter"),
    [
        ({"interfaces": [{"name": "a", "type": "bridge", "description": "x" * 246}]}, "interfaces[0].description"),
        ({"interfaces": [{"name": "a", "type": "bridge", "description": "ü" * 123}]}, "interfaces[0].description"),
        ({"interfaces": [{"name": "a", "type": "bridge", "rate_limit": 7}]}, "interfaces[0].rate_limit"),
        (
            {"interfaces": [{"name": "a", "type": "bridge", "addresses": ["224.0.0.1/24"]}]},
            "interfaces[0].addresses[0]",
        ),
        ({"interfaces": [{"name": "a", "type": "bridge", "addresses": ["::/64"]}]}, "interfaces[0].addresses[0]"),
        (
            {"interfaces": [{"name": "a", "type": "bridge", "addresses": ["10.0.0.1/24", "10.0.0.1/25"]}]},
            "interfaces[0].addresses[1]",
        ),
        ({"interfaces": [{"name": "a", "type": "macvlan", "parent": "a"}]}, "interfaces[0].parent"),
        ({"routes": [{"prefix": "10.0.0.0/8", "interface": "a/b"}]}, "routes[0].interface"),
        ({"access_lists": [{"name": "x" * 101}]}, "access_lists[0].name"),
        ({"access_lists": [{"name": "a\u2028b"}]}, "access_lists[0].name"),
        (
            {"access_lists": [{"name": "a", "entries": [{"name": "ü" * 51, "action": "drop"}]}]},
            "access_lists[0].entries[0].name",
        ),
    ],
)
def test_other_limits(node: Node, config: dict[str, Any], parameter: str) -> None:
    before = node.dump()
    with pytest.raises(InvalidInput) as caught:
        node.push(config)
    assert caught.value.parameter == f"config.{parameter}"
    same(node, before)


def interface(**options: Any) -> dict[str, Any]:
    return {"interfaces": [{"name": "a", **options}]}


def entry(**options: Any) -> dict[str, Any]:
    return {"access_lists": [{"name": "a", "entries": [{"name": "e", "action": "drop", **options}]}]}


OPTIONS = {
    "peer": "b",
    "mode": "bridge",
    "vlan_id": 5,
    "vni": 5,
    "local": "192.0.2.1",
    "remote": "192.0.2.2",
    "port": 4789,
    "parent": "up0",
}
NEEDS = {
    None: (),
    "bridge": (),
    "veth": ("peer",),
    "macvlan": ("parent", "mode"),
    "vlan": ("parent", "vlan_id"),
    "vxlan": ("parent", "vni", "local", "remote", "port"),
}


@pytest.mark.parametrize("kind", NEEDS)
@pytest.mark.parametrize("option", OPTIONS)
def test_options_of_other_types_are_refused(node: Node, kind: str | None, option: str) -> None:
    good = {key: OPTIONS[key] for key in NEEDS[kind]}
    NodeConfig.from_dict(interface(type=kind, **good))
    if option in good:
        return
    with pytest.raises(InvalidInput, match="has no meaning") as caught:
        node.push(interface(type=kind, **good, **{option: OPTIONS[option]}))
    assert caught.value.parameter == f"config.interfaces[0].{option}"


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.0/24",
        "10.0.0.255/24",
        "10.0.0.4/30",
        "10.0.0.7/30",
        "0.0.0.0/32",
        "255.255.255.255/32",
        "10.0.0.1/0",
        "2001:db8::1/0",
        "224.0.0.1/32",
        "ff02::1/64",
        "::/128",
        "2001:db8::/64",
        "2001:db8::4/126",
        "fe80::1%up0/64",
    ],
)
def test_addresses_that_no_host_can_have(node: Node, address: str) -> None:
    before = node.dump()
    with pytest.raises(InvalidInput) as caught:
        node.push(interface(type="bridge", addresses=["192.0.2.1/24", address]))
    assert caught.value.parameter == "config.interfaces[0].addresses[1]"
    same(node, before)


def test_addresses_at_the_edge_that_hosts_have(node: Node) -> None:
    edge = ["10.0.0.0/31", "10.0.0.3/31", "10.0.0.9/32", "10.1.0.1/30", "2001:db8::/127", "2001:db8:1::/128"]
    node.push(interface(type="bridge", addresses=[*edge, "2001:db8:2::ffff:ffff:ffff:ffff/64"]))
    node.push({}, "deleted")


@pytest.mark.parametrize(
    ("config", "parameter"),
    [
        ({"routes": [{"prefix": "2001:db8::/48", "next_hop": "fe80::1%up0"}]}, "routes[0].next_hop"),
        ({"routes": [{"prefix": "fe80::%up0/64", "interface": "up0"}]}, "routes[0].prefix"),
        (interface(type="vxlan", vni=5, remote="fe80::2%up0"), "interfaces[0].remote"),
        (entry(source="fe80::%up0/64"), "access_lists[0].entries[0].source"),
        (entry(protocol="²"), "access_lists[0].entries[0].protocol"),
        (entry(protocol="٣"), "access_lists[0].entries[0].protocol"),
        (entry(protocol="256"), "access_lists[0].entries[0].protocol"),
        (entry(protocol="9" * 5000), "access_lists[0].entries[0].protocol"),
        (entry(name="\udc80"), "access_lists[0].entries[0].name"),
        ({"access_lists": [{"name": "\ud800"}]}, "access_lists[0].name"),
        (interface(name="\udc80", type="bridge"), "interfaces[0].name"),
        (interface(type="bridge", description="a\udcff"), "interfaces[0].description"),
        (interface(type="bridge", ingress=["a", "\udcff"]), "interfaces[0].ingress[1]"),
        (
            {
                "routes": [
                    {"prefix": "2001:db8::/48", "type": "blackhole"},
                    {"prefix": "2001:db8::/48", "type": "blackhole", "metric": 1024},
                ]
            },
            "routes",
        ),
    ],
)
def test_what_was_found_out_only_on_the_node(node: Node, config: dict[str, Any], parameter: str) -> None:
    before = node.dump()
    with pytest.raises(InvalidInput) as caught:
        node.push(config)
    assert caught.value.parameter == f"config.{parameter}"
    assert str(caught.value).isprintable()
    same(node, before)


def test_longest_and_strangest_names_work(node: Node) -> None:
    names = ["x" * 100, "ü" * 50, "-", "a b;}", "in-x", "日本", '"']
    interface = {"name": "a" * 15, "type": "veth", "peer": "b.1-_@+", "description": "ü" * 122, "ingress": names}
    lists = [{"name": name, "entries": [{"name": name, "action": "drop"}]} for name in names]
    node.push({"interfaces": [interface], "access_lists": lists})
    assert node.config()["interfaces"][0]["ingress"] == names
    node.push({}, "deleted")


def test_an_unknown_transport_or_namespace(node: Node) -> None:
    with pytest.raises(InvalidInput, match="transport: 'carrier pigeon' is not known"):
        open_transport("carrier pigeon")
    assert next(iter(TRANSPORTS)) == "netlink"
    with pytest.raises(NodeError, match="netns: There is no network namespace no-such-namespace"):
        open_transport("netlink", netns="no-such-namespace").read()


def test_rendering_contacts_nothing() -> None:
    transport = open_transport("netlink", netns="no-such-namespace")
    assert transport.render([]) == []
    assert transport.prepare(NodeConfig()) == NodeConfig()
    transport.close()
