# SPDX-License-Identifier: GPL-3.0-or-later
"""DHCP clients for tests: the two real ones, and a bare one over a packet socket that does as it likes (RFC 2131)."""

from __future__ import annotations

import os
import secrets
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ansible_collections.shadownet.ipam.tests.integration.dhcp.kea_server import own_copy

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE = 1, 2, 3, 4, 5, 6, 7
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
_TRIES = 3
_COOKIE = bytes.fromhex("63825363")
_BROADCAST = b"\xff" * 6
# Both hand their answer to a script; the usual ones would rewrite files of the host.
_DHCLIENT_SCRIPT = """#!/bin/sh
case $reason in
  BOUND|RENEW|REBIND|REBOOT)
    ip address replace "$new_ip_address/32" dev "$interface"
    ip route replace {server} dev "$interface"
    echo "$new_ip_address" >{folder}/address ;;
  PREINIT) ip link set "$interface" up ;;
esac
"""
_UDHCPC_SCRIPT = """#!/bin/sh
case $1 in
  bound|renew)
    ip address replace "$ip/32" dev "$interface"
    ip route replace {server} dev "$interface"
    echo "$ip" >{folder}/address ;;
esac
"""


class Answer(NamedTuple):
    """What the server said: its type of message, the address, and the lifetime in seconds (0 where it names none)."""

    kind: int
    address: str
    lifetime: int


def dhclient(namespace: str, interface: str, folder: Path, server: str, seconds: float = 20) -> str | None:
    """The address that ISC's client gets, None if it gets none in time."""
    script = _script(folder, _DHCLIENT_SCRIPT, server)
    command = [own_copy("dhclient", folder), "-4", "-1", "-d", "-q", "-cf", "/dev/null", "-sf", str(script)]
    command += ["-pf", str(folder / "pid"), "-lf", str(folder / "leases"), interface]
    _run(namespace, command, seconds, folder)
    return _address(folder)


def udhcpc(namespace: str, interface: str, folder: Path, server: str, seconds: float = 20) -> str | None:
    """The address that busybox's client gets, None if it gets none in time."""
    script = _script(folder, _UDHCPC_SCRIPT, server)
    _run(
        namespace,
        ["udhcpc", "-f", "-q", "-n", "-t", "5", "-T", "1", "-i", interface, "-s", str(script)],
        seconds,
        folder,
    )
    return _address(folder)


def _script(folder: Path, text: str, server: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "address").unlink(missing_ok=True)
    script = folder / "script"
    script.write_text(text.format(folder=folder, server=server))
    script.chmod(0o755)
    return script


def _run(namespace: str, command: list[str], seconds: float, folder: Path) -> None:
    """Runs a client until it has an address, or gives up. One that would stay to renew is ended."""
    full = ["ip", "netns", "exec", namespace, *command]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(full, env={"PATH": PATH}, stdin=quiet, stdout=quiet, stderr=quiet)
    until = time.monotonic() + seconds
    try:
        while process.poll() is None and not (folder / "address").exists() and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        process.terminate()
        process.wait()


def _address(folder: Path) -> str | None:
    path = folder / "address"
    return path.read_text().strip() if path.exists() else None


class BareClient:
    """Any hardware address and any message, over one interface of the namespace in which it is made."""

    def __init__(self, interface: str) -> None:
        self._wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self._wire.bind((interface, 0x0800))

    def close(self) -> None:
        """Gives back the socket."""
        self._wire.close()

    def obtain(self, mac: str, wanted: str | None = None, client_id: bytes | None = None) -> Answer | None:
        """The whole exchange, with the patience of a client. None if no server offers anything; the answer is an ACK
        or a NAK."""
        for _attempt in range(_TRIES):
            answer = self.ask(DISCOVER, mac, wanted=wanted, client_id=client_id)
            if answer is not None and answer.kind == OFFER:
                answer = self.ask(REQUEST, mac, wanted=answer.address, client_id=client_id, server=self._server)
            if answer is not None:
                return answer
        return None

    def ask(
        self,
        kind: int,
        mac: str,
        *,
        wanted: str | None = None,
        current: str = "0.0.0.0",
        client_id: bytes | None = None,
        server: bytes | None = None,
        seconds: float = 1.0,
    ) -> Answer | None:
        """One message, and the server's answer to it."""
        hardware = bytes.fromhex(mac.replace(":", ""))
        xid = secrets.token_bytes(4)
        options = bytes([53, 1, kind])
        if client_id is not None:
            options += bytes([61, len(client_id)]) + client_id
        if wanted is not None:
            options += bytes([50, 4]) + socket.inet_aton(wanted)
        if server is not None:
            options += bytes([54, 4]) + server
        packet = struct.pack(
            ">BBBB4sHH4s4s4s4s16s192s4s",
            1, 1, len(hardware), 0, xid, 0, 0x8000, socket.inet_aton(current), b"", b"", b"", hardware, b"", _COOKIE,
        )  # fmt: skip
        self._wire.send(_frame(hardware[:6], packet + options + b"\xff"))
        if kind in (RELEASE, DECLINE):
            return None
        return self._answer(xid, seconds)

    def _answer(self, xid: bytes, seconds: float) -> Answer | None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._wire.settimeout(left)
            try:
                frame = self._wire.recv(2048)
            except TimeoutError:
                return None
            head = 14 + (frame[14] & 15) * 4
            if frame[23] != 17 or frame[head : head + 4] != struct.pack(">HH", 67, 68):
                continue
            body = frame[head + 8 :]
            if body[4:8] != xid:
                continue
            options = dict(_options(body[240:]))
            self._server = options.get(54, b"")
            lifetime = struct.unpack(">I", options[51])[0] if 51 in options else 0
            return Answer(options[53][0], socket.inet_ntoa(body[16:20]), lifetime)
        return None


def _frame(source: bytes, payload: bytes) -> bytes:
    udp = struct.pack(">HHHH", 68, 67, 8 + len(payload), 0)
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0, bytes(4), b"\xff" * 4)
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    head = head[:10] + struct.pack(">H", ~total & 0xFFFF) + head[12:]
    return _BROADCAST + source + b"\x08\x00" + head + udp + payload


def _options(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data) and data[at] != 255:
        if data[at] == 0:
            at += 1
            continue
        yield data[at], data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + data[at + 1]


def greedy(interface: str, count: int) -> list[str]:
    """Asks with ``count`` hardware addresses, one after the other, and keeps all that it is given."""
    client = BareClient(interface)
    try:
        found = [client.obtain(f"0a:00:00:00:{number >> 8:02x}:{number & 255:02x}") for number in range(count)]
    finally:
        client.close()
    return [answer.address for answer in found if answer is not None and answer.kind == ACK]
