# SPDX-License-Identifier: GPL-3.0-or-later
"""Rate limits: a token bucket (tbf, linux/pkt_sched.h) as root queue of an interface of ours."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .routes import Request
from .wire import CREATE, REPLACE, Wire, nest, pack, pack_text, pack_u32, parse, text, u32

NEWQDISC, DELQDISC, GETQDISC = 36, 37, 38
_BODY = struct.Struct("=BBHiIII")
_ROOT = 0xFFFFFFFF
_HANDLE = 0x5AD00000  # 5ad0:
_KIND, _OPTIONS = 1, 2
_PARMS, _RATE64, _BURST = 1, 4, 6
_RATE_SPEC = struct.Struct("=BBHhHI")
_ETHERNET = 1
_MOST = 2**32 - 1
_SMALLEST_BURST = 16 * 1024


@dataclass(frozen=True, slots=True)
class Limit:
    """The root queue of one interface: bits per second, or None where the queue is not one of ours."""

    index: int
    rate: int | None
    kind: str


def read(wire: Wire) -> dict[int, Limit]:
    """Root queues that somebody chose, by number of the interface; the kernel's default queues are left out.

    Raises:
        KernelRefused: the dump failed.
    """
    found: dict[int, Limit] = {}
    for data, start, end in wire.dump(GETQDISC, _BODY.pack(0, 0, 0, 0, 0, 0, 0)):
        _family, _pad1, _pad2, index, handle, parent, _info = _BODY.unpack_from(data, start)
        if parent != _ROOT or handle == 0:
            continue
        attributes = parse(data, start + 20, end)
        kind = text(attributes.get(_KIND, b""))
        rate = _rate(attributes.get(_OPTIONS, b"")) if kind == "tbf" and handle == _HANDLE else None
        found[index] = Limit(index, rate, kind)
    return found


def _rate(options: bytes) -> int | None:
    attributes = parse(options)
    if _RATE64 in attributes:
        return int(struct.unpack("=Q", attributes[_RATE64])[0]) * 8
    parameters = attributes.get(_PARMS, b"")
    return u32(parameters[8:12]) * 8 if len(parameters) >= 12 else None


def setting(index: int, rate: int) -> Request:
    """Limits what an interface sends.

    Args:
        index: number of the interface.
        rate: bits per second, a multiple of 8. The bucket holds 10 ms of it, at least 16 KiB; packets wait 50 ms at
            most.
    """
    octets = rate // 8
    burst = min(max(octets // 100, _SMALLEST_BURST), _MOST)
    waiting = min(burst + octets // 20, _MOST)
    rate_spec = _RATE_SPEC.pack(0, _ETHERNET, 0, 0, 0, min(octets, _MOST))
    parameters = rate_spec + bytes(12) + struct.pack("=III", waiting, 0, 0)
    options = [pack(_PARMS, parameters), pack_u32(_BURST, burst)]
    if octets > _MOST:
        options.append(pack(_RATE64, struct.pack("=Q", octets)))
    body = _BODY.pack(0, 0, 0, index, _HANDLE, _ROOT, 0) + pack_text(_KIND, "tbf") + nest(_OPTIONS, *options)
    return NEWQDISC, CREATE | REPLACE, body


def lifting(index: int) -> Request:
    """Takes the limit off."""
    return DELQDISC, 0, _BODY.pack(0, 0, 0, index, _HANDLE, _ROOT, 0)
