# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks: RFC 6241, 7.5, 7.6 and 8.3.5."""

from __future__ import annotations

import pytest

from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import (
    LOCK,
    UNLOCK,
    Lab,
    edit,
    interface,
    interfaces,
    values,
)

ONE = interfaces(interface("a"))
COPY = "<copy-config><target><candidate/></target><source><running/></source></copy-config>"


@pytest.mark.parametrize("name", ["running", "candidate"])
async def test_a_lock_has_one_holder(lab: Lab, name: str) -> None:
    one, other = await lab.client(), await lab.client()
    await one.ok(LOCK.format(name))
    for client in (one, other):
        error = await client.error(LOCK.format(name))
        assert (error["error-tag"], error["session-id"]) == ("lock-denied", str(one.session.session_id))
    assert (await other.error(UNLOCK.format(name)))["error-tag"] == "operation-failed"
    await one.ok(UNLOCK.format(name))
    assert (await one.error(UNLOCK.format(name)))["error-tag"] == "operation-failed"
    await other.ok(LOCK.format(name))


async def test_what_another_session_has_locked_is_in_use(lab: Lab) -> None:
    one, other = await lab.client(), await lab.client()
    await other.edit(ONE)
    await other.ok("<commit/>")
    await one.ok(LOCK.format("candidate"))
    for operation in (edit(ONE), "<discard-changes/>", "<commit/>", COPY):
        assert (await other.error(operation))["error-tag"] == "in-use", operation
    await one.ok(UNLOCK.format("candidate"))
    await other.edit(interfaces(interface("b")))
    await one.ok(LOCK.format("running"))
    assert (await other.error("<commit/>"))["error-tag"] == "in-use"
    # Reading is never locked.
    assert "b" in await other.candidate()
    await one.ok("<commit/>")


async def test_a_changed_candidate_cannot_be_locked(lab: Lab) -> None:
    one, other = await lab.client(), await lab.client()
    await one.edit(ONE)
    for client in (one, other):
        error = await client.error(LOCK.format("candidate"))
        assert (error["error-tag"], error["session-id"]) == ("lock-denied", str(one.session.session_id))
    await one.session.closed()
    assert (await other.error(LOCK.format("candidate")))["session-id"] == "0"
    await other.ok("<discard-changes/>")
    await other.ok(LOCK.format("candidate"))


@pytest.mark.parametrize("how", ["unlock", "close", "cut", "kill"])
async def test_changes_of_candidate_go_with_its_lock(lab: Lab, how: str) -> None:
    one, other = await lab.client(), await lab.client()
    await one.ok(LOCK.format("candidate"))
    await one.ok(LOCK.format("running"))
    await one.edit(ONE)
    if how == "unlock":
        await one.ok(UNLOCK.format("candidate"))
        await one.ok(UNLOCK.format("running"))
    elif how == "close":
        await one.ok("<close-session/>")
    elif how == "cut":
        await one.session.closed()
    else:
        await other.ok(f"<kill-session><session-id>{one.session.session_id}</session-id></kill-session>")
        assert one.killed == [f"killed by session {other.session.session_id}"]
    assert await other.candidate() == ""
    await other.ok(LOCK.format("candidate"))
    await other.ok(LOCK.format("running"))


async def test_without_a_lock_changes_outlive_the_session(lab: Lab) -> None:
    one, other = await lab.client(), await lab.client()
    await one.edit(ONE)
    await one.ok("<close-session/>")
    assert one.session.ended
    assert "<name>a</name>" in await other.candidate()


async def test_running_cannot_be_locked_while_another_session_has_a_confirmed_commit(lab: Lab) -> None:
    one, other = await lab.client(), await lab.client()
    await one.edit(ONE)
    await one.ok("<commit><confirmed/><persist>p</persist></commit>")
    error = await other.error(LOCK.format("running"))
    assert (error["error-tag"], error["session-id"]) == ("lock-denied", str(one.session.session_id))
    await one.ok(LOCK.format("running"))
    await one.session.closed()
    assert (await other.error(LOCK.format("running")))["session-id"] == "0"
    await other.ok("<commit><persist-id>p</persist-id></commit>")
    await other.ok(LOCK.format("running"))


async def test_kill_session(lab: Lab) -> None:
    client = await lab.client()
    own = client.session.session_id
    for number in (str(own), "4711", "0", "x", ""):
        error = await client.error(f"<kill-session><session-id>{number}</session-id></kill-session>")
        assert (error["error-tag"], error["bad-element"]) == ("invalid-value", "session-id")
    assert (await client.error("<kill-session/>"))["error-tag"] == "missing-element"


async def test_locks_are_told(lab: Lab) -> None:
    client = await lab.client()
    await client.ok(LOCK.format("running"))
    data = await client.data("<get><filter><ncm:netconf-state><ncm:datastores/></ncm:netconf-state></filter></get>")
    assert values(data, "//ncm:datastore/ncm:name") == ["running", "candidate"]
    holder = values(data, "//ncm:datastore[ncm:name='running']//ncm:locked-by-session")
    assert holder == [str(client.session.session_id)]
