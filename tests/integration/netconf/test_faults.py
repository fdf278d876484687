# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections cut at every moment, killed clients, locks of others: node and expectation agree, nothing is left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import transition
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.errors import NetconfError
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.transport import Mark
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import NodeError, RollbackFailed
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

from .conftest import Node
from .proxy import Proxy

pytestmark = pytest.mark.netconf

BEFORE: dict[str, Any] = {
    "interfaces": [{"name": "old", "type": "bridge", "addresses": ["10.1.0.1/24"]}],
    "routes": [{"prefix": "10.9.0.0/16", "type": "blackhole"}, {"prefix": "10.9.1.0/24", "next_hop": "10.1.0.2"}],
}
WANTED: dict[str, Any] = {
    "interfaces": [{"name": "new", "type": "bridge", "description": "n", "addresses": ["10.2.0.1/24"]}],
    "routes": [{"prefix": "10.9.0.0/16", "next_hop": "10.2.0.2"}, {"prefix": "10.9.2.0/24", "interface": "new"}],
}


@pytest.fixture
def proxy(any_node: Node) -> Iterator[Proxy]:
    made = Proxy(any_node.server.port)
    (any_node.server.known_hosts).write_text(
        any_node.server.known_hosts.read_text().splitlines()[0]
        + "\n"
        + any_node.server.known_hosts.read_text().splitlines()[0].replace(str(any_node.server.port), str(made.port))
        + "\n"
    )
    yield made
    made.close()


def _push(node: Node, port: int, config: dict[str, Any], **options: Any) -> Exception | None:
    transport = node.transport(port, **options)
    try:
        push(transport, NodeConfig.from_dict(config), "overridden")
    except NodeError as error:
        return error
    finally:
        transport.close()
    return None


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["lost", "answer-lost"])
def test_a_connection_cut_at_any_message(any_node: Node, proxy: Proxy, after: bool) -> None:
    node = any_node
    with node.raw() as raw:
        proxy.cut_at(None)
        assert _push(node, proxy.port, BEFORE) is None
        before = raw.text()
        proxy.cut_at(None)
        assert _push(node, proxy.port, WANTED) is None
        wanted, packets = raw.text(), proxy.count
        assert before != wanted
        outcomes = set()
        for number in range(1, packets + 1):
            assert _push(node, node.server.port, BEFORE) is None
            assert raw.text() == before
            proxy.cut_at(number, after)
            error = _push(node, proxy.port, WANTED)
            # The number of packets varies a little from push to push: the last cuts may come too late.
            assert proxy.was_cut or (error is None and number > packets - 5), error
            # What the client says is what is the case, whatever was cut.
            assert not isinstance(error, RollbackFailed), error
            assert raw.text() == (wanted if error is None else before), f"packet {number} of {packets}: {error}"
            outcomes.add(error is None)
            assert _push(node, node.server.port, WANTED) is None
            assert raw.text() == wanted
            raw.check_free()
        assert outcomes == {True, False}


@pytest.mark.slow
def test_a_node_that_stays_away_is_an_error_and_the_next_run_finishes(any_node: Node, proxy: Proxy) -> None:
    node = any_node
    with node.raw() as raw:
        assert _push(node, node.server.port, BEFORE) is None
        proxy.cut_at(None)
        assert _push(node, proxy.port, WANTED) is None
        packets = proxy.count
        for number in (packets - 1, packets // 2 + 4):
            assert _push(node, node.server.port, BEFORE) is None
            proxy.cut_at(number, after=True, dead=True)
            _push(node, proxy.port, WANTED)
            assert _push(node, node.server.port, WANTED) is None
            raw.check_free()


def test_a_client_killed_before_it_confirms_is_finished_by_the_next_run(node: Node) -> None:
    for revision, next_revision in ((7, 7), (7, 9), (None, None)):
        assert _push(node, node.server.port, BEFORE) is None
        with node.raw() as raw:
            before = raw.text()
        killed_while_pending(node, revision)
        with node.raw() as raw:
            assert raw.text() != before
            assert raw.tag("<lock><target><running/></target></lock>") is not None
            assert _push(node, node.server.port, WANTED, revision=next_revision) is None
            raw.check_free()
            done = raw.text()
            assert raw.tag(f"<cancel-commit><persist-id>shadownet-fe1-{revision}</persist-id></cancel-commit>")
            assert raw.text() == done


def test_a_pending_commit_of_an_older_run_gives_way_to_what_is_wanted_now(node: Node) -> None:
    killed_while_pending(node, 7)
    with node.raw() as raw:
        assert _push(node, node.server.port, BEFORE, revision=8) is None
        raw.check_free()
    assert [one["name"] for one in node.config()["interfaces"]] == ["old"]


def test_a_pending_commit_of_somebody_else_is_left_alone(node: Node) -> None:
    with node.raw() as raw:
        raw.rpc("<edit-config><target><candidate/></target><config/></edit-config>")
        raw.rpc("<commit><confirmed/><confirm-timeout>60</confirm-timeout><persist>theirs</persist></commit>")
        error = _push(node, node.server.port, WANTED, revision=3, lock_timeout=0.5)
        assert isinstance(error, NetconfError)
        assert "could not be locked within 0.5 s" in str(error)
        assert "not ours (another persist-id)" in str(error)
        raw.rpc("<cancel-commit><persist-id>theirs</persist-id></cancel-commit>")
        raw.check_free()


@pytest.mark.parametrize("store", ["running", "candidate"])
def test_a_lock_of_somebody_else_is_waited_for_and_named(node: Node, store: str) -> None:
    with node.raw() as raw:
        raw.rpc(f"<lock><target><{store}/></target></lock>")
        started = time.monotonic()
        error = _push(node, node.server.port, WANTED, lock_timeout=1.0)
        assert isinstance(error, NetconfError)
        assert 0.9 < time.monotonic() - started < 5
        assert f"The {store} datastore could not be locked within 1 s; held by session" in str(error)
        assert "user root" in str(error)
        assert error.details()["rpc_errors"][0]["tag"] == "lock-denied"
        timer = threading.Timer(1.0, lambda: raw.rpc(f"<unlock><target><{store}/></target></unlock>"))
        timer.start()
        assert _push(node, node.server.port, WANTED, lock_timeout=10.0) is None
        timer.join()
        raw.check_free()


def test_a_candidate_that_somebody_else_has_edited_is_neither_committed_nor_discarded(node: Node) -> None:
    with node.raw() as raw:
        kind = '<type xmlns:t="urn:ietf:params:xml:ns:yang:iana-if-type">t:bridge</type>'
        theirs = f"<interface><name>theirs</name>{kind}</interface>"
        edit = f'<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces">{theirs}</interfaces>'
        raw.rpc(f"<edit-config><target><candidate/></target><config>{edit}</config></edit-config>")
        error = _push(node, node.server.port, WANTED, lock_timeout=0.5)
        assert isinstance(error, NetconfError)
        assert "candidate" in str(error)
        assert raw.is_empty()
        answer = raw.rpc("<get-config><source><candidate/></source></get-config>")
        assert "theirs" in [one.text for one in answer.iter("{*}name")]
        raw.rpc("<discard-changes/>")


def test_the_time_of_a_confirmed_commit_runs_out(node: Node) -> None:
    assert _push(node, node.server.port, BEFORE) is None
    transport = node.transport(confirm_timeout=1)
    try:
        with transport.hold():
            before = transport.read().config
            applied = transport.apply(transition(before, transport.prepare(NodeConfig.from_dict(WANTED))))
            assert transport.read().config != before
            time.sleep(6)  # this server looks at its clock only while nobody asks it anything
            with pytest.raises(NetconfError, match="did not take the confirmation"):
                applied.confirm()
            assert transport.read().config == before
    finally:
        transport.close()
    with node.raw() as raw:
        raw.check_free()


def test_a_refused_edit_leaves_everything_as_it_was(any_node: Node) -> None:
    assert _push(any_node, any_node.server.port, BEFORE) is None
    with any_node.raw() as raw:
        before = raw.text()
        bad = {**WANTED, "routes": [{"prefix": "10.7.0.0/16", "interface": "nowhere"}]}
        transport = any_node.transport()
        try:
            with transport.hold():
                wanted = transport.prepare(NodeConfig.from_dict(bad))
                changes = transition(transport.read().config, wanted)
                with pytest.raises(NetconfError) as caught:
                    transport.apply(changes)
        finally:
            transport.close()
        first = caught.value.details()["rpc_errors"][0]
        assert first["type"]
        assert first["tag"]
        assert "Nothing was changed" in str(caught.value)
        assert raw.text() == before
        raw.check_free()


def test_a_server_that_drops_the_edit_is_found_out(node: Node) -> None:
    """netconfd forgets an edit when the candidate is validated after it, and answers ok all along."""
    assert _push(node, node.server.port, BEFORE) is None
    with node.raw() as raw:
        before = raw.text()
        error = _push(node, node.server.port, WANTED, explicit_validate=True)
        assert isinstance(error, NodeError)
        assert "took every change, yet" in str(error)
        assert raw.text() == before
        raw.check_free()


def killed_while_pending(node: Node, revision: int | None, mark: Mark | None = None) -> None:
    """A process of ours that pushes WANTED and dies by SIGKILL after the confirmed commit."""
    child = multiprocessing.get_context("fork").Process(target=_push_and_die, args=(node, revision, mark))
    child.start()
    child.join(30)
    assert child.exitcode == -signal.SIGKILL


def _push_and_die(node: Node, revision: int | None, mark: Mark | None) -> None:
    transport = node.transport(revision=revision)
    with transport.hold(mark):
        wanted = transport.prepare(NodeConfig.from_dict(WANTED))
        changes = transition(transport.read().config, wanted)
        if mark is not None:
            transport.keep_mark(mark, coming=True)
        transport.apply(changes)
        os.kill(os.getpid(), signal.SIGKILL)
