# SPDX-License-Identifier: GPL-3.0-or-later
"""The allocator on a real ledger against the oracle: any history of calls, step by step the same book.

A longer run: ``SHADOWNET_EXAMPLES=2000 pytest tests/unit/ipam/test_allocator_machine.py``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ansible_collections.shadownet.ipam.plugins.module_utils.ledger import free_space
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import ShadownetError
from ansible_collections.shadownet.ipam.tests.unit.ipam.desk import Desk
from ansible_collections.shadownet.ipam.tests.unit.ipam.oracle import Ask, Oracle, OraclePool, RefusedError

WINDOW = free_space._WINDOW
EXAMPLES = int(os.environ.get("SHADOWNET_EXAMPLES", "120"))

NAMES = [f"svc-{letter}" for letter in "abcdefghijkl"]
STRATEGIES = ["first_fit", "best_fit", "round_robin"]
NODES = [None, None, "n1", "n2"]
LOCATIONS = [None, None, None, "east", "west"]
# Each pool may hold any of its line: neighbours (which must never merge), gaps, both families, another pool between.
SPACE = {
    "red": ["10.0.0.0/27", "10.0.0.32/28", "10.0.0.48/28", "2001:db8::/123", "2001:db8::20/124"],
    "green": ["10.0.0.64/27", "10.0.0.128/28", "2001:db8::80/123"],
    "blue": ["255.255.255.192/26", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffe0/123"],
}


def inside(text: str, bits: int) -> st.SearchStrategy[str]:
    """Any block inside a prefix, as long as ``bits`` more."""
    net = ip_network(text)
    lengths = st.integers(net.prefixlen, min(net.max_prefixlen, net.prefixlen + bits))
    return lengths.flatmap(
        lambda length: st.integers(0, 2 ** (length - net.prefixlen) - 1).map(
            lambda n: str(ip_network((int(net[0]) + n * 2 ** (net.max_prefixlen - length), length)))
        )
    )


ANYWHERE = st.sampled_from([prefix for prefixes in SPACE.values() for prefix in prefixes]).flatmap(
    lambda prefix: inside(prefix, 5)
)
SIZES = st.one_of(
    st.fixed_dictionaries({"prefix_length": st.integers(26, 32)}),
    st.fixed_dictionaries({"prefix_length": st.integers(122, 128)}),
    st.fixed_dictionaries({"addresses": st.integers(1, 30)}),
    st.fixed_dictionaries({"prefix": ANYWHERE}),
)
WISHES = st.fixed_dictionaries(
    {"name": st.sampled_from(NAMES)},
    optional={
        "strategy": st.sampled_from(STRATEGIES),
        "pools": st.lists(st.sampled_from(list(SPACE)), min_size=1, unique=True),
        "bandwidth": st.integers(1, 60).map(lambda n: f"{n}Mbit"),
        "location": st.sampled_from(LOCATIONS),
        "node": st.sampled_from(NODES),
        "ttl": st.sampled_from(["30s", "5m", "1h"]),
    },
)
REQUESTS = st.builds(lambda size, wish: {**wish, **size}, SIZES, WISHES)


def as_ask(request: dict[str, Any]) -> Ask:
    """The request in the oracle's words."""
    fields = dict(request)
    prefix = ip_network(fields.pop("prefix")) if "prefix" in fields else None
    length = fields.get("prefix_length", 0)
    family = 6 if fields.pop("family", None) == "ipv6" or length > 32 else 4
    seconds = {"30s": 30, "5m": 300, "1h": 3600, None: None}
    return Ask(
        prefix=prefix,
        family=prefix.version if prefix else family,
        bandwidth=int(fields.pop("bandwidth", "0").removesuffix("Mbit")) * 10**6,
        ttl=seconds[fields.pop("ttl", None)],
        **fields,
    )


class Allocator(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        # Durability is proven elsewhere; here the disk's pace would only make the histories fewer.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="shadownet-test-", dir=memory))
        self.desk = Desk(self.folder / "ledger.db")
        self.oracle = Oracle()
        self.asked: dict[str, dict[str, Any]] = {}

    def teardown(self) -> None:
        try:
            self.everything_released_is_whole_again()
        finally:
            free_space._WINDOW = WINDOW
            self.desk.close()
            shutil.rmtree(self.folder)

    @property
    def clock(self) -> int:
        return self.desk.seconds

    def both(self, real: Callable[[bool], Any], told: Callable[[Oracle], Any], compare: bool = True) -> bool:
        """One step on both sides, in check mode before; False where it was refused."""
        before = self.desk.content()
        refused, expected = None, None
        try:
            trial = self.oracle.copy()
            expected = told(trial)
        except RefusedError as error:
            refused = error.word
        if refused:
            for check in (True, False):
                with pytest.raises(ShadownetError) as caught:
                    real(check)
                assert type(caught.value).__name__ == refused, caught.value
                assert self.desk.content() == before
            return False
        checked = real(True)
        assert self.desk.content() == before, "check mode changed the ledger"
        done = real(False)
        assert checked == done, "check mode told something else"
        if compare:
            assert done == expected
        self.oracle = trial
        return True

    @initialize(data=st.data())
    def declare(self, data: st.DataObject) -> None:
        # So small that what a transaction has read of the free blocks ends everywhere.
        free_space._WINDOW = data.draw(st.sampled_from([1, 2, 256]), label="window")
        for name, space in SPACE.items():
            prefixes = data.draw(st.lists(st.sampled_from(space), min_size=1, unique=True), label=f"{name} prefixes")
            excluded = data.draw(
                st.lists(st.sampled_from(prefixes).flatmap(lambda prefix: inside(prefix, 5)), max_size=2),
                label=f"{name} excluded",
            )
            options: dict[str, Any] = {
                "strategy": data.draw(st.sampled_from(STRATEGIES)),
                "quarantine": data.draw(st.sampled_from([0, 60, 600])),
                "location": data.draw(st.sampled_from(LOCATIONS)),
                "bandwidth": data.draw(st.sampled_from([None, 100_000_000])),
            }
            self.desk.pool(name, *prefixes, excluded=excluded, **options)
            nets = [ip_network(text) for text in prefixes]
            self.oracle.pools[name] = OraclePool(name, nets, [ip_network(text) for text in excluded], **options)

    @rule(requests=st.lists(REQUESTS, min_size=1, max_size=3, unique_by=lambda item: str(item["name"])))
    def request(self, requests: list[dict[str, Any]]) -> None:
        self._allocate(requests)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), renew=st.booleans())
    def request_again(self, data: st.DataObject, renew: bool) -> None:
        request = dict(self.asked[data.draw(st.sampled_from(sorted(self.asked)))])
        if renew and "ttl" in request:
            request["renew"] = True
        change = data.draw(st.sampled_from(["nothing", "nothing", "bandwidth", "size", "strategy"]))
        if change == "bandwidth":
            request["bandwidth"] = f"{data.draw(st.integers(1, 60))}Mbit"
        elif change == "strategy":
            request["strategy"] = data.draw(st.sampled_from(STRATEGIES))
        elif change == "size" and "addresses" in request:
            request["addresses"] = data.draw(st.integers(1, 30))
        self._allocate([request])

    def _allocate(self, requests: list[dict[str, Any]]) -> None:
        def real(check: bool) -> list[tuple[str, str, bool]]:
            return [(one["cidr"], one["pool"], one["changed"]) for one in self.desk.ask(*requests, check=check)]

        asks = [as_ask(request) for request in requests]
        if self.both(real, lambda oracle: oracle.allocate(asks, self.clock)):
            for request in requests:
                self.asked[request["name"]] = {key: value for key, value in request.items() if key != "renew"}

    @rule(names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    def release(self, names: list[str]) -> None:
        self.both(
            lambda check: self.desk.release(*names, check=check),
            lambda oracle: oracle.release(names, self.clock),
            compare=False,
        )

    @precondition(lambda self: self.oracle.nodes)
    @rule(data=st.data(), ok=st.booleans())
    def node_answers(self, data: st.DataObject, ok: bool) -> None:
        node = data.draw(st.sampled_from(sorted(self.oracle.nodes)))
        revision = data.draw(st.integers(0, self.oracle.nodes[node]))
        self.desk.answer(node, revision, ok, "no such device")
        self.oracle.node_result(node, revision, ok, self.clock)

    @precondition(lambda self: self.oracle.nodes)
    @rule()
    def all_nodes_confirm_the_newest(self) -> None:
        for node, revision in self.oracle.nodes.items():
            self.desk.answer(node, revision)
            self.oracle.node_result(node, revision, True, self.clock)

    @rule(seconds=st.sampled_from([1, 29, 31, 59, 61, 301, 601, 3601]))
    def time_passes(self, seconds: int) -> None:
        self.desk.seconds += seconds

    @rule(seconds=st.sampled_from([1, 60, 61, 4000]))
    def the_clock_jumps_back(self, seconds: int) -> None:
        self.desk.seconds -= seconds

    @rule(data=st.data())
    def change_pool(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(list(SPACE)))
        prefixes = data.draw(st.lists(st.sampled_from(SPACE[name]), min_size=1, unique=True))
        excluded = data.draw(
            st.lists(st.sampled_from(SPACE[name]).flatmap(lambda prefix: inside(prefix, 5)), max_size=2)
        )
        note(f"{name}: {prefixes} without {excluded}")
        self.both(
            lambda check: self.desk.declare({"name": name, "prefixes": prefixes, "excluded": excluded}, check=check),
            lambda oracle: oracle.redeclare(name, prefixes, excluded, self.clock),
            compare=False,
        )

    @invariant()
    def the_books_are_the_same(self) -> None:
        assert self.desk.problems() == []
        rows = self.desk.rows("SELECT time FROM event ORDER BY id DESC LIMIT 1")
        self.oracle.last_event = rows[0][0] // 1000 if rows else 0
        for name, pool in self.oracle.pools.items():
            assert self.desk.free(name) == self.oracle.free_blocks(pool)
        stored = self.desk.rows(
            "SELECT subnet.name, pool.name, status, wanted, expires_at, subnet.bandwidth, addresses, revision "
            "FROM subnet JOIN pool ON pool.id = pool_id ORDER BY subnet.name"
        )
        assert stored == [
            (
                one.name,
                one.pool,
                one.status,
                int(one.wanted),
                None if one.expires_at is None else one.expires_at * 1000,
                one.bandwidth or None,
                one.addresses,
                one.revision,
            )
            for one in sorted(self.oracle.held.values(), key=lambda held: held.name)
        ]
        in_use = [
            (cidr, kind, name)
            for name in self.oracle.pools
            for cidr, kind in self.desk.occupied(name)
            if kind != "excluded"
        ]
        expected = [(str(one.net), "subnet", one.pool) for one in self.oracle.held.values()]
        expected += [(str(rest.net), "quarantine", rest.pool) for rest in self.oracle.resting]
        assert sorted(in_use) == sorted(expected)

    def everything_released_is_whole_again(self) -> None:
        """Nothing is lost on the way: every pool prefix ends as one free block."""
        for name, pool in self.oracle.pools.items():
            self.desk.declare({"name": name, "excluded": []})
            pool.excluded = []
        self.desk.release(*NAMES)
        with self.desk.ledger.snapshot() as transaction:
            nodes = transaction.nodes()
        for node, known in nodes.items():
            self.desk.answer(node, known[0])
        rows = self.desk.rows("SELECT MAX(time) FROM event")
        self.desk.seconds = max(self.clock, rows[0][0] // 1000) + 601
        self.desk.release("nobody")
        for name, pool in self.oracle.pools.items():
            whole = sorted(pool.prefixes, key=lambda net: (net.version, int(net[0])))
            assert self.desk.free(name) == [str(net) for net in whole]
        assert self.desk.problems() == []


TestAllocator = Allocator.TestCase
TestAllocator.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=25,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
