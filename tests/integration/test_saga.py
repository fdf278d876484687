# SPDX-License-Identifier: GPL-3.0-or-later
"""Ledger and node together in one process: killed anywhere, the next push brings them together again."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.allocate import allocate
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.desired import desired_config
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.lifecycle import release
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.maintenance import verify_ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.pools import declare_pools
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.profiles import declare_profiles
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.requests import read_requests
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import Conflict
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.node_push import push_node
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab, namespaces

pytestmark = pytest.mark.netns

ROUNDS = 60
NAMES = [f"service-{number}" for number in range(8)]


@pytest.fixture
def lab() -> Iterator[Lab]:
    with namespaces("fe1") as made:
        yield made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    rules = {"name": "web", "inbound": [{"action": "accept", "protocol": "tcp", "destination_port": "80"}]}
    pool = {"name": "lab", "prefixes": ["10.64.0.0/22"], "security_profiles": ["web"], "quarantine": "0s"}
    with Ledger(path, create=True) as ledger, ledger.transaction() as transaction:
        declare_profiles(transaction, [rules])
        declare_pools(transaction, [pool])
    return path


def request(ledger: Ledger, *names: str) -> None:
    items = [
        {"name": name, "addresses": 6, "node": "fe1", "security_profile": "web", "bandwidth": "10Mbit"}
        for name in names
    ]
    with ledger.transaction() as transaction:
        allocate(transaction, read_requests(items))


def statuses(ledger: Ledger) -> dict[str, str]:
    with ledger.snapshot() as transaction:
        return {subnet.name: subnet.status for subnet in transaction.subnets()}


def check_agreement(ledger: Ledger, transport: NetlinkTransport) -> None:
    with ledger.transaction(check=True) as transaction:
        wanted = desired_config(transaction, "fe1").config
    assert push(transport, wanted, "overridden", True).changes == ()
    assert set(statuses(ledger).values()) <= {"active"}
    assert verify_ledger(ledger) == []


def test_a_push_settles_what_the_ledger_wants(lab: Lab, path: Path) -> None:
    transport = NetlinkTransport(lab.names["fe1"])
    with Ledger(path) as ledger:
        request(ledger, "a", "b")
        foreseen = push_node(ledger, "fe1", transport, check=True)
        assert foreseen.result.changed
        assert statuses(ledger) == {"a": "pending", "b": "pending"}
        done = push_node(ledger, "fe1", transport)
        assert foreseen.result.changes == done.result.changes
        assert statuses(ledger) == {"a": "active", "b": "active"}
        assert not push_node(ledger, "fe1", transport).result.changed
        with ledger.transaction() as transaction:
            release(transaction, ["a"])
        assert statuses(ledger) == {"a": "releasing", "b": "active"}
        push_node(ledger, "fe1", transport)
        assert statuses(ledger) == {"b": "active"}
        check_agreement(ledger, transport)
    transport.close()


def test_a_refusal_is_written_down_and_forgotten_when_it_is_mended(lab: Lab, path: Path) -> None:
    lab.run("fe1", "ip", "link", "add", "sn1", "type", "bridge")
    transport = NetlinkTransport(lab.names["fe1"])
    with Ledger(path) as ledger:
        request(ledger, "a")
        with pytest.raises(Conflict, match="sn1"):
            push_node(ledger, "fe1", transport)
        assert statuses(ledger) == {"a": "error"}
        lab.run("fe1", "ip", "link", "del", "sn1")
        push_node(ledger, "fe1", transport)
        check_agreement(ledger, transport)
    transport.close()


def _live(path: Path, namespace: str, seed: int) -> None:
    """Requests, releases and pushes without end, until it is killed."""
    rng = random.Random(seed)
    transport = NetlinkTransport(namespace)
    with Ledger(path) as ledger:
        while True:
            request(ledger, *rng.sample(NAMES, rng.randint(1, 4)))
            push_node(ledger, "fe1", transport)
            with ledger.transaction() as transaction:
                release(transaction, rng.sample(NAMES, rng.randint(1, 4)))
            push_node(ledger, "fe1", transport)


def test_a_process_killed_anywhere_leaves_what_the_next_push_finishes(lab: Lab, path: Path) -> None:
    rng = random.Random(20260)
    transport = NetlinkTransport(lab.names["fe1"])
    halfway = 0
    for number in range(ROUNDS):
        child = os.fork()
        if child == 0:
            _live(path, lab.names["fe1"], number)
            os._exit(1)
        time.sleep(rng.uniform(0.05, 0.4))
        os.kill(child, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), "the process ended by itself"
        with Ledger(path) as ledger:
            halfway += set(statuses(ledger).values()) - {"active"} != set()
            push_node(ledger, "fe1", transport)
            check_agreement(ledger, transport)
    transport.close()
    assert halfway > ROUNDS // 10, "too few kills hit a push to prove anything"
