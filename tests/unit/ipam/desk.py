# SPDX-License-Identifier: GPL-3.0-or-later
"""A ledger on disk with a clock that the test moves, spoken to in the words of playbooks."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.allocate import allocate
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.desired import Desired, desired_config
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instance_lifecycle import MovedInstance, delete
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instances import Created, create
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.lifecycle import Answer, Moved, node_result, release
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.maintenance import verify_ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.pools import declare_pools, remove_pools
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.requests import read_keys, read_requests
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservation_requests import read_reservations
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservations import NOTHING, reserve, withdraw
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.views import find_subnets, show_subnet
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.addresses import format_block, unpack
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.model.pool import Block
from ansible_collections.shadownet.ipam.plugins.module_utils.model.reservation import InstanceRequest

START = 1_800_000_000
"""Seconds since the epoch at which the desk's clock begins."""


class Desk:
    """One open ledger; ``seconds`` is what its clock says."""

    def __init__(self, path: Path) -> None:
        self.seconds = START
        self.path = path
        self.ledger = Ledger(path, create=True, clock=lambda: self.seconds)

    def close(self) -> None:
        self.ledger.close()

    def declare(self, *items: Mapping[str, Any], check: bool = False) -> list[dict[str, Any]]:
        with self.ledger.transaction("test", check=check) as transaction:
            return declare_pools(transaction, items)

    def pool(self, name: str, *prefixes: str, **options: Any) -> dict[str, Any]:
        return self.declare({"name": name, "prefixes": list(prefixes), **options})[0]

    def remove_pools(self, *names: str) -> list[dict[str, Any]]:
        with self.ledger.transaction("test") as transaction:
            return remove_pools(transaction, names)

    def ask(self, *items: Mapping[str, Any], check: bool = False) -> list[dict[str, Any]]:
        """Every subnet as it is shown, with ``changed``."""
        with self.ledger.transaction("test", check=check) as transaction:
            outcomes = allocate(transaction, read_requests(items))
            shown = []
            for outcome in outcomes:
                pool = transaction.pool_of(outcome.subnet.pool_id)
                shown.append({**show_subnet(outcome.subnet, pool, transaction.now), "changed": outcome.changed})
            return shown

    def get(self, name: str, prefix_length: int | None = None, **options: Any) -> str:
        """Asks for one subnet; returns its prefix."""
        size = {} if prefix_length is None else {"prefix_length": prefix_length}
        return str(self.ask({"name": name, **size, **options})[0]["cidr"])

    def release(self, *names: str, check: bool = False) -> list[Moved | None]:
        return self.release_keys(*({"name": name} for name in names), check=check)

    def release_keys(self, *items: Mapping[str, Any], check: bool = False) -> list[Moved | None]:
        with self.ledger.transaction("test", check=check) as transaction:
            return release(transaction, read_keys(items))

    def reserve(self, *items: Mapping[str, Any], check: bool = False, others: str = NOTHING) -> list[Any]:
        """Reservations; ``begins`` and ``ends`` are seconds from now."""
        full = []
        for item in items:
            data = dict(item)
            for key, option in (("begins", "starts_at"), ("ends", "expires_at")):
                if key in data:
                    data[option] = datetime.fromtimestamp(self.seconds + data.pop(key), UTC).isoformat()
            full.append(data)
        with self.ledger.transaction("test", check=check) as transaction:
            return reserve(transaction, read_reservations(full), others=others)

    def withdraw(self, *names: str) -> list[Any]:
        with self.ledger.transaction("test") as transaction:
            return withdraw(transaction, names)

    def create(self, name: str, workload: str = "web", **options: Any) -> Created:
        with self.ledger.transaction("test") as transaction:
            return create(transaction, InstanceRequest(name, workload, **options))

    def delete(self, name: str) -> MovedInstance | None:
        with self.ledger.transaction("test") as transaction:
            return delete(transaction, name)

    def desired(self, node: str) -> Desired:
        with self.ledger.transaction("test") as transaction:
            return desired_config(transaction, node)

    def answer(
        self, node: str, revision: int, ok: bool = True, message: str | None = None, routes: Sequence[str] = ()
    ) -> Answer:
        with self.ledger.transaction("test") as transaction:
            return node_result(transaction, node, revision, ok, message, routes)

    def subnets(self) -> dict[str, dict[str, Any]]:
        """All subnets by name, as they are shown."""
        with self.ledger.snapshot() as transaction:
            return {item["name"]: item for item in find_subnets(transaction, {})}

    def problems(self) -> list[str]:
        return verify_ledger(self.ledger)

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Straight from the database, past the collection's code."""
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(sql, parameters).fetchall()

    def free(self, pool: str) -> list[str]:
        """The pool's free blocks in order of address."""
        rows = self.rows(
            "SELECT family, start, prefix_length FROM free_block JOIN pool ON pool.id = pool_id WHERE name = ? "
            "ORDER BY family, start",
            pool,
        )
        return [format_block(Block(family, unpack(start), length)) for family, start, length in rows]

    def occupied(self, pool: str) -> list[tuple[str, str]]:
        """(prefix, kind) of everything in use, in order of address."""
        rows = self.rows(
            "SELECT family, start, prefix_length, occupied.kind FROM occupied JOIN pool ON pool.id = pool_id "
            "WHERE pool.name = ? ORDER BY family, start",
            pool,
        )
        return [(format_block(Block(family, unpack(start), length)), kind) for family, start, length, kind in rows]

    def content(self) -> list[str]:
        """Everything in the file, as SQL."""
        with closing(sqlite3.connect(self.path)) as connection:
            return list(connection.iterdump())
