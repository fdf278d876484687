# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes that stay while a push changes what they rest on. The kernel itself looks at a next hop only once."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import NodeError
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig
from ansible_collections.shadownet.ipam.tests.integration.namespaces import wait_for

from .conftest import Node, settled
from .test_rollback import refused

pytestmark = pytest.mark.netns


def four(host: int = 1, length: int = 24) -> str:
    return f"10.1.0.{host}/{length}"


def six(host: int = 1, length: int = 64) -> str:
    return f"2001:db8:1::{host}/{length}"


def pair(name: str, *addresses: str, **more: Any) -> dict[str, Any]:
    """A link that has a carrier from the start."""
    return {"name": name, "type": "veth", "peer": f"{name}p", "addresses": list(addresses), **more}


ROUTES = {
    4: {"prefix": "10.9.0.0/16", "next_hop": "10.1.0.2"},
    6: {"prefix": "2001:db8:9::/48", "next_hop": "2001:db8:1::2"},
}
ADDRESS = {4: four, 6: six}
NETWORK = {4: "10.1.0.0/24", 6: "2001:db8:1::/64"}
OTHER = {4: "10.7.0.1/24", 6: "2001:db8:7::1/64"}


def where(node: Node) -> dict[str, str]:
    """Destinations of our routes to the interfaces that ip shows for them."""
    found = [*node.lab.json("node", *"ip -j route show proto 201".split())]
    found += node.lab.json("node", *"ip -j -6 route show proto 201".split())
    return {one["dst"]: one.get("dev", one.get("type")) for one in found}


def kept(error: NodeError, family: int) -> None:
    """The refusal is the kernel's, and names the standing route."""
    assert error.node_said is not None
    assert any(word in error.node_said for word in ("ENETUNREACH", "EHOSTUNREACH", "EINVAL")), error.node_said
    assert error.change is not None
    assert error.change["kind"] == "route"
    assert error.change["after"]["prefix"] == ROUTES[family]["prefix"]
    assert f"refused to keep route {ROUTES[family]['prefix']}" in str(error)


FAMILIES = pytest.mark.parametrize("family", [4, 6])


@FAMILIES
@pytest.mark.parametrize("state", ["overridden", "replaced"])
@pytest.mark.parametrize("other", [False, True], ids=["last address", "one of two"])
def test_the_address_below_a_route_cannot_go(node: Node, family: int, state: str, other: bool) -> None:
    more = [OTHER[family]] if other else []
    node.push({"interfaces": [pair("sn0", ADDRESS[family](), *more)], "routes": [ROUTES[family]]})
    routes = [ROUTES[family]] if state == "overridden" else []
    error = refused(node, {"interfaces": [pair("sn0", *more)], "routes": routes}, state)
    kept(error, family)


@FAMILIES
def test_the_interface_below_a_route_cannot_be_disabled(node: Node, family: int) -> None:
    node.push({"interfaces": [pair("sn0", ADDRESS[family]())], "routes": [ROUTES[family]]})
    off = pair("sn0", ADDRESS[family](), enabled=False)
    kept(refused(node, {"interfaces": [off], "routes": [ROUTES[family]]}, "overridden"), family)


@FAMILIES
def test_the_interface_below_a_route_cannot_go(node: Node, family: int) -> None:
    node.push({"interfaces": [pair("sn0", ADDRESS[family]())], "routes": [ROUTES[family]]})
    error = refused(node, {"routes": [ROUTES[family]]}, "overridden")
    assert error.change is not None
    assert error.change["after"]["prefix"] == ROUTES[family]["prefix"]


@FAMILIES
@pytest.mark.parametrize("instead", [None, "other"], ids=["removed", "to another interface"])
def test_the_route_below_a_route(node: Node, family: int, instead: str | None) -> None:
    """Removed, the upper one is refused; led to another interface, the upper one follows."""
    below = {"prefix": NETWORK[family], "interface": "sn0"}
    links = [pair("sn0", OTHER[family]), pair("sn1")]
    node.push({"interfaces": links, "routes": [ROUTES[family], below]})  # in this order: the lower one comes last
    if instead is None:
        kept(refused(node, {"interfaces": links, "routes": [ROUTES[family]]}, "overridden"), family)
    else:
        node.push({"interfaces": links, "routes": [ROUTES[family], {**below, "interface": "sn1"}]}, "overridden")
        assert where(node) == {ROUTES[family]["prefix"]: "sn1", NETWORK[family]: "sn1"}
        bad = {"prefix": "10.66.0.0/16", "next_hop": "172.31.0.1"}
        refused(node, {"interfaces": links, "routes": [ROUTES[family], below, bad]}, "overridden")


@FAMILIES
@pytest.mark.parametrize("state", ["overridden", "merged"])
def test_an_address_that_changes_keeps_the_routes(node: Node, family: int, state: str) -> None:
    """The kernel drops the route with the last address of the interface; the push brings it back."""
    make = ADDRESS[family]
    node.push({"interfaces": [pair("sn0", make(1))], "routes": [ROUTES[family]]})
    routes = [ROUTES[family]] if state == "overridden" else []
    for address in (make(5), make(5, 25 if family == 4 else 80)):
        node.push({"interfaces": [pair("sn0", address)], "routes": [ROUTES[family]]}, "overridden")
        assert where(node)[ROUTES[family]["prefix"]] == "sn0"
    node.push({"interfaces": [pair("sn0", make(9, 24 if family == 4 else 64))], "routes": routes}, state)
    assert where(node)[ROUTES[family]["prefix"]] == "sn0"


@FAMILIES
@pytest.mark.parametrize("state", ["overridden", "replaced"])
@pytest.mark.parametrize("other", [False, True], ids=["last address", "one of two"])
def test_a_route_follows_its_gateway_to_another_interface(node: Node, family: int, state: str, other: bool) -> None:
    more = [OTHER[family]] if other else []
    node.push({"interfaces": [pair("sn0", ADDRESS[family](), *more), pair("sn1")], "routes": [ROUTES[family]]})
    assert where(node) == {ROUTES[family]["prefix"]: "sn0"}
    links = [pair("sn0", *more), pair("sn1", ADDRESS[family]())]
    bad = {"prefix": "10.66.0.0/16", "next_hop": "172.31.0.1"}
    refused(node, {"interfaces": links, "routes": [ROUTES[family], bad]}, state)
    assert where(node) == {ROUTES[family]["prefix"]: "sn0"}
    node.push({"interfaces": links, "routes": [ROUTES[family]] if state == "overridden" else []}, state)
    assert where(node) == {ROUTES[family]["prefix"]: "sn1"}


@FAMILIES
def test_a_route_that_names_its_interface_does_not_follow(node: Node, family: int) -> None:
    named = {**ROUTES[family], "interface": "sn0"}
    node.push({"interfaces": [pair("sn0", ADDRESS[family]()), pair("sn1")], "routes": [named]})
    links = [pair("sn0"), pair("sn1", ADDRESS[family]())]
    kept(refused(node, {"interfaces": links, "routes": [named]}, "overridden"), family)


def test_many_routes_come_back_and_others_too(node: Node) -> None:
    routes: list[dict[str, Any]] = [{"prefix": f"10.50.{n}.0/24", "next_hop": "10.1.0.2"} for n in range(200)]
    routes += [{"prefix": f"10.51.{n}.0/24", "interface": "sn0"} for n in range(20)]
    routes += [{"prefix": f"10.52.{n}.0/24", "next_hop": "10.1.0.3", "metric": n + 1} for n in range(20)]
    node.push({"interfaces": [pair("sn0", four())], "routes": routes})
    node.run("ip route add 10.78.0.0/16 via 10.1.0.9")
    before = where(node)
    node.push({"interfaces": [pair("sn0", four(1, 23))], "routes": routes}, "overridden")
    assert where(node) == before
    assert "via 10.1.0.9 dev sn0" in node.run("ip route show 10.78.0.0/16")
    bad = {"prefix": "10.66.0.0/16", "next_hop": "172.31.0.1"}
    refused(node, {"interfaces": [pair("sn0", four(1, 22))], "routes": [*routes, bad]}, "overridden")


@FAMILIES
def test_routes_are_added_in_the_order_in_which_they_depend(node: Node, family: int) -> None:
    below = {"prefix": NETWORK[family], "interface": "sn0"}
    config = {"interfaces": [pair("sn0", OTHER[family])], "routes": [ROUTES[family], below]}
    node.push(config, "overridden")
    assert where(node) == {ROUTES[family]["prefix"]: "sn0", NETWORK[family]: "sn0"}


def test_a_route_in_the_way_of_a_gateway_is_refused_in_either_order(node: Node) -> None:
    """IPv6: the most specific route to a gateway must have none itself."""
    way = {"prefix": "2001:db8:1:0:5::/80", "next_hop": "2001:db8:1::9"}
    upper = {"prefix": "2001:db8:9::/48", "next_hop": "2001:db8:1:0:5::1"}
    for routes in ([way, upper], [upper, way]):
        with pytest.raises(NodeError, match="EHOSTUNREACH"):
            push(node.transport, NodeConfig.from_dict({"interfaces": [pair("sn0", six())], "routes": routes}))
    node.push({"interfaces": [pair("sn0", six())], "routes": [upper]})
    error = refused(node, {"interfaces": [pair("sn0", six())], "routes": [way, upper]}, "overridden")
    assert error.change is not None
    assert error.change["after"]["prefix"] == upper["prefix"]


def test_a_refused_push_does_not_interrupt_the_interface_that_it_disables(node: Node, tmp_path: Path) -> None:
    node.push({"interfaces": [pair("sn0", four()), pair("sn1", "10.2.0.1/24")]})
    config = {
        "interfaces": [pair("sn0", four(), enabled=False), pair("sn1", "10.2.0.1/24")],
        "routes": [{"prefix": "10.66.0.0/16", "next_hop": "172.31.0.1"}],
    }
    settled(node)
    with links_seen(node, tmp_path / "seen") as seen, pytest.raises(NodeError, match="ENETUNREACH"):
        push(node.transport, NodeConfig.from_dict(config), "overridden")
    assert "sn0" not in seen.read_text()


@contextmanager
def links_seen(node: Node, file: Path) -> Iterator[Path]:
    """What ``ip monitor link`` shows meanwhile."""
    command = ["ip", "netns", "exec", node.lab.names[node.short], "ip", "monitor", "link"]
    with file.open("w") as out, subprocess.Popen(command, stdout=out) as process:
        try:
            wait_for(lambda: _marked(node, file, "begin"), what="the monitor")
            yield file
            wait_for(lambda: _marked(node, file, "end"), what="the monitor's last word")
        finally:
            process.terminate()


def _marked(node: Node, file: Path, word: str) -> bool:
    node.run(f"ip link set up0 name {word}")
    node.run(f"ip link set {word} name up0")
    return word in file.read_text()
