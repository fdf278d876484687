# SPDX-License-Identifier: GPL-3.0-or-later
"""Allocation: requests in, subnets out, all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ..ledger.addresses import format_block
from ..ledger.occupied import Occupied
from ..ledger.rows import format_time, subnet_event
from ..ledger.transaction import Transaction
from ..model.errors import AllocationRefused, Conflict
from ..model.pool import FAMILY_BITS, Block, Pool
from ..model.subnet import ACTIVE, PENDING, Request, Subnet
from ..model.units import format_rate
from .hold import refuse_held
from .lending import borrow
from .lifecycle import expire
from .matching import bandwidth_refused, order_pools, profile_refused, size_refused, unsuited
from .node_space import check_prefix
from .parsing import prefix_length_for
from .pools import named_pool
from .strategies import STRATEGIES, Choice
from .views import effective_status

_RESERVED = {"node": 3, "router": 4}
"""IPv4 addresses of a subnet that are no host's: network, broadcast and gateway; with a router, the node's too."""


class Outcome(NamedTuple):
    """A request's subnet, what it was before (None: not there) as JSON, and as JSON now."""

    subnet: Subnet
    before: str | None
    after: str

    @property
    def changed(self) -> bool:
        """Did the call change anything?"""
        return self.before != self.after


def allocate(transaction: Transaction, requests: Sequence[Request]) -> list[Outcome]:
    """Gives every request its subnet: the one that its name holds already, or a new one.

    Raises:
        AllocationRefused: for a request no pool can serve; it says for every pool why.
        Conflict: a name holds a subnet of another size, family or pool.
        LedgerHeld: the ledger was restored and not yet reconciled.
    """
    refuse_held(transaction)
    expire(transaction)
    known = _Known(transaction, [request.name for request in requests])
    suited = _Suited(transaction)
    outcomes = []
    for request in requests:
        subnet = known.existing.get(request.name)
        outcomes.append(
            _allocate(transaction, request, known, suited) if subnet is None else _keep(transaction, request, subnet)
        )
    return outcomes


class _Known:
    """What the names of one call hold, and what rests in quarantine under those that hold nothing."""

    def __init__(self, transaction: Transaction, names: Sequence[str]) -> None:
        self._transaction, self._names = transaction, names
        self._load()
        if any(effective_status(subnet, transaction.now) != subnet.status for subnet in self.existing.values()):
            # Expired, but beyond the sweep at the start.
            self.expire()

    def _load(self) -> None:
        self.existing = self._transaction.subnets_named(self._names)
        self.resting = self._transaction.quarantined(
            [name for name in self._names if name not in self.existing], "subnet"
        )

    def expire(self) -> bool:
        """Moves on everything that ran out, however much it is; False when there was nothing."""
        moved = expire(self._transaction, limit=None)
        if moved:
            self._load()
        return moved > 0


class _Suited:
    """Which pools suit the requests of one call: asked once for all requests that are alike in this."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._found: dict[tuple[object, ...], tuple[Sequence[Pool], dict[int, str | None]]] = {}

    def __call__(self, request: Request) -> tuple[Sequence[Pool], dict[int, str | None]]:
        """The pools that the request may mean, in the order in which they are tried; and by id, why one is unsuited."""
        asked = (request.family, request.location, request.security_profile, *request.pools)
        found = self._found.get(asked)
        if found is None:
            pools = _candidates(self._transaction, request)
            found = self._found[asked] = pools, {pool.id: unsuited(pool, request) for pool in pools}
        return order_pools(found[0], request), found[1]


def wanted_length(pool: Pool, request: Request) -> int:
    """Prefix length that a request comes to in a pool."""
    if request.prefix is not None:
        return request.prefix.prefix_length
    if request.prefix_length is not None:
        return request.prefix_length
    extra = _RESERVED[pool.gateway]
    return prefix_length_for(request.family, request.addresses or 1, extra, f"{request.parameter}.addresses")


def _allocate(transaction: Transaction, request: Request, known: _Known, suited: _Suited) -> Outcome:
    pools, reasons = suited(request)
    refusals: list[tuple[str, str]] = []
    fitting: list[Pool] = []
    for pool in pools:
        reason = reasons[pool.id] or bandwidth_refused(pool, request.bandwidth or 0)
        if reason is not None:
            refusals.append((pool.name, reason))
        elif pool.gateway == "router" and wanted_length(pool, request) == FAMILY_BITS[request.family]:
            refusals.append((pool.name, "gateway: a subnet of one address has no room for router and node"))
        else:
            fitting.append(pool)
    resting = known.resting.get(request.name)
    if resting is not None and (back := _own_again(fitting, request, resting)) is not None:
        return _store(transaction, request, *back, again=True)
    for pool in fitting:
        block = _find(transaction, pool, request)
        if block is not None:
            return _store(transaction, request, pool, block)
        # What ended its quarantine beyond the sweep at the start may make the room.
        if known.expire() and (block := _find(transaction, pool, request)) is not None:
            return _store(transaction, request, pool, block)
        refusals.append((pool.name, _no_room(transaction, pool, request)))
    # Nobody shall give up what he reserved as long as something that is over is still to be swept.
    known.expire()
    lent, more = borrow(transaction, request, pools, _find, wanted_length)
    if lent is not None:
        return _store(transaction, request, *lent)
    refusals = [item for item in refusals if item[0] not in dict(more)] + more
    raise AllocationRefused(
        f"no pool can serve request '{request.name}'", pools=refusals, parameter=_culprit(request, refusals)
    )


def _culprit(request: Request, refusals: Sequence[tuple[str, str]]) -> str:
    """The option that all pools refuse for, else the request as a whole."""
    options = {refusal[1].partition(":")[0] for refusal in refusals}
    only = options.pop() if len(options) == 1 else ""
    return (
        f"{request.parameter}.{only}"
        if only in ("location", "security_profile", "bandwidth", "family")
        else request.parameter
    )


def _candidates(transaction: Transaction, request: Request) -> list[Pool]:
    if request.pools:
        place = f"{request.parameter}.pools"
        return [named_pool(transaction, name, place) for name in request.pools]
    return list(transaction.pools().values())


def _own_again(pools: Sequence[Pool], request: Request, resting: Sequence[Occupied]) -> tuple[Pool, Block] | None:
    """The prefix of the same name that still rests in quarantine, where it is what is asked for now."""
    for item in resting:
        for pool in pools:
            fits = item.block.family == request.family and item.block.prefix_length == wanted_length(pool, request)
            if pool.id == item.pool_id and fits and request.prefix in (None, item.block):
                return pool, item.block
    return None


def _find(transaction: Transaction, pool: Pool, request: Request) -> Block | None:
    free = transaction.free_space(pool, request.family)
    length = wanted_length(pool, request)
    if request.prefix is not None:
        around = free.enclosing(request.prefix.start, length)
        choice = None if around is None else Choice(request.prefix.start, around)
    else:
        strategy = STRATEGIES[request.strategy or pool.strategy]
        choice = strategy(free, length, pool.cursors[request.family])
    if choice is None:
        return None
    free.take(choice.start, length, choice.free_length)
    return Block(request.family, choice.start, length)


def _store(transaction: Transaction, request: Request, pool: Pool, block: Block, again: bool = False) -> Outcome:
    now = transaction.now
    if request.node is not None:
        check_prefix(transaction, request.node, pool, block, f"{request.parameter}.node")
    subnet = Subnet(
        request.name,
        pool.id,
        block,
        request.service,
        request.addresses,
        request.bandwidth,
        request.security_profile,
        request.location or pool.location,
        request.node,
        pool.gateway,
        request.labels,
        expires_at=None if request.ttl is None else now + request.ttl * 1000,
        status=ACTIVE if request.node is None else PENDING,
        revision=0 if request.node is None else transaction.next_revision(request.node),
        created_at=now,
        updated_at=now,
    )
    after = transaction.insert_subnet(subnet, pool, "subnet.allocated", again=again)
    pool.cursors[block.family] = (block.last + 1) % (1 << FAMILY_BITS[block.family])
    pool.bandwidth_used += request.bandwidth or 0
    if (request.strategy or pool.strategy) == "round_robin":
        pool.turn = 1 + max(one.turn for one in transaction.pools().values())
    transaction.touch_pool(pool)
    return Outcome(subnet, None, after)


def _keep(transaction: Transaction, request: Request, subnet: Subnet) -> Outcome:
    """The subnet that the name holds: unchanged, updated in place, or refused with the difference."""
    pool = transaction.pool_of(subnet.pool_id)
    before = subnet_event(subnet)
    if request.keep:
        request = _completed(request, subnet)
    _check_same(pool, request, subnet)
    pushed = _pushed_part(subnet)
    if request.security_profile != subnet.security_profile:
        reason = profile_refused(pool, request.security_profile)
        if reason is not None:
            place = f"{request.parameter}.security_profile"
            raise AllocationRefused("cannot change", pools=[(pool.name, reason)], parameter=place)
    more = (request.bandwidth or 0) - (subnet.bandwidth or 0)
    reason = bandwidth_refused(pool, more)
    if reason is not None:
        raise AllocationRefused(
            f"cannot change from {format_rate(subnet.bandwidth or 0)} to {format_rate(request.bandwidth or 0)}",
            pools=[(pool.name, reason)],
            parameter=f"{request.parameter}.bandwidth",
        )
    if more:
        pool.bandwidth_used += more
        transaction.touch_pool(pool)
    subnet.service = request.service
    subnet.bandwidth = request.bandwidth
    subnet.security_profile = request.security_profile
    subnet.labels = request.labels
    if request.renew and request.ttl is not None:
        subnet.expires_at = transaction.now + request.ttl * 1000
    revived = not subnet.wanted
    if revived:
        # Asked for again before its node confirmed the removal: it simply stays.
        subnet.wanted = True
        subnet.expires_at = None if request.ttl is None else transaction.now + request.ttl * 1000
    if revived or _pushed_part(subnet) != pushed:
        subnet.reason = None
        if subnet.node is None:
            subnet.status = ACTIVE
        else:
            subnet.status = PENDING
            subnet.revision = transaction.next_revision(subnet.node)
    after = subnet_event(subnet)
    if after != before:
        transaction.update_subnet(subnet)
        transaction.event("subnet.renewed" if revived else "subnet.changed", "subnet", subnet.name, before, after)
    return Outcome(subnet, before, after)


def _completed(request: Request, subnet: Subnet) -> Request:
    """The request with what it leaves out as the subnet has it."""
    return replace(
        request,
        service=request.service or subnet.service,
        bandwidth=request.bandwidth or subnet.bandwidth,
        security_profile=request.security_profile or subnet.security_profile,
        labels={**subnet.labels, **request.labels},
        node=request.node or subnet.node,
    )


def _pushed_part(subnet: Subnet) -> tuple[object, ...]:
    """What of a subnet shapes its node's configuration and may change in place."""
    tunnel = {key: subnet.labels.get(key) for key in ("vlan", "vni")}
    return subnet.bandwidth, subnet.security_profile, *tunnel.items()


def _check_same(pool: Pool, request: Request, subnet: Subnet) -> None:
    held = format_block(subnet.block)
    length = subnet.block.prefix_length
    if request.family != subnet.block.family:
        _differs(request, "family", f"{held} is IPv{subnet.block.family}, asked is IPv{request.family}")
    if request.prefix is not None and request.prefix != subnet.block:
        _differs(request, "prefix", f"it is {held}, asked is {format_block(request.prefix)}")
    asked = request.addresses is not None and request.addresses == subnet.addresses
    if not asked and wanted_length(pool, request) != length:
        option = "addresses" if request.addresses is not None else "prefix_length"
        _differs(request, option, f"it is a /{length}, asked is a /{wanted_length(pool, request)}")
    if request.pools and pool.name not in request.pools:
        _differs(request, "pools", f"it lies in pool {pool.name}, asked is {', '.join(request.pools)}")
    if request.location is not None and request.location != subnet.location:
        _differs(request, "location", f"it is in {subnet.location or 'no location'}, asked is {request.location}")
    if request.node != subnet.node:
        _differs(request, "node", f"it is on {subnet.node or 'no node'}, asked is {request.node or 'no node'}")
    if request.addresses is not None and request.addresses != subnet.addresses and subnet.addresses:
        # Another number that comes to the same size is the same subnet; the ledger keeps the newer number.
        subnet.addresses = request.addresses


def _differs(request: Request, option: str, difference: str) -> None:
    raise Conflict(
        f"'{request.name}' holds another subnet: {difference}.",
        parameter=f"{request.parameter}.{option}",
        fix="Ask as before, release it first, or use another name.",
    )


def _no_room(transaction: Transaction, pool: Pool, request: Request) -> str:
    length = wanted_length(pool, request)
    if request.prefix is None:
        return size_refused(transaction, pool, request.family, length)
    block = request.prefix
    if not any(p.family == block.family and p.start <= block.start and block.last <= p.last for p in pool.prefixes):
        return f"prefix: {format_block(block)} does not lie in it"
    item = transaction.occupied_at(pool.routing_domain_id, block.family, block.start) or next(
        transaction.occupied_in(pool, block), None
    )
    if item is None:
        return f"prefix: {format_block(block)} is not free"
    if item.kind == "excluded":
        return f"prefix: {format_block(item.block)} of it is excluded"
    if item.kind == "quarantine":
        return f"prefix: {format_block(item.block)} is in quarantine until {format_time(item.until)}"
    holder = transaction.subnet_of(item.subnet_id or 0)
    return f"prefix: {format_block(item.block)} is held by '{holder.name if holder else item.subnet_id}'"
