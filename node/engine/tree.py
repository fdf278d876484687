# SPDX-License-Identifier: GPL-3.0-or-later
"""libyang's data trees, with an owner: one object for the top-level siblings of a datastore or a message.

The binding's own wrapper makes a Python object for each node and leaves freeing to the caller. Here nodes stay C
pointers, calls go to the C library, and a tree is freed when its owner is: memory stays flat.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import _libyang
import cffi
import libyang
from _libyang import ffi, lib

# What libyang 2 has and the binding does not name (tree_data.h).
_more = cffi.FFI()
_more.cdef("""
    void lyd_find_sibling_first(void);
    void lyd_find_sibling_val(void);
    void lyd_insert_before(void);
    void lyd_insert_after(void);
    void lyd_insert_sibling(void);
    void lyd_unlink_tree(void);
    void lyd_parse_opaq_error(void);
    void lyd_compare_siblings(void);
    void lyd_compare_single(void);
    struct opaque_name { const char *name; const char *prefix; const char *module_ns; };
    struct attribute {
        void *parent; struct attribute *next; struct opaque_name name; const char *value;
        uint32_t hints; int format; void *prefixes;
    };
    struct opaque {
        uint32_t hash; uint32_t flags; void *schema; void *parent; void *next; void *prev; void *meta; void *priv;
        void *child; struct opaque_name name; const char *value; uint32_t hints; int format; void *prefixes;
        struct attribute *attr; void *context;
    };
""")
# The binding's own file leads to the very library that it has loaded.
_lib = _more.dlopen(_libyang.__file__)


def _function(name: str, kind: str) -> Any:
    """A function of the library with the binding's own types, so that no pointer needs to be converted."""
    return ffi.cast(kind, int(_more.cast("uintptr_t", _more.addressof(_lib, name))))


_find_first = _function(
    "lyd_find_sibling_first", "int(*)(const struct lyd_node *, const struct lyd_node *, struct lyd_node **)"
)
_find_value = _function(
    "lyd_find_sibling_val",
    "int(*)(const struct lyd_node *, const struct lysc_node *, const char *, size_t, struct lyd_node **)",
)
_before = _function("lyd_insert_before", "int(*)(struct lyd_node *, struct lyd_node *)")
_after = _function("lyd_insert_after", "int(*)(struct lyd_node *, struct lyd_node *)")
_beside = _function("lyd_insert_sibling", "int(*)(struct lyd_node *, struct lyd_node *, struct lyd_node **)")
_unlink = _function("lyd_unlink_tree", "void(*)(struct lyd_node *)")
_opaque_error = _function("lyd_parse_opaq_error", "int(*)(const struct lyd_node *)")
_compare = _function("lyd_compare_siblings", "int(*)(const struct lyd_node *, const struct lyd_node *, uint32_t)")
_compare_one = _function("lyd_compare_single", "int(*)(const struct lyd_node *, const struct lyd_node *, uint32_t)")
_RECURSIVELY = 1  # LYD_COMPARE_FULL_RECURSION
# One place for results is enough: nothing here runs in two threads.
_found = ffi.new("struct lyd_node **")

# Without this the errors of libyang have no path.
lib.ly_set_log_clb(ffi.NULL, 1)

NULL = ffi.NULL
Node = Any
"""A C pointer to one node of a tree; as long as its tree lives."""

SHRINK = lib.LYD_PRINT_WITHSIBLINGS | lib.LYD_PRINT_SHRINK
# The library's constants, as numbers: looking them up costs as much as a call.
LIST, LEAFLIST, CONTAINER = int(lib.LYS_LIST), int(lib.LYS_LEAFLIST), int(lib.LYS_CONTAINER)
SEVERAL = LIST | LEAFLIST
DEFAULT = int(lib.LYD_DEFAULT)
KEY, USER_ORDERED, PRESENCE = int(lib.LYS_KEY), int(lib.LYS_ORDBY_USER), int(lib.LYS_PRESENCE)
TERM = lib.LYS_LEAF | lib.LYS_LEAFLIST
MERGE_DESTRUCT = lib.LYD_MERGE_DESTRUCT


class LibyangRefused(Exception):
    """libyang would not do it; the errors are in the context until somebody reads them (complaints.py)."""


class Tree:
    """Owns the top-level siblings of one data tree."""

    __slots__ = ("context", "first")

    def __init__(self, context: libyang.Context, first: Node = NULL) -> None:
        self.context = context
        self.first = first

    def __del__(self) -> None:
        self.free()

    def __bool__(self) -> bool:
        return bool(self.first)

    def free(self) -> None:
        """Give the memory back; the tree is empty afterwards."""
        first, self.first = self.first, NULL
        if first:
            lib.lyd_free_all(first)

    def copy(self) -> Tree:
        """An equal tree, flags included."""
        if not self.first:
            return Tree(self.context)
        made = ffi.new("struct lyd_node **")
        _check(lib.lyd_dup_siblings(self.first, NULL, lib.LYD_DUP_RECURSIVE | lib.LYD_DUP_WITH_FLAGS, made))
        return Tree(self.context, made[0])

    def take(self) -> Node:
        """The siblings, no longer owned by this tree."""
        first, self.first = self.first, NULL
        return first

    def swallow(self, other: Tree) -> None:
        """Merge `other`, which is empty afterwards: what it says wins."""
        if not other.first:
            return
        place = ffi.new("struct lyd_node **", self.first)
        _check(lib.lyd_merge_siblings(place, other.take(), MERGE_DESTRUCT))
        self.first = place[0]

    def validate(self) -> None:
        """Check everything that the models demand of configuration, and add default values as nodes.

        Raises:
            LibyangRefused: the tree may be partly changed.
        """
        place = ffi.new("struct lyd_node **", self.first)
        try:
            _check(lib.lyd_validate_all(place, self.context.cdata, lib.LYD_VALIDATE_NO_STATE, NULL))
        finally:
            self.first = place[0]

    def remove(self, node: Node) -> None:
        """Free one node of this tree with all below it."""
        if node == self.first:
            self.first = node.next
        lib.lyd_free_tree(node)

    def unlink(self, node: Node) -> None:
        """Take one node of this tree out with all below it; it belongs to the caller."""
        if node == self.first:
            self.first = node.next
        _unlink(node)

    def find(self, path: str) -> Node:
        """The node at an instance path (JSON prefixes), or NULL."""
        if not self.first:
            return NULL
        found = ffi.new("struct lyd_node **")
        if lib.lyd_find_path(self.first, path.encode(), 0, found) == lib.LY_SUCCESS:
            return found[0]
        lib.ly_err_clean(self.context.cdata, NULL)
        return NULL

    def xpath(self, expression: str) -> list[Node]:
        """The nodes that an XPath with module names as prefixes selects, in document order.

        Raises:
            LibyangRefused: not an expression, or not one that selects nodes.
        """
        if not self.first:
            return []
        found = ffi.new("struct ly_set **")
        _check(lib.lyd_find_xpath(self.first, expression.encode(), found))
        try:
            return [found[0].dnodes[index] for index in range(found[0].count)]
        finally:
            lib.ly_set_free(found[0], NULL)

    def print(self, defaults: int = lib.LYD_PRINT_WD_EXPLICIT, form: int = lib.LYD_XML, options: int = SHRINK) -> bytes:
        """All siblings as XML or JSON text."""
        return print_node(self.first, defaults, form, options) if self.first else b""

    def dnode(self) -> libyang.DNode | None:
        """The binding's view of the first sibling, for the kernel side; None for an empty tree."""
        return libyang.DNode.new(self.context, self.first) if self.first else None

    def equals(self, other: Tree) -> bool:
        """Whether both say the same, order of user-ordered lists included; implicit defaults count as values."""
        if not self.first or not other.first:
            return not self.first and not other.first
        return bool(_compare(self.first, other.first, _RECURSIVELY) == 0)


def parse(context: libyang.Context, text: bytes, options: int, form: int = lib.LYD_XML) -> Tree:
    """Read siblings without validating them.

    Args:
        options: LYD_PARSE_STRICT or LYD_PARSE_OPAQ, LYD_PARSE_NO_STATE.

    Raises:
        LibyangRefused: not what the models say.
    """
    made = ffi.new("struct lyd_node **")
    _check(lib.lyd_parse_data_mem(context.cdata, text, form, lib.LYD_PARSE_ONLY | options, 0, made))
    return Tree(context, made[0])


def print_node(node: Node, defaults: int, form: int = lib.LYD_XML, options: int = SHRINK) -> bytes:
    """A node, and its following siblings with LYD_PRINT_WITHSIBLINGS, as text."""
    made = ffi.new("char **")
    _check(lib.lyd_print_mem(made, node, form, options | defaults))
    if not made[0]:
        return b""
    try:
        return bytes(ffi.string(made[0]))
    finally:
        lib.free(made[0])


def children(node: Node) -> Iterator[Node]:
    """The nodes below, safe against removal of the one just given."""
    child = lib.lyd_child(node)
    while child:
        following = child.next
        yield child
        child = following


def siblings(node: Node) -> Iterator[Node]:
    """The node and those after it, safe against removal of the one just given."""
    while node:
        following = node.next
        yield node
        node = following


def parent_of(node: Node) -> Node:
    """The node above, or NULL."""
    return ffi.cast("struct lyd_node *", node.parent)


def same(first: Node, node: Node) -> Node:
    """The instance among `first` and its siblings that stands where `node` does in its own tree, or NULL."""
    if not first:
        return NULL
    model = node.schema
    # A leaf by its name only: with another value it is still the same leaf.
    several = model.nodetype & SEVERAL
    code = _find_first(first, node, _found) if several else _find_value(first, model, NULL, 0, _found)
    return _found[0] if code == 0 else NULL


def instance(first: Node, schema: Any, key_or_value: str | None = None) -> Node:
    """The first instance of `schema` among siblings; with ``[key='value']`` or a leaf-list's value just that one."""
    if not first:
        return NULL
    if key_or_value is None:
        code = _find_value(first, schema, NULL, 0, _found)
    else:
        text = key_or_value.encode()
        code = _find_value(first, schema, text, len(text), _found)
    return _found[0] if code == 0 else NULL


def alike(one: Node, other: Node) -> bool:
    """Whether two nodes and all below them say the same."""
    return bool(_compare_one(one, other, _RECURSIVELY) == 0)


def put_before(anchor: Node, node: Node) -> None:
    """Move an instance of a user-ordered list."""
    _check(_before(anchor, node))


def put_after(anchor: Node, node: Node) -> None:
    """Move an instance of a user-ordered list."""
    _check(_after(anchor, node))


def put_beside(first: Node, node: Node) -> Node:
    """Add a node without parent to top-level siblings, NULL if there are none yet; the first sibling afterwards."""
    _check(_beside(first, node, _found))
    return _found[0]


def put_below(parent: Node, node: Node) -> None:
    """Add a node without parent below another."""
    _check(lib.lyd_insert_child(parent, node))


def complain(node: Node) -> None:
    """Make libyang say why a node could only be kept as it was written.

    Raises:
        LibyangRefused: always.
    """
    _opaque_error(node)
    raise LibyangRefused


def opaque(node: Node) -> tuple[str, str, str, dict[tuple[str, str], str]]:
    """Namespace, name, text and attributes of a node that libyang could only keep as it was written."""
    own = _more.cast("struct opaque *", int(ffi.cast("uintptr_t", node)))
    attributes = {}
    attribute = own.attr
    while attribute:
        attributes[_text(attribute.name.module_ns), _text(attribute.name.name)] = _text(attribute.value)
        attribute = attribute.next
    return _text(own.name.module_ns), _text(own.name.name), _text(own.value), attributes


def path_of(node: Node) -> str:
    """The instance path with module names as prefixes."""
    made = lib.lyd_path(node, lib.LYD_PATH_STD, NULL, 0)
    try:
        return str(ffi.string(made).decode())
    finally:
        lib.free(made)


def value_of(node: Node) -> str:
    """The canonical value of a leaf or leaf-list."""
    return str(ffi.string(lib.lyd_get_value(node)).decode())


def name_of(item: Any) -> str:
    """The name of a schema node, a module or a metadata item."""
    return str(ffi.string(item.name).decode())


def metadata(node: Node) -> Iterator[tuple[str, str, Any]]:
    """Module, name and the item itself of each annotation, safe against removal."""
    item = node.meta
    while item:
        following = item.next
        yield name_of(item.annotation.module), name_of(item), item
        item = following


def meta_value(context: libyang.Context, item: Any) -> str:
    """The canonical value of an annotation."""
    return str(ffi.string(lib.lyd_value_get_canonical(context.cdata, ffi.addressof(item.value))).decode())


def _text(words: Any) -> str:
    return _more.string(words).decode() if words else ""


def _check(code: int) -> None:
    if code != lib.LY_SUCCESS:
        raise LibyangRefused
