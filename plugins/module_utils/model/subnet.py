# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service asks for (request) and what it gets (subnet)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .pool import Block

PENDING, ACTIVE, RELEASING, ERROR = "pending", "active", "releasing", "error"
STATUSES = (PENDING, ACTIVE, RELEASING, ERROR)


@dataclass(slots=True)
class Request:
    """One checked request. Exactly one of ``addresses``, ``prefix_length`` and ``prefix`` is set.

    Attributes:
        name: the key, unique in the ledger.
        family: 4 or 6.
        bandwidth: bit/s.
        ttl: seconds from creation.
        renew: count ``ttl`` from now on.
        keep: what is not asked for here stays as the subnet has it.
        parameter: where the caller wrote it, for errors.
    """

    name: str
    service: str | None = None
    addresses: int | None = None
    prefix_length: int | None = None
    prefix: Block | None = None
    family: int = 4
    bandwidth: int | None = None
    security_profile: str | None = None
    location: str | None = None
    pools: Sequence[str] = ()
    strategy: str | None = None
    node: str | None = None
    ttl: int | None = None
    renew: bool = False
    keep: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    parameter: str = "requests"


@dataclass(slots=True)
class Subnet:
    """One subnet as the ledger keeps it. Times are milliseconds since the epoch, UTC.

    Attributes:
        id: 0 until stored; never used again for another subnet.
        addresses: what the request asked for, None where it asked by prefix.
        wanted: the service wants it. False from release on; with status ``error`` it tells which push failed.
        reason: with status ``error``: the node's words.
        revision: revision of the node's configuration that first contains the subnet as it is now.
    """

    name: str
    pool_id: int
    block: Block
    service: str | None = None
    addresses: int | None = None
    bandwidth: int | None = None
    security_profile: str | None = None
    location: str | None = None
    node: str | None = None
    gateway: str = "node"
    labels: dict[str, str] = field(default_factory=dict)
    expires_at: int | None = None
    status: str = ACTIVE
    wanted: bool = True
    reason: str | None = None
    revision: int = 0
    created_at: int = 0
    updated_at: int = 0
    id: int = 0

    @property
    def interface(self) -> str | None:
        """Name of the node's interface; derived from the id, so that it fits Linux's 15 bytes."""
        return f"sn{self.id}" if self.node is not None else None
