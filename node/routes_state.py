# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's main routing tables as the default RIBs of RFC 8349. Needs no right."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from typing import Any

from ..plugins.module_utils.frontend.netlink.routes import GETROUTE, MAIN_TABLE, address_text, split_destination
from ..plugins.module_utils.frontend.netlink.wire import OURS, Wire, parse, u32

_BODY = struct.Struct("=BBBBBBBBI")
_HOP = struct.Struct("=HBBi")
_OIF, _GATEWAY, _PRIORITY, _MULTIPATH = 4, 5, 6, 9
_DEAD = 0x1 | 0x10  # RTNH_F_DEAD, RTNH_F_LINKDOWN
_DIRECT = (2, 9)  # RTPROT_KERNEL, RTPROT_RA
_STATIC = (3, 4, OURS)  # RTPROT_BOOT, RTPROT_STATIC
_SPECIAL = {2: "receive", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
_FAMILIES = ((4, socket.AF_INET, 4), (6, socket.AF_INET6, 16))

Route = dict[str, Any]


def read_ribs(wire: Wire, names: Mapping[int, str]) -> dict[str, Any]:
    """Both default RIBs, ``ipv4-master`` and ``ipv6-master``, in JSON of RFC 7951.

    Of routes to one prefix, ``active`` is the one with the lowest metric whose link is there.

    Args:
        wire: a route socket.
        names: interface numbers to names.

    Raises:
        KernelRefused: the dump failed.
    """
    ribs = [
        {
            "name": f"ipv{version}-master",
            "address-family": f"ietf-ipv{version}-unicast-routing:ipv{version}-unicast",
            "routes": {"route": _table(wire, version, family, size, names)},
        }
        for version, family, size in _FAMILIES
    ]
    return {"ietf-routing:routing": {"ribs": {"rib": ribs}}}


def _table(wire: Wire, version: int, family: int, size: int, names: Mapping[int, str]) -> list[Route]:
    key = f"ietf-ipv{version}-unicast-routing:destination-prefix"
    found: list[Route] = []
    best: dict[tuple[bytes, int], tuple[int, Route]] = {}
    # Neighbours differ in their destination alone: everything else is decoded once.
    common: dict[bytes, tuple[Route, int | None] | None] = {}
    body = _BODY.pack(family, 0, 0, 0, MAIN_TABLE, 0, 0, 0, 0)
    for data, start, end in wire.dump(GETROUTE, body):
        destination, rest = split_destination(data, start, end, size)
        if rest not in common:
            common[rest] = _decode(rest, version, family, names)
        decoded = common[rest]
        if decoded is None:
            continue
        length = data[start + 1]
        route = {key: f"{address_text(family, destination)}/{length}", **decoded[0]}
        found.append(route)
        if decoded[1] is not None:
            other = best.get((destination, length))
            if other is None or decoded[1] < other[0]:
                best[destination, length] = decoded[1], route
    for _metric, route in best.values():
        route["active"] = [None]
    return found


def _decode(body: bytes, version: int, family: int, names: Mapping[int, str]) -> tuple[Route, int | None] | None:
    """What routes have in common, and their metric; None in its place for one that is not usable now."""
    _family, _length, _source, _tos, table, protocol, _scope, kind, flags = _BODY.unpack_from(body)
    if table != MAIN_TABLE:
        return None
    found = parse(body, 12)
    metric = u32(found[_PRIORITY]) if _PRIORITY in found else 0
    if protocol in _DIRECT:
        source = "ietf-routing:direct"
    else:
        source = "ietf-routing:static" if protocol in _STATIC else "shadownet-node-deviations:other-program"
    route = {
        "route-preference": metric,
        "next-hop": _next_hop(kind, found, version, family, names),
        "source-protocol": source,
    }
    return route, None if flags & _DEAD else metric


def _next_hop(
    kind: int, found: Mapping[int, bytes], version: int, family: int, names: Mapping[int, str]
) -> dict[str, Any]:
    if kind in _SPECIAL:
        return {"special-next-hop": _SPECIAL[kind]}
    if _MULTIPATH in found:
        hops = _several(found[_MULTIPATH], version, family, names)
        return {"next-hop-list": {"next-hop": hops}}
    return _one(found, u32(found.get(_OIF, b"")), f"ietf-ipv{version}-unicast-routing:next-hop-address", family, names)


def _one(found: Mapping[int, bytes], index: int, key: str, family: int, names: Mapping[int, str]) -> dict[str, Any]:
    hop: dict[str, Any] = {}
    if index in names:
        hop["outgoing-interface"] = names[index]
    gateway = found.get(_GATEWAY)
    if gateway:
        hop[key] = address_text(family, gateway)
    return hop


def _several(data: bytes, version: int, family: int, names: Mapping[int, str]) -> list[dict[str, Any]]:
    hops = []
    at = 0
    while at + _HOP.size <= len(data):
        size, _flags, _weight, index = _HOP.unpack_from(data, at)
        inner = parse(data, at + _HOP.size, at + size)
        hops.append(_one(inner, index, f"ietf-ipv{version}-unicast-routing:address", family, names))
        at += (max(size, _HOP.size) + 3) & ~3
    return hops
