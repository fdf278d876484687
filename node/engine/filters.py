# SPDX-License-Identifier: GPL-3.0-or-later
"""Subtree filters (RFC 6241, 6) and XPath filters (8.9) on libyang's trees: what they select, as a tree of its own."""

from __future__ import annotations

from typing import Any, TypeAlias

from _libyang import ffi, lib
from lxml import etree

from . import keyless, tree
from .canonical import BLANK, canonical
from .choices import child_of
from .complaints import stored
from .errors import BASE, fault
from .message import qualified
from .schema import Schema
from .tree import NULL, Node, Tree
from .xpath import with_module_names

_WHOLE = lib.LYD_DUP_RECURSIVE | lib.LYD_DUP_WITH_FLAGS | lib.LYD_DUP_NO_META
_ALONE = lib.LYD_DUP_WITH_FLAGS | lib.LYD_DUP_NO_META
MOST_STEPS = 2_000_000
"""Nodes compared and copied one by one for one subtree filter; others wait meanwhile."""
_COPY_STEPS = 3

_ANY = b'<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"/>'

Filter: TypeAlias = etree._Element | None


def select(schema: Schema, data: Tree, wanted: Filter) -> Tree:
    """What a <filter> selects; a copy.

    Raises:
        Fault: the filter is none.
    """
    if wanted is None:
        return data.copy()
    if kind(wanted) == "xpath":
        return _by_xpath(schema, data, wanted)
    if (wanted.text or "").strip(BLANK) and not len(wanted):
        raise fault("invalid-value", "A subtree filter holds elements, not text.", bad_element="filter")
    return _Subtree(schema).select(data, list(wanted))


def kind(wanted: etree._Element) -> str:
    """``subtree`` or ``xpath``.

    Raises:
        Fault: another type, or XPath without its expression.
    """
    found = wanted.get("type") or wanted.get(f"{{{BASE}}}type") or "subtree"
    if found not in ("subtree", "xpath"):
        raise fault("bad-attribute", f"Filter type '{found}' is unknown.", bad_attribute="type", bad_element="filter")
    if found == "xpath" and expression_of(wanted) is None:
        raise fault(
            "missing-attribute", "An XPath filter needs 'select'.", bad_attribute="select", bad_element="filter"
        )
    return found


def expression_of(wanted: etree._Element) -> str | None:
    """The XPath expression as the client wrote it."""
    found: str | None = wanted.get("select") or wanted.get(f"{{{BASE}}}select")
    return found


def _by_xpath(schema: Schema, data: Tree, wanted: etree._Element) -> Tree:
    expression = with_module_names(schema, expression_of(wanted) or "", wanted.nsmap)
    # libyang needs some node to look from, if only to tell that the expression is none.
    place = data or tree.parse(schema.context, _ANY, lib.LYD_PARSE_STRICT)
    try:
        found = place.xpath(expression) if data else place.xpath(expression)[:0]
    except tree.LibyangRefused:
        said = "; ".join(message for message, *_rest in stored(schema))
        raise fault("invalid-value", f"select: {said}", bad_attribute="select", bad_element="filter") from None
    result = Tree(schema.context)
    chosen = set(found)
    made: dict[Node, Node] = {}
    for node in found:
        if not any(above in chosen for above in _above(node)):
            _copy_with_parents(result, made, node)
    return result


def _above(node: Node) -> list[Node]:
    found = []
    while node := tree.parent_of(node):
        found.append(node)
    return found


def _copy_with_parents(result: Tree, made: dict[Node, Node], node: Node) -> None:
    parent: Node = NULL
    for above in reversed(_above(node)):
        if above not in made:
            made[above] = _copy(result, parent, above, _ALONE)
        parent = made[above]
    if parent and node.schema.flags & tree.KEY:
        return
    _copy(result, parent, node, _WHOLE)


def _copy(result: Tree, parent: Node, node: Node, options: int) -> Node:
    """A copy below `parent`, or at the top of `result`. A list entry always has its keys."""
    if parent and keyless.is_entry(node):
        return keyless.copy_entry(parent, node, options)
    made = ffi.new("struct lyd_node **")
    above = ffi.cast("struct lyd_node_inner *", parent)
    if options == _WHOLE and keyless.holds_entries(node):
        made[0] = keyless.copy_whole(parent, node, _WHOLE, _ALONE)
    elif lib.lyd_dup_single(node, above, options, made) != lib.LY_SUCCESS:
        raise tree.LibyangRefused
    if not parent:
        result.first = tree.put_beside(result.first, made[0])
    return made[0]


def _there(result: Tree, parent: Node, node: Node) -> Node:
    """The copy of a node, if it was copied before; entries without keys cannot be told from one another."""
    if parent and keyless.is_entry(node):
        return NULL
    return tree.same(lib.lyd_child(parent) if parent else result.first, node)


class _Place:
    """Where in the result something may come; it is made only when something does."""

    __slots__ = ("_above", "_node", "_result", "made")

    def __init__(self, result: Tree, above: _Place | None = None, node: Node = NULL) -> None:
        self._result = result
        self._above = above
        self._node = node
        # Another filter element may have selected something of the same node before.
        self.made = NULL if above is None else above.there(node)

    def there(self, node: Node) -> Node:
        """The copy of a node below this place, or NULL."""
        return NULL if self._above is not None and not self.made else _there(self._result, self.made, node)

    def make(self) -> Node:
        """The copy of this place's own node; NULL for the top."""
        if self._above is not None and not self.made:
            self.made = _copy(self._result, self._above.make(), self._node, _ALONE)
        return self.made


class _Subtree:
    """One subtree filter at work."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        # (filter element, schema node) -> the value to compare with, in libyang's canonical form.
        self._values: dict[tuple[etree._Element, Any], str] = {}
        self._left = MOST_STEPS
        # Nodes that the result has with all below them: nothing can be added to those.
        self._complete: set[Node] = set()
        self._inside_entry = 0

    def select(self, data: Tree, wanted: list[etree._Element]) -> Tree:
        result = Tree(self._schema.context)
        for element in wanted:
            self._element(result, _Place(result), element, data.first, NULL)
        return result

    def _element(self, result: Tree, place: _Place, element: etree._Element, first: Node, above: Any) -> bool:
        """Copies what one filter element selects among the siblings from `first`; whether that is anything."""
        some = False
        for node in self._candidates(element, first, above):
            some = self._node(result, place, element, node) or some
        return some

    def _node(self, result: Tree, place: _Place, element: etree._Element, node: Node) -> bool:
        if _expects_attributes(element):
            # No node of ours has attributes, so none matches (6.2.2).
            return False
        text = (element.text or "").strip(BLANK)
        if not len(element):
            if text and not (node.schema.nodetype & tree.TERM and tree.value_of(node) == self._value(element, node)):
                return False
            self._put(result, place, node)
            return True
        if node.schema.nodetype & tree.TERM:
            return False
        return self._inside(result, place, element, node)

    def _inside(self, result: Tree, place: _Place, element: etree._Element, node: Node) -> bool:
        """A containment node (6.2.3) with its sibling set below (6.2.5)."""
        self._spend(1 + len(element))
        if node in self._complete and not self._inside_entry:
            return True
        below = lib.lyd_child(node)
        tests: list[etree._Element] = []
        others: list[etree._Element] = []
        for child in element:
            (tests if not len(child) and (child.text or "").strip(BLANK) else others).append(child)
        matched = []
        for test in tests:
            found = [
                one
                for one in self._candidates(test, below, node.schema)
                if one.schema.nodetype & tree.TERM
                and tree.value_of(one) == self._value(test, one)
                and not _expects_attributes(test)
            ]
            if not found:
                return False
            matched.extend(found)
        if not others:
            self._put(result, place, node)
            return True
        here = _Place(result, place, node)
        some = bool(tests)
        entry = keyless.is_entry(node)
        self._inside_entry += entry
        for one in matched:
            self._put(result, here, one)
        for child in others:
            some = self._element(result, here, child, below, node.schema) or some
        self._inside_entry -= entry
        return some

    def _put(self, result: Tree, place: _Place, node: Node) -> None:
        """A whole copy; what another filter element has put there before gives way."""
        if not keyless.is_entry(node) and not self._inside_entry:
            # An entry without keys is copied again for each filter element, all else once.
            if node in self._complete:
                return
            self._complete.add(node)
        self._spend(_COPY_STEPS)
        parent = place.make()
        there = place.there(node)
        if there:
            if node.schema.flags & tree.KEY:
                return
            result.remove(there)
        _copy(result, parent, node, _WHOLE)

    def _candidates(self, element: etree._Element, first: Node, above: Any) -> list[Node]:
        """The nodes among siblings whose name is that of the filter element."""
        self._spend(1 + len(element))
        if not first:
            return []
        namespace, name = qualified(element)
        if not namespace:
            # Without a namespace any will do (6.2.1).
            found = []
            for node in tree.siblings(first):
                self._spend(1)
                if tree.name_of(node.schema) == name:
                    found.append(node)
            return found
        model = child_of(self._schema, above, namespace, name)
        if not model:
            return []
        if model.nodetype & tree.LIST:
            keys = self._keys(element, model)
            if keys:
                one = tree.instance(first, model, keys)
                lib.ly_err_clean(self._schema.context.cdata, NULL)
                return [one] if one else []
        one = tree.instance(first, model)
        if not one or not model.nodetype & tree.SEVERAL:
            return [one] if one else []
        found = []
        while one and one.schema == model:
            self._spend(1)
            found.append(one)
            one = one.next
        return found

    def _keys(self, element: etree._Element, model: Any) -> str:
        """The key predicates where the filter gives all keys of a list, so that one look-up finds the entry."""
        words = []
        child = lib.lysc_node_child(model)
        while child and child.flags & tree.KEY:
            name = tree.name_of(child)
            given = [item for item in element if qualified(item)[1] == name and not len(item)]
            if len(given) != 1 or not (given[0].text or "").strip(BLANK):
                return ""
            value = canonical(self._schema, given[0], child)
            if "'" in value and '"' in value:
                return ""
            quote = '"' if "'" in value else "'"
            words.append(f"[{name}={quote}{value}{quote}]")
            child = child.next
        return "".join(words)

    def _value(self, element: etree._Element, node: Node) -> str:
        key = (element, node.schema)
        if key not in self._values:
            self._values[key] = canonical(self._schema, element, node.schema)
        return self._values[key]

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            said = (
                "The filter selects too often among too many nodes. Ask for fewer entries, or for all of them at once."
            )
            raise fault("too-big", said, bad_element="filter")


def _expects_attributes(element: etree._Element) -> bool:
    return bool(element.attrib)
