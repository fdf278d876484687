# SPDX-License-Identifier: GPL-3.0-or-later
"""confirmed-commit:1.1 (RFC 6241, 8.4): time-out, persist, cancel, the session's end; kernel and startup included."""

from __future__ import annotations

import asyncio

import pytest

from ansible_collections.shadownet.ipam.node.contract import EngineSettings, Refusal
from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import (
    Client,
    Lab,
    MemoryKernel,
    interface,
    interfaces,
    started,
    values,
)

ONE = interfaces(interface("a"))
TWO = interfaces(interface("b"))
THREE = interfaces(interface("c"))


def confirmed(seconds: int | None = None, more: str = "") -> str:
    timeout = "" if seconds is None else f"<confirm-timeout>{seconds}</confirm-timeout>"
    return f"<commit><confirmed/>{timeout}{more}</commit>"


async def names(client: Client) -> list[str | None]:
    return values(await client.data("<get-config><source><running/></source></get-config>"), "//if:name")


def in_kernel(kernel: MemoryKernel) -> list[str]:
    return [item["name"] for item in (kernel.holds or {}).get("ietf-interfaces:interfaces", {}).get("interface", [])]


async def begun(lab: Lab, more: str = "", seconds: int | None = None) -> Client:
    """`a` is running for good, `b` until confirmed."""
    client = await lab.client()
    await client.edit(ONE)
    await client.ok("<commit/>")
    await client.edit(TWO)
    await client.ok(confirmed(seconds, more))
    assert await names(client) == ["a", "b"]
    assert in_kernel(lab.kernel) == ["a", "b"]
    return client


async def assert_rolled_back(lab: Lab, settings: EngineSettings) -> None:
    client = await lab.client()
    assert await names(client) == ["a"]
    assert in_kernel(lab.kernel) == ["a"]
    assert b"<name>b</name>" not in settings.startup_file.read_bytes()
    # Nothing is pending any more.
    await client.edit(THREE)
    await client.ok("<commit/>")
    assert await names(client) == ["a", "c"]


async def test_confirmed_in_time_it_stays_and_is_saved(lab: Lab, settings: EngineSettings) -> None:
    client = await begun(lab, seconds=1)
    assert b"<name>b</name>" not in settings.startup_file.read_bytes()
    applied = lab.kernel.applied
    await client.ok("<commit/>")
    assert lab.kernel.applied == applied, "confirming changes nothing in the kernel"
    assert b"<name>b</name>" in settings.startup_file.read_bytes()
    await asyncio.sleep(1.1)
    assert await names(client) == ["a", "b"]


async def test_unconfirmed_it_goes_when_the_time_is_over(lab: Lab, settings: EngineSettings) -> None:
    await begun(lab, seconds=1)
    await asyncio.sleep(1.1)
    await assert_rolled_back(lab, settings)


@pytest.mark.parametrize("how", ["close", "cut", "kill", "stop"])
async def test_it_goes_with_its_session(lab: Lab, settings: EngineSettings, how: str) -> None:
    client = await begun(lab)
    if how == "close":
        await client.ok("<close-session/>")
    elif how == "cut":
        await client.session.closed()
    elif how == "kill":
        other = await lab.client()
        await other.ok(f"<kill-session><session-id>{client.session.session_id}</session-id></kill-session>")
    else:
        await lab.engine.stop()
        assert in_kernel(lab.kernel) == ["a"]
        assert b"<name>b</name>" not in settings.startup_file.read_bytes()
        return
    await assert_rolled_back(lab, settings)


async def test_cancel(lab: Lab, settings: EngineSettings) -> None:
    client = await begun(lab)
    await client.ok("<cancel-commit/>")
    assert (await client.error("<cancel-commit/>"))["error-tag"] == "operation-failed"
    await assert_rolled_back(lab, settings)


async def test_follow_ups_extend_and_go_back_to_the_beginning(lab: Lab, settings: EngineSettings) -> None:
    client = await begun(lab, seconds=1)
    await asyncio.sleep(0.6)
    await client.edit(THREE)
    await client.ok(confirmed(1))
    await asyncio.sleep(0.6)
    assert await names(client) == ["a", "b", "c"]
    await asyncio.sleep(0.6)
    assert await names(client) == ["a"]
    await assert_rolled_back(lab, settings)


async def test_a_confirming_commit_takes_further_changes_along(lab: Lab, settings: EngineSettings) -> None:
    client = await begun(lab)
    await client.edit(THREE)
    await client.ok("<commit/>")
    assert await names(client) == ["a", "b", "c"]
    assert b"<name>c</name>" in settings.startup_file.read_bytes()


async def test_another_session_can_neither_confirm_nor_cancel(lab: Lab) -> None:
    client = await begun(lab)
    other = await lab.client()
    for operation in ("<commit/>", "<cancel-commit/>", confirmed()):
        assert (await other.error(operation))["error-tag"] == "in-use"
    error = await other.error("<commit><persist-id>guess</persist-id></commit>")
    assert (error["error-tag"], error["bad-element"]) == ("invalid-value", "persist-id")
    await client.ok("<commit/>")


async def test_persist_outlives_its_session_and_is_confirmed_by_another(lab: Lab, settings: EngineSettings) -> None:
    client = await begun(lab, "<persist>token</persist>")
    await client.ok("<close-session/>")
    other = await lab.client()
    assert await names(other) == ["a", "b"]
    assert (await other.error("<commit/>"))["error-tag"] == "in-use"
    for operation in ("commit", "cancel-commit"):
        error = await other.error(f"<{operation}><persist-id>wrong</persist-id></{operation}>")
        assert (error["error-tag"], error["bad-element"]) == ("invalid-value", "persist-id")
    await other.ok("<commit><persist-id>token</persist-id></commit>")
    assert b"<name>b</name>" in settings.startup_file.read_bytes()
    assert (await other.error("<commit><persist-id>token</persist-id></commit>"))["error-tag"] == "invalid-value"


async def test_persist_is_cancelled_by_another_session(lab: Lab, settings: EngineSettings) -> None:
    client = await begun(lab, "<persist>token</persist>")
    await client.session.closed()
    other = await lab.client()
    await other.ok("<cancel-commit><persist-id>token</persist-id></cancel-commit>")
    await assert_rolled_back(lab, settings)


async def test_persist_is_extended_by_another_session(lab: Lab, settings: EngineSettings) -> None:
    client = await begun(lab, "<persist>token</persist>", seconds=1)
    await client.session.closed()
    other = await lab.client()
    await other.ok(confirmed(600, "<persist-id>token</persist-id><persist>next</persist>"))
    await asyncio.sleep(1.1)
    assert await names(other) == ["a", "b"]
    assert (await other.error("<commit><persist-id>token</persist-id></commit>"))["error-tag"] == "invalid-value"
    await other.session.closed()
    third = await lab.client()
    await third.ok("<commit><persist-id>next</persist-id></commit>")


async def test_a_first_confirmed_commit_without_changes_can_be_extended_with_some(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(ONE)
    await client.ok("<commit/>")
    await client.ok(confirmed(1))
    await client.edit(TWO)
    await client.ok(confirmed(1))
    await asyncio.sleep(1.1)
    assert await names(client) == ["a"]


async def test_a_refused_commit_leaves_the_pending_one_as_it_was(lab: Lab, settings: EngineSettings) -> None:
    client = await begun(lab, seconds=1)
    await client.edit(THREE)
    lab.kernel.refuse = [Refusal("no")]
    assert (await client.error("<commit/>"))["error-message"] == "no"
    assert await names(client) == ["a", "b"]
    lab.kernel.refuse = []
    await asyncio.sleep(1.1)
    assert await names(client) == ["a"]


async def test_a_kernel_that_will_not_go_back_is_asked_again(
    lab: Lab, settings: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ansible_collections.shadownet.ipam.node.engine.confirmed._AGAIN", 0.1)
    client = await begun(lab)
    lab.kernel.refuse = [Refusal("no")]
    await client.session.closed()
    assert in_kernel(lab.kernel) == ["a", "b"]
    lab.kernel.refuse = []
    await asyncio.sleep(0.3)
    await assert_rolled_back(lab, settings)


async def test_after_a_crash_startup_is_what_was_before(lab: Lab, settings: EngineSettings) -> None:
    await begun(lab, "<persist>token</persist>")
    # The first engine is not stopped: its process is gone.
    kernel = MemoryKernel()
    again = await started(kernel, settings)
    assert in_kernel(kernel) == ["a"]
    assert kernel.reconciled == 1
    await again.engine.stop()


@pytest.mark.parametrize("value", ["0", "-1", "x", "4294967296", ""])
async def test_a_timeout_that_is_none(lab: Lab, value: str) -> None:
    client = await lab.client()
    error = await client.error(f"<commit><confirmed/><confirm-timeout>{value}</confirm-timeout></commit>")
    assert (error["error-tag"], error["bad-element"]) == ("invalid-value", "confirm-timeout")


async def test_who_forgets_confirmed_is_told(lab: Lab) -> None:
    client = await lab.client()
    for more in ("<confirm-timeout>5</confirm-timeout>", "<persist>p</persist>"):
        error = await client.error(f"<commit>{more}</commit>")
        assert (error["error-tag"], error["bad-element"]) == ("missing-element", "confirmed")


async def test_events(lab: Lab) -> None:
    watcher = await lab.client()
    await watcher.ok('<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>')
    client = await begun(lab, seconds=7)
    await client.ok(confirmed(8))
    await client.ok("<commit/>")
    await client.ok(confirmed(1))
    await asyncio.sleep(1.1)
    await client.ok(confirmed())
    await client.ok("<cancel-commit/>")
    told = [
        (event.findtext("{*}confirm-event"), event.findtext("{*}timeout"), event.findtext("{*}session-id"))
        for event in watcher.events("netconf-confirmed-commit")
    ]
    own = str(client.session.session_id)
    assert told == [
        ("start", "7", own),
        ("extend", "8", own),
        ("complete", None, own),
        ("start", "1", own),
        ("timeout", None, None),
        ("start", "600", own),
        ("cancel", None, own),
    ]
