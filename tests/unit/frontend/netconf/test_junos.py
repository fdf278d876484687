# SPDX-License-Identifier: GPL-3.0-or-later
"""The dialect ``junos`` against the schema of Junos 24.4, which PyPI ``junoscfg`` made of Juniper's own."""

from __future__ import annotations

import importlib.resources
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.dialect import Dialect
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.edit import context
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.marking import Marking
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.trees import local_name, parse
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

junoscfg = pytest.importorskip("junoscfg", reason="needs PyPI junoscfg")
GOLDEN = Path(__file__).parent / "golden"
COMMANDS = {
    "make": """\
set interfaces irb unit 7 description "shadownet:a <b> & "c" 'd' ü"
set interfaces irb unit 7 family inet mtu 1400
set interfaces irb unit 7 family inet address 10.1.0.1/24
set interfaces irb unit 7 family inet6 mtu 1400
set interfaces irb unit 7 family inet6 address 2001:db8:1::1/64
set interfaces ge-0/0/0 unit 5 description shadownet:
set interfaces ge-0/0/0 unit 5 disable
set interfaces ge-0/0/0 unit 5 vlan-id 5
set routing-options static route 10.9.0.0/16 discard
set routing-options static route 10.9.0.0/16 tag 201
set routing-options static route 10.9.1.0/24 qualified-next-hop 10.1.0.9 interface irb.7
set routing-options static route 10.9.1.0/24 tag 201
set routing-options static route 10.9.2.0/24 next-hop 10.1.0.9
set routing-options static route 10.9.2.0/24 tag 201
set routing-options rib inet6.0 static route 2001:db8:9::/48 next-hop 2001:db8:1::9
set routing-options rib inet6.0 static route 2001:db8:9::/48 tag 201
"""
}


# Junos takes a macro at every level (Junos OS Automation Scripting User Guide); the schema does not list it.
EVERYWHERE = {"apply-macro": {"L": True, "c": {"data": {"L": True, "c": {"value": {}}}}}}


@cache
def schema() -> dict[str, Any]:
    text = (importlib.resources.files("junoscfg") / "validate/data/junos-structure-tree.json").read_text()
    return dict(json.loads(text))


def unknown(item: Any, node: dict[str, Any], path: str = "") -> list[str]:
    """Paths of elements that the schema does not have. A list's entries have names; ``enable-disable`` is a choice."""
    found = []
    for child in item:
        name = local_name(child)
        if name == "name" and node.get("L"):
            continue
        inside = node.get("c", {})
        inside = {**inside, **({"enable": {}, "disable": {}} if "enable-disable" in inside else {}), **EVERYWHERE}
        if name not in inside:
            found.append(f"{path}/{name}")
        else:
            found += unknown(child, inside[name], f"{path}/{name}")
    return found


def payload(text: str) -> Any:
    return parse(text.encode()).find("{*}configuration")


@pytest.mark.parametrize("step", ["make", "change", "remove"])
def test_every_element_is_one_of_junos(step: str) -> None:
    assert unknown(payload((GOLDEN / f"junos-{step}.xml").read_text()), schema()) == []


@pytest.mark.parametrize("marking", [Marking("a mark", False, True), Marking(None, True, False)])
def test_the_mark_is_a_macro(marking: Marking) -> None:
    dialect = Dialect("junos")
    found = dialect.edit(context([], NodeConfig(), dialect, marking=marking)).find("{*}configuration")
    assert [local_name(item) for item in found[0]] == ["apply-macro"]
    assert unknown(found, schema()) == []


@pytest.mark.parametrize("word", ["qualified-next-hop", "metric-value", "rib", "vlan-id", "inet6", "discard", "unit"])
def test_the_check_itself_finds_what_is_wrong(word: str) -> None:
    text = (GOLDEN / "junos-make.xml").read_text()
    assert f"<{word}" in text
    assert unknown(payload(text.replace(f"{word}>", f"{word}x>").replace(f"{word}/>", f"{word}x/>")), schema())


def test_the_filters_ask_for_what_junos_has() -> None:
    dialect = Dialect("junos")
    for found in (dialect.filter(("interfaces", "addresses", "routes")), dialect.names()):
        assert unknown(found.find("{*}configuration"), schema()) == []


def test_the_payload_as_commands(capsys: pytest.CaptureFixture[str]) -> None:
    found = payload((GOLDEN / "junos-make.xml").read_text())
    etree.cleanup_namespaces(found)
    text = etree.tostring(found, encoding="unicode").replace(' xmlns="http://xml.juniper.net/xnm/1.1/xnm"', "")
    formats = junoscfg.Format
    assert junoscfg.convert_config(text, from_format=formats.XML, to_format=formats.SET) == COMMANDS["make"]
    # It complains here about values that Junos does not take.
    assert capsys.readouterr().err == ""
