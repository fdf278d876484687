# SPDX-License-Identifier: GPL-3.0-or-later
"""What a transaction knows beside address space: the ledger's own entries, its nodes and its security profiles."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from .rows import to_json
from .store import Store


class Node(NamedTuple):
    """Revision of the node's desired configuration, the one it confirmed, and the one that failed since, with why."""

    revision: int = 0
    applied_revision: int = 0
    failed_revision: int | None = None
    reason: str | None = None

    @property
    def in_sync(self) -> bool:
        """Whether the node carries what the ledger wants, as far as the ledger knows."""
        return self.revision == self.applied_revision and self.reason is None


class Records:
    """The part of a transaction that is about these.

    Args:
        store: the ledger's store, inside a transaction.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._revisions: dict[str, int] = {}

    def meta(self, key: str) -> str | None:
        """A value that belongs to the ledger as a whole."""
        row = self._store.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: str | None) -> None:
        """Sets or (None) removes such a value."""
        self._store.execute("DELETE FROM meta WHERE key = ?", (key,))
        if value is not None:
            self._store.execute("INSERT INTO meta VALUES (?, ?)", (key, value))

    def ledger_id(self) -> str:
        """Tells this ledger from any other; a backup has its original's."""
        return self.meta("id") or ""

    def nodes(self) -> dict[str, Node]:
        """What the ledger knows of each node, by name."""
        rows = self._store.execute(
            "SELECT name, revision, applied_revision, failed_revision, reason FROM node ORDER BY name"
        ).fetchall()
        return {row[0]: Node(*row[1:]) for row in rows}

    def next_revision(self, node: str) -> int:
        """Revision of the node's desired configuration that this transaction makes; the same for all its changes."""
        found = self._revisions.get(node)
        if found is None:
            row = self._store.execute(
                "INSERT INTO node VALUES (?, 1, 0, NULL, NULL) "
                "ON CONFLICT (name) DO UPDATE SET revision = node.revision + 1 RETURNING revision",
                (node,),
            ).fetchone()
            found = self._revisions[node] = int(row[0])
        return found

    def revised_nodes(self) -> list[str]:
        """Nodes whose desired configuration this transaction has changed: a push is due."""
        return sorted(self._revisions)

    def lift_revision(self, node: str, revision: int) -> None:
        """Lets the node's revisions go on from one that another ledger, or this one before a restore, has made."""
        self.next_revision(node)
        self._revisions[node] = revision + 1
        self._store.execute("UPDATE node SET revision = ? WHERE name = ?", (revision + 1, node))

    def confirm_revision(self, node: str, revision: int) -> bool:
        """Notes that the node carries ``revision``; False when nothing new was learned."""
        newer = self._store.execute(
            "UPDATE node SET applied_revision = ? WHERE name = ? AND applied_revision < ?", (revision, node, revision)
        )
        mended = self._store.execute(
            "UPDATE node SET failed_revision = NULL, reason = NULL WHERE name = ? AND failed_revision <= ?",
            (node, revision),
        )
        return newer.rowcount + mended.rowcount > 0

    def refuse_revision(self, node: str, revision: int, reason: str) -> bool:
        """Notes why the push of ``revision`` failed; False when that, or something newer, was known already."""
        cursor = self._store.execute(
            "UPDATE node SET failed_revision = ?, reason = ? WHERE name = ? AND applied_revision <= ? "
            "AND (failed_revision IS NULL OR failed_revision < ? OR (failed_revision = ? AND reason <> ?))",
            (revision, reason, node, revision, revision, revision, reason),
        )
        return cursor.rowcount > 0

    def profiles(self) -> dict[str, dict[str, Any]]:
        """Rules of the declared security profiles by name."""
        rows = self._store.execute("SELECT name, rules FROM security_profile ORDER BY name")
        return {row[0]: json.loads(row[1]) for row in rows}

    def set_profile(self, name: str, rules: dict[str, Any] | None) -> None:
        """Stores or (None) removes a security profile."""
        self._store.execute("DELETE FROM security_profile WHERE name = ?", (name,))
        if rules is not None:
            self._store.execute("INSERT INTO security_profile VALUES (?, ?)", (name, to_json(rules)))
