# SPDX-License-Identifier: GPL-3.0-or-later
"""rpc-error of RFC 6241, 4.3 and Appendix A."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
_YANG = "urn:ietf:params:xml:ns:yang:1"


@dataclass(frozen=True, slots=True)
class RpcError:
    """One error as the client gets it.

    Attributes:
        tag: of Appendix A.
        type: ``transport``, ``rpc``, ``protocol`` or ``application``.
        app_tag: of RFC 7950, section 15.
        path: an XPath with the prefixes of `namespaces`.
        info: names of Appendix A (``bad-element``, ``session-id``) or of RFC 7950 (``non-unique``, ``missing-choice``).
    """

    tag: str
    message: str
    type: str = "application"
    app_tag: str | None = None
    path: str | None = None
    namespaces: Mapping[str, str] = field(default_factory=dict)
    info: Sequence[tuple[str, str]] = ()

    def element(self) -> etree._Element:
        """The <rpc-error>."""
        root = etree.Element(f"{{{BASE}}}rpc-error", nsmap={None: BASE})
        for name, value in (
            ("error-type", self.type),
            ("error-tag", self.tag),
            ("error-severity", "error"),
            ("error-app-tag", self.app_tag),
        ):
            if value is not None:
                etree.SubElement(root, f"{{{BASE}}}{name}").text = value
        if self.path is not None:
            where = etree.SubElement(root, f"{{{BASE}}}error-path", nsmap=dict(self.namespaces))
            where.text = self.path
        said = etree.SubElement(root, f"{{{BASE}}}error-message")
        said.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
        said.text = _printable(self.message)
        if self.info:
            more = etree.SubElement(root, f"{{{BASE}}}error-info")
            for name, value in self.info:
                namespace = _YANG if name in ("non-unique", "missing-choice") else BASE
                nsmap = dict(self.namespaces) if namespace == _YANG else None
                item = etree.SubElement(more, f"{{{namespace}}}{name}", nsmap=nsmap)
                item.text = _printable(value)
        return root


class Fault(Exception):
    """The operation failed, with one error or more; nothing was changed."""

    def __init__(self, *errors: RpcError) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


def fault(tag: str, message: str, type: str = "protocol", **more: str) -> Fault:  # noqa: A002  # the RFC's own word
    """A Fault of one error; further words (``bad_element="x"``) are its error-info."""
    info = [(name.replace("_", "-"), value) for name, value in more.items()]
    return Fault(RpcError(tag=tag, message=message, type=type, info=info))


def _printable(text: str) -> str:
    """What XML 1.0 may hold: an error can quote what a client sent."""
    return "".join(
        c if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "?" for c in text
    )
