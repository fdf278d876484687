# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``security_profile``."""

from __future__ import annotations

from typing import Any

from ..module_utils.ipam.profiles import declare_profiles, remove_profiles
from ..module_utils.ledger.ledger import Ledger
from ..modules.security_profile import ARGUMENTS
from ..plugin_utils.ledger_action import LedgerAction, changes_diff, flat


class ActionModule(LedgerAction):
    """Declares security profiles and takes them away."""

    ARGUMENTS = ARGUMENTS

    def creates(self, options: Any) -> bool:
        return bool(options["state"] == "present")

    def work(self, ledger: Ledger, options: dict[str, Any], actor: str, check: bool) -> dict[str, Any]:
        with flat(options, "profiles") as items, ledger.transaction(actor, check=check) as transaction:
            given = [{key: value for key, value in item.items() if value is not None} for item in items]
            if options["state"] == "present":
                results = declare_profiles(transaction, given)
            else:
                results = remove_profiles(transaction, [item["name"] for item in given])
        return {
            "changed": any(item["before"] != item["after"] for item in results),
            "profiles": [item["after"] for item in results if item["after"] is not None],
            "diff": changes_diff(results),
        }
