# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a client sends: no exception, a well-formed answer or none, and the session or the server goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import (
    NAMESPACES,
    NC,
    READ_WRITE,
    Client,
    EngineSettings,
    MemoryKernel,
    edit,
    etree,
    interface,
    interfaces,
    route,
    routes,
    started,
)

_DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
OPERATIONS = [
    edit(interfaces(interface("a", '<enabled nc:operation="delete"/><description>x</description>'))),
    edit(
        routes(route("10.0.0.0/8", attributes='nc:operation="replace"')),
        "<default-operation>none</default-operation>",
    ),
    edit('<acl:acls><acl:acl><acl:name>l</acl:name><acl:aces><acl:ace yang:insert="first"><acl:name>a</acl:name>'
         "</acl:ace></acl:aces></acl:acl></acl:acls>"),
    "<commit><confirmed/><confirm-timeout>9</confirm-timeout><persist>x</persist></commit>",
    "<commit><persist-id>x</persist-id></commit>",
    f'<get><filter type="subtree">{interfaces("<interface><name>a</name></interface>")}</filter></get>',
    "<get-config><source><running/></source><filter type='xpath' select=\"//if:interface[if:name='a']\"/></get-config>",
    "<get><ncwd:with-defaults>report-all-tagged</ncwd:with-defaults></get>",
    "<ncm:get-schema><ncm:identifier>ietf-ip</ncm:identifier></ncm:get-schema>",
    "<copy-config><target><candidate/></target><source><config/></source></copy-config>",
    "<lock><target><candidate/></target></lock>",
    "<kill-session><session-id>7</session-id></kill-session>",
    "<ev:create-subscription><ev:startTime>2020-01-01T00:00:00Z</ev:startTime></ev:create-subscription>",
]  # fmt: skip
MESSAGES = [f'<rpc xmlns="{NC}" {_DECLARED} message-id="1">{one}</rpc>'.encode() for one in OPERATIONS]
PIECES = [
    *b"< > / & \" ' ]]> <![CDATA[ \x00 \xff nc:operation delete create candidate running xmlns='' [ //* : <x/>".split(),
    b"<!DOCTYPE a>",
    b" ",
    b"9" * 40,
]
CHANGES = st.tuples(st.integers(0, 2000), st.integers(0, 30), st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)))


def spoiled(message: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """The message with pieces taken out and others put in. The declarations in front are long, so count from behind."""
    for at, length, piece in changes:
        place = max(0, len(message) - at)
        message = message[:place] + piece + message[place + length :]
    return message


SENT = st.one_of(st.builds(spoiled, st.sampled_from(MESSAGES), st.lists(CHANGES, max_size=4)), st.binary(max_size=60))


async def talk(messages: list[bytes], folder: Path) -> None:
    lab = await started(MemoryKernel(), EngineSettings(startup_file=folder / "startup.xml"))
    client = await lab.client()
    for message in messages:
        if client.session.ended:
            client = await lab.client()
        answer = await client.session.receive(message)
        if answer is None:
            assert client.session.ended
        else:
            root = etree.fromstring(answer)
            assert root.tag == f"{{{NC}}}rpc-reply"
            internal = [
                item.text for item in root.iter(f"{{{NC}}}error-message") if "failed inside" in (item.text or "")
            ]
            assert internal == [], message
    await lab.engine.alone(lab.engine.commits.stop)
    last = await Client(lab.engine, READ_WRITE).hello()
    await last.data("<get-config><source><candidate/></source></get-config>")
    await lab.engine.stop()


@settings(max_examples=150, deadline=None)
@given(st.lists(SENT, min_size=1, max_size=15))
def test_nothing_that_is_sent_breaks_the_server(messages: list[bytes]) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(talk(messages, Path(folder)))


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.builds(spoiled, st.sampled_from(MESSAGES), st.lists(CHANGES, max_size=4))))
def test_nothing_in_place_of_a_hello_breaks_the_server(message: bytes) -> None:
    async def greet() -> None:
        client = Client(LAB.engine, READ_WRITE)
        assert await client.session.receive(message) is None
        assert client.session.ended
        assert client.session.session_id not in LAB.engine.sessions

    asyncio.run(greet())


with TemporaryDirectory() as _folder:
    LAB = asyncio.run(started(MemoryKernel(), EngineSettings(startup_file=Path(_folder) / "startup.xml")))
