# SPDX-License-Identifier: GPL-3.0-or-later
"""Care of the ledger as a whole: create, backup, restore, migrate, verify."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ..ledger.ledger import Ledger
from ..ledger.rows import format_time, to_json
from ..ledger.sqlite_files import check_file, user_path
from ..ledger.sqlite_schema import SCHEMA_VERSION
from ..ledger.store import Store
from ..ledger.transaction import Transaction
from ..ledger.verify import verify
from ..model.errors import LedgerError, LedgerUnusable
from .hold import HELD
from .sense import sense_problems


def verify_ledger(ledger: Ledger) -> list[str]:
    """Problems of the ledger, in words; empty when it holds what it promises."""
    with ledger.snapshot() as transaction:
        return _problems(ledger.store, transaction)


def _problems(store: Store, transaction: Transaction) -> list[str]:
    try:
        return [*verify(store, transaction), *sense_problems(transaction)]
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        return [*store.problems(), f"a row makes no sense: {type(error).__name__} {error}"]


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
    path = user_path(target, "file")
    if not path.parent.is_dir():
        raise LedgerUnusable(f"there is no folder {path.parent}.", parameter="file", fix="Make it first.")
    if not check:
        ledger.store.backup(path)


def restore_ledger(ledger: Ledger, source: str, actor: str, *, check: bool = False) -> None:
    """Replaces the ledger's content by a backup's; nothing is handed out then until ``reconcile`` has run.

    Raises:
        LedgerMissing, LedgerUnusable, LedgerNewer: the backup cannot be used; the ledger is as it was.
    """
    path = user_path(source, "file")
    try:
        if path.exists() and not path.is_file():
            raise LedgerUnusable(f"{path} is not a regular file.")
        check_file(path)
    except LedgerError as error:
        error.parameter, error.fix = "file", "Name a backup that shadownet.ipam.ledger made."
        raise
    if check:
        return
    ledger.store.restore(path, HELD, "restored from a backup", lambda store: _check_backup(store, path))
    with ledger.transaction(actor) as transaction:
        transaction.event("ledger.restored", "ledger", "ledger", None, None)


def _check_backup(store: Store, path: Path) -> None:
    store.begin(write=False)
    try:
        problems = _problems(store, Transaction(store, "reader", time.time()))
    finally:
        store.rollback()
    if problems:
        raise LedgerUnusable(f"{path} is damaged: {problems[0]}.", parameter="file", fix="Choose another backup.")


def accept_clock(ledger: Ledger, actor: str, *, check: bool = False) -> bool:
    """Believes the clock where it lies behind the ledger's last event, because it was wrong then. False if it does not.

    Quarantine that began in what was taken for the future begins anew now.
    """
    with ledger.transaction(actor, check=check) as transaction:
        if transaction.clock >= transaction.now:
            return False
        before, transaction.now = transaction.now, transaction.clock
        for pool in transaction.pools().values():
            transaction.limit_quarantine(pool, transaction.now + pool.quarantine * 1000)
        transaction.drop_summaries(transaction.now)
        shown = to_json({"was": format_time(before)})
        transaction.event("ledger.clock_accepted", "ledger", "ledger", shown, None)
        return True


def migrate_ledger(ledger: Ledger, *, check: bool = False) -> tuple[int, int]:
    """Brings the schema to this release's version; returns the versions before and after."""
    before = ledger.store.version
    return (before, SCHEMA_VERSION) if check else (ledger.store.migrate(), SCHEMA_VERSION)
