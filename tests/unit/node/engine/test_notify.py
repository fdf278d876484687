# SPDX-License-Identifier: GPL-3.0-or-later
"""Notifications: subscriptions (RFC 5277) and their content (RFC 6470)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import (
    NAMESPACES,
    Client,
    Lab,
    interface,
    interfaces,
    route,
    routes,
)

PROTOCOLS = "/rt:routing/rt:control-plane-protocols"
EVENTS = 'xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"'


def subscribe(more: str = "") -> str:
    return f"<create-subscription {EVENTS}>{more}</create-subscription>"


async def watcher(lab: Lab, more: str = "") -> Client:
    client = await lab.client()
    await client.ok(subscribe(more))
    return client


def kinds(client: Client) -> list[str]:
    return [etree.QName(one[1]).localname for one in client.notifications]


async def changed(client: Client, config: str) -> None:
    await client.edit(config)
    await client.ok("<commit/>")


async def test_a_change_of_running_is_told(lab: Lab) -> None:
    watching, client = await watcher(lab), await lab.client()
    await changed(client, interfaces(interface("a"), interface("b", "<type>t:bridge</type><enabled>false</enabled>")))
    await changed(
        client,
        interfaces(
            interface("a", "", 'nc:operation="delete"'), interface("b", "<enabled>true</enabled>"), interface("c")
        )
        + routes(route("10.0.0.0/8")),
    )
    _first, event = watching.events("netconf-config-change")
    assert event.findtext("{*}changed-by/{*}username") == "admin"
    assert event.findtext("{*}changed-by/{*}session-id") == str(client.session.session_id)
    assert event.findtext("{*}changed-by/{*}source-host") == "192.0.2.7"
    assert event.findtext("{*}datastore") == "running"
    told = {(item.findtext("{*}target"), item.findtext("{*}operation")) for item in event.iterfind("{*}edit")}
    assert told == {
        ("/if:interfaces/if:interface[if:name='a']", "delete"),
        ("/if:interfaces/if:interface[if:name='b']/if:enabled", "replace"),
        ("/if:interfaces/if:interface[if:name='c']", "create"),
        (f"{PROTOCOLS}/rt:control-plane-protocol[rt:type='rt:static'][rt:name='shadownet']", "create"),
    }
    stamp = datetime.fromisoformat(watching.notifications[-1][0].text)
    assert abs(datetime.now(UTC) - stamp) < timedelta(seconds=60)


async def test_a_change_that_changes_nothing_is_not_told(lab: Lab) -> None:
    client = await lab.client()
    await changed(client, interfaces(interface("a")))
    watching = await watcher(lab)
    await changed(client, interfaces(interface("a")))
    assert kinds(watching) == []


async def test_a_great_change_is_told_by_the_nodes_above(lab: Lab) -> None:
    client = await lab.client()
    await changed(client, interfaces(interface("zero")))
    watching = await watcher(lab)
    await changed(client, interfaces(*(interface(f"i{n}") for n in range(500))))
    (event,) = watching.events("netconf-config-change")
    assert [item.findtext("{*}target") for item in event.iterfind("{*}edit")] == ["/if:interfaces"]
    assert [item.findtext("{*}operation") for item in event.iterfind("{*}edit")] == ["merge"]


async def test_a_move_is_told(lab: Lab) -> None:
    client = await lab.client()
    ace = "<ace {}><name>{}</name><actions><forwarding>accept</forwarding></actions></ace>"
    frame = f'<acls xmlns="{NAMESPACES["acl"]}"><acl><name>l</name><aces>{{}}</aces></acl></acls>'
    await changed(client, frame.format("".join(ace.format("", name) for name in "abcd")))
    watching = await watcher(lab)
    await changed(client, frame.format(ace.format('yang:insert="first"', "c")))
    (event,) = watching.events("netconf-config-change")
    told = [(item.findtext("{*}target"), item.findtext("{*}operation")) for item in event.iterfind("{*}edit")]
    assert told == [("/acl:acls/acl:acl[acl:name='l']/acl:aces/acl:ace[acl:name='c']", "merge")]


async def test_sessions_are_told(lab: Lab) -> None:
    watching = await watcher(lab)
    one, two, three = await lab.client(), await lab.client(), await lab.client()
    await one.ok("<close-session/>")
    await two.session.closed()
    await watching.ok(f"<kill-session><session-id>{three.session.session_id}</session-id></kill-session>")
    assert kinds(watching) == ["netconf-session-start"] * 3 + ["netconf-session-end"] * 3
    ends = [
        (end.findtext("{*}session-id"), end.findtext("{*}termination-reason"), end.findtext("{*}killed-by"))
        for end in watching.events("netconf-session-end")
    ]
    assert ends == [
        (str(one.session.session_id), "closed", None),
        (str(two.session.session_id), "dropped", None),
        (str(three.session.session_id), "killed", str(watching.session.session_id)),
    ]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("<filter><ncn:netconf-session-end/></filter>", ["netconf-session-end"]),
        ("<filter type='subtree'><ncn:netconf-config-change/></filter>", ["netconf-config-change"]),
        (
            "<filter><ncn:netconf-config-change><ncn:datastore>startup</ncn:datastore></ncn:netconf-config-change></filter>",
            [],
        ),
        ("<filter type='xpath' select='/ncn:netconf-session-start'/>", ["netconf-session-start"]),
        ("<filter type='xpath' select=\"//ncn:edit[ncn:operation='create']\"/>", ["netconf-config-change"]),
        ("<filter type='xpath' select=\"//ncn:edit[ncn:operation='delete']\"/>", []),
    ],
)
async def test_filters(lab: Lab, wanted: str, told: list[str]) -> None:
    watching = await watcher(lab, wanted)
    client = await lab.client()
    await changed(client, interfaces(interface("a")))
    await client.ok("<close-session/>")
    assert kinds(watching) == told


async def test_other_operations_go_on_meanwhile(lab: Lab) -> None:
    watching = await watcher(lab)
    await changed(watching, interfaces(interface("a")))
    assert kinds(watching) == ["netconf-config-change"]
    assert "<name>a</name>" in await watching.running()


async def test_replay(lab: Lab) -> None:
    began = datetime.now(UTC)
    client = await lab.client()
    await changed(client, interfaces(interface("a")))
    await asyncio.sleep(0.01)
    middle = datetime.now(UTC)
    await asyncio.sleep(0.01)
    await changed(client, interfaces(interface("b")))
    all_of_it = await watcher(lab, f"<startTime>{began.isoformat()}</startTime>")
    assert kinds(all_of_it) == [
        "netconf-session-start",
        "netconf-config-change",
        "netconf-config-change",
        "netconf-session-start",
        "replayComplete",
    ]
    await changed(client, interfaces(interface("c")))
    assert kinds(all_of_it)[5:] == ["netconf-config-change"]
    part = await watcher(lab, f"<startTime>{began.isoformat()}</startTime><stopTime>{middle.isoformat()}</stopTime>")
    assert kinds(part) == [
        "netconf-session-start",
        "netconf-config-change",
        "replayComplete",
        "notificationComplete",
    ]
    # The subscription is over, so there can be another.
    await part.ok(subscribe())


async def test_it_ends_at_its_stop_time(lab: Lab) -> None:
    now = datetime.now(UTC)
    stop = now + timedelta(seconds=0.3)
    watching = await watcher(lab, f"<startTime>{now.isoformat()}</startTime><stopTime>{stop.isoformat()}</stopTime>")
    await asyncio.sleep(0.5)
    await changed(await lab.client(), interfaces(interface("a")))
    assert kinds(watching)[-2:] == ["replayComplete", "notificationComplete"]
    assert "netconf-config-change" not in kinds(watching)


@pytest.mark.parametrize(
    ("more", "tag", "bad"),
    [
        ("<stream>OTHER</stream>", "invalid-value", "stream"),
        ("<stopTime>2020-01-01T00:00:00Z</stopTime>", "missing-element", "startTime"),
        ("<startTime>2999-01-01T00:00:00Z</startTime>", "bad-element", "startTime"),
        (
            "<startTime>2020-01-02T00:00:00Z</startTime><stopTime>2020-01-01T00:00:00Z</stopTime>",
            "bad-element",
            "stopTime",
        ),
        ("<startTime>yesterday</startTime>", "invalid-value", "startTime"),
        ("<startTime>2020-01-02T00:00:00</startTime>", "invalid-value", "startTime"),
        ("<filter type='xpath' select='//['/>", "invalid-value", "filter"),
        ("<bogus/>", "unknown-element", "bogus"),
    ],
)
async def test_subscriptions_that_cannot_be(lab: Lab, more: str, tag: str, bad: str) -> None:
    client = await lab.client()
    error = await client.error(subscribe(more))
    assert (error["error-tag"], error["bad-element"]) == (tag, bad)
    await client.ok(subscribe("<stream>NETCONF</stream>"))
    assert (await client.error(subscribe()))["error-tag"] == "in-use"


async def test_fifty_subscribers_are_told(lab: Lab) -> None:
    watching = [await watcher(lab, "<filter><ncn:netconf-config-change/></filter>") for _number in range(50)]
    await changed(await lab.client(), interfaces(interface("a")))
    assert [kinds(one) for one in watching] == [["netconf-config-change"]] * 50
