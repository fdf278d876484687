# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool: address space to hand out from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

KINDS = ("provider", "shadow")
STRATEGIES = ("first_fit", "best_fit", "round_robin")
GATEWAYS = ("node", "router")
DEFAULT_QUARANTINE = 600
DEFAULT_ROUTING_DOMAIN = "default"
FAMILY_BITS = {4: 32, 6: 128}


class Block(NamedTuple):
    """An aligned CIDR block: family 4 or 6, first address as an integer, prefix length."""

    family: int
    start: int
    prefix_length: int

    @property
    def size(self) -> int:
        """Number of addresses."""
        return 1 << (FAMILY_BITS[self.family] - self.prefix_length)

    @property
    def last(self) -> int:
        """Last address as an integer."""
        return self.start + (1 << (FAMILY_BITS[self.family] - self.prefix_length)) - 1


@dataclass(slots=True)
class Pool:
    """One pool as the ledger keeps it.

    Attributes:
        id, routing_domain_id: 0 until the ledger has stored it.
        prefixes: what the pool was given, sorted by family and address.
        excluded: prefixes and ranges inside ``prefixes`` that are never handed out, as the user wrote them.
        location: only requests without a location or with this one match.
        security_profiles: profiles that its space may be used for.
        bandwidth: capacity in bit/s shared by its subnets, None for no limit; ``bandwidth_used`` is handed out.
        strategy: used for requests that name none.
        quarantine: seconds that a released prefix rests.
        gateway: ``node`` or ``router``: who has the first usable address of a subnet.
        lend, workload_cap: for shadow pools: may provider requests borrow; largest share of one workload.
        routing_domain: pools of one routing domain never overlap.
        dns_servers: handed to the services with each subnet.
        turn: orders pools that take turns; the larger, the later served.
        cursors: per family the address after what was handed out last.
    """

    name: str
    kind: str = "provider"
    prefixes: list[Block] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)
    location: str | None = None
    security_profiles: list[str] = field(default_factory=list)
    bandwidth: int | None = None
    strategy: str = "first_fit"
    quarantine: int = DEFAULT_QUARANTINE
    gateway: str = "node"
    lend: bool = False
    workload_cap: float | None = None
    routing_domain: str = DEFAULT_ROUTING_DOMAIN
    dns_servers: list[str] = field(default_factory=list)
    id: int = 0
    routing_domain_id: int = 0
    bandwidth_used: int = 0
    turn: int = 0
    cursors: dict[int, int] = field(default_factory=lambda: {4: 0, 6: 0})
