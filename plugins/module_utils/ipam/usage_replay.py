# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of shadow reservations and instances, told again from the audit trail as levels that rise and fall.

The ledger moves on what ran out when the next transaction meets it. Here a reservation begins and ends, and a
quarantine is over, at the very moment that was set, whether or not a transaction has come by since.

The tale may begin with a summary (``usage_summary``) of what came before, or with the first event; both tell the same.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from ..ledger.trail import Event, Summary
from ..ledger.transaction import Transaction
from ..model.pool import FAMILY_BITS
from ..model.reservation import RESERVED, RESTING, SHADOW
from ..model.subnet import ACTIVE, RELEASING
from ..model.units import parse_duration
from .instance_lifecycle import RENAMED
from .reserved import told_prefixes
from .usage_reasons import RETURNED, read_reason
from .usage_state import FORM, Key, Living, Place, Rest, Standing, State, Stretch
from .usage_traffic import AHEAD, IDLE, UNRESERVED

OBJECTS = ("reservation", "instance", "prefix", "pool", "workload", "traffic", "ledger")
LEVELS = ("reserved", "idle", "ahead", "activated", "dynamic", "resting")
"""``reserved``: what reservations hold once they have begun; ``idle``: of that, what no instance has and what does not
rest; ``ahead``: what they hold before they begin; ``activated`` and ``dynamic``: what instances have that were created
and not deleted, by source; ``resting``: what deleted instances had, until it may be handed out again."""

_SEEN = ("reserved", "activated", "dynamic")
_BACK = "it came back and got its former address, which had not been reserved"


Level = tuple[Key, str, int, int]
"""Key, what, prefixes, addresses of each."""


class Listener:
    """Makes something of the tale. Times are milliseconds since the epoch and never fall."""

    def resume(self, time: int, levels: Iterable[Level], sums: list[Any]) -> None:
        """The tale begins at this time, with these levels; ``sums`` are what ``Sums`` has of what was before."""
        del sums
        for level in levels:
            self.level(time, *level)

    def dump(self) -> list[Any]:
        """For ``sums``."""
        return []

    def level(self, time: int, key: Key, what: str, prefixes: int, size: int) -> None:
        """So many prefixes (negative: fewer), of so many addresses each, are ``what`` from now on."""

    def happened(self, time: int, keys: Sequence[Key], what: str, number: int = 1) -> None:
        """Something happened; ``keys`` differ by their pool only."""

    def missed(self, time: int, instance: str, key: Key, reason: str, words: str, again: bool) -> None:
        """No reservation served an instance. Told ``again``, with the right reason, where the event of it follows."""

    def ended(self, stretch: Stretch) -> None:
        """A reservation ended, or goes on under another forecast."""


def first_time(transaction: Transaction, objects: Sequence[str] = OBJECTS) -> int | None:
    """Time of the first event about one of these kinds of object; None where there is none."""
    event = transaction.first_event(objects)
    return None if event is None else _Clock(transaction).right(event)


class _Clock:
    """Where a clock ran ahead and was set back later, everything that it stamped beyond that came before it."""

    def __init__(self, transaction: Transaction) -> None:
        self._corrections: list[tuple[int, int]] = []
        for number, right in reversed(transaction.clock_corrections()):
            latest = self._corrections[-1][1] if self._corrections else right
            # From the last to the first: the earliest of the right times from that one on.
            self._corrections.append((number, min(latest, right)))

    def right(self, event: Event) -> int:
        """When it happened. To be asked in the order of events."""
        while self._corrections and self._corrections[-1][0] <= event.id:
            self._corrections.pop()
        return min(event.time, self._corrections[-1][1]) if self._corrections else event.time


class Replay:
    """Tells a listener what the audit trail of a ledger holds.

    Args:
        listener: hears it.
        before: begin with the newest summary of what was earlier than this time (milliseconds); then the listener
            ``resume``s from that. None to begin with the first event.
    """

    def __init__(self, transaction: Transaction, listener: Listener, before: int | None = None) -> None:
        self._transaction, self._listener = transaction, listener
        self._state = State()
        # Not one that ends at that very time: something of that moment may be in it, and the rest not.
        summary = None if before is None else transaction.newest_summary(FORM, before)
        self.begins = 0 if summary is None else summary.event_id
        """Id of the event that the summary ends with; 0 without one."""
        self._told = self.begins
        if summary is not None:
            state, sums = json.loads(summary.data)
            self._state = State.load(state)
            listener.resume(self._state.time, self._state.levels(), sums)
        clock = _Clock(transaction)
        self._coming = ((clock.right(event), event) for event in transaction.stream_events(OBJECTS, self.begins))
        self._next = next(self._coming, None)

    def proceed(self, until: int | None = None) -> None:
        """Tells everything up to and with a moment; None, or one that is still to come, for the present."""
        end = self._transaction.now if until is None else min(until, self._transaction.now)
        while self._next is not None and self._next[0] <= end:
            self._step(self._next)
        self._advance(end)

    def summarise(self, most: int) -> Summary | None:
        """Tells the next ``most`` events, and sums up all that it told; None where nothing is new."""
        before = self._told
        for _number in range(most):
            if self._next is None:
                # What the others are about does not matter here.
                self._told = self._transaction.newest_event()
                break
            self._step(self._next)
        if self._told == before:
            return None
        # Nothing else that is due by now is told: the next event decides whether its time had come.
        sums = self._listener.dump()
        data = json.dumps([self._state.dump(), sums], separators=(",", ":"), ensure_ascii=False)
        return Summary(self._told, self._state.time, self._state.size + sum(map(len, sums)), data)

    def _step(self, coming: tuple[int, Event]) -> None:
        self._tell(*coming)
        self._told = coming[1].id
        self._next = next(self._coming, None)

    def _tell(self, time: int, event: Event) -> None:
        state = self._state
        if state.due and state.due[0][0] <= time:
            self._advance(time)
        state.time = time
        _number, _stamped, kind, thing, name, before, after = event
        if kind == RENAMED and before is not None and after is not None:
            self._renamed(json.loads(before)["name"], name, json.loads(after))
        elif thing == "instance":
            self._instance(kind, name, after)
        elif thing == "prefix":
            self._prefix(kind, name, event)
        elif kind == "ledger.clock_accepted":
            self._limit_rests()
        elif after is None:
            if thing == "reservation":
                self._reservation(kind, name, None)
        elif thing == "reservation":
            self._reservation(kind, name, json.loads(after))
        elif thing == "pool":
            pool = json.loads(after)
            state.pool_rest[name] = parse_duration(pool["quarantine"]) * 1000
            state.pool_place[name] = pool["location"]
        elif kind == "unexpected_scaling":
            self._missed(name, json.loads(after))
        elif thing == "traffic":
            self._traffic(kind, json.loads(after))

    # Time

    def _advance(self, time: int) -> None:
        """Lets everything happen that is due."""
        state = self._state
        while state.due and state.due[0][0] <= time:
            due, _order, place, item = heapq.heappop(state.due)
            state.time = max(state.time, due)
            if isinstance(item, Rest):
                if place is not None and state.rests.get(place) is item and item.until == due:
                    self._rested(place)
            elif state.reservations.get(item.name) is item:
                if item.expires_at == due:
                    self._end(item, "expired")
                elif item.starts_at == due and not item.begun:
                    old = item.levels()
                    item.pass_time(state.time)
                    item.begin()
                    self._shift(item, old)
        state.time = max(state.time, time)

    # Telling

    def _level(self, key: Key, what: str, prefixes: int, size: int) -> None:
        if prefixes >= 0 and what in _SEEN:
            self._state.seen[key.workload, key.location] = None
        self._listener.level(self._state.time, key, what, prefixes, size)

    def _happened(self, keys: Sequence[Key], what: str, number: int = 1) -> None:
        self._listener.happened(self._state.time, keys, what, number)

    def _shift(self, item: Standing, old: Counter[tuple[Key, str]]) -> None:
        new = item.levels()
        for key, what in {**old, **new}:
            number = new[key, what] - old[key, what]
            if number:
                self._level(key, what, number, item.size)

    def _set(self, place: Place, state: str | None) -> None:
        """Another state (None: no longer held) of a prefix that a reservation holds, where one does."""
        item = self._state.mapped.get(place)
        if item is None:
            return
        item.pass_time(self._state.time)
        # As ``levels_of`` has it; this comes with nearly every event.
        more = (state == RESERVED) - (item.prefixes[place] == RESERVED)
        if more:
            self._level(item.key(place.pool), "idle" if item.begun else "ahead", more, item.size)
        if state is not None:
            item.idle += more
            item.prefixes[place] = state
            return
        if item.begun:
            self._level(item.key(place.pool), "reserved", -1, item.size)
        del item.prefixes[place], self._state.mapped[place]
        item.recount()

    # Reservations

    def _reservation(self, kind: str, name: str, data: dict[str, Any] | None) -> None:
        state, word = self._state, kind.partition(".")[2]
        item = state.reservations.get(name)
        if data is None:
            if item is not None:
                self._end(item, word)
            return
        old: Counter[tuple[Key, str]] = Counter()
        if item is None:
            family = int(data["family"][-1])
            size = 1 << (FAMILY_BITS[family] - data["prefix_length"])
            item = Standing(name, data["workload"], data["location"], family, size, noted=state.time)
            state.add(item)
        else:
            old = item.levels()
            item.pass_time(state.time)
            for place in item.prefixes:
                del state.mapped[place]
        item.instances = data["instances"]
        item.prefixes = {Place(pool, cidr): condition for pool, cidr, condition in told_prefixes(data)}
        self._take_over(item)
        for place, condition in item.prefixes.items():
            state.mapped[place] = item
            if condition == RESTING and place not in state.rests:
                item.prefixes[place] = RESERVED
        item.recount()
        item.note_places(state.pool_place)
        self._set_time(item, data)
        self._shift(item, old)
        self._happened(item.keys(), f"reservations_{word}")

    def _set_time(self, item: Standing, data: dict[str, Any]) -> None:
        """When it begins and ends, and by whose forecast."""
        forecast = data.get("forecast_id"), data.get("confidence")
        if forecast != (item.forecast_id, item.confidence):
            self._stretch(item, "replanned")
            item.forecast_id, item.confidence = forecast
            item.since = self._state.time
        starts_at, expires_at = milliseconds(data["starts_at"]), milliseconds(data["expires_at"])
        if starts_at != item.starts_at:
            self._state.expect(starts_at, item)
        if expires_at != item.expires_at:
            self._state.expect(expires_at, item)
        item.starts_at, item.expires_at = starts_at, expires_at
        if starts_at > self._state.time:
            item.begun = False
        elif not item.begun:
            item.begin()

    def _take_over(self, item: Standing) -> None:
        """A reservation that grows may get what another one of the same call gives up, of which is told only later."""
        others: dict[str, Standing] = {}
        for place in item.prefixes:
            other = self._state.mapped.get(place)
            if other is not None:
                others[other.name] = other
        for other in others.values():
            old = other.levels()
            other.pass_time(self._state.time)
            for place in other.prefixes.keys() & item.prefixes.keys():
                del other.prefixes[place], self._state.mapped[place]
            other.recount()
            self._shift(other, old)

    def _end(self, item: Standing, word: str) -> None:
        keys, old = item.keys(), item.levels()
        item.pass_time(self._state.time)
        self._stretch(item, word)
        for place in item.prefixes:
            del self._state.mapped[place]
        item.prefixes = {}
        self._shift(item, old)
        self._state.remove(item)
        self._happened(keys, f"reservations_{word}")

    def _stretch(self, item: Standing, word: str) -> None:
        found = item.stretch(word)
        if found is not None:
            self._listener.ended(found)

    # Instances

    def _instance(self, kind: str, name: str, after: str | None) -> None:
        item = self._state.instances.get(name)
        if after is None:
            if item is not None:
                self._deleted(item)
                self._retire(item)
        elif item is None:
            self._created(name, json.loads(after), counted=kind == "instance.created")
        elif kind == "instance.deleted":
            self._deleted(item)
        elif kind in ("instance.created", "instance.changed", "instance.moved") and not item.wanted:
            self._level(item.key, item.level, -1, item.size)
            item.wanted = True
            self._level(item.key, item.level, 1, item.size)
            self._count(item)

    def _created(self, name: str, data: dict[str, Any], counted: bool) -> None:
        family = int(data["family"][-1])
        place = Place(data["pool"], data["cidr"])
        key = self._instance_key(data)
        size = 1 << (FAMILY_BITS[family] - data["prefix_length"])
        # One that is imported may be on its way out already.
        item = Living(name, key, place, size, data["source"], data["status"] != RELEASING)
        self._state.instances[name] = item
        rest = self._state.rests.pop(place, None)
        if rest is not None:
            self._level(rest.key, "resting", -1, rest.size)
        self._set(place, ACTIVE)
        self._level(key, item.level, 1, size)
        if counted:
            self._count(item)

    def _instance_key(self, data: dict[str, Any]) -> Key:
        location = data["location"] or self._state.pool_place.get(data["pool"])
        return Key(data["pool"], int(data["family"][-1]), data["workload"], location)

    def _renamed(self, former: str, name: str, data: dict[str, Any]) -> None:
        """An adopted instance got its own name back, and perhaps its workload."""
        state = self._state
        item = state.instances.pop(former, None)
        if item is None:
            return
        self._level(item.key, item.level, -1, item.size)
        item.name, item.key = name, self._instance_key(data)
        self._level(item.key, item.level, 1, item.size)
        state.instances[name] = item
        if state.untold.pop(former, None) is not None:
            state.untold[name] = item

    def _count(self, item: Living) -> None:
        self._happened([item.key], "created")
        if item.source == SHADOW:
            self._happened([item.key], "hits")
        else:
            self._state.untold[item.name] = item
            self._happened([item.key], f"missed:{RETURNED}")
            self._listener.missed(self._state.time, item.name, item.key, RETURNED, _BACK, again=False)

    def _missed(self, workload: str, data: dict[str, Any]) -> None:
        """A miss counts for the pool that served it, and against those in which something was reserved for it."""
        item = self._state.untold.pop(data["instance"], None)
        if item is None:
            return
        reason, words = read_reason(data)
        self._happened([item.key], f"missed:{RETURNED}", -1)
        self._happened([item.key], f"missed:{reason}")
        self._listener.missed(self._state.time, item.name, item.key, reason, words, again=True)
        standing = self._state.by_workload.get(workload, {}).values()
        against = {pool for one in standing for pool in one.pools} - {item.key.pool}
        if against:
            self._happened([item.key._replace(pool=pool) for pool in sorted(against)], "against")

    def _deleted(self, item: Living) -> None:
        if item.wanted:
            self._state.untold.pop(item.name, None)
            self._level(item.key, item.level, -1, item.size)
            item.wanted = False
            self._level(item.key, item.level, 1, item.size)
            self._happened([item.key], "deleted")

    def _retire(self, item: Living) -> None:
        state, place = self._state, item.place
        del state.instances[item.name]
        self._give_up(place)
        rest = state.pool_rest.get(place.pool, 0)
        if not rest:
            self._level(item.key, "resting", -1, item.size)
            self._set(place, RESERVED)
            return
        self._rest(place, Rest(item.key, item.size, state.time + rest))

    # Quarantine

    def _prefix(self, kind: str, cidr: str, event: Event) -> None:
        if event.before is not None:
            if self._state.rests:
                self._rested(Place(json.loads(event.before)["pool"], cidr))
        elif kind == "prefix.imported" and event.after is not None:
            # After whose instance, or subnet, it rests is not known here. A reservation's own knows it as resting.
            data = json.loads(event.after)
            key = Key(data["pool"], 6 if ":" in cidr else 4, "", None)
            self._rest(Place(data["pool"], cidr), Rest(key, 0, milliseconds(data["until"])))

    def _rest(self, place: Place, rest: Rest) -> None:
        self._state.rests[place] = rest
        self._state.expect(rest.until, rest, place)
        self._set(place, RESTING)

    def _rested(self, place: Place) -> None:
        rest = self._state.rests.pop(place, None)
        if rest is not None:
            self._level(rest.key, "resting", -1, rest.size)
            self._give_up(place)
            self._set(place, RESERVED)

    def _limit_rests(self) -> None:
        """A clock that ran ahead was set back: what was to rest for longer than its pool has it now, rests so long."""
        state = self._state
        for place, rest in state.rests.items():
            latest = state.time + state.pool_rest.get(place.pool, 0)
            if rest.until > latest:
                rest.until = latest
                state.expect(latest, rest, place)

    def _give_up(self, place: Place) -> None:
        """A reservation that was made smaller lets go of a prefix as soon as no instance has it."""
        mapped = self._state.mapped.get(place)
        if mapped is not None and len(mapped.prefixes) > mapped.instances:
            self._set(place, None)

    # Traffic

    def _traffic(self, kind: str, data: dict[str, Any]) -> None:
        family = 6 if ":" in data["cidr"] else 4
        keys = [Key(data["pool"], family, data["workload"] or "", data["location"])]
        if kind == AHEAD:
            self._happened(keys, "packets_ahead", data["packets"])
        elif kind == UNRESERVED:
            self._happened(keys, "packets_unreserved", data["packets"])
        elif kind == IDLE:
            self._happened(keys, "instances_idle")


def milliseconds(text: str) -> int:
    """Of a time as the ledger shows it."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)
