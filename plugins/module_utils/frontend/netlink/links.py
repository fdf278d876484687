# SPDX-License-Identifier: GPL-3.0-or-later
"""Links: reading, making, changing (linux/if_link.h). Ours carry an alias that begins with ``shadownet:``.

The kernel takes an alias only for a link that is there already. So that a process that dies in between leaves nothing
which nobody owns, a new link is born into the link group ``NEWBORN`` and leaves it when it gets its alias.
"""

from __future__ import annotations

import ipaddress
import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...model.node_config import INTERFACE_TYPES
from .routes import Request, address_text
from .wire import CREATE, EXCL, Wire, nest, pack, pack_text, pack_u32, parse, text, u32

NEWLINK, DELLINK, GETLINK = 16, 17, 18
MARK = "shadownet:"
NEWBORN = 0x53484E54
"""A link group that nobody would choose: the letters SHNT."""

_BODY = struct.Struct("=BBHiII")
_UP = 1
_ADDRESS, _IFNAME, _MTU, _LINK, _MASTER, _TXQLEN, _LINKINFO, _IFALIAS = 1, 3, 4, 5, 10, 13, 18, 20
_GROUP, _EXT_MASK, _LINK_NETNSID = 27, 29, 37
_SKIP_STATISTICS = 1 << 3
_KIND, _DATA = 1, 2
_VETH_PEER = 1
_MACVLAN_MODE = 1
_VXLAN_ID, _VXLAN_REMOTE, _VXLAN_LINK, _VXLAN_LOCAL, _VXLAN_PORT, _VXLAN_REMOTE6, _VXLAN_LOCAL6 = 1, 2, 3, 4, 15, 16, 17
_VLAN_ID = 1
_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}
_MODE_NAMES = {number: name for name, number in _MODES.items()}


@dataclass(frozen=True, slots=True)
class Link:
    """One link as the kernel has it; interface numbers where the kernel has numbers.

    ``elsewhere`` says that ``link`` is a number in another network namespace, ``newborn`` that it never got its alias.
    """

    index: int
    name: str
    kind: str
    up: bool
    mtu: int
    alias: str
    link: int
    elsewhere: bool
    master: int
    mac: bytes
    queue: int
    newborn: bool
    data: dict[int, bytes] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        """Made by us."""
        return self.newborn or self.alias.startswith(MARK)


def _decode(data: bytes, start: int, end: int) -> Link:
    _family, _pad, _arp, index, flags, _change = _BODY.unpack_from(data, start)
    attributes = parse(data, start + 16, end)
    info = parse(attributes.get(_LINKINFO, b""))

    def number(key: int) -> int:
        return u32(attributes.get(key, b"\0\0\0\0"))

    return Link(
        index=index,
        name=text(attributes[_IFNAME]),
        kind=text(info.get(_KIND, b"")),
        up=bool(flags & _UP),
        mtu=number(_MTU),
        alias=text(attributes.get(_IFALIAS, b"")),
        link=number(_LINK),
        elsewhere=_LINK_NETNSID in attributes,
        master=number(_MASTER),
        mac=attributes.get(_ADDRESS, b""),
        queue=number(_TXQLEN),
        newborn=_IFALIAS not in attributes and number(_GROUP) == NEWBORN,
        data=parse(info.get(_DATA, b"")),
    )


def read(wire: Wire) -> dict[int, Link]:
    """All links by number.

    Raises:
        KernelRefused: the dump failed.
    """
    body = _BODY.pack(0, 0, 0, 0, 0, 0) + pack_u32(_EXT_MASK, _SKIP_STATISTICS)
    found = (_decode(data, start, end) for data, start, end in wire.dump(GETLINK, body))
    return {link.index: link for link in found}


def find(wire: Wire, name: str = "", index: int = 0) -> Link | None:
    """One link by name or number, None when there is none."""
    body = _BODY.pack(0, 0, 0, index, 0, 0) + pack_u32(_EXT_MASK, _SKIP_STATISTICS)
    if name:
        body += pack_text(_IFNAME, name)
    answer = wire.get(GETLINK, body)
    return None if answer is None else _decode(answer, 0, len(answer))


def attributes(link: Link, names: Mapping[int, str]) -> dict[str, Any]:
    """A link of ours in the words of the model (``Interface`` without addresses, rate and access lists)."""
    found: dict[str, Any] = {
        "name": link.name,
        "type": link.kind or "physical",
        "enabled": link.up,
        "mtu": link.mtu,
        "description": link.alias[len(MARK) :] or None,
        "bridge": names.get(link.master),
    }
    data = link.data
    if link.kind == "veth" and not link.elsewhere:
        found["peer"] = names.get(link.link)
    elif link.kind == "macvlan":
        found["parent"] = names.get(link.link)
        found["mode"] = _MODE_NAMES.get(u32(data.get(_MACVLAN_MODE, b"\0")), "bridge")
    elif link.kind == "vlan":
        found["parent"] = names.get(link.link)
        found["vlan_id"] = u32(data.get(_VLAN_ID, b"\0\0"))
    elif link.kind == "vxlan":
        found["vni"] = u32(data.get(_VXLAN_ID, b"\0"))
        found["port"] = int.from_bytes(data.get(_VXLAN_PORT, b"\0\0"), "big")
        found["parent"] = names.get(u32(data.get(_VXLAN_LINK, b"\0")))
        for key, four, six in (("local", _VXLAN_LOCAL, _VXLAN_LOCAL6), ("remote", _VXLAN_REMOTE, _VXLAN_REMOTE6)):
            raw = data.get(four) or data.get(six)
            found[key] = address_text(2 if len(raw) == 4 else 10, raw) if raw else None
    return found


def lower_of_vxlan(link: Link) -> int:
    """Number of the interface that a VXLAN tunnel is bound to; 0 for none."""
    return u32(link.data.get(_VXLAN_LINK, b"\0\0\0\0"))


def making(
    wanted: Mapping[str, Any], index: Callable[[str], int], like: Link | None = None, peer_like: Link | None = None
) -> Request:
    """Makes a link, down and newborn.

    With the number and hardware address of ``like`` when it comes back after a refusal.
    """
    kind = wanted["type"]
    parts = [_BODY.pack(0, 0, 0, like.index if like else 0, 0, 0), pack_text(_IFNAME, wanted["name"])]
    parts.append(pack_u32(_GROUP, NEWBORN))
    if like is not None and any(like.mac) and kind != "macvlan":
        parts.append(pack(_ADDRESS, like.mac))
    elif kind == "bridge":
        # Of its own, or it would take that of whichever port comes and goes, and clients would lose their gateway.
        parts.append(pack(_ADDRESS, _random_mac()))
    if like is not None:
        parts.append(pack_u32(_TXQLEN, like.queue))
    if wanted.get("parent") and kind in ("macvlan", "vlan"):
        parts.append(pack_u32(_LINK, index(wanted["parent"])))
    data = _kind_data(wanted, index, peer_like)
    parts.append(nest(_LINKINFO, pack_text(_KIND, kind), *([nest(_DATA, data)] if data else [])))
    return NEWLINK, CREATE | EXCL, b"".join(parts)


def _random_mac() -> bytes:
    """Locally administered, unicast."""
    first, *rest = os.urandom(6)
    return bytes([first & 0xFC | 0x02, *rest])


def _kind_data(wanted: Mapping[str, Any], index: Callable[[str], int], peer_like: Link | None) -> bytes:
    kind = wanted["type"]
    if kind == "veth":
        peer = _BODY.pack(0, 0, 0, peer_like.index if peer_like else 0, 0, 0) + pack_text(_IFNAME, wanted["peer"])
        if peer_like is not None:
            peer += pack(_ADDRESS, peer_like.mac)
        return nest(_VETH_PEER, peer)
    if kind == "macvlan":
        return pack_u32(_MACVLAN_MODE, _MODES[wanted.get("mode") or "bridge"])
    if kind == "vlan":
        return pack(_VLAN_ID, struct.pack("=H", wanted["vlan_id"]))
    if kind == "vxlan":
        parts = [pack_u32(_VXLAN_ID, wanted["vni"]), pack(_VXLAN_PORT, struct.pack(">H", wanted.get("port") or 4789))]
        if wanted.get("parent"):
            parts.append(pack_u32(_VXLAN_LINK, index(wanted["parent"])))
        for key, four, six in (("local", _VXLAN_LOCAL, _VXLAN_LOCAL6), ("remote", _VXLAN_REMOTE, _VXLAN_REMOTE6)):
            if wanted.get(key):
                found = ipaddress.ip_address(wanted[key])
                parts.append(pack(four if found.version == 4 else six, found.packed))
        return b"".join(parts)
    return b""


def changing(
    index: int,
    mtu: int | None = None,
    alias: str | None = None,
    master: int | None = None,
    up: bool | None = None,
    mac: bytes | None = None,
    grown: bool = False,
) -> Request:
    """Sets what is given; ``master`` 0 releases a port, ``alias`` empty removes it, ``grown`` leaves the newborn."""
    flags, mask = (_UP if up else 0, _UP) if up is not None else (0, 0)
    parts = [_BODY.pack(0, 0, 0, index, flags, mask)]
    if mtu is not None:
        parts.append(pack_u32(_MTU, mtu))
    if alias is not None:
        parts.append(pack(_IFALIAS, alias.encode()))
    if master is not None:
        parts.append(pack_u32(_MASTER, master))
    if mac is not None:
        parts.append(pack(_ADDRESS, mac))
    if grown:
        parts.append(pack_u32(_GROUP, 0))
    return NEWLINK, 0, b"".join(parts)


def deleting(index: int) -> Request:
    """Deletes a link."""
    return DELLINK, 0, _BODY.pack(0, 0, 0, index, 0, 0)


def known(kind: str) -> bool:
    """Whether the model has this kind of link."""
    return kind in INTERFACE_TYPES
