# SPDX-License-Identifier: GPL-3.0-or-later
"""Shadow reservations, the prefixes that they hold, and the instances that come for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .pool import Block
from .subnet import ACTIVE

RESERVED, RESTING = "reserved", "resting"
SHADOW, DYNAMIC = "shadow", "dynamic"


@dataclass(slots=True)
class ReservationRequest:
    """One checked reservation as it is asked for. Times are milliseconds since the epoch, UTC.

    Attributes:
        name: the key, unique in the ledger.
        instances: how many are predicted; each gets one prefix.
        prefix_length: of each instance's prefix.
        confidence: of the forecast, 0 to 1; None counts as 0.
        instance_names: predicted names, the first for the first ordinal; at most ``instances``.
        parameter: where the caller wrote it, for errors.
    """

    name: str
    workload: str
    instances: int
    prefix_length: int
    starts_at: int
    expires_at: int
    family: int = 4
    pools: Sequence[str] = ()
    node: str | None = None
    location: str | None = None
    security_profile: str | None = None
    confidence: float | None = None
    forecast_id: str | None = None
    instance_names: Sequence[str] = ()
    parameter: str = "reservations"


@dataclass(slots=True)
class Reservation:
    """One reservation as the ledger keeps it. Times are milliseconds since the epoch, UTC.

    Attributes:
        id: 0 until stored; never used again.
        instances: how many prefixes it is meant to hold. It holds more for a while when it was made smaller while
            instances were active.
        pools: that it may draw from; empty for all that match.
    """

    name: str
    workload: str
    family: int
    prefix_length: int
    instances: int
    starts_at: int
    expires_at: int
    pools: list[str] = field(default_factory=list)
    node: str | None = None
    location: str | None = None
    security_profile: str | None = None
    confidence: float | None = None
    forecast_id: str | None = None
    created_at: int = 0
    updated_at: int = 0
    id: int = 0


class Reserved(NamedTuple):
    """One prefix of a reservation and the instance that is predicted for it.

    ``state`` is ``reserved``, ``active`` (an instance has it) or ``resting`` (its instance is gone, and nobody gets it
    before the quarantine ends). ``predicted`` is the instance's name where the forecast knows it.
    """

    reservation_id: int
    ordinal: int
    pool_id: int
    block: Block
    predicted: str | None
    state: str = RESERVED


@dataclass(slots=True)
class Instance:
    """One instance as the ledger keeps it. Times are milliseconds since the epoch, UTC.

    Attributes:
        id: 0 until stored; never used again.
        source: ``shadow`` or ``dynamic``: where its prefix came from.
        reservation_id, ordinal: the reserved prefix that it has, None with ``dynamic`` and once the reservation ended.
        interface, next_hop: how its node reaches it; without either, its node has no route to it.
        wanted: False from its deletion on.
        reason: with status ``error``: the node's words.
        revision: revision of the node's configuration that first contains it as it is now.
    """

    name: str
    workload: str
    source: str
    pool_id: int
    block: Block
    reservation_id: int | None = None
    ordinal: int | None = None
    node: str | None = None
    interface: str | None = None
    next_hop: str | None = None
    mac: str | None = None
    location: str | None = None
    security_profile: str | None = None
    status: str = ACTIVE
    wanted: bool = True
    reason: str | None = None
    revision: int = 0
    created_at: int = 0
    updated_at: int = 0
    id: int = 0

    @property
    def routed(self) -> bool:
        """Whether its node has a route to it."""
        return self.node is not None and (self.interface is not None or self.next_hop is not None)


@dataclass(slots=True)
class InstanceRequest:
    """One checked instance as its creation is told.

    Attributes:
        name: the key, unique in the ledger.
        prefix_length: of a prefix that is not reserved; a reserved one has its own. None for one address.
        dynamic: may it have a prefix that was not reserved?
        pools: where such a prefix comes from; empty for all provider pools that match.
        parameter: where the caller wrote it, for errors.
    """

    name: str
    workload: str
    node: str | None = None
    interface: str | None = None
    next_hop: str | None = None
    mac: str | None = None
    location: str | None = None
    security_profile: str | None = None
    family: int = 4
    prefix_length: int | None = None
    pools: Sequence[str] = ()
    dynamic: bool = True
    parameter: str = "instances"
