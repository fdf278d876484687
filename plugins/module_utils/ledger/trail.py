# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit trail as it is told again: its events in order, and summaries from which the telling may begin.

A summary is worth what the events up to its own are worth, and no more: it can be made anew from them at any time.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .store import Store

_PORTION = 2000


class Event(NamedTuple):
    """One audit event. ``before`` is there for prefixes and renamed instances: else ``after`` says enough."""

    id: int
    time: int
    kind: str
    object: str
    name: str
    before: str | None
    after: str | None


class Summary(NamedTuple):
    """What the events up to and with ``event_id`` come to.

    Attributes:
        time: of that event, milliseconds since the epoch, as corrected where the clock ran ahead and was set back.
        size: things that it holds.
        data: the rest, as who made it writes it; compressed in the ledger.
    """

    event_id: int
    time: int
    size: int
    data: str


class Trail:
    """The part of a transaction that is about these.

    Args:
        store: the ledger's store, inside a transaction.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def flush_rows(self) -> None:
        """Writes gathered new rows; see ``Transaction``."""

    # -- events

    def stream_events(self, objects: Sequence[str], after: int = 0) -> Iterator[Event]:
        """Events about these kinds of object beyond the id ``after``, oldest first.

        Reads in portions, so that a long audit trail is never in memory as a whole.
        """
        self.flush_rows()
        last = after
        while True:
            rows = self._store.execute(
                "SELECT id, time, kind, object, name, "
                "CASE WHEN object = 'prefix' OR kind = 'instance.renamed' THEN before END, after FROM event "
                f"WHERE id > ? AND object IN ({', '.join('?' * len(objects))}) ORDER BY id LIMIT {_PORTION}",
                (last, *objects),
            ).fetchall()
            yield from map(Event._make, rows)
            if len(rows) < _PORTION:
                return
            last = rows[-1][0]

    def first_event(self, objects: Sequence[str]) -> Event | None:
        """The first event about one of these kinds of object."""
        self.flush_rows()
        row = self._store.execute(
            "SELECT id, time, kind, object, name, before, after FROM event "
            f"WHERE object IN ({', '.join('?' * len(objects))}) ORDER BY id LIMIT 1",
            tuple(objects),
        ).fetchone()
        return None if row is None else Event._make(row)

    def event_of(self, event_id: int) -> Event | None:
        """The event of that id."""
        row = self._store.execute(
            "SELECT id, time, kind, object, name, before, after FROM event WHERE id = ?", (event_id,)
        ).fetchone()
        return None if row is None else Event._make(row)

    def newest_event(self) -> int:
        """Id of the newest event, 0 where there is none."""
        self.flush_rows()
        return int(self._store.execute("SELECT COALESCE(MAX(id), 0) FROM event").fetchone()[0])

    def clock_corrections(self) -> list[tuple[int, int]]:
        """(id, right time) of the events that tell that the clock had run ahead, oldest first."""
        self.flush_rows()
        return self._store.execute(
            # As the index has it, so that nothing else is looked at.
            "SELECT id, time FROM event WHERE kind = 'ledger.clock_accepted' ORDER BY id"
        ).fetchall()

    # -- summaries

    def newest_summary(self, form: int, before: int | None = None) -> Summary | None:
        """The newest summary of that form; with ``before``, of those from earlier than that time."""
        where, values = ("", ()) if before is None else (" AND time < ?", (before,))
        row = self._store.execute(
            "SELECT event_id, time, size, data FROM usage_summary "
            f"WHERE form = ?{where} ORDER BY event_id DESC LIMIT 1",
            (form, *values),
        ).fetchone()
        if row is None:
            return None
        event_id, time, size, data = row
        return Summary(event_id, time, size, zlib.decompress(data).decode())

    def summarised(self, form: int, before: int | None = None) -> tuple[int, int]:
        """Event and size of what ``newest_summary`` would be; twice 0 where there is none."""
        where, values = ("", ()) if before is None else (" AND time < ?", (before,))
        row = self._store.execute(
            f"SELECT event_id, size FROM usage_summary WHERE form = ?{where} ORDER BY event_id DESC LIMIT 1",
            (form, *values),
        ).fetchone()
        return (0, 0) if row is None else (row[0], row[1])

    def add_summary(self, form: int, item: Summary) -> None:
        """Stores a summary, in place of one of another form that ends with the same event."""
        self._store.execute("DELETE FROM usage_summary WHERE event_id = ?", (item.event_id,))
        self._store.execute(
            "INSERT INTO usage_summary (event_id, time, form, size, data) VALUES (?, ?, ?, ?, ?)",
            (item.event_id, item.time, form, item.size, zlib.compress(item.data.encode(), 1)),
        )

    def drop_summaries(self, after: int) -> None:
        """Forgets summaries that end later than that time: what they hold happened earlier, as turns out."""
        self._store.execute("DELETE FROM usage_summary WHERE time > ?", (after,))
