# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages layer (RFC 6241, 4 and 8.1), access, and what an audit log is told."""

from __future__ import annotations

import pytest
from lxml import etree

from ansible_collections.shadownet.ipam.node.contract import Done, Peer, User
from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import (
    LOCK,
    NC,
    READ_ONLY,
    READ_WRITE,
    UNLOCK,
    Client,
    Lab,
    edit,
    interface,
    interfaces,
)

GET = "<get-config><source><running/></source></get-config>"


async def raw(client: Client, message: str | bytes) -> etree._Element | None:
    answer = await client.session.receive(message.encode() if isinstance(message, str) else message)
    return None if answer is None else etree.fromstring(answer)


def tags(root: etree._Element | None) -> list[str | None]:
    assert root is not None
    return [item.text for item in root.iter(f"{{{NC}}}error-tag", f"{{{NC}}}error-type")]


def unmet(lab: Lab) -> Client:
    return Client(lab.engine, READ_WRITE)


@pytest.mark.parametrize(("versions", "chunked"), [(("1.0",), False), (("1.1",), True), (("1.0", "1.1"), True)])
async def test_hello(lab: Lab, versions: tuple[str, ...], chunked: bool) -> None:
    client = unmet(lab)
    root = etree.fromstring(client.session.hello)
    assert root.tag == f"{{{NC}}}hello"
    assert root.findtext(f"{{{NC}}}session-id") == str(client.session.session_id)
    assert client.session.base_1_1 is None
    await client.hello(*versions)
    assert client.session.base_1_1 is chunked
    assert len(await client.data(GET)) == 0


CAPABILITIES = "<capabilities><capability>urn:ietf:params:netconf:base:1.1</capability></capabilities>"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "hello",
        "<hello>",
        f'<rpc xmlns="{NC}" message-id="1"><get/></rpc>',
        f'<hello xmlns="{NC}"/>',
        f'<hello xmlns="{NC}">{CAPABILITIES}<session-id>1</session-id></hello>',
        f"<hello>{CAPABILITIES}</hello>",
        f'<hello xmlns="{NC}">{CAPABILITIES.replace("1.1", "9.9")}</hello>',
    ],
)
async def test_without_a_good_hello_the_session_ends(lab: Lab, message: str) -> None:
    client = unmet(lab)
    assert await raw(client, message) is None
    assert client.session.ended
    assert client.session.session_id not in lab.engine.sessions
    assert await raw(client, f'<rpc xmlns="{NC}" message-id="1"><get/></rpc>') is None
    assert lab.engine.statistics.in_bad_hellos == 1


async def test_the_reply_has_all_attributes_of_the_rpc(lab: Lab) -> None:
    client = await lab.client()
    inside = "<nc:get-config><nc:source><nc:running/></nc:source></nc:get-config>"
    marks = 'message-id="a &quot;&lt;" e:user="7" plain="x"'
    root = await raw(client, f'<nc:rpc xmlns:nc="{NC}" xmlns:e="urn:e" {marks}>{inside}</nc:rpc>')
    assert root is not None
    assert dict(root.attrib) == {"message-id": 'a "<', "{urn:e}user": "7", "plain": "x"}
    root = await raw(client, f'<rpc xmlns="{NC}" xmlns:e="urn:e" message-id="2" e:user="7"><bogus/></rpc>')
    assert root is not None
    assert root.get("{urn:e}user") == "7"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("<rpc", ["rpc", "malformed-message"]),
        (b"\xff\xfe\x00", ["rpc", "malformed-message"]),
        ("", ["rpc", "malformed-message"]),
        (
            f'<!DOCTYPE rpc [<!ENTITY a "b">]><rpc xmlns="{NC}" message-id="1"><get/></rpc>',
            ["rpc", "malformed-message"],
        ),
        (f'<rpc xmlns="{NC}" message-id="1">&amp;<get>&nope;</get></rpc>', ["rpc", "malformed-message"]),
        (f'<rpc xmlns="{NC}"><get/></rpc>', ["rpc", "missing-attribute"]),
        (f'<rpc xmlns="{NC}" message-id="1"/>', ["rpc", "missing-element"]),
        (f'<rpc xmlns="{NC}" message-id="1"><get/><get/></rpc>', ["rpc", "bad-element"]),
        (f'<rpc xmlns="{NC}" message-id="{"1" * 5000}"><get/></rpc>', ["rpc", "bad-attribute"]),
        (f'<rpc xmlns="{NC}" message-id="1"><bogus/></rpc>', ["protocol", "operation-not-supported"]),
        (f'<rpc xmlns="{NC}" message-id="1"><get xmlns="urn:x"/></rpc>', ["protocol", "unknown-namespace"]),
        (f'<hello xmlns="{NC}">{CAPABILITIES}</hello>', ["rpc", "unknown-element"]),
        ("<rpc message-id='1'><get/></rpc>", ["rpc", "unknown-element"]),
        (f'<rpc xmlns="{NC}" message-id="1">{"<x>" * 400}{"</x>" * 400}</rpc>', ["rpc", "malformed-message"]),
    ],
)
async def test_messages_that_are_wrong(lab: Lab, message: str | bytes, told: list[str]) -> None:
    client = await lab.client()
    assert tags(await raw(client, message)) == told
    # The session goes on.
    assert len(await client.data(GET)) == 0


@pytest.mark.parametrize("encoding", ["UTF-16", "utf-16le", "iso-8859-1", "UCS-4", "nonsense"])
async def test_a_declaration_of_another_encoding_is_refused_by_name(lab: Lab, encoding: str) -> None:
    client = await lab.client()
    get = f'<rpc xmlns="{NC}" message-id="1">{GET}</rpc>'
    root = await raw(client, f"\n<?xml version='1.0' encoding='{encoding}'?>{get}")
    assert tags(root) == ["rpc", "malformed-message"]
    assert root is not None
    said = root.findtext(f".//{{{NC}}}error-message")
    assert said is not None
    assert encoding in said
    assert "UTF-8" in said
    assert len(await client.data(GET)) == 0


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
async def test_a_message_in_another_encoding_is_refused_as_such(lab: Lab, encoding: str) -> None:
    client = await lab.client()
    root = await raw(client, f'<rpc xmlns="{NC}" message-id="1">{GET}</rpc>'.encode(encoding))
    assert tags(root) == ["rpc", "malformed-message"]
    assert root is not None
    assert "UTF-8" in (root.findtext(f".//{{{NC}}}error-message") or "")


@pytest.mark.parametrize(
    "declaration", ['version="1.0"', 'version="1.0" encoding="utf-8"', "version='1.0' encoding='ASCII'"]
)
async def test_declarations_that_are_true_are_taken(lab: Lab, declaration: str) -> None:
    client = await lab.client()
    root = await raw(client, f'<?xml {declaration}?><rpc xmlns="{NC}" message-id="1">{GET}</rpc>')
    assert root is not None
    assert root.find(f"{{{NC}}}data") is not None


async def test_a_refused_hello_is_told_with_its_reason(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    client = unmet(lab)
    await raw(client, f'<hello xmlns="{NC}">{CAPABILITIES.replace("1.1", "9.9")}</hello>')
    assert client.session.end_reason == (
        "the hello was refused: The <hello> announces neither base:1.0 nor base:1.1, but "
        "urn:ietf:params:netconf:base:9.9."
    )
    assert "user 'admin' from 192.0.2.7" in caplog.text
    assert "neither base:1.0 nor base:1.1" in caplog.text


async def test_an_old_client_is_not_told_what_it_has_no_word_for(lab: Lab) -> None:
    client = await unmet(lab).hello("1.0")
    assert await raw(client, "<rpc") is None
    assert client.session.ended


async def test_entities_are_not_read_from_files(lab: Lab) -> None:
    client = await lab.client()
    text = (
        f'<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><rpc xmlns="{NC}" message-id="1"><get>&e;</get></rpc>'
    )
    root = await raw(client, text)
    assert tags(root) == ["rpc", "malformed-message"]
    assert b"root:" not in etree.tostring(root)


WRITING = [
    edit(interfaces(interface("a"))),
    "<copy-config><target><candidate/></target><source><running/></source></copy-config>",
    "<delete-config><target><startup/></target></delete-config>",
    LOCK.format("candidate"),
    LOCK.format("running"),
    UNLOCK.format("running"),
    "<commit/>",
    "<cancel-commit/>",
    "<discard-changes/>",
    "<kill-session><session-id>1</session-id></kill-session>",
]


@pytest.mark.parametrize("operation", WRITING)
async def test_a_reader_is_denied_everything_that_changes(lab: Lab, operation: str) -> None:
    client = await lab.client(READ_ONLY)
    assert (await client.error(operation))["error-tag"] == "access-denied"


async def test_a_reader_reads(lab: Lab) -> None:
    client = await lab.client(READ_ONLY)
    await client.data("<get/>")
    await client.data(GET)
    await client.ok("<validate><source><running/></source></validate>")
    await client.ok('<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>')
    await client.ok("<close-session/>")


async def test_what_was_done_is_told_to_the_audit_log(lab: Lab, done: list[Done]) -> None:
    client = await lab.client()
    await client.data(GET)
    await client.edit(interfaces(interface("a")))
    await client.error(LOCK.format("candidate"))
    told = [(one.operation, one.target, one.changes, one.outcome) for one in done]
    assert told == [
        ("get-config", None, False, "ok"),
        ("edit-config", "candidate", True, "ok"),
        ("lock", "candidate", True, "lock-denied"),
    ]
    assert {(one.user, one.source_host, one.session_id) for one in done} == {
        ("admin", "192.0.2.7", client.session.session_id)
    }
    assert "not committed" in (done[2].message or "")


async def test_an_error_inside_is_told_without_its_inside(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await lab.client()

    async def broken(*_args: object) -> dict[str, object]:
        raise RuntimeError("secret")

    monkeypatch.setattr(lab.kernel, "state", broken)
    error = await client.error("<get/>")
    assert error["error-tag"] == "operation-failed"
    assert "secret" not in str(error)
    assert len(await client.data(GET)) == 0


async def test_a_peer_without_an_address_is_told_too(lab: Lab) -> None:
    session = lab.engine.open(User("u", read_write=True), Peer("somewhere"), lambda _m: None, lambda _r: None)
    assert "source-host" not in session.words
    await session.closed()
    await session.closed()


async def test_params_hold_nothing_unknown(lab: Lab) -> None:
    client = await lab.client()
    cases = {
        "<get><bogus/></get>": ("unknown-element", "bogus"),
        "<get-config/>": ("missing-element", "source"),
        "<get-config><source/></get-config>": ("missing-element", "source"),
        "<get-config><source><running/><candidate/></source></get-config>": ("bad-element", "source"),
        "<commit><confirmed/><confirmed/></commit>": ("bad-element", "confirmed"),
        '<lock><target><running xmlns="urn:x"/></target></lock>': ("unknown-namespace", "running"),
        '<lock><target xmlns="urn:x"/></lock>': ("unknown-namespace", "target"),
        "<close-session><now/></close-session>": ("unknown-element", "now"),
        "<discard-changes><now/></discard-changes>": ("unknown-element", "now"),
        "<kill-session><session-id><x/></session-id></kill-session>": ("bad-element", "session-id"),
    }
    for operation, expected in cases.items():
        error = await client.error(operation)
        assert (error["error-tag"], error["bad-element"]) == expected, operation
