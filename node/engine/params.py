# SPDX-License-Identifier: GPL-3.0-or-later
"""The input of an operation: each parameter once, none that is unknown (RFC 7950, 8.3.1)."""

from __future__ import annotations

from itertools import islice

from _libyang import lib
from lxml import etree

from .errors import BASE, Fault, fault
from .message import qualified

MOST_OF_FILTER = 10_000
"""Elements of one filter."""
WITH_DEFAULTS = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"
_MODES = {
    "explicit": lib.LYD_PRINT_WD_EXPLICIT,
    "trim": lib.LYD_PRINT_WD_TRIM,
    "report-all": lib.LYD_PRINT_WD_ALL,
    "report-all-tagged": lib.LYD_PRINT_WD_ALL_TAG,
}


class Params:
    """The children of an operation's element."""

    def __init__(self, operation: etree._Element, known: tuple[str, ...], namespace: str = BASE) -> None:
        """
        Args:
            known: names of the parameters; ``with-defaults`` is of its own namespace.

        Raises:
            Fault: ``unknown-element``, ``unknown-namespace`` or ``bad-element``.
        """
        self.operation = etree.QName(operation).localname
        self._found: dict[str, etree._Element] = {}
        for child in operation:
            space, name = _named(child)
            expected = WITH_DEFAULTS if name == "with-defaults" else namespace
            if name not in known or space != expected:
                if name in known:
                    raise fault(
                        "unknown-namespace", f"<{name}> has a namespace that it should not have.", bad_element=name,
                        bad_namespace=space,
                    )  # fmt: skip
                raise fault("unknown-element", f"<{self.operation}> has no parameter <{name}> here.", bad_element=name)
            if name in self._found:
                raise fault("bad-element", f"<{name}> is given twice.", bad_element=name)
            self._found[name] = child

    def get(self, name: str) -> etree._Element | None:
        """The parameter's element."""
        return self._found.get(name)

    def need(self, name: str) -> etree._Element:
        """The parameter's element.

        Raises:
            Fault: ``missing-element``.
        """
        found = self._found.get(name)
        if found is None:
            raise fault("missing-element", f"<{self.operation}> needs <{name}>.", bad_element=name)
        return found

    def text(self, name: str) -> str | None:
        """The parameter's text without the space around it."""
        found = self._found.get(name)
        if found is None:
            return None
        if len(found):
            raise fault("bad-element", f"<{name}> holds text, not elements.", bad_element=name)
        return (found.text or "").strip()

    def choice(self, name: str, values: tuple[str, ...], default: str) -> str:
        """The parameter's text, one of `values`."""
        found = self.text(name)
        if found is None:
            return default
        if found not in values:
            raise fault("invalid-value", f"<{name}> is one of: {', '.join(values)}.", bad_element=name)
        return found

    def number(self, name: str, default: int) -> int:
        """The parameter as a number of 1 to 4294967295."""
        found = self.text(name)
        if found is None:
            return default
        if not (found.isascii() and found.isdigit()) or not 1 <= int(found[:20]) <= 0xFFFFFFFF:
            raise fault("invalid-value", f"<{name}> is a number from 1 to 4294967295.", bad_element=name)
        return int(found)

    def filter(self) -> etree._Element | None:
        """The <filter>.

        Raises:
            Fault: ``too-big``: others wait while it is worked through.
        """
        found = self._found.get("filter")
        if found is not None and any(True for _one in islice(found.iterdescendants(), MOST_OF_FILTER, None)):
            said = f"<filter> has more than {MOST_OF_FILTER:,} elements. Split the request."
            raise fault("too-big", said, bad_element="filter")
        return found

    def defaults(self) -> int:
        """The flag for printing that <with-defaults> asks for (RFC 6243); the basic mode is explicit."""
        return int(_MODES[self.choice("with-defaults", tuple(_MODES), "explicit")])

    def one_of(self, name: str) -> etree._Element:
        """The only child of <source> or <target>."""
        found = list(self.need(name))
        if len(found) != 1:
            raise fault(
                "missing-element" if not found else "bad-element", f"<{name}> names one datastore.", bad_element=name
            )
        space, child = _named(found[0])
        if space != BASE:
            raise fault(
                "unknown-namespace", f"<{child}> has a wrong namespace.", bad_element=child, bad_namespace=space
            )
        return found[0]


def _named(element: etree._Element) -> tuple[str, str]:
    """Namespace and name. <config> may have none: ncclient and ansible.netcommon pass it as it was given."""
    space, name = qualified(element)
    return (BASE, name) if (space, name) == ("", "config") else (space, name)


def unsupported(name: str, parameter: str) -> Fault:
    """A datastore that the operation cannot have on this server."""
    reasons = {
        "running": "This server has no :writable-running. Change <candidate> and <commit> it.",
        "startup": "This server has no :startup: what is committed is kept over a restart without being copied.",
        "url": "This server has no :url.",
    }
    return fault("unknown-element", reasons.get(name, f"<{name}> cannot be the {parameter}."), bad_element=name)
