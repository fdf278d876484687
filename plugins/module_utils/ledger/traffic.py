# SPDX-License-Identifier: GPL-3.0-or-later
"""What a transaction knows of the packets that nodes have counted towards shadow addresses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .rows import to_json
from .store import Store


class TrafficRecords:
    """The part of a transaction that is about these.

    Args:
        store: the ledger's store, inside a transaction.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def traffic_of(self, node: str) -> dict[str, dict[str, Any]]:
        """What was last learned of each prefix at a node."""
        rows = self._store.execute("SELECT prefix, data FROM traffic WHERE node = ? ORDER BY prefix", (node,))
        return {prefix: json.loads(data) for prefix, data in rows}

    def set_traffic(self, node: str, prefix: str, data: Mapping[str, Any]) -> None:
        """Stores it."""
        self._store.execute("INSERT OR REPLACE INTO traffic VALUES (?, ?, ?)", (node, prefix, to_json(data)))

    def forget_traffic(self, node: str, prefix: str) -> None:
        """Forgets it."""
        self._store.execute("DELETE FROM traffic WHERE node = ? AND prefix = ?", (node, prefix))
