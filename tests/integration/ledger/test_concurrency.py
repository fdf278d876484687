# SPDX-License-Identifier: GPL-3.0-or-later
"""Many processes on one ledger file: nobody is refused, nothing is handed out twice, nothing acknowledged is lost."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from ipaddress import ip_network
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.allocate import allocate
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.lifecycle import release
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.maintenance import verify_ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.pools import declare_pools
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.requests import read_requests
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.views import find_subnets
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.addresses import format_block
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger

WRITERS, REQUESTS = 16, 200
FORK = get_context("fork")


def make(path: Path, quarantine: int = 0) -> None:
    with Ledger(path, create=True) as ledger, ledger.transaction("test") as transaction:
        declare_pools(transaction, [{"name": "p", "prefixes": ["10.0.0.0/12"], "quarantine": quarantine}])


def grant(ledger: Ledger, name: str, length: int) -> str:
    with ledger.transaction("test") as transaction:
        outcome = allocate(transaction, read_requests([{"name": name, "prefix_length": length}]))[0]
    return format_block(outcome.subnet.block)


def held(path: Path) -> dict[str, str]:
    """Prefix by name, after proof that the book is right and that no two overlap."""
    with Ledger(path) as ledger:
        assert verify_ledger(ledger) == []
        with ledger.snapshot() as transaction:
            found = {one["name"]: one["cidr"] for one in find_subnets(transaction, {})}
    nets = sorted(map(ip_network, found.values()))
    assert all(low[-1] < high[0] for low, high in pairwise(nets))  # type: ignore[operator]
    return found


def run_together(
    count: int, work: Callable[[int, Connection], None], seconds: float = 300
) -> list[list[tuple[str, str, float]]]:
    """What each of `count` processes sent, after all began at the same moment and ended well."""
    barrier = FORK.Barrier(count)

    def child(number: int, pipe: Connection) -> None:
        barrier.wait()
        work(number, pipe)
        pipe.close()

    pipes, children = [], []
    for number in range(count):
        ours, theirs = FORK.Pipe(duplex=False)
        children.append(FORK.Process(target=child, args=(number, theirs)))
        children[-1].start()
        theirs.close()
        pipes.append(ours)
    try:
        answers = [pipe.recv() for pipe in pipes]
        for process in children:
            process.join(seconds)
        assert [process.exitcode for process in children] == [0] * count
    finally:
        for process in children:
            process.kill()
            process.join()
    return answers


@pytest.mark.serial
@pytest.mark.slow
def test_sixteen_processes_with_200_requests_each_get_3200_different_prefixes(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    make(path)

    def work(number: int, pipe: Connection) -> None:
        got = []
        with Ledger(path) as ledger:
            for n in range(REQUESTS):
                began = time.monotonic()
                name = f"w{number}-{n}"
                got.append((name, grant(ledger, name, 26 + (number + n) % 5), time.monotonic() - began))
        pipe.send(got)

    began = time.monotonic()
    answers = run_together(WRITERS, work)
    took = time.monotonic() - began
    told = {one[0]: one[1] for answer in answers for one in answer}
    assert len(set(told.values())) == WRITERS * REQUESTS
    assert held(path) == told
    waits = sorted(one[-1] for answer in answers for one in answer)
    print(
        f"{WRITERS * REQUESTS} requests in {took:.1f} s; a request took {waits[len(waits) // 2] * 1000:.1f} ms "
        f"(median), {waits[int(len(waits) * 0.99)] * 1000:.0f} ms (99 of 100), {waits[-1] * 1000:.0f} ms (longest)"
    )
    # Nobody may starve: SQLite's own way to wait for the lock is not fair.
    assert waits[-1] < 10


def change_until_killed(path: Path, mark: str, acknowledge: int) -> None:
    """Allocates and releases without end; says each commit to the pipe before it goes on."""
    with Ledger(path) as ledger:
        mine: list[str] = []
        for n in range(10**6):
            if n % 4 == 3:
                name = mine.pop(random.randrange(len(mine)))
                with ledger.transaction("test") as transaction:
                    release(transaction, [name])
                said = [name, None]
            else:
                mine.append(f"{mark}-{n}")
                said = [mine[-1], grant(ledger, mine[-1], random.randint(26, 30))]
            os.write(acknowledge, json.dumps(said).encode() + b"\n")


@pytest.mark.serial
@pytest.mark.slow
def test_after_200_rounds_of_killed_writers_everything_acknowledged_is_there(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    make(path)
    expected: dict[str, str] = {}
    commits = 0
    for round_number in range(200):
        reader, writer = os.pipe()
        children = []
        for number in range(2):
            pid = os.fork()
            if pid == 0:
                try:
                    os.close(reader)
                    random.seed(f"{round_number} {number}")
                    change_until_killed(path, f"r{round_number}w{number}", writer)
                finally:
                    os._exit(1)
            children.append(pid)
        os.close(writer)
        time.sleep(random.uniform(0.01, 0.12))
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        killed = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
        assert killed == [-signal.SIGKILL] * 2, "a writer ended by itself"
        with os.fdopen(reader) as lines:
            for line in lines:
                name, cidr = json.loads(line)
                commits += 1
                if cidr is None:
                    del expected[name]
                else:
                    expected[name] = cidr
        now = held(path)
        # Each writer may have committed one change more than it had time to say.
        unsaid = {name for name in now.keys() ^ expected.keys() if name.startswith(f"r{round_number}w")}
        assert len(unsaid) <= 2
        assert now.keys() ^ expected.keys() == unsaid
        assert {name: cidr for name, cidr in now.items() if name not in unsaid} == {
            name: cidr for name, cidr in expected.items() if name not in unsaid
        }
        expected = now
        if len(expected) > 400:
            with Ledger(path) as ledger, ledger.transaction("test") as transaction:
                release(transaction, list(expected))
            expected = {}
    print(f"{commits} commits acknowledged in 200 rounds")
    assert commits > 1000
