# SPDX-License-Identifier: GPL-3.0-or-later
"""What a dialect writes it reads back as the same; an edit takes a configuration to another and back."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import transition
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.dialect import Dialect, own_dialects
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import NetconfTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.trees import NC, parse
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import FLOOR_METRIC, NodeConfig

from .configs import configs

DIALECTS = own_dialects()
# Made once: a dialect compiles its templates.
WRITERS = {name: Dialect(name) for name in DIALECTS}
WRITABLE = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")


def payload(transport: NetconfTransport, wanted: NodeConfig) -> str:
    return "\n".join(transport.render(transition(NodeConfig(), wanted))) or "<config/>"


@pytest.mark.parametrize("dialect", ["ietf", "openconfig"])
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=configs())
def test_what_is_written_reads_back_the_same(dialect: str, data: dict[str, Any]) -> None:
    # OpenConfig has units where a name ends like that.
    assume(not any(re.search(r"\.\d+$", item["name"]) for item in data["interfaces"]))
    transport = NetconfTransport(dialect=WRITERS[dialect])
    wanted = transport.prepare(NodeConfig.from_dict(data))
    again = transport.parse(payload(transport, wanted))
    assert not transition(again, wanted)
    assert not transition(wanted, again)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=configs(), name=st.text(WRITABLE, max_size=8))
def test_hostile_text_is_escaped_or_refused(data: dict[str, Any], name: str) -> None:
    evil = f"{name}</name><x>&amp;]]>\"'&{name}"
    transport = NetconfTransport(dialect=WRITERS["ietf"])
    for item in data["interfaces"][:1]:
        item["description"] = evil
    wanted = transport.prepare(NodeConfig.from_dict(data))
    root = parse(payload(transport, wanted).encode())
    assert root.find(".//{*}x") is None
    if data["interfaces"]:
        assert root.findtext(".//{*}description") == f"shadownet:{evil}"


def test_of_routes_to_one_prefix_the_best_stays() -> None:
    transport = NetconfTransport(dialect=Dialect("ietf"))
    routes = [
        {"prefix": "10.0.0.0/8", "type": "blackhole", "metric": FLOOR_METRIC},
        {"prefix": "10.0.0.0/8", "next_hop": "10.9.0.1", "metric": 7},
        {"prefix": "10.0.0.0/8", "next_hop": "10.9.0.2", "metric": 5},
        {"prefix": "::/0", "next_hop": "2001:db8::1", "metric": 9},
    ]
    wanted = transport.prepare(NodeConfig.from_dict({"routes": routes}))
    assert [(one.prefix, one.next_hop, one.metric) for one in wanted.routes] == [
        ("10.0.0.0/8", "10.9.0.2", None),
        ("::/0", "2001:db8::1", None),
    ]
    assert len(transport.left_out) == 1
    assert transport.left_out[0].startswith("metric: only the route to 10.0.0.0/8")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"interfaces": [{"name": "up0", "addresses": ["10.0.0.1/8"]}]},
            "config.interfaces[0].addresses: over NETCONF",
        ),
        (
            {"interfaces": [{"name": "v", "type": "veth", "peer": "w"}]},
            "config.interfaces[0].type: dialect ietf has no",
        ),
        ({"interfaces": [{"name": "a", "type": "bridge", "bridge": "b"}]}, "config.interfaces[0].bridge"),
        ({"interfaces": [{"name": "v5", "type": "vlan", "parent": "e0", "vlan_id": 5}]}, "Call it e0.5"),
        (
            {"interfaces": [{"name": "a", "type": "bridge", "mtu": 1279, "addresses": ["2001:db8::1/64"]}]},
            "config.interfaces[0].mtu: IPv6 needs 1280",
        ),
        ({"interfaces": [{"name": "a", "type": "bridge", "ingress": ["x", "y"]}]}, "config.interfaces[0].ingress"),
        ({"interfaces": [{"name": "a", "type": "bridge", "description": "\ufffe"}]}, "character that XML cannot carry"),
        ({"access_lists": [{"name": "web"}]}, "Call it shadownet-web"),
        ({"access_lists": [{"name": "shadownet-" + "x" * 60}]}, "is not 1 to 64"),
        (
            {
                "access_lists": [
                    {"name": "shadownet-a", "entries": [{"name": "e", "action": "drop", "protocol": "tcp"}]}
                ]
            },
            "config.access_lists[0].entries[0].protocol: over NETCONF a protocol needs an address family",
        ),
        (
            {
                "access_lists": [
                    {
                        "name": "shadownet-a",
                        "entries": [{"name": "e", "action": "drop", "protocol": "tcp", "tcp_flags": "syn"}],
                    }
                ]
            },
            "config.access_lists[0].entries[0].tcp_flags: over NETCONF",
        ),
    ],
)
def test_what_the_dialect_cannot_say_is_refused(config: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        NetconfTransport(dialect=Dialect("ietf")).prepare(NodeConfig.from_dict(config))
    assert words in str(caught.value)


def test_filters_ask_only_for_what_is_read() -> None:
    for name in DIALECTS:
        found = Dialect(name).filter(("interfaces", "addresses", "routes", "access_lists"))
        assert found.tag == f"{{{NC['nc']}}}filter"
        assert found.get("type") == "subtree"
        assert len(found) > 0


@pytest.mark.parametrize("char", ["\x00", "\x1b", "\n", "\x7f", "\ud800", "\uffff"])
def test_what_xml_or_a_device_cannot_carry_is_refused(char: str) -> None:
    for place in ("name", "description"):
        item = {"name": "a", "type": "bridge", place: f"a{char}b"}
        with pytest.raises(InvalidInput, match=place):
            NetconfTransport(dialect=Dialect("ietf")).prepare(NodeConfig.from_dict({"interfaces": [item]}))
