# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``reservation``."""

from __future__ import annotations

from typing import Any

from ..module_utils.ipam.assume import assume
from ..module_utils.ipam.reservation_requests import read_names, read_reservations
from ..module_utils.ipam.reservations import EVERYTHING, NOTHING, SAME_WORKLOADS, reserve, withdraw
from ..module_utils.ipam.reserved import Outcome
from ..module_utils.ipam.usage_summary import keep_summary
from ..module_utils.ledger.ledger import Ledger
from ..module_utils.ledger.transaction import Transaction
from ..modules.reservation import ARGUMENTS
from ..plugin_utils.ledger_action import LedgerAction, assumed, changes_diff, clock_warnings

_OTHERS = {"present": NOTHING, "replaced": SAME_WORKLOADS, "overridden": EVERYTHING}


class ActionModule(LedgerAction):
    """Makes and ends shadow reservations."""

    ARGUMENTS = ARGUMENTS
    BLANK_IS_ABSENT = True

    def work(self, ledger: Ledger, options: dict[str, Any], actor: str, check: bool) -> dict[str, Any]:
        items = [{key: value for key, value in item.items() if value is not None} for item in options["reservations"]]
        state = options["state"]
        with ledger.transaction(actor, check=check) as transaction:
            if assumed(options, check):
                assume(transaction, options["assume"])
            if state == "absent":
                found = withdraw(transaction, read_names(items))
            else:
                found = reserve(transaction, read_reservations(items), others=_OTHERS[state])
            warnings = clock_warnings(transaction.clock_behind)
            shown = [item.after for item in found if item.after is not None]
            # What ended earlier is not known by name any more, but its node may carry it yet.
            known = _behind(transaction, shown if state == "present" else None)
            nodes = sorted({*transaction.revised_nodes(), *known})
        if not check:
            keep_summary(ledger)
        changes = [change for item in found if (change := item.difference()) is not None]
        over = [item.name for item in found if item.over]
        if over:
            warnings.append(f"Nothing was reserved for what is over already: {', '.join(over)}.")
        return {
            "changed": bool(changes),
            "reservations": shown,
            "changes": changes,
            "over": over,
            "unknown": [item.name for item in found if item.before is None and item.after is None and not item.over],
            "nodes": nodes,
            "diff": changes_diff([_diff(item) for item in found]),
            "warnings": warnings,
        }


def _behind(transaction: Transaction, shown: list[dict[str, Any]] | None) -> set[str]:
    """Nodes of these reservations, or all nodes, that do not carry their newest revision: an earlier push failed or
    never came."""
    known = transaction.nodes()
    asked = known if shown is None else {one["node"] for one in shown if one["node"] in known}
    return {node for node in asked if not known[node].in_sync}


def _diff(item: Outcome) -> dict[str, Any]:
    """For people: blocks, and the instances that are known by name, in place of thousands of prefixes."""
    sides = {"before": item.before, "after": item.after}
    return {"name": item.name, **{side: None if one is None else _brief(one) for side, one in sides.items()}}


def _brief(shown: dict[str, Any]) -> dict[str, Any]:
    named = {one["instance"]: one["cidr"] for one in shown["prefixes"] if one["instance"] is not None}
    return {**{key: value for key, value in shown.items() if key != "prefixes"}, "predicted": named}
