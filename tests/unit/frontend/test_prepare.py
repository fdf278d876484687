# SPDX-License-Identifier: GPL-3.0-or-later
"""What no node of a kind could carry is refused before a connection is made, and an error names its routes."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.dialect import Dialect
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import NetconfTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.transport import Transport
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig


def transports() -> list[Transport]:
    return [NetlinkTransport(), NetconfTransport(dialect=Dialect("ietf"))]


@pytest.mark.parametrize("transport", transports(), ids=["netlink", "netconf"])
def test_an_error_names_all_routes_that_have_its_fault(transport: Transport) -> None:
    names = ["eth0", "bad\uffff", "eth1", "bad\ufffe"]
    routes: list[dict[str, Any]] = [{"prefix": f"10.0.{n}.0/24", "interface": name} for n, name in enumerate(names)]
    with pytest.raises(InvalidInput) as caught:
        push(transport, NodeConfig.from_dict({"routes": routes}), "overridden", parameter="wanted")
    assert caught.value.parameter == "wanted.routes[1].interface"
    assert caught.value.routes == ("10.0.1.0/24", "10.0.3.0/24")


@pytest.mark.parametrize("transport", transports(), ids=["netlink", "netconf"])
def test_an_error_about_an_interface_names_no_routes(transport: Transport) -> None:
    config = {"interfaces": [{"name": "bad\uffff"}], "routes": [{"prefix": "10.0.0.0/24", "interface": "bad\uffff"}]}
    with pytest.raises(InvalidInput) as caught:
        push(transport, NodeConfig.from_dict(config), "overridden")
    assert caught.value.parameter == "config.interfaces[0].name"
    assert caught.value.routes == ()
