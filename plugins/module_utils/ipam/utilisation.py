# SPDX-License-Identifier: GPL-3.0-or-later
"""How full the pools are, and in which state nodes and subnets stand."""

from __future__ import annotations

from typing import Any

from ..ledger.transaction import Transaction
from ..model.pool import FAMILY_BITS
from ..model.reservation import RESERVED
from .views import count_by_status


def utilisation(transaction: Transaction) -> list[dict[str, Any]]:
    """Per pool and family: addresses in all, handed out, in quarantine, excluded, free; numbers of subnets.

    ``used_percent`` counts what is reserved or in quarantine as used, because nobody else can have it. ``largest_free``
    is the prefix length of the largest free block, None when the pool is full. For a snapshot only: it moves on in
    memory what has expired.
    """
    sums: dict[tuple[int, int], dict[str, int]] = {}
    for pool_id, kind, family, length, count in transaction.count_occupied():
        entry = sums.setdefault((pool_id, family), {})
        entry[kind] = entry.get(kind, 0) + (count << (FAMILY_BITS[family] - length))
        entry[f"{kind}_count"] = entry.get(f"{kind}_count", 0) + count
    over = set() if transaction.clock_behind else set(transaction.over_reservations(transaction.now))
    # What a writer would free first counts as free already. A snapshot never writes this.
    for item in transaction.quarantine_ended():
        pool = transaction.pool_of(item.pool_id)
        mapped = transaction.reserved_at(pool.id, item.block)
        if mapped is not None and mapped.reservation_id not in over:
            entry = sums.setdefault((pool.id, item.block.family), {})
            entry["reservation"] = entry.get("reservation", 0) + item.block.size
            continue
        transaction.free_space(pool, item.block.family).give(item.block.start, item.block.prefix_length)
    for one in (one for number in over for one in transaction.reserved_of(number, RESERVED)):
        sums[one.pool_id, one.block.family]["reservation"] -= one.block.size
        pool = transaction.pool_of(one.pool_id)
        transaction.free_space(pool, one.block.family).give(one.block.start, one.block.prefix_length)
    found = []
    for pool in transaction.pools().values():
        for family in sorted({prefix.family for prefix in pool.prefixes}):
            entry = sums.get((pool.id, family), {})
            total = sum(prefix.size for prefix in pool.prefixes if prefix.family == family)
            excluded = entry.get("excluded", 0)
            used, resting = entry.get("subnet", 0) + entry.get("instance", 0), entry.get("quarantine", 0)
            reserved = entry.get("reservation", 0)
            usable = total - excluded
            heads = transaction.free_space(pool, family).heads(FAMILY_BITS[family])
            found.append(
                {
                    "pool": pool.name,
                    "kind": pool.kind,
                    "family": f"ipv{family}",
                    "addresses": total,
                    "excluded": excluded,
                    "used": used,
                    "reserved": reserved,
                    "quarantine": resting,
                    "free": usable - used - reserved - resting,
                    "used_percent": round(100 * (used + reserved + resting) / usable, 2) if usable else 100.0,
                    "subnets": entry.get("subnet_count", 0),
                    "instances": entry.get("instance_count", 0),
                    "prefixes_in_quarantine": entry.get("quarantine_count", 0),
                    "largest_free": heads[0][1] if heads else None,
                    "bandwidth": pool.bandwidth,
                    "bandwidth_used": pool.bandwidth_used,
                }
            )
    return found


def overview(transaction: Transaction) -> dict[str, Any]:
    """Pools, subnets by status, and per node whether it carries the newest revision."""
    counts, instances = transaction.count_by_node(), transaction.count_instances_by_node()
    return {
        "pools": utilisation(transaction),
        "subnets": count_by_status(transaction),
        "nodes": [
            {
                "name": name,
                **node._asdict(),
                "in_sync": node.in_sync,
                "subnets": counts.get(name, 0),
                "instances": instances.get(name, 0),
            }
            for name, node in transaction.nodes().items()
        ],
    }
