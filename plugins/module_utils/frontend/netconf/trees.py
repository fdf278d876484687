# SPDX-License-Identifier: GPL-3.0-or-later
"""XML from strangers, read without expanding entities, loading anything, or believing a document type."""

from __future__ import annotations

import re
from typing import Any

from .needs import etree

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
NC = {"nc": BASE}
_DOCUMENT_TYPE = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:\s|<\?.*?\?>|<!--.*?-->)*<!DOCTYPE", re.DOTALL)
_NO_DOCUMENT_TYPE = "it has a document type declaration"


class BadXml(Exception):
    """Not well-formed, or with a document type declaration, which RFC 6241 (3) forbids."""


def parse(data: bytes) -> Any:
    """The root element.

    Raises:
        BadXml: see there.
    """
    # Before the parser sees it: libxml2 expands entities in attributes whatever it is told.
    if _DOCUMENT_TYPE.match(data):
        raise BadXml(_NO_DOCUMENT_TYPE)
    # A parser keeps state of its last document, so each document gets its own.
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True, huge_tree=False
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadXml(str(error)) from None
    if root.getroottree().docinfo.doctype:
        raise BadXml(_NO_DOCUMENT_TYPE)
    return root


def element(name: str, *children: Any, text: str | None = None) -> Any:
    """An element of NETCONF's own namespace."""
    made = etree.Element(f"{{{BASE}}}{name}", nsmap={None: BASE})
    made.text = text
    made.extend(children)
    return made


def local_name(found: Any) -> str:
    """A tag without its namespace."""
    return str(etree.QName(found).localname)


def to_bytes(root: Any) -> bytes:
    """The document."""
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def pretty(root: Any) -> str:
    """The document for a person."""
    return str(etree.tostring(root, pretty_print=True, encoding="unicode"))


def canonical(root: Any) -> bytes:
    """The tree in a form in which equal ones are equal, without the white space between elements."""
    return bytes(etree.tostring(without_blanks(root), method="c14n"))


def without_blanks(root: Any) -> Any:
    """The tree without the white space between elements, which a template needs and a server does not."""
    for found in root.iter():
        if len(found) and found.text is not None and not found.text.strip():
            found.text = None
        if found.tail is not None and not found.tail.strip():
            found.tail = None
    return root
