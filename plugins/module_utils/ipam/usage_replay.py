# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of shadow reservations and instances, told again from the audit trail as levels that rise and fall.

The ledger moves on what ran out when the next transaction meets it. Here a reservation begins and ends, and a
quarantine is over, at the very moment that was set, whether or not a transaction has come by since.

The tale of a window begins with the newest summary from before it (``usage_summary``), where there is one, and with the
first event where there is none; both tell the same.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterator, Sequence
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


class Listener:
    """Makes something of the tale. Times are milliseconds since the epoch and never fall."""

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
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._state = State()

    def run(self, transaction: Transaction, since: int = 0, until: int | None = None, *, whole: bool = False) -> None:
        """Tells what matters to a window: what stood before it, and what came then.

        Args:
            since: its beginning; what came earlier may be told as levels only.
            until: its end; None, or later than now, for the transaction's present.
            whole: begin with the first event all the same.
        """
        end = transaction.now if until is None else min(until, transaction.now)
        # Not with one that ends in the window's first moment: something in that moment may be part of it.
        summary = transaction.newest_summary(FORM, since) if since and not whole else None
        for time, event in self._events(transaction, summary):
            if time > end:
                break
            self._tell(time, event)
        self._advance(end)

    def summarise(self, transaction: Transaction, most: int) -> Summary | None:
        """What the newest summary and the next ``most`` events come to; None where nothing is new."""
        summary = transaction.newest_summary(FORM)
        told = last = summary.event_id if summary else 0
        number = 0
        for time, event in self._events(transaction, summary):
            self._tell(time, event)
            last, number = event.id, number + 1
            if number == most:
                break
        else:
            # What the others are about does not matter here.
            last = transaction.newest_event()
        # Nothing else that is due by now is told: the next event decides whether its time had come.
        return Summary(last, self._state.time, self._state.size, self._state.dump()) if last > told else None

    def _events(self, transaction: Transaction, summary: Summary | None) -> Iterator[tuple[int, Event]]:
        """What follows a summary, with the right times; before that the levels that it holds are told."""
        if summary is not None:
            self._state = State.load(summary.data)
            for level in self._state.levels():
                self._level(*level)
        clock = _Clock(transaction)
        for event in transaction.stream_events(OBJECTS, summary.event_id if summary else 0):
            yield clock.right(event), event

    def _tell(self, time: int, event: Event) -> None:
        self._advance(time)
        thing, kind, name, state = event.object, event.kind, event.name, self._state
        if kind == RENAMED and event.before is not None and event.after is not None:
            self._renamed(json.loads(event.before)["name"], name, json.loads(event.after))
        elif thing == "instance":
            self._instance(kind, name, event.after)
        elif thing == "prefix":
            self._prefix(kind, name, event)
        elif kind == "ledger.clock_accepted":
            self._limit_rests()
        elif event.after is None:
            if thing == "reservation":
                self._reservation(kind, name, None)
        elif thing == "reservation":
            self._reservation(kind, name, json.loads(event.after))
        elif thing == "pool":
            pool = json.loads(event.after)
            state.pool_rest[name] = parse_duration(pool["quarantine"]) * 1000
            state.pool_place[name] = pool["location"]
        elif kind == "unexpected_scaling":
            self._missed(name, json.loads(event.after))
        elif thing == "traffic":
            self._traffic(kind, json.loads(event.after))

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
        if what in _SEEN:
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
            del item.prefixes[place], self._state.mapped[place]
            item.recount()
        else:
            item.idle += (state == RESERVED) - (old == RESERVED)
            item.prefixes[place] = state

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
