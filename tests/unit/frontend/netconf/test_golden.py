# SPDX-License-Identifier: GPL-3.0-or-later
"""Payloads of every dialect, word for word. ``SHADOWNET_GOLDEN=write`` writes them anew, for a person to look at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import transition
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.dialect import Dialect, own_dialects
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.edit import context
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.parse import Reader
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import NetconfTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.trees import pretty
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

GOLDEN = Path(__file__).parent / "golden"


def first(bridge: str, vlan: str, lists: bool, interface_routes: bool) -> dict[str, Any]:
    words = "a <b> & \"c\" 'd' ü"
    data: dict[str, Any] = {
        "interfaces": [
            {
                "name": bridge,
                "type": "bridge",
                "mtu": 1400,
                "description": words,
                "addresses": ["10.1.0.1/24", "2001:db8:1::1/64"],
            },
            {"name": vlan, "type": "vlan", "parent": vlan.rpartition(".")[0], "vlan_id": 5, "enabled": False},
        ],
        "routes": [
            {"prefix": "10.9.0.0/16", "type": "blackhole"},
            {"prefix": "10.9.1.0/24", "next_hop": "10.1.0.9", "interface": bridge},
            {"prefix": "10.9.2.0/24", "next_hop": "10.1.0.9"},
            {"prefix": "2001:db8:9::/48", "interface": bridge},
        ],
    }
    if not interface_routes:
        data["routes"][-1] = {"prefix": "2001:db8:9::/48", "next_hop": "2001:db8:1::9"}
    if lists:
        data["interfaces"][0].update(ingress=["shadownet-a"], egress=["shadownet-b"])
        data["access_lists"] = [
            {
                "name": "shadownet-a",
                "entries": [
                    {"name": "old", "action": "accept", "established": True, "destination": "10.1.0.0/24"},
                    {"name": "web", "action": "accept", "protocol": "tcp", "destination_port": "80-90"},
                    {"name": "ping", "action": "reject", "protocol": "icmpv6"},
                ],
            },
            {"name": "shadownet-b", "default_action": "accept"},
        ]
    return data


def second(bridge: str, vlan: str, lists: bool, interface_routes: bool) -> dict[str, Any]:
    data = first(bridge, vlan, lists, interface_routes)
    if lists:
        data["interfaces"][0].update(egress=["shadownet-a"])
        del data["access_lists"][0]["entries"][1:], data["access_lists"][1]
    data["interfaces"][0].update(description="other", addresses=["10.1.0.1/25", "2001:db8:1::1/64"], mtu=1500)
    data["interfaces"][1].update(enabled=True)
    data["routes"][0] = {"prefix": "10.9.0.0/16", "next_hop": "10.1.0.8"}
    del data["routes"][1]
    return data


NAMES = {"junos": ("irb.7", "ge-0/0/0.5")}


def can(dialect: str) -> tuple[str, str, bool, bool]:
    """What a dialect can say: names of interfaces, access lists, routes by an interface alone."""
    cannot = Dialect(dialect).cannot
    return (*NAMES.get(dialect, ("sn1", "eth0.5")), "access_lists" not in cannot, "interface_routes" not in cannot)


@pytest.mark.parametrize("dialect", own_dialects())
@pytest.mark.parametrize("step", ["make", "change", "remove"])
def test_payload(dialect: str, step: str) -> None:
    transport = NetconfTransport(dialect=Dialect(dialect))
    one, other = (transport.prepare(NodeConfig.from_dict(make(*can(dialect)))) for make in (first, second))
    before, after = {"make": (NodeConfig(), one), "change": (one, other), "remove": (other, NodeConfig())}[step]
    found = Dialect(dialect)
    text = pretty(found.edit(context(transition(before, after), before, found)))
    file = GOLDEN / f"{dialect}-{step}.xml"
    if os.environ.get("SHADOWNET_GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("dialect", own_dialects())
def test_what_is_written_reads_back_the_same(dialect: str) -> None:
    transport = NetconfTransport(dialect=Dialect(dialect))
    wanted = transport.prepare(NodeConfig.from_dict(first(*can(dialect))))
    again = transport.parse("\n".join(transport.render(transition(NodeConfig(), wanted))))
    assert transition(again, wanted) == []
    assert transition(wanted, again) == []
    assert Reader(Dialect(dialect)) is not None


def test_limits_of_dialects_are_named() -> None:
    junos = NetconfTransport(dialect=Dialect("junos"))
    with pytest.raises(InvalidInput, match="is no interface of type bridge in dialect junos"):
        junos.prepare(NodeConfig.from_dict({"interfaces": [{"name": "sn1", "type": "bridge"}]}))
    with pytest.raises(InvalidInput, match=r"routes\[0\].next_hop: dialect junos has no routes by an interface alone"):
        junos.prepare(NodeConfig.from_dict({"routes": [{"prefix": "10.0.0.0/8", "interface": "irb.7"}]}))
    with pytest.raises(InvalidInput, match="dialect junos has no access lists"):
        junos.prepare(NodeConfig.from_dict({"access_lists": [{"name": "shadownet-a"}]}))
