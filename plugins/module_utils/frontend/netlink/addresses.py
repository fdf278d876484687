# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of interfaces; ours carry address protocol 201 (linux/if_addr.h)."""

from __future__ import annotations

import ipaddress
import socket
import struct
from dataclasses import dataclass

from .routes import Request, address_text
from .wire import CREATE, EXCL, OURS, Wire, pack, pack_u32, parse, u32

NEWADDR, DELADDR, GETADDR = 20, 21, 22
_BODY = struct.Struct("=BBBBI")
_ADDRESS, _LOCAL, _BROADCAST, _FLAGS, _PROTO = 1, 2, 4, 8, 11
_NODAD = 0x02
_LINK_SCOPE = 253
_KERNEL = (1, 2, 3)  # IFAPROT_KERNEL_LO, _RA, _LL


@dataclass(frozen=True, slots=True)
class Address:
    """One address as the kernel has it: number of its interface, text with prefix length, ours or not, scope, and
    the dumped body from which it can be restored."""

    index: int
    text: str
    ours: bool
    scope: int
    body: bytes

    @property
    def host(self) -> str:
        """Without prefix length."""
        return self.text.partition("/")[0]

    @property
    def link_local(self) -> bool:
        """Made by the kernel itself on every link."""
        return self.scope == _LINK_SCOPE and ":" in self.text

    @property
    def by_kernel(self) -> bool:
        """Made by the kernel of what a router announced, or for the loopback."""
        return parse(self.body, 8).get(_PROTO, b"\0")[0] in _KERNEL


def read(wire: Wire, index: int = 0) -> list[Address]:
    """All addresses of the node, or of one interface.

    Raises:
        KernelRefused: the dump failed; ENODEV when the interface is gone.
    """
    found = []
    for data, start, end in wire.dump(GETADDR, _BODY.pack(0, 0, 0, 0, index)):
        family, length, _flags, scope, number = _BODY.unpack_from(data, start)
        if family not in (socket.AF_INET, socket.AF_INET6):
            continue
        attributes = parse(data, start + 8, end)
        raw = attributes.get(_LOCAL) or attributes.get(_ADDRESS)
        if raw is None:
            continue
        ours = attributes.get(_PROTO, b"\0")[0] == OURS
        found.append(Address(number, f"{address_text(family, raw)}/{length}", ours, scope, data[start:end]))
    return found


def adding(address: str, index: int) -> Request:
    """Adds an address of ours.

    IPv6 skips duplicate address detection: the ledger already knows that nobody else has it, and a tentative
    address could not be used for a second.
    """
    body, host = _start(address, index)
    network = ipaddress.ip_interface(address)
    parts = [body, pack(_LOCAL, host), pack(_ADDRESS, host), pack(_PROTO, bytes([OURS]))]
    if network.version == 4 and network.network.prefixlen < 31:
        parts.append(pack(_BROADCAST, network.network.broadcast_address.packed))
    if network.version == 6:
        parts.append(pack_u32(_FLAGS, _NODAD))
    return NEWADDR, CREATE | EXCL, b"".join(parts)


def deleting(address: str, index: int) -> Request:
    """Deletes an address."""
    body, host = _start(address, index)
    return DELADDR, 0, body + pack(_LOCAL, host)


def _start(address: str, index: int) -> tuple[bytes, bytes]:
    host, _slash, length = address.partition("/")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return _BODY.pack(family, int(length), 0, 0, index), socket.inet_pton(family, host)


def replay(body: bytes) -> Request:
    """Adds a dumped address again (the way of ``ip address restore``); EEXIST means that it is there."""
    return NEWADDR, CREATE | EXCL, body


def same_subnet(one: str, other: str) -> bool:
    """Whether two IPv4 addresses are primary and secondary of one subnet: deleting the first deletes the second."""
    if ":" in one or ":" in other:
        return False
    return ipaddress.ip_interface(one).network == ipaddress.ip_interface(other).network


def protocol_of(body: bytes) -> int:
    """The address protocol in a dumped body."""
    return u32(parse(body, 8).get(_PROTO, b"\0") + b"\0\0\0")
