# SPDX-License-Identifier: GPL-3.0-or-later
"""Pushes that are owed: each node in its own time, in a bounded number of threads that all end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.saga.settling import MOST, PATIENCE, Settler
from ansible_collections.shadownet.ipam.tests.integration.namespaces import wait_for

SOON = 20.0


class Nodes:
    """Nodes that answer at once, but for those that are silent until ``gate`` opens, and then fail."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.silent: set[str] = set()
        self.pushed: list[str] = []
        self.at_once = self.most = 0
        self._lock = threading.Lock()
        self._under_way: set[str] = set()

    def push(self, node: str) -> bool:
        with self._lock:
            assert node not in self._under_way, "twice at once"
            self._under_way.add(node)
            self.most = max(self.most, len(self._under_way))
        try:
            if node in self.silent:
                self.gate.wait(60)
                raise OSError("no answer")
            self.pushed.append(node)
            return True
        finally:
            with self._lock:
                self._under_way.discard(node)

    @property
    def waited_for(self) -> set[str]:
        with self._lock:
            return self._under_way & self.silent


@pytest.fixture
def nodes() -> Nodes:
    return Nodes()


def settler(push: Callable[[str], bool], background: bool = True, rest: float = 0.0) -> Settler:
    return Settler(push, background=background, delay=0.0, rest=rest)


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("shadownet-")]


def test_more_silent_nodes_than_threads_stop_no_other_once_they_are_known(nodes: Nodes) -> None:
    nodes.silent = {f"silent{number}" for number in range(3 * MOST)}
    made = settler(nodes.push)
    for node in sorted(nodes.silent):
        made.owe(node)
    wait_for(lambda: len(nodes.waited_for) == MOST, SOON, "as many as there are threads for")
    assert len(threads()) == MOST + 1
    nodes.gate.set()  # all of them fail once
    wait_for(lambda: set(made.problems) == nodes.silent, SOON, "all failures")
    nodes.gate.clear()
    wait_for(lambda: len(nodes.waited_for) == MOST // 2, SOON, "the second try")
    for number in range(5):
        made.owe(f"good{number}")
    wait_for(lambda: len(nodes.pushed) == 5, SOON, "the others")
    assert len(nodes.waited_for) == MOST // 2
    nodes.gate.set()
    made.close()
    assert threads() == []
    assert set(made.owed) == nodes.silent
    assert nodes.most <= MOST


def test_quick_pushes_take_turns_and_a_slow_one_lets_the_next_pass(nodes: Nodes) -> None:
    nodes.silent = {"silent"}
    made = settler(nodes.push)
    made.owe("silent")
    wait_for(lambda: bool(nodes.waited_for), SOON)
    began = time.monotonic()
    for number in range(20):
        made.owe(f"good{number}")
    wait_for(lambda: len(nodes.pushed) == 20, SOON)
    assert time.monotonic() - began > PATIENCE / 2
    assert nodes.most == 2, "one that is waited for, and one that works"
    assert nodes.pushed == [f"good{number}" for number in range(20)], "who waits longest is first"
    nodes.gate.set()
    made.close()


def test_close_waits_for_what_is_under_way_and_settle_pays_the_rest(nodes: Nodes) -> None:
    nodes.silent = {"silent"}
    made = settler(nodes.push)
    made.owe("silent")
    wait_for(lambda: bool(nodes.waited_for), SOON)
    closer = threading.Thread(target=made.close)
    closer.start()
    made.owe("good")
    closer.join(0.2)
    assert closer.is_alive()
    nodes.gate.set()
    closer.join(SOON)
    assert threads() == []
    assert nodes.pushed == []
    with pytest.raises(OSError, match="no answer"):
        made.settle()
    assert nodes.pushed == ["good"]
    assert made.owed == ["silent"]


def test_silent_nodes_cost_settle_the_time_of_one(nodes: Nodes) -> None:
    nodes.silent = {f"silent{number}" for number in range(MOST)}
    made = settler(nodes.push, background=False)
    for node in (*nodes.silent, "good"):
        made.owe(node)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(made.settle)
        wait_for(lambda: nodes.waited_for == nodes.silent, SOON, "all at once")
        nodes.gate.set()
        assert isinstance(asked.exception(SOON), OSError)
    assert nodes.pushed == ["good"]
    assert threads() == []


def test_a_push_by_somebody_else_pays_what_is_owed_unless_it_fails(nodes: Nodes) -> None:
    made = settler(nodes.push, background=False)
    made.owe("fe1")
    with pytest.raises(OSError, match="refused"), made.instead("fe1"):
        raise OSError("refused")
    assert made.owed == ["fe1"]
    with made.instead("fe1"):
        assert made.owed == []
    assert made.owed == []
    with made.instead("fe1"):
        made.owe("fe1")
    assert made.owed == ["fe1"], "what came meanwhile"


def test_pushes_rest_four_times_as_long_as_they_work() -> None:
    worked: list[float] = []

    def work(node: str) -> bool:
        began = time.thread_time()
        while time.thread_time() - began < 0.02:
            pass
        worked.append(time.monotonic())
        return True

    made = settler(work, rest=4.0)
    for number in range(4):
        made.owe(f"fe{number}")
    wait_for(lambda: len(worked) == 4, SOON)
    made.close()
    gaps = [after - before for before, after in pairwise(worked)]
    assert min(gaps) > 0.09, "20 ms of work and 80 ms of rest"


def test_where_no_thread_is_to_be_had_the_debt_stays_until_there_is(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = settler(nodes.push)
    plain = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", _no_thread)
    made.owe("fe1")
    made.settle()
    assert nodes.pushed == ["fe1"], "in the caller's thread"
    made.owe("fe1")
    made.owe("fe2")
    made.settle()
    assert nodes.pushed == ["fe1", "fe1", "fe2"], "one after the other"
    made.owe("fe3")
    monkeypatch.setattr(threading.Thread, "start", plain)
    made.owe("fe4")
    wait_for(lambda: sorted(nodes.pushed[3:]) == ["fe3", "fe4"], SOON)
    made.close()
    assert threads() == []


def _no_thread(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
