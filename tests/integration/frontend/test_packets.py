# SPDX-License-Identifier: GPL-3.0-or-later
"""Access lists and rate limits as packets meet them: a service behind sn1, another behind sn2, real sockets."""

from __future__ import annotations

import errno
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab, namespaces, wait_for

from .conftest import Node

pytestmark = pytest.mark.netns

PATIENCE = 0.4
# An ICMP error that arrives while connect() still holds the socket is only heeded after a SYN sent again (1 s).
PATIENCE_TO_CONNECT = 1.6
ADDRESSES = {("one", 4): "10.1.0.2", ("one", 6): "2001:db8:1::2", ("two", 4): "10.2.0.2", ("two", 6): "2001:db8:2::2"}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
KNOWN = {"name": "known", "action": "accept", "established": True}


@pytest.fixture
def services() -> Iterator[Node]:
    """A node that forwards between ``one`` and ``two``."""
    with namespaces("node", "one", "two") as lab:
        lab.forward("node")
        # Pings before the links were ready have used up what the kernel may send of ICMP errors.
        lab.run("node", "sh", "-c", "echo 0 > /proc/sys/net/ipv6/icmp/ratelimit")
        node = Node(lab)
        for number, short in enumerate(("one", "two"), 1):
            addresses = [f"10.{number}.0.1/24", f"2001:db8:{number}::1/64"]
            wanted = {"name": f"sn{number}", "type": "veth", "peer": "eth0", "addresses": addresses}
            node.push({"interfaces": [wanted]})
            lab.move("node", "eth0", short)
            for family in (4, 6):
                length = 24 if family == 4 else 64
                add = ["ip", "address", "add", f"{ADDRESSES[short, family]}/{length}", "dev", "eth0"]
                lab.run(short, *add, *(["nodad"] if family == 6 else []))
                gateway = addresses[0 if family == 4 else 1].partition("/")[0]
                lab.run(short, "ip", f"-{family}", "route", "add", "default", "via", gateway)
        wait_for(lambda: ping(lab, "one", "two", 4) == ping(lab, "one", "two", 6) == "open", what="IPv6 on the links")
        yield node
        node.transport.close()


def attach(node: Node, lists: list[dict[str, Any]], **places: list[str]) -> None:
    """Applies lists; places are like ``sn1_ingress=["a", "b"]``."""
    interfaces = []
    for name, number in (("sn1", 1), ("sn2", 2)):
        found = {key.partition("_")[2]: value for key, value in places.items() if key.startswith(name)}
        addresses = [f"10.{number}.0.1/24", f"2001:db8:{number}::1/64"]
        interfaces.append({"name": name, "type": "veth", "addresses": addresses, "peer": "eth0", **found})
    node.push({"interfaces": interfaces, "access_lists": lists}, "overridden")


def tcp(lab: Lab, source: str, target: str, port: int = 80, family: int = 4, source_port: int = 0) -> str:
    """``open``, ``dropped`` or ``rejected``: what becomes of a connection."""
    address = ADDRESSES[target, family]
    with (
        closing(lab.socket(target, FAMILIES[family], socket.SOCK_STREAM)) as server,
        closing(lab.socket(source, FAMILIES[family], socket.SOCK_STREAM)) as client,
    ):
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        server.listen()
        client.settimeout(PATIENCE_TO_CONNECT)
        if source_port:
            client.bind((ADDRESSES[source, family], source_port))
        try:
            client.connect((address, port))
            served, _peer = server.accept()
            with closing(served):
                served.sendall(b"hello")
                return "open" if client.recv(5) == b"hello" else "?"
        except TimeoutError:
            return "dropped"
        except OSError as error:
            if error.errno not in (errno.EHOSTUNREACH, errno.EACCES):
                raise
            return "rejected"


def udp(lab: Lab, source: str, target: str, port: int = 53, family: int = 4) -> str:
    """The same for a datagram and its answer."""
    address = ADDRESSES[target, family]
    with (
        closing(lab.socket(target, FAMILIES[family], socket.SOCK_DGRAM)) as server,
        closing(lab.socket(source, FAMILIES[family], socket.SOCK_DGRAM)) as client,
    ):
        for one in (server, client):
            one.settimeout(PATIENCE)
        server.bind((address, port))
        client.connect((address, port))
        client.send(b"ask")
        try:
            _data, peer = server.recvfrom(10)
            server.sendto(b"answer", peer)
            return "open" if client.recv(10) == b"answer" else "?"
        except TimeoutError:
            pass
        try:
            client.recv(10)
        except TimeoutError:
            return "dropped"
        except OSError:
            return "rejected"
        return "?"


def ping(lab: Lab, source: str, target: str, family: int = 4) -> str:
    """The same for an ICMP echo."""
    protocol = socket.IPPROTO_ICMP if family == 4 else socket.IPPROTO_ICMPV6
    request, reply = (8, 0) if family == 4 else (128, 129)
    head = struct.pack(">BBHHH", request, 0, 0, 7, 1)
    total = sum(struct.unpack(">4H", head))
    checksum = ~(total + (total >> 16)) & 0xFFFF
    with closing(lab.socket(source, FAMILIES[family], socket.SOCK_RAW, protocol)) as raw:
        raw.settimeout(PATIENCE)
        raw.sendto(head[:2] + struct.pack(">H", checksum) + head[4:], (ADDRESSES[target, family], 0))
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                data = raw.recv(1500)
            except TimeoutError:
                break
            kind = data[20] if family == 4 else data[0]
            if kind in (3, 1) and kind != reply and (family == 4) == (kind == 3):
                return "rejected"
            if kind == reply:
                return "open"
    return "dropped"


@pytest.mark.parametrize("family", [4, 6])
def test_accept_drop_and_reject_by_port(services: Node, family: int) -> None:
    lab = services.lab
    assert tcp(lab, "one", "two", family=family) == "open"
    entries = [
        {"name": "web", "action": "accept", "protocol": "tcp", "destination_port": "80-81"},
        {"name": "admin", "action": "reject", "protocol": "tcp", "destination_port": 22},
        {"name": "dns", "action": "accept", "protocol": "udp", "destination_port": 53},
    ]
    attach(services, [{"name": "a", "entries": entries}], sn1_ingress=["a"])
    answers = {port: tcp(lab, "one", "two", port, family) for port in (79, 80, 81, 82, 22)}
    assert answers == {79: "dropped", 80: "open", 81: "open", 82: "dropped", 22: "rejected"}
    assert udp(lab, "one", "two", 53, family) == "open"
    assert udp(lab, "one", "two", 54, family) == "dropped"
    assert ping(lab, "one", "two", family) == "dropped"
    attach(services, [{"name": "a", "entries": entries, "default_action": "reject"}], sn1_ingress=["a"])
    assert udp(lab, "one", "two", 54, family) == "rejected"
    assert ping(lab, "one", "two", family) == "rejected"


@pytest.mark.parametrize("family", [4, 6])
def test_accept_on_the_way_in_does_not_skip_the_way_out(services: Node, family: int) -> None:
    every = {"name": "all", "default_action": "accept", "entries": [{"name": "x", "action": "accept"}]}
    web = {"name": "web", "entries": [{"name": "w", "action": "accept", "protocol": "tcp", "destination_port": 80}]}
    attach(services, [every, web], sn1_ingress=["all"], sn2_egress=["web"])
    assert tcp(services.lab, "one", "two", 80, family) == "open"
    assert tcp(services.lab, "one", "two", 81, family) == "dropped"
    attach(services, [every, web], sn1_ingress=["web"], sn2_egress=["all"])
    assert tcp(services.lab, "one", "two", 80, family) == "open"
    assert tcp(services.lab, "one", "two", 81, family) == "dropped"
    # sn2 may still begin what it likes, but its answers' way out of sn1 is not restricted either
    assert tcp(services.lab, "two", "one", 81, family) == "dropped"  # the answers of one come in at sn1: not web


@pytest.mark.parametrize("family", [4, 6])
def test_established_lets_answers_through_and_nothing_new(services: Node, family: int) -> None:
    attach(services, [{"name": "answers", "entries": [KNOWN]}], sn1_egress=["answers"])
    assert tcp(services.lab, "one", "two", 80, family) == "open"
    assert udp(services.lab, "one", "two", 53, family) == "open"
    assert ping(services.lab, "one", "two", family) == "open"
    assert tcp(services.lab, "two", "one", 80, family) == "dropped"
    assert ping(services.lab, "two", "one", family) == "dropped"


@pytest.mark.parametrize("family", [4, 6])
def test_tcp_flags_match_packets_that_have_all_of_them(services: Node, family: int) -> None:
    lab = services.lab
    for flags, answer in (("ack", "open"), ("syn,ack", "dropped")):
        entry = {"name": "x", "action": "accept", "protocol": "tcp", "tcp_flags": flags}
        # What goes out to one of a connection that one begins: SYN with ACK, then data with ACK alone.
        attach(services, [{"name": "flags", "entries": [entry]}], sn1_egress=["flags"])
        assert tcp(lab, "one", "two", 80, family) == answer, flags
        assert tcp(lab, "two", "one", 80, family) == "dropped"
        assert udp(lab, "one", "two", 53, family) == "dropped"


def test_lists_run_in_order_and_the_last_default_decides(services: Node) -> None:
    deny = {"name": "deny", "default_action": "accept", "entries": [_tcp("d", "drop", 80)]}
    allow = {"name": "allow", "entries": [_tcp("a", "accept", 80), _tcp("b", "accept", 81)]}
    lab = services.lab
    attach(services, [deny, allow], sn1_ingress=["deny", "allow"])
    assert [tcp(lab, "one", "two", port) for port in (80, 81, 82)] == ["dropped", "open", "dropped"]
    attach(services, [deny, allow], sn1_ingress=["allow", "deny"])
    assert [tcp(lab, "one", "two", port) for port in (80, 81, 82)] == ["open", "open", "open"]
    attach(services, [deny, allow])
    assert tcp(lab, "one", "two", 80) == "open"


def _tcp(name: str, action: str, port: int) -> dict[str, Any]:
    return {"name": name, "action": action, "protocol": "tcp", "destination_port": port}


def test_prefixes_protocols_and_source_ports_match(services: Node) -> None:
    lab = services.lab
    entries = [
        {"name": "four", "action": "accept", "source": "10.1.0.0/23", "destination": "10.2.0.2/32", "protocol": "icmp"},
        {"name": "six", "action": "accept", "source": "2001:db8:1::/61", "protocol": "icmpv6"},
        {"name": "port", "action": "accept", "protocol": "tcp", "source_port": "2000-2001"},
    ]
    attach(services, [{"name": "a", "entries": entries}], sn2_egress=["a"])
    assert ping(lab, "one", "two", 4) == "open"
    assert ping(lab, "one", "two", 6) == "open"
    assert udp(lab, "one", "two", 53, 6) == "dropped"
    assert tcp(lab, "one", "two", 80, source_port=2001) == "open"
    assert tcp(lab, "one", "two", 80, source_port=2002) == "dropped"
    entries[0]["source"] = "10.1.0.4/30"
    entries[1]["destination"] = "2001:db8:2::3/128"
    attach(services, [{"name": "a", "entries": entries}], sn2_egress=["a"])
    assert ping(lab, "one", "two", 4) == "dropped"
    assert ping(lab, "one", "two", 6) == "dropped"


def _flow(lab: Lab, seconds: float) -> float:
    """Octets per second of a TCP stream from ``one`` to ``two``."""
    with (
        closing(lab.socket("two", socket.AF_INET, socket.SOCK_STREAM)) as server,
        closing(lab.socket("one", socket.AF_INET, socket.SOCK_STREAM)) as client,
    ):
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((ADDRESSES["two", 4], 5001))
        server.listen()
        client.settimeout(5)
        client.connect((ADDRESSES["two", 4], 5001))
        served, _peer = server.accept()
        stop = threading.Event()

        def send() -> None:
            block = bytes(65536)
            while not stop.is_set():
                try:
                    client.send(block)
                except OSError:
                    return

        thread = threading.Thread(target=send)
        thread.start()
        with closing(served):
            served.settimeout(5)
            warm = time.monotonic() + 0.3
            while time.monotonic() < warm:
                served.recv(1 << 20)
            start, got = time.monotonic(), 0
            while time.monotonic() < start + seconds:
                got += len(served.recv(1 << 20))
            found = got / (time.monotonic() - start)
            stop.set()
        thread.join()
        return found


def test_a_rate_limit_holds(services: Node) -> None:
    free = _flow(services.lab, 0.5)
    interface = {"name": "sn2", "type": "veth", "peer": "eth0", "addresses": ["10.2.0.1/24"]}
    services.push({"interfaces": [{**interface, "rate_limit": "20Mbit"}]})
    slow = _flow(services.lab, 1.5)
    assert slow < 20e6 / 8 * 1.1
    assert slow > 20e6 / 8 * 0.5
    assert free > 4 * slow
    services.push({"interfaces": [interface]}, "replaced")
    assert _flow(services.lab, 0.5) > 4 * slow
