# SPDX-License-Identifier: GPL-3.0-or-later
"""Notifications: subscriptions (RFC 5277) and what this server has to tell (RFC 6470)."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from _libyang import ffi, lib

from .complaints import fault_of
from .errors import Fault
from .filters import Filter, select
from .message import notification
from .schema import Schema
from .tree import Tree

STREAM = "NETCONF"
_EVENTS = "ietf-netconf-notifications"
_COMPLETE = '<{} xmlns="urn:ietf:params:xml:ns:netmod:notification"/>'
_KEPT = 500
_KEPT_OCTETS = 2_000_000


@dataclass(slots=True)
class Subscription:
    """One session's wish to be told."""

    send: Callable[[bytes], None]
    wanted: Filter
    stop: asyncio.TimerHandle | None = None


class Notifications:
    """The one stream of this server."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._subscriptions: dict[int, Subscription] = {}
        self._log: deque[tuple[datetime, bytes]] = deque()
        self._octets = 0
        self.log_began = datetime.now(UTC)

    def subscribed(self, session_id: int) -> bool:
        """Whether the session has a subscription."""
        return session_id in self._subscriptions

    def subscribe(
        self,
        session_id: int,
        send: Callable[[bytes], None],
        wanted: Filter,
        start: datetime | None,
        stop: datetime | None,
    ) -> None:
        """Tell the session from now on, and what is kept since `start`, until `stop`."""
        now = datetime.now(UTC)
        one = Subscription(send, wanted)
        if start is not None:
            for when, content in self._log:
                if when >= start and (stop is None or when <= stop) and self._matches(content, wanted):
                    send(notification(when, content))
            send(notification(now, _COMPLETE.format("replayComplete").encode()))
        if stop is not None and stop <= now:
            send(notification(now, _COMPLETE.format("notificationComplete").encode()))
            return
        self._subscriptions[session_id] = one
        if stop is not None:
            one.stop = asyncio.get_running_loop().call_later((stop - now).total_seconds(), self._stopped, session_id)

    def unsubscribe(self, session_id: int) -> None:
        """The session is gone."""
        one = self._subscriptions.pop(session_id, None)
        if one is not None and one.stop is not None:
            one.stop.cancel()

    def check_filter(self, wanted: Filter) -> None:
        """
        Raises:
            Fault: it is none.
        """
        select(self._schema, Tree(self._schema.context), wanted).free()

    def publish(self, name: str, content: dict[str, Any]) -> int:
        """Tell all who want to know. The number of sessions told."""
        text = self._content(name, content)
        now = datetime.now(UTC)
        self._log.append((now, text))
        self._octets += len(text)
        while self._log and (len(self._log) > _KEPT or self._octets > _KEPT_OCTETS):
            self._octets -= len(self._log.popleft()[1])
        message = notification(now, text)
        told = []
        for session_id, one in list(self._subscriptions.items()):
            if self._matches(text, one.wanted):
                one.send(message)
                told.append(session_id)
        return len(told)

    def _stopped(self, session_id: int) -> None:
        one = self._subscriptions.pop(session_id, None)
        if one is not None:
            one.send(notification(datetime.now(UTC), _COMPLETE.format("notificationComplete").encode()))

    def _content(self, name: str, content: dict[str, Any]) -> bytes:
        made = self._parsed(json.dumps({f"{_EVENTS}:{name}": content}).encode(), lib.LYD_JSON)
        try:
            return made.print()
        finally:
            made.free()

    def _matches(self, text: bytes, wanted: Filter) -> bool:
        if wanted is None:
            return True
        content = self._parsed(text, lib.LYD_XML)
        try:
            chosen = select(self._schema, content, wanted)
            matched = bool(chosen)
            chosen.free()
        except Fault:
            return False
        finally:
            content.free()
        return matched

    def _parsed(self, text: bytes, form: int) -> Tree:
        source = ffi.new("struct ly_in **")
        place = ffi.new("struct lyd_node **")
        operation = ffi.new("struct lyd_node **")
        # libyang reads from this buffer, which must outlive the call.
        buffer = ffi.new("char []", text)
        lib.ly_in_new_memory(buffer, source)
        try:
            code = lib.lyd_parse_op(
                self._schema.context.cdata, ffi.NULL, source[0], form, lib.LYD_TYPE_NOTIF_YANG, place, operation
            )
        finally:
            lib.ly_in_free(source[0], 0)
        if code != lib.LY_SUCCESS:
            raise fault_of(self._schema)
        return Tree(self._schema.context, place[0])


def by_session(session_id: int, user: str, source_host: str) -> dict[str, Any]:
    """The parameters of a session that all events share."""
    found: dict[str, Any] = {"username": user, "session-id": session_id}
    # A name, or a socket without an address: the model has no word for it.
    with suppress(ValueError):
        found["source-host"] = str(ipaddress.ip_address(source_host))
    return found
