# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``node_result``."""

from __future__ import annotations

import json
from typing import Any

from ..module_utils.ipam.instance_lifecycle import retry
from ..module_utils.ipam.lifecycle import node_result
from ..module_utils.ipam.views import show_subnet
from ..module_utils.ledger.ledger import Ledger
from ..modules.node_result import ARGUMENTS
from ..plugin_utils.ledger_action import LedgerAction, changes_diff


class ActionModule(LedgerAction):
    """Takes note of how pushes ended."""

    ARGUMENTS = ARGUMENTS

    def work(self, ledger: Ledger, options: dict[str, Any], actor: str, check: bool) -> dict[str, Any]:
        subnets: list[dict[str, Any]] = []
        instances: list[dict[str, Any]] = []
        changes: list[dict[str, Any]] = []
        changed = False
        with ledger.transaction(actor, check=check) as transaction:
            if options["retry"] is not None:
                retried = retry(transaction, options["node"]) if options["retry"] else []
                instances = [one.after for one in retried if one.after is not None]
                changes = [{"name": one.instance.name, "before": one.before, "after": one.after} for one in retried]
                return {
                    "changed": bool(retried),
                    "subnets": [],
                    "instances": instances,
                    "nodes": transaction.revised_nodes(),
                    "diff": changes_diff(changes),
                }
            for result in [options] if options["results"] is None else options["results"]:
                answer = node_result(
                    transaction,
                    result["node"],
                    result["revision"],
                    not result["failed"],
                    result["reason"],
                    result["routes"] or (),
                )
                changed = changed or answer.changed or bool(answer.moved) or bool(answer.instances)
                for one in answer.instances:
                    instances.append(one.after or {**(one.before or {}), "status": "gone"})
                    changes.append({"name": one.instance.name, "before": one.before, "after": one.after})
                for item in answer.moved:
                    shown = show_subnet(item.subnet, transaction.pool_of(item.subnet.pool_id), transaction.now)
                    subnets.append(shown if item.after is not None else {**shown, "status": "gone"})
                    after = None if item.after is None else json.loads(item.after)
                    changes.append({"name": item.subnet.name, "before": json.loads(item.before), "after": after})
            nodes = transaction.revised_nodes()
        return {
            "changed": changed,
            "subnets": subnets,
            "instances": instances,
            "nodes": nodes,
            "diff": changes_diff(changes),
        }
