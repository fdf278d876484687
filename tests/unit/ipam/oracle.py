# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of allocation once more, slow and obvious, over ``ipaddress``: what the ledger must come to.

Every candidate block is looked at, every prefix in use is compared with it, and there is no index of anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network

Net = IPv4Network | IPv6Network
BITS = {4: 32, 6: 128}


def inside(net: Net, outer: Net) -> bool:
    return net.version == outer.version and net.prefixlen >= outer.prefixlen and overlap(net, outer)


def overlap(one: Net, other: Net) -> bool:
    return one.version == other.version and int(one[0]) <= int(other[-1]) and int(other[0]) <= int(one[-1])


class RefusedError(Exception):
    """The rules refuse; ``word`` is the name of the error that the ledger must raise."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


@dataclass
class Ask:
    """One request, with the fields that the rules look at."""

    name: str
    family: int = 4
    prefix_length: int | None = None
    addresses: int | None = None
    prefix: Net | None = None
    strategy: str | None = None
    pools: list[str] = field(default_factory=list)
    bandwidth: int = 0
    location: str | None = None
    node: str | None = None
    ttl: int | None = None
    renew: bool = False

    def length(self) -> int:
        if self.prefix is not None:
            return self.prefix.prefixlen
        if self.prefix_length is not None:
            return self.prefix_length
        assert self.addresses is not None
        if self.family == 6:
            return 64
        # Network, broadcast and gateway come on top.
        return next(n for n in range(32, -1, -1) if 2 ** (32 - n) >= self.addresses + 3)


@dataclass
class OraclePool:
    name: str
    prefixes: list[Net]
    excluded: list[Net] = field(default_factory=list)
    strategy: str = "first_fit"
    quarantine: int = 600
    bandwidth: int | None = None
    location: str | None = None
    turn: int = 0
    cursor: dict[int, int] = field(default_factory=lambda: {4: 0, 6: 0})


@dataclass
class Held:
    name: str
    pool: str
    net: Net
    bandwidth: int
    location: str | None
    node: str | None
    expires_at: int | None
    status: str
    addresses: int | None
    wanted: bool = True
    revision: int = 0


@dataclass
class Resting:
    name: str
    pool: str
    net: Net
    until: int


@dataclass
class Oracle:
    """The whole book. Times are seconds; ``last_event`` is the time of the ledger's newest audit event."""

    pools: dict[str, OraclePool] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)
    resting: list[Resting] = field(default_factory=list)
    nodes: dict[str, int] = field(default_factory=dict)
    last_event: int = 0

    def copy(self) -> Oracle:
        return deepcopy(self)

    # -- space

    def used(self, pool: OraclePool) -> list[Net]:
        own = [one.net for one in self.held.values() if one.pool == pool.name]
        return own + [one.net for one in self.resting if one.pool == pool.name] + pool.excluded

    def is_free(self, pool: OraclePool, net: Net) -> bool:
        return any(inside(net, prefix) for prefix in pool.prefixes) and not any(
            overlap(net, other) for other in self.used(pool)
        )

    def candidates(self, pool: OraclePool, family: int, length: int) -> Iterator[Net]:
        for prefix in sorted(p for p in pool.prefixes if p.version == family):
            if prefix.prefixlen <= length:
                yield from (one for one in prefix.subnets(new_prefix=length) if self.is_free(pool, one))

    def maximal(self, pool: OraclePool, net: Net) -> Net:
        """The largest free aligned block around a free one: buddies merge as long as they stay in one prefix."""
        while net.prefixlen > 0 and self.is_free(pool, net.supernet()):
            net = net.supernet()
        return net

    def free_blocks(self, pool: OraclePool) -> list[str]:
        found = set()
        for prefix in pool.prefixes:
            stack: list[Net] = [prefix]
            while stack:
                net = stack.pop()
                if self.is_free(pool, net):
                    found.add(self.maximal(pool, net))
                elif not any(inside(net, other) for other in self.used(pool)):
                    stack += net.subnets()
        return [str(net) for net in sorted(found, key=lambda net: (net.version, int(net.network_address)))]

    def choose(self, pool: OraclePool, ask: Ask) -> Net | None:
        if ask.prefix is not None:
            return ask.prefix if self.is_free(pool, ask.prefix) else None
        candidates = list(self.candidates(pool, ask.family, ask.length()))
        strategy = ask.strategy or pool.strategy
        if strategy == "best_fit":
            # Sorting is stable: among equal sizes the lowest address stays first.
            candidates.sort(key=lambda net: -self.maximal(pool, net).prefixlen)
        elif strategy == "round_robin":
            cursor = pool.cursor[ask.family]
            candidates.sort(key=lambda net: int(net.network_address) < cursor)
        return candidates[0] if candidates else None

    # -- time

    def sweep(self, now: int, clock: int) -> None:
        if self.last_event - clock > 60:
            return
        for one in list(self.held.values()):
            if one.wanted and one.expires_at is not None and one.expires_at <= now:
                self.let_go(one, now)
        for rest in list(self.resting):
            if rest.until <= now:
                self.resting.remove(rest)

    def let_go(self, one: Held, now: int) -> None:
        one.wanted, one.expires_at = False, None
        if one.node is None:
            self.retire(one, now)
        else:
            one.status, one.revision = "releasing", self.next_revision(one.node)

    def retire(self, one: Held, now: int) -> None:
        del self.held[one.name]
        quarantine = self.pools[one.pool].quarantine
        if quarantine:
            self.resting.append(Resting(one.name, one.pool, one.net, now + quarantine))

    def next_revision(self, node: str) -> int:
        return self.nodes.get(node, 0) + 1

    def settle_revisions(self) -> None:
        """At the end of a transaction: all its changes to a node share one revision."""
        for one in self.held.values():
            if one.node is not None:
                self.nodes[one.node] = max(self.nodes.get(one.node, 0), one.revision)

    # -- calls

    def allocate(self, asks: Sequence[Ask], clock: int) -> list[tuple[str, str, bool]]:
        """(prefix, pool, changed) for each request. Raises RefusedError; then nothing may have changed."""
        now = max(clock, self.last_event)
        self.sweep(now, clock)
        results = [self.keep(ask, now) if ask.name in self.held else self.grant(ask, now) for ask in asks]
        self.settle_revisions()
        return results

    def left(self, pool: OraclePool) -> float:
        if pool.bandwidth is None:
            return float("inf")
        return pool.bandwidth - sum(one.bandwidth for one in self.held.values() if one.pool == pool.name)

    def order(self, ask: Ask) -> list[OraclePool]:
        pools = [self.pools[name] for name in (ask.pools or self.pools)]
        rotating = sorted(
            (pool for pool in pools if (ask.strategy or pool.strategy) == "round_robin"), key=lambda pool: pool.turn
        )
        return [rotating.pop(0) if (ask.strategy or pool.strategy) == "round_robin" else pool for pool in pools]

    def grant(self, ask: Ask, now: int) -> tuple[str, str, bool]:
        fitting = [
            pool
            for pool in self.order(ask)
            if any(prefix.version == ask.family for prefix in pool.prefixes)
            and (ask.location is None or ask.location == pool.location)
            and (not ask.bandwidth or ask.bandwidth <= self.left(pool))
        ]
        own = sorted(
            (
                rest
                for rest in self.resting
                if rest.name == ask.name
                and rest.pool in [pool.name for pool in fitting]
                and rest.net.version == ask.family
                and rest.net.prefixlen == ask.length()
                and ask.prefix in (None, rest.net)
            ),
            key=lambda rest: (-rest.until, int(rest.net.network_address)),
        )
        if own:
            self.resting.remove(own[0])
            return self.store(ask, self.pools[own[0].pool], own[0].net, now)
        for pool in fitting:
            net = self.choose(pool, ask)
            if net is not None:
                return self.store(ask, pool, net, now)
        raise RefusedError("AllocationRefused")

    def store(self, ask: Ask, pool: OraclePool, net: Net, now: int) -> tuple[str, str, bool]:
        self.held[ask.name] = Held(
            ask.name,
            pool.name,
            net,
            ask.bandwidth,
            ask.location or pool.location,
            ask.node,
            None if ask.ttl is None else now + ask.ttl,
            "active" if ask.node is None else "pending",
            ask.addresses,
            revision=0 if ask.node is None else self.next_revision(ask.node),
        )
        pool.cursor[ask.family] = (int(net.broadcast_address) + 1) % 2 ** BITS[ask.family]
        if (ask.strategy or pool.strategy) == "round_robin":
            pool.turn = 1 + max(one.turn for one in self.pools.values())
        return str(net), pool.name, True

    def keep(self, ask: Ask, now: int) -> tuple[str, str, bool]:
        one = self.held[ask.name]
        pool = self.pools[one.pool]
        before = deepcopy(one)
        differs = (
            ask.family != one.net.version
            or (ask.prefix is not None and ask.prefix != one.net)
            or ask.length() != one.net.prefixlen
            or (ask.pools and one.pool not in ask.pools)
            or (ask.location is not None and ask.location != one.location)
            or ask.node != one.node
        )
        if differs:
            raise RefusedError("Conflict")
        if ask.bandwidth > one.bandwidth and ask.bandwidth - one.bandwidth > self.left(pool):
            raise RefusedError("AllocationRefused")
        if ask.addresses is not None and one.addresses is not None:
            one.addresses = ask.addresses
        revived = not one.wanted
        pushed = revived or ask.bandwidth != one.bandwidth
        one.bandwidth, one.wanted = ask.bandwidth, True
        if ask.ttl is not None and (ask.renew or revived):
            one.expires_at = now + ask.ttl
        if pushed:
            one.status = "active" if one.node is None else "pending"
            one.revision = 0 if one.node is None else self.next_revision(one.node)
        before.revision = one.revision
        return str(one.net), one.pool, before != one

    def release(self, names: Sequence[str], clock: int) -> None:
        now = max(clock, self.last_event)
        self.sweep(now, clock)
        for name in names:
            one = self.held.get(name)
            if one is not None and one.wanted:
                self.let_go(one, now)
        self.settle_revisions()

    def node_result(self, node: str, revision: int, ok: bool, clock: int) -> None:
        now = max(clock, self.last_event)
        for one in [held for held in self.held.values() if held.node == node and held.revision <= revision]:
            if one.status == "active":
                continue
            if not ok:
                one.status = "error"
            elif one.wanted:
                one.status = "active"
            else:
                self.retire(one, now)

    def redeclare(self, name: str, prefixes: Sequence[str], excluded: Sequence[str], clock: int) -> None:
        """Grows or shrinks a pool, or excludes more or less of it."""
        now = max(clock, self.last_event)
        pool = self.pools[name]
        new, out = [ip_network(text) for text in prefixes], [ip_network(text) for text in excluded]
        self.sweep(now, clock)
        pool.excluded = []
        if not all(any(inside(net, prefix) for prefix in new) for net in self.used(pool)):
            raise RefusedError("Conflict")
        if not all(any(overlap(net, prefix) for prefix in new) for net in out):
            raise RefusedError("InvalidInput")
        if any(overlap(net, other) for net in self.used(pool) for other in out):
            raise RefusedError("Conflict")
        pool.prefixes, pool.excluded = new, out
        self.settle_revisions()
