# SPDX-License-Identifier: GPL-3.0-or-later
"""The client with less than the server offers: every way of working runs on a real server and can be taken back."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import transition
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.announced import Announced
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import NodeError, RollbackFailed
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

from .conftest import Node
from .test_faults import BEFORE, WANTED

pytestmark = pytest.mark.netconf

LESS: dict[str, dict[str, bool]] = {
    "persist-id": {"persist": False},
    "confirmed-commit": {"confirmed": False, "persist": False},
    "validate": {"validate": False},
    "rollback-on-error": {"rollback_on_error": False},
    "netconf-1.0": {"base11": False, "persist": False, "validate": False, "rollback_on_error": False},
}


@pytest.fixture(params=sorted(LESS))
def less(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server announces less than it does."""
    original = Announced.__init__

    def weaker(self: Announced, capabilities: Any) -> None:
        original(self, capabilities)
        for name, value in LESS[request.param].items():
            setattr(self, name, value and getattr(self, name))

    monkeypatch.setattr(Announced, "__init__", weaker)
    return str(request.param)


def _push(node: Node, config: dict[str, Any], **options: Any) -> list[str]:
    transport = node.transport(**options)
    try:
        push(transport, NodeConfig.from_dict(config), "overridden")
        return transport.guarantees_missing
    finally:
        transport.close()


def test_pushes_work_and_name_what_is_missing(any_node: Node, less: str) -> None:
    for config in (BEFORE, WANTED, BEFORE, {}):
        missing = {one.partition(":")[0] for one in _push(any_node, config)}
        with any_node.raw() as raw:
            raw.check_free()
    names = {"persist-id", "validate"} if less == "netconf-1.0" else {less}
    if any_node.server.target == "running":
        assert {"candidate", "confirmed-commit"} <= missing
        names -= {"persist-id"}
    else:
        names -= {"rollback-on-error"}
    assert names <= missing
    with any_node.raw() as raw:
        assert raw.is_empty()


def test_a_refused_edit_leaves_everything_as_it_was(any_node: Node, less: str) -> None:
    _push(any_node, BEFORE)
    with any_node.raw() as raw:
        before = raw.text()
        bad = NodeConfig.from_dict({**WANTED, "routes": [{"prefix": "10.7.0.0/16", "interface": "nowhere"}]})
        transport = any_node.transport()
        try:
            with transport.hold():
                changes = transition(transport.read().config, transport.prepare(bad))
                with pytest.raises(NodeError) as caught:
                    transport.apply(changes)
        finally:
            transport.close()
        assert not isinstance(caught.value, RollbackFailed), caught.value
        assert raw.text() == before
        raw.check_free()


def test_a_dropped_edit_is_found_out_and_taken_back(node: Node, less: str) -> None:
    if "validate" in LESS[less]:
        pytest.skip("nothing drops the edit without validation")
    _push(node, BEFORE)
    with node.raw() as raw:
        before = raw.text()
        with pytest.raises(NodeError, match="took every change, yet") as caught:
            _push(node, WANTED, explicit_validate=True)
        assert not isinstance(caught.value, RollbackFailed)
        assert raw.text() == before
        raw.check_free()
