# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``ledger_info``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..module_utils.ipam.history import list_events, state_at
from ..module_utils.ipam.instance_lifecycle import shown as shown_instance
from ..module_utils.ipam.maintenance import describe_ledger
from ..module_utils.ipam.parsing import integer, name_list, parse_time
from ..module_utils.ipam.usage import read_window, usage
from ..module_utils.ipam.usage_history import as_csv, shown, usage_history
from ..module_utils.ipam.utilisation import overview
from ..module_utils.ledger.ledger import Ledger
from ..module_utils.ledger.sqlite_files import user_path
from ..module_utils.ledger.transaction import Transaction
from ..module_utils.model.errors import InvalidInput
from ..module_utils.model.units import parse_duration
from ..modules.ledger_info import ARGUMENTS
from ..plugin_utils.ledger_action import LedgerAction
from ..plugin_utils.output_file import write_file

_UNSETTLED = "status <> 'active'"


class ActionModule(LedgerAction):
    """Reports on the ledger."""

    ARGUMENTS = ARGUMENTS

    def work(self, ledger: Ledger, options: dict[str, Any], actor: str, check: bool) -> dict[str, Any]:
        last = integer(options["events"], "events", 0, 1_000_000)
        moment = None if options["at"] is None else parse_time(options["at"], "at")
        with ledger.snapshot() as transaction:
            result = {"changed": False, **overview(transaction)}
            result["unsettled"] = [shown_instance(transaction, one) for one in transaction.instances(_UNSETTLED)]
            result["events"] = list_events(transaction, last, options["name"])
            if moment is not None:
                result["state"] = state_at(transaction, moment)
            if (asked := options["usage"]) is not None:
                result["usage"] = usage(transaction, read_window(asked["since"], asked["until"], transaction.now))
            if (asked := options["history"]) is not None:
                result |= _history(transaction, asked, check)
        return {**result, "ledger": describe_ledger(ledger)}


def _history(transaction: Transaction, asked: Mapping[str, Any], check: bool) -> dict[str, Any]:
    window = read_window(asked["since"], asked["until"], transaction.now, "history")
    interval = parse_duration(asked["interval"], "history.interval")
    if not interval:
        raise InvalidInput("is no length of time.", parameter="history.interval", fix="Write it like 15m or 1h.")
    workloads = name_list(asked["workloads"], "history.workloads")
    rows = usage_history(transaction, window, interval * 1000, workloads)
    if asked["file"] is None:
        return {"history": [shown(row) for row in rows]}
    path, text = user_path(asked["file"], "history.file"), as_csv(rows)
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else None
    except (OSError, UnicodeDecodeError):
        raise InvalidInput(f"{path} is no text file that can be replaced.", parameter="history.file") from None
    if before != text and not check:
        write_file(path, text, "history.file")
    return {"changed": before != text, "history_file": str(path), "history_rows": len(rows)}
