# SPDX-License-Identifier: GPL-3.0-or-later
"""What no kernel can carry is refused with the parameter's name, before anything is changed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.registry import TRANSPORTS, open_transport
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput, NodeError
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

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
    with pytest.raises(NodeError, match="netns: Network namespace no-such-namespace cannot be entered"):
        open_transport("netlink", netns="no-such-namespace").read()


def test_rendering_contacts_nothing() -> None:
    transport = open_transport("netlink", netns="no-such-namespace")
    assert transport.render([]) == []
    assert transport.prepare(NodeConfig()) == NodeConfig()
    transport.close()
