# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors that every room of Shadownet raises.

::

    ShadownetError
    ├── InvalidInput          a parameter has no meaning; nothing was changed
    ├── NotFound              no pool, subnet or node of that name or id
    ├── Conflict              contradicts what the ledger holds (key, overlap, in use)
    ├── AllocationRefused     no pool could serve a request; ``pools`` says why, pool by pool
    ├── LedgerError           the state file cannot be used
    │   ├── LedgerMissing     it does not exist and this call may not create it
    │   ├── LedgerUnusable    damaged, foreign, read-only, full, wrong kind of path or file system
    │   ├── LedgerNewer       written by a newer schema version
    │   ├── LedgerBusy        another writer held it longer than the time-out
    │   └── LedgerHeld        restored from a backup and not yet reconciled
    ├── NodeError             a front-end node refused; ``node_said`` has its own words
    │   ├── NamespaceGone     there is no network namespace of that name or path
    │   └── RollbackFailed    and the way back failed too: the node is in between
    └── DhcpError             a DHCP server refused; ``server_said`` has its own words
        └── DhcpUnreachable   or it cannot be asked, or does not answer

They become ``fail_json``, an HTTP problem document or an exit code only at the outermost edge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_PLACE = re.compile(r"(\w+)\[(\d+)\]")
_KEYS = ("name", "workload", "instance", "address", "prefix", "id")
"""What an item of a list goes by: the first of these that it has."""


class ShadownetError(Exception):
    """Root of all errors.

    Args:
        message: what is wrong, for a person.
        parameter: the option at fault, as the caller wrote it (``requests[2].prefix``).
        fix: what to do next.

    Attributes:
        routes: where it is about routes of a node: their destination prefixes.
        drift: where a push met it before it changed anything: how the node differs from what is wanted.
        changes: where a call could do only a part: what it changed.
    """

    routes: tuple[str, ...] = ()
    drift: list[dict[str, Any]] | None = None
    changes: list[dict[str, Any]] | None = None

    def __init__(self, message: str, *, parameter: str | None = None, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.parameter = parameter
        self.fix = fix

    def __str__(self) -> str:
        text = f"{self.parameter}: {self.message}" if self.parameter else self.message
        return f"{text} {self.fix}" if self.fix else text

    def details(self) -> dict[str, Any]:
        """Machine-readable form: ``error`` (class name), ``parameter``, ``fix`` and what a subclass adds."""
        named = {"error": type(self).__name__, "parameter": self.parameter, "fix": self.fix}
        found: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
        if self.routes:
            found["routes"] = list(self.routes)
        if self.drift is not None:
            found["drift"] = self.drift
        if self.changes is not None:
            found["changes"] = self.changes
        return found

    def add(self, words: str) -> None:
        """Says one thing more, at the end."""
        self.fix = f"{self.fix} {words}" if self.fix else words

    def name_item(self, given: Mapping[str, Any]) -> None:
        """For an error at ``reservations[3].instances``: adds by what name that item goes, unless it says so already.

        Args:
            given: what the caller wrote; here the list ``reservations`` is in it.
        """
        place = _PLACE.match(self.parameter or "")
        items = given.get(place[1]) if place else None
        if place is None or not isinstance(items, Sequence) or int(place[2]) >= len(items):
            return
        item = items[int(place[2])]
        name = next((item[key] for key in _KEYS if item.get(key)), None) if isinstance(item, Mapping) else None
        if isinstance(name, (str, int)) and f"'{name}'" not in str(self):
            self.add(f"({place[0]} is '{name}'.)")


class InvalidInput(ShadownetError):
    """A parameter's value has no meaning."""


def unknown_options(unknown: Sequence[str], known: Sequence[str], parameter: str) -> InvalidInput:
    """The refusal of options that `parameter` does not have: lists those that it has, and names the likeliest."""
    from difflib import get_close_matches  # noqa: PLC0415, most runs have nothing to guess

    near = get_close_matches(unknown[0], known, n=1)
    guess = f" Did you mean {near[0]}?" if near else ""
    return InvalidInput(
        f"unknown option {', '.join(unknown)}.", parameter=parameter, fix=f"Known are: {', '.join(known)}.{guess}"
    )


class NotFound(ShadownetError):
    """Nothing of that name or id."""


class Conflict(ShadownetError):
    """What is asked contradicts what the ledger or the node holds."""


class AllocationRefused(ShadownetError):
    """No pool could serve the request.

    Args:
        pools: for every pool considered, its name and why not, in the order tried; None where none was to be.
    """

    def __init__(
        self, message: str, *, pools: list[tuple[str, str]] | None, parameter: str | None = None, fix: str | None = None
    ) -> None:
        reasons = "; ".join(f"{name}: {why}" for name, why in pools or ()) or "the ledger has no pool"
        text = f"{message}." if pools is None else f"{message} ({reasons})."
        super().__init__(text, parameter=parameter, fix=fix)
        self.pools = pools or []

    def details(self) -> dict[str, Any]:
        return {**super().details(), "pools": [{"pool": name, "reason": why} for name, why in self.pools]}


class LedgerError(ShadownetError):
    """The state file cannot be used."""


class LedgerMissing(LedgerError):
    """It does not exist, and this call may not create it."""


class LedgerUnusable(LedgerError):
    """Damaged, foreign, read-only, full, or on a path or file system that cannot hold it."""


class LedgerNewer(LedgerError):
    """Written by a newer schema version than this release knows."""


class LedgerBusy(LedgerError):
    """Another writer held the ledger for longer than the time-out."""


class LedgerHeld(LedgerError):
    """Restored from a backup; nothing is handed out until ``reconcile`` has adopted what the nodes carry."""


class NodeError(ShadownetError):
    """A front-end node refused a change; everything applied before it in the same push was undone.

    Args:
        node_said: the node's own words (errno text, nft or NETCONF error).
        change: the change that was refused, as in the result's ``changes``.
    """

    def __init__(
        self,
        message: str,
        *,
        node_said: str | None = None,
        change: dict[str, Any] | None = None,
        parameter: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(message, parameter=parameter, fix=fix)
        self.node_said = node_said
        self.change = change
        if change is not None and change.get("kind") == "route":
            self.routes = ((change.get("after") or change.get("before") or {}).get("prefix", change["key"]),)

    def details(self) -> dict[str, Any]:
        found = {**super().details(), "node_said": self.node_said, "change": self.change}
        return {key: value for key, value in found.items() if value is not None}


class NamespaceGone(NodeError):
    """There is no network namespace of that name or path, and so nothing of ours in it."""


class RollbackFailed(NodeError):
    """A change was refused and undoing the ones before it failed too; ``reconcile`` finishes the job."""


class DhcpError(ShadownetError):
    """A DHCP server refused a command, or could not be asked.

    Args:
        server_said: the server's own words.
    """

    def __init__(
        self, message: str, *, server_said: str | None = None, parameter: str | None = None, fix: str | None = None
    ) -> None:
        super().__init__(message, parameter=parameter, fix=fix)
        self.server_said = server_said

    def details(self) -> dict[str, Any]:
        found = super().details()
        return found if self.server_said is None else {**found, "server_said": self.server_said}


class DhcpUnreachable(DhcpError):
    """A DHCP server could not be asked, or did not answer; whatever else it is asked now will fare no better."""
