# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that was taken over: what it may send, and what the applier makes of it."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("libyang", reason="needs the extra node")

from pyroute2 import netns as pyroute2_netns

from ansible_collections.shadownet.ipam.node import applier, frames
from ansible_collections.shadownet.ipam.node.privileges import CAP_NET_ADMIN, close_all_but, confine
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.registry import open_transport
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig
from ansible_collections.shadownet.ipam.tests.integration.namespaces import namespaces

from .conftest import other_user

pytestmark = [pytest.mark.netns, pytest.mark.nft]
GOOD = {"do": "apply", "config": {"interfaces": [{"name": "sn1", "type": "bridge"}]}}
EMPTY = {"do": "apply", "config": {}}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PARTS = st.sampled_from(["interfaces", "routes", "access_lists", "name", "type", "prefix", "entries", "addresses"])


class Applier:
    """An applier in a namespace of its own, spoken to directly."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(20)
        self.pid = os.fork()
        if self.pid == 0:
            code = 9
            try:
                pyroute2_netns.setns(name, flags=0)
                close_all_but((theirs.fileno(),))
                confine((CAP_NET_ADMIN,), other_user())
                applier.serve(theirs)
                code = 0
            except frames.BrokenFrame:
                code = 3
            finally:
                os._exit(code)
        theirs.close()

    def ask(self, request: Any) -> Any:
        self.socket.sendall(frames.encode(request))
        return frames.receive(self.socket)

    def end(self) -> int:
        """Its exit code: 0 in good order, 3 after a message that was none."""
        if not self.pid:
            return -1
        self.socket.close()
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.pid = 0
        return code


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    with namespaces("node") as lab:
        yield lab.names["node"]


@pytest.fixture
def server(place: str) -> Iterator[Applier]:
    made = Applier(place)
    yield made
    made.end()


@pytest.mark.parametrize(
    "request_",
    [
        None,
        [],
        "apply",
        {},
        {"do": "exec", "config": "reboot"},
        {"do": ["apply"]},
        {"do": "apply", "config": [1]},
        {"do": "apply", "config": {"interfaces": [{"name": "../../etc", "type": "bridge"}]}},
        {"do": "apply", "config": {"interfaces": [{"name": "lo", "type": "bridge"}]}},
        {"do": "apply", "config": {"interfaces": [{"name": "x", "type": "dummy"}]}},
        {"do": "apply", "config": {"routes": [{"prefix": "10.0.0.0/8", "type": "blackhole", "table": 255}]}},
        {"do": "apply", "config": {"access_lists": [{"name": "x\u0000y"}]}},
        {"do": "apply", "netns": "other", "config": {"routes": [{"prefix": "10.0.0.0/8"}]}},
    ],
)
def test_what_no_node_configuration_can_say_is_refused(server: Applier, request_: Any) -> None:
    assert set(server.ask(request_)) == {"refused"}
    assert server.ask(GOOD).keys() == {"ok"}
    assert server.ask(EMPTY).keys() == {"ok"}
    assert server.end() == 0


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    config=st.dictionaries(PARTS, VALUES | st.lists(st.dictionaries(PARTS, VALUES, max_size=3), max_size=3), max_size=3)
)
def test_any_other_request_is_answered(place: str, config: dict[str, Any]) -> None:
    server = Applier(place)
    for most in (False, True):
        answer = server.ask({"do": "apply", "config": config, "most": most})
        assert set(answer) in ({"ok"}, {"refused"})
        assert "internal error" not in str(answer)
    assert server.ask(EMPTY).keys() == {"ok"}
    assert server.end() == 0
    transport = open_transport("netlink", netns=place)
    assert transport.read().config == NodeConfig()
    transport.close()


@pytest.mark.parametrize(
    "octets",
    [
        struct.pack(">I", frames.MOST + 1),
        struct.pack(">I", 5) + b'{"do"',
        struct.pack(">I", 3) + b"\xff\xff\xff",
        struct.pack(">I", 100_000) + b"[" * 100_000,
        struct.pack(">I", 10) + b"{}",
    ],
)
def test_what_is_no_message_ends_the_applier(server: Applier, octets: bytes) -> None:
    server.socket.sendall(octets)
    server.socket.shutdown(socket.SHUT_WR)
    assert server.socket.recv(1) == b""
    assert server.end() == 3
