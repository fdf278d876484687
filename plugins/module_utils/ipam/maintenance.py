# SPDX-License-Identifier: GPL-3.0-or-later
"""Care of the ledger as a whole: create, backup, restore, migrate, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..ledger.ledger import Ledger
from ..ledger.rows import format_time
from ..ledger.sqlite_files import check_file
from ..ledger.sqlite_schema import SCHEMA_VERSION
from ..ledger.verify import verify
from ..model.errors import LedgerError, LedgerUnusable
from .hold import HELD


def verify_ledger(ledger: Ledger) -> list[str]:
    """Problems of the ledger, in words; empty when it holds what it promises."""
    with ledger.snapshot() as transaction:
        return verify(ledger.store, transaction)


def describe_ledger(ledger: Ledger) -> dict[str, Any]:
    """Path, schema version, whether it is held after a restore, and whether the clock lies behind it."""
    with ledger.snapshot() as transaction:
        last = transaction.events(last=1)
        return {
            "path": ledger.location,
            "schema_version": ledger.store.version,
            "held": transaction.meta(HELD),
            "clock_behind_seconds": round(transaction.clock_behind / 1000),
            "last_event_at": format_time(last[0]["time"]) if last else None,
        }


def backup_ledger(ledger: Ledger, target: str, *, check: bool = False) -> None:
    """Copies the ledger to a new file (0600), which appears whole and on disk or not at all.

    Raises:
        Conflict: ``target`` exists. LedgerUnusable: its folder cannot be written to.
    """
    path = Path(target).expanduser().absolute()
    if not path.parent.is_dir():
        raise LedgerUnusable(f"there is no folder {path.parent}.", parameter="file", fix="Make it first.")
    if not check:
        ledger.store.backup(path)


def restore_ledger(ledger: Ledger, source: str, actor: str, *, check: bool = False) -> None:
    """Replaces the ledger's content by a backup's; nothing is handed out then until ``reconcile`` has run.

    Raises:
        LedgerMissing, LedgerUnusable, LedgerNewer: the backup cannot be used; the ledger is as it was.
    """
    path = Path(source).expanduser().absolute()
    try:
        check_file(path)
    except LedgerError as error:
        error.parameter, error.fix = "file", "Name a backup that shadownet.ipam.ledger made."
        raise
    with Ledger(path, any_version=True) as backup:
        problems = verify_ledger(backup) if backup.store.version == SCHEMA_VERSION else backup.store.problems()
    if problems:
        raise LedgerUnusable(f"{path} is damaged: {problems[0]}.", parameter="file", fix="Choose another backup.")
    if check:
        return
    ledger.store.restore(path, HELD, "restored from a backup")
    with ledger.transaction(actor) as transaction:
        transaction.event("ledger.restored", "ledger", "ledger", None, None)


def migrate_ledger(ledger: Ledger, *, check: bool = False) -> tuple[int, int]:
    """Brings the schema to this release's version; returns the versions before and after."""
    before = ledger.store.version
    return (before, SCHEMA_VERSION) if check else (ledger.store.migrate(), SCHEMA_VERSION)
