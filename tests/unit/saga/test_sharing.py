# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that is shared: whoever asks gets an answer that began after he asked."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.saga.sharing import Shared
from ansible_collections.shadownet.ipam.tests.integration.namespaces import wait_for

SOON = 20.0


class Work:
    """Waits at a gate; answers how many times it was called, or raises what it is told to."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.calls: list[str] = []
        self.raises: list[BaseException] = []

    def do(self, name: str) -> int:
        self.calls.append(name)
        number = len(self.calls)
        self.gate.wait(60)
        if self.raises:
            raise self.raises.pop(0)
        return number


def _waiting(shared: Shared[int], name: str, count: int) -> bool:
    """Whether so many threads wait for the next work."""
    inside = sum(one.name.startswith("ask") for one in threading.enumerate())
    return inside >= count and name in shared._waiting


def test_who_comes_while_it_is_under_way_shares_the_next() -> None:
    work = Work()
    shared = Shared(work.do)
    with ThreadPoolExecutor(21, "ask") as pool:
        first = pool.submit(shared.do, "fe1")
        wait_for(lambda: work.calls == ["fe1"], SOON)
        others = [pool.submit(shared.do, "fe1") for _number in range(20)]
        wait_for(lambda: _waiting(shared, "fe1", 21), SOON)
        work.gate.set()
        assert first.result(SOON) == 1
        answers = {one.result(SOON) for one in others}
    assert 1 not in answers, "that began before they asked"
    assert len(work.calls) <= 3
    assert shared.do("fe1") == len(work.calls), "nobody is left over"


def test_names_do_not_wait_for_each_other() -> None:
    work = Work()
    shared = Shared(work.do)
    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(shared.do, name) for name in ("fe1", "fe2")]
        wait_for(lambda: sorted(work.calls) == ["fe1", "fe2"], SOON)
        work.gate.set()
        assert sorted(one.result(SOON) for one in tasks) == [1, 2]


def test_everybody_gets_the_error_and_the_next_begins_anew() -> None:
    work = Work()
    work.gate.set()
    work.raises = [ValueError("refused")]
    shared = Shared(work.do)
    with pytest.raises(ValueError, match="refused"):
        shared.do("fe1")
    assert shared.do("fe1") == 2


def test_an_interrupt_is_no_answer_for_the_others() -> None:
    work = Work()
    shared = Shared(work.do)
    told: list[BaseException | int] = []

    def ask() -> None:
        try:
            told.append(shared.do("fe1"))
        except BaseException as error:  # noqa: BLE001  # it is what the test is about
            told.append(error)

    threads = [threading.Thread(target=ask, name=f"ask{number}") for number in range(4)]
    threads[0].start()
    wait_for(lambda: work.calls == ["fe1"], SOON)
    for thread in threads[1:]:
        thread.start()
    wait_for(lambda: _waiting(shared, "fe1", 4), SOON)
    work.raises = [KeyboardInterrupt(), KeyboardInterrupt()]
    work.gate.set()
    for thread in threads:
        thread.join(SOON)
    assert sum(isinstance(one, KeyboardInterrupt) for one in told) == 2
    assert sum(isinstance(one, int) for one in told) == 2
