# SPDX-License-Identifier: GPL-3.0-or-later
"""What a commit has changed, as netconf-config-change tells it (RFC 6470)."""

from __future__ import annotations

from bisect import bisect_left

from _libyang import lib

from . import tree
from .tree import NULL, Node, Tree

MOST = 100
"""Above this many a notification would be longer than a client wants: it tells the top-level nodes instead."""


class _TooMany(Exception):
    """There are more than MOST."""


def edits(before: Tree, after: Tree) -> list[dict[str, str]]:
    """Target and operation of each change, as JSON values. What is below a created or deleted node is not listed.

    libyang's own diff takes time that grows with the square of the changes below one list.
    """
    found: list[tuple[Node, str]] = []
    try:
        _level(before.first, after.first, found)
    except _TooMany:
        found = []
        for node in tree.siblings(after.first):
            old = tree.same(before.first, node)
            if not (old and tree.alike(old, node)):
                found.append((node, "merge"))
        found += [(node, "merge") for node in tree.siblings(before.first) if not tree.same(after.first, node)]
    return [{"target": tree.path_of(node), "operation": operation} for node, operation in found]


def _level(before: Node, after: Node, found: list[tuple[Node, str]]) -> None:
    for node in tree.siblings(after):
        old = tree.same(before, node)
        if old and tree.alike(old, node):
            continue
        if not old or node.schema.nodetype & tree.TERM:
            _node(node, old, found)
        else:
            _level(lib.lyd_child(old), lib.lyd_child(node), found)
    for node in tree.siblings(before):
        if not tree.same(after, node):
            _gone(node, found)
    _moved(before, after, found)


def _node(node: Node, old: Node, found: list[tuple[Node, str]]) -> None:
    if _holder(node):
        _level(NULL, lib.lyd_child(node), found)
    elif old:
        defaults = (old.flags & tree.DEFAULT, node.flags & tree.DEFAULT)
        told = "delete" if defaults == (0, tree.DEFAULT) else "create" if defaults == (tree.DEFAULT, 0) else "replace"
        _add(node, told, found)
    elif not node.flags & tree.DEFAULT:
        _add(node, "create", found)


def _gone(node: Node, found: list[tuple[Node, str]]) -> None:
    if _holder(node):
        for child in tree.children(node):
            _gone(child, found)
    elif not node.flags & tree.DEFAULT:
        _add(node, "delete", found)


def _moved(before: Node, after: Node, found: list[tuple[Node, str]]) -> None:
    """Entries of a list that the user orders, and that stand behind another one than before."""
    old = [node for node in tree.siblings(before) if _by_user(node) and tree.same(after, node)]
    new = [node for node in tree.siblings(after) if _by_user(node) and tree.same(before, node)]
    rank = {tree.same(after, node): index for index, node in enumerate(old)}
    # What keeps its place among the others is the longest run of growing ranks; the rest was moved.
    ranks = [rank[node] for node in new]
    kept = _longest_growing(ranks)
    for node, place in zip(new, ranks, strict=True):
        if place not in kept:
            _add(node, "merge", found)


def _longest_growing(numbers: list[int]) -> set[int]:
    tails: list[int] = []
    before: dict[int, int | None] = {}
    for number in numbers:
        at = bisect_left(tails, number)
        before[number] = tails[at - 1] if at else None
        tails[at : at + 1] = [number]
    kept = set()
    last = tails[-1] if tails else None
    while last is not None:
        kept.add(last)
        last = before[last]
    return kept


def _holder(node: Node) -> bool:
    """A container without presence is not data of its own: what it holds is."""
    return bool(node.schema.nodetype & tree.CONTAINER and not node.schema.flags & tree.PRESENCE)


def _by_user(node: Node) -> bool:
    return bool(node.schema.flags & tree.USER_ORDERED and node.schema.nodetype & tree.SEVERAL)


def _add(node: Node, operation: str, found: list[tuple[Node, str]]) -> None:
    if len(found) >= MOST:
        raise _TooMany
    found.append((node, operation))
