# SPDX-License-Identifier: GPL-3.0-or-later
"""An instance appears: its reserved prefix, or another one and a word to the forecaster that it was not foreseen."""

from __future__ import annotations

from typing import NamedTuple

from ..ledger.rows import format_time, to_json
from ..ledger.transaction import Transaction
from ..model.errors import AllocationRefused, Conflict
from ..model.pool import DEFAULT_ROUTING_DOMAIN, FAMILY_BITS, Block, Pool
from ..model.reservation import DYNAMIC, RESERVED, SHADOW, Instance, InstanceRequest, Reservation, Reserved
from ..model.subnet import ACTIVE, ERROR, PENDING
from .hold import refuse_held
from .instance_lifecycle import MovedInstance, shown
from .lifecycle import expire
from .matching import profile_refused
from .node_space import check_floors, check_prefix
from .pools import named_pool
from .strategies import STRATEGIES
from .usage_reasons import EXHAUSTED, NONE, NOT_BEGUN, Reason

UNEXPECTED = "unexpected_scaling"
"""Kind of the audit event of an instance that no reservation served."""

MOST_TOLD = 20
"""Reservations that such an event lists, those that came nearest to serving; it says how many there are."""


class Created(NamedTuple):
    """The instance, what changed, and why no reservation served it (None where one did, or it was there)."""

    moved: MovedInstance
    missed: str | None

    @property
    def instance(self) -> Instance:
        """The instance."""
        return self.moved.instance


def create(transaction: Transaction, request: InstanceRequest) -> Created:
    """Gives an instance its prefix: the one that it has, the one reserved by its name, one reserved for its workload,
    or one from the provider pools.

    Raises:
        AllocationRefused: nothing is reserved and no provider pool has room, or ``dynamic`` forbids it.
        Conflict: an instance of that name is of another workload, or its node carries the same prefix in another
            routing domain.
        LedgerHeld: the ledger was restored and not yet reconciled.
    """
    refuse_held(transaction)
    expire(transaction)
    there = transaction.instance_named(request.name)
    if there is not None:
        return Created(_keep(transaction, there, request), None)
    back = _own_again(transaction, request)
    if back is not None:
        return Created(_store(transaction, request, *back), None)
    mapped, missed = _reserved(transaction, request)
    if mapped is not None:
        pool = transaction.pool_of(mapped.pool_id)
        return Created(_store(transaction, request, pool, mapped.block, mapped), None)
    pool, block = _dynamic(transaction, request, missed.words)
    created = _store(transaction, request, pool, block, fresh=True)
    _tell(transaction, request, created.instance, missed)
    return Created(created, missed.words)


# What is there already


def _keep(transaction: Transaction, item: Instance, request: InstanceRequest) -> MovedInstance:
    before = shown(transaction, item)
    if item.workload != request.workload:
        raise Conflict(
            f"instance '{item.name}' is of workload {item.workload}.",
            parameter=f"{request.parameter}.workload",
            fix="Delete it first, or use another name.",
        )
    carrier = item.node if item.routed and item.leaving is None else None
    place = (item.node, item.interface, item.next_hop)
    item.node, item.interface, item.next_hop = request.node, request.interface, request.next_hop
    _set_way(item, request)
    if not item.wanted or item.status == ERROR or (item.node, item.interface, item.next_hop) != place:
        item.wanted, item.reason = True, None
        now = item.node if item.routed else None
        if carrier is not None and carrier != now:
            # It must give the route up before the new node gets it: never two.
            item.leaving, item.leaving_revision = carrier, transaction.next_revision(carrier)
        elif item.leaving == now:
            item.leaving, item.leaving_revision = None, 0
        _push(transaction, item, request)
    after = shown(transaction, item)
    if after != before:
        item.updated_at = transaction.now
        transaction.save_instance(item)
        kind = "instance.moved" if before["node"] != after["node"] else "instance.changed"
        transaction.event(kind, "instance", item.name, to_json(before), to_json(after))
    return MovedInstance(item, before, after)


def _own_again(transaction: Transaction, request: InstanceRequest) -> tuple[Pool, Block, Reserved | None] | None:
    """The prefix of an instance of the same name that still rests in quarantine."""
    for item in transaction.quarantined([request.name]).get(request.name, ()):
        pool = transaction.pool_of(item.pool_id)
        mapped = transaction.reserved_at(pool.id, item.block)
        if mapped is not None:
            found = transaction.reservations("id = ?", (mapped.reservation_id,))[0]
            if _serves(transaction, found, request):
                return pool, item.block, mapped
        elif _unsuited(pool, request) is None and item.block.prefix_length == _length(request):
            return pool, item.block, None
    return None


def _set_way(item: Instance, request: InstanceRequest) -> None:
    """How the instance comes by its address."""
    item.assign = request.assign if item.source == SHADOW else request.dynamic_assign
    item.mac = request.mac or item.mac
    item.gateway, item.netns, item.instance_interface = request.gateway, request.netns, request.instance_interface


def _push(transaction: Transaction, item: Instance, request: InstanceRequest) -> None:
    if item.routed:
        node, pool, place = str(item.node), transaction.pool_of(item.pool_id), f"{request.parameter}.node"
        check_prefix(transaction, node, pool, item.block, place)
        item.status = PENDING
        item.revision = transaction.next_revision(node)
        if item.source == SHADOW and transaction.add_floor(node, item.pool_id):
            check_floors(transaction, node, pool, place)
    else:
        item.status, item.revision = (ACTIVE if item.leaving is None else PENDING), 0


# Reservations


class _Missed(NamedTuple):
    """Why the reservations of a workload did not serve: those that came nearest, and how many there are in all."""

    nearest: list[tuple[Reservation, Reason]]
    standing: int

    @property
    def code(self) -> str:
        """Of the one that came nearest."""
        return self.nearest[0][1].code if self.nearest else NONE

    @property
    def words(self) -> str:
        """What each of them lacked."""
        if not self.standing:
            return str(Reason(NONE, "nothing is reserved for this workload"))
        told = "; ".join(f"{item.name}: {reason}" for item, reason in self.nearest)
        more = self.standing - len(self.nearest)
        return f"{told}; and {more} more" if more else told


def _reserved(transaction: Transaction, request: InstanceRequest) -> tuple[Reserved | None, _Missed]:
    """The reserved prefix, by the instance's name and then by its workload; and why there is none."""
    for mapped in transaction.reserved_for(request.name):
        found = transaction.reservations("id = ?", (mapped.reservation_id,))[0]
        if mapped.state == RESERVED and _serves(transaction, found, request):
            return mapped, _Missed([], 0)
    reasons = []
    for item in transaction.reservations(
        "workload = ? AND expires_at > ?", (request.workload, transaction.now), "starts_at, id"
    ):
        reason = _why_not(transaction, item, request)
        if reason is None:
            first = transaction.first_reserved(item.id)
            if first is not None:
                return first, _Missed([], 0)
            reason = Reason(EXHAUSTED, "every prefix has an instance, or rests after one")
        reasons.append((item, reason))
    return None, _Missed(sorted(reasons, key=lambda one: one[1].weight)[:MOST_TOLD], len(reasons))


def _serves(transaction: Transaction, item: Reservation, request: InstanceRequest) -> bool:
    # A call moves on only so much of what ran out.
    stands = item.workload == request.workload and item.expires_at > transaction.now
    return stands and _why_not(transaction, item, request) is None


def _why_not(transaction: Transaction, item: Reservation, request: InstanceRequest) -> Reason | None:
    if item.starts_at > transaction.now:
        return Reason(NOT_BEGUN, f"it begins at {format_time(item.starts_at)}")
    for option in ("node", "location", "security_profile"):
        held, asked = getattr(item, option), getattr(request, option)
        if held is not None and asked is not None and held != asked:
            return Reason(option, f"it is for {held}, the instance is for {asked}")
    if item.family != request.family:
        return Reason("family", f"it is of IPv{item.family}")
    return None


# Without a reservation


def _length(request: InstanceRequest) -> int:
    return request.prefix_length or FAMILY_BITS[request.family]


def _dynamic(transaction: Transaction, request: InstanceRequest, missed: str) -> tuple[Pool, Block]:
    if not request.dynamic:
        raise AllocationRefused(
            f"no reservation serves instance '{request.name}' ({missed})",
            pools=[],
            parameter=request.parameter,
        )
    place = f"{request.parameter}.pools"
    named = [named_pool(transaction, name, place) for name in request.pools]
    refusals = []
    for pool in named or transaction.pools().values():
        reason = _unsuited(pool, request)
        if reason is None:
            free = transaction.free_space(pool, request.family)
            choice = STRATEGIES[pool.strategy](free, _length(request), pool.cursors[request.family])
            if choice is not None:
                free.take(choice.start, _length(request), choice.free_length)
                block = Block(request.family, choice.start, _length(request))
                pool.cursors[request.family] = (block.last + 1) % (1 << FAMILY_BITS[request.family])
                transaction.touch_pool(pool)
                return pool, block
            reason = f"no room: no free /{_length(request)}"
        refusals.append((pool.name, reason))
    raise AllocationRefused(
        f"no reservation serves instance '{request.name}' ({missed}), and no provider pool can",
        pools=refusals,
        parameter=request.parameter,
    )


def _unsuited(pool: Pool, request: InstanceRequest) -> str | None:
    if pool.kind != "provider":
        return "kind: it is a shadow pool, for reservations"
    if not request.pools and pool.routing_domain != DEFAULT_ROUTING_DOMAIN:
        return f"routing_domain: it is in {pool.routing_domain}; name it in pools to draw from it"
    if not any(prefix.family == request.family for prefix in pool.prefixes):
        return f"family: it has no IPv{request.family} prefix"
    if request.location is not None and pool.location not in (None, request.location):
        return f"location: it is in {pool.location}, not in {request.location}"
    return profile_refused(pool, request.security_profile)


def _store(
    transaction: Transaction,
    request: InstanceRequest,
    pool: Pool,
    block: Block,
    mapped: Reserved | None = None,
    *,
    fresh: bool = False,
) -> MovedInstance:
    """Stores a new instance in ``fresh`` address space, or in such as is in use already: reserved, or resting."""
    item = Instance(
        name=request.name,
        workload=request.workload,
        source=SHADOW if mapped is not None else DYNAMIC,
        pool_id=pool.id,
        block=block,
        reservation_id=None if mapped is None else mapped.reservation_id,
        ordinal=None if mapped is None else mapped.ordinal,
        node=request.node,
        interface=request.interface,
        next_hop=request.next_hop,
        location=request.location,
        security_profile=request.security_profile,
        created_at=transaction.now,
        updated_at=transaction.now,
    )
    _set_way(item, request)
    _push(transaction, item, request)
    transaction.save_instance(item)
    if fresh:
        transaction.occupy(pool, block, "instance", holder_id=item.id)
    else:
        transaction.change_occupied(pool, block, "instance", item.id, None, None)
    if mapped is not None:
        transaction.change_reserved(mapped, ACTIVE)
    after = shown(transaction, item)
    transaction.event("instance.created", "instance", item.name, None, to_json(after))
    return MovedInstance(item, None, after)


def _tell(transaction: Transaction, request: InstanceRequest, item: Instance, missed: _Missed) -> None:
    """What the forecaster learns from: who came, when, what was reserved for that workload, and why that missed."""
    counts = transaction.count_reserved([one.id for one, _reason in missed.nearest])
    told = {
        "instance": item.name,
        "workload": item.workload,
        "location": item.location,
        "security_profile": item.security_profile,
        "node": item.node,
        "reason": missed.code,
        "words": missed.words,
        "standing": missed.standing,
        "reservations": [
            {
                "name": one.name,
                "instances": one.instances,
                "starts_at": format_time(one.starts_at),
                "expires_at": format_time(one.expires_at),
                "reason": reason.code,
                "words": reason.words,
                **counts.get(one.id, {}),
            }
            for one, reason in missed.nearest
        ],
    }
    transaction.event(UNEXPECTED, "workload", request.workload, None, to_json(told))
