# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses as integers in the program and as 16-byte big-endian blobs in the database; blocks between them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from ..model.pool import FAMILY_BITS, Block


def pack(address: int) -> bytes:
    """16 bytes whose order is address order."""
    return address.to_bytes(16, "big")


def unpack(blob: bytes) -> int:
    """The reverse of ``pack``."""
    return int.from_bytes(blob, "big")


def format_address(family: int, address: int) -> str:
    """Dotted quad, or RFC 5952 text."""
    if family == 4:
        return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"
    return socket.inet_ntop(socket.AF_INET6, address.to_bytes(16, "big"))


def format_block(block: Block) -> str:
    """CIDR notation."""
    return f"{format_address(block.family, block.start)}/{block.prefix_length}"


def read_block(text: str) -> Block:
    """The reverse of ``format_block``, for what that has written; what users write is checked by ``ipam.parsing``."""
    address, length = text.split("/")
    family = 6 if ":" in address else 4
    packed = socket.inet_pton(socket.AF_INET6 if family == 6 else socket.AF_INET, address)
    return Block(family, int.from_bytes(packed, "big"), int(length))


def split_range(family: int, first: int, last: int) -> Iterator[Block]:
    """The fewest aligned blocks that cover ``first`` to ``last`` exactly, in order."""
    bits = FAMILY_BITS[family]
    while first <= last:
        size = 1 << ((last - first + 1).bit_length() - 1)
        if first:
            size = min(size, first & -first)
        yield Block(family, first, bits - size.bit_length() + 1)
        first += size
