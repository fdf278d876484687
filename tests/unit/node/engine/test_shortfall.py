# SPDX-License-Identifier: GPL-3.0-or-later
"""Running that the kernel carries in part only: told once, tried again, and over with the next commit."""

from __future__ import annotations

import asyncio

import pytest

from ansible_collections.shadownet.ipam.node.contract import Done, EngineSettings, KernelRefused, Refusal
from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import Lab, MemoryKernel, started

from .test_confirmed import ONE, THREE, begun, names

GONE = Refusal("the node has no interface c1", "/ietf-interfaces:interfaces/interface[name='c1']")
TOLD = f"{GONE.message} ({GONE.path})"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.shadownet.ipam.node.engine.shortfall._SOON", 0.1)


def lines(done: list[Done]) -> list[tuple[str, str, str | None]]:
    return [(one.operation, one.outcome, one.message) for one in done if one.session_id == 0]


async def test_a_start_in_part(
    runner: object, kernel: MemoryKernel, settings: EngineSettings, done: list[Done], quick: None
) -> None:
    first = await started(kernel, settings)
    client = await first.client()
    await client.edit(ONE)
    await client.ok("<commit/>")
    await first.engine.stop()
    kernel.refuse, kernel.leaves_out = [GONE], True
    lab = await started(kernel, settings)
    assert await names(await lab.client()) == ["a"]
    await asyncio.sleep(0.35)
    assert lines(done) == [("startup", "not-applied", TOLD)]  # not again at each try
    kernel.refuse = []
    await asyncio.sleep(0.25)
    assert lines(done)[1:] == [("retry", "ok", None)]
    kernel.refuse = [GONE]
    await asyncio.sleep(0.25)
    assert len(lines(done)) == 2  # nobody asks any more
    await lab.engine.stop()


async def test_a_kernel_that_takes_nothing_ends_the_start(
    runner: object, kernel: MemoryKernel, settings: EngineSettings
) -> None:
    kernel.refuse = [GONE]
    with pytest.raises(KernelRefused, match="no interface c1"):
        await started(kernel, settings)


async def test_a_way_back_in_part_lets_others_commit(
    lab: Lab, settings: EngineSettings, done: list[Done], quick: None
) -> None:
    client = await begun(lab, "<persist>token</persist>")
    lab.kernel.refuse, lab.kernel.leaves_out = [GONE], True
    await client.ok("<cancel-commit><persist-id>token</persist-id></cancel-commit>")
    assert await names(client) == ["a"]
    assert client.session is not None
    assert lines(done) == [("cancel", "not-applied", TOLD)]
    other = await lab.client()
    await other.edit(THREE)
    assert (await other.error("<commit/>"))["error-tag"] == "operation-failed"  # of the kernel, and not in-use
    lab.kernel.refuse = []
    await other.ok("<commit/>")
    await asyncio.sleep(0.25)
    assert len(lines(done)) == 1
    assert await names(other) == ["a", "c"]
