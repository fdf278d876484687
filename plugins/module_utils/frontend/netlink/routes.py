# SPDX-License-Identifier: GPL-3.0-or-later
"""Static routes in the main table: raw messages, many to a send (RFC 3549 section 3.1.1, linux/rtnetlink.h)."""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from collections.abc import Callable, Collection, Iterable, Mapping
from socket import inet_pton
from typing import Any

from ...model.node_config import Route
from .wire import ACK, CREATE, EXCL, OURS, KernelRefused, Wire, parse, u32

NEWROUTE, DELROUTE, GETROUTE = 24, 25, 26
MAIN_TABLE = 254
_BODY = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_DST, _OIF, _GATEWAY, _PRIORITY, _MULTIPATH, _TABLE = 1, 4, 5, 6, 9, 15
_UNIVERSE, _LINK, _NOWHERE = 0, 253, 255
_TYPES = {1: "unicast", 2: "local", 6: "blackhole", 7: "unreachable", 8: "prohibit", 9: "throw"}
_NUMBERS = {name: number for number, name in _TYPES.items()}
_IPV6_METRIC = 1024
_DST_AT = 20  # after the body and RTA_TABLE, where the kernel puts it
_KEPT_FLAGS = 0x4 | 0x2  # onlink, pervasive; the others report state and are refused in a request

Request = tuple[int, int, bytes]
"""Message type, flags and body, as ``Wire.batch`` takes them."""


class Encoder:
    """Packs the messages of many routes; what neighbours have in common is packed once."""

    def __init__(self, index: Callable[[str], int]) -> None:
        """
        Args:
            index: gives the number of an interface by its name; may raise.
        """
        self._index = index
        self._common: dict[tuple[object, ...], tuple[bytes, int, bytes]] = {}

    def adding(self, route: Mapping[str, Any]) -> Request:
        """Adds a route; EEXIST when any route has its prefix and metric. Never joins one to a multipath route."""
        return NEWROUTE, CREATE | EXCL, self._body(route, adding=True)

    def deleting(self, route: Mapping[str, Any]) -> Request:
        """Deletes exactly this route of ours."""
        return DELROUTE, 0, self._body(route, adding=False)

    def _body(self, route: Mapping[str, Any], adding: bool) -> bytes:
        address, _slash, length = route["prefix"].partition("/")
        get = route.get
        key = (adding, ":" in address, length, route["type"], get("next_hop"), get("interface"), get("metric"))
        common = self._common.get(key)
        if common is None:
            common = self._common[key] = self._pack(key)
        return common[0] + inet_pton(common[1], address) + common[2]

    def _pack(self, key: tuple[Any, ...]) -> tuple[bytes, int, bytes]:
        """What stands before the destination, the family, and what stands after it."""
        adding, six, length, kind, next_hop, interface, metric = key
        family, size = (socket.AF_INET6, 16) if six else (socket.AF_INET, 4)
        scope = _NOWHERE
        if adding:
            scope = _LINK if not six and next_hop is None and interface is not None else _UNIVERSE
        head = _BODY.pack(family, int(length), 0, 0, MAIN_TABLE, OURS, scope, _NUMBERS[kind], 0)
        tail = b""
        if metric is None and six:
            metric = _IPV6_METRIC
        if metric is not None:
            tail += struct.pack("=HHI", 8, _PRIORITY, metric)
        if next_hop is None or "," not in next_hop:  # several next hops, made by hand, are deleted by their prefix
            if next_hop is not None:
                tail += _ATTRIBUTE.pack(4 + size, _GATEWAY) + inet_pton(family, next_hop)
            if interface is not None:
                tail += struct.pack("=HHI", 8, _OIF, self._index(interface))
        return head + _ATTRIBUTE.pack(4 + size, _DST), family, tail


def read(wire: Wire, names: Mapping[int, str]) -> list[Route]:
    """All routes of ours, IPv4 then IPv6, in the kernel's order. The kernel filters by protocol and table.

    Args:
        wire: a route socket.
        names: interface numbers to names.

    Raises:
        KernelRefused: the dump failed.
    """
    found: list[Route] = []
    for family, size in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
        body = _BODY.pack(family, 0, 0, 0, MAIN_TABLE, OURS, 0, 0, 0)
        # Neighbours differ in their destination alone: everything else is decoded once.
        common: dict[bytes, tuple[str, str | None, str | None, int | None] | None] = {}
        for data, start, end in _main_table(wire, body):
            destination, rest = split_destination(data, start, end, size)
            if rest not in common:
                common[rest] = _decode(rest, names)
            decoded = common[rest]
            if decoded is not None:
                kind, next_hop, interface, metric = decoded
                prefix = f"{address_text(family, destination)}/{data[start + 1]}"
                found.append(Route(prefix, kind, next_hop, interface, metric))
    return found


_STARTS = {size: _ATTRIBUTE.pack(4 + size, _DST) for size in (4, 16)}


def split_destination(data: bytes, start: int, end: int, size: int) -> tuple[bytes, bytes]:
    """The destination of a dumped body and the body without it; its octet 1 still tells the prefix length.

    Args:
        data: a received buffer with the body at ``start:end``.
        size: octets of an address of the body's family.
    """
    at = start + _DST_AT
    if data[at : at + 4] == _STARTS[size]:
        return data[at + 4 : at + 4 + size], data[start:at] + data[at + 4 + size : end]
    return _take_destination(data[start:end], size)


def _take_destination(body: bytes, size: int) -> tuple[bytes, bytes]:
    """The destination of a body, zeros if it has none, and the body without it."""
    at = 12
    while at + 4 <= len(body):
        length, attribute = _ATTRIBUTE.unpack_from(body, at)
        step = (max(length, 4) + 3) & ~3
        if attribute == _DST:
            return body[at + 4 : at + length], body[:at] + body[at + step :]
        at += step
    return bytes(size), body


def _decode(body: bytes, names: Mapping[int, str]) -> tuple[str, str | None, str | None, int | None] | None:
    """Type, next hop, interface and metric of a body without destination; None if it is not one of ours."""
    family, _length, _source, _tos, table, protocol, _scope, kind, _flags = _BODY.unpack_from(body)
    if protocol != OURS or table != MAIN_TABLE:
        return None
    attributes = parse(body, 12)
    gateway, number = attributes.get(_GATEWAY), attributes.get(_OIF)
    next_hop = address_text(family, gateway) if gateway else None
    interface = _name(u32(number), names) if number else None
    metric = u32(attributes[_PRIORITY]) if _PRIORITY in attributes else None
    if _MULTIPATH in attributes:
        next_hop = _several(family, attributes[_MULTIPATH], names)
    if metric == (_IPV6_METRIC if family == socket.AF_INET6 else 0):
        metric = None
    if kind not in (_NUMBERS["unicast"], _NUMBERS["local"]):
        interface = None  # IPv6 hangs blackholes on the loopback
    return _TYPES.get(kind, str(kind)), next_hop, interface, metric


def _name(index: int, names: Mapping[int, str]) -> str:
    return names.get(index) or f"#{index}"


def _several(family: int, data: bytes, names: Mapping[int, str]) -> str:
    """Several next hops in one text: nobody can ask for them, so they always show as a difference."""
    found = []
    at = 0
    while at + 8 <= len(data):
        size, _flags, _hops, number = struct.unpack_from("=HBBi", data, at)
        gateway = parse(data, at + 8, at + size).get(_GATEWAY)
        found.append(address_text(family, gateway) if gateway else _name(number, names))
        at += (max(size, 8) + 3) & ~3
    return ",".join(found) + ("," if len(found) == 1 else "")


def _main_table(wire: Wire, body: bytes) -> Iterable[tuple[bytes, int, int]]:
    try:
        return wire.dump(GETROUTE, body)
    except KernelRefused as refused:
        if refused.code == errno.ENOENT:  # a new namespace has no main table yet
            return ()
        raise


def address_text(family: int, raw: bytes) -> str:
    """An address as the model writes it."""
    found = socket.inet_ntop(family, raw)
    # The C library writes mapped addresses with dots; the ipaddress module of this Python decides how we do.
    return str(ipaddress.IPv6Address(raw)) if family == socket.AF_INET6 and "." in found else found


def interface_to(wire: Wire, address: str) -> int:
    """Number of the interface through which the node reaches an address now; 0 where the kernel names none.

    Raises:
        KernelRefused: it does not reach it.
    """
    family, size = (socket.AF_INET6, 16) if ":" in address else (socket.AF_INET, 4)
    body = _BODY.pack(family, size * 8, 0, 0, 0, 0, 0, 0, 0)
    answer = wire.get(GETROUTE, body + _ATTRIBUTE.pack(4 + size, _DST) + inet_pton(family, address))
    return 0 if answer is None else u32(parse(answer, 12).get(_OIF, b"\0\0\0\0"))


def dump_through(wire: Wire, indexes: Collection[int]) -> dict[int, list[bytes]]:
    """Bodies of the main table's routes that are not the kernel's own, by number of the interfaces they go through,
    in the order of ``gateways_last``: what ``replay`` needs to put them back."""
    if not indexes:
        return {}
    only = struct.pack("=HHI", 8, _OIF, next(iter(indexes))) if len(indexes) == 1 else b""
    found: dict[int, list[bytes]] = {}
    for family in (socket.AF_INET, socket.AF_INET6):
        for data, start, end in _main_table(wire, _BODY.pack(family, 0, 0, 0, MAIN_TABLE, 0, 0, 0, 0) + only):
            if data[start + 5] not in (2, 9):  # RTPROT_KERNEL, RTPROT_RA
                for index in _interfaces(parse(data, start + 12, end)).intersection(indexes):
                    found.setdefault(index, []).append(data[start:end])
    return {index: gateways_last(some) for index, some in found.items()}


def _interfaces(attributes: Mapping[int, bytes]) -> set[int]:
    """Numbers of the interfaces that a route goes through."""
    found = {u32(attributes[_OIF])} if _OIF in attributes else set()
    hops, at = attributes.get(_MULTIPATH, b""), 0
    while at + 8 <= len(hops):
        size, _flags, _hops, number = struct.unpack_from("=HBBi", hops, at)
        found.add(number)
        at += (max(size, 8) + 3) & ~3
    return found


def prefix_of(body: bytes) -> str:
    """The destination of a dumped route, for a reader."""
    size = 16 if body[0] == socket.AF_INET6 else 4
    return f"{address_text(body[0], _take_destination(body, size)[0])}/{body[1]}"


def gateways_last(bodies: Iterable[bytes]) -> list[bytes]:
    """An order in which routes can be added: first those that make the gateways of the others reachable."""

    def through_gateway(body: bytes) -> bool:
        attributes = parse(body, 12)
        return _GATEWAY in attributes or _MULTIPATH in attributes

    return sorted(bodies, key=through_gateway)


def replay(bodies: list[bytes]) -> list[Request]:
    """Requests that add dumped routes again (the way of ``ip route restore``); EEXIST means that one is there."""
    requests = []
    for body in bodies:
        flags = u32(body[8:12]) & _KEPT_FLAGS
        requests.append((NEWROUTE, CREATE | EXCL | ACK, body[:8] + struct.pack("=I", flags) + body[12:]))
    return requests
