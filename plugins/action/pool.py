# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``pool``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..module_utils.ipam.pools import declare_pools, remove_pools
from ..module_utils.ledger.ledger import Ledger
from ..module_utils.ledger.transaction import Transaction
from ..modules.pool import ARGUMENTS
from ..plugin_utils.ledger_action import LedgerAction, changes_diff, flat


class ActionModule(LedgerAction):
    """Declares pools and takes them away."""

    ARGUMENTS = ARGUMENTS

    def creates(self, options: Any) -> bool:
        return bool(options["state"] == "present")

    def work(self, ledger: Ledger, options: dict[str, Any], actor: str, check: bool) -> dict[str, Any]:
        with flat(options, "pools") as items, ledger.transaction(actor, check=check) as transaction:
            if options["state"] == "present":
                results = declare_pools(transaction, items)
            else:
                results = remove_pools(transaction, [item["name"] for item in items])
            nodes = sorted({*transaction.revised_nodes(), *_behind(transaction, [one["name"] for one in results])})
        return {
            "changed": any(item["before"] != item["after"] for item in results),
            "pools": [item["after"] for item in results if item["after"] is not None],
            "nodes": nodes,
            "diff": changes_diff(results),
        }


def _behind(transaction: Transaction, names: Iterable[str]) -> set[str]:
    """Nodes with floors of these pools that do not carry their newest revision: an earlier push failed, or never came
    to them."""
    pools, known = transaction.pools(), transaction.nodes()
    floored = {node for name in names if name in pools for node in transaction.floored_nodes(pools[name].id)}
    return {node for node in floored if node in known and not known[node].in_sync}
