# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that do things otherwise than netconfd, and rightly so: a real server whose messages are changed on the way.

What each habit is, ``habits.py`` says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf import link
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.errors import NetconfError
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import NetconfTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import PushResult, push
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.transport import Mark
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import Conflict, NodeError, RollbackFailed
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

from .conftest import Node
from .middle import Middle
from .raw import SPACES
from .test_both_transports import EVERYTHING
from .test_faults import BEFORE, WANTED, killed_while_pending

pytestmark = pytest.mark.netconf

Open = Callable[..., NetconfTransport]
MARK = Mark("0123456789abcdef", 7)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens transports to a node through habits."""
    with ExitStack() as stack:

        def make(node: Node, *habits: str, **options: Any) -> NetconfTransport:
            way = stack.enter_context(Middle(node.server, tmp_path, *habits))
            address = node.address(**{**way.options, "timeout": 20.0})
            defaults = {"lock_timeout": 2.0, "confirm_timeout": 60}
            transport = NetconfTransport(address, node="fe1", **{**defaults, **options})
            stack.callback(transport.close)
            return transport

        yield make


def pushed(transport: NetconfTransport, config: dict[str, Any], **options: Any) -> PushResult:
    return push(transport, NodeConfig.from_dict(config), "overridden", **options)


@pytest.mark.parametrize(
    "habits",
    [
        "base10",
        "blanks",
        "prefixes",
        "warnings",
        "notifications",
        "report-all",
        "tagged",
        "trim",
        "other-forms",
        "link-local",
        "no-options",
        "strict-filter",
        "nameless",
        "nameless strict-filter",
        "few-names",
        "no-locks",
        "base10 blanks prefixes warnings notifications report-all other-forms link-local",
    ],
)
def test_a_push_is_a_push(any_node: Node, opened: Open, habits: str) -> None:
    transport = opened(any_node, *habits.split())
    result = pushed(transport, EVERYTHING, mark=MARK)
    assert result.changed
    again = pushed(transport, EVERYTHING, mark=MARK)
    assert not again.changed, [change.to_dict() for change in again.changes]
    assert transport.read().mark == MARK
    changed = {**EVERYTHING, "routes": EVERYTHING["routes"][1:]}
    assert len(pushed(transport, changed).changes) == 1
    assert pushed(transport, {}, mark=MARK).changed
    with any_node.raw() as raw:
        assert raw.is_empty(), raw.text()
        raw.check_free()


@pytest.mark.parametrize("habits", ["prefixes", "warnings", "notifications", "no-cancel"])
def test_a_dropped_edit_is_taken_back(node: Node, opened: Open, habits: str) -> None:
    transport = opened(node, *habits.split(), explicit_validate=True)
    with node.raw() as raw:
        pushed(node.transport(), BEFORE)
        before = raw.text()
        with pytest.raises(NodeError) as caught:
            pushed(transport, WANTED)
        assert not isinstance(caught.value, RollbackFailed), caught.value
        assert raw.text() == before
        raw.check_free()


def test_a_first_rpc_that_is_not_heard_is_said_again(node: Node, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "_FIRST_ANSWER", (1.0, 15.0))
    assert pushed(opened(node, "silent"), WANTED).changed
    with node.raw() as raw:
        raw.check_free()


# What an earlier run left pending, where the server grants the lock all the same


@pytest.mark.parametrize("words", ["", "says-invalid"])
@pytest.mark.parametrize("config", [WANTED, BEFORE], ids=["the-same", "another"])
def test_what_is_pending_of_ours_is_confirmed(node: Node, opened: Open, config: dict[str, Any], words: str) -> None:
    killed_while_pending(node, 7)
    transport = opened(node, "grants-locks", *words.split(), revision=8)
    pushed(transport, config)
    with node.raw() as raw:
        raw.check_free()
        done = raw.text()
        assert raw.tag("<cancel-commit><persist-id>shadownet-fe1-7</persist-id></cancel-commit>")
        assert raw.text() == done
    assert not pushed(transport, config).changed


def test_a_commit_that_follows_a_pending_one_is_confirmed_under_its_id(node: Node, opened: Open) -> None:
    killed_while_pending(node, 7)
    pushed(opened(node, "grants-locks", "follows", revision=8), BEFORE)
    with node.raw() as raw:
        raw.check_free()
    assert [one["name"] for one in node.config()["interfaces"]] == ["old"]


def test_the_mark_tells_what_is_pending(node: Node, opened: Open) -> None:
    """Revision 7 is 40 before that which is pushed now; without a mark, only 16 are tried."""
    killed_while_pending(node, None, MARK)
    pushed(opened(node, "grants-locks"), WANTED, mark=Mark(MARK.ledger_id, 47))
    with node.raw() as raw:
        raw.check_free()


@pytest.mark.parametrize("words", ["", "says-invalid"])
@pytest.mark.parametrize("marked", [None, MARK], ids=["unmarked", "marked"])
def test_what_is_pending_of_others_is_named_and_left_alone(
    node: Node, opened: Open, words: str, marked: Mark | None
) -> None:
    with node.raw() as raw:
        pushed(node.transport(), BEFORE)
        before = raw.text()
        raw.interface("eth0", "theirs")
        kind = '<type xmlns:t="urn:ietf:params:xml:ns:yang:iana-if-type">t:bridge</type>'
        theirs = f'<interfaces xmlns="{SPACES["if"]}"><interface><name>x</name>{kind}</interface></interfaces>'
        raw.rpc(f"<edit-config><target><candidate/></target><config>{theirs}</config></edit-config>")
        raw.rpc("<commit><confirmed/><confirm-timeout>60</confirm-timeout><persist>theirs</persist></commit>")
        pending = raw.text()
        with pytest.raises(NetconfError, match=r"not ours \(another persist-id\) seems to be pending") as caught:
            pushed(opened(node, "grants-locks", *words.split(), revision=8), WANTED, mark=marked)
        assert not isinstance(caught.value, RollbackFailed)
        assert raw.text() == pending
        raw.rpc("<cancel-commit><persist-id>theirs</persist-id></cancel-commit>")
        raw.remove("eth0")
        assert raw.text() == before
        raw.check_free()


def test_what_another_ledger_left_pending_is_not_ours(node: Node, opened: Open) -> None:
    killed_while_pending(node, None, MARK)
    with node.raw() as raw:
        pending = raw.text()
        transport = opened(node, "grants-locks")
        with pytest.raises(Conflict, match="another ledger"):
            pushed(transport, WANTED, mark=Mark("fedc", 7))
        assert raw.text() == pending
        assert raw.tag("<lock><target><running/></target></lock>") is not None
        pushed(transport, WANTED, mark=Mark("fedc", 7), takeover=True)
        raw.check_free()


def test_a_candidate_with_somebody_else_s_changes_is_left_alone_without_locks(node: Node, opened: Open) -> None:
    pushed(node.transport(), BEFORE)
    with node.raw() as raw:
        before = raw.text()
        edit = f'<interfaces xmlns="{SPACES["if"]}"><interface><name>old</name><description>shadownet:theirs'
        edit = f"{edit}</description></interface></interfaces>"
        raw.rpc(f"<edit-config><target><candidate/></target><config>{edit}</config></edit-config>")
        transport = opened(node, "no-locks")
        with pytest.raises(NetconfError, match="The candidate holds changes that somebody has not committed"):
            pushed(transport, WANTED)
        assert "theirs" in etree.tostring(
            raw.rpc("<get-config><source><candidate/></source></get-config>"), encoding="unicode"
        )
        assert raw.text() == before
        raw.rpc("<discard-changes/>")
        pushed(transport, WANTED)
        raw.check_free()


def test_a_user_who_may_not_lock_is_told_so_at_once(any_node: Node, opened: Open) -> None:
    transport = opened(any_node, "may-not-lock", lock_timeout=30.0)
    started = time.monotonic()
    with pytest.raises(NetconfError, match="The user may not lock the running datastore"):
        pushed(transport, WANTED)
    assert time.monotonic() - started < 15
    with any_node.raw() as raw:
        assert raw.is_empty()


# The mark


@pytest.mark.parametrize("habit", ["refuses-mark", "forgets-mark"])
def test_a_node_that_keeps_no_mark_loses_only_that(any_node: Node, opened: Open, habit: str) -> None:
    transport = opened(any_node, habit)
    for revision, config in enumerate((BEFORE, WANTED, WANTED)):
        pushed(transport, config, mark=Mark(MARK.ledger_id, revision))
        assert any(one.startswith("mark: ") for one in transport.guarantees_missing)
        assert transport.read().mark is None
    assert not pushed(transport, WANTED, mark=Mark(MARK.ledger_id, 9)).changed
    pushed(transport, {}, mark=Mark(MARK.ledger_id, 10))
    with any_node.raw() as raw:
        assert raw.is_empty(), raw.text()
        raw.check_free()
