# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``ledger_info``."""

from __future__ import annotations

from typing import Any

from ..module_utils.ipam.history import list_events, parse_time, state_at
from ..module_utils.ipam.maintenance import describe_ledger
from ..module_utils.ipam.parsing import integer
from ..module_utils.ipam.utilisation import overview
from ..module_utils.ledger.ledger import Ledger
from ..modules.ledger_info import ARGUMENTS
from ..plugin_utils.ledger_action import LedgerAction


class ActionModule(LedgerAction):
    """Reports on the ledger."""

    ARGUMENTS = ARGUMENTS

    def work(self, ledger: Ledger, options: dict[str, Any], actor: str, check: bool) -> dict[str, Any]:
        last = integer(options["events"], "events", 0, 1_000_000)
        moment = None if options["at"] is None else parse_time(options["at"], "at")
        with ledger.snapshot() as transaction:
            result = {"changed": False, **overview(transaction)}
            result["events"] = list_events(transaction, last, options["name"])
            if moment is not None:
                result["state"] = state_at(transaction, moment)
        return {**result, "ledger": describe_ledger(ledger)}
