# SPDX-License-Identifier: GPL-3.0-or-later
"""One transaction on the ledger: pools, subnets, occupied space, nodes, profiles and audit events.

New rows are gathered and written together when something needs to read them, or at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..model.pool import FAMILY_BITS, Block, Pool
from ..model.subnet import Subnet
from .addresses import pack, unpack
from .free_space import FreeSpace
from .occupied import OCCUPIED_COLUMNS, Occupied, read_occupied
from .records import Records
from .rows import POOL_COLUMNS, SUBNET_COLUMNS, pool_row, read_pool, read_subnet, subnet_event, subnet_row
from .shadow import Shadow
from .store import Store
from .traffic import TrafficRecords
from .trail import Trail

CLOCK_TOLERANCE = 60_000
"""Milliseconds that the clock may lie behind the last event before nothing expires any more."""

_CHUNK = 500


def _marks(count: int) -> str:
    return ", ".join("?" * count)


class Transaction(Records, Shadow, TrafficRecords, Trail):
    """What a caller may do inside ``Ledger.transaction`` (and, reading only, inside ``Ledger.snapshot``).

    Attributes:
        clock: milliseconds since the epoch by the clock.
        now: the same, but never before the last event.
        clock_behind: milliseconds by which the clock lies behind the last event, where that is beyond
            ``CLOCK_TOLERANCE``; then nothing may expire. Else 0.
    """

    def __init__(self, store: Store, actor: str, seconds: float) -> None:
        super().__init__(store)
        Shadow.__init__(self, store)
        self._actor = actor
        self._pools: dict[str, Pool] | None = None
        self._domains: set[int] | None = None
        self._by_id: dict[int, Pool] = {}
        self._dirty_pools: dict[int, Pool] = {}
        self._free: dict[tuple[int, int], FreeSpace] = {}
        self._next_subnet_id = 0
        self._new_subnets: list[tuple[Any, ...]] = []
        self._new_occupied: list[tuple[Any, ...]] = []
        self._new_events: list[tuple[Any, ...]] = []
        row = store.execute("SELECT time FROM event ORDER BY id DESC LIMIT 1").fetchone()
        clock, last = int(seconds * 1000), row[0] if row else 0
        self.clock, self.now = clock, max(clock, last)
        self.clock_behind = last - clock if last - clock > CLOCK_TOLERANCE else 0

    # -- pools

    def pools(self) -> dict[str, Pool]:
        """All pools by name, in order of declaration."""
        if self._pools is None:
            domains = dict(self._store.execute("SELECT id, name FROM routing_domain").fetchall())
            prefixes: dict[int, list[Block]] = {}
            for pool_id, family, start, length in self._store.execute(
                "SELECT pool_id, family, start, prefix_length FROM pool_prefix ORDER BY family, start"
            ):
                prefixes.setdefault(pool_id, []).append(Block(family, unpack(start), length))
            rows = self._store.execute(f"SELECT {POOL_COLUMNS} FROM pool ORDER BY id").fetchall()
            found = [read_pool(row, domains[row[3]], prefixes.get(row[0], [])) for row in rows]
            self._pools = {pool.name: pool for pool in found}
            self._by_id = {pool.id: pool for pool in found}
        return self._pools

    def pool_of(self, pool_id: int) -> Pool:
        """The pool of that id."""
        self.pools()
        return self._by_id[pool_id]

    def routing_domain(self, name: str) -> int:
        """Id of a routing domain, which is made where it is new."""
        row = self._store.execute("SELECT id FROM routing_domain WHERE name = ?", (name,)).fetchone()
        if row is None:
            self._store.execute("INSERT INTO routing_domain (name) VALUES (?)", (name,))
            return self.routing_domain(name)
        return int(row[0])

    def save_pool(self, pool: Pool) -> None:
        """Stores a pool's own row (not its prefixes); a new one gets its id."""
        pools = self.pools()
        pool.routing_domain_id = self.routing_domain(pool.routing_domain)
        if not pool.id:
            pool.id = self._store.last_id("pool") + 1
            self._store.execute(
                f"INSERT INTO pool ({POOL_COLUMNS}) VALUES ({_marks(len(pool_row(pool)))})", pool_row(pool)
            )
        else:
            self._dirty_pools[pool.id] = pool
        self._domains = None
        pools[pool.name] = pool
        self._by_id[pool.id] = pool

    def touch_pool(self, pool: Pool) -> None:
        """Notes that ``bandwidth_used``, ``turn`` or ``cursors`` of a stored pool changed."""
        self._dirty_pools[pool.id] = pool

    def set_prefixes(self, pool: Pool) -> None:
        """Replaces the stored prefixes of a pool by ``pool.prefixes``. Raises Conflict where pools would overlap."""
        self._store.execute("DELETE FROM pool_prefix WHERE pool_id = ?", (pool.id,))
        for block in pool.prefixes:
            self._store.execute(
                "INSERT INTO pool_prefix VALUES (?, ?, ?, ?, ?, ?)",
                (
                    pool.routing_domain_id,
                    block.family,
                    pack(block.start),
                    pack(block.last),
                    block.prefix_length,
                    pool.id,
                ),
            )
        self._forget_free(pool)

    def pool_prefix_at(self, routing_domain_id: int, block: Block) -> tuple[str, Block] | None:
        """Name of a pool, and its prefix, that overlaps ``block``."""
        row = self._store.execute(
            "SELECT pool.name, family, start, prefix_length, last FROM pool_prefix JOIN pool ON pool.id = pool_id "
            "WHERE pool_prefix.routing_domain_id = ? AND family = ? AND start <= ? ORDER BY start DESC LIMIT 1",
            (routing_domain_id, block.family, pack(block.last)),
        ).fetchone()
        if row is None or unpack(row[4]) < block.start:
            return None
        return row[0], Block(row[1], unpack(row[2]), row[3])

    def delete_pool(self, pool: Pool) -> None:
        """Removes a pool with its free space. The caller has made sure that nothing is handed out of it."""
        self.flush()
        for table in ("free_block", "pool_prefix", "occupied"):
            self._store.execute(f"DELETE FROM {table} WHERE pool_id = ?", (pool.id,))
        self._store.execute("DELETE FROM pool WHERE id = ?", (pool.id,))
        self._forget_free(pool)
        self.pools().pop(pool.name)

    def free_space(self, pool: Pool, family: int) -> FreeSpace:
        """The free blocks of a pool and family, as this transaction sees them."""
        found = self._free.get((pool.id, family))
        if found is None:
            found = self._free[pool.id, family] = FreeSpace(self._store, pool.id, family, pool.prefixes)
        return found

    def _forget_free(self, pool: Pool) -> None:
        for family in (4, 6):
            self._free.pop((pool.id, family), None)

    # -- occupied space

    def occupy(
        self,
        pool: Pool,
        block: Block,
        kind: str,
        *,
        holder_id: int | None = None,
        name: str | None = None,
        until: int | None = None,
        last_kind: str | None = None,
    ) -> None:
        """Marks address space as in use. An overlap is refused (Conflict) when the rows are written."""
        self._new_occupied.append(
            (
                pool.routing_domain_id,
                block.family,
                pack(block.start),
                pack(block.last),
                block.prefix_length,
                pool.id,
                kind,
                holder_id,
                name,
                until,
                last_kind,
            )
        )

    def hand_over(self, pool: Pool, block: Block, kind: str, holder_id: int) -> None:
        """Hands address space in use, or in quarantine, to a subnet, a reservation or an instance."""
        self._change_occupied(pool, block, (kind, holder_id, None, None, None))

    def rest(self, pool: Pool, block: Block, last_kind: str, name: str, until: int) -> None:
        """Puts address space in use into quarantine, after a subnet or an instance of that name."""
        self._change_occupied(pool, block, ("quarantine", None, name, until, last_kind))

    def _change_occupied(self, pool: Pool, block: Block, values: tuple[Any, ...]) -> None:
        self.flush_rows()
        self._store.execute(
            "UPDATE occupied SET kind = ?, holder_id = ?, name = ?, until = ?, last_kind = ? "
            "WHERE routing_domain_id = ? AND family = ? AND start = ?",
            (*values, pool.routing_domain_id, block.family, pack(block.start)),
        )

    def vacate(self, routing_domain_id: int, block: Block) -> None:
        """Marks whatever is in use in a block as no longer in use; giving it back to the free space is the caller's
        step."""
        self.flush_rows()
        self._store.execute(
            "DELETE FROM occupied WHERE routing_domain_id = ? AND family = ? AND start BETWEEN ? AND ?",
            (routing_domain_id, block.family, pack(block.start), pack(block.last)),
        )

    def routing_domains(self) -> set[int]:
        """Ids of the routing domains that have pools."""
        if self._domains is None:
            self._domains = {pool.routing_domain_id for pool in self.pools().values()}
        return self._domains

    def occupied_in(self, pool: Pool, block: Block) -> Iterator[Occupied]:
        """What is in use inside ``block`` in the pool's routing domain, in order of address."""
        return self.occupied_within(pool.routing_domain_id, block)

    def occupied_within(self, routing_domain_id: int, block: Block) -> Iterator[Occupied]:
        """What is in use inside ``block``, in order of address, excluded space included."""
        self.flush_rows()
        for row in self._store.execute(
            f"SELECT {OCCUPIED_COLUMNS} FROM occupied "
            "WHERE routing_domain_id = ? AND family = ? AND start BETWEEN ? AND ? ORDER BY start",
            (routing_domain_id, block.family, pack(block.start), pack(block.last)),
        ):
            yield read_occupied(row)

    def occupied_of(self, pool: Pool) -> list[Occupied]:
        """Everything in use that belongs to a pool, in order of address."""
        self.flush_rows()
        rows = self._store.execute(
            f"SELECT {OCCUPIED_COLUMNS} FROM occupied WHERE pool_id = ? ORDER BY family, start", (pool.id,)
        )
        return [read_occupied(row) for row in rows]

    def occupied_at(self, routing_domain_id: int, family: int, address: int) -> Occupied | None:
        """What holds this address."""
        self.flush_rows()
        row = self._store.execute(
            f"SELECT {OCCUPIED_COLUMNS} FROM occupied "
            "WHERE routing_domain_id = ? AND family = ? AND start <= ? ORDER BY start DESC LIMIT 1",
            (routing_domain_id, family, pack(address)),
        ).fetchone()
        found = read_occupied(row) if row else None
        return found if found and found.block.last >= address else None

    def quarantined(self, names: Sequence[str], last_kind: str) -> dict[str, list[Occupied]]:
        """Prefixes in quarantine by the name of the subnet, or of the instance, that held them last; for one name, the
        newest first. What has rested long enough is left out, though no call may have met that."""
        found: dict[str, list[Occupied]] = {}
        for at in range(0, len(names), _CHUNK):
            part = names[at : at + _CHUNK]
            for row in self._store.execute(
                f"SELECT {OCCUPIED_COLUMNS} FROM occupied WHERE name IN ({_marks(len(part))}) AND last_kind = ? "
                "AND until > ? ORDER BY until DESC, routing_domain_id, family, start",
                (*part, last_kind, self.now),
            ):
                found.setdefault(row[7], []).append(read_occupied(row))
        return found

    def limit_quarantine(self, pool: Pool, until: int) -> None:
        """Lets no quarantine of a pool last longer than ``until``."""
        self._store.execute("UPDATE occupied SET until = ? WHERE pool_id = ? AND until > ?", (until, pool.id, until))

    def quarantine_ended(self, limit: int = -1) -> list[Occupied]:
        """Prefixes whose quarantine is over, oldest first."""
        rows = self._store.execute(
            f"SELECT {OCCUPIED_COLUMNS} FROM occupied WHERE until <= ? ORDER BY until LIMIT ?", (self.now, limit)
        ).fetchall()
        return [read_occupied(row) for row in rows]

    def anything_ended(self) -> bool:
        """Whether a ttl, a reservation or a quarantine is over; one look at the indexes, for every call asks this."""
        return bool(
            self._store.execute(
                "SELECT EXISTS (SELECT 1 FROM subnet WHERE expires_at <= ? AND wanted = 1) "
                "OR EXISTS (SELECT 1 FROM reservation WHERE expires_at <= ?) "
                "OR EXISTS (SELECT 1 FROM reservation WHERE ended IS NOT NULL) "
                "OR EXISTS (SELECT 1 FROM occupied WHERE until <= ?)",
                (self.now, self.now, self.now),
            ).fetchone()[0]
        )

    def count_occupied(self) -> list[tuple[int, str, int, int, int]]:
        """(pool id, kind, family, prefix length, number) over all space in use; ended quarantine is left out."""
        self.flush_rows()
        return self._store.execute(
            "SELECT pool_id, kind, family, prefix_length, COUNT(*) FROM occupied "
            "WHERE until IS NULL OR until > ? GROUP BY pool_id, kind, family, prefix_length",
            (self.now,),
        ).fetchall()

    def excluded_size(self, pool: Pool, family: int) -> int:
        """Number of a pool's addresses that are never handed out."""
        self.flush_rows()
        rows = self._store.execute(
            "SELECT prefix_length, COUNT(*) FROM occupied WHERE pool_id = ? AND family = ? AND kind = 'excluded' "
            "GROUP BY prefix_length",
            (pool.id, family),
        )
        return sum(count << (FAMILY_BITS[family] - length) for length, count in rows)

    # -- subnets

    def subnets_named(self, names: Sequence[str]) -> dict[str, Subnet]:
        """The subnets of these names."""
        self.flush_rows()
        found: dict[str, Subnet] = {}
        for at in range(0, len(names), _CHUNK):
            part = names[at : at + _CHUNK]
            for row in self._store.execute(
                f"SELECT {SUBNET_COLUMNS} FROM subnet WHERE name IN ({_marks(len(part))})", part
            ):
                found[row[1]] = read_subnet(row)
        return found

    def subnets(self, where: str = "1 = 1", parameters: Sequence[Any] = (), limit: int = -1) -> list[Subnet]:
        """Subnets by a condition over ``subnet``'s columns, in order of id."""
        self.flush_rows()
        sql = f"SELECT {SUBNET_COLUMNS} FROM subnet WHERE {where} ORDER BY id"
        rows = self._store.execute(sql + (f" LIMIT {int(limit)}" if limit >= 0 else ""), parameters).fetchall()
        return [read_subnet(row) for row in rows]

    def count_by_node(self) -> dict[str, int]:
        """Number of subnets by node, for nodes that have any."""
        self.flush_rows()
        rows = self._store.execute("SELECT node, COUNT(*) FROM subnet WHERE node IS NOT NULL GROUP BY node")
        return dict(rows.fetchall())

    def count_subnets(self) -> dict[str, int]:
        """Number of subnets by stored status."""
        self.flush_rows()
        return dict(self._store.execute("SELECT status, COUNT(*) FROM subnet GROUP BY status").fetchall())

    def subnet_of(self, subnet_id: int) -> Subnet | None:
        """The subnet of that id."""
        found = self.subnets("id = ?", (subnet_id,))
        return found[0] if found else None

    def insert_subnet(self, subnet: Subnet, pool: Pool, kind: str, *, again: bool = False) -> str:
        """Stores a new subnet together with its address space and the audit event; returns it as the event shows it.

        Args:
            subnet: gets its id unless it brings one (adopted from a node).
            kind: of the event.
            again: its address space rests in quarantine, and comes back. Else an overlap is refused (Conflict) when
                the rows are written.
        """
        if not self._next_subnet_id:
            self._next_subnet_id = self._store.last_id("subnet") + 1
        if not subnet.id:
            subnet.id = self._next_subnet_id
        self._next_subnet_id = max(self._next_subnet_id, subnet.id + 1)
        row, block = subnet_row(subnet), subnet.block
        self._new_subnets.append(row)
        if again:
            self.hand_over(pool, block, "subnet", subnet.id)
        else:
            self._new_occupied.append(
                # As in `occupy`; the start is packed already.
                (
                    pool.routing_domain_id,
                    block.family,
                    row[4],
                    pack(block.last),
                    block.prefix_length,
                    pool.id,
                    "subnet",
                    subnet.id,
                    None,
                    None,
                    None,
                )
            )
        after = subnet_event(subnet, row[13])
        self.event(kind, "subnet", subnet.name, None, after)
        return after

    def update_subnet(self, subnet: Subnet) -> None:
        """Stores a changed subnet."""
        self.flush_rows()
        subnet.updated_at = self.now
        columns = SUBNET_COLUMNS.split(", ")[1:]
        self._store.execute(
            f"UPDATE subnet SET {', '.join(f'{column} = ?' for column in columns)} WHERE id = ?",
            (*subnet_row(subnet)[1:], subnet.id),
        )

    def delete_subnet(self, subnet: Subnet) -> None:
        """Removes a subnet's row."""
        self.flush_rows()
        self._store.execute("DELETE FROM subnet WHERE id = ?", (subnet.id,))

    def subnets_expired(self, limit: int) -> list[Subnet]:
        """Subnets whose ttl ran out and that are still wanted."""
        # In order of expiry, which has an index; in order of id, every subnet would be looked at.
        rows = self._store.execute(
            f"SELECT {SUBNET_COLUMNS} FROM subnet WHERE expires_at <= ? AND wanted = 1 ORDER BY expires_at LIMIT ?",
            (self.now, limit),
        ).fetchall()
        return [read_subnet(row) for row in rows]

    # -- audit events

    def event(self, kind: str, thing: str, name: str, before: str | None, after: str | None) -> None:
        """Appends to the audit trail. ``before`` and ``after`` are JSON, None for what is not there."""
        self._new_events.append((self.now, self._actor, kind, thing, name, before, after))

    def events(self, where: str = "1 = 1", parameters: Sequence[Any] = (), last: int = -1) -> list[dict[str, Any]]:
        """Audit events by a condition over ``event``'s columns, oldest first; the newest ``last`` ones."""
        self.flush_rows()
        rows = self._store.execute(
            f"SELECT id, time, actor, kind, object, name, before, after FROM event WHERE {where} "
            f"ORDER BY id DESC LIMIT {int(last) if last >= 0 else 2**62}",
            parameters,
        ).fetchall()
        keys = ("id", "time", "actor", "kind", "object", "name", "before", "after")
        return [dict(zip(keys, row, strict=True)) for row in reversed(rows)]

    # -- writing

    def flush_rows(self) -> None:
        """Writes gathered new rows, so that the following statements see them."""
        if self._new_subnets:
            rows, self._new_subnets = self._new_subnets, []
            self._insert("subnet", SUBNET_COLUMNS, rows)
        if self._new_occupied:
            rows, self._new_occupied = self._new_occupied, []
            self._store.executemany(f"INSERT INTO occupied VALUES ({_marks(11)})", rows)
        if self._new_events:
            rows, self._new_events = self._new_events, []
            self._insert("event", "time, actor, kind, object, name, before, after", rows)

    def _insert(self, table: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
        count = columns.count(",") + 1
        self._store.executemany(f"INSERT INTO {table} ({columns}) VALUES ({_marks(count)})", rows)

    def flush(self) -> None:
        """Writes everything that is still only in memory."""
        self.flush_rows()
        for space in self._free.values():
            space.flush()
        for pool in self._dirty_pools.values():
            columns = POOL_COLUMNS.split(", ")[1:]
            self._store.execute(
                f"UPDATE pool SET {', '.join(f'{column} = ?' for column in columns)} WHERE id = ?",
                (*pool_row(pool)[1:], pool.id),
            )
        self._dirty_pools = {}
