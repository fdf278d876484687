# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of a RIB (RFC 8349): entries of a list without keys, of which there can be 100,000.

libyang files all entries of such a list under one hash, and each further one takes as long as all before it: 44 s for
40,000. Here each entry gets a hash of its own while it belongs to no tree; libyang looks such entries up by nothing
else, and computes nothing from it.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from _libyang import ffi, lib

from . import tree
from .tree import LibyangRefused, Node, Tree

_LIST, _KEYLESS = int(lib.LYS_LIST), int(lib.LYS_KEYLESS)
_NO_PARENT = ffi.cast("struct lyd_node_inner *", ffi.NULL)
_ABOVE = ("routing", "ribs", "rib", "routes")
_MODULE = "ietf-routing"
_CHUNK = 250
_SPREAD = 2654435761  # neighbours far apart: the golden ratio of 32 bits (Knuth)


class _Hashes:
    def __init__(self) -> None:
        self._number = 0

    def next(self) -> int:
        self._number += 1
        return self._number * _SPREAD & 0xFFFFFFFF


_hashes = _Hashes()


def is_entry(node: Node) -> bool:
    """Whether a node is an entry of a list without keys."""
    return bool(node.schema.nodetype == _LIST and node.schema.flags & _KEYLESS)


def holds_entries(node: Node) -> bool:
    """Whether such entries may be somewhere below a node."""
    return tree.name_of(node.schema) in _ABOVE and tree.name_of(node.schema.module) == _MODULE


async def parse_state(context: Any, told: dict[str, Any], options: int) -> Tree:
    """The kernel side's state (RFC 7951 JSON) as a tree; takes long lists of routes out of ``told``.

    Others have their turn in between: 100,000 routes take more than a second.

    Raises:
        LibyangRefused: not what the models say.
    """
    ribs = told.get("ietf-routing:routing", {}).get("ribs", {}).get("rib", ())
    rest = []
    for number, rib in enumerate(ribs):
        routes = rib.get("routes", {}).get("route", [])
        rest += [(number, rib, routes[at : at + _CHUNK]) for at in range(_CHUNK, len(routes), _CHUNK)]
        del routes[_CHUNK:]
    made = _parse(context, told, options)
    places = _places(made) if rest else []
    for number, rib, routes in rest:
        await asyncio.sleep(0)
        one = {**rib, "routes": {"route": routes}}
        chunk = _parse(context, {"ietf-routing:routing": {"ribs": {"rib": [one]}}}, options)
        for node in tree.children(_places(chunk)[0]):
            chunk.unlink(node)
            _insert(places[number], node)
        chunk.free()
    return made


def _parse(context: Any, data: dict[str, Any], options: int) -> Tree:
    # Not as ASCII: libyang knows no pairs of surrogates.
    return tree.parse(context, json.dumps(data, ensure_ascii=False).encode(), options, lib.LYD_JSON)


def _places(data: Tree) -> list[Node]:
    """The container ``routes`` of each RIB."""
    found = []
    for routing in tree.siblings(data.first):
        if holds_entries(routing):
            for rib in tree.children(lib.lyd_child(routing)):
                found += [node for node in tree.children(rib) if tree.name_of(node.schema) == "routes"]
    return found


def _insert(parent: Node, node: Node) -> None:
    node.hash = _hashes.next()
    if lib.lyd_insert_child(parent, node) != lib.LY_SUCCESS:
        lib.lyd_free_tree(node)
        raise LibyangRefused


def copy_entry(parent: Node, node: Node, options: int) -> Node:
    """A copy of an entry as the last below ``parent``."""
    made = _duplicate(_NO_PARENT, node, options)
    _insert(parent, made)
    return made


def copy_whole(parent: Node, node: Node, whole: int, alone: int) -> Node:
    """A copy of a node that ``holds_entries``, with all below it.

    Args:
        parent: the copy's parent, or NULL.
        whole, alone: options of ``lyd_dup_single`` with and without what is below.
    """
    made = _duplicate(ffi.cast("struct lyd_node_inner *", parent), node, alone)
    for child in tree.children(node):
        if child.schema.flags & tree.KEY:
            continue  # a list entry is copied with its keys
        if is_entry(child):
            copy_entry(made, child, whole)
        elif holds_entries(child):
            copy_whole(made, child, whole, alone)
        else:
            _duplicate(ffi.cast("struct lyd_node_inner *", made), child, whole)
    return made


def _duplicate(above: Any, node: Node, options: int) -> Node:
    made = ffi.new("struct lyd_node **")
    if lib.lyd_dup_single(node, above, options, made) != lib.LY_SUCCESS:
        raise LibyangRefused
    return made[0]
