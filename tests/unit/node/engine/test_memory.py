# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory stays flat, whatever is committed, refused, filtered and rolled back."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.node.contract import Done
from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import (
    Client,
    Lab,
    edit,
    interface,
    interfaces,
    route,
    routes,
)

_PAGE = 4


def resident() -> int:
    """KiB."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


async def cycle(client: Client, number: int) -> None:
    same = edit(routes(route("11.0.0.0/8", attributes='nc:operation="create"')))
    await client.edit(interfaces(interface("x", f"<type>t:bridge</type><description>{number}</description>")))
    await client.ok(same)
    assert (await client.error(same))["error-tag"] == "data-exists"
    await client.data(f"<get><filter>{interfaces('<interface><name>x</name></interface>')}</filter></get>")
    await client.ok("<commit><confirmed/></commit>")
    await client.ok("<commit/>" if number % 2 else "<cancel-commit/>")
    await client.edit(routes(route("11.0.0.0/8", attributes='nc:operation="remove"')))
    await client.ok("<commit/>")


@pytest.mark.slow
@pytest.mark.serial
async def test_memory_is_flat(lab: Lab, done: list[Done]) -> None:
    client = await lab.client()
    await client.edit(routes(*(route(f"10.{number}.0.0/16") for number in range(100))))
    await client.ok("<commit/>")
    for number in range(400):
        await cycle(client, number)
    before = resident()
    for number in range(400, 1400):
        await cycle(client, number)
        # What the test itself writes down.
        done.clear()
        lab.kernel.asked.clear()
    # One tree of these that is not freed weighs 40 KiB: a leak would be 40 MiB.
    assert resident() - before < 512
