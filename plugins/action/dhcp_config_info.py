# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``dhcp_config_info``."""

from __future__ import annotations

from typing import Any

from ..module_utils.ipam.assume import assume
from ..module_utils.ipam.dhcp import guarded_prefixes, leased_instances
from ..module_utils.ledger.ledger import Ledger
from ..modules.dhcp_config_info import ARGUMENTS
from ..plugin_utils.ledger_action import LedgerAction, assumed


class ActionModule(LedgerAction):
    """Returns leases and prefixes."""

    ARGUMENTS = ARGUMENTS

    def work(self, ledger: Ledger, options: dict[str, Any], actor: str, check: bool) -> dict[str, Any]:
        foreseen = assumed(options, check)
        with ledger.transaction(actor, check=True) if foreseen else ledger.snapshot() as transaction:
            if foreseen:
                assume(transaction, options["assume"])
            items = leased_instances(transaction)
            return {
                "changed": False,
                "ledger_id": transaction.ledger_id(),
                "leases": [{"address": one["address"], "mac": one["mac"], "instance": one["name"]} for one in items],
                "prefixes": guarded_prefixes(transaction, options["pools"]),
            }
