# SPDX-License-Identifier: GPL-3.0-or-later
"""Ledger stores by the scheme of their location; a path without scheme is a SQLite file."""

from __future__ import annotations

from collections.abc import Callable

from ..model.errors import InvalidInput, LedgerMissing
from .sqlite import SqliteStore
from .sqlite_files import user_path
from .store import Store

Opener = Callable[[str, bool, bool, float], Store]
"""Takes location, whether to create, check mode (what is created then is not kept) and seconds to wait for writers."""


def _open_sqlite(location: str, create: bool, check: bool, timeout: float) -> Store:
    try:
        return SqliteStore(user_path(location, "ledger"), create=create and not check, timeout=timeout)
    except LedgerMissing:
        if not (create and check):
            raise
        return SqliteStore.in_memory()


STORES: dict[str, Opener] = {"": _open_sqlite}


def open_store(location: str, create: bool, check: bool, timeout: float) -> Store:
    """The store that a location means.

    Raises:
        InvalidInput: no store of that scheme. LedgerError: it cannot be used.
    """
    scheme = location.partition("://")[0] if "://" in location else ""
    if scheme not in STORES:
        raise InvalidInput(
            f"{scheme}:// is not supported by this release.",
            parameter="ledger",
            fix="Give the path of a file on the controller's local disk.",
        )
    return STORES[scheme](location, create, check, timeout)
