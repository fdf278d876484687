# SPDX-License-Identifier: GPL-3.0-or-later
"""What a transaction knows of shadow reservations, their prefixes, instances and floors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ..model.pool import FAMILY_BITS, Block, Pool
from ..model.reservation import RESERVED, Instance, Reservation, Reserved
from .addresses import pack, unpack
from .rows import to_json
from .store import Store

_RESERVATION = (
    "id, name, workload, family, prefix_length, instances, pools, node, location, security_profile, starts_at, "
    "expires_at, confidence, forecast_id, created_at, updated_at"
)
_RESERVED = "reservation_id, ordinal, pool_id, family, start, prefix_length, predicted, state"
_INSTANCE = (
    "id, name, workload, source, pool_id, family, start, prefix_length, reservation_id, ordinal, node, interface, "
    "next_hop, assign, mac, gateway, netns, instance_interface, leaving, leaving_revision, "
    "location, security_profile, status, wanted, reason, revision, created_at, updated_at"
)


def _marks(columns: str) -> str:
    return ", ".join("?" * (columns.count(",") + 1))


def _in_pools(pools: Sequence[int] | None) -> str:
    return "" if pools is None else f"AND reserved.pool_id IN ({', '.join('?' * len(pools))}) "


def _changes(columns: str) -> str:
    return ", ".join(f"{column} = ?" for column in columns.split(", ")[1:])


def _reservation_row(item: Reservation) -> tuple[Any, ...]:
    return (
        item.id,
        item.name,
        item.workload,
        item.family,
        item.prefix_length,
        item.instances,
        to_json(item.pools),
        item.node,
        item.location,
        item.security_profile,
        item.starts_at,
        item.expires_at,
        item.confidence,
        item.forecast_id,
        item.created_at,
        item.updated_at,
    )


def _read_reservation(row: Sequence[Any]) -> Reservation:
    return Reservation(
        id=row[0],
        name=row[1],
        workload=row[2],
        family=row[3],
        prefix_length=row[4],
        instances=row[5],
        pools=json.loads(row[6]),
        node=row[7],
        location=row[8],
        security_profile=row[9],
        starts_at=row[10],
        expires_at=row[11],
        confidence=row[12],
        forecast_id=row[13],
        created_at=row[14],
        updated_at=row[15],
    )


def _read_reserved(row: Sequence[Any]) -> Reserved:
    return Reserved(row[0], row[1], row[2], Block(row[3], unpack(row[4]), row[5]), row[6], row[7])


def _instance_row(item: Instance) -> tuple[Any, ...]:
    return (
        item.id,
        item.name,
        item.workload,
        item.source,
        item.pool_id,
        item.block.family,
        pack(item.block.start),
        item.block.prefix_length,
        item.reservation_id,
        item.ordinal,
        item.node,
        item.interface,
        item.next_hop,
        item.assign,
        item.mac,
        item.gateway,
        item.netns,
        item.instance_interface,
        item.leaving,
        item.leaving_revision,
        item.location,
        item.security_profile,
        item.status,
        int(item.wanted),
        item.reason,
        item.revision,
        item.created_at,
        item.updated_at,
    )


def _read_instance(row: Sequence[Any]) -> Instance:
    return Instance(
        id=row[0],
        name=row[1],
        workload=row[2],
        source=row[3],
        pool_id=row[4],
        block=Block(row[5], unpack(row[6]), row[7]),
        reservation_id=row[8],
        ordinal=row[9],
        node=row[10],
        interface=row[11],
        next_hop=row[12],
        assign=row[13],
        mac=row[14],
        gateway=row[15],
        netns=row[16],
        instance_interface=row[17],
        leaving=row[18],
        leaving_revision=row[19],
        location=row[20],
        security_profile=row[21],
        status=row[22],
        wanted=bool(row[23]),
        reason=row[24],
        revision=row[25],
        created_at=row[26],
        updated_at=row[27],
    )


class Shadow:
    """The part of a transaction that is about these.

    Args:
        store: the ledger's store, inside a transaction.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: dict[int, int] = {}

    # -- reservations

    def reservations(
        self, where: str = "1 = 1", parameters: Sequence[Any] = (), order: str = "id", limit: int = -1
    ) -> list[Reservation]:
        """Reservations by a condition over ``reservation``'s columns; those that ended are none any more."""
        sql = (
            f"SELECT {_RESERVATION} FROM reservation WHERE ended IS NULL AND ({where}) "
            f"ORDER BY {order} LIMIT {int(limit)}"
        )
        return [_read_reservation(row) for row in self._store.execute(sql, parameters)]

    def reservation_named(self, name: str) -> Reservation | None:
        """The reservation of that name."""
        found = self.reservations("name = ?", (name,))
        return found[0] if found else None

    def save_reservation(self, item: Reservation) -> None:
        """Stores a new reservation, which gets its id, or a changed one."""
        if item.id:
            self._store.execute(
                f"UPDATE reservation SET {_changes(_RESERVATION)} WHERE id = ?", (*_reservation_row(item)[1:], item.id)
            )
            return
        item.id = self._store.last_id("reservation") + 1
        self._store.execute(
            f"INSERT INTO reservation ({_RESERVATION}) VALUES ({_marks(_RESERVATION)})", _reservation_row(item)
        )

    def delete_reservation(self, item: Reservation) -> None:
        """Removes a reservation, with its mapping; the address space is the caller's."""
        self._held.pop(item.id, None)
        self._store.execute("DELETE FROM reserved WHERE reservation_id = ?", (item.id,))
        self._store.execute(
            "UPDATE instance SET reservation_id = NULL, ordinal = NULL WHERE reservation_id = ?", (item.id,)
        )
        self._store.execute("DELETE FROM reservation WHERE id = ?", (item.id,))

    def close_reservation(self, item: Reservation, now: int) -> None:
        """Notes that a reservation ended; it is none any more, and its prefixes are to be swept."""
        self._held.pop(item.id, None)
        self._store.execute("UPDATE reservation SET ended = ? WHERE id = ?", (now, item.id))

    def ended_reservations(self) -> list[int]:
        """Ids of the reservations that ended and still have prefixes to be swept, the first to end first."""
        rows = self._store.execute("SELECT id FROM reservation WHERE ended IS NOT NULL ORDER BY ended, id")
        return [row[0] for row in rows]

    def over_reservations(self, now: int) -> list[int]:
        """Ids of all reservations that ended, and of those that are over and were not met yet."""
        sql = (
            "SELECT id FROM reservation WHERE ended IS NOT NULL UNION SELECT id FROM reservation WHERE expires_at <= ?"
        )
        return [row[0] for row in self._store.execute(sql, (now,))]

    def take_ended(self, reservation_id: int, limit: int) -> tuple[list[Reserved], int, bool]:
        """Takes the mapping of some prefixes of a reservation that ended, for the caller to give their space back.

        Args:
            limit: of these prefixes; negative for all.

        Returns:
            Those that no instance has, and that do not rest after one; how many it took; and whether none is left, and
            with them the reservation is gone.
        """
        rows = self._store.execute(
            f"SELECT {_RESERVED} FROM reserved WHERE reservation_id = ? ORDER BY ordinal LIMIT ?",
            (reservation_id, limit),
        ).fetchall()
        last = rows[-1][1] if rows else -1
        for sql in (
            "DELETE FROM reserved WHERE reservation_id = ? AND ordinal <= ?",
            "UPDATE instance SET reservation_id = NULL, ordinal = NULL WHERE reservation_id = ? AND ordinal <= ?",
        ):
            self._store.execute(sql, (reservation_id, last))
        whole = limit < 0 or len(rows) < limit
        if whole:
            self._store.execute("DELETE FROM reservation WHERE id = ?", (reservation_id,))
        return [_read_reserved(row) for row in rows if row[7] == RESERVED], len(rows), whole

    # -- prefixes of reservations

    def has_reserved(self, reservation_id: int) -> bool:
        """Whether a reservation has any prefix."""
        sql = "SELECT 1 FROM reserved WHERE reservation_id = ? LIMIT 1"
        return self._store.execute(sql, (reservation_id,)).fetchone() is not None

    def first_rested(self, reservation_id: int, now: int, pools: Sequence[int] | None = None) -> Reserved | None:
        """A prefix of a reservation (and of these pools) that still rests although its quarantine is over."""
        columns = ", ".join(f"reserved.{column}" for column in _RESERVED.split(", "))
        row = self._store.execute(
            f"SELECT {columns} FROM reserved "
            "JOIN pool ON pool.id = reserved.pool_id JOIN occupied "
            "ON occupied.routing_domain_id = pool.routing_domain_id AND occupied.family = reserved.family "
            "AND occupied.start = reserved.start "
            f"WHERE reservation_id = ? AND state = 'resting' AND until <= ? {_in_pools(pools)}LIMIT 1",
            (reservation_id, now, *(pools or ())),
        ).fetchone()
        return _read_reserved(row) if row else None

    def reserved_of(self, reservation_id: int, state: str | None = None) -> list[Reserved]:
        """The prefixes of a reservation, by ordinal."""
        where, more = ("", ()) if state is None else (" AND state = ?", (state,))
        rows = self._store.execute(
            f"SELECT {_RESERVED} FROM reserved WHERE reservation_id = ?{where} ORDER BY ordinal",
            (reservation_id, *more),
        )
        return [_read_reserved(row) for row in rows]

    def reserved_blocks(self, reservation_id: int) -> list[Block]:
        """The prefixes of a reservation alone, in order of address."""
        rows = self._store.execute(
            "SELECT family, start, prefix_length FROM reserved WHERE reservation_id = ? ORDER BY family, start",
            (reservation_id,),
        )
        return [Block(family, int.from_bytes(start, "big"), length) for family, start, length in rows]

    def reserved_at(self, pool_id: int, block: Block, *, ended: bool = False) -> Reserved | None:
        """The reserved prefix that begins there; with ``ended`` also one that is still to be swept."""
        row = self._store.execute(
            f"SELECT {_RESERVED} FROM reserved WHERE pool_id = ? AND family = ? AND start = ?"
            + ("" if ended else " AND reservation_id IN (SELECT id FROM reservation WHERE ended IS NULL)"),
            (pool_id, block.family, pack(block.start)),
        ).fetchone()
        return _read_reserved(row) if row else None

    def reserved_for(self, name: str) -> list[Reserved]:
        """Prefixes that are predicted for an instance of that name."""
        rows = self._store.execute(
            f"SELECT {_RESERVED} FROM reserved WHERE predicted = ? AND reservation_id IN "
            "(SELECT id FROM reservation WHERE ended IS NULL) ORDER BY reservation_id, ordinal",
            (name,),
        )
        return [_read_reserved(row) for row in rows]

    def first_reserved(self, reservation_id: int, pools: Sequence[int] | None = None) -> Reserved | None:
        """The first prefix (of these pools) that no instance has, one without a predicted name before one with."""
        row = self._store.execute(
            f"SELECT {_RESERVED} FROM reserved WHERE reservation_id = ? AND state = ? {_in_pools(pools)}"
            "ORDER BY predicted IS NOT NULL, ordinal LIMIT 1",
            (reservation_id, RESERVED, *(pools or ())),
        ).fetchone()
        return _read_reserved(row) if row else None

    def pools_reserved(self, reservation_id: int) -> list[int]:
        """Ids of the pools in which a reservation has prefixes."""
        rows = self._store.execute(
            "SELECT DISTINCT pool_id FROM reserved WHERE reservation_id = ? ORDER BY pool_id", (reservation_id,)
        )
        return [row[0] for row in rows]

    def holds_too_much(self, reservation_id: int) -> bool:
        """Whether a reservation has more prefixes than it is meant to: it was made smaller while they were in use, or
        it ended."""
        row = self._store.execute(
            "SELECT ended, instances, "
            "EXISTS (SELECT 1 FROM reserved WHERE reservation_id = reservation.id AND state = ?), "
            "(SELECT MAX(ordinal) FROM reserved WHERE reservation_id = reservation.id) FROM reservation WHERE id = ?",
            (RESERVED, reservation_id),
        ).fetchone()
        if row is None or row[0] is not None:
            return True
        _ended, instances, idle, last = row
        # What is too much and idle is given up at once, and ordinals differ: in most cases nothing is to be counted.
        if idle or last is None or last < instances:
            return False
        if reservation_id not in self._held:
            counted = self._store.execute("SELECT COUNT(*) FROM reserved WHERE reservation_id = ?", (reservation_id,))
            self._held[reservation_id] = counted.fetchone()[0]
        return bool(instances < self._held[reservation_id])

    def count_reserved(self, reservation_ids: Sequence[int]) -> dict[int, dict[str, int]]:
        """Number of prefixes of these reservations by reservation and state."""
        found: dict[int, dict[str, int]] = {}
        for number, state, count in self._store.execute(
            "SELECT reservation_id, state, COUNT(*) FROM reserved "
            f"WHERE reservation_id IN ({', '.join('?' * len(reservation_ids))}) GROUP BY reservation_id, state",
            tuple(reservation_ids),
        ):
            found.setdefault(number, {})[state] = count
        return found

    def add_reserved(self, items: Iterable[Reserved]) -> None:
        """Stores new prefixes of reservations."""
        self._held.clear()
        self._store.executemany(
            f"INSERT INTO reserved ({_RESERVED}) VALUES ({_marks(_RESERVED)})",
            [
                (
                    item.reservation_id,
                    item.ordinal,
                    item.pool_id,
                    item.block.family,
                    pack(item.block.start),
                    item.block.prefix_length,
                    item.predicted,
                    item.state,
                )
                for item in items
            ],
        )

    def change_reserved(self, item: Reserved, state: str) -> None:
        """Sets the state of a prefix."""
        self._store.execute(
            "UPDATE reserved SET state = ? WHERE reservation_id = ? AND ordinal = ?",
            (state, item.reservation_id, item.ordinal),
        )

    def predict(self, item: Reserved, name: str | None) -> None:
        """Sets the name that is predicted for a prefix."""
        self._store.execute(
            "UPDATE reserved SET predicted = ? WHERE reservation_id = ? AND ordinal = ?",
            (name, item.reservation_id, item.ordinal),
        )

    def drop_reserved(self, items: Iterable[Reserved]) -> None:
        """Forgets prefixes of reservations; the address space is the caller's."""
        items = list(items)
        for item in items:
            if item.reservation_id in self._held:
                self._held[item.reservation_id] -= 1
        self._store.executemany(
            "DELETE FROM reserved WHERE reservation_id = ? AND ordinal = ?",
            [(item.reservation_id, item.ordinal) for item in items],
        )

    def workload_size(self, pool: Pool, family: int, workload: str) -> int:
        """Number of a pool's addresses that a workload's reservations hold, and its instances that outlived one."""
        rows = self._store.execute(
            "SELECT reserved.prefix_length, COUNT(*) FROM reserved JOIN reservation ON reservation.id = reservation_id "
            "WHERE workload = ? AND pool_id = ? AND reserved.family = ? GROUP BY reserved.prefix_length",
            (workload, pool.id, family),
        ).fetchall()
        rows += self._store.execute(
            "SELECT prefix_length, COUNT(*) FROM instance WHERE workload = ? AND pool_id = ? AND family = ? "
            "AND reservation_id IS NULL GROUP BY prefix_length",
            (workload, pool.id, family),
        ).fetchall()
        return sum(count << (FAMILY_BITS[family] - length) for length, count in rows)

    def idle_reservations(self, pool_ids: Sequence[int], family: int) -> list[tuple[int, int]]:
        """(reservation, pool) with prefixes that no instance has, in the order in which these are taken back.

        Reservations of which no instance has anything come first; of these the least certain, then what begins last.
        """
        return self._store.execute(
            "SELECT reservation.id, pool.id FROM reservation JOIN pool "
            f"WHERE pool.id IN ({', '.join('?' * len(pool_ids))}) AND reservation.family = ? AND ended IS NULL "
            "AND EXISTS ("
            "SELECT 1 FROM reserved WHERE reservation_id = reservation.id AND state = 'reserved' AND pool_id = pool.id"
            ") "
            "ORDER BY EXISTS (SELECT 1 FROM reserved WHERE reservation_id = reservation.id AND state = 'active'), "
            "COALESCE(confidence, 0), starts_at DESC, reservation.id DESC, pool.id",
            (*pool_ids, family),
        ).fetchall()

    def blocks_in_use(self, pool: Pool, family: int) -> list[Block]:
        """What of a pool is neither free nor held by a reservation without an instance; rows that are still gathered,
        see ``flush_rows``, are not seen."""
        rows = self._store.execute(
            "SELECT start, prefix_length FROM occupied WHERE pool_id = ? AND family = ? AND kind <> 'reservation'",
            (pool.id, family),
        )
        return [Block(family, unpack(start), length) for start, length in rows]

    # -- instances

    def instances(self, where: str = "1 = 1", parameters: Sequence[Any] = ()) -> list[Instance]:
        """Instances by a condition over ``instance``'s columns, in order of id."""
        rows = self._store.execute(f"SELECT {_INSTANCE} FROM instance WHERE {where} ORDER BY id", parameters)
        return [_read_instance(row) for row in rows]

    def instance_revisions(self) -> list[tuple[str, int, str]]:
        """(node, revision, name) of the instances that are part of a node's configuration."""
        return self._store.execute(
            "SELECT node, revision, name FROM instance WHERE node IS NOT NULL AND revision > 0"
        ).fetchall()

    def instance_names_of(self, reservation_id: int) -> set[str]:
        """Names of the instances that have prefixes of a reservation."""
        rows = self._store.execute("SELECT name FROM instance WHERE reservation_id = ?", (reservation_id,))
        return {row[0] for row in rows}

    def instance_named(self, name: str) -> Instance | None:
        """The instance of that name."""
        found = self.instances("name = ?", (name,))
        return found[0] if found else None

    def count_instances_by_node(self) -> dict[str, int]:
        """Number of instances by node, for nodes that have any, or have not given some up yet."""
        rows = self._store.execute(
            "SELECT place, COUNT(*) FROM (SELECT node AS place FROM instance UNION ALL SELECT leaving FROM instance) "
            "WHERE place IS NOT NULL GROUP BY place"
        )
        return dict(rows.fetchall())

    def save_instance(self, item: Instance) -> None:
        """Stores a new instance, which gets its id, or a changed one."""
        if item.id:
            self._store.execute(
                f"UPDATE instance SET {_changes(_INSTANCE)} WHERE id = ?", (*_instance_row(item)[1:], item.id)
            )
            return
        columns = _INSTANCE.removeprefix("id, ")
        row = self._store.execute(
            f"INSERT INTO instance ({columns}) VALUES ({_marks(columns)}) RETURNING id", _instance_row(item)[1:]
        ).fetchone()
        item.id = int(row[0])

    def delete_instance(self, item: Instance) -> None:
        """Removes an instance's row."""
        self._store.execute("DELETE FROM instance WHERE id = ?", (item.id,))

    # -- floors

    def floors(self, node: str) -> list[int]:
        """Ids of the pools of which a node has the floors."""
        rows = self._store.execute("SELECT pool_id FROM floor WHERE node = ? ORDER BY pool_id", (node,))
        return [row[0] for row in rows]

    def floored_nodes(self, pool_id: int) -> list[str]:
        """Nodes that have a pool's floors."""
        rows = self._store.execute("SELECT node FROM floor WHERE pool_id = ? ORDER BY node", (pool_id,))
        return [row[0] for row in rows]

    def add_floor(self, node: str, pool_id: int) -> bool:
        """Notes that a node has a pool's floors; False when it had them."""
        if self._store.execute("SELECT 1 FROM floor WHERE node = ? AND pool_id = ?", (node, pool_id)).fetchone():
            return False
        self._store.execute("INSERT INTO floor VALUES (?, ?)", (node, pool_id))
        return True

    def remove_floors(self, pool_id: int) -> None:
        """Forgets the floors of a pool."""
        self._store.execute("DELETE FROM floor WHERE pool_id = ?", (pool_id,))
