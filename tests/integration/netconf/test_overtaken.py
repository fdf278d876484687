# SPDX-License-Identifier: GPL-3.0-or-later
"""A push that loses its session, and comes back after somebody else has pushed, leaves alone what is not its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.announced import Announced
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.errors import Lost
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import NetconfTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import PushResult, push
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.transport import Mark, Overtaken
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import NodeError
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

from .conftest import Node

pytestmark = pytest.mark.netconf

LEDGER = "0123456789abcdef"
OTHER = "fedcba9876543210"


def bridges(*names: str) -> NodeConfig:
    return NodeConfig.from_dict({"interfaces": [{"name": name, "type": "bridge"} for name in names]})


def pushed(node: Node, revision: int | None, *names: str, ledger: str = LEDGER, **options: Any) -> PushResult:
    transport = node.transport()
    try:
        mark = None if revision is None else Mark(ledger, revision)
        return push(transport, bridges(*names), "overridden", mark=mark, **options)
    finally:
        transport.close()


def losing(transport: NetconfTransport, number: int, meanwhile: Callable[[], object], answered: bool) -> list[str]:
    """The ``number``-th message of a transport is its session's last one: with its answer lost, or never sent.

    Before a new session is made, something else happens. Returns the names of the operations, as they come.
    """
    link = transport._link
    assert link is not None
    call = link.call
    said: list[str] = []

    def cutting(operation: Any, timeout: float | None = None) -> Any:
        said.append(str(operation.tag).rpartition("}")[2])
        if len(said) != number:
            return call(operation, timeout)
        if answered:
            call(operation, timeout)
        link.forget()
        meanwhile()
        raise Lost("cut")

    link.call = cutting  # type: ignore[method-assign]
    return said


def operations_of(node: Node) -> list[str]:
    """What an undisturbed push from revision 1 to 2 says."""
    pushed(node, 1, "one")
    transport = node.transport()
    said = losing(transport, 0, lambda: None, False)
    try:
        push(transport, bridges("one", "two"), "overridden", mark=Mark(LEDGER, 2))
    finally:
        transport.close()
    return said


def disturbed(node: Node, number: int, meanwhile: Callable[[], object], answered: bool) -> PushResult | NodeError:
    """A push of revision 2 that loses its session."""
    transport = node.transport()
    losing(transport, number, meanwhile, answered)
    try:
        return push(transport, bridges("one", "two"), "overridden", mark=Mark(LEDGER, 2))
    except NodeError as error:
        return error
    finally:
        transport.close()


@pytest.fixture(params=["1.1", "1.0", "none"])
def confirming(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The version of confirmed commits that a node with a candidate announces."""
    original = Announced.__init__

    def weaker(self: Announced, capabilities: Any) -> None:
        original(self, capabilities)
        self.persist = self.persist and request.param == "1.1"
        self.confirmed = self.confirmed and request.param != "none"

    monkeypatch.setattr(Announced, "__init__", weaker)
    return str(request.param)


def check_every_cut(node: Node, answered: bool) -> None:
    said = operations_of(node)
    assert {"lock", "edit-config", "get-config", "unlock"} <= set(said)
    superseded = 0
    for number in range(1, len(said) + 1):
        pushed(node, None)
        pushed(node, 1, "one")
        found = disturbed(node, number, lambda: pushed(node, 3, "one", "three"), answered)
        where = f"message {number} ({said[number - 1]}): {found}"
        with node.raw() as raw:
            # Both sides believe that revision 3 is there.
            assert ">three<" in raw.text(), where
            assert ">two<" not in raw.text(), where
            assert "revision 3<" in raw.text(), where
            raw.check_free()
        if isinstance(found, PushResult):
            # It was done before, or it was overtaken.
            assert found.superseded or said[number - 1] == "unlock" or said[number - 1 :].count("commit") <= 1, where
            superseded += found.superseded
    assert superseded >= len(said) // 2


@pytest.mark.slow
@pytest.mark.parametrize("answered", [False, True], ids=["lost", "answer-lost"])
def test_an_older_push_that_comes_back_leaves_a_newer_one_alone(node: Node, confirming: str, answered: bool) -> None:
    check_every_cut(node, answered)


@pytest.mark.slow
@pytest.mark.parametrize("answered", [False, True], ids=["lost", "answer-lost"])
def test_the_same_without_a_candidate(simple_node: Node, answered: bool) -> None:
    check_every_cut(simple_node, answered)


@pytest.mark.parametrize("step", ["discard-changes", "edit-config", "commit"])
def test_what_another_ledger_or_nobody_pushed_is_an_error(node: Node, step: str) -> None:
    number = operations_of(node).index(step) + 1

    def by_hand() -> None:
        with node.raw() as raw:
            raw.interface("three", "shadownet:")

    def by_another_ledger() -> None:
        pushed(node, 9, "three", ledger=OTHER, takeover=True)

    # While the commit is pending, the node refuses all others but those who confirm it.
    for meanwhile in (by_another_ledger,) if step == "commit" else (by_hand, by_another_ledger):
        pushed(node, 1, "one", takeover=True)
        found = disturbed(node, number, meanwhile, answered=True)
        assert isinstance(found, NodeError), found
        if step == "commit":
            assert isinstance(found, Overtaken)
        with node.raw() as raw:
            assert ">three<" in raw.text(), found
            raw.check_free()
