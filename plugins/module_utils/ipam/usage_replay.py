# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of shadow reservations and instances, told again from the audit trail as levels that rise and fall.

The ledger moves on what ran out when the next transaction meets it. Here a reservation begins and ends, and a
quarantine is over, at the very moment that was set, whether or not a transaction has come by since.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple, Protocol

from ..ledger.transaction import Transaction
from ..model.pool import FAMILY_BITS
from ..model.reservation import RESERVED, RESTING, SHADOW
from ..model.subnet import ACTIVE
from ..model.units import parse_duration
from .instance_lifecycle import RENAMED
from .reserved import told_prefixes
from .usage_reasons import RETURNED, reason_kind
from .usage_traffic import AHEAD, IDLE, UNRESERVED

OBJECTS = ("reservation", "instance", "prefix", "pool", "workload", "traffic")
LEVELS = ("reserved", "idle", "ahead", "activated", "dynamic", "resting")
"""``reserved``: what reservations hold once they have begun; ``idle``: of that, what no instance has and what does not
rest; ``ahead``: what they hold before they begin; ``activated`` and ``dynamic``: what instances have that were created
and not deleted, by source; ``resting``: what deleted instances had, until it may be handed out again."""


class Key(NamedTuple):
    """What is told apart. ``pool`` is None, and ``workload`` empty, for what is about none."""

    pool: str | None
    family: int
    workload: str
    location: str | None


class Listener(Protocol):
    """What makes something of the tale. Times are milliseconds since the epoch and never fall."""

    def level(self, time: int, key: Key, what: str, prefixes: int, size: int) -> None:
        """So many prefixes (negative: fewer), of so many addresses each, are ``what`` from now on."""

    def happened(self, time: int, keys: Iterable[Key], what: str, number: int = 1) -> None:
        """Something happened; ``keys`` differ by their pool only."""


class Place(NamedTuple):
    """A prefix in a pool; pools of different routing domains may have the same."""

    pool: str
    cidr: str


@dataclass(slots=True, eq=False)
class _Reservation:
    name: str
    workload: str
    location: str | None
    family: int
    size: int
    instances: int
    starts_at: int
    expires_at: int
    places: dict[str | None, str | None]
    prefixes: dict[Place, str] = field(default_factory=dict)
    pools: tuple[str, ...] = ()
    begun: bool = False

    def key(self, pool: str | None) -> Key:
        """A reservation that names no location is where its pools are; as they were when they were first used."""
        return Key(pool, self.family, self.workload, self.location or self.places.get(pool))

    def keys(self) -> list[Key]:
        return [self.key(pool) for pool in self.pools or (None,)]

    def note_pools(self) -> None:
        self.pools = tuple(dict.fromkeys(place.pool for place in self.prefixes))

    def note_places(self, known: dict[str, str | None]) -> None:
        for pool in self.pools:
            self.places.setdefault(pool, known.get(pool))

    def levels_of(self, state: str) -> tuple[str, ...]:
        if not self.begun:
            return ("ahead",) if state == RESERVED else ()
        return ("reserved", "idle") if state == RESERVED else ("reserved",)

    def levels(self) -> Counter[tuple[Key, str]]:
        found: Counter[tuple[Key, str]] = Counter()
        states = Counter((place.pool, state) for place, state in self.prefixes.items())
        for (pool, state), number in states.items():
            for what in self.levels_of(state):
                found[self.key(pool), what] += number
        return found


@dataclass(slots=True, eq=False)
class _Instance:
    name: str
    key: Key
    place: Place
    size: int
    source: str
    wanted: bool = True

    @property
    def level(self) -> str:
        return "activated" if self.source == SHADOW else "dynamic"


@dataclass(slots=True, eq=False)
class _Rest:
    key: Key
    size: int
    until: int


class Replay:
    """Tells a listener what the audit trail of a ledger holds.

    Args:
        listener: hears it.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._time = 0
        self._due: list[tuple[int, int, Place | None, _Reservation | _Rest]] = []
        self._order = count()
        self._pool_rest: dict[str, int] = {}
        self._pool_place: dict[str, str | None] = {}
        self._reservations: dict[str, _Reservation] = {}
        self._by_workload: dict[str, dict[str, _Reservation]] = {}
        self._mapped: dict[Place, _Reservation] = {}
        self._instances: dict[str, _Instance] = {}
        self._rests: dict[Place, _Rest] = {}
        self._untold: dict[str, _Instance] = {}
        self.first: int | None = None
        """Time of the first event."""

    def run(self, transaction: Transaction) -> None:
        """Tells everything up to the transaction's present."""
        # Where a clock ran ahead and was set back later, everything that it stamped beyond that came before it.
        corrections = [(one["id"], one["time"]) for one in transaction.events("kind = 'ledger.clock_accepted'")]
        for number, stamped, kind, thing, name, before, after in transaction.stream_events(OBJECTS):
            while corrections and corrections[0][0] <= number:
                corrections.pop(0)
            time = min([stamped, *(right for _id, right in corrections)])
            if self.first is None:
                self.first = time
            self._advance(time)
            self._event(kind, thing, name, before, after)
        self._advance(transaction.now)

    def _event(self, kind: str, thing: str, name: str, before: str | None, after: str | None) -> None:
        data = json.loads(after) if after is not None else None
        if thing == "reservation":
            self._reservation(kind, name, data)
        elif thing == "instance":
            if kind == RENAMED and before is not None and data is not None:
                self._renamed(json.loads(before)["name"], name, data)
            else:
                self._instance(kind, name, data)
        elif thing == "prefix":
            if before is not None and self._rests:
                self._rested(Place(json.loads(before)["pool"], name))
        elif thing == "pool":
            if data is not None:
                self._pool_rest[name] = parse_duration(data["quarantine"]) * 1000
                self._pool_place[name] = data["location"]
        elif kind == "unexpected_scaling" and data is not None:
            self._missed(name, data)
        elif thing == "traffic":
            self._traffic(kind, data)

    # Time

    def _advance(self, time: int) -> None:
        """Lets everything happen that is due."""
        while self._due and self._due[0][0] <= time:
            due, _order, place, item = heapq.heappop(self._due)
            self._time = max(self._time, due)
            if isinstance(item, _Rest):
                if place is not None and self._rests.get(place) is item and item.until == due:
                    self._rested(place)
            elif self._reservations.get(item.name) is item:
                if item.expires_at == due:
                    self._end(item, "expired")
                elif item.starts_at == due and not item.begun:
                    old = item.levels()
                    item.begun = True
                    self._shift(item, old)
        self._time = max(self._time, time)

    def _at(self, time: int, item: _Reservation | _Rest, place: Place | None = None) -> None:
        heapq.heappush(self._due, (time, next(self._order), place, item))

    # Telling

    def _level(self, key: Key, what: str, prefixes: int, size: int) -> None:
        self._listener.level(self._time, key, what, prefixes, size)

    def _shift(self, item: _Reservation, old: Counter[tuple[Key, str]]) -> None:
        new = item.levels()
        for key, what in {**old, **new}:
            number = new[key, what] - old[key, what]
            if number:
                self._level(key, what, number, item.size)

    def _set(self, place: Place, state: str | None) -> bool:
        """Another state (None: no longer held) of a prefix that a reservation holds. False where none does."""
        item = self._mapped.get(place)
        if item is None:
            return False
        key, old = item.key(place.pool), item.prefixes[place]
        before = item.levels_of(old)
        after = item.levels_of(state) if state is not None else ()
        for what in before:
            if what not in after:
                self._level(key, what, -1, item.size)
        for what in after:
            if what not in before:
                self._level(key, what, 1, item.size)
        if state is None:
            del item.prefixes[place], self._mapped[place]
            item.note_pools()
        else:
            item.prefixes[place] = state
        return True

    # Reservations

    def _reservation(self, kind: str, name: str, data: dict[str, Any] | None) -> None:
        item = self._reservations.get(name)
        word = kind.partition(".")[2]
        if data is None:
            if item is not None:
                self._end(item, word)
            return
        old: Counter[tuple[Key, str]] = Counter()
        if item is None:
            family = int(data["family"][-1])
            size = 1 << (FAMILY_BITS[family] - data["prefix_length"])
            item = _Reservation(name, data["workload"], data["location"], family, size, 0, 0, 0, {})
            self._reservations[name] = item
            self._by_workload.setdefault(item.workload, {})[name] = item
        else:
            old = item.levels()
            for place in item.prefixes:
                del self._mapped[place]
        item.instances = data["instances"]
        item.prefixes = {Place(pool, cidr): state for pool, cidr, state in told_prefixes(data)}
        self._take_over(item)
        for place, state in item.prefixes.items():
            self._mapped[place] = item
            if state == RESTING and place not in self._rests:
                item.prefixes[place] = RESERVED
        item.note_pools()
        item.note_places(self._pool_place)
        starts_at, expires_at = milliseconds(data["starts_at"]), milliseconds(data["expires_at"])
        if starts_at != item.starts_at:
            self._at(starts_at, item)
        if expires_at != item.expires_at:
            self._at(expires_at, item)
        item.starts_at, item.expires_at = starts_at, expires_at
        item.begun = starts_at <= self._time
        self._shift(item, old)
        self._listener.happened(self._time, item.keys(), f"reservations_{word}")

    def _take_over(self, item: _Reservation) -> None:
        """A reservation that grows may get what another one of the same call gives up, of which is told only later."""
        others: dict[str, _Reservation] = {}
        for place in item.prefixes:
            other = self._mapped.get(place)
            if other is not None:
                others[other.name] = other
        for other in others.values():
            old = other.levels()
            for place in other.prefixes.keys() & item.prefixes.keys():
                del other.prefixes[place], self._mapped[place]
            other.note_pools()
            self._shift(other, old)

    def _end(self, item: _Reservation, word: str) -> None:
        keys, old = item.keys(), item.levels()
        for place in item.prefixes:
            del self._mapped[place]
        item.prefixes = {}
        self._shift(item, old)
        del self._reservations[item.name], self._by_workload[item.workload][item.name]
        self._listener.happened(self._time, keys, f"reservations_{word}")

    # Instances

    def _instance(self, kind: str, name: str, data: dict[str, Any] | None) -> None:
        item = self._instances.get(name)
        if data is None:
            if item is not None:
                self._deleted(item)
                self._retire(item)
        elif item is None:
            self._created(name, data, counted=kind == "instance.created")
        elif kind == "instance.deleted":
            self._deleted(item)
        elif kind in ("instance.created", "instance.changed", "instance.moved") and not item.wanted:
            item.wanted = True
            self._level(item.key, "resting", -1, item.size)
            self._level(item.key, item.level, 1, item.size)
            self._count(item)

    def _created(self, name: str, data: dict[str, Any], counted: bool) -> None:
        family = int(data["family"][-1])
        place = Place(data["pool"], data["cidr"])
        key = self._instance_key(data)
        size = 1 << (FAMILY_BITS[family] - data["prefix_length"])
        item = self._instances[name] = _Instance(name, key, place, size, data["source"])
        rest = self._rests.pop(place, None)
        if rest is not None:
            self._level(rest.key, "resting", -1, rest.size)
        self._set(place, ACTIVE)
        self._level(key, item.level, 1, size)
        if counted:
            self._count(item)

    def _instance_key(self, data: dict[str, Any]) -> Key:
        location = data["location"] or self._pool_place.get(data["pool"])
        return Key(data["pool"], int(data["family"][-1]), data["workload"], location)

    def _renamed(self, former: str, name: str, data: dict[str, Any]) -> None:
        """An adopted instance got its own name back, and perhaps its workload."""
        item = self._instances.pop(former, None)
        if item is None:
            return
        self._level(item.key, item.level, -1, item.size)
        item.name, item.key = name, self._instance_key(data)
        self._level(item.key, item.level, 1, item.size)
        self._instances[name] = item

    def _count(self, item: _Instance) -> None:
        self._listener.happened(self._time, [item.key], "created")
        if item.source == SHADOW:
            self._listener.happened(self._time, [item.key], "hits")
        else:
            self._untold[item.name] = item
            self._listener.happened(self._time, [item.key], f"missed:{RETURNED}")

    def _missed(self, workload: str, data: dict[str, Any]) -> None:
        """A miss counts for the pool that served it, and against those in which something was reserved for it."""
        item = self._untold.pop(data["instance"], None)
        if item is None:
            return
        kind = reason_kind(data["reason"], [one["name"] for one in data["reservations"]])
        self._listener.happened(self._time, [item.key], f"missed:{RETURNED}", -1)
        self._listener.happened(self._time, [item.key], f"missed:{kind}")
        standing = self._by_workload.get(workload, {}).values()
        against = {pool for one in standing for pool in one.pools} - {item.key.pool}
        if against:
            keys = [item.key._replace(pool=pool) for pool in sorted(against)]
            self._listener.happened(self._time, keys, "against", 1)

    def _deleted(self, item: _Instance) -> None:
        if item.wanted:
            item.wanted = False
            self._untold.pop(item.name, None)
            self._level(item.key, item.level, -1, item.size)
            self._level(item.key, "resting", 1, item.size)
            self._listener.happened(self._time, [item.key], "deleted")

    def _retire(self, item: _Instance) -> None:
        del self._instances[item.name]
        place = item.place
        self._give_up(place)
        rest = self._pool_rest.get(place.pool, 0)
        if not rest:
            self._level(item.key, "resting", -1, item.size)
            self._set(place, RESERVED)
            return
        self._rests[place] = _Rest(item.key, item.size, self._time + rest)
        self._at(self._time + rest, self._rests[place], place)
        self._set(place, RESTING)

    def _rested(self, place: Place) -> None:
        rest = self._rests.pop(place, None)
        if rest is not None:
            self._level(rest.key, "resting", -1, rest.size)
            self._give_up(place)
            self._set(place, RESERVED)

    def _give_up(self, place: Place) -> None:
        """A reservation that was made smaller lets go of a prefix as soon as no instance has it."""
        mapped = self._mapped.get(place)
        if mapped is not None and len(mapped.prefixes) > mapped.instances:
            self._set(place, None)

    # Traffic

    def _traffic(self, kind: str, data: dict[str, Any] | None) -> None:
        if data is None:
            return
        family = 6 if ":" in data["cidr"] else 4
        keys = [Key(data["pool"], family, data["workload"] or "", data["location"])]
        if kind == AHEAD:
            self._listener.happened(self._time, keys, "packets_ahead", data["packets"])
        elif kind == UNRESERVED:
            self._listener.happened(self._time, keys, "packets_unreserved", data["packets"])
        elif kind == IDLE:
            self._listener.happened(self._time, keys, "instances_idle")


def milliseconds(text: str) -> int:
    """Of a time as the ledger shows it."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)
