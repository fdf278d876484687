# SPDX-License-Identifier: GPL-3.0-or-later
"""Subtree filters (RFC 6241, 6) and XPath filters (8.9), on <get-config> and <get>."""

from __future__ import annotations

import asyncio

import pytest

from ansible_collections.shadownet.ipam.node.contract import Part, Refusal
from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import (
    Client,
    Lab,
    interface,
    interfaces,
    route,
    routes,
    text,
    values,
)

A = "<type>t:bridge</type><description>one</description>"
B = "<type>t:l2vlan</type><enabled>false</enabled>"


async def filled(lab: Lab) -> Client:
    client = await lab.client()
    await client.edit(
        interfaces(interface("a", A), interface("b", B)) + routes(route("10.0.0.0/8"), route("11.0.0.0/8"))
    )
    await client.ok("<commit/>")
    return client


async def chosen(client: Client, content: str, attributes: str = 'type="subtree"') -> list[str | None]:
    """Text of the leaves that are selected, in document order."""
    wanted = f"<filter {attributes}>{content}</filter>"
    data = await client.data(f"<get-config><source><running/></source>{wanted}</get-config>")
    return [item.text for item in data.iter() if not len(item) and item.text]


SUBTREE = {
    interfaces(): ["a", "one", "ianaift:bridge", "b", "ianaift:l2vlan", "false"],
    interfaces("<interface/>"): ["a", "one", "ianaift:bridge", "b", "ianaift:l2vlan", "false"],
    interfaces("<interface><name/></interface>"): ["a", "b"],
    interfaces("<interface><name>a</name></interface>"): ["a", "one", "ianaift:bridge"],
    interfaces("<interface><name> a </name></interface>"): ["a", "one", "ianaift:bridge"],
    interfaces("<interface><name>a</name><description/></interface>"): ["a", "one"],
    # A list entry is always told with its key.
    interfaces("<interface><description/></interface>"): ["a", "one"],
    interfaces("<interface><description>one</description><type/></interface>"): ["a", "one", "ianaift:bridge"],
    interfaces("<interface><type>t:l2vlan</type></interface>"): ["b", "ianaift:l2vlan", "false"],
    interfaces("<interface><name>a</name><description>two</description></interface>"): [],
    interfaces("<interface><name>a</name><name>b</name></interface>"): [],
    interfaces("<interface><name>z</name></interface>"): [],
    interfaces("<interface><bogus/></interface>"): [],
    interfaces('<interface colour="red"/>'): [],
    interfaces("<interface><name>a</name><type/></interface>", "<interface><name>a</name><description/></interface>"): [
        "a",
        "one",
        "ianaift:bridge",
    ],
    interfaces("<interface><name>b</name></interface>") + routes(route("11.0.0.0/8", "")): [
        "b",
        "ianaift:l2vlan",
        "false",
        "rt:static",
        "shadownet",
        "11.0.0.0/8",
        "blackhole",
    ],
    # The namespace must match; without one any does (6.2.1).
    "<interfaces/>": [],
    '<interfaces xmlns=""><interface><name>b</name><enabled/></interface></interfaces>': ["b", "false"],
    '<x:interfaces xmlns:x="urn:x"/>': [],
    "": [],
}


@pytest.mark.parametrize("content", SUBTREE)
async def test_subtree(lab: Lab, content: str) -> None:
    client = await filled(lab)
    content_filter = content.replace("<next-hop></next-hop>", "")
    assert await chosen(client, content_filter) == SUBTREE[content]
    # A filter without its type is a subtree filter.
    assert await chosen(client, content_filter, "") == SUBTREE[content]


async def test_content_match_compares_values_and_not_their_spelling(lab: Lab) -> None:
    client = await filled(lab)
    wanted = routes("<route><destination-prefix>10.99.0.0/8</destination-prefix><next-hop/></route>")
    assert await chosen(client, wanted) == ["rt:static", "shadownet", "10.0.0.0/8", "blackhole"]


XPATH = {
    "/if:interfaces/if:interface[if:name='a']": ["a", "one", "ianaift:bridge"],
    "/if:interfaces/if:interface/if:name": ["a", "b"],
    "/if:interfaces/if:interface[if:type='t:l2vlan']/if:enabled": ["b", "false"],
    "//if:description": ["a", "one"],
    "/if:interfaces/if:interface[2] | //if:description": ["a", "one", "b", "ianaift:l2vlan", "false"],
    "//v4:route[v4:destination-prefix='11.0.0.0/8']/v4:next-hop": [
        "rt:static",
        "shadownet",
        "11.0.0.0/8",
        "blackhole",
    ],
    "/if:interfaces/if:interface[if:name='z']": [],
    "/if:interfaces/if:interface[contains(if:description,'if:')]": [],
}


@pytest.mark.parametrize("expression", XPATH)
async def test_xpath(lab: Lab, expression: str) -> None:
    client = await filled(lab)
    assert await chosen(client, "", f'type="xpath" select="{expression}"') == XPATH[expression]


@pytest.mark.parametrize(
    ("attributes", "tag"),
    [
        ('type="xpath"', "missing-attribute"),
        ('type="regex"', "bad-attribute"),
        ('type="xpath" select="//["', "invalid-value"),
        ('type="xpath" select="1 + 1"', "invalid-value"),
        ('type="xpath" select="/nope:x"', "invalid-value"),
        (f'type="xpath" select="{"/if:interfaces" * 1000}"', "too-big"),
    ],
)
async def test_filters_that_are_none(lab: Lab, attributes: str, tag: str) -> None:
    client = await filled(lab)
    error = await client.error(f"<get><filter {attributes}/></get>")
    assert error["error-tag"] == tag


STATE = {
    "ietf-interfaces:interfaces": {
        "interface": [
            {"name": "a", "oper-status": "up", "statistics": {"in-octets": "5"}},
            {"name": "lo", "type": "iana-if-type:softwareLoopback", "oper-status": "unknown"},
        ]
    }
}


async def test_get_tells_configuration_and_state_together(lab: Lab) -> None:
    client = await filled(lab)
    lab.kernel.state_data = STATE
    data = await client.data("<get/>")
    assert values(data, "if:interfaces/if:interface/if:name") == ["a", "b", "lo"]
    assert values(data, "//if:interface[if:name='a']/if:description | //if:interface[if:name='a']/if:oper-status") == [
        "one",
        "up",
    ]
    assert values(data, "//if:in-octets") == ["5"]
    assert "oper-status" not in await client.running()
    wanted = interfaces("<interface><oper-status>up</oper-status><description/></interface>")
    data = await client.data(f"<get><filter>{wanted}</filter></get>")
    assert values(data, "//if:interface/*") == ["a", "one", "up"]


async def test_a_kernel_that_cannot_be_read_says_why(lab: Lab) -> None:
    client = await lab.client()
    lab.kernel.refuse = [Refusal("the node's state cannot be read: No buffer space available")]
    error = await client.error("<get/>")
    assert error["error-tag"] == "operation-failed"
    assert "No buffer space" in error["error-message"]
    lab.kernel.refuse = []
    await client.data("<get/>")


async def test_others_are_served_during_a_long_get(lab: Lab) -> None:
    client, other = await lab.client(), await lab.client()
    hop = {"outgoing-interface": "lo"}
    routes = [
        {"ietf-ipv4-unicast-routing:destination-prefix": f"10.{n >> 8}.{n & 255}.0/24", "next-hop": hop}
        for n in range(5000)
    ]
    rib = {"name": "x", "address-family": "ietf-ipv4-unicast-routing:ipv4-unicast", "routes": {"route": routes}}
    lab.kernel.state_data = {"ietf-routing:routing": {"ribs": {"rib": [rib]}}}
    long = asyncio.ensure_future(client.data("<get><filter><rt:routing/></filter></get>"))
    meanwhile = 0
    while not long.done():
        await other.running()
        await asyncio.sleep(0)
        meanwhile += 1
    assert meanwhile >= 20
    assert len(values(await long, "//rt:route//*[local-name()='destination-prefix']")) == 5000


@pytest.mark.parametrize(
    ("wanted", "parts"),
    [
        ("", {Part.INTERFACES, Part.ROUTES, Part.ACCESS_LISTS}),
        (f"<filter>{interfaces()}</filter>", {Part.INTERFACES}),
        ("<filter><rt:routing/></filter>", {Part.ROUTES}),
        ("<filter><rt:routing><rt:ribs/></rt:routing></filter>", {Part.ROUTES}),
        ("<filter><rt:routing><rt:control-plane-protocols/></rt:routing></filter>", None),
        ("<filter><ncm:netconf-state/></filter>", None),
        ("<filter/>", None),
        ('<filter type="xpath" select="/if:interfaces"/>', {Part.INTERFACES}),
        ('<filter type="xpath" select="/rt:routing/rt:control-plane-protocols"/>', None),
        ('<filter type="xpath" select="/rt:routing/rt:ribs"/>', {Part.ROUTES}),
        ('<filter type="xpath" select="//if:name"/>', {Part.INTERFACES, Part.ROUTES, Part.ACCESS_LISTS}),
        ('<filter type="xpath" select="/*"/>', {Part.INTERFACES, Part.ROUTES, Part.ACCESS_LISTS}),
        (
            '<filter type="xpath" select="/interfaces | /rt:routing"/>',
            {Part.INTERFACES, Part.ROUTES, Part.ACCESS_LISTS},
        ),
    ],
)
async def test_only_what_is_asked_for_is_fetched(lab: Lab, wanted: str, parts: set[Part] | None) -> None:
    client = await filled(lab)
    await client.data(f"<get>{wanted}</get>")
    assert lab.kernel.asked == ([] if parts is None else [frozenset(parts)])


async def test_state_that_the_models_do_not_know_is_told_as_an_error(lab: Lab) -> None:
    client = await filled(lab)
    lab.kernel.state_data = {"ietf-interfaces:interfaces": {"interface": [{"name": "a", "colour": "red"}]}}
    assert (await client.error("<get/>"))["error-tag"] == "operation-failed"
    assert "one" in text(await client.data("<get-config><source><running/></source></get-config>"))
