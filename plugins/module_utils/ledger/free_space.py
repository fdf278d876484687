# SPDX-License-Identifier: GPL-3.0-or-later
"""The index of free aligned blocks of one pool and family, as one transaction sees it.

Free space is kept as a buddy system keeps it (Knuth, The Art of Computer Programming, vol. 1, section 2.5):
maximal aligned blocks, by size class. A transaction works on a sorted window of each class that is loaded
on demand, and writes only the net difference when it ends, so that a block which is split and merged on the
way never touches the database.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from operator import itemgetter

from ..model.pool import FAMILY_BITS, Block
from .addresses import pack, unpack
from .store import Store

_WINDOW = 256


class _SizeClass:
    """Starts of the free blocks of one prefix length, in order; exact below ``horizon`` (None: everywhere)."""

    __slots__ = ("_fetch", "_holds", "added", "horizon", "removed", "starts")

    def __init__(self, space: FreeSpace, prefix_length: int) -> None:
        self.starts: list[int] = []
        self.horizon: int | None = 0
        self.added: set[int] = set()
        self.removed: set[int] = set()
        self._fetch = lambda start: space.fetch(prefix_length, start)
        self._holds = lambda start: space.holds(prefix_length, start)

    def _load(self) -> None:
        low = self.horizon or 0
        rows = self._fetch(low)
        self.horizon = rows[-1] + 1 if len(rows) == _WINDOW else None
        known = [start for start in rows if start not in self.removed] if self.removed else rows
        own = [start for start in self.added if start >= low and (self.horizon is None or start < self.horizon)]
        self.starts += sorted([*known, *own]) if own else known

    def first(self) -> int | None:
        while not self.starts and self.horizon is not None:
            self._load()
        return self.starts[0] if self.starts else None

    def first_from(self, address: int) -> int | None:
        while True:
            at = bisect_left(self.starts, address)
            if at < len(self.starts):
                return self.starts[at]
            if self.horizon is None:
                return None
            if address >= self.horizon:
                return self._first_beyond(address)
            self._load()

    def _first_beyond(self, address: int) -> int | None:
        own = min((start for start in self.added if start >= address), default=None)
        while True:
            rows = self._fetch(address)
            for start in rows:
                if start not in self.removed:
                    return start if own is None else min(start, own)
            if len(rows) < _WINDOW:
                return own
            address = rows[-1] + 1

    def has(self, start: int) -> bool:
        if self.horizon is None or start < self.horizon:
            at = bisect_left(self.starts, start)
            return at < len(self.starts) and self.starts[at] == start
        return start in self.added or (start not in self.removed and self._holds(start))

    def add(self, start: int) -> None:
        if start in self.removed:
            self.removed.discard(start)
        else:
            self.added.add(start)
        if self.horizon is None or start < self.horizon:
            insort(self.starts, start)

    def discard(self, start: int) -> None:
        if start in self.added:
            self.added.discard(start)
        else:
            self.removed.add(start)
        if self.horizon is None or start < self.horizon:
            del self.starts[bisect_left(self.starts, start)]


class FreeSpace:
    """Free blocks of one pool and family. Addresses are integers.

    Args:
        store: the ledger's store, inside a transaction.
        pool_id, family: whose.
        prefixes: the pool's prefixes of that family; blocks merge inside one of them, never across.
    """

    def __init__(self, store: Store, pool_id: int, family: int, prefixes: list[Block]) -> None:
        self._store, self._pool_id, self.family = store, pool_id, family
        self._prefixes = sorted(prefix for prefix in prefixes if prefix.family == family)
        self._bits = FAMILY_BITS[family]
        self._classes: dict[int, _SizeClass] = {}
        self._ordered: list[tuple[int, _SizeClass]] = []
        self._surveyed = False

    def fetch(self, prefix_length: int, start: int) -> list[int]:
        """The next stored starts of a class, at or after ``start``, at most ``_WINDOW``."""
        if start >> self._bits:
            # Beyond the last address.
            return []
        rows = self._store.execute(
            "SELECT start FROM free_block WHERE pool_id = ? AND family = ? AND prefix_length = ? AND start >= ? "
            "ORDER BY start LIMIT ?",
            (self._pool_id, self.family, prefix_length, pack(start), _WINDOW),
        ).fetchall()
        return [unpack(row[0]) for row in rows]

    def holds(self, prefix_length: int, start: int) -> bool:
        """Is this very block stored as free?"""
        return (
            self._store.execute(
                "SELECT 1 FROM free_block WHERE pool_id = ? AND family = ? AND prefix_length = ? AND start = ?",
                (self._pool_id, self.family, prefix_length, pack(start)),
            ).fetchone()
            is not None
        )

    def _class(self, prefix_length: int) -> _SizeClass:
        found = self._classes.get(prefix_length)
        if found is None:
            found = self._classes[prefix_length] = _SizeClass(self, prefix_length)
            insort(self._ordered, (prefix_length, found), key=itemgetter(0))
            if self._surveyed:
                found.horizon = None
        return found

    def _survey(self) -> None:
        """Learns in one skip scan which classes there are, and the first block of each."""
        if self._surveyed:
            return
        length = -1
        key = (self._pool_id, self.family)
        while True:
            row = self._store.execute(
                "SELECT prefix_length, start FROM free_block WHERE pool_id = ? AND family = ? AND prefix_length > ? "
                "ORDER BY prefix_length, start LIMIT 1",
                (*key, length),
            ).fetchone()
            if row is None:
                break
            length = row[0]
            if length not in self._classes:
                found = self._class(length)
                found.starts, found.horizon = [unpack(row[1])], unpack(row[1]) + 1
        self._surveyed = True

    def heads(self, longest: int) -> list[tuple[int, int]]:
        """The lowest free block of each size: (start, prefix length) for lengths up to ``longest``, shortest first."""
        self._survey()
        found = []
        for length, one in self._ordered:
            if length > longest:
                break
            if one.starts:
                found.append((one.starts[0], length))
            elif one.horizon is not None and (start := one.first()) is not None:
                found.append((start, length))
        return found

    def lowest(self, longest: int) -> tuple[int, int] | None:
        """Of all ``heads``, the one with the lowest address; the hot path of most allocations."""
        self._survey()
        lowest, its_length = -1, 0
        for length, one in self._ordered:
            if length > longest:
                break
            if one.starts:
                start = one.starts[0]
            elif one.horizon is None or (found := one.first()) is None:
                continue
            else:
                start = found
            if start < lowest or lowest < 0:
                lowest, its_length = start, length
        return None if lowest < 0 else (lowest, its_length)

    def first_from(self, prefix_length: int, address: int) -> int | None:
        """Lowest free block of exactly this size that starts at or after ``address``."""
        return self._class(prefix_length).first_from(address)

    def has(self, prefix_length: int, start: int) -> bool:
        """Is this very block a (maximal) free block?"""
        return self._class(prefix_length).has(start)

    def enclosing(self, start: int, prefix_length: int) -> int | None:
        """Prefix length of the free block in which the given block lies wholly, None when it is not free."""
        for length in range(prefix_length, -1, -1):
            shift = self._bits - length
            if self._class(length).has(start >> shift << shift):
                return length
        return None

    def take(self, start: int, prefix_length: int, free_length: int) -> None:
        """Takes a block out of the free block of length ``free_length`` around it; the rest stays free."""
        shift = self._bits - free_length
        self._class(free_length).discard(start >> shift << shift)
        for length in range(free_length + 1, prefix_length + 1):
            # The half in which the taken block does not lie.
            half = 1 << (self._bits - length)
            sibling = (start & -half) ^ half
            self._class(length).add(sibling)

    def give(self, start: int, prefix_length: int) -> None:
        """Gives a block back, and merges it with its buddies inside its pool prefix."""
        limit = next(prefix.prefix_length for prefix in self._prefixes if prefix.start <= start <= prefix.last)
        while prefix_length > limit:
            buddy = start ^ (1 << (self._bits - prefix_length))
            at = self._class(prefix_length)
            if not at.has(buddy):
                break
            at.discard(buddy)
            start, prefix_length = min(start, buddy), prefix_length - 1
        self._class(prefix_length).add(start)

    def reset(self, blocks: list[Block]) -> None:
        """Replaces all free space of the pool and family by ``blocks``."""
        self._store.execute("DELETE FROM free_block WHERE pool_id = ? AND family = ?", (self._pool_id, self.family))
        self._classes, self._ordered, self._surveyed = {}, [], True
        for block in blocks:
            self._class(block.prefix_length).add(block.start)

    def flush(self) -> None:
        """Writes the difference to the database."""
        key = (self._pool_id, self.family)
        gone = [(*key, length, pack(start)) for length, one in self._classes.items() for start in one.removed]
        new = [(*key, length, pack(start)) for length, one in self._classes.items() for start in one.added]
        if gone:
            self._store.executemany(
                "DELETE FROM free_block WHERE pool_id = ? AND family = ? AND prefix_length = ? AND start = ?", gone
            )
        if new:
            self._store.executemany("INSERT INTO free_block VALUES (?, ?, ?, ?)", new)
        for one in self._classes.values():
            one.removed.clear()
            one.added.clear()
