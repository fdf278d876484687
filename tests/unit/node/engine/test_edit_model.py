# SPDX-License-Identifier: GPL-3.0-or-later
"""Random edits, against a small and obvious model of <edit-config> on dictionaries."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("libyang", reason="needs the extra 'node'")

from lxml import etree

from ansible_collections.shadownet.ipam.node.engine.edit import apply
from ansible_collections.shadownet.ipam.node.engine.errors import Fault
from ansible_collections.shadownet.ipam.node.engine.schema import Schema
from ansible_collections.shadownet.ipam.node.engine.tree import Tree
from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import NAMESPACES

SCHEMA = Schema()
NC = NAMESPACES["nc"]
YANG = NAMESPACES["yang"]

# The part of the models that is played with. A list has (key, children); a container children; a choice is told by
# the leaves that exclude one another.
LEAF = "leaf"
ROUTE = {"destination-prefix": LEAF, "description": LEAF, "next-hop": ("container", {"hop": LEAF, "special": LEAF})}
ACE = {"name": LEAF, "actions": ("container", {"forwarding": LEAF})}
MODEL: dict[str, Any] = {
    "interfaces": (
        "container",
        {"interface": ("list", "name", {"name": LEAF, "description": LEAF, "type": LEAF, "enabled": LEAF}, False)},
    ),
    "aces": ("container", {"ace": ("list", "name", ACE, True)}),
    "routes": ("container", {"route": ("list", "destination-prefix", ROUTE, False)}),
}
VALUES = {
    "name": ["a", "b", "c", "d"],
    "description": ["", "x", "y"],
    "type": ["t:bridge", "t:l2vlan"],
    "enabled": ["true", "false"],
    "forwarding": ["acl:accept", "acl:drop"],
    "destination-prefix": ["10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8"],
    "hop": ["192.0.2.1", "192.0.2.2"],
    "special": ["blackhole", "unreachable"],
}
RIVALS = {"hop": ["special"], "special": ["hop"]}
OPERATIONS = [*[None] * 12, "merge", "create", "replace", "delete", "remove"]
# Name here -> the element's name, and what stands around it.
REAL = {"hop": "v4:next-hop-address", "special": "v4:special-next-hop"}


class Refused(Exception):
    """The model says no, with this error-tag."""


def once(one: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Rather there than not: edits that meet nothing of one another show nothing."""
    return st.tuples(st.integers(0, 3), one).map(lambda drawn: [drawn[1]] if drawn[0] else [])


# --- an edit is a list of (name, operation, insert, content); content is a value, or the edit of what is below.
def edits_of(children: dict[str, Any], *, keys: tuple[str, ...] = ()) -> st.SearchStrategy[list[Any]]:
    parts = []
    for name, kind in children.items():
        if name in keys:
            continue
        operation = st.sampled_from(OPERATIONS)
        if kind == LEAF:
            one = st.tuples(st.just(name), operation, st.none(), st.sampled_from(VALUES[name]))
            parts.append(once(one))
        elif kind[0] == "container":
            one = st.tuples(st.just(name), operation, st.none(), edits_of(kind[1]))
            parts.append(once(one))
        else:
            _list, key, below, ordered = kind
            where = st.none()
            if ordered:
                anchors = st.tuples(st.sampled_from(["before", "after"]), st.sampled_from(VALUES[key]))
                where = st.one_of(st.none(), st.sampled_from([("first", None), ("last", None)]), anchors)
            one = st.tuples(
                st.just(name), operation, where, st.tuples(st.sampled_from(VALUES[key]), edits_of(below, keys=(key,)))
            )
            parts.append(st.lists(one, min_size=1, max_size=3, unique_by=lambda item: item[3][0]))
    return st.tuples(*parts).map(lambda found: [item for part in found for item in part])


EDITS = st.tuples(st.sampled_from(["merge", "merge", "merge", "merge", "none", "replace"]), edits_of(MODEL))


# --- the model: a datastore is nested dictionaries; a list is a dictionary in its order, or sorted where the system
# orders it.
def model_apply(data: dict[str, Any], default: str, edit: list[Any]) -> dict[str, Any]:
    data = copy.deepcopy(data)
    if default == "replace":
        data, default = {}, "merge"
    has_insert = "insert" if mentions_insert(edit) else ""
    moves: list[Any] = []
    level(data, MODEL, edit, default, moves, has_insert != "")
    for entries, key, where in moves:
        move(entries, key, where)
    return tidy(data, MODEL)


def mentions_insert(edit: list[Any]) -> bool:
    for _name, _operation, where, content in edit:
        below = content[1] if isinstance(content, tuple) else content
        if where is not None or (isinstance(below, list) and mentions_insert(below)):
            return True
    return False


def level(
    data: dict[str, Any], children: dict[str, Any], edit: list[Any], inherited: str, moves: Any, inserting: bool
) -> None:
    rivals_in_edit(edit, inherited)
    for name, own, where, content in edit:
        operation = own or inherited
        kind = children[name]
        if kind == LEAF:
            leaf(data, name, operation, content)
        elif kind[0] == "container":
            container(data, name, kind[1], operation, content, moves, inserting)
        else:
            entry(data.setdefault(name, {}), kind, operation, where, content, moves, inserting)


def rivals_in_edit(edit: list[Any], inherited: str) -> None:
    kept = {name for name, own, _where, _content in edit if (own or inherited) not in ("delete", "remove")}
    for name in kept:
        told = ({n: o for n, o, _w, _c in edit}[name] or inherited) != "none"
        if told and any(rival in kept for rival in RIVALS.get(name, [])):
            raise Refused("bad-element")


def leaf(data: dict[str, Any], name: str, operation: str, value: str) -> None:
    if operation == "delete" and name not in data:
        raise Refused("data-missing")
    if operation in ("delete", "remove"):
        data.pop(name, None)
        return
    if operation == "create" and name in data:
        raise Refused("data-exists")
    if operation == "none":
        if name not in data:
            raise Refused("data-missing")
        return
    for rival in RIVALS.get(name, []):
        data.pop(rival, None)
    data[name] = value


def container(
    data: dict[str, Any], name: str, children: Any, operation: str, edit: Any, moves: Any, inserting: bool
) -> None:
    there = holds(data.get(name))
    if operation == "delete" and not there:
        raise Refused("data-missing")
    if operation in ("delete", "remove"):
        data.pop(name, None)
        return
    if operation == "create" and there:
        raise Refused("data-exists")
    if operation == "replace":
        data[name] = {}
    level(data.setdefault(name, {}), children, edit, operation, moves, inserting)


def entry(
    entries: dict[str, Any], kind: Any, operation: str, where: Any, content: Any, moves: Any, inserting: bool
) -> None:
    _list, key_name, children, ordered = kind
    key, edit = content
    there = key in entries
    if operation == "delete" and not there:
        raise Refused("data-missing")
    if operation in ("delete", "remove"):
        entries.pop(key, None)
        return
    if operation == "create" and there:
        raise Refused("data-exists")
    if operation == "none":
        if not there:
            raise Refused("data-missing")
        level(entries[key], children, edit, operation, moves, inserting)
        return
    if operation == "replace" and there:
        entries[key] = {key_name: key}
    one = entries.setdefault(key, {key_name: key})
    if ordered and (where is not None or (inserting and not there)):
        moves.append((entries, key, where or ("last", None)))
    level(one, children, edit, operation, moves, inserting)


def move(entries: dict[str, Any], key: str, where: Any) -> None:
    how, anchor = where
    if anchor is not None and anchor not in entries:
        raise Refused("bad-attribute")
    if anchor == key or key not in entries:
        return
    order = [one for one in entries if one != key]
    at = {"first": 0, "last": len(order)}.get(how)
    if at is None:
        at = order.index(anchor) + (how == "after")
    order.insert(at, key)
    items = dict(entries)
    entries.clear()
    entries.update((one, items[one]) for one in order)


def holds(value: Any) -> bool:
    """Whether a container without presence is there: whether it holds anything."""
    if isinstance(value, dict):
        return any(holds(item) for item in value.values())
    return value is not None


def tidy(data: dict[str, Any], children: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in data.items():
        kind = children[name]
        if kind == LEAF:
            found[name] = value
        elif kind[0] == "container":
            below = tidy(value, kind[1])
            if below:
                found[name] = below
        elif value:
            found[name] = {key: tidy(one, kind[2]) for key, one in value.items()}
    return found


# --- the same, as XML.
def to_xml(edit: list[Any]) -> etree._Element:
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    text = "".join(element(*item, MODEL) for item in edit)
    return etree.fromstring(f'<config xmlns="{NC}" {declared}>{text}</config>')


def element(name: str, operation: str | None, where: Any, content: Any, children: dict[str, Any]) -> str:
    kind = children[name]
    marks = f' nc:operation="{operation}"' if operation else ""
    if where is not None:
        marks += f' yang:insert="{where[0]}"'
        if where[1] is not None:
            marks += f" yang:key=\"[acl:name='{where[1]}']\""
    prefix = {"interfaces": "if", "aces": "acl", "routes": "v4"}
    if kind == LEAF:
        return f"<{full(name, children)}{marks}>{content}</{full(name, children)}>"
    if kind[0] == "container":
        inside = "".join(element(*item, kind[1]) for item in content)
        if name == "interfaces":
            return f"<if:interfaces{marks}>{inside}</if:interfaces>"
        if name == "aces":
            return f"<acl:acls><acl:acl><acl:name>l</acl:name><acl:aces{marks}>{inside}</acl:aces></acl:acl></acl:acls>"
        if name == "routes":
            return (
                "<rt:routing><rt:control-plane-protocols><rt:control-plane-protocol><rt:type>rt:static</rt:type>"
                f"<rt:name>s</rt:name><rt:static-routes><v4:ipv4{marks}>{inside}</v4:ipv4></rt:static-routes>"
                "</rt:control-plane-protocol></rt:control-plane-protocols></rt:routing>"
            )
        return f"<{full(name, children)}{marks}>{inside}</{full(name, children)}>"
    key, below = content
    tag = {"interface": "if:interface", "ace": "acl:ace", "route": "v4:route"}[name]
    inside = f"<{prefix_of(tag)}:{kind[1]}>{key}</{prefix_of(tag)}:{kind[1]}>" + "".join(
        element(*item, kind[2]) for item in below
    )
    del prefix
    return f"<{tag}{marks}>{inside}</{tag}>"


def prefix_of(tag: str) -> str:
    return tag.partition(":")[0]


def full(name: str, children: dict[str, Any]) -> str:
    if name in REAL:
        return REAL[name]
    space = "acl" if children in (ACE, ACE["actions"][1]) else "v4" if children is ROUTE else "if"
    return f"{space}:{name}"


def read_back(target: Tree) -> dict[str, Any]:
    root = etree.fromstring(b"<x>" + target.print() + b"</x>")
    found: dict[str, Any] = {}
    for here, path in (("interfaces", "if:interfaces"), ("aces", "//acl:aces"), ("routes", "//v4:ipv4")):
        for place in root.xpath(path, namespaces=NAMESPACES):
            value = structure(place, MODEL[here][1])
            if value:
                found[here] = value
    return found


def structure(place: etree._Element, children: dict[str, Any]) -> dict[str, Any]:
    back = {real.partition(":")[2]: name for name, real in REAL.items()}
    found: dict[str, Any] = {}
    for item in place:
        local = etree.QName(item).localname
        name = back.get(local, local)
        kind = children[name]
        if kind == LEAF:
            found[name] = (item.text or "").replace("ianaift:", "t:")
        elif kind[0] == "container":
            below = structure(item, kind[1])
            if below:
                found[name] = below
        else:
            one = structure(item, kind[2])
            found.setdefault(name, {})[one[kind[1]]] = one
    return found


# The frame around routes and access lists is there from the start, so that operation none finds it.
FRAME = """<acl:acls><acl:acl><acl:name>l</acl:name></acl:acl></acl:acls>
<rt:routing><rt:control-plane-protocols><rt:control-plane-protocol><rt:type>rt:static</rt:type><rt:name>s</rt:name>
</rt:control-plane-protocol></rt:control-plane-protocols></rt:routing>"""


def fresh() -> Tree:
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    target = Tree(SCHEMA.context)
    apply(SCHEMA, target, etree.fromstring(f'<config xmlns="{NC}" {declared}>{FRAME}</config>'), "merge")
    return target


def as_compared(data: dict[str, Any]) -> Any:
    """Order counts only where the user orders."""
    shown = copy.deepcopy(data)
    if "aces" in shown:
        shown["aces"] = {"ace": list(shown["aces"]["ace"].items())} if "ace" in shown["aces"] else shown["aces"]
    return shown


@settings(max_examples=300, deadline=None)
@given(st.lists(EDITS, min_size=2, max_size=5))
def test_engine_and_model_agree(sequence: list[Any]) -> None:
    target, model = fresh(), {}
    for default, edit in sequence:
        tag: str | None = None
        try:
            expected = model_apply(model, default, edit)
        except Refused as refused:
            tag, expected = str(refused), model
        work = target.copy()
        said: Fault | None = None
        try:
            apply(SCHEMA, work, to_xml(edit), default)  # type: ignore[arg-type]
        except Fault as fault:
            said = fault
        if tag == "bad-element" and said is None:
            # Two cases of a choice in what is all new are found by validation only (test_edit.py).
            work.free()
            continue
        # An edit may have several faults; which one is told first is free, that there is one is not.
        assert (said is None) == (tag is None), (tag, said and said.errors)
        if said is None:
            target.free()
            target = work
            if default == "replace":
                frame = fresh()
                frame.swallow(target)
                target = frame
        model = expected
        assert as_compared(read_back(target)) == as_compared(model)
    target.free()
