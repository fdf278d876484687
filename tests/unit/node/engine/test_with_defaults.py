# SPDX-License-Identifier: GPL-3.0-or-later
"""with-defaults: RFC 6243, basic mode explicit."""

from __future__ import annotations

import pytest

from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import (
    NAMESPACES,
    Lab,
    edit,
    interface,
    interfaces,
    values,
)

CONFIG = interfaces(interface("a"), interface("b", "<type>t:bridge</type><enabled>true</enabled>"))
WITH = '<with-defaults xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults">{}</with-defaults>'


@pytest.mark.parametrize(
    ("mode", "enabled"),
    [
        (None, ["b"]),
        ("explicit", ["b"]),
        ("trim", []),
        ("report-all", ["a", "b"]),
        ("report-all-tagged", ["a", "b"]),
    ],
)
async def test_modes(lab: Lab, mode: str | None, enabled: list[str]) -> None:
    client = await lab.client()
    await client.edit(CONFIG)
    await client.ok("<commit/>")
    word = "" if mode is None else WITH.format(mode)
    for operation in (f"<get-config><source><running/></source>{word}</get-config>", f"<get>{word}</get>"):
        data = await client.data(operation)
        assert values(data, "//if:interface[if:enabled]/if:name") == enabled
        tagged = data.xpath("//if:enabled[@wd:default='true']/../if:name/text()", namespaces=NAMESPACES)
        # RFC 6243, 3.4: what equals the default is tagged, whoever set it.
        assert tagged == (["a", "b"] if mode == "report-all-tagged" else [])


async def test_a_mode_that_is_none(lab: Lab) -> None:
    client = await lab.client()
    error = await client.error(f"<get>{WITH.format('some')}</get>")
    assert (error["error-tag"], error["bad-element"]) == ("invalid-value", "with-defaults")


async def test_the_tag_in_a_description_is_left_alone(lab: Lab) -> None:
    client = await lab.client()
    words = ' xmlns:ncwd="urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults" ncwd:default="true"'
    await client.edit(interfaces(interface("a", f"<type>t:bridge</type><description>{words}</description>")))
    await client.ok("<commit/>")
    data = await client.data(f"<get>{WITH.format('report-all-tagged')}</get>")
    assert values(data, "//if:description") == [words]


async def test_a_tagged_default_goes_back_to_its_default(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(CONFIG)
    await client.edit(interfaces(interface("b", '<enabled wd:default="true">true</enabled>')))
    assert "enabled" not in await client.candidate()
    error = await client.error(edit(interfaces(interface("b", '<enabled wd:default="true">false</enabled>'))))
    assert error["error-tag"] == "invalid-value"
    await client.edit(interfaces(interface("b", '<enabled wd:default="false">false</enabled>')))
    assert "false" in await client.candidate()
