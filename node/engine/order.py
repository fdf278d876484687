# SPDX-License-Identifier: GPL-3.0-or-later
"""``insert`` in lists that the user orders (RFC 7950, 7.7.9 and 7.8.6)."""

from __future__ import annotations

from dataclasses import dataclass

from _libyang import lib

from . import tree
from .edit_text import key_predicates
from .errors import Fault, RpcError
from .paths import last_step, to_xml
from .schema import Schema
from .tree import Node, Tree


@dataclass(frozen=True, slots=True)
class Wanted:
    """The attributes ``insert``, ``key`` and ``value`` of one node."""

    insert: str
    key: str | None = None
    value: str | None = None


class Moves:
    """What is to be moved once the rest of the edit has been merged, in the order of the edit."""

    def __init__(self, schema: Schema, *, always: bool) -> None:
        """
        Args:
            always: the edit inserts somewhere, so new entries without ``insert`` must come to the end in their turn.
        """
        self._schema = schema
        self._always = always
        self._wanted: list[tuple[str, Wanted]] = []

    def note(self, node: Node, wanted: Wanted | None, *, exists: bool, ordered: bool) -> None:
        """One node of the edit.

        Raises:
            Fault: the attributes do not fit the node.
        """
        if wanted is None:
            if ordered and not exists and self._always:
                self._wanted.append((tree.path_of(node), Wanted("last")))
            return
        is_list = bool(node.schema.nodetype & lib.LYS_LIST)
        right, wrong = (wanted.key, wanted.value) if is_list else (wanted.value, wanted.key)
        relative = wanted.insert in ("before", "after")
        name = "key" if is_list else "value"
        path = tree.path_of(node)
        if relative and right is None:
            raise self._refused("missing-attribute", f"insert='{wanted.insert}' needs '{name}'.", path, name)
        if wrong is not None or (right is not None and not relative):
            raise self._refused("unknown-attribute", "'key' and 'value' do not go with this insert.", path, name)
        self._wanted.append((path, wanted))

    def carry_out(self, target: Tree) -> None:
        """Move the nodes, which are all in `target` by now.

        Raises:
            Fault: an anchor is not there.
        """
        for path, wanted in self._wanted:
            node = target.find(path)
            parent = node.parent
            first = parent.child if parent else target.first
            if wanted.insert in ("before", "after"):
                anchor = self._anchor(first, node, wanted, path)
                if anchor != node:
                    (tree.put_before if wanted.insert == "before" else tree.put_after)(anchor, node)
            else:
                head = tree.instance(first, node.schema)
                if wanted.insert == "first":
                    if head != node:
                        tree.put_before(head, node)
                    continue
                last = head
                while last.next and last.next.schema == node.schema:
                    last = last.next
                if last != node:
                    tree.put_after(last, node)
            if not parent:
                target.first = lib.lyd_first_sibling(target.first)

    def _anchor(self, first: Node, node: Node, wanted: Wanted, path: str) -> Node:
        name = "key" if wanted.key is not None else "value"
        text = key_predicates(wanted.key) if wanted.key is not None else wanted.value
        found = tree.instance(first, node.schema, text) if text else tree.NULL
        lib.ly_err_clean(self._schema.context.cdata, tree.NULL)
        if not found:
            said = wanted.key if wanted.key is not None else wanted.value
            raise self._refused(
                "bad-attribute", f"insert='{wanted.insert}': there is no '{said}'.", path, name, "missing-instance"
            )
        return found

    def _refused(self, tag: str, message: str, path: str, attribute: str, app_tag: str | None = None) -> Fault:
        where, namespaces = to_xml(self._schema, path)
        info = [("bad-attribute", attribute), ("bad-element", last_step(path))]
        return Fault(RpcError(tag, message, app_tag=app_tag, path=where, namespaces=namespaces, info=info))
