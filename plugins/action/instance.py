# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``instance``."""

from __future__ import annotations

from typing import Any

from ..module_utils.ipam.instance_lifecycle import MovedInstance, delete
from ..module_utils.ipam.instance_requests import read_instance_names, read_instances
from ..module_utils.ipam.instances import create
from ..module_utils.ledger.ledger import Ledger
from ..modules.instance import ARGUMENTS
from ..plugin_utils.ledger_action import LedgerAction, changes_diff, clock_warnings, flat


class ActionModule(LedgerAction):
    """The ledger's step when instances are created or deleted."""

    ARGUMENTS = ARGUMENTS

    def work(self, ledger: Ledger, options: dict[str, Any], actor: str, check: bool) -> dict[str, Any]:
        with flat(options, "instances") as given:
            items = [{key: value for key, value in item.items() if value is not None} for item in given]
            present = options["state"] == "present"
            requests = read_instances(items) if present else []
            names = [] if present else read_instance_names(items)
            with ledger.transaction(actor, check=check) as transaction:
                created = [create(transaction, request) for request in requests]
                deleted = [delete(transaction, name) for name in names]
                warnings = clock_warnings(transaction.clock_behind)
        missed = {one.instance.name: one.missed for one in created}
        moved: list[MovedInstance] = [one.moved for one in created] + [one for one in deleted if one is not None]
        shown = []
        for one in moved:
            name = one.instance.name
            shown.append(
                {**(one.after or {**(one.before or {}), "status": "gone"}), "missed": missed.get(name)}
                if present
                else (one.after or {**(one.before or {}), "status": "gone"})
            )
        changes = [{"name": one.instance.name, "before": one.before, "after": one.after} for one in moved]
        return {
            "changed": any(one.changed for one in moved),
            "instances": shown,
            "nodes": sorted(_nodes(moved)),
            "diff": changes_diff(changes),
            "warnings": warnings,
        }


def _nodes(moved: list[MovedInstance]) -> set[str]:
    """Where routes are to be made or taken away: where an instance is, and where it was."""
    found = set()
    for one in moved:
        if one.after is not None and one.after["status"] not in ("active", "gone") and one.after["node"]:
            found.add(one.after["node"])
            if one.before is not None and one.before["node"] and one.before["node"] != one.after["node"]:
                found.add(one.before["node"])
    return found
