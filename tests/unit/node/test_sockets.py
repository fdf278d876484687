# SPDX-License-Identifier: GPL-3.0-or-later
"""The sockets that the server listens on."""

from __future__ import annotations

import asyncio
import socket

import pytest

from ansible_collections.shadownet.ipam.node.settings import Listen
from ansible_collections.shadownet.ipam.node.sockets import bind_all
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput


def test_every_address_of_both_families() -> None:
    (one,) = bind_all([Listen("::", 0)])
    with one:
        port = one.getsockname()[1]
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, port), 5).close()


def test_both_families_may_be_named_one_by_one() -> None:
    (probe,) = bind_all([Listen("127.0.0.1", 0)])
    port = probe.getsockname()[1]
    probe.close()
    for one in bind_all([Listen("::", port), Listen("0.0.0.0", port)]):
        one.close()


def test_an_address_that_comes_later() -> None:
    for one in bind_all([Listen("192.0.2.1", 0), Listen("2001:db8::1", 0)]):
        one.close()


def test_a_taken_port_is_named_and_nothing_stays_open() -> None:
    (one,) = bind_all([Listen("127.0.0.1", 0)])
    port = one.getsockname()[1]
    with one, pytest.raises(InvalidInput) as caught:
        bind_all([Listen("127.0.0.2", port), Listen("127.0.0.1", port)])
    assert caught.value.parameter == "listen[1]"
    for again in bind_all([Listen("127.0.0.2", port)]):
        again.close()


def test_small_packets_do_not_wait_for_acknowledgements() -> None:
    async def accepted() -> int:
        (one,) = bind_all([Listen("127.0.0.1", 0)])
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            made = writer.get_extra_info("socket")
            found.set_result(made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(serve, sock=one):
            _reader, writer = await asyncio.open_connection(*one.getsockname())
            value = await found
            writer.close()
        return value

    assert asyncio.run(accepted()) == 1
