# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger wants of a DHCP server: leases for instances, and address space that it must not give to others."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, summarize_address_range
from typing import Any

from ..ledger.transaction import Transaction
from ..model.pool import Pool
from .instance_lifecycle import shown
from .pools import named_pool

_WANTED = "assign = 'dhcp' AND wanted = 1 AND mac IS NOT NULL AND family = 4 AND prefix_length = 32"


def leased_instances(transaction: Transaction) -> list[dict[str, Any]]:
    """The instances that obtain their addresses by DHCP, as ``show_instance`` has them."""
    return [shown(transaction, item) for item in transaction.instances(_WANTED)]


def guarded_prefixes(transaction: Transaction, pools: Sequence[str] = (), parameter: str = "pools") -> list[str]:
    """Address space that a DHCP server must not give away by itself: of all shadow pools, and of the ``pools`` named.
    What a pool excludes is not the ledger's to hand out, so the server may.

    Raises:
        NotFound: no pool of that name.
    """
    named = [named_pool(transaction, name, parameter) for name in pools]
    shadow = [pool for pool in transaction.pools().values() if pool.kind == "shadow" and pool not in named]
    return [str(network) for pool in (*shadow, *named) for network in _handed_out(transaction, pool)]


def _handed_out(transaction: Transaction, pool: Pool) -> list[IPv4Network]:
    holes = [item.block for item in transaction.occupied_of(pool) if item.kind == "excluded" and item.block.family == 4]
    found: list[IPv4Network] = []
    for prefix in pool.prefixes:
        if prefix.family != 4:
            continue
        at = prefix.start
        for hole in sorted(holes):
            if prefix.start <= hole.start <= prefix.last:
                found.extend(_networks(at, hole.start - 1))
                at = hole.last + 1
        found.extend(_networks(at, prefix.last))
    return found


def _networks(first: int, last: int) -> list[IPv4Network]:
    return list(summarize_address_range(IPv4Address(first), IPv4Address(last))) if first <= last else []
