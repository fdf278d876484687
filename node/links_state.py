# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's interfaces and addresses as operational data of RFC 8343 and 8344. Needs no right."""

from __future__ import annotations

import array
import fcntl
import socket
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..plugins.module_utils.frontend.netlink import addresses
from ..plugins.module_utils.frontend.netlink.links import GETLINK, MARK
from ..plugins.module_utils.frontend.netlink.wire import Wire, in_namespace, parse, text, u32

_BODY = struct.Struct("=BBHiII")
_UP = 1
_ADDRESS, _IFNAME, _MTU, _LINK, _MASTER, _OPERSTATE, _LINKINFO, _IFALIAS, _STATS64 = 1, 3, 4, 5, 10, 16, 18, 20, 23
_LINK_NETNSID = 37
_KIND = 1
_COUNTERS = struct.Struct("=9Q")
_UNHANDLED_AT = 23 * 8
_OPER = ("unknown", "not-present", "down", "lower-layer-down", "testing", "dormant", "up")
_LOOPBACK, _ETHERNET, _PPP = 772, 1, 512
_TUNNELS = (768, 769, 776, 778, 823)  # IPIP, IPIP6, SIT, GRE, IP6GRE
_KINDS = {"bridge": "bridge", "vlan": "l2vlan", "bond": "ieee8023adLag", "vxlan": "tunnel", "wireguard": "tunnel"}
_LAYERED = ("vlan", "macvlan")
_SIOCETHTOOL, _ETHTOOL_GSET = 0x8946, 1
_NO_SPEED = (0, 0xFFFF, 0xFFFFFFFF)
_TENTATIVE, _DEPRECATED, _DAD_FAILED, _OPTIMISTIC, _PERMANENT = 0x40, 0x20, 0x08, 0x04, 0x80
_IFA_FLAGS = 8


@dataclass(frozen=True, slots=True)
class LinkState:
    """One interface. ``lower`` and ``master`` are numbers of others, 0 for none; ``kind`` is the kernel's word."""

    index: int
    name: str
    type: str
    kind: str
    ours: bool
    up: bool
    oper: str
    mtu: int
    mac: bytes
    lower: int
    master: int
    statistics: dict[str, Any]


def read_links(wire: Wire) -> list[LinkState]:
    """All interfaces.

    Raises:
        KernelRefused: the dump failed.
    """
    return [_decode(data, start, end) for data, start, end in wire.dump(GETLINK, _BODY.pack(0, 0, 0, 0, 0, 0))]


def _decode(data: bytes, start: int, end: int) -> LinkState:
    _family, _pad, arp, index, flags, _change = _BODY.unpack_from(data, start)
    found = parse(data, start + 16, end)
    kind = text(parse(found.get(_LINKINFO, b"")).get(_KIND, b""))
    oper = found.get(_OPERSTATE, b"\0")[0]
    return LinkState(
        index=index,
        name=text(found[_IFNAME]),
        type=f"iana-if-type:{_type(kind, arp)}",
        kind=kind,
        ours=text(found.get(_IFALIAS, b"")).startswith(MARK),
        up=bool(flags & _UP),
        oper=_OPER[oper] if oper < len(_OPER) else "unknown",
        mtu=u32(found.get(_MTU, b"")),
        mac=found.get(_ADDRESS, b""),
        lower=u32(found[_LINK]) if kind in _LAYERED and _LINK in found and _LINK_NETNSID not in found else 0,
        master=u32(found.get(_MASTER, b"")),
        statistics=_statistics(found.get(_STATS64, b"")),
    )


def _type(kind: str, arp: int) -> str:
    """The nearest type of the IANA's registry."""
    if kind in _KINDS:
        return _KINDS[kind]
    if arp in _TUNNELS:
        return "tunnel"
    return {_LOOPBACK: "softwareLoopback", _ETHERNET: "ethernetCsmacd", _PPP: "ppp"}.get(arp, "other")


def _statistics(data: bytes) -> dict[str, Any]:
    """Linux tells multicast from all others that come in, and nothing of what goes out."""
    if len(data) < _COUNTERS.size:
        return {}
    packets, sent, octets, octets_sent, errors, errors_sent, lost, lost_sent, multicast = _COUNTERS.unpack_from(data)
    found: dict[str, Any] = {
        "in-octets": str(octets),
        "in-unicast-pkts": str(max(packets - multicast, 0)),
        "in-multicast-pkts": str(multicast),
        "in-discards": lost & 0xFFFFFFFF,
        "in-errors": errors & 0xFFFFFFFF,
        "out-octets": str(octets_sent),
        "out-unicast-pkts": str(sent),
        "out-discards": lost_sent & 0xFFFFFFFF,
        "out-errors": errors_sent & 0xFFFFFFFF,
    }
    if len(data) >= _UNHANDLED_AT + 8:
        found["in-unknown-protos"] = struct.unpack_from("=Q", data, _UNHANDLED_AT)[0] & 0xFFFFFFFF
    return found


class InterfacesState:
    """Remembers since when each interface has been counting."""

    def __init__(self) -> None:
        self._since: dict[int, str] = {}
        self._start = _now()
        self._first = True

    def read(self, wire: Wire, configured: Collection[str], netns: str | None = None) -> dict[str, Any]:
        """State leaves of the configured interfaces, and ``interfaces-state`` of all (RFC 7951 JSON).

        Args:
            wire: a route socket.
            configured: names of those in running.
            netns: the network namespace of ``wire``.

        Raises:
            KernelRefused: a dump failed.
        """
        links = read_links(wire)
        there: dict[int, list[addresses.Address]] = {}
        for one in addresses.read(wire):
            there.setdefault(one.index, []).append(one)
        since = {link.index: self._since.get(link.index) or (self._start if self._first else _now()) for link in links}
        self._since, self._first = since, False
        names = {link.index: link.name for link in links}
        upper: dict[int, list[str]] = {}
        lower: dict[int, list[str]] = {}
        for link in links:
            if link.lower in names:
                upper.setdefault(link.lower, []).append(link.name)
            if link.master in names:
                upper.setdefault(link.index, []).append(names[link.master])
            if link.lower in names:
                lower.setdefault(link.index, []).append(names[link.lower])
            if link.master in names:
                lower.setdefault(link.master, []).append(link.name)
        states = []
        mine = []
        with in_namespace(netns, _ioctl_socket) as asking:
            for link in links:
                state = _state(link, since[link.index], asking)
                if link.name in configured:
                    mine.append({"name": link.name, **state})
                states.append(
                    {
                        "name": link.name,
                        "type": link.type,
                        **state,
                        **({"higher-layer-if": upper[link.index]} if link.index in upper else {}),
                        **({"lower-layer-if": lower[link.index]} if link.index in lower else {}),
                        **_families(link, there.get(link.index, ())),
                    }
                )
        found: dict[str, Any] = {"ietf-interfaces:interfaces-state": {"interface": states}}
        if mine:
            found["ietf-interfaces:interfaces"] = {"interface": mine}
        return found


def _ioctl_socket() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _state(link: LinkState, since: str, asking: socket.socket) -> dict[str, Any]:
    found: dict[str, Any] = {
        "admin-status": "up" if link.up else "down",
        "oper-status": link.oper,
        "if-index": link.index,
    }
    if link.mac:
        found["phys-address"] = link.mac.hex(":")
    speed = _speed(link, asking)
    if speed is not None:
        found["speed"] = str(speed)
    found["statistics"] = {"discontinuity-time": since, **link.statistics}
    return found


def _speed(link: LinkState, asking: socket.socket) -> int | None:
    """Bits per second, None where the driver has none to tell."""
    if not link.up or link.type != "iana-if-type:ethernetCsmacd":
        return None
    command = array.array("B", struct.pack("=I", _ETHTOOL_GSET) + bytes(40))
    try:
        # struct ifreq holds the address of the command.
        fcntl.ioctl(asking, _SIOCETHTOOL, struct.pack("16sP16x", link.name.encode(), command.buffer_info()[0]))
    except OSError:
        return None
    megabits = struct.unpack_from("=H", command, 12)[0] | struct.unpack_from("=H", command, 28)[0] << 16
    return None if megabits in _NO_SPEED else megabits * 1_000_000


def _families(link: LinkState, there: Collection[addresses.Address]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for family, most in ((4, 65535), (6, 0xFFFFFFFF)):
        some = [one for one in there if (":" in one.text) == (family == 6)]
        if some:
            found[f"ietf-ip:ipv{family}"] = {
                "mtu": min(link.mtu, most),
                "address": [_address(one, family) for one in some],
            }
    return found


def _address(one: addresses.Address, family: int) -> dict[str, Any]:
    host, _slash, length = one.text.partition("/")
    raw = parse(one.body, 8).get(_IFA_FLAGS)
    flags = u32(raw) if raw else one.body[2]
    origin = "link-layer" if one.link_local else "static" if flags & _PERMANENT else "other"
    found: dict[str, Any] = {"ip": host, "prefix-length": int(length), "origin": origin}
    if family == 6:
        found["status"] = _status(flags)
    return found


def _status(flags: int) -> str:
    if flags & _DAD_FAILED:
        return "duplicate"
    if flags & _TENTATIVE:
        return "optimistic" if flags & _OPTIMISTIC else "tentative"
    return "deprecated" if flags & _DEPRECATED else "preferred"
