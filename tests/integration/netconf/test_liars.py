# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that do not speak NETCONF as they should: real SSH connections, and a script where the server would be.

Whatever they send, a session ends soon, with a reason, and with little memory.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.address import Address
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.errors import Lost, Refused, Unreachable
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.operations import get_config
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.session import Session

from .ssh_servers import Device, Script, TwoSteps, make_key

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
PASSWORD = "pass"
REPLY = b'<rpc-reply message-id="ID" xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">%s</rpc-reply>'
OK = REPLY % b"<data/>"
LAUGHS = b'<!ENTITY a0 "ha">' + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12))


def hello(*capabilities: str, chunked: bool = False) -> bytes:
    """A hello as it stands on the wire."""
    words = [f"urn:ietf:params:netconf:base:1.{n}" for n in range(2 if chunked else 1)] + list(capabilities)
    inside = "".join(f"<capability>{word}</capability>" for word in words)
    text = f'<hello xmlns="{BASE}"><capabilities>{inside}</capabilities><session-id>7</session-id></hello>'
    return text.encode() + b"]]>]]>"


def chunks(message: bytes) -> bytes:
    return b"\n#%d\n%s\n##\n" % (len(message), message)


def answering(*answers: bytes, greeting: bytes | None = None, chunked: bool = False, close: bool = False) -> Script:
    """Says hello, then gives an answer to each rpc; ``ID`` stands for its message-id. Then it stays silent.

    Args:
        answers: as on the wire.
        close: end the session after the last answer.
    """

    async def script(process: Any) -> None:
        process.stdout.write(hello(chunked=chunked) if greeting is None else greeting)
        end = b"]]>]]>"
        heard = await process.stdin.readuntil(end)
        assert b"hello" in heard
        for answer in answers:
            heard = await process.stdin.readuntil(b"\n##\n" if chunked else end)
            number = re.search(rb'message-id="(\d+)"', heard)
            assert number is not None
            process.stdout.write(answer.replace(b"ID", number[1]))
            await process.stdout.drain()
        if not close:
            await process.stdin.read()

    return script


@contextmanager
def session(tmp_path: Path, script: Script, longest: int = 50_000_000, timeout: float = 15.0) -> Iterator[Session]:
    with Device(tmp_path / f"device-{os.urandom(4).hex()}", script, password=PASSWORD) as device:
        made = Session(Address(**device.options(password=PASSWORD, timeout=timeout)), longest)
        try:
            yield made
        finally:
            made.abandon()


def answer_to(tmp_path: Path, script: Script, **options: Any) -> Any:
    with session(tmp_path, script, **options) as made:
        return made.call(get_config(None))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (REPLY % b"<data><a></b></data>", "no NETCONF"),
        (REPLY % b"<data>\x00</data>", "no NETCONF"),
        (REPLY % b"<data>\x07</data>", "no NETCONF"),
        (REPLY % b"<data>\xff\xfe</data>", "no NETCONF"),
        (REPLY % b"<data>\xed\xa0\x80</data>", "no NETCONF"),
        (REPLY % b"<data>&lt;&unknown;</data>", "no NETCONF"),
        (REPLY % (b"<a>" * 100_000 + b"</a>" * 100_000), "no NETCONF"),
        (REPLY % (b"<data>" + b"x" * 20_000_000 + b"</data>"), "no NETCONF"),
        (b"<!DOCTYPE a [" + LAUGHS + b"]>" + OK.replace(b"<data/>", b"<data>&a11;</data>"), "document type"),
        (b'<!DOCTYPE a [<!ENTITY a0 "ha"><!ENTITY x SYSTEM "file:///etc/passwd">]>' + REPLY % b"&x;", "document type"),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd">' + OK, "document type"),
        (b"<!DOCTYPE a>" + OK, "document type"),
        (b"<?xml version='1.0'?> <!-- > --> <!DOCTYPE a>" + OK, "document type"),
        (("<?xml version='1.0' encoding='UTF-16'?><!DOCTYPE a>" + OK.decode()).encode("utf-16"), "no NETCONF"),
        (OK.replace(b"ID", b"12345"), "'12345', which was not sent"),
        (OK.replace(b"ID", b""), "'', which was not sent"),
        (OK.replace(b'message-id="ID"', b""), "None, which was not sent"),
        (b"<rpc-reply message-id='ID'/>", "no message of RFC 6241"),
        (b"<html>Login required</html>", "no message of RFC 6241"),
        (b"Connection limit reached\r\n", "no NETCONF"),
    ],
    ids=range(20),
)
@pytest.mark.parametrize("chunked", [False, True], ids=["1.0", "1.1"])
def test_answers_that_are_none(tmp_path: Path, answer: bytes, reason: str, chunked: bool) -> None:
    wire = chunks(answer.replace(b"ID", b"1")) if chunked else answer + b"]]>]]>"
    start = time.monotonic()
    with pytest.raises(Lost, match=reason):
        answer_to(tmp_path, answering(wire, chunked=chunked))
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (b"\n#0\n\n##\n", "no chunk begins with"),
        (b"\n#4294967295\n", "longer than"),
        (b"\n#99999999999\n", "no chunk begins with"),
        (b"\n#-1\nx\n##\n", "no chunk begins with"),
        (b"\n#1x\nx\n##\n", "no chunk begins with"),
        (b"\n#05\nhello\n##\n", "no chunk begins with"),
        (OK + b"]]>]]>", "no chunk begins with"),
        (b"\r\n#5\r\nhello", "no chunk begins with"),
        (b"\n#3\n" + OK + b"\n##\n", "no chunk begins with"),
    ],
)
def test_chunks_that_are_none(tmp_path: Path, wire: bytes, reason: str) -> None:
    with pytest.raises(Lost, match=reason):
        answer_to(tmp_path, answering(wire, chunked=True))


def test_answers_that_are_good(tmp_path: Path) -> None:
    odd = REPLY.replace(b"ID", b"1") % "<data a='&gt;'>]]&gt;]]&gt; \n#5\n \u202e\U0001f642</data>".encode()
    assert answer_to(tmp_path, answering(odd + b"]]>]]>")).findtext("{*}data").endswith("\u202e\U0001f642")
    one_by_one = b"".join(b"\n#1\n%c" % octet for octet in odd) + b"\n##\n"
    assert "\n#5\n" in answer_to(tmp_path, answering(one_by_one, chunked=True)).findtext("{*}data")
    notification = b'<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>]]>]]>'
    assert answer_to(tmp_path, answering(notification * 3 + OK + b"]]>]]>")).find("{*}data") is not None
    comments = b"<!-- a --><?xml-stylesheet href='x'?>" + REPLY % b"<!-- b --><data/>" + b"\n]]>]]>\n"
    assert answer_to(tmp_path, answering(comments)).find("{*}data") is not None
    # RFC 6241, 4.3: an rpc that could not be read has no message-id to repeat.
    error = b"<rpc-error><error-type>rpc</error-type><error-tag>missing-attribute</error-tag></rpc-error>"
    with pytest.raises(Refused, match="missing-attribute"):
        answer_to(tmp_path, answering((REPLY % error).replace(b'message-id="ID" ', b"") + b"]]>]]>"))


@pytest.mark.parametrize("chunked", [False, True], ids=["1.0", "1.1"])
def test_a_large_answer(tmp_path: Path, chunked: bool) -> None:
    message = (REPLY % (b"<data>" + b"<a>%s</a>" % (b"x" * 1000) * 40_000 + b"</data>")).replace(b"ID", b"1")
    wire = chunks(message) if chunked else message + b"]]>]]>"
    found = answer_to(tmp_path, answering(wire, chunked=chunked), timeout=60.0)
    assert len(found[0]) == 40_000


@pytest.mark.parametrize("chunked", [False, True], ids=["1.0", "1.1"])
def test_an_endless_answer(tmp_path: Path, chunked: bool) -> None:
    sent = 0

    async def script(process: Any) -> None:
        nonlocal sent
        await answering(chunked=chunked, close=True)(process)
        await process.stdin.readuntil(b"\n##\n" if chunked else b"]]>]]>")
        while True:
            process.stdout.write(b"\n#10\n<a>xxx</a>" * 1000 if chunked else b"<a>xxx</a>" * 1000)
            sent += 10_000
            await process.stdout.drain()

    with pytest.raises(Lost, match="longer than 1,000,000 octets"):
        answer_to(tmp_path, script, longest=1_000_000)
    assert sent < 20_000_000


@pytest.mark.parametrize("size", [0, 1, 50, 5000])
def test_an_answer_cut_in_the_middle(tmp_path: Path, size: int) -> None:
    whole = OK.replace(b"<data/>", b"<data>%s</data>" % (b"x" * 10_000))
    start = time.monotonic()
    with pytest.raises(Lost, match="closed"):
        answer_to(tmp_path, answering(whole[:size], close=True))
    assert time.monotonic() - start < 5


def test_an_answer_that_never_comes(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(Lost, match=r"no answer within 1\.5 s"):
        answer_to(tmp_path, answering(OK[:20]), timeout=1.5)
    assert time.monotonic() - start < 5


def test_an_answer_in_drops_does_not_prolong_the_time(tmp_path: Path) -> None:
    async def script(process: Any) -> None:
        await answering(close=True)(process)
        while True:
            process.stdout.write(b"<a/>")
            await asyncio.sleep(0.05)

    start = time.monotonic()
    with pytest.raises(Lost, match=r"no answer within 1\.5 s"):
        answer_to(tmp_path, script, timeout=1.5)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("greeting", "reason"),
    [
        (b"", "not done within|timed out"),
        (b"Welcome to the router\r\n", "not done within|timed out"),
        (b"Welcome to the router\r\n]]>]]>", "no NETCONF"),
        (OK + b"]]>]]>" + hello(), "which was not sent"),
        (b"<hello/>]]>]]>", "no message of RFC 6241"),
        (b"<!DOCTYPE hello [" + LAUGHS + b"]>" + hello(), "document type"),
        (b"x" * 3_000_000, "longer than"),
        (hello()[:100], "not done within|timed out"),
    ],
    ids=range(8),
)
def test_greetings_that_are_none(tmp_path: Path, greeting: bytes, reason: str) -> None:
    start = time.monotonic()
    with (
        pytest.raises(Unreachable, match="No NETCONF session") as caught,
        session(tmp_path, answering(greeting=greeting), longest=1_000_000, timeout=2.0),
    ):
        pass
    assert re.search(reason, str(caught.value.node_said))
    assert time.monotonic() - start < 6


def test_odd_greetings_that_are_good(tmp_path: Path) -> None:
    many = hello(*(f"urn:example:{n}?module=m{n}&amp;revision=2026-01-01" for n in range(10_000)))
    for number, greeting in enumerate(
        [
            many,
            hello().replace(b"<session-id>7</session-id>", b""),
            hello("", "  "),
            b"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?>\n<!-- hi -->" + hello(),
            hello().replace(b"<hello xmlns=", b"<n:hello xmlns:n=").replace(b"</hello", b"</n:hello").replace(
                b"<cap", b"<n:cap"
            ).replace(b"</cap", b"</n:cap").replace(b"<session", b"<n:session").replace(b"</session", b"</n:session"),
            hello() + hello(),
        ]
    ):  # fmt: skip
        with session(tmp_path / str(number), answering(OK + b"]]>]]>", greeting=greeting)) as made:
            assert made.call(get_config(None)) is not None
            assert ("m9999" in made.announced.modules) == (greeting is many)


@contextmanager
def listener(serve: Any) -> Iterator[int]:
    """A TCP server that hands each connection to ``serve``."""
    server = socket.create_server(("127.0.0.1", 0))
    open_ones: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _address = server.accept()
                open_ones.append(client)
                with suppress(OSError):
                    serve(client)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        for one in (server, *open_ones):
            one.close()


def _drops(client: socket.socket) -> None:
    client.sendall(b"SSH-2.0-x\r\n")
    with suppress(OSError):
        for _turn in range(200):
            client.sendall(b"\x00")
            time.sleep(0.05)


@pytest.mark.parametrize(
    "serve",
    [
        lambda _client: None,
        lambda client: client.close(),
        lambda client: client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        lambda client: client.sendall(b"SSH-2.0-Silent\r\n"),
        lambda client: client.sendall(b"SSH-1.5-Old\r\n"),
        lambda client: client.sendall(b"x" * 1_000_000),
        lambda client: client.sendall(b"SSH-2.0-x\r\n\xff\xff\xff\xff" + b"\x00" * 1000),
        _drops,
    ],
    ids=["silent", "closes", "http", "only a banner", "ssh 1", "no lines", "wrong packets", "drops"],
)
def test_who_accepts_and_is_no_ssh_server(serve: Any, tmp_path: Path) -> None:
    with listener(serve) as port:
        start = time.monotonic()
        with pytest.raises(Unreachable, match=r"No NETCONF session with 127\.0\.0\.1"):
            Session(Address("127.0.0.1", port, "x", "y", host_key_checking=False, timeout=2.0))
        assert time.monotonic() - start < 5, "a task may not hang much longer than its time-out"


@pytest.mark.parametrize("stalls", ["key", "subsystem"])
def test_who_stops_on_the_way(tmp_path: Path, stalls: str) -> None:
    key = make_key(tmp_path / "key")
    with TwoSteps(stalls=stalls) as server:
        start = time.monotonic()
        with pytest.raises(Unreachable, match="No NETCONF session") as caught:
            Session(
                Address("127.0.0.1", server.port, "x", private_key_file=str(key), host_key_checking=False, timeout=2.0)
            )
        assert "not done within 2 s" in str(caught.value.node_said)
        assert time.monotonic() - start < 5


def test_who_has_no_netconf(tmp_path: Path) -> None:
    with TwoSteps(stalls="nothing") as server:
        key = make_key(tmp_path / "key")
        with pytest.raises(Unreachable, match="No NETCONF session with") as caught:
            Session(Address("127.0.0.1", server.port, "x", private_key_file=str(key), host_key_checking=False))
        assert "NETCONF subsystem" in str(caught.value.fix)
