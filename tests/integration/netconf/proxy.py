# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP proxy that closes the connections of SSH clients at a chosen moment.

SSH hides messages, so moments are counted in packets of octets that the client writes after a connection is made
(each NETCONF message of the client is at least one), over all its connections.
"""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress


class Proxy:
    """Forwards to ``port`` of loopback; cuts all connections when the count is reached, then lets new ones through."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self.count = 0
        self._cut_at: int | None = None
        self._after = False
        self.dead = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut_at(self, number: int | None, after: bool = False, dead: bool = False) -> None:
        """Cuts when the client writes its ``number``-th packet: before it is forwarded, or after.

        Args:
            dead: let nobody in afterwards.
        """
        with self._lock:
            self.count, self._cut_at, self._after, self.dead = 0, number, after, False
            self._then_dead = dead

    @property
    def was_cut(self) -> bool:
        return self._cut_at is not None and self.count >= self._cut_at

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            if self.dead:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._to))
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._pairs.append((client, server))
            threading.Thread(target=self._pump, args=(client, server), daemon=True).start()

    def _pump(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError, ValueError), selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _events in selector.select():
                    source: socket.socket = key.fileobj  # type: ignore[assignment]
                    data = source.recv(1 << 20)
                    if not data:
                        raise OSError("closed")
                    if source is client and self._is_time():
                        if self._after:
                            key.data.sendall(data)
                            threading.Event().wait(0.3)  # the server works on it, its answer is lost
                        self._cut()
                        raise OSError("cut")
                    key.data.sendall(data)
        for one in (client, server):
            with suppress(OSError):
                one.close()

    def _is_time(self) -> bool:
        with self._lock:
            self.count += 1
            return self._cut_at == self.count

    def _cut(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, []
            self.dead = self._then_dead
        for pair in pairs:
            for one in pair:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends everything."""
        self._then_dead = True
        self._listener.close()
        self._cut()
