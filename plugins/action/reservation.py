# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``reservation``."""

from __future__ import annotations

from typing import Any

from ..module_utils.ipam.reservation_requests import read_names, read_reservations
from ..module_utils.ipam.reservations import reserve, withdraw
from ..module_utils.ledger.ledger import Ledger
from ..modules.reservation import ARGUMENTS
from ..plugin_utils.ledger_action import LedgerAction, changes_diff, clock_warnings


class ActionModule(LedgerAction):
    """Makes and ends shadow reservations."""

    ARGUMENTS = ARGUMENTS

    def work(self, ledger: Ledger, options: dict[str, Any], actor: str, check: bool) -> dict[str, Any]:
        items = [{key: value for key, value in item.items() if value is not None} for item in options["reservations"]]
        with ledger.transaction(actor, check=check) as transaction:
            if options["state"] == "present":
                found = reserve(transaction, read_reservations(items))
            else:
                found = withdraw(transaction, read_names(items))
            warnings = clock_warnings(transaction.clock_behind)
        changes = [{"name": item.name, "before": item.before, "after": item.after} for item in found]
        shown = [item.after for item in found if item.after is not None]
        touched = [item.after or item.before for item in found if item.changed]
        return {
            "changed": any(item.changed for item in found),
            "reservations": shown,
            "nodes": sorted({one["node"] for one in touched if one is not None and one["node"]}),
            "diff": changes_diff(changes),
            "warnings": warnings,
        }
