# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``subnet_info``."""

from __future__ import annotations

from typing import Any

from ..module_utils.ipam.parsing import integer
from ..module_utils.ipam.views import find_subnets
from ..module_utils.ledger.ledger import Ledger
from ..modules.subnet_info import ARGUMENTS, FILTER_OPTIONS
from ..plugin_utils.ledger_action import LedgerAction


class ActionModule(LedgerAction):
    """Searches subnets."""

    ARGUMENTS = ARGUMENTS

    def work(self, ledger: Ledger, options: dict[str, Any], actor: str, check: bool) -> dict[str, Any]:
        limit = None if options["limit"] is None else integer(options["limit"], "limit", 0, 2**62)
        with ledger.snapshot() as transaction:
            subnets = find_subnets(transaction, {key: options[key] for key in FILTER_OPTIONS}, limit)
        return {"changed": False, "subnets": subnets, "count": len(subnets)}
