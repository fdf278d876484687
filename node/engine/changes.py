# SPDX-License-Identifier: GPL-3.0-or-later
"""What a commit has changed, as netconf-config-change tells it (RFC 6470)."""

from __future__ import annotations

from _libyang import ffi, lib

from . import tree
from .schema import Schema
from .tree import Node, Tree

_OPERATIONS = {"create": "create", "delete": "delete", "replace": "replace"}
MOST = 100
"""Above this many a notification would be longer than a client wants: it tells the nodes above instead."""


def edits(schema: Schema, before: Tree, after: Tree) -> list[dict[str, str]]:
    """Target and operation of each change, as JSON values. What is below a created or deleted node is not listed."""
    place = ffi.new("struct lyd_node **")
    if lib.lyd_diff_siblings(before.first, after.first, 0, place) != lib.LY_SUCCESS:
        lib.ly_err_clean(schema.context.cdata, ffi.NULL)
        return []
    difference = Tree(schema.context, place[0])
    found: list[tuple[str, Node]] = []
    _collect(schema, difference.first, "none", found)
    if len(found) <= MOST:
        told = [(tree.path_of(node), operation) for operation, node in found]
    else:
        told = [(path, "merge") for path in dict.fromkeys(_above(node) for _operation, node in found)]
        if len(told) > MOST:
            told = [(path, "merge") for path in dict.fromkeys(_top(node) for _operation, node in found)]
    difference.free()
    return [{"target": path, "operation": operation} for path, operation in told]


def _collect(schema: Schema, first: Node, inherited: str, found: list[tuple[str, Node]]) -> None:
    for node in tree.siblings(first):
        operation = inherited
        for module, name, item in tree.metadata(node):
            if module == "yang" and name == "operation":
                operation = tree.meta_value(schema.context, item)
        # A container without presence is not data of its own: what it holds is.
        holder = node.schema.nodetype & tree.CONTAINER and not node.schema.flags & tree.PRESENCE
        if operation in _OPERATIONS and not holder:
            found.append((_OPERATIONS[operation], node))
        elif not node.schema.nodetype & tree.TERM:
            _collect(schema, lib.lyd_child(node), operation, found)


def _above(node: Node) -> str:
    parent = tree.parent_of(node)
    return tree.path_of(parent or node)


def _top(node: Node) -> str:
    while parent := tree.parent_of(node):
        node = parent
    return tree.path_of(node)
