# SPDX-License-Identifier: GPL-3.0-or-later
"""What an attacker of this release found, and what must not come back."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.allocate import allocate
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.desired import desired_config
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.lifecycle import node_result, release
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.maintenance import (
    accept_clock,
    backup_ledger,
    restore_ledger,
    verify_ledger,
)
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.pools import declare_pools
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.portable import import_ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.profiles import declare_profiles
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.requests import read_requests
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import (
    AllocationRefused,
    Conflict,
    InvalidInput,
    LedgerUnusable,
)

POOL = {"name": "p", "prefixes": ["10.0.0.0/16"], "excluded": ["10.0.255.0/24"], "quarantine": "1h"}


class Clocked:
    """A ledger whose clock the test sets."""

    def __init__(self, path: Path) -> None:
        self.seconds = 1_800_000_000.0
        self.path = path
        self.ledger = Ledger(path, create=True, clock=lambda: self.seconds)

    def ask(self, **request: Any) -> str:
        with self.ledger.transaction() as transaction:
            block = allocate(transaction, read_requests([request]))[0].subnet.block
        return f"{block.start >> 24}.{block.start >> 16 & 255}.{block.start >> 8 & 255}.{block.start & 255}"


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Clocked]:
    made = Clocked(tmp_path / "ledger.db")
    with made.ledger.transaction() as transaction:
        declare_pools(transaction, [{**POOL, "security_profiles": ["web"]}])
    made.ask(name="held", addresses=6, node="fe1", bandwidth="1Mbit")
    made.ask(name="gone", addresses=6)
    with made.ledger.transaction() as transaction:
        release(transaction, ["gone"])
    assert verify_ledger(made.ledger) == []
    yield made
    made.ledger.close()


DAMAGE = [
    "DROP TRIGGER occupied_insert_overlap",
    "DROP TRIGGER occupied_update_overlap",
    "DROP INDEX occupied_until",
    "CREATE TRIGGER hostile AFTER INSERT ON subnet BEGIN DELETE FROM event; END",
    "UPDATE pool SET excluded = '[]'",
    "UPDATE pool SET excluded = 'no json'",
    "UPDATE pool SET strategy = 'banana'",
    "UPDATE pool SET gateway = 'banana'",
    "UPDATE pool SET bandwidth = 1000",
    "UPDATE occupied SET until = 'abc' WHERE kind = 'quarantine'",
    "UPDATE occupied SET until = 9000000000000000 WHERE kind = 'quarantine'",
    "UPDATE occupied SET prefix_length = 200 WHERE kind = 'subnet'",
    "UPDATE free_block SET prefix_length = 99",
    "UPDATE subnet SET status = 'releasing'",
    "UPDATE subnet SET wanted = 0",
    "UPDATE subnet SET node = NULL",
    "UPDATE subnet SET node = 'ghost'",
    "UPDATE subnet SET revision = 9",
    "DELETE FROM node",
    "UPDATE node SET applied_revision = 9",
    "UPDATE subnet SET gateway = 'banana'",
    "UPDATE subnet SET addresses = 100000",
    "UPDATE subnet SET expires_at = 'soon'",
    "UPDATE subnet SET name = ' held'",
    "UPDATE subnet SET labels = 'no json'",
    "UPDATE sqlite_sequence SET seq = 0 WHERE name = 'subnet'",
    "DELETE FROM event WHERE id = 2",
    "DELETE FROM routing_domain",
]


@pytest.mark.parametrize("statement", DAMAGE)
def test_verify_notices(book: Clocked, statement: str) -> None:
    with closing(sqlite3.connect(book.path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(statement)
    assert verify_ledger(book.ledger) != []


def test_a_backup_that_was_tampered_with_is_not_restored(book: Clocked, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    backup_ledger(book.ledger, str(copy))
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER occupied_insert_overlap")
    before = book.ask(name="held", addresses=6, node="fe1", bandwidth="1Mbit")
    with pytest.raises(LedgerUnusable, match=r"^file: .*occupied_insert_overlap"):
        restore_ledger(book.ledger, str(copy), "me")
    assert book.ask(name="held", addresses=6, node="fe1", bandwidth="1Mbit") == before


def test_a_foreign_file_with_our_id_is_not_restored(book: Clocked, tmp_path: Path) -> None:
    evil = tmp_path / "evil.db"
    with closing(sqlite3.connect(evil, isolation_level=None)) as connection:
        connection.execute("PRAGMA application_id = 1397247572")
        connection.execute("CREATE TABLE evil (x)")
    with pytest.raises(LedgerUnusable, match=r"^file: "):
        restore_ledger(book.ledger, str(evil), "me")
    assert verify_ledger(book.ledger) == []


def test_a_fifo_is_no_backup(book: Clocked, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(LedgerUnusable, match="not a regular file"):
        restore_ledger(book.ledger, str(tmp_path / "fifo"), "me")


def test_a_clock_that_was_wrong_once_can_be_believed_again(book: Clocked) -> None:
    with book.ledger.transaction() as transaction:
        declare_pools(transaction, [{"name": "small", "prefixes": ["10.9.0.0/28"], "quarantine": "1h"}])
    book.seconds += 10 * 365 * 86400
    book.ask(name="y", prefix_length=28, pools=["small"])
    book.seconds -= 10 * 365 * 86400
    with book.ledger.transaction() as transaction:
        release(transaction, ["y"])
    book.seconds += 7200
    with pytest.raises(AllocationRefused):
        book.ask(name="z", prefix_length=28, pools=["small"])
    assert accept_clock(book.ledger, "me", check=True)
    assert accept_clock(book.ledger, "me")
    assert not accept_clock(book.ledger, "me")
    book.seconds += 3601
    assert book.ask(name="z", prefix_length=28, pools=["small"]) == "10.9.0.0"


def test_a_node_never_carries_overlapping_prefixes_of_two_routing_domains(book: Clocked) -> None:
    with book.ledger.transaction() as transaction:
        declare_pools(transaction, [{"name": "q", "prefixes": ["10.0.0.0/16"], "routing_domain": "other"}])
    with pytest.raises(Conflict, match=r"^requests\[0\]\.node: fe1 carries 10\.0\.0\.0/28 of 'held'"):
        book.ask(name="x", prefix_length=24, pools=["q"], node="fe1")
    assert book.ask(name="x", prefix_length=24, pools=["q"], node="fe2") == "10.0.0.0"


def test_what_leaves_a_subnet_bears_its_own_address_whatever_a_rule_says(book: Clocked) -> None:
    rules = [{"action": "accept", "source": prefix} for prefix in ("0.0.0.0/0", "10.0.0.36/32", "172.16.0.0/12")]
    with book.ledger.transaction() as transaction:
        declare_profiles(transaction, [{"name": "web", "outbound": rules, "stateful": False}])
    book.ask(name="w", prefix_length=28, node="fe2", security_profile="web")
    with book.ledger.transaction(check=True) as transaction:
        outbound = desired_config(transaction, "fe2").config.access_lists[1]
    assert [entry.source for entry in outbound.entries] == ["10.0.0.32/28", "10.0.0.36/32"]


@pytest.mark.parametrize("name", ["shadownet-established", "x" * 101, "a\u2028b", "a\udcff"])
def test_a_rule_name_that_no_node_takes_is_refused_at_once(book: Clocked, name: str) -> None:
    rule = {"name": name, "action": "accept"}
    with pytest.raises(InvalidInput, match=r"^profiles\[0\]\.inbound\[0\]"), book.ledger.transaction() as transaction:
        declare_profiles(transaction, [{"name": "web", "inbound": [rule]}])


def test_a_rule_may_be_called_established(book: Clocked) -> None:
    with book.ledger.transaction() as transaction:
        declare_profiles(transaction, [{"name": "web", "inbound": [{"name": "established", "action": "accept"}]}])
    book.ask(name="w", prefix_length=28, node="fe2", security_profile="web")
    with book.ledger.transaction(check=True) as transaction:
        names = [entry.name for entry in desired_config(transaction, "fe2").config.access_lists[0].entries]
    assert names == ["shadownet-established", "established"]


def test_a_late_push_to_an_emptied_node_is_noted(book: Clocked) -> None:
    with book.ledger.transaction() as transaction:
        release(transaction, ["held"])
        node_result(transaction, "fe1", 2, True)
        assert transaction.nodes()["fe1"].in_sync
        node_result(transaction, "fe1", 1, True)
        known = transaction.nodes()["fe1"]
    assert "late" in (known.reason or "")
    assert not known.in_sync


def test_changing_a_pool_with_much_in_it_takes_no_quadratic_time(book: Clocked) -> None:
    with book.ledger.transaction() as transaction:
        allocate(transaction, read_requests([{"name": f"n{i}", "prefix_length": 30} for i in range(3000)]))
    started = time.process_time()
    with book.ledger.transaction() as transaction:
        ranges = [f"10.0.{128 + i // 64}.{i % 64 * 4}" for i in range(4000)]
        declare_pools(transaction, [{"name": "p", "excluded": [*POOL["excluded"], *ranges]}])
    first = time.process_time() - started
    started = time.process_time()
    with book.ledger.transaction() as transaction:
        declare_pools(transaction, [{"name": "p", "excluded": [*POOL["excluded"], *ranges[:2000]]}])
    half = time.process_time() - started
    assert first < 6 * half, "twice as much takes much more than twice as long"


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"bandwidth": "10Gbit", "pool": "thin"}, "bandwidth"),
        ({"pool": "dark"}, "shadow pool"),
        ({"addresses": 2**70}, "addresses"),
        ({"expires_at": "9999-12-31T23:59:59-12:00"}, "expires_at"),
    ],
)
def test_import_accepts_nothing_that_a_request_could_not_get(book: Clocked, item: dict[str, Any], words: str) -> None:
    pools = [
        {"name": "thin", "prefixes": ["10.1.0.0/16"], "bandwidth": "1Gbit"},
        {"name": "dark", "prefixes": ["10.2.0.0/16"], "kind": "shadow"},
    ]
    second = {"thin": 1, "dark": 2}.get(item.get("pool", ""), 0)
    subnet = {"name": "i", "cidr": f"10.{second}.200.0/24", "pool": "p", **item}
    with (
        pytest.raises((AllocationRefused, InvalidInput), match=words),
        book.ledger.transaction() as transaction,
    ):
        import_ledger(transaction, {"format": 1, "pools": pools, "subnets": [subnet]})


@pytest.mark.parametrize("status", ["pending", "error"])
def test_an_imported_subnet_without_a_node_waits_for_nobody(book: Clocked, status: str) -> None:
    subnet = {"name": "i", "cidr": "10.0.200.0/24", "pool": "p", "status": status}
    with book.ledger.transaction() as transaction:
        import_ledger(transaction, {"format": 1, "subnets": [subnet]})
        assert transaction.subnets_named(["i"])["i"].status == "active"


@pytest.mark.parametrize("prefix", ["224.0.0.0/4", "127.0.0.0/8", "fe80::/10", "ff00::/8", "::ffff:0:0/96"])
def test_a_pool_of_what_no_subnet_can_use_is_refused(book: Clocked, prefix: str) -> None:
    with pytest.raises(InvalidInput, match="no subnet can use"), book.ledger.transaction() as transaction:
        declare_pools(transaction, [{"name": "odd", "prefixes": [prefix]}])


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "soon"])
def test_a_time_out_that_is_none_is_named(book: Clocked, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SHADOWNET_LEDGER_TIMEOUT", value)
    with pytest.raises(InvalidInput, match=r"^SHADOWNET_LEDGER_TIMEOUT"):
        Ledger(book.path)


@pytest.mark.parametrize("location", ["~nosuchuser/x.db", "a\udcffb\0"])
def test_a_path_that_names_nothing_is_named(location: str) -> None:
    with pytest.raises(InvalidInput, match=r"^ledger: "):
        Ledger(location)
