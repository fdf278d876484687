# SPDX-License-Identifier: GPL-3.0-or-later
"""The same node many times in one <config>, found before libyang reads it.

libyang files equal nodes under one hash, and each further one takes as long as all before it: 45,000 times the same
leaf is 19 s in which nobody is served. Few equal ones cost nothing; those are left to the checks that come later.
"""

from __future__ import annotations

from typing import Any

from _libyang import ffi, lib
from lxml import etree

from . import tree
from .canonical import canonical
from .choices import child_of
from .errors import Fault, RpcError
from .message import qualified
from .schema import Schema
from .tree import NULL

FEW = 100
"""Elements below one parent among which nobody looks here."""
_CROWDED = etree.XPath(f"descendant-or-self::*[count(*) > {FEW}]")


def check_duplicates(schema: Schema, config: etree._Element) -> None:
    """
    Args:
        config: the <config> of a request.

    Raises:
        Fault: ``bad-element``: a leaf or container twice, or two list entries with the same keys (RFC 7950, 7.8.2).
    """
    for parent in _CROWDED(config):
        model = NULL if parent is config else _model_of(schema, config, parent)
        if model or parent is config:
            _check_children(schema, parent, model)


def _model_of(schema: Schema, config: etree._Element, element: etree._Element) -> Any:
    """The schema node of an element below <config>, or NULL."""
    line = [element]
    while (above := line[-1].getparent()) is not config:
        line.append(above)
    model = NULL
    for one in reversed(line):
        model = child_of(schema, model, *qualified(one))
        if not model:
            return NULL
    return model


def _check_children(schema: Schema, parent: etree._Element, above: Any) -> None:
    models: dict[str, tuple[Any, list[tuple[str, Any]]]] = {}
    seen: set[tuple[str, ...]] = set()
    for child in parent:
        tag = str(child.tag)
        if tag not in models:
            model = child_of(schema, above, *qualified(child))
            models[tag] = (model, _keys(model))
        model, keys = models[tag]
        if not model:
            continue
        values: list[str] = []
        if model.nodetype & tree.LIST:
            found = [next(child.iterchildren(name), None) for name, _model in keys]
            if not keys or any(key is None for key in found):
                # libyang says what is missing.
                continue
            values = [canonical(schema, key, one) for key, (_name, one) in zip(found, keys, strict=True)]
        elif model.nodetype & tree.LEAFLIST:
            values = [canonical(schema, child, model)]
        if (tag, *values) in seen:
            raise _twice(qualified(child)[1], values)
        seen.add((tag, *values))


def _keys(model: Any) -> list[tuple[str, Any]]:
    """Tag and schema node of each key of a list."""
    found = []
    if model and model.nodetype & tree.LIST:
        child = lib.lysc_node_child(model)
        while child and child.flags & tree.KEY:
            found.append((f"{{{_namespace(child)}}}{tree.name_of(child)}", child))
            child = child.next
    return found


def _namespace(model: Any) -> str:
    return str(ffi.string(model.module.ns).decode())


def _twice(name: str, values: list[str]) -> Fault:
    which = f" ({', '.join(value[:99] for value in values)})" if values else ""
    said = f"<config> names <{name}>{which} twice. Name it once."
    return Fault(RpcError("bad-element", said, info=[("bad-element", name)]))
