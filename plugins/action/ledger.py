# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``ledger``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ..module_utils.ipam.adopt import adopt
from ..module_utils.ipam.hold import release_hold
from ..module_utils.ipam.maintenance import accept_clock, backup_ledger, migrate_ledger, restore_ledger, verify_ledger
from ..module_utils.ipam.parsing import integer
from ..module_utils.ipam.portable import export_ledger, import_ledger
from ..module_utils.ledger.ledger import Ledger
from ..module_utils.ledger.sqlite_files import user_path
from ..module_utils.model.errors import InvalidInput
from ..modules.ledger import ARGUMENTS
from ..plugin_utils.ledger_action import LedgerAction
from ..plugin_utils.output_file import write_file


class ActionModule(LedgerAction):
    """Looks after the ledger as a whole."""

    ARGUMENTS = ARGUMENTS

    def creates(self, options: Mapping[str, Any]) -> bool:
        return options["state"] in ("present", "restored", "imported")

    def open_ledger(self, options: Mapping[str, Any], check: bool) -> Ledger:
        migrating = options["state"] in ("migrated", "backed_up")
        return Ledger(options["ledger"], create=self.creates(options), check=check, any_version=migrating)

    def work(self, ledger: Ledger, options: dict[str, Any], actor: str, check: bool) -> dict[str, Any]:
        states: dict[str, Callable[[], dict[str, Any]]] = {
            "present": lambda: {"changed": ledger.store.created},
            "backed_up": lambda: _backup(ledger, options["file"], check),
            "restored": lambda: _restore(ledger, options["file"], actor, check),
            "verified": lambda: _verify(ledger),
            "migrated": lambda: _migrate(ledger, check),
            "clock_accepted": lambda: {"changed": accept_clock(ledger, actor, check=check)},
            "exported": lambda: _export(ledger, options["file"], check),
            "imported": lambda: _import(ledger, options["file"], actor, check),
            "adopted": lambda: _adopt(ledger, options["nodes"], actor, check),
        }
        shown = {"path": ledger.location, **({"file": options["file"]} if options["file"] else {})}
        return {**shown, **states[options["state"]]()}


def _backup(ledger: Ledger, file: str, check: bool) -> dict[str, Any]:
    backup_ledger(ledger, file, check=check)
    return {"changed": True}


def _restore(ledger: Ledger, file: str, actor: str, check: bool) -> dict[str, Any]:
    restore_ledger(ledger, file, actor, check=check)
    return {"changed": True}


def _verify(ledger: Ledger) -> dict[str, Any]:
    problems = verify_ledger(ledger)
    failure = {"failed": True, "msg": f"The ledger is wrong: {problems[0]}."} if problems else {}
    return {"changed": False, "problems": problems, **failure}


def _migrate(ledger: Ledger, check: bool) -> dict[str, Any]:
    before, after = migrate_ledger(ledger, check=check)
    return {"changed": before != after, "schema_version": {"before": before, "after": after}}


def _export(ledger: Ledger, file: str, check: bool) -> dict[str, Any]:
    with ledger.snapshot() as transaction:
        content = export_ledger(transaction)
    path = user_path(file, "file")
    before = _load(path) if path.exists() else None
    if isinstance(before, dict) and {**before, "exported_at": None} == {**content, "exported_at": None}:
        return {"changed": False}
    if not check:
        write_file(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    return {"changed": True, "diff": [{"before": before or {}, "after": content}]}


def _load(path: Path) -> Any:
    try:
        if path.exists() and not path.is_file():
            raise InvalidInput(f"{path} is not a regular file.", parameter="file")
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}.", parameter="file") from None
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise InvalidInput(f"{path} is not YAML: {error}", parameter="file") from None


def _import(ledger: Ledger, file: str, actor: str, check: bool) -> dict[str, Any]:
    content = _load(user_path(file, "file"))
    with ledger.transaction(actor, check=check) as transaction:
        counts = import_ledger(transaction, content, "file")
    return {"changed": any(counts.values()), "imported": counts}


def _adopt(ledger: Ledger, nodes: list[dict[str, Any]], actor: str, check: bool) -> dict[str, Any]:
    for index, node in enumerate(nodes):
        integer(node["revision"], f"nodes[{index}].revision", 0, 2**53)
    with ledger.transaction(actor, check=check) as transaction:
        adopted = [
            {"node": node["name"], **item}
            for node in nodes
            for item in adopt(transaction, node["name"], node["config"], node["revision"])
        ]
        released = release_hold(transaction)
    return {"changed": released or any(item["adopted"] for item in adopted), "adopted": adopted}
