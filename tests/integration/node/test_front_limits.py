# SPDX-License-Identifier: GPL-3.0-or-later
"""What one client can take from a running node, and what is left for the others."""

from __future__ import annotations

import random
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("libyang", reason="needs the extra node")
pytest.importorskip("asyncssh", reason="needs the extra node")
paramiko = pytest.importorskip("paramiko", reason="needs the extra netconf")

from ansible_collections.shadownet.ipam.tests.integration.namespaces import namespaces, wait_for  # noqa: E402

from .front_node import BASE, FrontNode  # noqa: E402
from .test_clients import routes  # noqa: E402
from .wire import HELLO_1_0, HELLO_1_1, Wire, connection  # noqa: E402

pytestmark = pytest.mark.netns

GET = "<get-config><source><running/></source></get-config>"
MIB = 2**20
LIMITS = {
    "sessions": 12,
    "sessions_per_user": 8,
    "unauthenticated": 20,
    "login_time": "2s",
    "hello_time": "2s",
    "idle_time": "3s",
    "message_size": "1MiB",
    "send_queue": "256KiB",
    "send_time": "2s",
}


@pytest.fixture(scope="module")
def node() -> Iterator[FrontNode]:
    with namespaces("node") as lab:
        made = FrontNode(lab, limits=LIMITS)
        try:
            yield made.start()
        finally:
            made.remove()


def reason(node: FrontNode, session: Wire) -> str:
    """Why the audit log says that a session ended."""
    number = session.hello.partition(b"<session-id>")[2].partition(b"</")[0].decode()
    wait_for(lambda: bool(node.audit("session-end", session=int(number))), 10, "the end of the session")
    return str(node.audit("session-end", session=int(number))[0]["reason"])


def files(node: FrontNode) -> int:
    """Open files of the server process."""
    return len(list(Path(f"/proc/{node.processes()[1]}/fd").iterdir()))


def test_sessions_are_limited_for_each_user_and_in_total(node: FrontNode) -> None:
    with ExitStack() as opened:
        first = opened.enter_context(Wire(node))
        for _number in range(7):
            opened.enter_context(Wire(node))
        with pytest.raises(Exception):  # noqa: B017, PT011  # paramiko says it in several ways
            Wire(node)
        for _number in range(4):
            opened.enter_context(Wire(node, "bob"))
        with pytest.raises(Exception):  # noqa: B017, PT011
            Wire(node, "bob")
        assert b"<data" in first.rpc(GET)
        reasons = [line.get("reason", "") for line in node.audit("refused")]
        assert any("sessions_per_user" in one for one in reasons)
        assert any("limits.sessions)" in one for one in reasons)
    wait_for(lambda: files(node) < 40, 10, "the connections to close")
    with Wire(node) as again:
        assert b"<data" in again.rpc(GET)


def test_a_thousand_strangers_starve_nobody(node: FrontNode) -> None:
    with Wire(node) as session, ExitStack() as opened:
        before, memory = files(node), node.memory(node.processes()[1])
        quiet = [timed(session) for _number in range(20)]
        crowd, busy, newcomers = [], [], []
        for number in range(1000):
            one = opened.enter_context(socket.socket())
            one.connect((node.address, node.port))
            one.sendall(random.choice((b"SSH-2.0-x\r\n", b"SSH-2.0-x", b"\0" * 100, b"SSH-2.0-x\r\n" + b"\xff" * 40)))
            crowd.append(one)
            if number % 50 == 0:
                busy.append(timed(session))
                assert files(node) <= before + LIMITS["unauthenticated"] + 130, "backlog and limit bound it"
            if number % 250 == 249:
                started = time.monotonic()
                with Wire(node, "bob") as newcomer:
                    assert b"<data" in newcomer.rpc(GET)
                newcomers.append(time.monotonic() - started)
        wait_for(lambda: files(node) <= before + LIMITS["unauthenticated"] + 5, 10, "the crowd to be pushed out")
        grown = node.memory(node.processes()[1]) - memory
        print(
            f"rpc quiet {statistics.median(quiet) * 1e3:.1f} ms, in the crowd {statistics.median(busy) * 1e3:.1f} ms "
            f"(worst {max(busy) * 1e3:.1f}), logins {max(newcomers):.2f} s, memory +{grown / MIB:.1f} MiB"
        )
        assert max(busy) < 2
        assert max(newcomers) < 5
        assert grown < 30 * MIB
    assert len(node.audit("pushed-out")) <= 200, "the log is not flooded either"


def timed(session: Wire) -> float:
    started = time.monotonic()
    assert b"<data" in session.rpc(GET)
    return time.monotonic() - started


def test_who_does_not_log_in_or_say_hello_is_sent_away(node: FrontNode) -> None:
    with socket.create_connection((node.address, node.port), 10) as stranger:
        stranger.settimeout(10)
        started = time.monotonic()
        while stranger.recv(4096):
            pass
        assert 1.5 < time.monotonic() - started < 5
    with Wire(node, version=None) as silent:
        assert silent.ended()
        assert "limits.hello_time" in reason(node, silent)
    transport = connection(node)
    wait_for(lambda: not transport.is_active(), 10, "the end of a connection without a session")


def test_who_sends_nothing_is_sent_away_and_who_subscribed_is_not(node: FrontNode) -> None:
    with Wire(node) as idle, Wire(node) as listener:
        assert b"<ok" in listener.rpc('<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>')
        assert idle.ended()
        assert "limits.idle_time" in reason(node, idle)
        time.sleep(1.5)
        assert b"<data" in listener.rpc(GET)


@pytest.mark.parametrize("version", [HELLO_1_0, HELLO_1_1])
def test_a_message_over_the_limit_ends_its_session_only(node: FrontNode, version: str) -> None:
    with Wire(node) as other, Wire(node, version=version) as session:
        comment = f"<!--{'x' * (MIB - 5000)}-->"
        assert b"<data" in session.rpc(comment + GET)
        with suppress(OSError):
            session.send(f'<rpc message-id="2" xmlns="{BASE}"><!--{"x" * (2 * MIB)}-->{GET}</rpc>')
        assert session.ended()
        assert "longer than 1,048,576 octets" in reason(node, session)
        assert b"<data" in other.rpc(GET)


def test_an_endless_message_does_not_fill_the_memory(node: FrontNode) -> None:
    child = node.processes()[1]
    before = node.memory(child)
    with Wire(node) as session:
        with suppress(OSError):
            for _number in range(200):
                session.raw(b"\n#1048576\n" + b" " * MIB)
        assert session.ended()
    assert node.memory(child) - before < 20 * MIB


def test_many_unfinished_messages_do_not_fill_the_memory(node: FrontNode) -> None:
    with ExitStack() as opened:
        sessions = [opened.enter_context(Wire(node)) for _number in range(6)]
        for number, session in enumerate(sessions):
            # Most of a message for each but the last, which has what is more than four messages.
            session.raw(b"\n#1000000\n" + b" " * (900_000 if number < 5 else 10))
        wait_for(lambda: any(ended_in_log(node, session) for session in sessions), 2, "one of them to be ended")
        assert [number for number, session in enumerate(sessions) if ended_in_log(node, session)] == [4]
        assert "four times limits.message_size" in reason(node, sessions[4])


def test_who_does_not_read_replies_is_sent_away(node: FrontNode) -> None:
    child = node.processes()[1]
    schema = '<get-schema xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring">'
    schema += "<identifier>ietf-interfaces</identifier></get-schema>"
    with Wire(node) as other:
        before = node.memory(child)
        for window in (32768, 2**31 - 1):  # held back by SSH's window, and by TCP's
            lazy = Wire(node, window=window)
            lazy.transport.packetizer.read_message = lambda: time.sleep(3600)  # type: ignore[method-assign]
            peak = 0
            end = time.monotonic() + 15
            with suppress(OSError, EOFError, paramiko.SSHException):
                lazy.channel.settimeout(1)
                while time.monotonic() < end and not ended_in_log(node, lazy):
                    with suppress(TimeoutError):
                        for number in range(20):
                            lazy.send(f'<rpc message-id="{number}" xmlns="{BASE}">{schema}</rpc>')
                    assert timed(other) < 2
                    peak = max(peak, node.memory(child) - before)
            assert "limits.send_time" in reason(node, lazy)
            lazy.transport.sock.close()
            print(f"window {window}: memory +{peak / MIB:.1f} MiB at most")
            assert peak < 30 * MIB


def test_who_does_not_read_notifications_is_sent_away(node: FrontNode) -> None:
    lazy = Wire(node, window=32768)
    lazy.rpc('<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>')
    lazy.transport.packetizer.read_message = lambda: time.sleep(3600)  # type: ignore[method-assign]
    some = [f"10.99.{one}.0/24" for one in range(40)]
    with Wire(node) as writer:
        # What is changed below a list that stays is told route by route.
        for edited in [routes("10.98.0.0/16"), *(routes(*some, operation=one) for one in ["merge", "delete"] * 60)]:
            edit = f"<config>{edited}</config>"
            assert b"<ok" in writer.rpc(f"<edit-config><target><candidate/></target>{edit}</edit-config>")
            assert b"<ok" in writer.rpc("<commit/>")
            if ended_in_log(node, lazy):
                break
    assert "limits.send_queue" in reason(node, lazy)
    lazy.transport.sock.close()


def ended_in_log(node: FrontNode, session: Wire) -> bool:
    number = session.hello.partition(b"<session-id>")[2].partition(b"</")[0].decode()
    return bool(node.audit("session-end", session=int(number)))


def test_sessions_leave_nothing_behind(node: FrontNode) -> None:
    child = node.processes()[1]
    before, samples = files(node), []
    for number in range(150):
        with Wire(node) as session:
            assert b"<data" in session.rpc(GET)
            if number % 3 == 0:
                session.rpc("<close-session/>")
            elif number % 3 == 1:
                session.rpc("<lock><target><candidate/></target></lock>")
        samples.append(node.memory(child))
    print(f"memory {samples[0] / MIB:.1f} → {samples[75] / MIB:.1f} → {samples[-1] / MIB:.1f} MiB")
    assert samples[-1] - samples[75] < 4 * MIB
    wait_for(lambda: files(node) <= before, 10, "the connections to close")


def test_a_heap_of_requests_does_not_hold_up_the_others(node: FrontNode) -> None:
    with Wire(node) as session, Wire(node) as hasty:
        request = f'<rpc message-id="1" xmlns="{BASE}">{GET}</rpc>'.encode()
        hasty.raw(b"".join(b"\n#%d\n%s\n##\n" % (len(request), request) for _number in range(8000)))
        waits = [timed(session) for _number in range(20)]
        assert len(hasty.waiting) < 8000
        print(f"rpc beside 8,000 others {statistics.median(waits) * 1e3:.1f} ms (worst {max(waits) * 1e3:.1f})")
        assert max(waits) < 1


def test_no_expression_of_a_reader_keeps_the_others_waiting(node: FrontNode) -> None:
    with Wire(node) as session, Wire(node, "bob") as reader:
        for expression in ("//*[//*[//*]]", "//*[../*[../*]]", "//*/following::*", "//*" * 8):
            started = time.monotonic()
            reader.send(
                f'<rpc message-id="1" xmlns="{BASE}"><get><filter type="xpath" select="{expression}"/></get></rpc>'
            )
            assert timed(session) < 2
            assert b"<rpc-reply" in reader.message()
            assert time.monotonic() - started < 4


def test_many_requests_at_once_are_answered_in_order(node: FrontNode) -> None:
    with Wire(node) as session:
        for number in range(300):
            session.send(f'<rpc message-id="{number}" xmlns="{BASE}">{GET}</rpc>')
        numbers = [int(session.message().partition(b'message-id="')[2].partition(b'"')[0]) for _number in range(300)]
        assert numbers == list(range(300))


@pytest.mark.slow
def test_noise_before_login(node: FrontNode) -> None:
    child = node.processes()[1]
    sample = None

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.binary(max_size=300), max_size=4), st.booleans())
    def noise(parts: list[bytes], banner: bool) -> None:
        nonlocal sample
        with socket.create_connection((node.address, node.port), 10) as one, suppress(OSError):
            if banner:
                one.sendall(b"SSH-2.0-noise\r\n")
            for part in parts:
                one.sendall(part)
        if sample is None:
            sample = node.memory(child)

    noise()
    with Wire(node) as session:
        assert b"<data" in session.rpc(GET)
    assert sample is not None
    assert node.memory(child) - sample < 15 * MIB
    assert node.processes()[1] == child
    assert "Traceback" not in node.said()


MESSAGES = (
    f'<rpc message-id="1" xmlns="{BASE}">{GET}</rpc>',
    f'<rpc xmlns="{BASE}"><get/></rpc>',
    f'<hello xmlns="{BASE}"><capabilities><capability>{HELLO_1_1}</capability></capabilities></hello>',
    "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    "<a>" * 5000,
    "",
    "\0",
    f'<rpc message-id="{"9" * 5000}" xmlns="{BASE}"><edit-config/></rpc>',
    f'<rpc message-id="1" xmlns="{BASE}"><get><filter type="xpath" select="//*[//*[//*]]"/></get></rpc>',
)


@pytest.mark.slow
def test_noise_after_login(node: FrontNode) -> None:
    child = node.processes()[1]
    sample = []

    pieces = st.one_of(
        st.binary(max_size=200),
        st.sampled_from(MESSAGES).map(str.encode),
        st.sampled_from(MESSAGES).map(lambda one: b"\n#%d\n%s\n##\n" % (len(one), one.encode())),
        st.sampled_from(MESSAGES).map(lambda one: one.encode() + b"]]>]]>"),
        st.sampled_from([b"\n#4294967295\n", b"\n#0\n", b"\n##\n", b"]]>]]>", b"\n#1\n<\n##\n", b"\n#" + b"1" * 20]),
    )

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(pieces, max_size=5), st.sampled_from([None, HELLO_1_0, HELLO_1_1]))
    def noise(parts: list[bytes], version: str | None) -> None:
        with Wire(node, version=version) as session, suppress(OSError, EOFError, paramiko.SSHException):
            for part in parts:
                session.raw(part)
            session.channel.shutdown_write()
            with suppress(Exception):  # what the server says to noise may be anything
                while session.message(5):
                    pass
        sample.append(node.memory(child))

    noise()
    with Wire(node) as session:
        assert b"<data" in session.rpc(GET)
    print(f"memory {sample[0] / MIB:.1f} → {sample[len(sample) // 2] / MIB:.1f} → {sample[-1] / MIB:.1f} MiB")
    assert sample[-1] - sample[len(sample) // 2] < 10 * MIB
    assert node.processes()[1] == child
    assert "internal error" not in "".join(str(line) for line in node.audit("session-end"))
    assert "Traceback" not in node.said()
