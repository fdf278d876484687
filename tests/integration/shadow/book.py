# SPDX-License-Identifier: GPL-3.0-or-later
"""A ledger with a shadow pool, 10.200.0.0/16, and what tests ask of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.transport import Transport
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.desired import desired_config
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.maintenance import verify_ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.pools import declare_pools
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservation_requests import read_reservations
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservations import reserve
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger

POOLS: list[dict[str, Any]] = [
    {"name": "shadow", "prefixes": ["10.200.0.0/16"], "kind": "shadow", "quarantine": "0s"},
    {"name": "provider", "prefixes": ["10.64.0.0/24"], "quarantine": "0s"},
]


class Book:
    """One ledger, opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ledger = Ledger(path, create=True)
        with self.ledger.transaction() as transaction:
            declare_pools(transaction, POOLS)

    def __enter__(self) -> Book:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ledger.close()

    def reserve(self, instances: int, workload: str = "web", **options: Any) -> None:
        until = datetime.now(UTC) + timedelta(days=1)
        item = {"workload": workload, "instances": instances, "expires_at": until.isoformat(), **options}
        with self.ledger.transaction() as transaction:
            reserve(transaction, read_reservations([item], transaction.now))

    def statuses(self) -> dict[str, str]:
        with self.ledger.snapshot() as transaction:
            return {item.name: item.status for item in transaction.instances()}

    def check_agreement(self, node: str, transport: Transport) -> None:
        """Ledger and node agree, nothing is under way, and the ledger is sound."""
        with self.ledger.transaction(check=True) as transaction:
            wanted = desired_config(transaction, node).config
        assert push(transport, wanted, "overridden", True).changes == ()
        assert set(self.statuses().values()) <= {"active"}
        assert verify_ledger(self.ledger) == []
