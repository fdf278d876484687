# SPDX-License-Identifier: GPL-3.0-or-later
"""The mark in the words of each dialect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import transition
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.dialect import Dialect
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.edit import context, leaves_nothing
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.marking import (
    Marking,
    from_text,
    marking,
    to_text,
)
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.parse import Reader
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.trees import pretty
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.transport import Mark
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

from .configs import configs

MARK = Mark("0123456789abcdef", 7)
ROUTE = NodeConfig.from_dict({"routes": [{"prefix": "10.0.0.0/8", "type": "blackhole"}]})


@given(st.from_regex("[0-9a-fA-F]{1,64}", fullmatch=True), st.integers(0, 2**63 - 1))
def test_a_text_is_its_mark(ledger_id: str, revision: int) -> None:
    assert from_text(f" {to_text(Mark(ledger_id, revision))}\n") == Mark(ledger_id, revision)


@pytest.mark.parametrize(
    "text", [None, "", "ledger x revision 1", "ledger ab revision -1", "ledger ab revision 1 or so"]
)
def test_other_words_are_no_mark(text: str | None) -> None:
    assert from_text(text) is None


@pytest.mark.parametrize("name", ["ietf", "junos"])
@pytest.mark.parametrize("before", [NodeConfig(), ROUTE])
def test_a_dialect_reads_the_mark_that_it_wrote(name: str, before: NodeConfig) -> None:
    dialect = Dialect(name)
    changes = transition(before, NodeConfig())
    edit = dialect.edit(context(changes, before, dialect, marking=marking(None, MARK)))
    assert Reader(dialect).read(edit).mark == MARK
    assert Reader(dialect).mark_text(edit) == to_text(MARK)


@pytest.mark.parametrize("name", ["ietf", "junos"])
@pytest.mark.parametrize("remove", ["remove", "delete"])
def test_the_mark_goes(name: str, remove: str) -> None:
    dialect = Dialect(name)
    text = pretty(dialect.edit(context([], NodeConfig(), dialect, remove, marking(MARK, None))))
    assert text.count(f'nc:operation="{remove}"') == 1
    assert "ledger" not in text


def test_nothing_is_said_of_a_mark_that_stays() -> None:
    dialect = Dialect("ietf")
    assert len(dialect.edit(context([], NodeConfig(), dialect, marking=marking(MARK, MARK)))) == 0
    assert marking(None, None) == Marking()


def test_a_dialect_without_a_place_writes_none() -> None:
    dialect = Dialect("openconfig")
    assert "mark" not in dialect.read
    assert "ledger" not in pretty(dialect.edit(context([], NodeConfig(), dialect, marking=marking(None, MARK))))


@given(data=configs(), other=configs())
def test_nothing_is_left_when_everything_goes(data: dict[str, object], other: dict[str, object]) -> None:
    before, after = NodeConfig.from_dict(data), NodeConfig.from_dict(other)
    assert leaves_nothing(transition(before, NodeConfig()), before)
    assert leaves_nothing(transition(before, after), before) == (after == NodeConfig())
