# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses have to be taken back, and from where, before the ledger forgets."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.address_places import former_places, refuse_overtaken
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import Conflict

from .desk import Desk

NETLINK = {"assign": "netlink", "node": "fe1", "interface": "tap1", "netns": "vm1", "instance_interface": "eth0"}
DHCP = {"assign": "dhcp", "dynamic_assign": "dhcp", "node": "fe1", "interface": "tap1", "mac": "52:54:00:00:00:01"}


@pytest.mark.parametrize(
    ("before", "after", "elsewhere"),
    [
        (NETLINK, {}, False),
        (NETLINK, {"interface": "tap2"}, False),
        (NETLINK, {"mac": "52:54:00:00:00:01"}, False),
        (NETLINK, {"netns": "vm2"}, True),
        (NETLINK, {"node": "fe2"}, True),
        (NETLINK, {"instance_interface": "eth1"}, True),
        (NETLINK, {"gateway": "169.254.1.1"}, True),
        (NETLINK, {"assign": "none"}, True),
        (DHCP, {"node": "fe2"}, False),
        (DHCP, {"mac": "52:54:00:00:00:02"}, True),
        ({**NETLINK, "assign": "none"}, {"assign": "netlink"}, False),
    ],
)
def test_another_place_is_told(desk: Desk, before: dict[str, Any], after: dict[str, Any], elsewhere: bool) -> None:
    desk.pool("p", "10.64.0.0/24")
    first = {"dynamic_assign": before["assign"], **before}
    then = {**first, **after, "dynamic_assign": {**before, **after}["assign"]}
    assert former_places([desk.create("web-1", **first).moved]) == []
    moved = desk.create("web-1", **then).moved
    former = former_places([moved])
    assert [one["name"] for one in former] == (["web-1"] if elsewhere else [])
    refuse_overtaken(former, former)
    if elsewhere:
        with pytest.raises(Conflict, match="somebody else created or moved web-1"):
            refuse_overtaken(former, [{**former[0], "netns": "other", "mac": "52:54:00:00:00:09"}])
        with pytest.raises(Conflict, match="nothing was changed"):
            refuse_overtaken(former, [])


def test_what_is_deleted_loses_its_address_where_it_is(desk: Desk) -> None:
    desk.pool("p", "10.64.0.0/24")
    desk.create("web-1", dynamic_assign="netlink", **NETLINK)
    desk.create("web-2")
    gone = [desk.delete("web-1"), desk.delete("web-2")]
    assert [one["netns"] for one in former_places(gone)] == ["vm1"]
