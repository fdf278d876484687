# SPDX-License-Identifier: GPL-3.0-or-later
"""A device's configuration as ``Current``: what is ours, and the names of what is not."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ...model.node_config import ACTIONS, AccessEntry, AccessList, Interface, NodeConfig, Route
from ..transport import Current, Foreign
from .canonical import DEFAULT_ENTRY, LIST_PREFIX, MARK, PROTOCOL_NAMES, family_of
from .dialect import Dialect
from .halves import Half, attached, joined
from .known import ALTERED, Known
from .marking import from_text
from .needs import etree

_Find = Callable[[Any], list[Any]]


class Reader:
    """Reads configurations of one dialect.

    Attributes:
        mixed: whether the node has access lists of a type for both families; None where that is not known.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.mixed: bool | None = None
        self._dialect = dialect
        self._types = {there: ours for ours, there in dialect.types.items()}
        self._paths: dict[str, Any] = {}
        self._known: dict[int, Known] = {}
        self._link_local: Collection[str] | None = None
        self._guarded: Collection[tuple[str, str]] = ()
        self.shared: frozenset[str] = frozenset()
        """Interfaces of what was read last that have access lists of others, too."""

    def read(
        self,
        root: Any,
        names: Iterable[str] = (),
        link_local: Collection[str] | None = None,
        guarded: Collection[tuple[str, str]] = (),
    ) -> Current:
        """
        Args:
            root: ``data``, ``config`` or ``rpc-reply``.
            names: further interfaces that the node has.
            link_local: the IPv6 link-local addresses that count; None for all. Others are the node's own: some show
                them in running, where nobody configured them.
            guarded: interfaces and directions in which a list of ours is wanted. There the lists of others count,
                too, on interfaces of ours: they might be asked first.
        """
        self._link_local = link_local
        self._guarded = guarded
        data = _data(root)
        attached = self._attachments(data)
        interfaces: list[Interface] = []
        foreign: set[str] = set(names)
        addresses: dict[str, tuple[str, ...]] = {}
        spec = self._dialect.read["interfaces"]
        for item in self._each(spec["each"], data):
            interface = self._interface(item, spec, attached)
            if interface.type is not None:
                interfaces.append(interface)
                continue
            foreign.add(interface.name)
            for address in interface.addresses:
                host = address.partition("/")[0]
                addresses[host] = (*addresses.get(host, ()), interface.name)
            if interface.ingress or interface.egress:
                interfaces.append(Interface(interface.name, ingress=interface.ingress, egress=interface.egress))
        seen = {item.name for item in interfaces} | foreign
        for name, sides in attached.items():
            ingress, egress = self._attached(name, sides, False)
            if name not in seen and (ingress or egress):
                interfaces.append(Interface(name, ingress=ingress, egress=egress))
        config = NodeConfig(tuple(interfaces), tuple(self._routes(data)), tuple(self._lists(data)))
        ours = {item.name for item in interfaces if item.type is not None}
        return Current(config, Foreign(frozenset(foreign - ours), addresses), from_text(self.mark_text(root)))

    def mark_text(self, root: Any) -> str | None:
        """What stands where the dialect keeps its mark; empty for an empty place, None for none."""
        spec = self._dialect.read.get("mark") or {}
        places = self._each(spec["each"], _data(root)) if spec else []
        return (self._text(spec, "text", places[0]) or "") if places else None

    def names(self, root: Any) -> list[str]:
        """Names of all interfaces."""
        data = root.find("{*}data")
        spec = self._dialect.read["interfaces"]
        found = self._each(spec["each"], root if data is None else data)
        return [name for item in found if (name := self._text(spec, "name", item)) is not None]

    # Finding

    def _path(self, text: str) -> Any:
        if text not in self._paths:
            self._paths[text] = etree.XPath(text, namespaces=self._dialect.namespaces)
        return self._paths[text]

    def _each(self, text: str, item: Any) -> list[Any]:
        found = self._path(text)(item)
        return found if isinstance(found, list) else []

    def _text(self, spec: Mapping[str, Any], key: str, item: Any) -> str | None:
        """The text of the first node that the path finds; None for none, and for no text."""
        if key not in spec:
            return None
        found = self._path(spec[key])(item)
        if isinstance(found, list):
            if not found:
                return None
            found = found[0] if isinstance(found[0], str) else (found[0].text or "")
        return str(found) or None

    def _there(self, spec: Mapping[str, Any], key: str, item: Any) -> bool:
        return key in spec and bool(self._path(spec[key])(item))

    # Parts

    def _interface(self, item: Any, spec: Mapping[str, Any], attached: Mapping[str, Any]) -> Interface:
        name = self._text(spec, "name", item) or ""
        description = self._text(spec, "description", item) or ""
        addresses = tuple(
            address
            for one in spec.get("addresses", ())
            for found in self._each(one["each"], item)
            if (address := self._address(found, one)) is not None and self._counts(address)
        )
        ingress, egress = self._attached(name, attached.get(name, {}), description.startswith(MARK))
        if not description.startswith(MARK):
            return Interface(name, addresses=addresses, ingress=ingress, egress=egress)
        kind = _local(self._text(spec, "type", item) or "")
        kind = self._types.get(kind, kind) or "unknown"
        parent, vlan_id = self._vlan(name) if kind == "vlan" else (None, None)
        return Interface(
            name=name,
            type=f"{kind}{ALTERED}" if self._there(spec, "altered", item) else kind,
            enabled=(self._text(spec, "enabled", item) or "true").strip() in ("true", "1"),
            mtu=self._mtu(item, spec, addresses),
            description=description.removeprefix(MARK) or None,
            parent=parent,
            vlan_id=vlan_id,
            addresses=addresses,
            ingress=ingress,
            egress=egress,
        )

    def _counts(self, address: str) -> bool:
        return self._link_local is None or address in self._link_local or not is_link_local(address)

    def _vlan(self, name: str) -> tuple[str | None, int | None]:
        parent, dot, number = name.rpartition(".")
        return (parent, int(number)) if dot and number.isdigit() else (None, None)

    def _mtu(self, item: Any, spec: Mapping[str, Any], addresses: tuple[str, ...]) -> int | None:
        """The MTU, where all families that have an address agree on it."""
        if "mtu" in spec:
            return _number(self._text(spec, "mtu", item))
        found = {_number(self._text(spec, f"mtu{family}", item)) for family in families(addresses)}
        return found.pop() if len(found) == 1 else None

    def _address(self, item: Any, spec: Mapping[str, Any]) -> str | None:
        host = self._text(spec, "address", item) or ""
        length = self._text(spec, "prefix_length", item) or self._text(spec, "netmask", item)
        try:
            return str(ipaddress.ip_interface(f"{host}/{length}" if length else host))
        except ValueError:
            return None

    def _routes(self, data: Any) -> list[Route]:
        found = []
        for spec in self._dialect.read["routes"]:
            for item in self._each(spec["each"], data):
                prefix = _prefix(self._text(spec, "prefix", item) or "")
                hop, interface = self._text(spec, "next_hop", item), self._text(spec, "interface", item)
                if self._there(spec, "others", item):
                    found.append(Route(prefix, "unicast", "(several)"))
                elif not self._knows(spec, item):
                    found.append(Route(prefix, "unicast", ALTERED.strip()))
                elif self._there(spec, "blackhole", item):
                    found.append(Route(prefix, "blackhole"))
                else:
                    found.append(Route(prefix, "unicast", _host(hop) if hop else None, interface))
        return found

    def _attachments(self, data: Any) -> dict[str, dict[str, tuple[str, ...]]]:
        """What each interface has in each direction; lists of others by their plain names."""
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        for spec in self._dialect.read.get("attachments", ()):
            for item in self._each(spec["each"], data):
                name = self._text(spec, "interface", item) or ""
                sides = found.setdefault(name, {"ingress": (), "egress": ()})
                for direction in ("ingress", "egress"):
                    names = [_string(one) for one in self._each(spec[direction], item)] if direction in spec else []
                    whole = attached([one for one in names if not _is_foreign(one)], spec.get("halves", 1))
                    theirs = dict.fromkeys(filter(_is_foreign, names))
                    sides[direction] += (*theirs, *whole)
        self.shared = frozenset(
            name for name, sides in found.items() if any(map(_is_foreign, sides["ingress"] + sides["egress"]))
        )
        return found

    def _attached(self, name: str, sides: Mapping[str, tuple[str, ...]], ours: bool) -> list[tuple[str, ...]]:
        """Lists in both directions that count."""
        found = []
        for direction in ("ingress", "egress"):
            there = sides.get(direction, ())
            mine = tuple(one for one in there if not _is_foreign(one))
            found.append(there if ours and (name, direction) in self._guarded else mine)
        return found

    def _lists(self, data: Any) -> list[AccessList]:
        spec = self._dialect.read.get("access_lists")
        if spec is None:
            return []
        found: list[AccessList] = []
        halves: list[Half] = []
        altered: set[str] = set()
        for one in spec if isinstance(spec, list) else [spec]:
            for item in self._each(one["each"], data):
                name = self._text(one, "name", item) or ""
                if not name.startswith(LIST_PREFIX):
                    continue
                entries = self._each(one["entries"]["each"], item)
                known = self._knows(one, item)
                if "family" not in one:
                    read = [self._entry(entry, one["entries"]) for entry in entries]
                    found.append(_list(name, read, known and self._type_fits(one, item, read)))
                elif (family := one["families"].get(_local(self._text(one, "family", item) or ""))) is not None:
                    altered |= set() if known else {name}
                    halves.append(Half(name, family, self._places(entries, one["entries"])))
        return found + [_list(name, entries, name not in altered) for name, entries in joined(halves)]

    def _knows(self, spec: Mapping[str, Any], item: Any) -> bool:
        """Whether an object holds nothing that the dialect does not know."""
        if "known" not in spec:
            return True
        if id(spec) not in self._known:
            self._known[id(spec)] = Known(spec["known"], self._dialect.namespaces)
        return self._known[id(spec)].covers(item)

    def _type_fits(self, spec: Mapping[str, Any], item: Any, entries: list[AccessEntry]) -> bool:
        """Whether a list is of the type that its entries' families make it."""
        if "list_types" not in spec:
            return True
        families_in = "".join(sorted({str(family) for entry in entries if (family := family_of(entry)) is not None}))
        narrow = spec["list_types"].get(families_in) or ""
        wide = spec.get("mixed_type", narrow)
        fit = {None: (narrow, wide), True: (wide,), False: (narrow,)}[self.mixed]
        return _local(self._text(spec, "type", item) or "") in fit

    def _places(self, entries: list[Any], spec: Mapping[str, Any]) -> dict[int, AccessEntry]:
        return {_number(self._text(spec, "sequence", item)) or 0: self._entry(item, spec) for item in entries}

    def _entry(self, item: Any, spec: Mapping[str, Any]) -> AccessEntry:
        protocol = self._text(spec, "protocol", item)
        words = spec.get("protocols") or {}
        if protocol is not None:
            protocol = _local(protocol)
            protocol = words.get(protocol, protocol)
            protocol = PROTOCOL_NAMES.get(protocol, protocol)
        ports = self._ports(spec, "source_port", item), self._ports(spec, "destination_port", item)
        established = self._there(spec, "established", item)
        if protocol is None and any(ports):
            protocol = "udp" if self._there(spec, "udp", item) else "tcp"
        source, destination = (self._text(spec, key, item) for key in ("source", "destination"))
        action = _local(self._text(spec, "action", item) or "")
        actions = spec.get("actions") or {}
        found = AccessEntry(
            name=self._text(spec, "name", item) or "",
            action=actions.get(action, action),
            protocol=protocol,
            source=_prefix(source) if source else None,
            destination=_prefix(destination) if destination else None,
            source_port=ports[0],
            destination_port=ports[1],
            established=established,
        )
        if self._knows(spec, item) and self._agrees(spec, item, found):
            return found
        return replace(found, action=f"{found.action}{ALTERED}")

    def _agrees(self, spec: Mapping[str, Any], item: Any, entry: AccessEntry) -> bool:
        """Whether the families and protocols that an entry names are those that what was read of it makes it name."""
        for family in (4, 6):
            if self._there(spec, f"family{family}", item) and family_of(entry) != family:
                return False
        inside = entry.established or entry.source_port is not None or entry.destination_port is not None
        for word in ("tcp", "udp"):
            if self._there(spec, word, item) and not (inside and entry.protocol in (None, word)):
                return False
        return True

    def _ports(self, spec: Mapping[str, Any], key: str, item: Any) -> str | None:
        places = spec.get(key)
        if places is None:
            return None
        one = self._text(places, "one", item)
        if one is not None:
            return one.replace("..", "-")
        low, high = self._text(places, "low", item), self._text(places, "high", item)
        if low is None or high is None:
            return None
        return low if low == high else f"{low}-{high}"


def _data(root: Any) -> Any:
    """What is inside the envelope of a reply, or of an edit."""
    data = root
    for wrapper in ("data", "config"):
        found = root.find(f"{{*}}{wrapper}")
        data = found if found is not None else data
    return data


def families(addresses: Iterable[str]) -> list[int]:
    """Address families that an interface uses; IPv4 where it has no address."""
    found = {6 if ":" in address else 4 for address in addresses}
    return sorted(found) or [4]


def _is_foreign(name: str) -> bool:
    return not name.startswith(LIST_PREFIX)


def _list(name: str, entries: list[AccessEntry], known: bool = True) -> AccessList:
    if not known:
        return AccessList(name, tuple(entries), ALTERED.strip())
    if entries and entries[-1].name == DEFAULT_ENTRY and entries[-1].action in ACTIONS:
        return AccessList(name, tuple(entries[:-1]), entries[-1].action)
    return AccessList(name, tuple(entries), "(none)")


def _string(found: Any) -> str:
    return found if isinstance(found, str) else (found.text or "")


def _local(identity: str) -> str:
    """The name of an identity without its prefix or module."""
    return identity.strip().rpartition(":")[2]


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdigit() else None


@lru_cache(maxsize=4096)
def is_link_local(address: str) -> bool:
    """Whether an address is an IPv6 link-local one (RFC 4291, 2.5.6)."""
    return ":" in address and ipaddress.ip_interface(address).ip.is_link_local


@lru_cache(maxsize=4096)
def _host(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip().partition("%")[0]))
    except ValueError:
        return text


def _prefix(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False))
    except ValueError:
        return text
