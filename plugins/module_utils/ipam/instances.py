# SPDX-License-Identifier: GPL-3.0-or-later
"""An instance appears: its reserved prefix, or another one and a word to the forecaster that it was not foreseen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..ledger.addresses import format_block
from ..ledger.rows import format_time, to_json
from ..ledger.transaction import Transaction
from ..model.errors import AllocationRefused, Conflict, NotFound
from ..model.pool import FAMILY_BITS, Block, Pool
from ..model.reservation import DYNAMIC, SHADOW, UNKNOWN, Instance, InstanceRequest, Reserved
from ..model.subnet import ACTIVE, ERROR, PENDING
from .hold import refuse_held
from .instance_lifecycle import RENAMED, MovedInstance, shown
from .lifecycle import SHORT_SWEEP, expire
from .matching import size_refused, unsuited
from .node_space import check_floors, check_next_hop, check_prefix
from .pools import named_pool
from .serving import Missed, find_reserved, may_have, rests_after
from .strategies import STRATEGIES

UNEXPECTED = "unexpected_scaling"
"""Kind of the audit event of an instance that no reservation served."""


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
        Conflict: an instance of that name is of another workload or at another location, its node carries the same
            prefix in another routing domain, or its next hop is the node itself.
        NotFound: there is no instance of ``former_name``, nor one of its name.
        LedgerHeld: the ledger was restored and not yet reconciled.
    """
    refuse_held(transaction)
    expire(transaction, SHORT_SWEEP)
    check_next_hop(transaction, request)
    there = _named(transaction, request)
    if there is not None:
        return Created(_keep(transaction, there, request), None)
    back = _own_again(transaction, request)
    if back is not None:
        return Created(_store(transaction, request, *back), None)
    mapped, missed = find_reserved(transaction, request)
    if mapped is not None:
        pool = transaction.pool_of(mapped.pool_id)
        return Created(_store(transaction, request, pool, mapped.block, mapped), None)
    pool, block = _dynamic(transaction, request, missed.words)
    created = _store(transaction, request, pool, block, fresh=True)
    _tell(transaction, request, created.instance, missed)
    return Created(created, missed.words)


# What is there already


def _named(transaction: Transaction, request: InstanceRequest) -> Instance | None:
    """The instance that the request means, by its name or by the one under which the ledger has it so far."""
    there = transaction.instance_named(request.name)
    if request.former_name is None or request.former_name == request.name:
        return there
    former, place = transaction.instance_named(request.former_name), f"{request.parameter}.former_name"
    if former is None:
        if there is None:
            raise NotFound(
                f"there is no instance '{request.former_name}', nor '{request.name}'.",
                parameter=place,
                fix="Leave it out for a new instance.",
            )
        return there
    if there is not None:
        raise Conflict(
            f"there are two instances, '{former.name}' with {format_block(former.block)} and '{there.name}' with "
            f"{format_block(there.block)}.",
            parameter=place,
            fix="Delete the one that is wrong first.",
        )
    if not former.wanted or former.assign != "none":
        what = "is being deleted" if not former.wanted else f"has its address by assign={former.assign}"
        raise Conflict(f"instance '{former.name}' {what}, and cannot be renamed.", parameter=place)
    return former


def _keep(transaction: Transaction, item: Instance, request: InstanceRequest) -> MovedInstance:
    before = shown(transaction, item)
    if item.workload not in (request.workload, *([UNKNOWN] if item.name != request.name else [])):
        raise Conflict(
            f"instance '{item.name}' is of workload {item.workload}.",
            parameter=f"{request.parameter}.workload",
            fix="Delete it first, or use another name.",
        )
    location = item.location or transaction.pool_of(item.pool_id).location
    if request.location not in (None, location):
        raise Conflict(
            f"instance '{item.name}' has an address {f'of {location}' if location else 'without a location'}, asked is "
            f"{request.location}.",
            parameter=f"{request.parameter}.location",
            fix="Leave it out to keep the address, or delete the instance first and create it when it is gone.",
        )
    item.name, item.workload = request.name, request.workload
    carrier = item.node if item.routed and item.leaving is None else None
    place = (item.node, item.interface, item.next_hop)
    item.node, item.interface, item.next_hop = request.node, request.interface, request.next_hop
    _set_way(item, request)
    if not item.wanted or item.status == ERROR or (item.node, item.interface, item.next_hop) != place:
        again = item.wanted and (item.node, item.interface, item.next_hop) == place
        # Until its node has tried again, what it said last time is the newest that is known.
        item.wanted, item.reason = True, item.reason if again else None
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
        if before["name"] != after["name"]:
            kind = RENAMED
        transaction.event(kind, "instance", item.name, to_json(before), to_json(after))
    return MovedInstance(item, before, after)


def _own_again(transaction: Transaction, request: InstanceRequest) -> tuple[Pool, Block, Reserved | None] | None:
    """The prefix of an instance of the same name that still rests in quarantine."""
    for pool, block, mapped in rests_after(transaction, request):
        if mapped is not None:
            if may_have(transaction, mapped, request):
                return pool, block, mapped
        elif unsuited(pool, request) is None and block.prefix_length == _length(request):
            return pool, block, None
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


# Without a reservation


def _length(request: InstanceRequest) -> int:
    return request.prefix_length or FAMILY_BITS[request.family]


def _dynamic(transaction: Transaction, request: InstanceRequest, missed: str) -> tuple[Pool, Block]:
    if not request.dynamic:
        raise AllocationRefused(
            f"no reservation serves instance '{request.name}' ({missed})",
            pools=None,
            parameter=request.parameter,
            fix="With fallback=none it gets no other address. Reserve more, or allow another fallback.",
        )
    place = f"{request.parameter}.pools"
    named = [named_pool(transaction, name, place) for name in request.pools]
    pools = named or list(transaction.pools().values())
    found = _free(transaction, request, pools)
    if found is None and expire(transaction, limit=None):
        # What ran out beyond the sweep at the start made room.
        found = _free(transaction, request, pools)
    if found is not None:
        return found
    length = _length(request)
    refusals = [
        (pool.name, unsuited(pool, request) or size_refused(transaction, pool, request.family, length))
        for pool in pools
    ]
    raise AllocationRefused(
        f"no reservation serves instance '{request.name}' ({missed}), and no provider pool can",
        pools=refusals,
        parameter=request.parameter,
        fix="Reserve for it, or give a provider pool that suits it more prefixes.",
    )


def _free(transaction: Transaction, request: InstanceRequest, pools: Sequence[Pool]) -> tuple[Pool, Block] | None:
    for pool in pools:
        if unsuited(pool, request) is not None:
            continue
        free = transaction.free_space(pool, request.family)
        choice = STRATEGIES[pool.strategy](free, _length(request), pool.cursors[request.family])
        if choice is not None:
            free.take(choice.start, _length(request), choice.free_length)
            block = Block(request.family, choice.start, _length(request))
            pool.cursors[request.family] = (block.last + 1) % (1 << FAMILY_BITS[request.family])
            transaction.touch_pool(pool)
            return pool, block
    return None


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
        location=request.location or _location(transaction, pool, mapped),
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
        transaction.hand_over(pool, block, "instance", item.id)
    if mapped is not None:
        transaction.change_reserved(mapped, ACTIVE)
    after = shown(transaction, item)
    transaction.event("instance.created", "instance", item.name, None, to_json(after))
    return MovedInstance(item, None, after)


def _location(transaction: Transaction, pool: Pool, mapped: Reserved | None) -> str | None:
    """Where an address is: what its reservation says, else its pool."""
    held = [] if mapped is None else transaction.reservations("id = ?", (mapped.reservation_id,))
    return (held[0].location if held else None) or pool.location


def _tell(transaction: Transaction, request: InstanceRequest, item: Instance, missed: Missed) -> None:
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
