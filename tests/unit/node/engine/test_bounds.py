# SPDX-License-Identifier: GPL-3.0-or-later
"""What one message may cost: whoever may only read must not keep the others waiting, nor fill the memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("libyang", reason="needs the extra node")

from ansible_collections.shadownet.ipam.node.engine import filters, tree
from ansible_collections.shadownet.ipam.node.engine.duplicates import FEW
from ansible_collections.shadownet.ipam.node.engine.message import MOST
from ansible_collections.shadownet.ipam.node.engine.params import MOST_OF_FILTER
from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import (
    READ_ONLY,
    Lab,
    edit,
    interface,
    interfaces,
    route,
    routes,
    values,
)

MANY = 2 * FEW
PREFIXES = [f"10.{number // 256}.{number % 256}.0/24" for number in range(MANY)]
TWICE = {
    "leaf": interfaces(interface("a", "<description/>" * MANY)),
    "container": interfaces(interface("a", '<ipv4 xmlns="urn:ietf:params:xml:ns:yang:ietf-ip"/>' * MANY)),
    "top": interfaces() * MANY,
    "entry": routes(*[route("10.0.0.0/8")] * MANY),
    "entry written in other words": routes(*(route(f"10.0.{number}.0/8") for number in range(MANY))),
    "entry of two keys": '<routing xmlns="urn:ietf:params:xml:ns:yang:ietf-routing"><control-plane-protocols>'
    + "".join(
        f'<control-plane-protocol xmlns:p{number}="urn:ietf:params:xml:ns:yang:ietf-routing">'
        f"<type>p{number}:static</type><name>x</name></control-plane-protocol>"
        for number in range(MANY)
    )
    + "</control-plane-protocols></routing>",
    "one of many": routes(*map(route, [*PREFIXES, PREFIXES[7]])),
}


def validate(config: str) -> str:
    return f"<validate><source><config>{config}</config></source></validate>"


@pytest.mark.parametrize("config", TWICE.values(), ids=list(TWICE))
async def test_the_same_node_many_times_is_refused_before_it_is_parsed(
    lab: Lab, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(*_args: object) -> None:
        raise AssertionError("libyang would take time that grows with the square of the equal nodes")

    reader, writer = await lab.client(READ_ONLY), await lab.client()
    monkeypatch.setattr(tree, "parse", parse)
    for client, operation in ((reader, validate(config)), (writer, edit(config))):
        error = await client.error(operation)
        assert error["error-tag"] == "bad-element"
        assert "twice" in error["error-message"]


@pytest.mark.parametrize("form", [validate, edit])
async def test_many_different_entries_are_read(lab: Lab, form: Callable[[str], str]) -> None:
    client = await lab.client()
    await client.ok(form(routes(*map(route, PREFIXES)) + interfaces(*(interface(f"b{n}") for n in range(MANY)))))


async def test_two_in_a_crowd_that_are_named_to_be_removed(lab: Lab) -> None:
    client = await lab.client()
    bare = '<description nc:operation="remove"/>' * MANY
    assert (await client.error(edit(interfaces(interface("a", bare)))))["error-tag"] == "bad-element"


async def test_a_message_of_too_many_elements_is_not_parsed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await lab.client(READ_ONLY)
    whole = f"<get><filter>{'<a/>' * (MOST + 1)}</filter></get>"

    def read(_message: bytes) -> None:
        raise AssertionError("it was parsed")

    message = f'<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1">{whole}</rpc>'
    monkeypatch.setattr("ansible_collections.shadownet.ipam.node.engine.session.read", read)
    monkeypatch.setattr(lab.engine.vocabulary, "check", read)
    answer = await client.session.receive(message.encode())
    assert b"<error-tag>too-big<" in (answer or b"")


@pytest.mark.parametrize(
    "operation",
    [
        "<get-config><source><running/></source><filter>{}</filter></get-config>",
        "<get><filter>{}</filter></get>",
        "<ev:create-subscription><ev:filter>{}</ev:filter></ev:create-subscription>",
    ],
)
async def test_a_filter_of_too_many_elements_is_refused(lab: Lab, operation: str) -> None:
    client = await lab.client(READ_ONLY)
    error = await client.error(operation.format("<a/>" * (MOST_OF_FILTER + 1)))
    assert (error["error-tag"], error["bad-element"]) == ("too-big", "filter")
    root = await client.rpc(operation.format("<a/>" * MOST_OF_FILTER))
    assert root.find("{*}rpc-error") is None


def selections(count: int) -> str:
    """Each of them has to look at every route."""
    hops = (f"<next-hop><next-hop-address>1.2.{n // 250}.{n % 250}</next-hop-address></next-hop>" for n in range(count))
    wanted = routes(*(f"<route>{hop}</route>" for hop in hops))
    return f"<get-config><source><running/></source><filter>{wanted}</filter></get-config>"


async def test_a_filter_that_visits_too_many_nodes_is_refused(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await lab.client()
    await client.edit(routes(*map(route, PREFIXES)))
    await client.ok("<commit/>")
    # What is asked for does not change with the limit, so that the test is quick.
    monkeypatch.setattr(filters, "MOST_STEPS", 100 * MANY)
    assert await client.data(selections(5)) is not None
    error = await client.error(selections(50))
    assert (error["error-tag"], error["bad-element"]) == ("too-big", "filter")


async def test_what_the_result_has_as_a_whole_is_not_copied_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await lab.client()
    await client.edit(interfaces(*(interface(f"b{n}") for n in range(5))) + routes(route("10.0.0.0/8")))
    await client.ok("<commit/>")
    copies = 0
    once = filters._copy

    def counted(*args: object) -> object:
        nonlocal copies
        copies += 1
        return once(*args)

    monkeypatch.setattr(filters, "_copy", counted)
    wanted = interfaces("<interface/>") + interfaces() * 50 + interfaces("<interface><name>b1</name></interface>") * 50
    data = await client.data(f"<get-config><source><running/></source><filter>{wanted}</filter></get-config>")
    assert values(data, "if:interfaces/if:interface/if:name") == [f"b{n}" for n in range(5)]
    # The container alone, five interfaces, the container as a whole.
    assert copies == 7
