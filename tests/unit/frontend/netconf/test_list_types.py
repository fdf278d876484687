# SPDX-License-Identifier: GPL-3.0-or-later
"""The type of an access list (RFC 8519): what the server's announced features let it be."""

from __future__ import annotations

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import transition
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.announced import Announced
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.dialect import Dialect
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.edit import context
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.parse import Reader
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.trees import parse
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

MODULE = "urn:ietf:params:xml:ns:yang:ietf-access-control-list?module=ietf-access-control-list&revision=2019-03-04"
FEATURE = "ietf-access-control-list:mixed-eth-ipv4-ipv6"
ENTRIES = {
    "4": [{"name": "a", "action": "accept", "source": "10.0.0.0/8"}],
    "6": [{"name": "a", "action": "accept", "source": "2001:db8::/32"}],
    "46": [
        {"name": "a", "action": "accept", "source": "10.0.0.0/8"},
        {"name": "b", "action": "accept", "source": "2001:db8::/32"},
    ],
    "": [{"name": "a", "action": "accept", "protocol": "tcp", "destination_port": "80"}],
}
WIDE = "mixed-eth-ipv4-ipv6-acl-type"
NARROW = {"4": "ipv4-acl-type", "6": "ipv6-acl-type", "46": WIDE, "": None}


def library(form: str, *features: str) -> str:
    said = "".join(f"<feature>{one}</feature>" for one in features)
    module = f"<module><name>ietf-access-control-list</name>{said}</module>"
    inside = f"<module-set><name>all</name>{module}</module-set>" if form == "yang-library" else module
    return f'<data><{form} xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-library">{inside}</{form}></data>'


def test_features_of_a_hello() -> None:
    assert Announced([f"{MODULE}&features=match-on-ipv4,mixed-eth-ipv4-ipv6"]).offers(FEATURE) is True
    assert Announced([f"{MODULE}&features=match-on-ipv4"]).offers(FEATURE) is False
    assert Announced([MODULE]).offers(FEATURE) is False
    assert Announced(["urn:ietf:params:netconf:base:1.1"]).offers(FEATURE) is None


@pytest.mark.parametrize("form", ["yang-library", "modules-state"])
@pytest.mark.parametrize(("features", "offered"), [(("match-on-ipv4",), False), (("mixed-eth-ipv4-ipv6",), True)])
def test_features_of_the_yang_library(form: str, features: tuple[str, ...], offered: bool) -> None:
    announced = Announced([])
    announced.learn(parse(library(form, *features).encode()))
    assert announced.offers(FEATURE) is offered
    assert announced.modules == {"ietf-access-control-list"}


@pytest.mark.parametrize("mixed", [True, False])
@pytest.mark.parametrize("families", ENTRIES)
def test_the_type_is_one_that_the_node_has_and_is_read_as_such(families: str, mixed: bool) -> None:
    dialect, wanted = (
        Dialect("ietf"),
        NodeConfig.from_dict({"access_lists": [{"name": "shadownet-a", "entries": ENTRIES[families]}]}),
    )
    edit = dialect.edit(context(transition(NodeConfig(), wanted), NodeConfig(), dialect, mixed=mixed))
    assert edit.findtext(".//{*}acl/{*}type") == (WIDE if mixed else NARROW[families])
    for known, fits in ((mixed, True), (None, True), (not mixed, families == "46")):
        reader = Reader(dialect)
        reader.mixed = known
        assert (reader.read(edit).config.access_lists == wanted.access_lists) is fits
