# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``pool``."""

from __future__ import annotations

from typing import Any

from ..module_utils.ipam.pools import declare_pools, remove_pools
from ..module_utils.ledger.ledger import Ledger
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
        return {
            "changed": any(item["before"] != item["after"] for item in results),
            "pools": [item["after"] for item in results if item["after"] is not None],
            "diff": changes_diff(results),
        }
