# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``node_config_info``."""

from __future__ import annotations

from typing import Any

from ..module_utils.ipam.assume import assume
from ..module_utils.ipam.desired import desired_config
from ..module_utils.ipam.parsing import check_name
from ..module_utils.ledger.ledger import Ledger
from ..modules.node_config_info import ARGUMENTS
from ..plugin_utils.ledger_action import LedgerAction, assumed, clock_warnings


class ActionModule(LedgerAction):
    """Returns desired node configurations."""

    ARGUMENTS = ARGUMENTS

    def work(self, ledger: Ledger, options: dict[str, Any], actor: str, check: bool) -> dict[str, Any]:
        nodes: list[dict[str, Any]] = []
        warnings: list[str] = []
        with ledger.transaction(actor, check=check) as transaction:
            if assumed(options, check):
                assume(transaction, options["assume"])
            asked = [options["node"]] if options["node"] is not None else options["nodes"]
            for name in asked or transaction.nodes():
                desired = desired_config(transaction, check_name(name, "node"), options["attachment"])
                warnings += desired.warnings
                nodes.append(
                    {
                        "name": name,
                        "config": desired.config.to_dict(),
                        **desired.node._asdict(),
                        "in_sync": desired.node.in_sync,
                        "ledger_id": desired.ledger_id,
                        "subnets": desired.subnets,
                        "reservations": desired.reservations,
                        "instances": desired.instances,
                    }
                )
            warnings += clock_warnings(transaction.clock_behind)
        one = {key: value for key, value in nodes[0].items() if key != "name"} if options["node"] is not None else {}
        return {"changed": False, "nodes": nodes, **one, "warnings": warnings}
