# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving address space back."""

from __future__ import annotations

from ..ledger.transaction import Transaction
from ..model.pool import Block, Pool


def give_back(transaction: Transaction, pool: Pool, block: Block) -> None:
    """Makes a block that is in use free."""
    transaction.vacate(pool.routing_domain_id, block)
    transaction.free_space(pool, block.family).give(block.start, block.prefix_length)
