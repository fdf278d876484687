# SPDX-License-Identifier: GPL-3.0-or-later
"""A node remembers whose revision it carries: an old push cannot undo a newer one, and what is saved stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend import push as pushing
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.errors import NetconfError
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import PushResult, push
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.transport import Mark
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import Conflict
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

from .conftest import Node
from .raw import SPACES, Raw
from .server import Netconfd, why_not

pytestmark = pytest.mark.netconf

OLD: dict[str, Any] = {"interfaces": [{"name": "sn1", "type": "bridge"}]}
NEW: dict[str, Any] = {"interfaces": [{"name": "sn1", "type": "bridge"}, {"name": "sn2", "type": "bridge"}]}
ROUTES: dict[str, Any] = {**OLD, "routes": [{"prefix": "10.9.0.0/16", "type": "blackhole"}]}
LEDGER = "0123456789abcdef"


def mark(revision: int, ledger_id: str = LEDGER) -> Mark:
    return Mark(ledger_id, revision)


def pushed(node: Node, config: dict[str, Any], check_mode: bool = False, **options: Any) -> PushResult:
    transport = node.transport()
    try:
        result = push(transport, NodeConfig.from_dict(config), "overridden", check_mode, **options)
        assert not any(one.startswith("mark:") for one in transport.guarantees_missing)
    finally:
        transport.close()
    return result


def there(node: Node) -> Mark | None:
    transport = node.transport()
    try:
        return transport.read().mark
    finally:
        transport.close()


def names(node: Node) -> list[str]:
    return [interface["name"] for interface in node.config()["interfaces"]]


def test_an_older_push_changes_nothing(any_node: Node) -> None:
    assert pushed(any_node, NEW, mark=mark(7)).mark == mark(7)
    late = pushed(any_node, OLD, mark=mark(6))
    assert (late.superseded, late.changed, late.mark) == (True, False, mark(7))
    assert names(any_node) == ["sn1", "sn2"]
    again = pushed(any_node, NEW, mark=mark(7))
    assert (again.superseded, again.changed) == (False, False)


def test_another_ledger_is_refused_unless_it_takes_over(any_node: Node) -> None:
    pushed(any_node, NEW, mark=mark(7))
    other = mark(2, "fedcba9876543210")
    for check_mode in (True, False):
        with pytest.raises(Conflict, match="another ledger"):
            pushed(any_node, OLD, check_mode, mark=other)
    assert names(any_node) == ["sn1", "sn2"]
    pushed(any_node, OLD, mark=other, takeover=True)
    assert there(any_node) == other
    assert names(any_node) == ["sn1"]


def test_a_newer_revision_is_kept_even_where_nothing_else_changes(any_node: Node) -> None:
    pushed(any_node, OLD, mark=mark(1))
    assert not pushed(any_node, OLD, mark=mark(2)).changed
    assert there(any_node) == mark(2)
    with any_node.raw() as raw:
        raw.check_free()


def test_check_mode_and_pushes_without_revision_keep_none(any_node: Node) -> None:
    pushed(any_node, OLD, mark=mark(3))
    pushed(any_node, NEW, check_mode=True, mark=mark(4))
    pushed(any_node, NEW)
    assert there(any_node) == mark(3)


@pytest.mark.parametrize("first", [OLD, ROUTES, {}])
def test_a_refused_push_leaves_the_mark_as_it_was(
    any_node: Node, first: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed(any_node, first, mark=mark(1))
    # What the node would refuse is found before, as a rule.
    monkeypatch.setattr(pushing, "check", lambda *_arguments: None)
    with any_node.raw() as raw:
        before = raw.text()
        bad = {**OLD, "routes": [{"prefix": "10.7.0.0/16", "interface": "nowhere"}]}
        with pytest.raises(NetconfError, match="The node refused"):
            pushed(any_node, bad, mark=mark(2))
        assert raw.text() == before
        raw.check_free()


def test_the_mark_goes_with_the_last_object_in_the_same_commit(any_node: Node) -> None:
    for config in (OLD, ROUTES, {"routes": ROUTES["routes"]}):
        pushed(any_node, config, mark=mark(1))
        assert there(any_node) == mark(1)
        pushed(any_node, {}, mark=mark(2))
        with any_node.raw() as raw:
            assert raw.is_empty(), raw.text()
            raw.check_free()
    assert not pushed(any_node, {}, mark=mark(3)).changed
    with any_node.raw() as raw:
        assert raw.is_empty(), raw.text()


def test_routes_go_and_the_mark_stays(any_node: Node) -> None:
    pushed(any_node, ROUTES, mark=mark(1))
    pushed(any_node, OLD, mark=mark(2))
    assert there(any_node) == mark(2)
    pushed(any_node, ROUTES)
    assert there(any_node) == mark(2)


def test_somebody_else_s_words_are_no_mark(node: Node) -> None:
    pushed(node, OLD)
    with node.raw() as raw:
        instance = "<type>static</type><name>shadownet</name><description>ledger of ours revision 3</description>"
        protocol = f"<control-plane-protocol>{instance}</control-plane-protocol>"
        inside = f"<control-plane-protocols>{protocol}</control-plane-protocols>"
        raw.edit(f'<routing xmlns="{SPACES["rt"]}">{inside}</routing>')
    assert there(node) is None
    pushed(node, NEW, mark=mark(1))
    assert there(node) == mark(1)


# Startup


@pytest.fixture
def forgetful_node(tmp_path: Path) -> Iterator[Node]:
    """With a candidate, netconfd saves each commit by itself."""
    if reason := why_not():
        pytest.skip(reason)
    with Netconfd(tmp_path / "s", "running", startup=True) as server:
        yield Node(server)


def saved(raw: Raw) -> str:
    reply = raw.rpc("<get-config><source><startup/></source></get-config>")
    return " ".join(one.text for one in reply.iter("{*}name"))


def test_what_is_pushed_is_there_after_a_restart(forgetful_node: Node) -> None:
    def run(config: dict[str, Any], **options: Any) -> list[str]:
        way = forgetful_node.transport(**options)
        push(way, NodeConfig.from_dict(config), "overridden")
        way.close()
        return [one.partition(":")[0] for one in way.guarantees_missing]

    assert "startup" in run(OLD, save_startup=False)
    with forgetful_node.raw() as raw:
        assert "sn1" not in saved(raw)
    # Nothing changes any more, yet what is ours is not saved.
    assert "startup" not in run(OLD)
    with forgetful_node.raw() as raw:
        assert "sn1" in saved(raw)
        # Where what is ours is saved, a push that changes nothing saves nothing of others either.
        raw.interface("eth9", "theirs")
    assert "startup" not in run(OLD)
    with forgetful_node.raw() as raw:
        assert "eth9" not in saved(raw)
    assert "startup" not in run(NEW)
    with forgetful_node.raw() as raw:
        assert "sn2" in saved(raw)
        raw.check_free()
    forgetful_node.server.stop()
    forgetful_node.server.start()
    assert names(forgetful_node) == ["sn1", "sn2"]


def test_a_superseded_push_saves_nothing(forgetful_node: Node) -> None:
    way = forgetful_node.transport(save_startup=False)
    push(way, NodeConfig.from_dict(NEW), "overridden", mark=mark(7))
    way.close()
    assert pushed(forgetful_node, OLD, mark=mark(6)).superseded
    with forgetful_node.raw() as raw:
        assert "sn1" not in saved(raw)


def test_a_startup_that_cannot_be_written_is_told(forgetful_node: Node) -> None:
    with forgetful_node.raw() as raw:
        raw.rpc("<lock><target><startup/></target></lock>")
        way = forgetful_node.transport()
        push(way, NodeConfig.from_dict(OLD), "overridden")
        way.close()
        assert {"startup", "saving"} <= {one.partition(":")[0] for one in way.guarantees_missing}
