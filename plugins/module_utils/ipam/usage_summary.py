# SPDX-License-Identifier: GPL-3.0-or-later
"""Summaries of the audit trail, so that usage in a window need not be told from the first event on.

Writers make them after their own work; readers only use them. What a summary holds can be told anew from the events,
so that nothing is lost where none could be stored.
"""

from __future__ import annotations

from ..ledger.ledger import Ledger
from ..ledger.trail import Summary
from ..ledger.transaction import Transaction
from ..model.errors import LedgerError
from .usage_replay import Replay
from .usage_state import FORM
from .usage_sums import Sums

EVERY = 5000
"""Events after which a summary is due. Where more than that stands, so many, so that summaries stay small beside the
events that they sum up."""
AT_ONCE = 20_000
"""Events that one call tells at most: where a long trail has no summary yet, several calls make them."""


def keep_summary(ledger: Ledger, every: int = EVERY) -> bool:
    """Stores a summary where one is due; others can write while it is made.

    Cheap where none is due: two rows are looked at. A ledger that cannot be written to now is no error.

    Args:
        ledger: open, and in no transaction.
        every: events after which one is due.

    Returns:
        Whether one was stored.
    """
    with ledger.snapshot() as transaction:
        made = _due(transaction, every)
        last = None if made is None else transaction.event_of(made.event_id)
        corrections = transaction.clock_corrections()
    if made is None:
        return False
    try:
        with ledger.transaction() as transaction:
            # Meanwhile the ledger may have been restored, its clock corrected, or somebody else was faster.
            same = (transaction.event_of(made.event_id), transaction.clock_corrections()) == (last, corrections)
            if not same or transaction.summarised(FORM)[0] >= made.event_id:
                return False
            transaction.add_summary(FORM, made)
    except LedgerError:
        return False
    return True


def _due(transaction: Transaction, every: int) -> Summary | None:
    told, size = transaction.summarised(FORM)
    if transaction.newest_event() - told < max(every, size):
        return None
    return Replay(transaction, Sums(), transaction.now + 1).summarise(AT_ONCE)
