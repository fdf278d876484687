# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases and pools of a DHCP server, as plain data, and the mark by which ours are recognised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, NamedTuple

MARK = "shadownet"
"""Under this key a lease of ours carries its ``Owner``."""

INFINITE = 0xFFFFFFFF
"""A lifetime that never ends (RFC 2131, 3.3)."""

ACTIVE, DECLINED, EXPIRED = "active", "declined", "expired"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a lease of ours is.

    Attributes:
        ledger: id of the ledger that holds the address; None for leases that no ledger knows of.
        instance: name of the instance; None for a placeholder and where the caller named none.
        placeholder: nobody's yet: the lease only keeps the server from giving the address away.
        guarded: a placeholder was there before, and shall be there again.
        hostname, lifetime: as asked for. The server changes those of the lease to what client and subnet say.
    """

    ledger: str | None = None
    instance: str | None = None
    placeholder: bool = False
    guarded: bool = False
    hostname: str = ""
    lifetime: int = INFINITE

    def to_mark(self, mac: str) -> dict[str, Any]:
        """What the lease of ``mac`` carries."""
        given = {
            "mac": mac,
            "ledger": self.ledger,
            "instance": self.instance,
            "placeholder": self.placeholder,
            "guarded": self.guarded,
            "hostname": self.hostname,
            "lifetime": None if self.lifetime == INFINITE else self.lifetime,
        }
        return {MARK: {key: value for key, value in given.items() if value}}

    @classmethod
    def from_mark(cls, context: Any, mac: str) -> Owner | None:
        """Reads what the lease of ``mac`` carries; None for a lease that is not ours.

        A mark names the hardware address that it was made for: when a lease has run out and Kea gives its address to
        another client, it leaves the mark on it. A declined lease has no hardware address any more, and stays ours.
        """
        mark = context.get(MARK) if isinstance(context, Mapping) else None
        if not isinstance(mark, Mapping) or (mac and mark.get("mac") != mac):
            return None
        lifetime = mark.get("lifetime")
        return cls(
            ledger=_text(mark.get("ledger")),
            instance=_text(mark.get("instance")),
            placeholder=mark.get("placeholder") is True,
            guarded=mark.get("guarded") is True,
            hostname=_text(mark.get("hostname")) or "",
            lifetime=lifetime if isinstance(lifetime, int) and not isinstance(lifetime, bool) else INFINITE,
        )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


@dataclass(frozen=True, slots=True)
class Lease:
    """One lease, IPv4.

    Attributes:
        mac: lower case with colons; empty where the server took it away (a declined address).
        subnet_id: the server's number of the subnet; None lets the server find it by the address.
        owner: None for what the server gave by itself, or somebody else added.
        state: ``active``; ``declined``: a client found the address in use by somebody else; ``expired``: its time is
            over, and the server may give the address to anybody. For what is not ours the server itself says so.
    """

    address: str
    mac: str
    subnet_id: int | None = None
    hostname: str = ""
    lifetime: int = INFINITE
    owner: Owner | None = None
    state: str = ACTIVE

    @property
    def number(self) -> int:
        """The address as a number."""
        return int(IPv4Address(self.address))

    def ours(self, ledger: str | None = None) -> bool:
        """Whether it is ours; with ``ledger``, whether no other ledger says that it is its own."""
        return self.owner is not None and (ledger is None or self.owner.ledger in (None, ledger))

    def to_dict(self) -> dict[str, Any]:
        """As modules return it."""
        owner = self.owner or Owner()
        return {
            "address": self.address,
            "mac": None if owner.placeholder else self.mac or None,
            "hostname": self.hostname or None,
            "subnet_id": self.subnet_id,
            "valid_lifetime": self.lifetime,
            "instance": owner.instance,
            "ledger_id": owner.ledger,
            "placeholder": owner.placeholder,
            "state": self.state,
        }


class DhcpPool(NamedTuple):
    """Addresses that a server gives by itself: from ``first`` to ``last``, as numbers.

    ``lifetime`` is what a client of that subnet gets at most, in seconds. With ``by_client_id`` the server tells
    clients apart by what they call themselves (RFC 2131, client identifier) rather than by their hardware addresses.
    """

    subnet_id: int
    first: int
    last: int
    lifetime: int
    by_client_id: bool = False


PLACEHOLDER_MAC = ":".join(["53"] * 20)
"""The hardware address of placeholders: longer than the 16 octets that a DHCP message has for it (RFC 2131, section 2,
``chaddr``), so that no client can ever say that it is its own."""
