# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a reservation's prefixes lie: in one run where there is room for it, in one pool where one has the room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction

from ..ledger.addresses import split_range
from ..ledger.transaction import Transaction
from ..model.errors import AllocationRefused
from ..model.pool import DEFAULT_ROUTING_DOMAIN, FAMILY_BITS, Block, Pool
from ..model.reservation import Reservation, ReservationRequest, Reserved
from .matching import profile_refused
from .pools import named_pool
from .strategies import STRATEGIES


class Caps:
    """What each workload holds of each shadow pool that caps it, asked of the ledger once in a call."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._totals: dict[tuple[int, int], int] = {}
        self._held: dict[tuple[int, int, str], int] = {}

    def room(self, pool: Pool, item: Reservation) -> int | None:
        """How many more prefixes of the reservation's size its workload may hold in a pool; None for no limit."""
        if pool.workload_cap is None:
            return None
        size = 1 << (FAMILY_BITS[item.family] - item.prefix_length)
        most = Fraction(str(pool.workload_cap)) * self.total(pool, item.family)
        return max(0, int((most - self.held(pool, item)) // size))

    def total(self, pool: Pool, family: int) -> int:
        """Number of a pool's addresses that can be handed out at all."""
        key = (pool.id, family)
        if key not in self._totals:
            size = sum(prefix.size for prefix in pool.prefixes if prefix.family == family)
            self._totals[key] = size - self._transaction.excluded_size(pool, family)
        return self._totals[key]

    def held(self, pool: Pool, item: Reservation) -> int:
        """Number of a pool's addresses that the workload's reservations and instances hold."""
        key = (pool.id, item.family, item.workload)
        if key not in self._held:
            self._held[key] = self._transaction.workload_size(pool, item.family, item.workload)
        return self._held[key]

    def forget(self) -> None:
        """Something was given back, or taken otherwise."""
        self._held.clear()

    def note(self, pool: Pool, item: Reservation, prefixes: int) -> None:
        """The workload got that many more (or, negative, fewer) prefixes."""
        key = (pool.id, item.family, item.workload)
        if key in self._held:
            self._held[key] += prefixes * (1 << (FAMILY_BITS[item.family] - item.prefix_length))


def find_space(
    transaction: Transaction, item: Reservation, held: Sequence[Reserved], request: ReservationRequest, caps: Caps
) -> list[tuple[Pool, list[Block]]]:
    """Takes space for what the reservation lacks out of the free space: of one pool if one has the room, else of
    several, each as far as it goes.

    Pools are tried in the order of the request, else of declaration, those first from which it has something already.

    Raises:
        AllocationRefused: they have not that much together; it says for every pool why.
    """
    count = item.instances - len(held)
    refusals: list[tuple[str, str]] = []
    fitting: list[tuple[Pool, int | None]] = []
    for pool in _order(_pools(transaction, request), held):
        reason = _unsuited(pool, request)
        room = None if reason is not None else caps.room(pool, item)
        if reason is not None:
            refusals.append((pool.name, reason))
        else:
            fitting.append((pool, room))
    for pool, room in fitting:
        if room is None or room >= count:
            found, left = _find(transaction, pool, item, held, count)
            if not left:
                return [(pool, found)]
            _give_all(transaction, pool, found)
    return _spread(transaction, item, held, request, caps, fitting, refusals)


def _spread(
    transaction: Transaction,
    item: Reservation,
    held: Sequence[Reserved],
    request: ReservationRequest,
    caps: Caps,
    fitting: Sequence[tuple[Pool, int | None]],
    refusals: list[tuple[str, str]],
) -> list[tuple[Pool, list[Block]]]:
    left = item.instances - len(held)
    spread: list[tuple[Pool, list[Block]]] = []
    for pool, room in fitting:
        wanted = left if room is None else min(left, room)
        found, lacking = _find(transaction, pool, item, held, wanted) if wanted else ([], 0)
        if found:
            spread.append((pool, found))
        if room is not None and room < left:
            refusals.append((pool.name, _capped(pool, item, caps, left)))
        elif lacking:
            free = wanted - lacking
            refusals.append((pool.name, _lacking(left, free, item.prefix_length)))
        left -= wanted - lacking
        if not left:
            return spread
    for pool, found in spread:
        _give_all(transaction, pool, found)
    raise AllocationRefused(
        f"no shadow pool can serve reservation '{item.name}'",
        pools=refusals,
        parameter=request.parameter,
        fix=_fix(request, fitting, len(held)),
    )


def _fix(request: ReservationRequest, fitting: Sequence[tuple[Pool, int | None]], held: int) -> str:
    if not fitting:
        return "Declare a shadow pool that suits it, or ask for what one of these has."
    fewer = f"Reserve for fewer instances (it has {held}, asked are {request.instances})"
    return f"{fewer}, end reservations that are not needed, or give a shadow pool more prefixes."


def _lacking(wanted: int, free: int, length: int) -> str:
    room = f"room for {free} of" if free else "no room for any of"
    return (
        f"size: {room} the {wanted} prefixes of /{length} that are still needed"
        if wanted > 1
        else (f"size: no room for another /{length}")
    )


def _capped(pool: Pool, item: Reservation, caps: Caps, asked: int) -> str:
    size = 1 << (FAMILY_BITS[item.family] - item.prefix_length)
    share = f"{100 * (pool.workload_cap or 0):g} %"
    return (
        f"workload_cap: workload {item.workload} holds {caps.held(pool, item)} of {caps.total(pool, item.family)} "
        f"addresses, and {asked * size} more would be over {share}"
    )


def _pools(transaction: Transaction, request: ReservationRequest) -> list[Pool]:
    if request.pools:
        place = f"{request.parameter}.pools"
        return [named_pool(transaction, name, place) for name in request.pools]
    return [pool for pool in transaction.pools().values() if pool.kind == "shadow"]


def _order(pools: Sequence[Pool], held: Sequence[Reserved]) -> list[Pool]:
    """Those first from which the reservation has something already."""
    own = {one.pool_id for one in held}
    return sorted(pools, key=lambda pool: pool.id not in own)


def _unsuited(pool: Pool, request: ReservationRequest) -> str | None:
    if pool.kind != "shadow":
        return "kind: it is a provider pool, for requests"
    if not request.pools and pool.routing_domain != DEFAULT_ROUTING_DOMAIN:
        return f"routing_domain: it is in {pool.routing_domain}; name it in pools to draw from it"
    lengths = [prefix.prefix_length for prefix in pool.prefixes if prefix.family == request.family]
    if not lengths:
        return f"family: it has no IPv{request.family} prefix"
    if request.prefix_length <= min(lengths):
        return f"prefix_length: /{request.prefix_length} would take a whole prefix of it, and its floor with it"
    if request.location is not None and request.location != pool.location:
        return f"location: it is {f'in {pool.location}' if pool.location else 'without one'}, not in {request.location}"
    return profile_refused(pool, request.security_profile)


@contextmanager
def _floors_kept(transaction: Transaction, pool: Pool, item: Reservation) -> Iterator[None]:
    """Meanwhile no prefix of the pool that is as long as the wanted ones can be taken: it would be taken whole, and
    the floor must stay shorter than what is activated."""
    free = transaction.free_space(pool, item.family)
    aside = [
        prefix
        for prefix in pool.prefixes
        if prefix.family == item.family
        and prefix.prefix_length == item.prefix_length
        and free.has(prefix.prefix_length, prefix.start)
    ]
    for prefix in aside:
        free.take(prefix.start, prefix.prefix_length, prefix.prefix_length)
    yield
    for prefix in aside:
        free.give(prefix.start, prefix.prefix_length)


def _find(
    transaction: Transaction, pool: Pool, item: Reservation, held: Sequence[Reserved], count: int
) -> tuple[list[Block], int]:
    """Blocks for ``count`` prefixes, taken out of the free space: in one run, else in as few pieces as possible; and
    how many prefixes found no room."""
    with _floors_kept(transaction, pool, item):
        run = _behind(transaction, pool, item, held, count) or _aligned(transaction, pool, item, count)
        return (run, 0) if run else _pieces(transaction, pool, item, count)


def _behind(
    transaction: Transaction, pool: Pool, item: Reservation, held: Sequence[Reserved], count: int
) -> list[Block] | None:
    """A run right behind what the reservation has."""
    bits = FAMILY_BITS[item.family]
    size = count << (bits - item.prefix_length)
    behind = max((one.block.last + 1 for one in held if one.pool_id == pool.id), default=None)
    if behind is None or behind + size > 1 << bits:
        return None
    run = list(split_range(item.family, behind, behind + size - 1))
    return run if _take_all(transaction, pool, run) else None


def _aligned(transaction: Transaction, pool: Pool, item: Reservation, count: int) -> list[Block] | None:
    """A run that begins where the least aligned block begins that could hold it."""
    around = item.prefix_length - (count - 1).bit_length()
    if around < 0:
        return None
    choice = STRATEGIES[pool.strategy](transaction.free_space(pool, item.family), around, pool.cursors[item.family])
    if choice is None:
        return None
    size = count << (FAMILY_BITS[item.family] - item.prefix_length)
    run = list(split_range(item.family, choice.start, choice.start + size - 1))
    return run if _take_all(transaction, pool, run) else None


def _take_all(transaction: Transaction, pool: Pool, wanted: Sequence[Block]) -> bool:
    free = transaction.free_space(pool, wanted[0].family)
    if any(free.enclosing(block.start, block.prefix_length) is None for block in wanted):
        return False
    for block in wanted:
        around = free.enclosing(block.start, block.prefix_length)  # an earlier one may have split it
        free.take(block.start, block.prefix_length, around if around is not None else block.prefix_length)
    return True


def _give_all(transaction: Transaction, pool: Pool, blocks: Sequence[Block]) -> None:
    for block in blocks:
        transaction.free_space(pool, block.family).give(block.start, block.prefix_length)


def _pieces(transaction: Transaction, pool: Pool, item: Reservation, count: int) -> tuple[list[Block], int]:
    free = transaction.free_space(pool, item.family)
    taken: list[Block] = []
    length = max(0, item.prefix_length - (count.bit_length() - 1))
    while count:
        # What found no room once finds none later; and no piece may be larger than what is left.
        length = max(length, item.prefix_length - (count.bit_length() - 1))
        choice = STRATEGIES["first_fit"](free, length, 0)
        if choice is None:
            if length == item.prefix_length:
                break
            length += 1
            continue
        free.take(choice.start, length, choice.free_length)
        taken.append(Block(item.family, choice.start, length))
        count -= 1 << (item.prefix_length - length)
    return taken, count
