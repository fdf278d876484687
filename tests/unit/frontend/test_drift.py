# SPDX-License-Identifier: GPL-3.0-or-later
"""The four words of drift."""

from __future__ import annotations

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.drift import classify
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.transport import Foreign
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import Interface, NodeConfig, Route


def test_missing_changed_leaked_and_foreign() -> None:
    current = NodeConfig(
        (Interface("a", "bridge", mtu=1500), Interface("old", "bridge")),
        (Route("10.1.0.0/24", "blackhole"), Route("10.2.0.0/24", "blackhole")),
    )
    wanted = NodeConfig(
        (Interface("a", "bridge", mtu=1400, addresses=("10.0.0.1/24",)), Interface("b", "bridge")),
        (Route("10.1.0.0/24", next_hop="10.0.0.2"), Route("10.3.0.0/24", "blackhole")),
    )
    foreign = Foreign(frozenset({"b"}), {"10.0.0.1": ("up0",)})
    found = {(one["object"], one["key"]): one["kind"] for one in classify(current, wanted, foreign)}
    assert found == {
        ("interface", "a"): "changed",
        ("interface", "b"): "foreign",
        ("interface", "old"): "leaked",
        ("address", "a 10.0.0.1/24"): "foreign",
        ("route", "10.1.0.0/24"): "changed",
        ("route", "10.2.0.0/24"): "leaked",
        ("route", "10.3.0.0/24"): "missing",
    }


def test_an_interface_made_anew_is_one_changed_object() -> None:
    current = NodeConfig((Interface("a", "vxlan", vni=1),))
    wanted = NodeConfig((Interface("a", "vxlan", vni=2),))
    (only,) = classify(current, wanted)
    assert (only["kind"], only["object"], only["wanted"]["vni"], only["found"]["vni"]) == ("changed", "interface", 2, 1)


def test_the_same_has_no_drift() -> None:
    config = NodeConfig((Interface("a", "bridge"),), (Route("10.1.0.0/24", "blackhole"),))
    assert classify(config, config) == []
