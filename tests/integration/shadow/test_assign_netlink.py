# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking an address back from outside: only with its network namespace it is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import NodeError
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.assign_netlink import NetlinkAssigner

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
