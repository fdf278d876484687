# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands at one moment of the tale of reservations and instances, and how it is written down and read back."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

from ..model.reservation import RESERVED, SHADOW

FORM = 1
"""Of what ``State.dump`` writes and of what the replay makes of events. Raise it when either changes: summaries of
another form are passed over."""


class Key(NamedTuple):
    """What is told apart. ``pool`` is None, and ``workload`` empty, for what is about none."""

    pool: str | None
    family: int
    workload: str
    location: str | None


class Place(NamedTuple):
    """A prefix in a pool; pools of different routing domains may have the same."""

    pool: str
    cidr: str


class Stretch(NamedTuple):
    """What a reservation held for one forecast: until it ended, or was planned anew by another forecast.

    Attributes:
        since, until: from its beginning on; milliseconds since the epoch.
        ended: ``expired``, ``removed``, ``superseded``, ``reclaimed``, or ``replanned``.
        instances: the most prefixes that it held at once.
        held, idle: prefix-milliseconds; ``idle`` is what no instance had and what did not rest after one.
    """

    name: str
    workload: str
    location: str | None
    family: int
    forecast_id: str | None
    confidence: float | None
    since: int
    until: int
    ended: str
    instances: int
    held: int
    idle: int


@dataclass(slots=True, eq=False)
class Standing:
    """A reservation that stands. ``noted`` is the time up to which ``held_time`` and ``idle_time`` count."""

    name: str
    workload: str
    location: str | None
    family: int
    size: int
    instances: int = 0
    starts_at: int = 0
    expires_at: int = 0
    begun: bool = False
    forecast_id: str | None = None
    confidence: float | None = None
    since: int = 0
    noted: int = 0
    held_time: int = 0
    idle_time: int = 0
    most: int = 0
    places: dict[str, str | None] = field(default_factory=dict)
    prefixes: dict[Place, str] = field(default_factory=dict)
    pools: tuple[str, ...] = ()
    idle: int = 0

    def key(self, pool: str | None) -> Key:
        """Under which it is told of. One that names no location is where its pools are."""
        there = None if pool is None else self.places.get(pool)
        return Key(pool, self.family, self.workload, self.location or there)

    def keys(self) -> list[Key]:
        """One for each pool that it has prefixes of."""
        return [self.key(pool) for pool in self.pools or (None,)]

    def recount(self) -> None:
        """Notes what follows from its prefixes."""
        self.pools = tuple(dict.fromkeys(place.pool for place in self.prefixes))
        self.idle = sum(state == RESERVED for state in self.prefixes.values())

    def note_places(self, known: dict[str, str | None]) -> None:
        """Notes where its pools are, as they were when they were first used."""
        for pool in self.pools:
            self.places.setdefault(pool, known.get(pool))

    def pass_time(self, time: int) -> None:
        """Lets what it holds stand until then."""
        if self.begun and time > self.noted:
            passed, held = time - self.noted, len(self.prefixes)
            self.held_time += passed * held
            self.idle_time += passed * self.idle
            self.most = max(self.most, held)
        self.noted = time

    def begin(self) -> None:
        """Its time has come, or it goes on under another forecast. Call ``pass_time`` before."""
        self.begun = True
        if not self.held_time:
            self.since = self.noted

    def stretch(self, ended: str) -> Stretch | None:
        """What it was up to ``noted``, which then counts no more; None where it held nothing yet."""
        places = set(self.places.values())
        found = Stretch(
            self.name,
            self.workload,
            self.location or (places.pop() if len(places) == 1 else None),
            self.family,
            self.forecast_id,
            self.confidence,
            self.since,
            self.noted,
            ended,
            self.most,
            self.held_time,
            self.idle_time,
        )
        self.held_time = self.idle_time = self.most = 0
        return found if found.held else None

    def levels_of(self, state: str) -> tuple[str, ...]:
        """What a prefix in that state counts as."""
        if not self.begun:
            return ("ahead",) if state == RESERVED else ()
        return ("reserved", "idle") if state == RESERVED else ("reserved",)

    def levels(self) -> Counter[tuple[Key, str]]:
        """Prefixes by key and what they count as."""
        found: Counter[tuple[Key, str]] = Counter()
        for (pool, state), number in Counter((place.pool, state) for place, state in self.prefixes.items()).items():
            for what in self.levels_of(state):
                found[self.key(pool), what] += number
        return found


@dataclass(slots=True, eq=False)
class Living:
    """An instance that was created. ``wanted`` is False from its deletion until its node has given it up."""

    name: str
    key: Key
    place: Place
    size: int
    source: str
    wanted: bool = True

    @property
    def level(self) -> str:
        """What its prefix counts as."""
        if not self.wanted:
            return "resting"
        return "activated" if self.source == SHADOW else "dynamic"


@dataclass(slots=True, eq=False)
class Rest:
    """A prefix that rests. ``size`` is 0 where nobody knows what it rests after: then it counts nowhere."""

    key: Key
    size: int
    until: int


_Due = tuple[int, int, "Place | None", "Standing | Rest"]


class State:
    """Everything that stands, at ``time``."""

    def __init__(self) -> None:
        self.time = 0
        self.pool_rest: dict[str, int] = {}
        self.pool_place: dict[str, str | None] = {}
        self.reservations: dict[str, Standing] = {}
        self.by_workload: dict[str, dict[str, Standing]] = {}
        self.mapped: dict[Place, Standing] = {}
        self.instances: dict[str, Living] = {}
        self.rests: dict[Place, Rest] = {}
        self.untold: dict[str, Living] = {}
        self.seen: dict[tuple[str, str | None], None] = {}
        """Workloads and locations that ever had an instance, or a reservation that had begun."""
        self.due: list[_Due] = []
        self._order = count()

    @property
    def size(self) -> int:
        """Number of things in it."""
        return len(self.mapped) + len(self.instances) + len(self.rests) + len(self.seen)

    def add(self, item: Standing) -> None:
        """A reservation that is new."""
        self.reservations[item.name] = item
        self.by_workload.setdefault(item.workload, {})[item.name] = item

    def remove(self, item: Standing) -> None:
        """It is gone."""
        del self.reservations[item.name]
        others = self.by_workload[item.workload]
        del others[item.name]
        if not others:
            del self.by_workload[item.workload]

    def expect(self, time: int, item: Standing | Rest, place: Place | None = None) -> None:
        """Something happens to it then, unless something else does before."""
        heapq.heappush(self.due, (time, next(self._order), place, item))

    def levels(self) -> Iterator[tuple[Key, str, int, int]]:
        """(key, what, prefixes, addresses of each) of all that counts, and of what ever did with no prefixes."""
        for workload, location in self.seen:
            yield Key(None, 4, workload, location), "reserved", 0, 1
        for item in self.reservations.values():
            for (key, what), number in item.levels().items():
                yield key, what, number, item.size
        for living in self.instances.values():
            yield living.key, living.level, 1, living.size
        for rest in self.rests.values():
            yield rest.key, "resting", 1, rest.size

    # Written down and read back

    def dump(self) -> list[Any]:
        """All of it, as JSON can hold it."""
        reservations = [
            [
                *(getattr(item, name) for name in _FIELDS),
                [[*place, state] for place, state in item.prefixes.items()],
            ]
            for item in self.reservations.values()
        ]
        instances = [
            [one.name, one.key, one.place, one.size, one.source, one.wanted, one.name in self.untold]
            for one in self.instances.values()
        ]
        # In their order, which may matter where several things happen in the same moment.
        due = [
            [time, item.name if isinstance(item, Standing) else place]
            for time, _order, place, item in sorted(self.due)
            if self._alive(place, item)
        ]
        rests = [[place, rest.key, rest.size, rest.until] for place, rest in self.rests.items()]
        return [self.time, self.pool_rest, self.pool_place, list(self.seen), reservations, instances, rests, due]

    def _alive(self, place: Place | None, item: Standing | Rest) -> bool:
        if isinstance(item, Rest):
            return place is not None and self.rests.get(place) is item
        return self.reservations.get(item.name) is item

    @classmethod
    def load(cls, content: list[Any]) -> State:
        """The reverse of ``dump``."""
        state = cls()
        state.time, state.pool_rest, state.pool_place, seen, reservations, instances, rests, due = content
        state.seen = dict.fromkeys(map(tuple, seen))
        for *values, prefixes in reservations:
            item = Standing(**dict(zip(_FIELDS, values, strict=True)))
            item.prefixes = {Place(pool, cidr): condition for pool, cidr, condition in prefixes}
            item.recount()
            state.add(item)
            state.mapped.update(dict.fromkeys(item.prefixes, item))
        for name, key, place, size, source, wanted, untold in instances:
            state.instances[name] = Living(name, Key(*key), Place(*place), size, source, wanted)
            if untold:
                state.untold[name] = state.instances[name]
        state.rests = {Place(*place): Rest(Key(*key), size, until) for place, key, size, until in rests}
        state._expect_all(due)
        return state

    def _expect_all(self, due: Iterable[list[Any]]) -> None:
        for time, what in due:
            if isinstance(what, str):
                self.expect(time, self.reservations[what])
            else:
                self.expect(time, self.rests[Place(*what)], Place(*what))


_FIELDS = (
    "name",
    "workload",
    "location",
    "family",
    "size",
    "instances",
    "starts_at",
    "expires_at",
    "begun",
    "forecast_id",
    "confidence",
    "since",
    "noted",
    "held_time",
    "idle_time",
    "most",
    "places",
)
