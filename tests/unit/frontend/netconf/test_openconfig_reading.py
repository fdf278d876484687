# SPDX-License-Identifier: GPL-3.0-or-later
"""What OpenConfig devices send beside their configuration, and access lists of which a part is missing."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import transition
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.dialect import Dialect
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.parse import Reader
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import NetconfTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.trees import parse
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

REPLY = """
<data xmlns:t="urn:ietf:params:xml:ns:yang:iana-if-type">
 <interfaces xmlns="http://openconfig.net/yang/interfaces">
  <interface>
   <name>sn1</name>
   <config><name>sn1</name><type>t:bridge</type><description>shadownet:ours</description></config>
   <state><name>sn1</name><description>shadownet:before</description><enabled>false</enabled><mtu>9000</mtu></state>
   <subinterfaces><subinterface>
    <index>0</index>
    <state><index>0</index></state>
    <ipv6 xmlns="http://openconfig.net/yang/interfaces/ip">
     <addresses>
      <address><ip>2001:db8::1</ip><config><ip>2001:db8::1</ip><prefix-length>64</prefix-length></config>
       <state><ip>2001:db8::1</ip><prefix-length>64</prefix-length><origin>STATIC</origin></state></address>
      <address><ip>fe80::1</ip><state><ip>fe80::1</ip><prefix-length>64</prefix-length></state></address>
     </addresses>
     <state><mtu>9000</mtu></state>
    </ipv6>
   </subinterface></subinterfaces>
  </interface>
  <interface>
   <name>eth0</name><state><description>shadownet:state only</description></state>
   <subinterfaces>
    <subinterface><index>0</index><config><index>0</index></config></subinterface>
    <subinterface><index>5</index><config><index>5</index><description>shadownet:</description></config></subinterface>
    <subinterface><index>9</index><config><index>9</index><description>theirs</description></config></subinterface>
   </subinterfaces>
  </interface>
 </interfaces>
 <network-instances xmlns="http://openconfig.net/yang/network-instance"><network-instance>
  <name>default</name>
  <protocols><protocol>
   <identifier xmlns:p="http://openconfig.net/yang/policy-types">p:STATIC</identifier><name>shadownet</name>
   <static-routes>
    <static><prefix>10.1.0.0/16</prefix><config><prefix>10.1.0.0/16</prefix></config><next-hops><next-hop>
     <index>shadownet</index>
     <config><index>shadownet</index><next-hop>10.0.0.1</next-hop></config>
     <state><index>shadownet</index><next-hop>10.0.0.9</next-hop></state>
     <interface-ref>
      <config><interface>eth0</interface><subinterface>9</subinterface></config>
      <state><interface>eth1</interface><subinterface>1</subinterface></state>
     </interface-ref>
    </next-hop></next-hops></static>
    <static><prefix>10.2.0.0/16</prefix><state><prefix>10.2.0.0/16</prefix></state></static>
   </static-routes>
  </protocol></protocols>
 </network-instance></network-instances>
</data>
"""


def test_only_config_is_read() -> None:
    current = Reader(Dialect("openconfig")).read(parse(REPLY.encode()))
    assert current.config.to_dict() == {
        "interfaces": [
            {
                "name": "sn1",
                "type": "bridge",
                "enabled": True,
                "description": "ours",
                "addresses": ["2001:db8::1/64"],
            },
            {"name": "eth0.5", "type": "vlan", "enabled": True, "parent": "eth0", "vlan_id": 5},
        ],
        "routes": [{"prefix": "10.1.0.0/16", "type": "unicast", "next_hop": "10.0.0.1", "interface": "eth0.9"}],
        "access_lists": [],
    }
    assert current.foreign.interfaces == {"eth0", "eth0.9"}


LISTS: dict[str, Any] = {
    "interfaces": [{"name": "sn1", "type": "bridge", "ingress": ["shadownet-a"]}],
    "access_lists": [
        {
            "name": "shadownet-a",
            "default_action": "accept",
            "entries": [
                {"name": "web", "action": "accept", "protocol": "tcp", "destination_port": "80"},
                {"name": "four", "action": "drop", "source": "10.0.0.0/8"},
                {"name": "old", "action": "accept", "established": True},
                {"name": "six", "action": "reject", "protocol": "icmpv6"},
            ],
        }
    ],
}


def written() -> tuple[NetconfTransport, NodeConfig, str]:
    transport = NetconfTransport(dialect=Dialect("openconfig"))
    wanted = transport.prepare(NodeConfig.from_dict(LISTS))
    return transport, wanted, "\n".join(transport.render(transition(NodeConfig(), wanted)))


def test_two_lists_of_the_device_are_one() -> None:
    transport, wanted, text = written()
    assert re.findall(r"<type>oc-acl:(ACL_IPV.)</type>", text) == 2 * ["ACL_IPV4", "ACL_IPV4", "ACL_IPV6", "ACL_IPV6"]
    assert transition(transport.parse(text), wanted) == []


def test_newer_models_say_established_otherwise(tmp_path: Path) -> None:
    shutil.copytree(Dialect("openconfig").folder, tmp_path, dirs_exist_ok=True)
    template = tmp_path / "edit.xml.j2"
    newer = "<detail-mode>BUILTIN</detail-mode><builtin-detail>TCP_ESTABLISHED</builtin-detail>"
    changed, times = re.subn("<tcp-flags>.*</tcp-flags>", newer, template.read_text())
    assert times == 1
    template.write_text(changed)
    transport = NetconfTransport(dialect=Dialect(path=tmp_path))
    wanted = transport.prepare(NodeConfig.from_dict(LISTS))
    text = "\n".join(transport.render(transition(NodeConfig(), wanted)))
    assert "TCP_ESTABLISHED" in text
    assert "TCP_ACK" not in text
    assert transition(transport.parse(text), wanted) == []


def without(text: str, pattern: str) -> str:
    found, times = re.subn(pattern, "", text, flags=re.DOTALL)
    assert times == 1
    return found


@pytest.mark.parametrize("number", range(8))
def test_an_entry_that_one_half_lacks_is_a_change(number: int) -> None:
    transport, wanted, text = written()
    entries = list(re.finditer(r"<acl-entry>.*?</acl-entry>", text, re.DOTALL))
    assert len(entries) == 8
    start, end = entries[number].span()
    changes = transition(transport.parse(text[:start] + text[end:]), wanted)
    assert [(change.op, change.kind) for change in changes] == [("change", "access_list")]


@pytest.mark.parametrize("family", [4, 6])
def test_a_half_that_is_missing_is_a_change(family: int) -> None:
    transport, wanted, text = written()
    lists = without(text, rf"<acl-set [^>]*>\s*<name>[^<]*</name>\s*<type>oc-acl:ACL_IPV{family}.*?</acl-set>")
    assert [change.kind for change in transition(transport.parse(lists), wanted)] == ["access_list"]
    kind = rf"<type>oc-acl:ACL_IPV{family}"
    bound = without(text, rf"<ingress-acl-set>\s*<set-name>[^<]*</set-name>\s*{kind}.*?</ingress-acl-set>")
    changes = transition(transport.parse(bound), wanted)
    assert [change.kind for change in changes] == ["attachment"]
    again = "\n".join(transport.render(changes))
    assert again.count("<ingress-acl-set>") == 2
    assert "operation" not in again
