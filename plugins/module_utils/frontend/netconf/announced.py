# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server offers: capabilities from its hello, modules from there and from the YANG library."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

from .trees import element, local_name

_CAPABILITY = "urn:ietf:params:netconf:capability:"
_MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
_LIBRARY = "urn:ietf:params:xml:ns:yang:ietf-yang-library"
_MISSING = {
    "candidate": "no candidate datastore: changes go into running one part after the other as the node takes them",
    "confirmed-commit": "no confirmed commit: should the controller lose the node, nothing takes the change back",
    "persist-id": "confirmed commit of version 1.0: a run that dies loses its change when its session ends",
    "validate": "no validation before the change is made",
    "rollback-on-error": "no rollback on error: a refused edit is taken back by a further edit",
    "lock": "no locks: somebody else may have changed the node at the same time",
    "startup": "a startup datastore of its own: the change is gone when the node restarts, unless it is saved there",
}


class Announced:
    """Capabilities and modules of one server."""

    def __init__(self, capabilities: Iterable[str]) -> None:
        self.capabilities = frozenset(item.strip() for item in capabilities)
        self.modules: set[str] = set()
        self._features: dict[str, set[str]] = {}
        for item in self.capabilities:
            uri, mark, query = item.partition("?")
            if mark and not uri.startswith(_CAPABILITY):
                words = parse_qs(query)
                self.modules.update(words.get("module", ()))
                for module in words.get("module", ()):
                    self._features[module] = {name for text in words.get("features", ()) for name in text.split(",")}
        # Some devices announce the name space in front of "netconf", as RFC 4741's drafts had it.
        names = {item.partition("?")[0].replace(":xml:ns:netconf:", ":netconf:") for item in self.capabilities}
        self.base11 = "urn:ietf:params:netconf:base:1.1" in names
        self._names = {name.removeprefix(_CAPABILITY) for name in names if name.startswith(_CAPABILITY)}
        self.candidate = self._has("candidate")
        self.confirmed = self.candidate and self._has("confirmed-commit")
        # Version 1.1 came with NETCONF 1.1; a server that announces both may refuse persist in a session of 1.0.
        self.persist = self.candidate and self.base11 and "confirmed-commit:1.1" in self._names
        self.validate = self._has("validate")
        self.rollback_on_error = self._has("rollback-on-error")
        self.writable_running = self._has("writable-running")
        self.startup = self._has("startup")
        self.library = self._has("yang-library") or "ietf-yang-library" in self.modules

    def _has(self, name: str) -> bool:
        return any(item.rpartition(":")[0] == name for item in self._names)

    def learn(self, reply: Any) -> None:
        """Adds the modules of a reply to ``library_query`` or ``schemas_query``."""
        for module in reply.iter(f"{{{_LIBRARY}}}module", f"{{{_MONITORING}}}schema"):
            said = [(local_name(child), (child.text or "").strip()) for child in module]
            names = {text for leaf, text in said if leaf in ("name", "identifier") and text}
            self.modules |= names
            if module.tag == f"{{{_LIBRARY}}}module":
                for name in names:
                    self._features[name] = {text for leaf, text in said if leaf == "feature"}

    def offers(self, feature: str) -> bool | None:
        """Whether the server has a feature, ``module:feature``; None where it has not been heard of the module."""
        module, _colon, name = feature.partition(":")
        return name in self._features[module] if module in self._features else None

    def lacks(self, wanted: Iterable[str]) -> list[str]:
        """Modules of ``wanted`` that the server is not known to have; none where it has no way to name any."""
        return sorted(set(wanted) - self.modules) if self.modules or self.library else []

    @property
    def writable(self) -> bool:
        """Whether there is a datastore that an edit may go into (RFC 6241, 8.2 and 8.3)."""
        return self.candidate or self.writable_running

    def missing_guarantees(self, locked: bool = True, saved: bool = False) -> list[str]:
        """What a transaction with this server cannot promise; each begins with a word and a colon.

        Args:
            locked: it has locks.
            saved: what was changed is in startup, too.
        """
        wanting = {
            "candidate": not self.candidate,
            "confirmed-commit": not self.confirmed,
            "persist-id": self.confirmed and not self.persist,
            "validate": not self.validate,
            "rollback-on-error": not self.candidate and not self.rollback_on_error,
            "lock": not locked,
            "startup": self.startup and not saved,
        }
        return [f"{name}: {_MISSING[name]}" for name, is_missing in wanting.items() if is_missing]


def library_query() -> Any:
    """Asks for the YANG library: RFC 8525's, and RFC 7895's of older servers."""
    query = element("get", element("filter"))
    query[0].set("type", "subtree")
    for top in ("yang-library", "modules-state"):
        found = query[0].makeelement(f"{{{_LIBRARY}}}{top}", nsmap={None: _LIBRARY})
        if top == "modules-state":
            found.append(_module_query(found))
        else:
            sets = found.makeelement(f"{{{_LIBRARY}}}module-set")
            sets.append(_module_query(sets))
            found.append(sets)
        query[0].append(found)
    return query


def _module_query(parent: Any) -> Any:
    module = parent.makeelement(f"{{{_LIBRARY}}}module")
    for leaf in ("name", "feature"):
        module.append(module.makeelement(f"{{{_LIBRARY}}}{leaf}"))
    return module


def schemas_query() -> Any:
    """Asks for the list of schemas of RFC 6022."""
    query = element("get", element("filter"))
    query[0].set("type", "subtree")
    at = query[0]
    for name in ("netconf-state", "schemas", "schema", "identifier"):
        below = at.makeelement(f"{{{_MONITORING}}}{name}", nsmap={None: _MONITORING})
        at.append(below)
        at = below
    return query
