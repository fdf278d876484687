# SPDX-License-Identifier: GPL-3.0-or-later
"""Access lists of RFC 8519 as those of a node configuration.

A match of TCP flags means that all flags named are set, whatever the others are, and knows no connections: an ACE
with ``flags ack`` is no ``established``. ACEs decide in their order; a last one named ``shadownet-default`` that
matches everything is the list's default action. Where a list stands before another one on an interface it stays an
ACE, because there it decides too.

A list of type ``ipv4-acl-type`` or ``ipv6-acl-type`` judges packets of that family only (RFC 8519 section 3.1). All of
its entries, a last ``shadownet-default`` too, are of that family. Where no list in the other family's way is left to
decide, one of the agent's own closes the row: it drops what the lists have not decided, and lets the other family pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..plugins.module_utils.frontend.netlink.names import PROTOCOL_NUMBERS
from ..plugins.module_utils.model.node_config import TCP_FLAGS, AccessEntry, AccessList
from . import paths
from .refusals import Refusals

DEFAULT_ENTRY = "shadownet-default"
EVERYTHING = {4: "0.0.0.0/0", 6: "::/0"}
_NAMES = {number: name for name, number in PROTOCOL_NUMBERS.items()}
_OWN_FAMILY = {"icmp": 4, "icmpv6": 6}
_L4 = {"tcp": 6, "udp": 17}
_FAMILIES = {"ipv4-acl-type": (4,), "ipv6-acl-type": (6,), "mixed-eth-ipv4-ipv6-acl-type": (4, 6)}
_BOTH = "mixed-eth-ipv4-ipv6-acl-type"
CLOSING = {
    family: AccessList(
        f"shadownet-agent-ipv{family}-only", (AccessEntry("rest", "drop", source=everything),), default_action="accept"
    )
    for family, everything in EVERYTHING.items()
}
"""What stands after lists of one family only. In no data tree."""
CLOSING_NAMES = frozenset(one.name for one in CLOSING.values())
_DIRECTIONS = ("ingress", "egress")


class Access:
    """The container ``acls``.

    Attributes:
        lists: the access lists.
        defaults: names of those whose default action is an ACE of the tree.
    """

    def __init__(self) -> None:
        self.lists: list[AccessList] = []
        self.defaults: set[str] = set()
        self._attached: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._early: set[str] = set()
        self._families: dict[str, tuple[int, ...]] = {}

    def of(self, interface: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the lists of an interface for ingress and for egress."""
        return self._attached.get(interface, ((), ()))

    def attach(self, data: Mapping[str, Any], refusals: Refusals) -> None:
        """Takes the attachment points."""
        for item in data.get("interface", ()):
            name = item["interface-id"]
            refusals.only(item, ("interface-id", *_DIRECTIONS), f"{paths.POINTS}[interface-id={paths.quoted(name)}]")
            ingress, egress = (
                tuple(one["name"] for one in item.get(direction, {}).get("acl-sets", {}).get("acl-set", ()))
                for direction in _DIRECTIONS
            )
            self._attached[name] = ingress, egress
            self._early.update(ingress[:-1], egress[:-1])

    def add(self, item: Mapping[str, Any], refusals: Refusals) -> None:
        """Takes one access list, after the attachment points."""
        name = item["name"]
        refusals.only(item, ("name", "type", "aces"), paths.access_list(name))
        # Without a type nothing says that one family is not meant.
        kind = item.get("type", _BOTH).rpartition(":")[2]
        if kind not in _FAMILIES:
            refusals.add(paths.access_list(name, "type"), f"only {', '.join(_FAMILIES)} can be made")
        if name in CLOSING_NAMES:
            refusals.add(
                paths.access_list(name, "name"), "the agent has a list of this name of its own", "invalid-value"
            )
        families = self._families[name] = _FAMILIES.get(kind, _FAMILIES[_BOTH])
        entries = tuple(_entry(one, name, families, kind, refusals) for one in item.get("aces", {}).get("ace", ()))
        limited = len(families) == 1
        last = entries and entries[-1] == AccessEntry(DEFAULT_ENTRY, entries[-1].action)
        if last and name not in self._early and not limited:
            self.defaults.add(name)
            self.lists.append(AccessList(name, entries[:-1], entries[-1].action))
        else:
            self.lists.append(AccessList(name, entries))

    def close_rows(self) -> None:
        """Puts a closing list where the lists of an interface judge one family only, after all lists were added."""
        used: set[int] = set()
        for name, directions in self._attached.items():
            closed = tuple((*names, *self._closing(names, used)) for names in directions)
            self._attached[name] = closed[0], closed[1]
        self.lists += [CLOSING[family] for family in sorted(used)]

    def _closing(self, names: tuple[str, ...], used: set[int]) -> tuple[str, ...]:
        judged = {family for name in names for family in self._families.get(name, ())}
        if len(judged) != 1:
            return ()
        used |= judged
        return (CLOSING[judged.pop()].name,)


def read_access(data: Mapping[str, Any], refusals: Refusals) -> Access:
    """Reads the container ``acls``."""
    refusals.only(data, ("acl", "attachment-points"), "/ietf-access-control-list:acls")
    found = Access()
    found.attach(data.get("attachment-points", {}), refusals)
    for item in data.get("acl", ()):
        found.add(item, refusals)
    found.close_rows()
    return found


def _entry(
    item: Mapping[str, Any], list_name: str, families: tuple[int, ...], kind: str, refusals: Refusals
) -> AccessEntry:
    name, actions, matches = item["name"], item.get("actions", {}), item.get("matches", {})
    here = paths.entry(list_name, name)
    refusals.only(item, ("name", "matches", "actions", "statistics"), here)
    refusals.only(matches, ("ipv4", "ipv6", *_L4), f"{here}/matches")
    refusals.only(actions, ("forwarding", "logging"), f"{here}/actions")
    if not actions.get("logging", "log-none").endswith("log-none"):
        refusals.add(f"{here}/actions/logging", "packets cannot be logged")
    found: dict[str, Any] = {}
    number = None
    for family in (4, 6):
        if f"ipv{family}" in matches:
            if family not in families:
                words = f"a list of type {kind} matches IPv{families[0]} only"
                refusals.add(f"{here}/matches/ipv{family}", words, tag="invalid-value")
            number = _network(matches[f"ipv{family}"], family, found, f"{here}/matches/ipv{family}", refusals)
    for word, own in _L4.items():
        if word in matches:
            if number not in (None, own):
                refusals.add(
                    f"{here}/matches/{word}", f"the protocol is {number}, so nothing would match", tag="invalid-value"
                )
            number = own
            _transport(matches[word], word, found, f"{here}/matches/{word}", refusals)
    if number is not None:
        found["protocol"] = _NAMES.get(number, str(number))
    if len(families) == 1:
        found.setdefault("family", families[0])
    _say_family(found)
    return AccessEntry(name, actions["forwarding"].rpartition(":")[2], **found)


def _network(item: Mapping[str, Any], family: int, found: dict[str, Any], here: str, refusals: Refusals) -> int | None:
    """Takes addresses; gives the number of the protocol."""
    source, destination = f"source-ipv{family}-network", f"destination-ipv{family}-network"
    refusals.only(item, ("protocol", source, destination), here)
    for key, leaf in (("source", source), ("destination", destination)):
        if leaf in item:
            found[key] = item[leaf]
    found["family"] = family
    return item.get("protocol")


def _say_family(found: dict[str, Any]) -> None:
    """An entry of one family that names no address matches any of that family's.

    ICMP is of one family by itself, and is written without address; in the other family it is a number like others.
    """
    family = found.pop("family", None)
    if family is None:
        return
    protocol = found.get("protocol")
    if protocol in _OWN_FAMILY:
        if _OWN_FAMILY[protocol] == family:
            return
        found["protocol"] = str(PROTOCOL_NUMBERS[protocol])
    if "source" not in found and "destination" not in found:
        found["source"] = EVERYTHING[family]


def _transport(item: Mapping[str, Any], word: str, found: dict[str, Any], here: str, refusals: Refusals) -> None:
    known = ("source-port", "destination-port", *(("flags",) if word == "tcp" else ()))
    refusals.only(item, known, here)
    for key, leaf in (("source_port", "source-port"), ("destination_port", "destination-port")):
        if item.get(leaf):
            found[key] = _ports(item[leaf], f"{here}/{leaf}", refusals)
    flags = item.get("flags", "").split()
    if flags:
        found["tcp_flags"] = ",".join(one for one in TCP_FLAGS if one in flags)


def _ports(item: Mapping[str, Any], here: str, refusals: Refusals) -> str | None:
    if "lower-port" in item:
        low, high = item["lower-port"], item.get("upper-port", item["lower-port"])
    else:
        operator, port = item.get("operator", "eq"), item["port"]
        if operator == "neq":
            refusals.add(f"{here}/operator", "ports that differ from one cannot be matched: write the two ranges")
        low = 0 if operator == "lte" else port
        high = 65535 if operator == "gte" else port
    return str(low) if low == high else f"{low}-{high}"
