# SPDX-License-Identifier: GPL-3.0-or-later
"""The same node many times in one <config>, found before libyang reads it.

libyang files equal nodes under one hash, and each further one takes as long as all before it: 45,000 times the same
leaf is 19 s in which nobody is served. Few equal ones cost nothing; those are left to the checks that come later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from _libyang import ffi, lib
from lxml import etree

from . import tree
from .canonical import reader
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


Key = tuple[str, Callable[[etree._Element], bytes]]
"""Tag of a list's key, and what reads its value."""
Values = Callable[[etree._Element], "list[bytes] | None"]
"""What an element must not have in common with another of its tag; None where libyang will say what is missing."""


def _check_children(schema: Schema, parent: etree._Element, above: Any) -> None:
    kinds: dict[str, Values | None] = {}
    seen: set[tuple[str | bytes, ...]] = set()
    for child in parent:
        tag = child.tag
        if tag not in kinds:
            kinds[tag] = _values_of(schema, child_of(schema, above, *qualified(child)))
        kind = kinds[tag]
        values = kind(child) if kind is not None else None
        if values is None:
            continue
        place = (tag, *values)
        if place in seen:
            raise _twice(qualified(child)[1], values)
        seen.add(place)


def _values_of(schema: Schema, model: Any) -> Values | None:
    """How to tell the instances of a schema node apart; None for what the models do not know."""
    if not model:
        return None
    if model.nodetype & tree.LEAFLIST:
        value = reader(schema, model)
        return lambda element: [value(element)]
    if not model.nodetype & tree.LIST:
        return lambda _element: []
    keys = _keys(schema, model)
    if len(keys) == 1:
        name, only = keys[0]

        def one(entry: etree._Element) -> list[bytes] | None:
            key = _key(entry, 0, name)
            return None if key is None else [only(key)]

        return one

    def several(entry: etree._Element) -> list[bytes] | None:
        found = [_key(entry, at, name) for at, (name, _read) in enumerate(keys)]
        return [read(one) for one, (_name, read) in zip(found, keys, strict=True)] if None not in found else None

    return several if keys else None


def _key(entry: etree._Element, at: int, name: str) -> etree._Element | None:
    """The key of this name; most clients write keys first and in their order."""
    if len(entry) > at and entry[at].tag == name:
        return entry[at]
    return entry.find(name)


def _keys(schema: Schema, model: Any) -> list[Key]:
    """The keys of a list."""
    found: list[Key] = []
    if model and model.nodetype & tree.LIST:
        child = lib.lysc_node_child(model)
        while child and child.flags & tree.KEY:
            found.append((f"{{{_namespace(child)}}}{tree.name_of(child)}", reader(schema, child)))
            child = child.next
    return found


def _namespace(model: Any) -> str:
    return str(ffi.string(model.module.ns).decode())


def _twice(name: str, values: list[bytes]) -> Fault:
    which = f" ({', '.join(value.decode()[:99] for value in values)})" if values else ""
    said = f"<config> names <{name}>{which} twice. Name it once."
    return Fault(RpcError("bad-element", said, info=[("bad-element", name)]))
