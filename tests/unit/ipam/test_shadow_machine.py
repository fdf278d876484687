# SPDX-License-Identifier: GPL-3.0-or-later
"""Reservations, instances and lending on a real ledger under a clock that the test moves, against the oracle.

A longer run: ``SHADOWNET_EXAMPLES=2000 pytest tests/unit/ipam/test_shadow_machine.py``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from copy import deepcopy
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam import instances, lifecycle
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.desired import desired_config
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservations import (
    EVERYTHING,
    NOTHING,
    SAME_WORKLOADS,
)
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger import free_space
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.addresses import format_block
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import AllocationRefused, InvalidInput

from .desk import Desk
from .shadow_oracle import Instance, Mapped, Net, Pool, Reservation, Rest, ShadowOracle, addresses, parse

WINDOW = free_space._WINDOW
EXAMPLES = int(os.environ.get("SHADOWNET_EXAMPLES", "40"))

# Name of a reservation: workload, family, prefix length, node.
RESERVATIONS: dict[str, tuple[str, int, int, str | None]] = {
    "a": ("web", 4, 32, None),
    "b": ("web", 4, 31, "n1"),
    "c": ("db", 4, 32, "n2"),
    "d": ("db", 6, 128, None),
    "e": ("web", 4, 32, "n1"),
    "f": ("db", 4, 30, None),
}
# Name of an instance: workload, family, node, and whether its node has a route to it.
INSTANCES: dict[str, tuple[str, int, str | None, bool]] = {
    "w1": ("web", 4, None, False),
    "w2": ("web", 4, "n1", True),
    "w3": ("web", 4, "n2", True),
    "w4": ("web", 4, "n1", False),
    "w5": ("web", 4, None, False),
    "d1": ("db", 4, "n2", True),
    "d2": ("db", 6, "n1", True),
    "d3": ("db", 6, None, False),
    "d4": ("db", 4, None, False),
}
SUBNETS = ["s1", "s2", "s3", "s4", "s5", "x0", "x1"]
# Neighbours, one prefix as long as what is reserved, and the last addresses of all.
SPACE = {
    "sha": ["10.0.0.0/29", "10.0.0.8/30", "10.0.0.12/32", "2001:db8::/126"],
    "shb": ["255.255.255.240/28", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc/126"],
    "pro": ["10.1.0.0/30", "2001:db8:1::/126"],
}
EXCLUDED = ["10.0.0.0-10.0.0.1", "10.0.0.5", "255.255.255.255", "2001:db8::/127", "10.0.0.8/30"]
# Most begin at once and stay for a while, or else nothing would ever come for them.
WINDOWS = st.tuples(st.sampled_from([None, None, -10, 0, 50]), st.sampled_from([5000, 5000, 400, 100, 40, -5]))
WISHES = st.fixed_dictionaries(
    {
        "name": st.sampled_from(sorted(RESERVATIONS)),
        "instances": st.sampled_from([0, 1, 1, 2, 2, 3, 3, 4, 6, 9]),
        "window": WINDOWS,
        "confidence": st.sampled_from([None, 0.2, 0.5, 0.9]),
        "instance_names": st.lists(st.sampled_from(sorted(INSTANCES)), max_size=3, unique=True),
    }
)


def split(text: str) -> list[Net]:
    """What an entry of ``excluded`` means, as prefixes."""
    low, dash, high = text.partition("-")
    if not dash:
        return [parse(low)]
    first = parse(low)
    return [parse(str(first.network_address + n)) for n in range(int(parse(high)[0]) - int(first[0]) + 1)]


class Shadow(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="shadownet-test-", dir=memory))
        self.desk = Desk(self.folder / "ledger.db")
        self.oracle = ShadowOracle()
        self.configs: dict[str, tuple[int, Any]] = {}
        self.reclaimed = 0
        self.partial = False

    def teardown(self) -> None:
        free_space._WINDOW = WINDOW
        self.sweep_at_most(None)
        self.desk.close()
        shutil.rmtree(self.folder)

    def sweep_at_most(self, number: int | None) -> None:
        """How much of what ran out each call moves on; it must make no difference to anybody."""
        self.partial = number is not None
        lifecycle.expire.__defaults__ = (number or lifecycle.SWEEP,)
        instances.SHORT_SWEEP = number or lifecycle.SHORT_SWEEP

    @property
    def now(self) -> int:
        return self.desk.seconds

    @initialize(data=st.data())
    def declare(self, data: st.DataObject) -> None:
        free_space._WINDOW = data.draw(st.sampled_from([1, 2, 256]), label="window")
        self.sweep_at_most(data.draw(st.sampled_from([None, None, 1, 3]), label="swept by each call"))
        for name, space in SPACE.items():
            shadow = name != "pro"
            prefixes = data.draw(st.lists(st.sampled_from(space), min_size=1 + shadow, unique=True), label=name)
            excluded = [
                text
                for text in data.draw(st.lists(st.sampled_from(EXCLUDED), max_size=2, unique=True), label="excluded")
                if any(
                    net.version == own.version and net.overlaps(own)
                    for net in split(text)
                    for own in map(parse, prefixes)
                )  # type: ignore[arg-type]
            ]
            options: dict[str, Any] = {"quarantine": data.draw(st.sampled_from([0, 60, 60, 600]), label="quarantine")}
            if shadow:
                options["lend"] = data.draw(st.sampled_from([True, True, False]), label="lend")
                options["workload_cap"] = data.draw(st.sampled_from([None, None, None, 0.29, 0.7]), label="cap")
                if not options["lend"]:
                    options["strategy"] = data.draw(st.sampled_from(["first_fit", "best_fit", "round_robin"]))
            self.desk.pool(name, *prefixes, excluded=excluded, kind="shadow" if shadow else "provider", **options)
            cap = options.get("workload_cap")
            self.oracle.pools[name] = Pool(
                name,
                sorted((parse(text) for text in prefixes), key=lambda net: (net.version, int(net[0]))),
                [net for text in excluded for net in split(text)],
                shadow,
                bool(options.get("lend")),
                options["quarantine"],
                None if cap is None else Fraction(str(cap)),
            )

        # A history begins in the middle of things, or else most would end before anything has happened.
        for wish in data.draw(st.lists(WISHES, min_size=2, max_size=4), label="reserved at first"):
            self.make([wish], NOTHING)
        for name in data.draw(st.lists(st.sampled_from(sorted(INSTANCES)), max_size=5, unique=True), label="there"):
            self.come(name, True)
        for wish in data.draw(st.lists(WISHES, max_size=3), label="reserved again"):
            if self.oracle.reservations:
                self.make([{**wish, "name": data.draw(st.sampled_from(sorted(self.oracle.reservations)))}], NOTHING)
        for _turn in range(data.draw(st.integers(0, 3), label="borrowings")):
            self.borrow(data)

    # -- reservations

    @rule(
        wishes=st.lists(WISHES, min_size=1, max_size=2, unique_by=lambda item: str(item["name"])),
        others=st.sampled_from([NOTHING, NOTHING, NOTHING, SAME_WORKLOADS, EVERYTHING]),
    )
    def reserve(self, wishes: list[dict[str, Any]], others: str) -> None:
        self.make(wishes, others)

    def make(self, wishes: list[dict[str, Any]], others: str) -> None:
        trial = deepcopy(self.oracle)
        trial.sweep(self.now)
        items = [self.asked(wish, trial) for wish in wishes]
        before = self.desk.content()
        try:
            outcomes = self.desk.reserve(*items, others=others)
        except InvalidInput:
            windows = [wish["window"] for wish in wishes]
            twice = len(wishes) == 2 and set(wishes[0]["instance_names"]) & set(wishes[1]["instance_names"])
            assert (
                twice
                or any(begins is not None and ends <= begins for begins, ends in windows)
                or all(ends <= 0 for begins, ends in windows)
                or any(
                    begins is None
                    and wish["name"] in trial.reservations
                    and trial.reservations[wish["name"]].begins >= self.now + ends
                    for wish, (begins, ends) in zip(wishes, windows, strict=True)
                )
            )
            assert self.desk.content() == before
            return
        except AllocationRefused:
            assert self.desk.content() == before
            if len(wishes) == 1:
                self.end_others(trial, wishes, others)
                self.refused_rightly(trial, wishes[0])
            return
        kept = [wish for wish in wishes if wish["window"][1] > 0]
        assert [outcome.name for outcome in outcomes if outcome.over] == [
            wish["name"] for wish in wishes if wish not in kept
        ]
        self.end_others(trial, wishes, others)
        for wish in kept:
            self.shrunk(trial, wish)
        for wish, outcome in zip(wishes, outcomes, strict=False):
            if wish in kept:
                self.grown(trial, wish, outcome.after)
        self.oracle = trial

    @precondition(lambda self: self.oracle.reservations)
    @rule(data=st.data(), wish=WISHES)
    def reserve_again(self, data: st.DataObject, wish: dict[str, Any]) -> None:
        name = data.draw(st.sampled_from(sorted(self.oracle.reservations)), label="again")
        self.make([{**wish, "name": name}], NOTHING)

    def asked(self, wish: dict[str, Any], trial: ShadowOracle) -> dict[str, Any]:
        workload, family, length, node = RESERVATIONS[wish["name"]]
        begins, ends = wish["window"]
        wish["instance_names"] = wish["instance_names"][: wish["instances"]]
        item = {key: wish[key] for key in ("name", "instances", "confidence", "instance_names")}
        item |= {"workload": workload, "family": f"ipv{family}", "prefix_length": length, "ends": ends}
        if begins is not None:
            item["begins"] = begins
        if node is not None:
            item["node"] = node
        return {key: value for key, value in item.items() if value is not None}

    def end_others(self, trial: ShadowOracle, wishes: list[dict[str, Any]], others: str) -> None:
        names = {wish["name"] for wish in wishes}
        workloads = {RESERVATIONS[name][0] for name in names}
        for item in list(trial.reservations.values()):
            if item.name not in names and (
                others == EVERYTHING or (others == SAME_WORKLOADS and item.workload in workloads)
            ):
                del trial.reservations[item.name]

    def draft(self, trial: ShadowOracle, wish: dict[str, Any]) -> Reservation:
        workload, family, length, node = RESERVATIONS[wish["name"]]
        begins, ends = wish["window"]
        item = trial.reservations.get(wish["name"])
        if item is None:
            trial.serial += 1
            item = Reservation(wish["name"], workload, family, length, 0, self.now, 0, 0.0, node, 0)
        item.begins = item.begins if begins is None else self.now + begins
        item.ends, item.confidence, item.instances = self.now + ends, wish["confidence"] or 0.0, wish["instances"]
        return item

    def refused_rightly(self, trial: ShadowOracle, wish: dict[str, Any]) -> None:
        item = self.draft(trial, wish)
        lacking = item.instances - len(item.held)
        assert lacking > 0
        assert trial.room(item) < lacking, "there was room"

    def shrunk(self, trial: ShadowOracle, wish: dict[str, Any]) -> None:
        """What the ledger took away on shrinking: checked once it is known, by ``grown``."""
        item = self.draft(trial, wish)
        if item.name not in trial.reservations:
            return
        surplus = len(item.held) - item.instances
        idle = [one for one in item.held if one.state == "reserved"]
        if surplus > 0:
            there = {net for net, _state, _name in self.mapped(item.name)}
            gone = [one for one in idle if one.net not in there]
            assert len(gone) == min(surplus, len(idle))
            stay = [one for one in idle if one.net in there]
            if any(one.predicted in wish["instance_names"] for one in gone):
                assert all(one.predicted in wish["instance_names"] for one in stay)
            item.held = [one for one in item.held if one not in gone]

    def grown(self, trial: ShadowOracle, wish: dict[str, Any], after: dict[str, Any]) -> None:
        item = self.draft(trial, wish)
        new = item.name not in trial.reservations
        trial.reservations[item.name] = item
        if new:
            item.serial = self.desk.rows("SELECT id FROM reservation WHERE name = ?", item.name)[0][0]
        shown = {parse(one["cidr"]): one for one in after["prefixes"]}
        old = {one.net: one for one in item.held}
        assert set(old) <= set(shown), "a prefix was taken away"
        lacking = max(0, item.instances - len(old))
        added = [net for net in shown if net not in old]
        assert len(added) == lacking
        self.placed_rightly(trial, item, added, {net: shown[net]["pool"] for net in added})
        item.held += [Mapped(net, shown[net]["pool"]) for net in added]
        self.named_rightly(trial, item, wish["instance_names"], shown)

    def placed_rightly(self, trial: ShadowOracle, item: Reservation, added: list[Net], place: dict[Net, str]) -> None:
        """In one pool if one has the room, else each as far as it goes; in one run if that is to be had."""
        own = {one.pool for one in item.held}
        order = sorted((pool for pool in trial.pools.values() if pool.shadow), key=lambda pool: pool.name not in own)
        counts = Counter(place.values())
        rooms = {}
        for pool in order:
            reservable = trial.reservable(pool, item.family, item.length)
            assert {net for net in added if place[net] == pool.name} <= set(reservable)
            cap = trial.cap_room(pool, item)
            assert cap is None or counts[pool.name] <= cap, "over the cap"
            if not any(net.version == item.family and net.prefixlen < item.length for net in pool.prefixes):
                reservable = []
            rooms[pool.name] = len(reservable) if cap is None else min(cap, len(reservable))
        if not added:
            return
        whole = [pool for pool in order if rooms[pool.name] >= len(added)]
        if not whole:
            left = len(added)
            for pool in order:
                assert counts[pool.name] == min(left, rooms[pool.name])
                left -= counts[pool.name]
            return
        assert set(counts) == {whole[0].name}
        around = item.length - (len(added) - 1).bit_length()
        if not item.held and trial.fitting(whole[0], trial.free(whole[0], item.family), item.family, around):
            aside = [net for net in whole[0].prefixes if net.prefixlen == item.length]
            if any(
                not set(net.subnets(new_prefix=item.length)) & set(aside)
                for net in trial.fitting(whole[0], trial.free(whole[0], item.family), item.family, around)
            ):
                starts = sorted(int(net.network_address) for net in added)
                size = added[0].num_addresses
                assert starts == list(range(starts[0], starts[0] + size * len(starts), size)), "not in one run"

    def named_rightly(
        self, trial: ShadowOracle, item: Reservation, names: list[str], shown: dict[Net, dict[str, Any]]
    ) -> None:
        held = {one.net for one in item.held}
        present = {one.name for one in trial.instances.values() if one.net in held and trial.pools[one.pool].shadow}
        wanted = [name for name in names if name not in present]
        kept: list[str] = []
        spare = []
        for one in item.held:
            if one.state != "active" and one.predicted in wanted and one.predicted not in kept:
                kept.append(one.predicted)
            elif one.state == "reserved":
                spare.append(one)
        waiting = [name for name in wanted if name not in kept][: len(spare)]
        for one in item.held:
            told = shown[one.net]["instance"]
            assert one in spare or told == one.predicted, "a name lost its prefix"
            one.predicted = told
        assert sorted(one.predicted for one in spare if one.predicted) == sorted(waiting)

    @rule(name=st.sampled_from(sorted(RESERVATIONS)))
    def withdraw(self, name: str) -> None:
        self.oracle.sweep(self.now)
        (outcome,) = self.desk.withdraw(name)
        assert (outcome.before is not None) == (name in self.oracle.reservations)
        self.oracle.reservations.pop(name, None)

    # -- instances

    @rule(name=st.sampled_from(sorted(INSTANCES)), dynamic=st.booleans())
    def create(self, name: str, dynamic: bool) -> None:
        self.come(name, dynamic)

    def come(self, name: str, dynamic: bool) -> None:
        workload, family, node, routed = INSTANCES[name]
        oracle = self.oracle
        trial = deepcopy(oracle)
        trial.sweep(self.now)
        there = trial.instances.get(name)
        expected = trial.expected(name, workload, node, family, self.now)
        provider, whole = trial.pools["pro"], 32 if family == 4 else 128
        resting = [
            rest.net
            for rest in trial.rests
            if rest.name == name and rest.pool == "pro" and rest.net.version == family and rest.net.prefixlen == whole
        ]
        fitting = trial.fitting(provider, trial.free(provider, family), family, whole)
        must = there is not None or bool(expected) or bool(resting) or (dynamic and bool(fitting))
        options: dict[str, Any] = {"family": family, "node": node, "dynamic": dynamic}
        if routed:
            options["interface"] = f"tap-{name}"
        before = self.desk.content()
        if not must:
            with pytest.raises(AllocationRefused):
                self.desk.create(name, workload, **options)
            assert self.desk.content() == before
            return
        created = self.desk.create(name, workload, **options)
        self.oracle = trial
        item, net = created.instance, parse(format_block(created.instance.block))
        if there is not None:
            assert net == there.net
            if not there.wanted:
                there.wanted, there.status = True, "pending" if routed else "active"
            there.revision = item.revision
            return
        pool = next(row[0] for row in self.desk.rows("SELECT name FROM pool WHERE id = ?", item.pool_id))
        if created.missed is not None:
            assert not expected
            assert not resting
            self.missed_rightly(created.missed, workload, node, family)
            assert (item.source, pool) == ("dynamic", "pro")
            assert net in fitting
        else:
            assert net in (expected | set(resting))
            assert item.source == ("shadow" if trial.pools[pool].shadow else "dynamic")
        trial.rests = [rest for rest in trial.rests if rest.net != net or rest.pool != pool]
        found = trial.mapping(net)
        if found is not None:
            found[1].state = "active"
        status = "pending" if routed else "active"
        trial.instances[name] = Instance(
            name, workload, net, pool, item.source, node, routed, True, status, item.revision
        )

    def missed_rightly(self, missed: str, workload: str, node: str | None, family: int) -> None:
        own = [item for item in self.oracle.reservations.values() if item.workload == workload]
        if not own:
            assert missed.startswith("none:")
        for item in own:
            if item.begins > self.now:
                word = "not begun"
            elif None not in (item.node, node) and item.node != node:
                word = "node"
            else:
                word = "exhausted" if item.family == family else "family"
            assert f"{item.name}: {word}" in missed

    @precondition(lambda self: self.oracle.reservations)
    @rule(data=st.data())
    def create_what_is_reserved(self, data: st.DataObject) -> None:
        workloads = {(one.workload, one.family) for one in self.oracle.reservations.values()}
        names = sorted(name for name, spec in INSTANCES.items() if spec[:2] in workloads)
        self.come(data.draw(st.sampled_from(names), label="comes"), True)

    @precondition(lambda self: self.oracle.instances)
    @rule(data=st.data())
    def delete_one_that_is_there(self, data: st.DataObject) -> None:
        self.go(data.draw(st.sampled_from(sorted(self.oracle.instances)), label="goes"))

    @rule(name=st.sampled_from(sorted(INSTANCES)))
    def delete(self, name: str) -> None:
        self.go(name)

    def go(self, name: str) -> None:
        moved = self.desk.delete(name)
        one = self.oracle.instances.get(name)
        assert (moved is None) == (one is None)
        if one is None or moved is None:
            return
        if not one.routed:
            self.oracle.retire(name, self.now)
        elif one.wanted:
            one.wanted, one.status, one.revision = False, "releasing", moved.instance.revision

    @precondition(lambda self: any(one.routed for one in self.oracle.instances.values()))
    @rule(data=st.data(), ok=st.booleans())
    def node_answers(self, data: st.DataObject, ok: bool) -> None:
        node = data.draw(
            st.sampled_from(sorted({str(one.node) for one in self.oracle.instances.values() if one.routed}))
        )
        newest = self.desk.rows("SELECT revision FROM node WHERE name = ?", node)[0][0]
        revision = data.draw(st.sampled_from(range(newest + 1)), label="revision")
        self.desk.answer(node, revision, ok, "no such device")
        for one in [one for one in self.oracle.instances.values() if one.node == node and one.routed]:
            if one.status == "active" or one.revision > revision or not ok:
                continue
            if one.wanted:
                one.status = "active"
            else:
                self.oracle.retire(one.name, self.now)

    # -- subnets

    @rule(name=st.sampled_from(SUBNETS), family=st.sampled_from([4, 4, 6]), more=st.integers(0, 3))
    def request(self, name: str, family: int, more: int) -> None:
        if name not in self.oracle.subnets:
            self.ask(name, family, (29 if family == 4 else 125) + more)

    @precondition(lambda self: self.oracle.reservations)
    @rule(data=st.data())
    def request_what_only_a_reservation_can_give(self, data: st.DataObject) -> None:
        self.borrow(data)

    def borrow(self, data: st.DataObject) -> None:
        trial = deepcopy(self.oracle)
        trial.sweep(self.now)
        sizes = [
            (family, length)
            for family, lengths in ((4, range(28, 33)), (6, range(126, 129)))
            for length in lengths
            if not trial.fitting(trial.pools["pro"], trial.free(trial.pools["pro"], family), family, length)
            and (trial.lent(length, family) or ("", "", {}))[2]
        ]
        names = sorted({f"x{number}" for number in range(9)} - set(trial.subnets))
        if sizes and names:
            self.ask(names[0], *data.draw(st.sampled_from(sizes), label="size"))

    def ask(self, name: str, family: int, length: int) -> None:
        trial = deepcopy(self.oracle)
        trial.sweep(self.now)
        provider = trial.pools["pro"]
        resting = [r.net for r in trial.rests if (r.name, r.pool) == (name, "pro") and r.net.prefixlen == length]
        fitting = trial.fitting(provider, trial.free(provider, family), family, length)
        lent = None if resting or fitting else trial.lent(length, family)
        before = self.desk.content()
        ask = {"name": name, "prefix_length": length, "family": f"ipv{family}"}
        if not (resting or fitting or lent):
            with pytest.raises(AllocationRefused):
                self.desk.ask(ask)
            assert self.desk.content() == before
            return
        (shown,) = self.desk.ask(ask)
        net = parse(shown["cidr"])
        self.oracle = trial
        trial.subnets[name] = (net, shown["pool"])
        if resting:
            assert net in resting
            trial.rests = [rest for rest in trial.rests if rest.net != net]
        elif fitting:
            assert net in fitting
            assert shown["pool"] == "pro"
        else:
            assert lent is not None
            assert (net, shown["pool"]) == lent[:2]
            for loser, nets in lent[2].items():
                self.reclaimed += 1
                item = trial.reservations[loser]
                item.held = [one for one in item.held if one.net not in nets]
                item.instances = max(0, item.instances - len(nets))
                if not item.held:
                    del trial.reservations[loser]

    @rule(name=st.sampled_from(SUBNETS))
    def release(self, name: str) -> None:
        self.oracle.sweep(self.now)
        self.desk.release(name)
        found = self.oracle.subnets.pop(name, None)
        if found is not None and self.oracle.pools[found[1]].quarantine:
            self.oracle.rests.append(Rest(*found, name, self.now + self.oracle.pools[found[1]].quarantine))

    # -- time

    @rule(seconds=st.sampled_from([1, 9, 41, 61, 61, 110, 601]))
    def time_passes(self, seconds: int) -> None:
        self.desk.seconds += seconds

    @rule()
    def everything_is_swept(self) -> None:
        self.desk.withdraw("nobody")
        self.oracle.sweep(self.now)
        self.compare()

    # -- what must hold

    def mapped(self, name: str) -> list[tuple[Net, str, str | None]]:
        with self.desk.ledger.snapshot() as transaction:
            item = transaction.reservation_named(name)
            held = [] if item is None else transaction.reserved_of(item.id)
        return [(parse(format_block(one.block)), one.state, one.predicted) for one in held]

    @invariant()
    def the_books_are_the_same(self) -> None:
        assert self.desk.problems() == []
        if not self.partial:
            self.compare()

    def compare(self) -> None:
        oracle = self.oracle
        for pool in oracle.pools.values():
            there = sorted(item for item in self.desk.occupied(pool.name) if item[1] != "excluded")
            used = list(oracle.used(pool.name))
            assert there == sorted((str(net), kind) for net, kind in used)
            assert sum(net.num_addresses for net, kind in used) == len(addresses(net for net, kind in used)), "overlap"
            free = addresses(parse(text) for text in self.desk.free(pool.name))
            assert free == oracle.free(pool, 4) | oracle.free(pool, 6)
        rows = self.desk.rows("SELECT name, instances, starts_at, expires_at FROM reservation ORDER BY name")
        assert rows == [
            (item.name, item.instances, item.begins * 1000, item.ends * 1000)
            for item in sorted(oracle.reservations.values(), key=lambda one: one.name)
        ]
        for item in oracle.reservations.values():
            assert sorted(self.mapped(item.name), key=str) == sorted(
                ((one.net, one.state, one.predicted) for one in item.held), key=str
            )
        assert self.desk.rows("SELECT name, source, status, wanted FROM instance ORDER BY name") == [
            (one.name, one.source, one.status, int(one.wanted))
            for one in sorted(oracle.instances.values(), key=lambda one: one.name)
        ]
        assert len(self.desk.rows("SELECT 1 FROM event WHERE kind = 'reservation.reclaimed'")) == self.reclaimed

    @invariant()
    def nodes_are_told_what_changes_and_never_lack_a_floor(self) -> None:
        trial = deepcopy(self.oracle)
        trial.sweep(self.now)
        for node in ("n1", "n2") if not self.partial else ():
            with self.desk.ledger.transaction("test", check=True) as transaction:
                desired = desired_config(transaction, node)
            routes = {(parse(route.prefix), route.type): route for route in desired.config.routes}
            active = {net for net, kind in routes if kind != "blackhole"}
            holes = {net for net, kind in routes if kind == "blackhole"}
            own = [one for one in trial.instances.values() if one.node == node and one.routed and one.wanted]
            assert active == {one.net for one in own}
            for one in own:
                if one.source == "shadow":
                    assert any(
                        hole.prefixlen < one.net.prefixlen and one.net in _inside(hole, one.net) for hole in holes
                    )
            reserved = addresses(m.net for item in trial.reservations.values() if item.node == node for m in item.held)
            floors = {net for pool in trial.pools.values() if pool.shadow for net in pool.prefixes}
            assert reserved <= addresses(holes)
            assert addresses(holes - floors) <= reserved, "a blackhole on what is not reserved there"
            revision = desired.node.revision
            told = sorted(desired.config.routes, key=str)
            last = self.configs.get(node)
            assert last is None or last[1] == told or last[0] < revision, "changed without a new revision"
            stored = self.desk.rows("SELECT revision FROM node WHERE name = ?", node)
            if stored and stored[0][0] == revision:
                # Else something ran out, and the trial that moved it on is forgotten.
                self.configs[node] = (revision, told)


def _inside(outer: Net, net: Net) -> list[Net]:
    same = outer.version == net.version and addresses([net]) <= addresses([outer])
    return [net] if same else []


TestShadow = Shadow.TestCase
TestShadow.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=50,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
