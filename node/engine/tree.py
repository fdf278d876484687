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

# Functions and structures that libyang 2 has and the binding does not name (tree_data.h).
_more = cffi.FFI()
_more.cdef("""
    int lyd_find_sibling_first(const void *siblings, const void *target, void **match);
    int lyd_find_sibling_val(const void *siblings, const void *schema, const char *key_or_value, size_t len,
                             void **match);
    int lyd_insert_before(void *sibling, void *node);
    int lyd_insert_after(void *sibling, void *node);
    int lyd_insert_sibling(void *sibling, void *node, void **first);
    int lyd_parse_opaq_error(const void *node);
    int lyd_compare_siblings(const void *one, const void *other, uint32_t options);
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

# Without this the errors of libyang have no path.
lib.ly_set_log_clb(ffi.NULL, 1)

NULL = ffi.NULL
Node = Any
"""A C pointer to one node of a tree; as long as its tree lives."""

SHRINK = lib.LYD_PRINT_WITHSIBLINGS | lib.LYD_PRINT_SHRINK
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
        return bool(_lib.lyd_compare_siblings(pointer(self.first), pointer(other.first), 1) == lib.LY_SUCCESS)


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


def pointer(node: Node) -> Any:
    """The same address for the second set of functions."""
    return _more.cast("void *", int(ffi.cast("uintptr_t", node)))


def same(first: Node, node: Node) -> Node:
    """The instance among `first` and its siblings that is the same node as `node` of another tree, or NULL."""
    if not first:
        return NULL
    found = _more.new("void **")
    code = _lib.lyd_find_sibling_first(pointer(first), pointer(node), found)
    return _back(found[0]) if code == lib.LY_SUCCESS else NULL


def instance(first: Node, schema: Any, key_or_value: str | None = None) -> Node:
    """The first instance of `schema` among siblings; with ``[key='value']`` or a leaf-list's value just that one."""
    if not first:
        return NULL
    found = _more.new("void **")
    text = key_or_value.encode() if key_or_value is not None else None
    code = _lib.lyd_find_sibling_val(
        pointer(first),
        pointer(schema),
        _more.NULL if text is None else _more.from_buffer(text),
        len(text or b""),
        found,
    )
    return _back(found[0]) if code == lib.LY_SUCCESS else NULL


def put_before(anchor: Node, node: Node) -> None:
    """Move an instance of a user-ordered list."""
    _check(_lib.lyd_insert_before(pointer(anchor), pointer(node)))


def put_after(anchor: Node, node: Node) -> None:
    """Move an instance of a user-ordered list."""
    _check(_lib.lyd_insert_after(pointer(anchor), pointer(node)))


def complain(node: Node) -> None:
    """Make libyang say why a node could only be kept as it was written.

    Raises:
        LibyangRefused: always.
    """
    _lib.lyd_parse_opaq_error(pointer(node))
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


def meta_value(node: Node, item: Any) -> str:
    """The canonical value of an annotation."""
    return str(ffi.string(lib.lyd_value_get_canonical(node.schema.module.ctx, ffi.addressof(item.value))).decode())


def _back(address: Any) -> Node:
    return ffi.cast("struct lyd_node *", int(_more.cast("uintptr_t", address)))


def _text(words: Any) -> str:
    return _more.string(words).decode() if words else ""


def _check(code: int) -> None:
    if code != lib.LY_SUCCESS:
        raise LibyangRefused
