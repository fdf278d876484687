# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of access lists (RFC 8519) whose matches say nothing.

``<matches><tcp/></matches>`` looks like "TCP", but an empty container is as good as none: the entry would match every
packet. The data tree cannot tell the two apart, so whoever writes such a container is told when it is written.
"""

from __future__ import annotations

from _libyang import lib
from lxml import etree

from . import tree
from .errors import BASE, Fault, RpcError
from .paths import to_xml
from .schema import Schema
from .tree import NULL, Node, Tree

_ACL = "urn:ietf:params:xml:ns:yang:ietf-access-control-list"
_LISTS = "/ietf-access-control-list:acls"
_NAME = f"{{{_ACL}}}name"
_MATCHES = "/".join(f"{{{_ACL}}}{name}" for name in ("acls", "acl", "aces", "ace", "matches"))
_OPERATION = f"{{{BASE}}}operation"
_GONE = ("delete", "remove")
_FIX = {
    "tcp": "write protocol 6 in ipv4 or ipv6, or a port or flags",
    "udp": "write protocol 17 in ipv4 or ipv6, or a port",
    "ipv4": "write source-ipv4-network 0.0.0.0/0 for any IPv4",
    "ipv6": "write source-ipv6-network ::/0 for any IPv6",
}


def check_matches(schema: Schema, content: Tree, config: etree._Element, *, marked: bool = False) -> None:
    """Refuses entries that `config` has named a match for and that have none of that kind in `content`.

    Args:
        content: what came of it.
        config: an edit, or a whole configuration.
        marked: it has attributes, so that not all that it names is there in the end.

    Raises:
        Fault: ``invalid-value`` with the container's path.
    """
    errors = []
    for matches in config.iterfind(_MATCHES):
        for element in matches.iterchildren(tag=etree.Element):
            if not marked and any(text.strip() for text in element.itertext()):
                continue  # a value in it is a match; for the rest the data must be looked at
            if _removed(element):
                continue
            entry = _entry(content, matches)
            name = etree.QName(element).localname
            if entry and not _says_something(entry, name):
                errors.append(_refusal(schema, entry, name))
    if errors:
        raise Fault(*errors)


def _removed(element: etree._Element) -> bool:
    """Whether the edit takes the element, or what it is in, away."""
    return element.get(_OPERATION) in _GONE or any(one.get(_OPERATION) in _GONE for one in element.iterancestors())


def _entry(content: Tree, matches: etree._Element) -> Node:
    """The entry in the data that a <matches> of the XML belongs to, or NULL."""
    ace = matches.getparent()
    names = [one.findtext(_NAME) or "" for one in (ace.getparent().getparent(), ace)]
    if any("'" in name and '"' in name for name in names):
        return _searched(content, *names)
    acl, entry = (f'"{name}"' if "'" in name else f"'{name}'" for name in names)
    return content.find(f"{_LISTS}/acl[name={acl}]/aces/ace[name={entry}]")


def _searched(content: Tree, acl: str, ace: str) -> Node:
    """The same for names with both kinds of quotes, which no path can hold."""
    lists = content.find(_LISTS)
    found = _named(lists, acl) if lists else NULL
    entries = _child(found, "aces") if found else NULL
    return _named(entries, ace) if entries else NULL


def _named(parent: Node, name: str) -> Node:
    for node in tree.children(parent):
        # The key is the first of a list entry's children.
        key = lib.lyd_child(node)
        if key and tree.name_of(key.schema) == "name" and tree.value_of(key) == name:
            return node
    return NULL


def _child(parent: Node, name: str) -> Node:
    return next((node for node in tree.children(parent) if tree.name_of(node.schema) == name), NULL)


def _says_something(entry: Node, name: str) -> bool:
    matches = _child(entry, "matches")
    container = _child(matches, name) if matches else NULL
    return bool(container) and any(not node.flags & tree.DEFAULT for node in tree.children(container))


def _refusal(schema: Schema, entry: Node, name: str) -> RpcError:
    path, namespaces = to_xml(schema, f"{tree.path_of(entry)}/matches/{name}")
    fix = _FIX.get(name, "write what it shall match")
    message = f"{name}: it is empty, and an empty container matches every packet: {fix}."
    return RpcError("invalid-value", message, path=path, namespaces=namespaces, info=[("bad-element", name)])
