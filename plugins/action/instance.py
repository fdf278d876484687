# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``instance``."""

from __future__ import annotations

from typing import Any

from ..module_utils.ipam.address_places import former_places, note_shared_ways, refuse_overtaken
from ..module_utils.ipam.assume import assume
from ..module_utils.ipam.instance_lifecycle import MovedInstance, delete
from ..module_utils.ipam.instance_requests import read_instance_names, read_instances
from ..module_utils.ipam.instances import create
from ..module_utils.ipam.usage_summary import keep_summary
from ..module_utils.ledger.ledger import Ledger
from ..modules.instance import ARGUMENTS
from ..plugin_utils.ledger_action import LedgerAction, assumed, changes_diff, clock_warnings, flat

_NOT_OF_ONE = ("assume", "taken")


class ActionModule(LedgerAction):
    """The ledger's step when instances are created or deleted."""

    ARGUMENTS = ARGUMENTS
    BLANK_IS_ABSENT = True

    def work(self, ledger: Ledger, options: dict[str, Any], actor: str, check: bool) -> dict[str, Any]:
        with flat(options, "instances") as given:
            items = [
                {key: value for key, value in item.items() if value is not None and key not in _NOT_OF_ONE}
                for item in given
            ]
            present = options["state"] == "present"
            requests = read_instances(items) if present else []
            names = [] if present else read_instance_names(items)
            with ledger.transaction(actor, check=check) as transaction:
                if assumed(options, check):
                    assume(transaction, options["assume"])
                created = [create(transaction, request) for request in requests]
                deleted = [delete(transaction, name) for name in names]
                moved: list[MovedInstance] = [one.moved for one in created] + [one for one in deleted if one]
                former = former_places(moved)
                if former:
                    note_shared_ways(transaction, former)
                if options["taken"] is not None:
                    refuse_overtaken(former, options["taken"])
                warnings = clock_warnings(transaction.clock_behind)
                ledger_id = transaction.ledger_id()
        if not check:
            keep_summary(ledger)
        missed = {one.instance.name: one.missed for one in created}
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
            "names": names or [request.name for request in requests],
            "instances": shown,
            "before": [one.before for one in moved if one.before is not None],
            "former": former,
            "retried": [one.instance.name for one in moved if _retried(one)],
            "changed_instances": [one.instance.name for one in moved if one.changed],
            "leaving": sorted({one.after["leaving"] for one in moved if one.after and one.after["leaving"]}),
            "nodes": sorted(_nodes(moved)),
            "ledger_id": ledger_id,
            "diff": changes_diff(changes),
            "warnings": warnings,
        }


def _nodes(moved: list[MovedInstance]) -> set[str]:
    """Where routes are to be made or taken away."""
    return {one.instance.node for one in moved if one.after and one.after["status"] != "active" and one.instance.node}


def _retried(one: MovedInstance) -> bool:
    """Whether all that is new is that its node shall try again what it refused."""
    if not one.before or not one.after or one.before["status"] != "error" or one.after["status"] != "pending":
        return False
    return {**one.before, "status": None, "revision": None} == {**one.after, "status": None, "revision": None}
