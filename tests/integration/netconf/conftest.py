# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that speak NETCONF, one server for each kind and test worker, emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.address import Address
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.dialect import Dialect
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import NetconfTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import PushResult, push
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

from . import openconfig
from .raw import Raw
from .server import Netconfd, why_not


class Node:
    """One node under test, by our client and by one that is not ours."""

    def __init__(self, server: Netconfd) -> None:
        self.server = server

    def address(self, **options: Any) -> Address:
        return Address(**{**self.server.options, "timeout": 20.0, **options})

    def transport(self, port: int | None = None, revision: int | None = None, **options: Any) -> NetconfTransport:
        address = self.address(**({"port": port} if port else {}))
        defaults = {"lock_timeout": 3.0, "confirm_timeout": 60}
        return NetconfTransport(address, node="fe1", revision=revision, **{**defaults, **options})

    def push(
        self, config: dict[str, Any] | None = None, state: str = "merged", check_mode: bool = False, **options: Any
    ) -> PushResult:
        """A push that, when repeated, must change nothing."""
        desired = NodeConfig.from_dict(config)
        transport = self.transport(**options)
        try:
            result = push(transport, desired, state, check_mode)
            if not check_mode:
                again = push(transport, desired, state)
                assert not again.changed, [change.to_dict() for change in again.changes]
        finally:
            transport.close()
        return result

    def config(self) -> dict[str, list[dict[str, Any]]]:
        """What is ours."""
        transport = self.transport()
        try:
            return transport.read().config.to_dict()
        finally:
            transport.close()

    def raw(self) -> Raw:
        """A session by a client that is not ours."""
        return Raw(self.server)

    def clear(self) -> None:
        """Empties running; fails where something is locked or pending."""
        with self.raw() as raw:
            raw.clear()


def _cleared(server: Netconfd) -> Node:
    """Empty, and alive: a server that crashed under one test must not fail all others."""
    if not server.lives:
        server.stop()
        server.start()
    made = Node(server)
    made.clear()
    return made


def _server(tmp_path_factory: pytest.TempPathFactory, target: str) -> Iterator[Netconfd]:
    if reason := why_not():
        pytest.skip(reason)
    with Netconfd(tmp_path_factory.mktemp(target), target) as server:
        yield server


@pytest.fixture(scope="session")
def candidate_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Netconfd]:
    """netconfd with candidate and confirmed commit."""
    yield from _server(tmp_path_factory, "candidate")


@pytest.fixture(scope="session")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Netconfd]:
    """netconfd that only has a writable running."""
    yield from _server(tmp_path_factory, "running")


@pytest.fixture(scope="session")
def openconfig_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Netconfd]:
    """netconfd with candidate, confirmed commit and OpenConfig's models."""
    if reason := why_not() or openconfig.why_not():
        pytest.skip(reason)
    with openconfig.server(tmp_path_factory.mktemp("openconfig")) as server:
        yield server


@pytest.fixture
def node(candidate_server: Netconfd) -> Node:
    """A node with candidate and confirmed commit."""
    return _cleared(candidate_server)


@pytest.fixture
def simple_node(running_server: Netconfd) -> Node:
    """A node that only has a writable running."""
    return _cleared(running_server)


@pytest.fixture(params=["candidate", "running"])
def any_node(request: pytest.FixtureRequest) -> Node:
    """Both kinds of nodes, one after the other."""
    return request.getfixturevalue("node" if request.param == "candidate" else "simple_node")


@pytest.fixture
def ietf() -> Dialect:
    return Dialect()
