# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that no model knows are limited, because the XML library never forgets one."""

from __future__ import annotations

import pytest
from lxml import etree

from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import (
    NC,
    Client,
    Lab,
    interface,
    interfaces,
    route,
    routes,
)


async def tag(client: Client, content: str, attributes: str = "") -> str | None:
    answer = await client.session.receive(f'<rpc xmlns="{NC}" message-id="1" {attributes}>{content}</rpc>'.encode())
    return etree.fromstring(answer).findtext(f".//{{{NC}}}error-tag")


FLOODS = {
    "elements": "<get>" + "".join(f"<word{number}/>" for number in range(1000)) + "</get>",
    "attributes": "<get " + " ".join(f"word{number}=''" for number in range(1000)) + "/>",
    "prefixes": "<get>" + "".join(f"<word{n}:a xmlns:word{n}='urn:x'/>" for n in range(1000)) + "</get>",
    "namespaces": "<get>" + "".join(f"<a xmlns='urn:word{number}'/>" for number in range(1000)) + "</get>",
    "long": f"<get><{'a' * 5000}/></get>",
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_of_names_is_refused(lab: Lab, flood: str) -> None:
    client = await lab.client()
    assert await tag(client, FLOODS[flood]) == "too-big"
    await client.data("<get/>")


async def test_many_small_messages_come_to_an_end_too(lab: Lab) -> None:
    client = await lab.client()
    await client.data("<get/>")
    lab.engine.vocabulary._left = 500
    answers = [await tag(client, f"<get><word{number}/></get>") for number in range(100)]
    assert answers[0] == "unknown-element"
    assert answers[-1] == "resource-denied"
    # What has been met before, and what the models know, goes on.
    assert await tag(client, "<get><word0/></get>") == "unknown-element"
    await client.edit(interfaces(interface("any-name", "<type>t:bridge</type><description>any text</description>")))
    await client.ok("<commit/>")


async def test_values_do_not_count(lab: Lab) -> None:
    client = await lab.client()
    left = lab.engine.vocabulary._left
    more = "<type>t:bridge</type><description>a = 'b{}' &lt;c</description>"
    many = interfaces(*(interface(f"name{number}", more.format(number)) for number in range(500)))
    await client.edit(many + routes(*(route(f"10.{number}.0.0/16") for number in range(256))))
    assert left - lab.engine.vocabulary._left < 10_000


async def test_only_utf_8_is_read(lab: Lab) -> None:
    client = await lab.client()
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        text = f'<?xml version="1.0" encoding="{encoding}"?><rpc xmlns="{NC}" message-id="1"><get/></rpc>'
        answer = await client.session.receive(text.encode(encoding))
        assert etree.fromstring(answer).findtext(f".//{{{NC}}}error-tag") == "malformed-message"
