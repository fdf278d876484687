# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a DHCP server from handing out what the ledger hands out: a placeholder on every such address in its pools.

An address must lie in a pool, or the server gives it to nobody, not even to the holder of its lease (tried with Kea
2.2, which then even removes the lease). What lies in a pool and has no lease goes to whoever asks next. So every
address of the ledger within a pool has a lease at any time: a placeholder, or its owner's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any, NamedTuple

from ..model.errors import Conflict, InvalidInput
from .desk import placeholder
from .lease import EXPIRED, INFINITE, DhcpPool, Lease
from .server import DhcpServer

MOST = 1 << 20
"""So many addresses may be guarded at once. Guarding takes a command for each."""


class Span(NamedTuple):
    """Addresses from ``first`` to ``last`` (numbers) of one subnet of the server."""

    subnet_id: int
    first: int
    last: int

    def __str__(self) -> str:
        first, last = IPv4Address(self.first), IPv4Address(self.last)
        return str(first) if first == last else f"{first}-{last}"

    def to_dict(self) -> dict[str, Any]:
        """As modules return it."""
        return {"subnet_id": self.subnet_id, "addresses": str(self), "count": self.last - self.first + 1}


class Guarded(NamedTuple):
    """What guarding changed, and what it could not.

    ``added`` are addresses that got a placeholder, ``marked`` leases of ours that will leave one behind, ``taken``
    those that the server, or another ledger, gave away already.
    """

    added: list[Span]
    marked: list[Lease]
    taken: list[Lease]

    @property
    def changed(self) -> bool:
        """Did anything change?"""
        return bool(self.added or self.marked)


def read_prefixes(texts: Sequence[str], parameter: str = "prefixes") -> list[IPv4Network]:
    """Prefixes as people write them; those of IPv6 are left out, because DHCPv4 has nothing to do with them.

    Raises:
        InvalidInput: one has no meaning.
    """
    found = []
    for number, text in enumerate(texts):
        if ":" in text:
            continue
        try:
            found.append(IPv4Network(text))
        except ValueError as error:
            raise InvalidInput(f"{error}.", parameter=f"{parameter}[{number}]") from None
    return found


def overlaps(pools: Sequence[DhcpPool], prefixes: Sequence[IPv4Network]) -> list[Span]:
    """Where the server's pools and the prefixes meet, in ascending order."""
    found = set()
    for network in prefixes:
        low, high = int(network.network_address), int(network.broadcast_address)
        for pool in pools:
            first, last = max(low, pool.first), min(high, pool.last)
            if first <= last:
                found.add(Span(pool.subnet_id, first, last))
    return merged(sorted(found, key=lambda span: (span.first, span.last)))


def merged(spans: Sequence[Span]) -> list[Span]:
    """Neighbours as one, and without the parts that stand in two of them: prefixes may lie within each other."""
    found: list[Span] = []
    for span in spans:
        if found and found[-1].subnet_id == span.subnet_id and span.first <= found[-1].last + 1:
            found[-1] = found[-1]._replace(last=max(found[-1].last, span.last))
        else:
            found.append(span)
    return found


def guard(
    server: DhcpServer, prefixes: Sequence[IPv4Network], *, ledger: str | None = None, check: bool = False
) -> Guarded:
    """Puts a placeholder on every address of the prefixes that the server could give away. Repeating it, after a crash
    too, adds what is missing.

    Raises:
        InvalidInput: that would be more than ``MOST``.
        DhcpError: the server refused, or does not answer.
    """
    spans = overlaps(server.pools(), prefixes)
    _refuse_many(spans)
    added, marked, taken = [], [], []
    for span in spans:
        for number, found in _walk(server, span):
            if found is None or (found.owner is None and found.state == EXPIRED):
                lease = placeholder(str(IPv4Address(number)), span.subnet_id, ledger)
                if check or (server.add(lease) if found is None else server.replace(lease)):
                    added.append(Span(span.subnet_id, number, number))
                elif (now := server.lease_of(lease.address)) is not None and not now.ours(ledger):
                    taken.append(now)  # a client was faster
            elif found.owner is None or not found.ours(ledger):
                taken.append(found)
            elif not found.owner.placeholder and not found.owner.guarded:
                lease = replace(found, owner=replace(found.owner, guarded=True))
                if check or server.replace(lease):
                    marked.append(lease)
    return Guarded(merged(added), marked, taken)


def unguard(
    server: DhcpServer, prefixes: Sequence[IPv4Network], *, ledger: str | None = None, check: bool = False
) -> list[Span]:
    """Removes the placeholders of the prefixes; gives the addresses that had one. Leases of instances stay.

    Raises:
        DhcpError: the server refused, or does not answer.
    """
    gone = []
    for network in prefixes:
        for lease in list(server.leases(int(network.network_address), int(network.broadcast_address))):
            if lease.owner is None or not lease.owner.placeholder or not lease.ours(ledger):
                continue
            if check or server.remove(lease.address):
                gone.append(Span(lease.subnet_id or 0, lease.number, lease.number))
    return merged(sorted(set(gone), key=lambda span: span.first))


def unguarded(
    server: DhcpServer, prefixes: Sequence[IPv4Network], *, ledger: str | None = None
) -> tuple[list[Span], list[Lease]]:
    """Addresses of the prefixes that the server could give to anybody, and those that it gave to strangers already."""
    spans = overlaps(server.pools(), prefixes)
    _refuse_many(spans)
    free, strange = [], []
    for span in spans:
        for number, found in _walk(server, span):
            if found is None or (found.owner is None and found.state == EXPIRED):
                free.append(Span(span.subnet_id, number, number))
            elif not found.ours(ledger):
                strange.append(found)
    return merged(free), strange


def weaknesses(server: DhcpServer, prefixes: Sequence[IPv4Network]) -> list[str]:
    """What in the server's settings lets an instance lose its address before the ledger takes it back."""
    pools = server.pools()
    met = {span.subnet_id for span in overlaps(pools, prefixes)}
    subnets = [pool for pool in {pool.subnet_id: pool for pool in pools}.values() if pool.subnet_id in met]
    found = [
        f"subnet {pool.subnet_id}: leases run out after {pool.lifetime} s; an instance that is silent for so long "
        f"loses its address. Set valid-lifetime to {INFINITE}."
        for pool in subnets
        if pool.lifetime != INFINITE
    ]
    found += [
        f"subnet {pool.subnet_id}: machines with the same client identifier, as those made from one image often have, "
        "get each other's addresses. Set match-client-id to false."
        for pool in subnets
        if pool.by_client_id
    ]
    if met and server.can_be_released():
        found.append(
            "a client can release or decline its address, which then is anybody's. Let a client class DROP take these "
            "messages away, see docs/dhcp.md."
        )
    return found


def _refuse_many(spans: Sequence[Span]) -> None:
    count = sum(span.last - span.first + 1 for span in spans)
    if count > MOST:
        raise InvalidInput(
            f"{count} addresses lie in pools of the server, more than {MOST}.",
            parameter="prefixes",
            fix="Take them out of its pools, or make its pools smaller.",
        )


def _walk(server: DhcpServer, span: Span) -> Iterator[tuple[int, Lease | None]]:
    """Every address with its lease."""
    found = {lease.number: lease for lease in server.leases(span.first, span.last)}
    for number in range(span.first, span.last + 1):
        yield number, found.get(number)


def refuse_taken(taken: Sequence[Lease]) -> None:
    """Raises Conflict if guarding found addresses that others have."""
    if taken:
        listed = ", ".join(f"{lease.address} ({lease.mac or lease.state})" for lease in taken[:10])
        more = f" and {len(taken) - 10} more" if len(taken) > 10 else ""
        raise Conflict(
            f"the server gave addresses of the ledger to others already: {listed}{more}. The rest is guarded.",
            parameter="prefixes",
            fix="Exclude them from the ledger's pool, or end those leases, and guard again.",
        )
