# SPDX-License-Identifier: GPL-3.0-or-later
"""Eight processes create, move and delete the same instances at random: nothing is left over, and all agree after."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.pools import declare_pools
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import NodeError
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.assign import Assigner
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.assign_dhcp import DhcpAssigner
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab

from .book import POOLS, Book
from .test_active_routes import routes, vm
from .test_crashes_leases import KeaWorld, world

__all__ = ["world"]

pytestmark = [pytest.mark.netns, pytest.mark.slow]

PROCESSES, NAMES = 8, 20
SECONDS = float(os.environ.get("STORM_SECONDS", "8"))
"""Of each test. Set it to more in the environment for a longer attack."""
EXPECTED = ("was deleted by somebody else while it was created",)
"""What a caller is told whose instance another process deleted just then."""


def _at_random(path: Path, names: dict[str, str], seed: int, seconds: float, told: Any, kea: str | None = None) -> None:
    dice = random.Random(seed)
    problems: Counter[str] = Counter()
    calls = 0
    try:
        with Ledger(path) as ledger, _manager(ledger, names, kea) as manager:
            for node in ("fe1", "fe2"):
                manager.reconcile(node)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                calls += 1
                try:
                    _one(manager, names, dice, kea is not None)
                except NodeError as error:
                    if not any(one in str(error) for one in EXPECTED):
                        problems[repr(error)] += 1
            for node, why in manager.problems.items():
                problems[f"{node}: {why!r}"] += 1
    except BaseException as error:  # noqa: BLE001  # whatever it is, the parent tells it
        problems[repr(error)] += 1
    told.put((calls, problems))


def _manager(ledger: Ledger, names: dict[str, str], kea: str | None, background: bool = True) -> ActiveRouteManager:
    assigners: dict[str, Assigner] = {}
    if kea is not None:
        with ledger.snapshot() as transaction:
            assigners["dhcp"] = DhcpAssigner(transaction.ledger_id(), socket=kea)
    return ActiveRouteManager(
        ledger, lambda node: NetlinkTransport(names[node]), assigners=assigners, background=background
    )


def _one(manager: ActiveRouteManager, names: dict[str, str], dice: random.Random, leases: bool) -> None:
    which = dice.randrange(NAMES)
    name = f"web-{which}"
    if dice.random() < 0.4:
        manager.deleted(name)
        return
    number = dice.choice((1, 2))
    way: dict[str, Any] = {}
    if leases and dice.random() < 0.8:
        # Now and then another card.
        way = {"assign": "dhcp", "mac": f"52:54:00:00:{dice.random() < 0.2:02x}:{which:02x}"}
    elif dice.random() < 0.7:
        way = {"assign": "netlink", "netns": names[f"vm{number}"], "instance_interface": "eth0"}
    manager.created(vm(name, f"tap{number}", node=dice.choice(("fe1", "fe2")), **way))


def _second_node(lab: Lab) -> None:
    lab.add("fe2")
    for number in (1, 2):
        lab.join("fe2", f"tap{number}", f"vm{number}", "eth2")


def _check(book: Book, lab: Lab, kea: str | None = None) -> None:
    """Reconciled, ledger, routes and addresses agree; no instance has two routes, or an address where it is not."""
    with _manager(book.ledger, lab.names, kea, background=False) as manager:
        for node in ("fe1", "fe2") * 2:
            manager.reconcile(node)
        while manager.owed:
            manager.settle()
    wanted: dict[str, set[str]] = {"vm1": set(), "vm2": set()}
    active: list[tuple[str, str]] = []
    with book.ledger.snapshot() as transaction:
        for item in transaction.instances("wanted = 1"):
            address = f"10.200.0.{item.block.start & 255}"
            active.append((str(item.node), address))
            for short, addresses in wanted.items():
                if item.assign == "netlink" and item.netns == lab.names[short]:
                    addresses.add(address)
    there = [(node, one) for node in ("fe1", "fe2") for one, kind in routes(lab, node) if kind.startswith("tap")]
    assert sorted(there) == sorted(active)
    for short, addresses in wanted.items():
        found = lab.json(short, "ip", "-json", "-4", "address", "show", "dev", "eth0") or []
        assert {one["local"] for link in found for one in link.get("addr_info", [])} == addresses
    for node in ("fe1", "fe2"):
        transport = NetlinkTransport(lab.names[node])
        book.check_agreement(node, transport)
        transport.close()


def _prepare(book: Book) -> None:
    # Several processes on one node: without a quarantine, a route that comes late may be another instance's.
    with book.ledger.transaction() as transaction:
        declare_pools(transaction, [{**one, "quarantine": "1h"} for one in POOLS])
    book.reserve(NAMES)


def test_eight_processes_create_move_and_delete_the_same_instances(book: Book, lab: Lab) -> None:
    _second_node(lab)
    _prepare(book)
    context = get_context("fork")
    told = context.Queue()
    children = [
        context.Process(target=_at_random, args=(book.path, lab.names, seed, SECONDS, told))
        for seed in range(PROCESSES)
    ]
    for child in children:
        child.start()
    answers = [told.get(timeout=SECONDS + 120) for _child in children]
    for child in children:
        child.join()
    problems = sum((problems for _calls, problems in answers), Counter())
    print(sum(calls for calls, _problems in answers), "calls")
    assert not problems, problems
    _check(book, lab)


def test_processes_that_are_killed_at_any_moment_leave_no_route_and_no_hold_behind(book: Book, lab: Lab) -> None:
    _second_node(lab)
    _prepare(book)
    dice = random.Random(7)
    context = get_context("fork")
    told = context.SimpleQueue()
    end = time.monotonic() + SECONDS
    children: list[Any] = []
    seed = 0
    while time.monotonic() < end:
        while len(children) < PROCESSES:
            seed += 1
            child = context.Process(target=_at_random, args=(book.path, lab.names, seed, 3600.0, told))
            child.start()
            children.append(child)
        time.sleep(dice.uniform(0.1, 0.4))
        victim = children.pop(dice.randrange(len(children)))
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
    for child in children:
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    assert told.empty(), told.get()
    _flush_orphans(book, lab)
    _check(book, lab)


def test_eight_processes_beside_kea_and_a_reconciler(book: Book, lab: Lab, world: KeaWorld) -> None:
    _second_node(lab)
    _prepare(book)
    world.reconcile()
    context = get_context("fork")
    told = context.Queue()
    children = [
        context.Process(target=_at_random, args=(book.path, lab.names, seed, SECONDS, told, world.socket))
        for seed in range(PROCESSES)
    ]
    for child in children:
        child.start()
    answers = []
    while len(answers) < len(children):
        # Beside them, somebody else compares and repairs.
        world.reconcile()
        with suppress(Empty):
            answers.append(told.get(timeout=0.2))
    for child in children:
        child.join()
    problems = sum((problems for _calls, problems in answers), Counter())
    print(sum(calls for calls, _problems in answers), "calls")
    assert not problems, problems
    world.reconcile()
    _check(book, lab, world.socket)
    world.check()
    world.check_held(lab)


def _flush_orphans(book: Book, lab: Lab) -> None:
    """What a process may leave that is killed between giving an address and looking into the ledger again."""
    for short in ("vm1", "vm2"):
        lab.run(short, "ip", "address", "flush", "dev", "eth0")
