# SPDX-License-Identifier: GPL-3.0-or-later
"""Real traffic, sent and answered by whoever runs this file: a host of the lab, in its namespace.

``ping ADDRESS COUNT SECONDS``, ``connect ADDRESS PORT SECONDS``, ``send ADDRESS PORT SECONDS`` print one JSON object;
``first ADDRESS SECONDS`` prints ``ready``, pings until the first answer and prints when it came;
``serve PORT...`` prints ``ready`` and serves until it is ended; ``tables [delete]`` lists or deletes nftables tables.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import struct
import sys
import threading
import time
from typing import Any

_INTERVAL = 0.02
_TICK = 0.001
_TTL_AT_THE_START = 64
_SEND_BUFFER = 128 * 1024


def ping(address: str, count: int, patience: float) -> dict[str, Any]:
    """ICMP echo: how many of ``count`` were answered, in how many milliseconds at best, over how many routers."""
    six = ":" in address
    family = socket.AF_INET6 if six else socket.AF_INET
    found: dict[str, Any] = {"sent": count, "answered": 0, "milliseconds": None, "routers": None}
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP) as wire:
        if six:
            wire.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        for number in range(1, count + 1):
            began = time.perf_counter()
            with contextlib.suppress(OSError):  # no route: nothing will answer
                wire.sendto(_echo(six, number), (address, 0))
                ttl = _answer(wire, six, address, number, began + patience)
                if ttl is not None:
                    took = (time.perf_counter() - began) * 1000
                    found["answered"] += 1
                    found["milliseconds"] = min(took, found["milliseconds"] or took)
                    found["routers"] = _TTL_AT_THE_START - ttl
            time.sleep(_INTERVAL)
    return found


def _echo(six: bool, number: int) -> bytes:
    head = struct.pack(">BBHHH", 128 if six else 8, 0, 0, os.getpid() & 0xFFFF, number)
    packet = head + b"shadownet demo.."
    if six:
        return packet  # the kernel fills in the checksum of ICMPv6
    total = sum(struct.unpack(f">{len(packet) // 2}H", packet))
    total = (total & 0xFFFF) + (total >> 16)
    return packet[:2] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + packet[4:]


def _answer(wire: socket.socket, six: bool, address: str, number: int, until: float) -> int | None:
    """The TTL of the echo reply, None if none comes in time."""
    while (left := until - time.perf_counter()) > 0:
        wire.settimeout(left)
        try:
            data, extra, _flags, sender = wire.recvmsg(2048, 128)
        except TimeoutError:
            return None
        if six:
            ttl = next((struct.unpack("=i", value)[0] for _level, _kind, value in extra), 0)
        else:
            ttl, data = data[8], data[(data[0] & 15) * 4 :]
        kind, _code, _sum, who, which = struct.unpack_from(">BBHHH", data)
        if (kind, who, which, sender[0]) == (129 if six else 0, os.getpid() & 0xFFFF, number, address):
            return int(ttl)
    return None


def first(address: str, patience: float) -> dict[str, Any]:
    """ICMP echo (IPv4), one a millisecond until the first is answered: when that was, by the monotonic clock."""
    until = time.monotonic() + patience
    number = 0
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as wire:
        print("ready", flush=True)
        while time.monotonic() < until:
            number = number % 0xFFFF + 1
            with contextlib.suppress(OSError):  # no route: nothing will answer
                wire.sendto(_echo(False, number), (address, 0))
                if _heard(wire, address, time.monotonic() + _TICK):
                    return {"at": time.monotonic()}
    return {"at": None}


def _heard(wire: socket.socket, address: str, until: float) -> bool:
    """Whether an answer to any of our echoes comes in time."""
    while (left := until - time.monotonic()) > 0:
        wire.settimeout(left)
        try:
            data, sender = wire.recvfrom(2048)
        except TimeoutError:
            return False
        kind, _code, _sum, who, _which = struct.unpack_from(">BBHHH", data, (data[0] & 15) * 4)
        if (kind, who, sender[0]) == (0, os.getpid() & 0xFFFF, address):
            return True
    return False


def connect(address: str, port: int, patience: float) -> dict[str, Any]:
    """Opens a TCP connection and has the server count a few bytes: ``answers``, ``refused`` or ``no answer``."""
    began = time.perf_counter()
    try:
        with socket.create_connection((address, port), patience) as wire:
            wire.sendall(b"hello")
            wire.shutdown(socket.SHUT_WR)
            said = "answers" if wire.recv(100) == b"5" else "no answer"
    except ConnectionRefusedError:
        said = "refused"
    except OSError as error:
        said = f"no answer ({error.strerror or error})"
    return {"said": said, "milliseconds": (time.perf_counter() - began) * 1000}


def send(address: str, port: int, seconds: float) -> dict[str, Any]:
    """Sends as fast as TCP lets it: bits per second that arrived."""
    block = bytes(64 * 1024)
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        wire.settimeout(30)
        wire.connect((address, port))
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            wire.send(block)
        wire.shutdown(socket.SHUT_WR)
        arrived = int(wire.recv(100))
        took = time.perf_counter() - began
    return {"bits_per_second": arrived * 8 / took, "seconds": took}


def serve(ports: list[int]) -> None:
    """Counts the bytes of every connection, and answers with their number."""
    ready = selectors.DefaultSelector()
    for port in ports:
        listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        ready.register(listener, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _events in ready.select():
            connection, _peer = key.fileobj.accept()  # type: ignore[union-attr]
            threading.Thread(target=_count, args=(connection,), daemon=True).start()


def _count(connection: socket.socket) -> None:
    total = 0
    with connection, contextlib.suppress(OSError):
        while data := connection.recv(1 << 18):
            total += len(data)
        connection.sendall(str(total).encode())


def tables(delete: bool) -> list[str]:
    """Names of the nftables tables of family inet; deletes ours by hand if asked to."""
    from pyroute2.nftables.main import NFTables  # noqa: PLC0415  # the only thing here that needs more than Python

    with NFTables(nfgen_family=1) as nft:
        if delete:
            nft.table("del", name="shadownet")
        return [str(one.get_attr("NFTA_TABLE_NAME")) for one in nft.get_tables()]


def main(command: str, *arguments: str) -> None:
    """One command, as in the docstring of this file."""
    if command == "serve":
        serve([int(port) for port in arguments])
    elif command == "first":
        print(json.dumps(first(arguments[0], float(arguments[1]))), flush=True)
    elif command == "tables":
        print(json.dumps(tables("delete" in arguments)))
    else:
        does = {"ping": ping, "connect": connect, "send": send}[command]
        address, number, seconds = arguments
        print(json.dumps(does(address, int(number), float(seconds))))


if __name__ == "__main__":
    main(*sys.argv[1:])
