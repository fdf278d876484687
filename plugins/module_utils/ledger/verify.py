# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof that the book is right: free blocks, subnets, quarantine and exclusions tile every pool exactly."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.pool import Block, Pool
from .addresses import format_address, format_block, pack, unpack
from .store import Store
from .transaction import Transaction

MOST_PROBLEMS = 100
LONGEST_REST = 101 * 365 * 86_400_000
"""Milliseconds; no duration that a pool may have is longer."""

_ROWS = """
SELECT start, prefix_length, last, 0 AS free FROM occupied
WHERE routing_domain_id = ? AND pool_id = ? AND family = ? AND start BETWEEN ? AND ?
UNION ALL
SELECT start, prefix_length, NULL, 1 FROM free_block
WHERE pool_id = ? AND family = ? AND start BETWEEN ? AND ?
ORDER BY start
"""

_MISMATCHED = """
SELECT subnet.name FROM subnet JOIN pool ON pool.id = subnet.pool_id
LEFT JOIN occupied ON occupied.routing_domain_id = pool.routing_domain_id
    AND occupied.family = subnet.family AND occupied.start = subnet.start
WHERE occupied.holder_id IS NULL OR occupied.kind <> 'subnet' OR occupied.holder_id <> subnet.id
    OR occupied.prefix_length <> subnet.prefix_length OR occupied.pool_id <> subnet.pool_id
"""

_HOLDERS = """
SELECT kind, holder_id FROM occupied WHERE
    (kind = 'subnet' AND holder_id NOT IN (SELECT id FROM subnet))
    OR (kind = 'instance' AND NOT EXISTS (
        SELECT 1 FROM instance WHERE instance.id = holder_id AND instance.pool_id = occupied.pool_id
        AND instance.start = occupied.start AND instance.prefix_length = occupied.prefix_length))
    OR (kind = 'reservation' AND NOT EXISTS (
        SELECT 1 FROM reserved WHERE reservation_id = holder_id AND reserved.pool_id = occupied.pool_id
        AND reserved.family = occupied.family AND reserved.start = occupied.start
        AND reserved.prefix_length = occupied.prefix_length
        AND state = 'reserved'))
LIMIT 20
"""

_MAPPED = """
SELECT reservation.name, reserved.ordinal, reserved.state FROM reserved
JOIN reservation ON reservation.id = reservation_id JOIN pool ON pool.id = reserved.pool_id
LEFT JOIN occupied ON occupied.routing_domain_id = pool.routing_domain_id
    AND occupied.family = reserved.family AND occupied.start = reserved.start
WHERE occupied.kind IS NOT
    CASE state WHEN 'reserved' THEN 'reservation' WHEN 'active' THEN 'instance' ELSE 'quarantine' END
    OR occupied.prefix_length <> reserved.prefix_length OR occupied.pool_id <> reserved.pool_id
    OR (state = 'reserved' AND occupied.holder_id <> reservation_id)
LIMIT 20
"""

_ACTIVE = """
SELECT reservation.name, reserved.ordinal FROM reserved JOIN reservation ON reservation.id = reserved.reservation_id
JOIN pool ON pool.id = reserved.pool_id
LEFT JOIN occupied ON occupied.routing_domain_id = pool.routing_domain_id AND occupied.kind = 'instance'
    AND occupied.family = reserved.family AND occupied.start = reserved.start
LEFT JOIN instance ON instance.id = occupied.holder_id
WHERE (state = 'active') <> (instance.id IS NOT NULL) OR (instance.id IS NOT NULL AND (
    COALESCE(instance.reservation_id, 0) <> reserved.reservation_id
    OR COALESCE(instance.ordinal, -1) <> reserved.ordinal OR instance.workload <> reservation.workload))
LIMIT 20
"""
# By the address, which has an index: a search by reservation alone looks at all that it has for each of them.

_ASTRAY = """
SELECT name FROM instance WHERE (reservation_id IS NULL) <> (ordinal IS NULL)
    OR (reservation_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM reserved WHERE reserved.reservation_id = instance.reservation_id
        AND reserved.ordinal = instance.ordinal AND reserved.pool_id = instance.pool_id
        AND reserved.family = instance.family AND reserved.start = instance.start))
LIMIT 20
"""

_SIZES = """
SELECT reservation.name, reservation.instances, COUNT(reserved.ordinal), COUNT(CASE WHEN state = 'reserved' THEN 1 END)
FROM reservation LEFT JOIN reserved ON reservation_id = reservation.id
WHERE ended IS NULL GROUP BY reservation.id, reservation.name, reservation.instances
HAVING COUNT(reserved.ordinal) < reservation.instances OR (COUNT(reserved.ordinal) > reservation.instances
    AND COUNT(CASE WHEN state = 'reserved' THEN 1 END) > 0)
    OR MAX(reserved.family <> reservation.family OR reserved.prefix_length <> reservation.prefix_length)
LIMIT 20
"""

_BANDWIDTH = """
SELECT pool.name, pool.bandwidth_used, COALESCE(SUM(subnet.bandwidth), 0) FROM pool
LEFT JOIN subnet ON subnet.pool_id = pool.id GROUP BY pool.id, pool.name, pool.bandwidth_used
HAVING pool.bandwidth_used <> COALESCE(SUM(subnet.bandwidth), 0)
"""

_CARRIED = """
SELECT node, occupied.family, occupied.start, occupied.last, occupied.routing_domain_id FROM (
    SELECT node, pool_id, family, start FROM subnet
    UNION ALL SELECT node, pool_id, family, start FROM instance WHERE interface IS NOT NULL OR next_hop IS NOT NULL
    UNION ALL SELECT leaving, pool_id, family, start FROM instance
) AS carried JOIN pool ON pool.id = carried.pool_id JOIN occupied
ON occupied.routing_domain_id = pool.routing_domain_id AND occupied.family = carried.family
    AND occupied.start = carried.start
WHERE node IS NOT NULL
UNION ALL SELECT node, family, start, last, routing_domain_id FROM floor JOIN pool_prefix USING (pool_id)
ORDER BY 1, 2, 3
"""


def verify(store: Store, transaction: Transaction) -> list[str]:
    """Compares everything in the ledger with everything else; reads all of it, changes nothing.

    Returns:
        What is wrong, in words, at most ``MOST_PROBLEMS``; empty when the ledger holds what it promises.
    """
    problems = store.problems()
    seen = {"free_block": 0, "occupied": 0}
    for pool in transaction.pools().values():
        for prefix in pool.prefixes:
            problems += _tiling_problems(store, pool, prefix, seen)
    for table, count in seen.items():
        total = store.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
        if total != count:
            problems.append(f"{total - count} rows of {table} lie outside their pool's prefixes")
    problems += [f"subnet '{row[0]}' does not hold its prefix" for row in store.execute(_MISMATCHED)]
    holding = store.execute("SELECT COUNT(*) FROM occupied WHERE kind = 'subnet'").fetchone()[0]
    subnets = store.execute("SELECT COUNT(*) FROM subnet").fetchone()[0]
    if holding != subnets:
        problems.append(f"{holding} prefixes are held by subnets, but there are {subnets} subnets")
    problems += [
        f"a prefix is held by {kind} {number}, which does not hold it" for kind, number in store.execute(_HOLDERS)
    ]
    problems += [
        f"reservation '{name}': prefix {ordinal} is {state}, which its address space is not"
        for name, ordinal, state in store.execute(_MAPPED)
    ]
    problems += [
        f"reservation '{name}': prefix {ordinal} and the instance that has it contradict each other"
        for name, ordinal in store.execute(_ACTIVE)
    ]
    problems += [f"instance '{row[0]}' has a reserved prefix that there is not" for row in store.execute(_ASTRAY)]
    problems += [
        f"reservation '{name}' for {wanted} instances holds {held} prefixes, {idle} of them idle, or of another size"
        for name, wanted, held, idle in store.execute(_SIZES)
    ]
    instances = store.execute("SELECT COUNT(*) FROM instance").fetchone()[0]
    holding = store.execute("SELECT COUNT(*) FROM occupied WHERE kind = 'instance'").fetchone()[0]
    if holding != instances:
        problems.append(f"{holding} prefixes are held by instances, but there are {instances} instances")
    problems += _counting_problems(store, transaction.now)
    problems += [
        f"pool {name} counts {counted} bit/s as handed out, its subnets have {real}"
        for name, counted, real in store.execute(_BANDWIDTH)
    ]
    if len(transaction.routing_domains()) > 1:
        problems += _node_problems(store)
    return problems[:MOST_PROBLEMS]


def _node_problems(store: Store) -> Iterator[str]:
    """What one node carries of several routing domains, though it has one routing table; once for each node."""
    place: tuple[str, int] | None = None
    told: set[str] = set()
    ends: dict[int, bytes] = {}
    for node, family, start, last, domain in store.execute(_CARRIED):
        if place != (node, family):
            place, ends = (node, family), {}
        if node not in told and any(end >= start for other, end in ends.items() if other != domain):
            told.add(node)
            yield f"node {node} carries space at {format_address(family, unpack(start))} in two routing domains"
        ends[domain] = max(last, ends.get(domain, b""))


def _counting_problems(store: Store, now: int) -> Iterator[str]:
    for table in ("subnet", "reservation", "instance"):
        largest = store.execute(f"SELECT COALESCE(MAX(id), 0) FROM {table}").fetchone()[0]
        if largest > store.last_id(table):
            yield f"ids of {table}s would be given out again"
    missing = store.last_id("event") - store.execute("SELECT COUNT(*) FROM event").fetchone()[0]
    if missing:
        yield f"{missing} audit events are missing"
    for pool_id, until in store.execute(
        "SELECT pool_id, until FROM occupied WHERE until IS NOT NULL AND NOT until BETWEEN 0 AND ? LIMIT 20",
        (now + LONGEST_REST,),
    ):
        yield f"pool {pool_id}: a prefix rests until {until!r}"


def _tiling_problems(store: Store, pool: Pool, prefix: Block, seen: dict[str, int]) -> Iterator[str]:
    family, bounds = prefix.family, (pack(prefix.start), pack(prefix.last))
    expected = prefix.start
    unmerged: Block | None = None
    rows = store.execute(_ROWS, (pool.routing_domain_id, pool.id, family, *bounds, pool.id, family, *bounds))
    for blob, length, last, free in rows:
        block = Block(family, unpack(blob), length)
        seen["free_block" if free else "occupied"] += 1
        if block.start % block.size or (last is not None and unpack(last) != block.last):
            yield f"pool {pool.name}: {format_block(block)} is not an aligned block"
        if block.start != expected:
            word = "twice in use" if block.start < expected else "neither free nor in use"
            yield f"pool {pool.name}: space at {format_address(family, min(expected, block.start))} is {word}"
        if free and length > prefix.prefix_length:
            buddy = Block(family, block.start ^ block.size, length)
            if unmerged == buddy:
                yield f"pool {pool.name}: free {format_block(buddy)} and {format_block(block)} are not merged"
        unmerged = block if free else None
        expected = block.last + 1
    if expected != prefix.last + 1:
        yield f"pool {pool.name}: space at the end of {format_block(prefix)} is neither free nor in use"
