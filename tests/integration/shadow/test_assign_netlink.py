# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking an address back from outside: only with its network namespace it is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import NodeError
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.assign_netlink import NetlinkAssigner
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab

pytestmark = pytest.mark.netns


def test_a_namespace_that_is_gone_is_told_from_one_that_cannot_be_entered(tmp_path: Path) -> None:
    instance: dict[str, Any] = {
        "address": "10.200.0.1",
        "family": "ipv4",
        "gateway": None,
        "instance_interface": "eth0",
        "netns": str(tmp_path / "gone"),
    }
    assigner = NetlinkAssigner()
    assigner.take(instance)
    with pytest.raises(NodeError, match="There is no network namespace"):
        assigner.give(instance)
    (tmp_path / "plain").touch()
    with pytest.raises(NodeError, match="plain cannot be entered"):
        assigner.take({**instance, "netns": str(tmp_path / "plain")})


def test_of_two_in_one_namespace_the_last_takes_the_way_out(lab: Lab) -> None:
    place = {"netns": lab.names["vm1"], "instance_interface": "eth0"}
    four = {"family": "ipv4", "gateway": "169.254.1.1", **place}
    web, db = {"address": "10.200.0.1", **four}, {"address": "10.200.0.5", **four}
    six = {"address": "2001:db8::1", "family": "ipv6", "gateway": "fe80::1", **place}
    assigner = NetlinkAssigner()

    def ways() -> list[bool]:
        return [
            f"default via {one['gateway']}" in lab.run("vm1", "ip", way, "route")
            for way, one in (("-4", web), ("-6", six))
        ]

    for instance in (web, db, six):
        assigner.give(instance)
    assert ways() == [True, True]
    assigner.take(web)
    assert "10.200.0.1" not in lab.run("vm1", "ip", "address")
    assert ways() == [True, True]
    assigner.take(web)
    assert ways() == [True, True]
    assigner.take(six)
    assert ways() == [True, False]
    assigner.take(db)
    assert ways() == [False, False]


def test_of_two_in_one_namespace_each_may_change_the_way_out(lab: Lab) -> None:
    place = {"netns": lab.names["vm1"], "instance_interface": "eth0", "family": "ipv4"}
    web, db = ({"address": f"10.200.0.{end}", "gateway": "169.254.1.1", **place} for end in (1, 5))
    assigner = NetlinkAssigner()
    for instance in (web, db):
        assigner.give(instance)
    assigner.take(web)
    assigner.give({**web, "gateway": "169.254.1.2"})
    assert [line for line in lab.run("vm1", "ip", "route").splitlines() if "default" in line] == [
        "default via 169.254.1.2 dev eth0 proto 201 "
    ]
