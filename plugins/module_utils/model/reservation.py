# SPDX-License-Identifier: GPL-3.0-or-later
"""Shadow reservations, the prefixes that they hold, and the instances that come for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .pool import Block
from .subnet import ACTIVE, ERROR

RESERVED, RESTING = "reserved", "resting"
SHADOW, DYNAMIC = "shadow", "dynamic"
UNKNOWN = "unknown"
"""Workload of an instance of which only the route is known."""


@dataclass(slots=True)
class ReservationRequest:
    """One checked reservation as it is asked for. Times are milliseconds since the epoch, UTC.

    Attributes:
        name: the key, unique in the ledger.
        instances: how many are predicted; each gets one prefix.
        prefix_length: of each instance's prefix.
        starts_at: None for as it is, which is at once for a new one.
        confidence: of the forecast, 0 to 1; None counts as 0.
        instance_names: predicted names, the first for the first ordinal; at most ``instances``.
        parameter: where the caller wrote it, for errors.
    """

    name: str
    workload: str
    instances: int
    prefix_length: int
    starts_at: int | None
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
        assign: how the instance comes by its address, see ``saga.assign``; ``mac``, ``gateway`` (its default
            router), ``netns`` and ``instance_interface`` are for that.
        leaving: the node that it moved away from and that may still carry it; its new one must wait.
        leaving_revision: revision of that node's configuration that first is without it.
        wanted: False from its deletion on.
        reason: the node's words, where it refused. With status ``error`` it refused this instance, which is then no
            longer part of the node's configuration until it is created again, or the node is reconciled.
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
    assign: str = "none"
    mac: str | None = None
    gateway: str | None = None
    netns: str | None = None
    instance_interface: str | None = None
    leaving: str | None = None
    leaving_revision: int = 0
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

    @property
    def carried(self) -> bool:
        """Whether its node shall have that route now."""
        return self.routed and self.wanted and self.leaving is None and self.status != ERROR


@dataclass(slots=True)
class InstanceRequest:
    """One checked instance as its creation is told.

    Attributes:
        name: the key, unique in the ledger.
        prefix_length: of a prefix that is not reserved; a reserved one has its own. None for one address.
        dynamic: may it have a prefix that was not reserved?
        former_name: under which the ledger has it so far; it is renamed.
        pools: where such a prefix comes from; empty for all provider pools that match.
        assign: how the instance comes by its address; ``dynamic_assign`` where it is not a reserved one.
        parameter: where the caller wrote it, for errors.
    """

    name: str
    workload: str
    node: str | None = None
    interface: str | None = None
    next_hop: str | None = None
    assign: str = "none"
    dynamic_assign: str = "none"
    mac: str | None = None
    gateway: str | None = None
    netns: str | None = None
    instance_interface: str | None = None
    location: str | None = None
    security_profile: str | None = None
    family: int = 4
    prefix_length: int | None = None
    pools: Sequence[str] = ()
    dynamic: bool = True
    former_name: str | None = None
    parameter: str = "instances"
