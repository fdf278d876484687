# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what a node carries is explained by one push. If not, somebody else has pushed: nothing may be restored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...model.node_config import NodeConfig
from ..change import Change
from ..diff import transition


def is_done(before: NodeConfig, now: NodeConfig, changes: Sequence[Change]) -> bool:
    """Whether ``now`` is what all of ``changes`` lead to from ``before``."""
    return _sorted(transition(before, now)) == _sorted(changes)


def is_explained(before: NodeConfig, now: NodeConfig, changes: Sequence[Change], whole: bool) -> bool:
    """Whether nothing but ``changes`` parts ``now`` from ``before``.

    Args:
        whole: the node takes all of the changes or none; otherwise it may have stopped anywhere.
    """
    found = transition(before, now)
    if whole:
        return not found or _sorted(found) == _sorted(changes)
    return all(any(_is_part(one, change) for change in changes) for one in found)


def _sorted(changes: Sequence[Change]) -> list[str]:
    return sorted(repr((one.op, one.kind, one.key, _plain(one.before), _plain(one.after))) for one in changes)


def _plain(values: dict[str, Any] | None) -> list[tuple[str, Any]] | None:
    return None if values is None else sorted(values.items(), key=lambda item: item[0])


def _is_part(found: Change, change: Change) -> bool:
    """Whether every leaf that was found is one of before or of after the change."""
    if (found.kind, found.key) != (change.kind, change.key):
        return False
    sides = (change.before or {}, change.after or {})
    return all(_is_of(value, [side.get(name) for side in sides]) for name, value in (found.after or {}).items())


def _is_of(value: Any, known: list[Any]) -> bool:
    if isinstance(value, list):
        parts = [part for side in known for part in side or ()]
        return all(part in parts for part in value)
    return value in known
