# SPDX-License-Identifier: GPL-3.0-or-later
"""<edit-config> on a tree (RFC 6241, 7.2; RFC 7950, 7.5.8, 7.6.6, 7.7.9, 7.8.6).

Only the edit is walked, never the datastore. Nodes that are new are moved to the target with all below them: libyang's
own merge takes time that grows with the square of the entries that it meets in one list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from _libyang import lib
from lxml import etree

from . import choices, order, tree
from .complaints import fault_of
from .duplicates import check_duplicates
from .edit_text import Marks, named, read_marks, text_of, without_bare_removals
from .errors import BASE, Fault, RpcError
from .matches import check_matches
from .paths import to_xml
from .schema import Schema
from .tree import NULL, LibyangRefused, Node, Tree

DefaultOperation = Literal["merge", "replace", "none"]
_GONE = {"delete", "remove"}


def apply(schema: Schema, target: Tree, config: etree._Element, default: DefaultOperation) -> None:
    """Change `target` as the children of `config` say; it may be partly changed when this raises.

    Args:
        config: the <config> of the request.

    Raises:
        Fault: see Appendix A of RFC 6241.
    """
    marks = read_marks(config)
    text = text_of(config)
    check_duplicates(schema, config)
    if default == "replace":
        # The edit is the whole new content (RFC 6241, 7.2): nothing of the old is left to operate on.
        target.free()
        default = "merge"
    options = lib.LYD_PARSE_NO_STATE | (lib.LYD_PARSE_OPAQ if marks.bare_removal else lib.LYD_PARSE_STRICT)
    try:
        change = tree.parse(schema.context, text, options)
    except LibyangRefused:
        raise named(fault_of(schema), config) from None
    try:
        walk = _Walk(schema, target, change, marks)
        try:
            walk.level(change.first, _Place(None), default)
        except _NotParsed as found:
            raise _why(schema, config, found.node) from None
        walk.moves.carry_out(target)
        check_matches(schema, target, config, marked=marks.any)
    finally:
        change.free()


class _NotParsed(Exception):
    """libyang could keep a node of the edit only as text, and nothing allows that."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node


def _why(schema: Schema, config: etree._Element, node: Node) -> Fault:
    """What is wrong with an edit of which a part could not be parsed."""
    shown = without_bare_removals(config, lambda element: choices.is_leaf(schema, element))
    try:
        # A strict parser tells the place; it just must not see leaves that are named without a value to be removed.
        tree.parse(schema.context, text_of(shown), lib.LYD_PARSE_NO_STATE | lib.LYD_PARSE_STRICT)
        tree.complain(node)
    except LibyangRefused:
        return named(fault_of(schema), config)
    return Fault(RpcError("invalid-value", "The edit is not what the models say."))


@dataclass(slots=True)
class _Place:
    """Where in the target the walk is.

    Attributes:
        parent: the node above, None at the top.
        missing: what is above is not there.
        marked: the node of the edit, or one above it, has attributes.
    """

    parent: Node | None
    missing: bool = False
    marked: bool = False


class _Walk:
    def __init__(self, schema: Schema, target: Tree, change: Tree, marks: Marks) -> None:
        self._schema = schema
        self._target = target
        self._change = change
        self._marks = marks
        self.moves = order.Moves(schema, always=marks.insert)

    def level(self, first: Node, place: _Place, inherited: str) -> None:
        for node in tree.siblings(first):
            if node.schema:
                self._check_unique(node, inherited)
        for node in tree.siblings(first):
            if not node.schema:
                self._as_written(node, place, inherited)
                continue
            self._node(node, place, inherited)

    def _first(self, place: _Place) -> Node:
        if place.missing:
            return NULL
        return self._target.first if place.parent is None else lib.lyd_child(place.parent)

    def _node(self, node: Node, place: _Place, inherited: str) -> None:
        model = node.schema
        flags = model.flags
        tagged = self._marks.tagged and bool(node.flags & tree.DEFAULT)
        if node.meta or tagged:
            operation, at = self._marked(node, inherited)
            place = _Place(place.parent, place.missing, marked=True)
        else:
            operation, at = inherited, None
        if flags & tree.KEY:
            if operation in _GONE and operation != inherited:
                raise self._fault("bad-attribute", "The key of a list entry cannot be removed.", node, "operation")
            return
        found = tree.same(self._first(place), node)
        # A node with the default flag is not in the datastore, it only is in effect (RFC 6243, 2.3: explicit).
        exists = bool(found) and not found.flags & tree.DEFAULT
        if operation in _GONE:
            self._remove(node, found if exists else NULL, operation)
        elif operation == "none":
            self._none(node, found, exists, place)
        else:
            if operation == "create" and exists:
                raise self._fault("data-exists", "create: it exists already.", node)
            if self._marks.insert:
                ordered = bool(flags & tree.USER_ORDERED and model.nodetype & tree.SEVERAL)
                self.moves.note(node, at, exists=exists, ordered=ordered)
            self._set(node, found, place, operation)

    def _set(self, node: Node, found: Node, place: _Place, operation: str) -> None:
        model = node.schema
        if not place.missing and model.parent and model.parent.nodetype & choices.CASES:
            self._clear_rivals(model, place)
        may_be_marked = self._marks.nested or (self._marks.any and not place.marked)
        if not found:
            if may_be_marked and not model.nodetype & tree.TERM:
                self.level(lib.lyd_child(node), _Place(None, missing=True, marked=place.marked), operation)
            self._move(node, place)
        elif model.nodetype & tree.TERM:
            if model.nodetype & lib.LYS_LEAF or found.flags & tree.DEFAULT:
                self._target.remove(found)
                self._move(node, place)
        else:
            if operation == "replace":
                for child in tree.children(found):
                    if not child.schema.flags & tree.KEY:
                        lib.lyd_free_tree(child)
            elif not may_be_marked and model.nodetype & tree.LIST and tree.alike(found, node):
                return
            self.level(lib.lyd_child(node), _Place(found, marked=place.marked), operation)

    def _move(self, node: Node, place: _Place) -> None:
        """Put a node, with all that is left below it, in the target; below one that is missing it goes with that."""
        if place.missing:
            return
        self._change.unlink(node)
        if place.parent is None:
            self._target.first = tree.put_beside(self._target.first, node)
        else:
            tree.put_below(place.parent, node)

    def _none(self, node: Node, found: Node, exists: bool, place: _Place) -> None:
        model = node.schema
        always_there = model.nodetype & tree.CONTAINER and not model.flags & tree.PRESENCE
        if not exists and not always_there:
            raise self._fault("data-missing", "There is no such data, and the operation is none.", node)
        if model.nodetype & tree.TERM:
            # Its value must not be merged.
            self._change.remove(node)
            return
        self.level(lib.lyd_child(node), _Place(found or None, missing=not found, marked=place.marked), "none")
        if not found and lib.lyd_child(node):
            self._move(node, place)
        elif not found:
            self._change.remove(node)

    def _remove(self, node: Node, found: Node, operation: str) -> None:
        if found:
            self._target.remove(found)
        elif operation == "delete":
            raise self._fault("data-missing", "delete: there is no such data.", node)
        self._change.remove(node)

    def _clear_rivals(self, model: Any, place: _Place) -> None:
        """Data of one case takes the place of the data of the others (RFC 7950, 7.9)."""
        for rival in choices.rivals(model):
            while found := tree.instance(self._first(place), rival):
                self._target.remove(found)

    def _check_unique(self, node: Node, inherited: str) -> None:
        """The same node twice, or two cases of a choice, in one edit: which one is meant?"""
        siblings = node.parent.child if node.parent else self._change.first
        if tree.same(siblings, node) != node:
            raise self._fault("bad-element", "The edit names this node twice.", node)
        model = node.schema
        if model.parent and model.parent.nodetype & choices.CASES and self._is_set(node, inherited):
            for rival in choices.rivals(model):
                other = tree.instance(siblings, rival)
                if other and self._is_set(other, inherited):
                    raise self._fault("bad-element", "The edit has data of two cases of one choice.", node)

    def _is_set(self, node: Node, inherited: str) -> bool:
        operation = inherited
        for _module, name, item in tree.metadata(node):
            if name == "operation":
                operation = tree.meta_value(self._schema.context, item)
        return operation not in _GONE and operation != "none"

    def _marked(self, node: Node, inherited: str) -> tuple[str, order.Wanted | None]:
        operation = inherited
        words: dict[str, str] = {}
        for module, name, item in tree.metadata(node):
            value = tree.meta_value(self._schema.context, item)
            if module == "ietf-netconf" and name == "operation":
                operation = value
            elif module == "yang":
                words[name] = value
            lib.lyd_free_meta_single(item)
        # libyang keeps the attribute default='true' of RFC 6243 as this flag.
        if node.flags & tree.DEFAULT and node.schema.nodetype & tree.TERM and operation not in _GONE:
            operation = self._back_to_default(node)
        if not words:
            return operation, None
        if "insert" not in words:
            name = next(iter(words))
            raise self._fault("unknown-attribute", f"'{name}' goes with insert='before' or 'after' only.", node, name)
        if not (node.schema.flags & tree.USER_ORDERED):
            raise self._fault("unknown-attribute", "insert: this list is not ordered by the user.", node, "insert")
        return operation, order.Wanted(words["insert"], words.get("key"), words.get("value"))

    def _back_to_default(self, node: Node) -> str:
        """A node tagged as default goes back to its default, which its value must be (RFC 6243, 4.5.2)."""
        if not choices.is_schema_default(self._schema, node):
            raise self._fault("invalid-value", "default='true': this is not the default value.", node)
        return "remove"

    def _as_written(self, node: Node, place: _Place, inherited: str) -> None:
        """A node that libyang could only keep as text: a leaf to be removed needs no value, all else is an error."""
        namespace, name, _value, attributes = tree.opaque(node)
        operation = attributes.get((BASE, "operation"), inherited)
        parent = node.parent.schema if node.parent else NULL
        model = choices.child_of(self._schema, parent, namespace, name)
        if not (operation in _GONE and model and model.nodetype & lib.LYS_LEAF and not lib.lyd_child(node)):
            raise _NotParsed(node)
        if model.flags & lib.LYS_CONFIG_R or model.flags & tree.KEY:
            raise self._fault("bad-attribute", f"'{name}' cannot be removed.", tree.parent_of(node), "operation")
        found = tree.instance(self._first(place), model)
        if found and not found.flags & tree.DEFAULT:
            self._target.remove(found)
        elif operation == "delete":
            above = tree.path_of(tree.parent_of(node)) if node.parent else ""
            raise self._fault_at("data-missing", "delete: there is no such data.", f"{above}/{tree.name_of(model)}")
        self._change.remove(node)

    def _fault(self, tag: str, message: str, node: Node, attribute: str | None = None) -> Fault:
        return self._fault_at(tag, message, tree.path_of(node), attribute)

    def _fault_at(self, tag: str, message: str, path: str, attribute: str | None = None) -> Fault:
        where, namespaces = to_xml(self._schema, path)
        info: list[tuple[str, Any]] = [("bad-attribute", attribute)] if attribute else []
        if attribute or tag in ("bad-element", "invalid-value"):
            info.append(("bad-element", where.rpartition("/")[2].partition("[")[0].rpartition(":")[2]))
        return Fault(RpcError(tag, message, path=where, namespaces=namespaces, info=info))
