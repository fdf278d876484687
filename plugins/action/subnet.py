# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``subnet``."""

from __future__ import annotations

import json
from typing import Any

from ..module_utils.ipam.allocate import allocate
from ..module_utils.ipam.assume import assume
from ..module_utils.ipam.lifecycle import release
from ..module_utils.ipam.requests import read_keys, read_requests
from ..module_utils.ipam.views import show_subnet
from ..module_utils.ledger.ledger import Ledger
from ..modules.subnet import ARGUMENTS
from ..plugin_utils.ledger_action import LedgerAction, assumed, changes_diff, clock_warnings


class ActionModule(LedgerAction):
    """Allocates and releases subnets."""

    ARGUMENTS = ARGUMENTS

    def work(self, ledger: Ledger, options: dict[str, Any], actor: str, check: bool) -> dict[str, Any]:
        present = options["state"] == "present"
        # Keys that the user left out are None here; the core refuses those that have no meaning for a request.
        items = [{key: value for key, value in item.items() if value is not None} for item in options["requests"]]
        requests = read_requests(items) if present else []
        keys = [] if present else read_keys(items)
        with ledger.transaction(actor, check=check) as transaction:
            if assumed(options, check):
                assume(transaction, options["assume"])
            found = allocate(transaction, requests) if present else release(transaction, keys)
            subnets, changes = [], []
            for item in found:
                if item is None:
                    continue
                shown = show_subnet(item.subnet, transaction.pool_of(item.subnet.pool_id), transaction.now)
                subnets.append(shown if item.after is not None else {**shown, "status": "gone"})
                sides = {side: json.loads(text) if text else None for side, text in _sides(item)}
                changes.append({"name": item.subnet.name, **sides})
            warnings = clock_warnings(transaction.clock_behind)
            # Borrowing may have taken a reservation back from another node, whose inactive routes change with that.
            revised = transaction.revised_nodes()
        return {
            "changed": any(item["before"] != item["after"] for item in changes),
            "subnets": subnets,
            "nodes": sorted(
                {one["node"] for one in subnets if one["node"] and one["status"] not in ("active", "gone")} | {*revised}
            ),
            **({} if present else {"unknown": [key for key, item in zip(keys, found, strict=True) if item is None]}),
            "diff": changes_diff(changes),
            "warnings": warnings,
        }


def _sides(item: Any) -> list[tuple[str, str | None]]:
    return [("before", item.before), ("after", item.after)]
