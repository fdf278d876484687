# SPDX-License-Identifier: GPL-3.0-or-later
"""``insert`` in lists that the user orders: RFC 7950, 7.8.6."""

from __future__ import annotations

import pytest

from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import (
    NAMESPACES,
    Client,
    Lab,
    edit,
    interface,
    interfaces,
    values,
)


def aces(*entries: str) -> str:
    return f'<acls xmlns="{NAMESPACES["acl"]}"><acl><name>web</name><aces>{"".join(entries)}</aces></acl></acls>'


def ace(name: str, attributes: str = "") -> str:
    forwarding = "<actions><forwarding>accept</forwarding></actions>"
    return f"<ace {attributes}><name>{name}</name>{forwarding}</ace>"


def key(name: str) -> str:
    return f"yang:key=\"[acl:name='{name}']\""


async def order(client: Client) -> str:
    data = await client.data("<get-config><source><candidate/></source></get-config>")
    return "".join(name or "" for name in values(data, "//acl:ace/acl:name"))


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([ace("d")], "abcd"),
        ([ace("d", 'yang:insert="first"')], "dabc"),
        ([ace("d", 'yang:insert="last"')], "abcd"),
        ([ace("d", f'yang:insert="before" {key("b")}')], "adbc"),
        ([ace("d", f'yang:insert="after" {key("b")}')], "abdc"),
        ([ace("c", 'yang:insert="first"')], "cab"),
        ([ace("a", 'yang:insert="last"')], "bca"),
        ([ace("a", f'yang:insert="after" {key("b")}')], "bac"),
        ([ace("b", f'yang:insert="after" {key("b")}')], "abc"),
        ([ace("b", 'nc:operation="replace"')], "abc"),
        ([ace("b", f'nc:operation="replace" yang:insert="before" {key("a")}')], "bac"),
        ([ace("d", 'nc:operation="create" yang:insert="first"')], "dabc"),
        ([ace("d", 'yang:insert="first"'), ace("e", 'yang:insert="first"')], "edabc"),
        ([ace("d", 'yang:insert="first"'), ace("e", f'yang:insert="after" {key("d")}')], "deabc"),
        # A new entry without insert comes to the end in its turn.
        ([ace("a", 'yang:insert="last"'), ace("d")], "bcad"),
        ([ace("d"), ace("a", 'yang:insert="last"')], "bcda"),
        ([ace("d", 'yang:insert="before" yang:key="[name=\'b\']"')], "adbc"),
        ([ace("d", 'yang:insert="before" yang:key=\'[acl:name="b"]\'')], "adbc"),
    ],
)
async def test_insert(lab: Lab, entries: list[str], expected: str) -> None:
    client = await lab.client()
    await client.edit(aces(ace("a"), ace("b"), ace("c")))
    await client.edit(aces(*entries))
    assert await order(client) == expected
    await client.ok("<commit/>")
    assert await order(client) == expected


@pytest.mark.parametrize(
    ("attributes", "tag", "app_tag"),
    [
        (f'yang:insert="before" {key("z")}', "bad-attribute", "missing-instance"),
        ('yang:insert="before" yang:key="nonsense"', "bad-attribute", "missing-instance"),
        ('yang:insert="before"', "missing-attribute", None),
        (f'yang:insert="first" {key("a")}', "unknown-attribute", None),
        ('yang:insert="before" yang:value="a"', "missing-attribute", None),
        (key("a"), "unknown-attribute", None),
        ('yang:insert="sideways"', "bad-attribute", None),
    ],
)
async def test_insert_that_cannot_be(lab: Lab, attributes: str, tag: str, app_tag: str | None) -> None:
    client = await lab.client()
    await client.edit(aces(ace("a"), ace("b"), ace("c")))
    error = await client.error(edit(aces(ace("d", attributes))))
    assert (error["error-tag"], error.get("error-app-tag")) == (tag, app_tag)
    assert await order(client) == "abc"


async def test_insert_in_a_list_that_the_system_orders_is_unknown(lab: Lab) -> None:
    client = await lab.client()
    error = await client.error(edit(interfaces(interface("a", attributes='yang:insert="first"'))))
    assert error["error-tag"] == "unknown-attribute"
    assert error["bad-attribute"] == "insert"


async def test_replacing_a_list_takes_the_new_order(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(aces(ace("a"), ace("b"), ace("c")))
    await client.edit(aces(ace("c"), ace("a")).replace("<aces>", '<aces nc:operation="replace">'))
    assert await order(client) == "ca"
