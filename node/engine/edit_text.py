# SPDX-License-Identifier: GPL-3.0-or-later
"""The XML of an edit before libyang reads it: which attributes it has, and its text."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace

from lxml import etree

from .errors import BASE, Fault, RpcError
from .message import qualified

YANG = "urn:ietf:params:xml:ns:yang:1"
WITH_DEFAULTS = "urn:ietf:params:xml:ns:netconf:default:1.0"
"""Of the attribute (RFC 6243, 6)."""
MODULE = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"
# Inside of a tag only: the same words may stand in a description.
_PRINTED = re.compile(rb'(<[A-Za-z_][\w.-]*(?: xmlns(?::[\w.-]+)?="[^"<>]*")*?) xmlns:ncwd="%b"' % MODULE.encode())
_OPERATION = f"{{{BASE}}}operation"
_INSERT = f"{{{YANG}}}insert"
_KEY = f"{{{YANG}}}key"
_DEFAULT = f"{{{WITH_DEFAULTS}}}default"
_ALLOWED = {
    _OPERATION: {"merge", "replace", "create", "delete", "remove"},
    _INSERT: {"first", "last", "before", "after"},
    _KEY: None,
    f"{{{YANG}}}value": None,
    _DEFAULT: {"true", "false", "1", "0"},
}
_GONE = {"delete", "remove"}
_PREDICATE = re.compile(r"""\s*\[\s*(?P<name>[^=\[\]'"]+?)\s*=\s*(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)")\s*\]\s*""")
_ATTRIBUTES = etree.XPath("descendant::*[@*]")
_NESTED = etree.XPath("descendant::*[@*][ancestor::*[@*][ancestor::nc:config]]", namespaces={"nc": BASE})


@dataclass(frozen=True, slots=True)
class Marks:
    """Which attributes an edit has.

    Attributes:
        any: some. insert: ``insert`` among them.
        bare_removal: something is to go and has no content, so it may be a leaf without its value.
        nested: there is one below a node that has one itself.
        tagged: ``default`` of RFC 6243 among them.
    """

    any: bool
    insert: bool
    bare_removal: bool
    nested: bool
    tagged: bool


def read_marks(config: etree._Element) -> Marks:
    """Checks all attributes below <config>.

    Raises:
        Fault: ``unknown-attribute`` or ``bad-attribute``.
    """
    marked = insert = bare = tagged = False
    for element in _ATTRIBUTES(config):
        for name, value in element.attrib.items():
            if name not in _ALLOWED:
                raise _refused("unknown-attribute", f"Attribute '{name}' is unknown.", element, name)
            values = _ALLOWED[name]
            if values is not None and value not in values:
                known = ", ".join(sorted(values))
                raise _refused("bad-attribute", f"'{value}' is none of: {known}.", element, name)
            if name == _KEY and not key_predicates(value):
                said = f"'{value}' is no key of a list entry."
                raise _refused("bad-attribute", said, element, name, app_tag="missing-instance")
            insert = insert or name == _INSERT
            marked = True
            tagged = tagged or name == _DEFAULT
            bare = bare or (value in _GONE and _is_bare(element))
    return Marks(marked, insert, bare, marked and bool(_NESTED(config)), tagged)


def text_of(config: etree._Element) -> bytes:
    """The children as text, each with the namespaces that are in scope.

    Raises:
        Fault: text stands where elements must.
    """
    if (config.text or "").strip() or any((child.tail or "").strip() for child in config):
        raise Fault(RpcError("bad-element", "<config> holds elements only.", info=[("bad-element", "config")]))
    if config.find(f".//*[@{_DEFAULT}]") is not None:
        config = _renamed(config)
    return b"".join(etree.tostring(child, with_tail=False) for child in config)


def without_bare_removals(config: etree._Element, is_leaf: Callable[[etree._Element], bool]) -> etree._Element:
    """A copy without the leaves that are named only to be removed, without a value."""
    copied = deepcopy(config)
    for element in list(_ATTRIBUTES(copied)):
        if element.get(_OPERATION) in _GONE and _is_bare(element) and is_leaf(element):
            element.getparent().remove(element)
    return copied


def named(found: Fault, config: etree._Element) -> Fault:
    """The Fault with the element that has an unknown namespace: libyang tells the namespace only."""
    errors = []
    for error in found.errors:
        info = dict(error.info)
        if "bad-namespace" in info:
            element = next(config.iter(f"{{{info['bad-namespace']}}}*"), None)
            if element is not None:
                info["bad-element"] = qualified(element)[1]
        errors.append(replace(error, info=tuple(info.items())))
    return Fault(*errors)


def _renamed(config: etree._Element) -> etree._Element:
    """A copy with the attribute `default` in its module's namespace, by which alone libyang knows it."""
    copied = deepcopy(config)
    for element in copied.iterfind(f".//*[@{_DEFAULT}]"):
        element.set(f"{{{MODULE}}}default", element.attrib.pop(_DEFAULT))
    return copied


def tagged(text: bytes) -> bytes:
    """The reverse for data that libyang has printed with tagged defaults."""
    return _PRINTED.sub(rb'\1 xmlns:ncwd="%b"' % WITH_DEFAULTS.encode(), text)


def _is_bare(element: etree._Element) -> bool:
    return not len(element) and not (element.text or "").strip()


def key_predicates(text: str) -> str:
    """Key predicates without the prefixes of the client, "" for what are none."""
    found = []
    at = 0
    while match := _PREDICATE.match(text, at):
        value = match["single"] if match["single"] is not None else match["double"]
        quote = '"' if "'" in value else "'"
        found.append(f"[{match['name'].rpartition(':')[2]}={quote}{value}{quote}]")
        at = match.end()
    return "".join(found) if at == len(text) else ""


def _refused(tag: str, message: str, element: etree._Element, name: str, app_tag: str | None = None) -> Fault:
    info = [("bad-attribute", etree.QName(name).localname), ("bad-element", qualified(element)[1])]
    return Fault(RpcError(tag, message, app_tag=app_tag, info=info))
