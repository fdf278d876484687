# SPDX-License-Identifier: GPL-3.0-or-later
"""Declaring pools: new ones, changed ones, grown and shrunk ones, and taking them away."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from ..ledger.addresses import format_address, format_block
from ..ledger.occupied import Occupied
from ..ledger.rows import to_json
from ..ledger.transaction import Transaction
from ..model.errors import Conflict, InvalidInput, NotFound
from ..model.pool import DEFAULT_QUARANTINE, DEFAULT_ROUTING_DOMAIN, GATEWAYS, KINDS, STRATEGIES, Block, Pool
from ..model.units import format_duration, format_rate, parse_duration, parse_rate
from .lifecycle import expire
from .node_space import check_floors
from .parsing import (
    check_distinct,
    check_name,
    check_options,
    choice,
    flag,
    listed,
    merge_ranges,
    name_list,
    parse_address,
    parse_excluded,
    parse_prefix,
    range_blocks,
)

OPTIONS = (
    "name",
    "kind",
    "prefixes",
    "excluded",
    "location",
    "security_profiles",
    "bandwidth",
    "strategy",
    "quarantine",
    "gateway",
    "lend",
    "workload_cap",
    "routing_domain",
    "dns_servers",
)
MOST_EXCLUDED_BLOCKS = 100_000
UNUSABLE = (
    (4, 0, 8, "unspecified"),
    (4, 127 << 24, 8, "loopback"),
    (4, 224 << 24, 4, "multicast"),
    (6, 0, 127, "unspecified and loopback"),
    (6, 0xFFFF << 32, 96, "IPv4-mapped"),
    (6, 0xFE80 << 112, 10, "link-local"),
    (6, 0xFF00 << 112, 8, "multicast"),
)
"""Family, first address, prefix length and use by RFC 6890 and RFC 4291."""


def declare_pools(transaction: Transaction, items: Sequence[Any], parameter: str = "pools") -> list[dict[str, Any]]:
    """Makes every pool as declared; an option that is left out keeps its value (a new pool: its default).

    Returns:
        For each pool ``name``, ``before`` (None for a new one) and ``after``, as ``show_pool`` shows them.

    Raises:
        InvalidInput: an option has no meaning. Conflict: overlap, or what is in use would fall outside.
    """
    places = [f"{parameter}[{index}]" for index in range(len(items))]
    for item, place in zip(items, places, strict=True):
        check_options(item, OPTIONS, place)
    names = [check_name(item.get("name"), f"{place}.name") for item, place in zip(items, places, strict=True)]
    check_distinct(names, parameter)
    expire(transaction, limit=None)
    return [_declare(transaction, name, item, place) for name, item, place in zip(names, items, places, strict=True)]


def remove_pools(transaction: Transaction, names: Sequence[str], parameter: str = "pools") -> list[dict[str, Any]]:
    """Takes pools away; one that is not there is no error. Returns ``name``, ``before`` and ``after`` (None).

    Raises:
        Conflict: subnets, or prefixes in quarantine, still lie in it.
    """
    check_distinct(names, parameter)
    expire(transaction, limit=None)
    results = []
    for name in names:
        pool = transaction.pools().get(name)
        before = None
        if pool is not None:
            held = [item for item in transaction.occupied_of(pool) if item.kind != "excluded"]
            if held:
                raise Conflict(
                    f"pool {name} still holds {_describe(transaction, held)}.",
                    parameter=parameter,
                    fix="Release them first, and let their quarantine end.",
                )
            before = show_pool(pool)
            _move_floors(transaction, pool)
            transaction.remove_floors(pool.id)
            transaction.delete_pool(pool)
            transaction.event("pool.removed", "pool", name, to_json(before), None)
        results.append({"name": name, "before": before, "after": None})
    return results


def show_pool(pool: Pool) -> dict[str, Any]:
    """A pool in the words of its options."""
    return {
        "name": pool.name,
        "kind": pool.kind,
        "prefixes": [format_block(block) for block in pool.prefixes],
        "excluded": list(pool.excluded),
        "location": pool.location,
        "security_profiles": list(pool.security_profiles),
        "bandwidth": None if pool.bandwidth is None else format_rate(pool.bandwidth),
        "strategy": pool.strategy,
        "quarantine": format_duration(pool.quarantine),
        "gateway": pool.gateway,
        "lend": pool.lend,
        "workload_cap": pool.workload_cap,
        "routing_domain": pool.routing_domain,
        "dns_servers": list(pool.dns_servers),
    }


def named_pool(transaction: Transaction, name: str, parameter: str) -> Pool:
    """The pool of that name. Raises NotFound, with the names that there are."""
    pools = transaction.pools()
    if name not in pools:
        known = ", ".join(list(pools)[:10]) or "none"
        raise NotFound(f"there is no pool '{name}'.", parameter=parameter, fix=f"Declared are: {known}.")
    return pools[name]


def _declare(transaction: Transaction, name: str, item: Mapping[str, Any], place: str) -> dict[str, Any]:
    stored = transaction.pools().get(name)
    before = show_pool(stored) if stored else None
    pool = _read(item, stored, name, place)
    after = show_pool(pool)
    if before == after:
        return {"name": name, "before": before, "after": after}
    if stored is not None and stored.routing_domain != pool.routing_domain and _in_use(transaction, stored):
        raise Conflict(
            "cannot change while subnets of the pool are in use.",
            parameter=f"{place}.routing_domain",
            fix="Release them first, or declare another pool.",
        )
    if pool.bandwidth is not None and pool.bandwidth < pool.bandwidth_used:
        raise Conflict(
            f"{format_rate(pool.bandwidth_used)} of it is handed out.",
            parameter=f"{place}.bandwidth",
            fix="Give at least that much, or release subnets first.",
        )
    transaction.save_pool(pool)
    space = ("prefixes", "excluded", "routing_domain")
    if before is None or any(before[key] != after[key] for key in space):
        _lay_out(transaction, pool, place)
        _move_floors(transaction, pool)
    kind = "pool.declared" if before is None else "pool.changed"
    transaction.event(kind, "pool", name, None if before is None else to_json(before), to_json(after))
    return {"name": name, "before": before, "after": after}


def _move_floors(transaction: Transaction, pool: Pool) -> None:
    """A shadow pool's prefixes are routes of nodes: these must be pushed to."""
    for node in transaction.floored_nodes(pool.id):
        transaction.next_revision(node)


def redeclared(pool: Pool) -> Pool:
    """The pool that its own options declare. Raises InvalidInput for options that no declaration has."""
    return _read(show_pool(pool), pool, check_name(pool.name, "name"), pool.name)


def _in_use(transaction: Transaction, pool: Pool) -> bool:
    return any(item.kind != "excluded" for item in transaction.occupied_of(pool))


def _read(item: Mapping[str, Any], stored: Pool | None, name: str, place: str) -> Pool:
    pool = stored or Pool(name)
    given = {key: value for key, value in item.items() if value is not None}
    if stored is None and "prefixes" not in given:
        raise InvalidInput("is required for a new pool.", parameter=f"{place}.prefixes")
    if "kind" in given and stored is not None and given["kind"] != stored.kind:
        raise Conflict(f"the pool is of kind {stored.kind}.", parameter=f"{place}.kind", fix="Declare another pool.")
    prefixes = _read_prefixes(given["prefixes"], f"{place}.prefixes") if "prefixes" in given else pool.prefixes
    excluded = _read_excluded(given["excluded"], f"{place}.excluded") if "excluded" in given else pool.excluded
    cap = given.get("workload_cap", pool.workload_cap)
    if given.get("kind", pool.kind) != "shadow" and (
        flag(given.get("lend", False), f"{place}.lend") or cap is not None
    ):
        option = "lend" if cap is None else "workload_cap"
        raise InvalidInput("is for pools of kind shadow only.", parameter=f"{place}.{option}")
    return Pool(
        name=name,
        kind=choice(given.get("kind", pool.kind), f"{place}.kind", KINDS),
        prefixes=prefixes,
        excluded=excluded,
        location=check_name(given["location"], f"{place}.location")
        if given.get("location")
        else _kept(given, "location", pool.location),
        security_profiles=sorted(name_list(given["security_profiles"], f"{place}.security_profiles"))
        if "security_profiles" in given
        else pool.security_profiles,
        bandwidth=_kept(given, "bandwidth", pool.bandwidth)
        if given.get("bandwidth", "") == ""
        else parse_rate(given["bandwidth"], f"{place}.bandwidth"),
        strategy=choice(given.get("strategy", pool.strategy), f"{place}.strategy", STRATEGIES),
        quarantine=parse_duration(given["quarantine"], f"{place}.quarantine")
        if "quarantine" in given
        else (stored.quarantine if stored else DEFAULT_QUARANTINE),
        gateway=choice(given.get("gateway", pool.gateway), f"{place}.gateway", GATEWAYS),
        lend=flag(given.get("lend", pool.lend), f"{place}.lend"),
        workload_cap=None if cap is None else _share(cap, f"{place}.workload_cap"),
        routing_domain=check_name(
            given.get("routing_domain", stored.routing_domain if stored else DEFAULT_ROUTING_DOMAIN),
            f"{place}.routing_domain",
        ),
        dns_servers=_read_servers(given["dns_servers"], f"{place}.dns_servers")
        if "dns_servers" in given
        else pool.dns_servers,
        id=pool.id,
        bandwidth_used=pool.bandwidth_used,
        turn=pool.turn,
        cursors=pool.cursors,
    )


def _kept(given: Mapping[str, Any], key: str, value: Any) -> Any:
    """The stored value, or None where the user wrote an empty one to take it away."""
    return None if key in given else value


def _share(value: Any, parameter: str) -> float:
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = -1.0
    if not 0 < share <= 1:
        raise InvalidInput(f"'{value}' is not a share.", parameter=parameter, fix="Give more than 0 and at most 1.")
    return share


def _read_servers(value: Any, parameter: str) -> list[str]:
    items = listed(value, parameter)
    return [format_address(*parse_address(item, f"{parameter}[{index}]")) for index, item in enumerate(items)]


def _read_prefixes(value: Any, parameter: str) -> list[Block]:
    items = listed(value, parameter)
    blocks = sorted(_usable(parse_prefix(item, f"{parameter}[{index}]"), parameter) for index, item in enumerate(items))
    if not blocks:
        raise InvalidInput("is empty.", parameter=parameter, fix="Give at least one prefix.")
    for low, high in pairwise(blocks):
        if low.family == high.family and high.start <= low.last:
            raise InvalidInput(f"{format_block(low)} and {format_block(high)} overlap.", parameter=parameter)
    return blocks


def _usable(block: Block, parameter: str) -> Block:
    for family, start, length, what in UNUSABLE:
        if block.family == family and _inside(block, Block(family, start, length)):
            raise InvalidInput(f"{format_block(block)} is {what} space, which no subnet can use.", parameter=parameter)
    return block


def _read_excluded(value: Any, parameter: str) -> list[str]:
    items = listed(value, parameter)
    shown = []
    for index, item in enumerate(items):
        family, first, last = parse_excluded(item, f"{parameter}[{index}]")
        blocks = range_blocks(family, first, last)
        text = (
            format_block(blocks[0])
            if len(blocks) == 1
            else f"{format_address(family, first)}-" + format_address(family, last)
        )
        shown.append((family, first, last, text))
    return [entry[3] for entry in sorted(shown)]


def _lay_out(transaction: Transaction, pool: Pool, place: str) -> None:
    """Stores the pool's prefixes and rebuilds what is excluded and free in them around what is in use."""
    for item in transaction.occupied_of(pool):
        if item.kind == "excluded":
            transaction.vacate(item.routing_domain_id, item.block)
    held = transaction.occupied_of(pool)
    outside = [item for item in held if not any(_inside(item.block, prefix) for prefix in pool.prefixes)]
    if outside:
        raise Conflict(
            f"{_describe(transaction, outside)} would fall outside the pool.",
            parameter=f"{place}.prefixes",
            fix="Keep the prefixes that cover what is in use, or release it first.",
        )
    _check_floors(transaction, pool, held, place)
    for node in transaction.floored_nodes(pool.id):
        check_floors(transaction, node, pool, f"{place}.prefixes")
    # The old prefixes go first: a pool may grow over its own.
    own, pool.prefixes = pool.prefixes, []
    transaction.set_prefixes(pool)
    pool.prefixes = own
    for block in pool.prefixes:
        other = transaction.pool_prefix_at(pool.routing_domain_id, block)
        if other is not None:
            raise Conflict(
                f"{format_block(block)} overlaps {format_block(other[1])} of pool {other[0]} in routing domain "
                f"{pool.routing_domain}.",
                parameter=f"{place}.prefixes",
                fix="Pools of one routing domain never overlap.",
            )
    transaction.set_prefixes(pool)
    excluded = excluded_blocks(pool, place)
    starts = [item.block for item in held]
    for block in excluded:
        # What is held is in order and disjoint, so that only neighbours can overlap.
        at = bisect_right(starts, block)
        near = range(max(at - 1, 0), bisect_left(starts, Block(block.family, block.last + 1, 0)))
        clash = [held[i] for i in near if starts[i].family == block.family and _overlap(starts[i], block)]
        if clash:
            raise Conflict(
                f"{_describe(transaction, clash)} is in use.",
                parameter=f"{place}.excluded",
                fix="Release it first, and let its quarantine end.",
            )
        transaction.occupy(pool, block, "excluded")
    taken = sorted([item.block for item in held] + excluded)
    for family in (4, 6):
        gaps = _gaps([p for p in pool.prefixes if p.family == family], [b for b in taken if b.family == family])
        transaction.free_space(pool, family).reset(gaps)


def _check_floors(transaction: Transaction, pool: Pool, held: Sequence[Occupied], place: str) -> None:
    """A floor must stay shorter than what is reserved or activated above it."""
    whole = set(pool.prefixes) if pool.kind == "shadow" else set()
    filling = [
        item
        for item in held
        if item.block in whole
        and (item.kind in ("reservation", "instance") or transaction.reserved_at(pool.id, item.block) is not None)
    ]
    if filling:
        raise Conflict(
            f"{_describe(transaction, filling)} would be a whole prefix of the pool, and leave no floor below it.",
            parameter=f"{place}.prefixes",
            fix="Declare a prefix that is larger.",
        )


def excluded_blocks(pool: Pool, place: str = "pool") -> list[Block]:
    """What is excluded, cut to the pool's prefixes, as aligned blocks."""
    blocks: list[Block] = []
    ranges = [parse_excluded(item, f"{place}.excluded") for item in pool.excluded]
    for item, given in zip(pool.excluded, ranges, strict=True):
        if not any(_cut(given, prefix) for prefix in pool.prefixes):
            raise InvalidInput(f"{item} lies outside the pool's prefixes.", parameter=f"{place}.excluded")
    for family, first, last in merge_ranges(ranges):
        for prefix in pool.prefixes:
            blocks += _cut((family, first, last), prefix)
    if len(blocks) > MOST_EXCLUDED_BLOCKS:
        raise InvalidInput(f"makes more than {MOST_EXCLUDED_BLOCKS} blocks.", parameter=f"{place}.excluded")
    return blocks


def _cut(given: tuple[int, int, int], prefix: Block) -> list[Block]:
    """The part of a range that lies in a prefix."""
    family, first, last = given
    return range_blocks(family, max(first, prefix.start), min(last, prefix.last)) if family == prefix.family else []


def _gaps(prefixes: Sequence[Block], taken: Sequence[Block]) -> list[Block]:
    gaps: list[Block] = []
    at = 0
    for prefix in prefixes:
        first = prefix.start
        while at < len(taken) and taken[at].start <= prefix.last:
            gaps += range_blocks(prefix.family, first, taken[at].start - 1)
            first = taken[at].last + 1
            at += 1
        gaps += range_blocks(prefix.family, first, prefix.last)
    return gaps


def _inside(block: Block, prefix: Block) -> bool:
    return block.family == prefix.family and prefix.start <= block.start and block.last <= prefix.last


def _overlap(one: Block, other: Block) -> bool:
    return one.start <= other.last and other.start <= one.last


def _describe(transaction: Transaction, items: Sequence[Occupied]) -> str:
    words = [f"{format_block(item.block)} {holder_of(transaction, item)}" for item in items[:3]]
    more = f" and {len(items) - 3} more" if len(items) > 3 else ""
    return ", ".join(words) + more


def holder_of(transaction: Transaction, item: Occupied) -> str:
    """Whose address space in use is, in words: ``of subnet 'web-prod'``."""
    if item.kind == "excluded":
        return "of nobody: it is excluded"
    if item.kind == "quarantine":
        return f"in quarantine after '{item.name}'"
    where, number = "id = ?", (item.holder_id,)
    found = {
        "subnet": lambda: [f"'{one.name}'" for one in transaction.subnets(where, number)],
        "reservation": lambda: [f"'{one.name}'" for one in transaction.reservations(where, number)],
        "instance": lambda: [
            f"'{one.name}'{f' on {one.node}' if one.node else ''}" for one in transaction.instances(where, number)
        ],
    }[item.kind]()
    return f"of {item.kind} {found[0]}" if found else f"of {item.kind} {item.holder_id}"
