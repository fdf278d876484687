# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``traffic_result``."""

from __future__ import annotations

from typing import Any

from ..module_utils.ipam.usage_summary import keep_summary
from ..module_utils.ipam.usage_traffic import count_at, read_report, record_traffic
from ..module_utils.ledger.ledger import Ledger
from ..module_utils.model.units import parse_duration
from ..modules.traffic_result import ARGUMENTS
from ..plugin_utils.ledger_action import LedgerAction


class ActionModule(LedgerAction):
    """Takes note of what nodes counted."""

    ARGUMENTS = ARGUMENTS

    def work(self, ledger: Ledger, options: dict[str, Any], actor: str, check: bool) -> dict[str, Any]:
        idle_after = parse_duration(options["idle_after"], "idle_after") * 1000
        node, report = options["node"], options["traffic"]
        events: list[dict[str, Any]] = []
        if report is not None:
            counted = read_report(report)
            with ledger.transaction(actor, check=check) as transaction:
                events = record_traffic(transaction, node, counted, idle_after)
            if not check:
                keep_summary(ledger)
        with ledger.snapshot() as transaction:
            count = count_at(transaction, node)
        return {"changed": bool(events), "events": events, "count": count}
