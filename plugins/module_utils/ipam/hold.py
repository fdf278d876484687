# SPDX-License-Identifier: GPL-3.0-or-later
"""The hold: a restored ledger may not know all that the nodes carry, so that until then it neither gives nor pushes."""

from __future__ import annotations

from ..ledger.transaction import Transaction
from ..model.errors import LedgerHeld

HELD = "held"
"""Key in the ledger's meta table; its value says why."""


def refuse_held(transaction: Transaction) -> None:
    """Raises LedgerHeld while the ledger is held."""
    reason = transaction.meta(HELD)
    if reason is not None:
        raise LedgerHeld(
            f"the ledger was {reason}; prefixes handed out since then may be in use on the nodes.",
            parameter="ledger",
            fix="Run the playbook shadownet.ipam.reconcile, which adopts what the nodes carry.",
        )


def release_hold(transaction: Transaction) -> bool:
    """Ends the hold; the caller has adopted what every node carries. False if there was none."""
    if transaction.meta(HELD) is None:
        return False
    transaction.set_meta(HELD, None)
    transaction.event("ledger.reconciled", "ledger", "ledger", None, None)
    return True
