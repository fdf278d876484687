# SPDX-License-Identifier: GPL-3.0-or-later
"""Static routes in the main table: raw messages, many to a send (RFC 3549 section 3.1.1, linux/rtnetlink.h)."""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
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
_KEPT_FLAGS = 0x4 | 0x2  # onlink, pervasive; the others report state and are refused in a request

Request = tuple[int, int, bytes]
"""Message type, flags and body, as ``Wire.batch`` takes them."""


def encode(route: Mapping[str, Any], index: Callable[[str], int], adding: bool) -> bytes:
    """The body that adds or deletes a route of ours.

    Args:
        route: ``prefix``, ``type`` and perhaps ``next_hop``, ``interface``, ``metric``.
        index: gives the number of an interface by its name; may raise.
        adding: a body for ``NEWROUTE``; otherwise for ``DELROUTE``, which then matches this route alone.
    """
    address, _slash, length = route["prefix"].partition("/")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    next_hop, interface, metric = route.get("next_hop"), route.get("interface"), route.get("metric")
    scope = _NOWHERE
    if adding:
        direct = family == socket.AF_INET and next_hop is None and interface is not None
        scope = _LINK if direct else _UNIVERSE
    kind = _NUMBERS[route["type"]]
    size = 16 if family == socket.AF_INET6 else 4
    parts = [
        _BODY.pack(family, int(length), 0, 0, MAIN_TABLE, OURS, scope, kind, 0),
        _ATTRIBUTE.pack(4 + size, _DST),
        socket.inet_pton(family, address),
    ]
    if metric is None and family == socket.AF_INET6:
        metric = _IPV6_METRIC
    if metric is not None:
        parts.append(struct.pack("=HHI", 8, _PRIORITY, metric))
    if next_hop is not None and "," not in next_hop:
        parts += (_ATTRIBUTE.pack(4 + size, _GATEWAY), socket.inet_pton(family, next_hop))
    if interface is not None and (next_hop is None or "," not in next_hop):
        parts.append(struct.pack("=HHI", 8, _OIF, index(interface)))
    return b"".join(parts)


def adding(route: Mapping[str, Any], index: Callable[[str], int]) -> Request:
    """Adds a route; EEXIST when any route has its prefix and metric. Never joins one to a multipath route."""
    return NEWROUTE, CREATE | EXCL, encode(route, index, adding=True)


def deleting(route: Mapping[str, Any], index: Callable[[str], int]) -> Request:
    """Deletes exactly this route of ours."""
    return DELROUTE, 0, encode(route, index, adding=False)


def read(wire: Wire, names: Mapping[int, str]) -> list[Route]:
    """All routes of ours, IPv4 then IPv6, in the kernel's order. The kernel filters by protocol and table.

    Args:
        wire: a route socket.
        names: interface numbers to names.

    Raises:
        KernelRefused: the dump failed.
    """
    found: list[Route] = []
    for family in (socket.AF_INET, socket.AF_INET6):
        body = _BODY.pack(family, 0, 0, 0, MAIN_TABLE, OURS, 0, 0, 0)
        for data, start, end in _main_table(wire, body):
            route = _decode(data, start, end, names)
            if route is not None:
                found.append(route)
    return found


def _decode(data: bytes, start: int, end: int, names: Mapping[int, str]) -> Route | None:
    family, length, _source, _tos, table, protocol, _scope, kind, _flags = _BODY.unpack_from(data, start)
    if protocol != OURS or table != MAIN_TABLE:
        return None
    destination: bytes | None = None
    metric: int | None = None
    next_hop: str | None = None
    interface: str | None = None
    at = start + 12
    while at < end:
        size, attribute = _ATTRIBUTE.unpack_from(data, at)
        if attribute == _DST:
            destination = data[at + 4 : at + size]
        elif attribute == _GATEWAY:
            next_hop = address_text(family, data[at + 4 : at + size])
        elif attribute == _OIF:
            number = u32(data[at + 4 : at + 8])
            interface = names.get(number) or f"#{number}"
        elif attribute == _PRIORITY:
            metric = u32(data[at + 4 : at + 8])
        elif attribute == _MULTIPATH:
            next_hop = _several(family, data[at + 4 : at + size], names)
        at += (size + 3) & ~3
    if destination is None:
        destination = bytes(16 if family == socket.AF_INET6 else 4)
    if metric == (_IPV6_METRIC if family == socket.AF_INET6 else 0):
        metric = None
    if kind != 1 and kind != _NUMBERS["local"]:
        interface = None  # IPv6 hangs blackholes on the loopback
    prefix = f"{address_text(family, destination)}/{length}"
    return Route(prefix, _TYPES.get(kind, str(kind)), next_hop, interface, metric)


def _several(family: int, data: bytes, names: Mapping[int, str]) -> str:
    """Several next hops in one text: nobody can ask for them, so they always show as a difference."""
    found = []
    at = 0
    while at + 8 <= len(data):
        size, _flags, _hops, number = struct.unpack_from("=HBBi", data, at)
        gateway = parse(data, at + 8, at + size).get(_GATEWAY)
        found.append(address_text(family, gateway) if gateway else names.get(number, f"#{number}"))
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


def dump_through(wire: Wire, index: int) -> list[bytes]:
    """Bodies of the main table's routes through one interface that are not the kernel's own, those without gateway
    first: what ``replay`` needs to put them back."""
    found: list[bytes] = []
    for family in (socket.AF_INET, socket.AF_INET6):
        body = _BODY.pack(family, 0, 0, 0, MAIN_TABLE, 0, 0, 0, 0) + struct.pack("=HHI", 8, _OIF, index)
        for data, start, end in _main_table(wire, body):
            if data[start + 5] not in (2, 9):  # RTPROT_KERNEL, RTPROT_RA
                found.append(data[start:end])
    return sorted(found, key=lambda one: _GATEWAY in parse(one, 12))


def replay(bodies: list[bytes]) -> list[Request]:
    """Requests that add dumped routes again (the way of ``ip route restore``); EEXIST means that one is there."""
    requests = []
    for body in bodies:
        flags = u32(body[8:12]) & _KEPT_FLAGS
        requests.append((NEWROUTE, CREATE | EXCL | ACK, body[:8] + struct.pack("=I", flags) + body[12:]))
    return requests
