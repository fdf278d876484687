# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages layer (RFC 6241, 4): <hello>, <rpc> in, <rpc-reply>, <notification> out.

What clients send is parsed without entities, without a document type and with libxml2's limits on depth and size of
names.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from datetime import datetime

from lxml import etree

from .errors import BASE, RpcError, fault

NOTIFICATION = "urn:ietf:params:xml:ns:netconf:notification:1.0"
BASE_1_0 = "urn:ietf:params:netconf:base:1.0"
BASE_1_1 = "urn:ietf:params:netconf:base:1.1"
OK = b"<ok/>"
MOST = 700_000
"""Elements and attributes of one message; 100,000 routes have 400,000 to 600,000."""
_HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_DECLARED = re.compile(rb"""<\?xml\s[^>]*?\sencoding\s*=\s*["']([^"'>]{1,40})["']""")
_TRUE = {b"utf-8", b"utf8", b"us-ascii", b"ascii"}
_OTHER_STARTS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE, b"<\0", b"\0<")


def check_size(message: bytes) -> None:
    """Refuses a message that would fill the memory: each element takes some 300 octets, and may be written with four.

    Text counts too where it has ``<`` or ``=``, which is rare.

    Raises:
        Fault: ``too-big``; the message must not be parsed.
    """
    if message.count(b"<") - message.count(b"</") + message.count(b"=") > MOST:
        raise fault("too-big", f"The message has more than {MOST:,} elements and attributes. Split it.", "rpc")


class NotXml(Exception):
    """The message is no XML that this server reads."""


def read(message: bytes) -> etree._Element:
    """The root element.

    Raises:
        NotXml: not well-formed, not in UTF-8 (RFC 6241, 3), or with a document type declaration.
    """
    _check_encoding(message)
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        huge_tree=False, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(message.strip(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotXml(str(error)) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise NotXml("a document type declaration is not allowed")
    return root


def _check_encoding(message: bytes) -> None:
    """Refuses what is not in UTF-8, or says that it is not. ASCII is UTF-8."""
    if message.startswith(_OTHER_STARTS):
        raise NotXml("it is in UTF-16 or UTF-32, and NETCONF is in UTF-8")
    declared = _DECLARED.match(message.lstrip()[:200])
    if declared is not None and declared[1].lower() not in _TRUE:
        raise NotXml(f"it declares the encoding {declared[1].decode('ascii', 'replace')}, and NETCONF is in UTF-8")


def hello(capabilities: Iterable[str], session_id: int) -> bytes:
    """The server's <hello>."""
    root = etree.Element(f"{{{BASE}}}hello", nsmap={None: BASE})
    listed = etree.SubElement(root, f"{{{BASE}}}capabilities")
    for uri in capabilities:
        etree.SubElement(listed, f"{{{BASE}}}capability").text = uri
    etree.SubElement(root, f"{{{BASE}}}session-id").text = str(session_id)
    return _HEAD + bytes(etree.tostring(root))


def speaks_1_1(message: bytes) -> bool:
    """Whether the client's <hello> announces base:1.1.

    Raises:
        Fault: no valid <hello>, or no common version; the session must end (RFC 6241, 8.1).
    """
    try:
        root = read(message)
    except NotXml as error:
        raise fault("malformed-message", f"The <hello> is not XML: {error}", "rpc") from None
    if root.tag != f"{{{BASE}}}hello":
        namespace, name = qualified(root)
        raise fault(
            "operation-failed", f"The first message must be <hello xmlns='{BASE}'>, not {name} of '{namespace}'."
        )
    if root.find(f"{{{BASE}}}session-id") is not None:
        raise fault("operation-failed", "The <hello> of a client must not have a <session-id>.")
    told = {(item.text or "").strip() for item in root.iterfind(f"{{{BASE}}}capabilities/{{{BASE}}}capability")}
    if not told & {BASE_1_0, BASE_1_1}:
        known = ", ".join(sorted(one for one in told if ":netconf:base:" in one)) or "no capability of that kind"
        raise fault("operation-failed", f"The <hello> announces neither base:1.0 nor base:1.1, but {known}.")
    return BASE_1_1 in told


def reply(rpc: etree._Element | None, content: bytes | Iterable[RpcError]) -> bytes:
    """<rpc-reply> with all attributes of the <rpc> (RFC 6241, 4.2)."""
    prefixes = {} if rpc is None else {prefix: uri for prefix, uri in rpc.nsmap.items() if prefix is not None}
    root = etree.Element(f"{{{BASE}}}rpc-reply", nsmap={None: BASE, **prefixes})
    if rpc is not None:
        for name, value in rpc.attrib.items():
            root.set(name, value)
    # Only now: the prefixes in an error's path are used in text, which this does not see.
    etree.cleanup_namespaces(root)
    if not isinstance(content, bytes):
        root.extend([error.element() for error in content])
        return _HEAD + bytes(etree.tostring(root))
    # Data comes as text from libyang: parsing it once more would cost more than everything else.
    start = bytes(etree.tostring(root)).removesuffix(b"/>")
    return b"".join((_HEAD, start, b">", content, b"</rpc-reply>"))


def data(content: bytes, namespace: str = BASE) -> bytes:
    """The <data> of a reply."""
    opened = b"<data>" if namespace == BASE else f'<data xmlns="{namespace}">'.encode()
    return b"".join((opened, content, b"</data>"))


def notification(when: datetime, content: bytes) -> bytes:
    """<notification> (RFC 5277, 4)."""
    return b"".join(
        (
            _HEAD,
            f'<notification xmlns="{NOTIFICATION}"><eventTime>{timestamp(when)}</eventTime>'.encode(),
            content,
            b"</notification>",
        )
    )


def timestamp(when: datetime) -> str:
    """date-and-time of RFC 6991."""
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def qualified(element: etree._Element) -> tuple[str, str]:
    """Namespace and local name."""
    name = etree.QName(element)
    return name.namespace or "", name.localname
