# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of reservations, instances and lending once more, over sets of single addresses: slow and obvious.

The oracle does not foretell which free block is chosen where several would do. It keeps its own book of who holds
which address since when, and says of every answer whether the rules allow it, and of every refusal whether it was due.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from ipaddress import IPv4Network, IPv6Network, ip_network

Net = IPv4Network | IPv6Network
Address = tuple[int, int]
"""Family and number."""


def addresses(nets: Iterable[Net]) -> set[Address]:
    return {(net.version, int(net.network_address) + offset) for net in nets for offset in range(net.num_addresses)}


@dataclass
class Pool:
    name: str
    prefixes: list[Net]
    excluded: list[Net]
    shadow: bool
    lend: bool
    quarantine: int
    cap: Fraction | None = None

    def usable(self, family: int) -> set[Address]:
        own = [net for net in self.prefixes if net.version == family]
        return addresses(own) - addresses(self.excluded)


@dataclass
class Mapped:
    """One prefix of a reservation. ``state`` is reserved, active or resting."""

    net: Net
    pool: str
    state: str = "reserved"
    predicted: str | None = None


@dataclass
class Reservation:
    name: str
    workload: str
    family: int
    length: int
    instances: int
    begins: int
    ends: int
    confidence: float
    node: str | None
    serial: int
    held: list[Mapped] = field(default_factory=list)


@dataclass
class Instance:
    name: str
    workload: str
    net: Net
    pool: str
    source: str
    node: str | None
    routed: bool
    wanted: bool = True
    status: str = "active"
    revision: int = 0
    refused: bool = False
    leaving: str | None = None


@dataclass
class Rest:
    net: Net
    pool: str
    name: str
    until: int


class ShadowOracle:
    """The whole book. Times are seconds."""

    def __init__(self) -> None:
        self.pools: dict[str, Pool] = {}
        self.reservations: dict[str, Reservation] = {}
        self.instances: dict[str, Instance] = {}
        self.subnets: dict[str, tuple[Net, str]] = {}
        self.rests: list[Rest] = []
        self.serial = 0

    # -- the book

    def used(self, pool: str) -> Iterator[tuple[Net, str]]:
        """(prefix, kind) of everything in use in a pool."""
        for item in self.reservations.values():
            yield from ((one.net, "reservation") for one in item.held if one.state == "reserved" and one.pool == pool)
        yield from ((one.net, "instance") for one in self.instances.values() if one.pool == pool)
        yield from ((net, "subnet") for net, place in self.subnets.values() if place == pool)
        yield from ((one.net, "quarantine") for one in self.rests if one.pool == pool)

    def free(self, pool: Pool, family: int) -> set[Address]:
        return pool.usable(family) - addresses(net for net, kind in self.used(pool.name))

    def fitting(self, pool: Pool, free: set[Address], family: int, length: int) -> list[Net]:
        """Every free aligned block of a length, in order of address."""
        return [
            block
            for prefix in sorted(net for net in pool.prefixes if net.version == family)
            if prefix.prefixlen <= length
            for block in prefix.subnets(new_prefix=length)
            if addresses([block]) <= free
        ]

    def reservable(self, pool: Pool, family: int, length: int) -> list[Net]:
        """Free prefixes that a reservation may have: none that is a whole prefix of the pool."""
        return [net for net in self.fitting(pool, self.free(pool, family), family, length) if net not in pool.prefixes]

    def cap_room(self, pool: Pool, item: Reservation) -> int | None:
        """How many more prefixes of its size the workload may have in a pool."""
        if pool.cap is None:
            return None
        held = sum(
            one.net.num_addresses
            for other in self.reservations.values()
            if other.workload == item.workload
            for one in other.held
            if one.pool == pool.name and one.net.version == item.family
        )
        mapped = {one.net for other in self.reservations.values() for one in other.held}
        held += sum(
            one.net.num_addresses
            for one in self.instances.values()
            if (one.pool, one.workload) == (pool.name, item.workload)
            and one.net.version == item.family
            and one.net not in mapped
        )
        size = 2 ** ((32 if item.family == 4 else 128) - item.length)
        return max(0, int((pool.cap * len(pool.usable(item.family)) - held) // size))

    def room(self, item: Reservation) -> int:
        """How many more prefixes the reservation could have in all pools together."""
        found = 0
        for pool in self.pools.values():
            if not pool.shadow or not any(net.version == item.family for net in pool.prefixes):
                continue
            count, cap = len(self.reservable(pool, item.family, item.length)), self.cap_room(pool, item)
            found += count if cap is None else min(count, cap)
        return found

    # -- time

    def sweep(self, now: int) -> None:
        for item in [one for one in self.reservations.values() if one.ends <= now]:
            del self.reservations[item.name]
        for rest in [one for one in self.rests if one.until <= now]:
            self.rests.remove(rest)
            self.rested(rest.net)

    def rested(self, net: Net) -> None:
        found = self.mapping(net)
        if found is not None and len(found[0].held) > found[0].instances:
            found[0].held.remove(found[1])
        elif found is not None:
            found[1].state = "reserved"

    def mapping(self, net: Net) -> tuple[Reservation, Mapped] | None:
        for item in self.reservations.values():
            for one in item.held:
                if one.net == net:
                    return item, one
        return None

    # -- instances

    def expected(self, name: str, workload: str, node: str | None, family: int, now: int) -> set[Net]:
        """The reserved prefixes of which an instance must get one; empty where it must get a dynamic one."""
        for rest in sorted(self.rests, key=lambda one: -one.until):
            found = self.mapping(rest.net)
            if rest.name == name and found is not None and self.serves(found[0], workload, node, family, now):
                return {rest.net}
        serving = [one for one in self.reservations.values() if self.serves(one, workload, node, family, now)]
        idle = [(item, one) for item in serving for one in item.held if one.state == "reserved"]
        named = {one.net for item, one in idle if one.predicted == name}
        if named:
            return named
        if not idle:
            return set()
        first = min((item.begins, item.serial) for item, one in idle)
        own = [one for item, one in idle if (item.begins, item.serial) == first]
        return {one.net for one in own if one.predicted is None} or {one.net for one in own}

    def serves(self, item: Reservation, workload: str, node: str | None, family: int, now: int) -> bool:
        place = item.node is None or node is None or item.node == node
        return item.workload == workload and place and item.family == family and item.begins <= now

    def retire(self, name: str, now: int) -> None:
        """The instance is gone for good: its prefix rests, or goes where it goes at once."""
        one = self.instances.pop(name)
        found, pool = self.mapping(one.net), self.pools[one.pool]
        if found is not None and len(found[0].held) > found[0].instances:
            found[0].held.remove(found[1])
            found = None
        if pool.quarantine:
            self.rests.append(Rest(one.net, one.pool, name, now + pool.quarantine))
        if found is not None:
            found[1].state = "resting" if pool.quarantine else "reserved"

    # -- lending

    def lent(self, length: int, family: int) -> tuple[Net, str, dict[str, list[Net]]] | None:
        """What a request of that size borrows when all provider pools are full: block, pool, and what each reservation
        loses. None where it must be refused."""
        lending = [pool for pool in self.pools.values() if pool.shadow and pool.lend]
        for pool in lending:
            fitting = self.fitting(pool, self.free(pool, family), family, length)
            if fitting:
                return fitting[0], pool.name, {}
        order = sorted(
            self.reservations.values(),
            key=lambda one: (any(m.state == "active" for m in one.held), one.confidence, -one.begins, -one.serial),
        )
        given = {pool.name: self.free(pool, family) for pool in lending}
        for item in order:
            for pool in lending:
                idle = [m.net for m in item.held if m.state == "reserved" and m.pool == pool.name]
                if not idle or item.family != family:
                    continue
                given[pool.name] |= addresses(idle)
                fitting = self.fitting(pool, given[pool.name], family, length)
                if fitting:
                    return fitting[0], pool.name, self.losses(fitting[0])
        return None

    def losses(self, block: Net) -> dict[str, list[Net]]:
        lost = {
            item.name: [m.net for m in item.held if m.state == "reserved" and addresses([m.net]) & addresses([block])]
            for item in self.reservations.values()
        }
        return {name: nets for name, nets in lost.items() if nets}


def parse(text: str) -> Net:
    return ip_network(text)
