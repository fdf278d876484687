# SPDX-License-Identifier: GPL-3.0-or-later
"""Small questions to the models: the other cases of a choice, a child by its name, a leaf's default."""

from __future__ import annotations

from typing import Any

from _libyang import ffi, lib
from lxml import etree

from .message import qualified
from .schema import Schema
from .tree import NULL, Node, value_of

CASES = lib.LYS_CASE | lib.LYS_CHOICE
_rivals: dict[Any, list[Any]] = {}


def rivals(model: Any) -> list[Any]:
    """The schema nodes that cannot be there together with this one: those of the other cases of its choices.

    Models live as long as the process, so what was found once is kept.
    """
    if model not in _rivals:
        found: list[Any] = []
        inner = model
        outer = model.parent
        while outer and outer.nodetype & CASES:
            if outer.nodetype & lib.LYS_CHOICE:
                case = lib.lysc_node_child(outer)
                while case:
                    if case != inner:
                        found.extend(_data_nodes(case))
                    case = case.next
            inner, outer = outer, outer.parent
        _rivals[model] = found
    return _rivals[model]


def child_of(schema: Schema, parent: Any, namespace: str, name: str) -> Any:
    """The schema node of a data node below `parent` (NULL: at the top), or NULL."""
    module = schema.by_namespace.get(namespace)
    if module is None:
        return NULL
    cdata = lib.ly_ctx_get_module(schema.context.cdata, module.name.encode(), module.revision.encode() or ffi.NULL)
    return lib.lys_find_child(parent, cdata, name.encode(), 0, 0, 0)


def is_schema_default(schema: Schema, node: Node) -> bool:
    """Whether a leaf's value is the default that its model gives."""
    if not node.schema.nodetype & lib.LYS_LEAF:
        return False
    default = ffi.cast("struct lysc_node_leaf *", node.schema).dflt
    if not default:
        return False
    canonical = lib.lyd_value_get_canonical(schema.context.cdata, default)
    return bool(ffi.string(canonical).decode() == value_of(node))


def is_leaf(schema: Schema, element: etree._Element) -> bool:
    """Whether an element below <config> is a leaf of the models."""
    line = [element, *element.iterancestors()][:-1]
    model = NULL
    for one in reversed(line):
        model = child_of(schema, model, *qualified(one))
        if not model:
            return False
    return bool(model and model.nodetype & lib.LYS_LEAF)


def _data_nodes(model: Any) -> list[Any]:
    if not model.nodetype & CASES:
        return [model]
    found = []
    child = lib.lysc_node_child(model)
    while child:
        found.extend(_data_nodes(child))
        child = child.next
    return found
