# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of access lists with a container that matches nothing: refused, or they would pass everything."""

from __future__ import annotations

import pytest

from ansible_collections.shadownet.ipam.node.contract import EngineSettings, StartupUnusable
from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import (
    NAMESPACES,
    NC,
    Client,
    Lab,
    MemoryKernel,
    edit,
    started,
)

PORT = "<tcp><destination-port><operator>eq</operator><port>80</port></destination-port></tcp>"
FLAGS = "<tcp><flags>ack</flags></tcp>"


def acls(matches: str, name: str = "e", attributes: str = "") -> str:
    return (
        f'<acls xmlns="{NAMESPACES["acl"]}"><acl><name>a b</name><type>mixed-eth-ipv4-ipv6-acl-type</type><aces>'
        f"<ace {attributes}><name>{name}</name>{matches}<actions><forwarding>accept</forwarding></actions></ace>"
        "</aces></acl></acls>"
    )


def matching(inner: str, **more: str) -> str:
    return acls(f"<matches>{inner}</matches>", **more)


EMPTY = [
    ("<tcp/>", "tcp", "protocol 6"),
    ("<udp></udp>", "udp", "protocol 17"),
    ("<tcp><source-port/></tcp>", "tcp", "protocol 6"),
    ("<ipv4/>", "ipv4", "0.0.0.0/0"),
    ("<ipv6/>", "ipv6", "::/0"),
    ("<ipv4><protocol>17</protocol></ipv4><udp/>", "udp", "protocol 17"),
]


@pytest.mark.parametrize(("inner", "name", "fix"), EMPTY)
async def test_an_empty_container_is_refused_with_its_place(lab: Lab, inner: str, name: str, fix: str) -> None:
    client = await lab.client()
    before = await client.candidate()
    error = await client.error(edit(matching(inner)))
    assert error["error-tag"] == "invalid-value"
    assert error["error-path"] == (
        f"/acl:acls/acl:acl[acl:name='a b']/acl:aces/acl:ace[acl:name='e']/acl:matches/acl:{name}"
    )
    assert error["bad-element"] == name
    assert fix in error["error-message"]
    assert await client.candidate() == before


@pytest.mark.parametrize("how", ["copy-config", "validate"])
async def test_no_other_way_leads_in(lab: Lab, how: str) -> None:
    client = await lab.client()
    target = "<target><candidate/></target>" if how == "copy-config" else ""
    operation = f"<{how}>{target}<source><config>{matching('<tcp/>')}</config></source></{how}>"
    assert (await client.error(operation))["bad-element"] == "tcp"


async def test_a_startup_file_with_one_is_refused(kernel: MemoryKernel, settings: EngineSettings) -> None:
    settings.startup_file.write_text(f'<config xmlns="{NC}">{matching("<tcp/>")}</config>')
    with pytest.raises(StartupUnusable, match="matches every packet"):
        await started(kernel, settings)


async def make(client: Client, inner: str) -> None:
    await client.edit(matching(inner))


async def test_what_takes_the_last_match_away_is_refused_too(lab: Lab) -> None:
    client = await lab.client()
    await make(client, PORT)
    gone = PORT.replace("<destination-port>", '<destination-port nc:operation="remove">')
    assert (await client.error(edit(matching(gone))))["bad-element"] == "tcp"
    await make(client, FLAGS)
    await make(client, gone)  # the flags are left
    assert "<flags>" in await client.candidate()


@pytest.mark.parametrize(
    "change",
    [
        matching('<tcp nc:operation="remove"/>'),
        acls('<matches nc:operation="remove"><tcp/></matches>'),
        matching("<tcp/>", attributes='nc:operation="delete"'),
        acls('<matches nc:operation="replace"/>'),
    ],
)
async def test_whoever_says_so_may_take_a_match_away(lab: Lab, change: str) -> None:
    client = await lab.client()
    await make(client, PORT)
    await client.edit(change)
    assert "<tcp" not in await client.candidate()


async def test_naming_a_container_that_has_matches_is_fine(lab: Lab) -> None:
    client = await lab.client()
    await make(client, PORT)
    await make(client, "<tcp/>")
    assert "<port>80</port>" in await client.candidate()
    await client.edit(matching(FLAGS, name='q"uote'))
    await client.edit(matching(FLAGS, name="both'\""))
    assert (await client.error(edit(matching("<udp/>", name="both'\"x"))))["bad-element"] == "udp"
