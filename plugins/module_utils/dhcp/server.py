# SPDX-License-Identifier: GPL-3.0-or-later
"""What a DHCP server must be able to do for us. Nothing else here knows which one it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from .lease import DhcpPool, Lease


class DhcpServer(Protocol):
    """One server. Each method raises ``DhcpError`` when it refuses or does not answer."""

    def lease_of(self, address: str) -> Lease | None:
        """The lease of an address."""

    def leases_of_mac(self, mac: str) -> list[Lease]:
        """All leases of a hardware address."""

    def leases(self, first: int = 0, last: int = 0xFFFFFFFF) -> Iterator[Lease]:
        """Leases of the addresses from ``first`` to ``last``, in ascending order."""

    def add(self, lease: Lease) -> bool:
        """Adds a lease. False if the address has one, which stays as it is.

        Raises:
            InvalidInput: the server has no such subnet.
        """

    def replace(self, lease: Lease) -> bool:
        """Puts a lease in the place of one that is there, at once. False if there is none any more."""

    def remove(self, address: str) -> bool:
        """Removes a lease. False if there was none."""

    def pools(self) -> list[DhcpPool]:
        """What the server gives by itself."""

    def can_be_released(self) -> bool:
        """Whether a client can give its address back, or turn it down, so that the server gives it to the next one."""

    def close(self) -> None:
        """Gives back sockets."""
