# SPDX-License-Identifier: GPL-3.0-or-later
"""One NETCONF session: <hello>, then one <rpc> after the other (RFC 6241, 4)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lxml import etree

from ..contract import Done, Peer, User
from .complaints import stored
from .confirmed import Who
from .errors import BASE, Fault, RpcError, fault
from .message import NotXml, check_size, hello, qualified, read, reply, speaks_1_1
from .monitoring import SessionFacts
from .notify import by_session
from .operations import OPERATIONS, Operation

if TYPE_CHECKING:
    from .engine import Engine

_LOG = logging.getLogger(__name__)
_LONGEST_ID = 4095
_LONGEST_WORDS = 500


class EngineSession:
    """See ``contract.Session``."""

    def __init__(
        self, engine: Engine, session_id: int, user: User, peer: Peer,
        send: Callable[[bytes], None], end: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._engine = engine
        self._send = send
        self._after: Callable[[], None] | None = None
        self._finished = False
        self.session_id = session_id
        self.facts = SessionFacts(session_id, user, peer, datetime.now(UTC))
        self.words: dict[str, Any] = by_session(session_id, user.name, peer.source_host)
        self.hello = hello(engine.capabilities, session_id)
        self.base_1_1: bool | None = None
        self.ended = False
        self.end_reason: str | None = None
        self.remark: str | None = None
        self.end = end

    async def receive(self, message: bytes) -> bytes | None:
        """See ``contract.Session``."""
        if self.ended:
            return None
        if self.base_1_1 is None:
            return await self._hello(message)
        try:
            check_size(message)
            self._engine.vocabulary.check(message)
            rpc = read(message)
        except Fault as found:
            self.facts.counters.in_bad_rpcs += 1
            return self._refused(None, found)
        except NotXml as error:
            return await self._not_xml(str(error))
        answer = await self._rpc(rpc)
        after, self._after = self._after, None
        if after is not None:
            # The reply must come before the first notification: the front sends it before anything else may run.
            asyncio.get_running_loop().call_soon(after)
        return answer

    async def closed(self) -> None:
        """See ``contract.Session``."""
        await self.finish("dropped")

    async def finish(self, reason: str, killed_by: int | None = None) -> None:
        """Give back what the session holds, once."""
        self.ended = True
        if self._finished:
            return
        self._finished = True
        await self._engine.alone(self._give_back)
        self._engine.ended(self, reason, killed_by)

    async def _give_back(self) -> None:
        if "candidate" in self._engine.locks.release_all(self.session_id):
            self._engine.datastores.discard()
        await self._engine.commits.session_ended(Who(self.session_id, self.words))

    def notify(self, message: bytes) -> None:
        """Send a notification."""
        if not self.ended:
            self.facts.counters.out_notifications += 1
            self._send(message)

    def after_reply(self, work: Callable[[], None]) -> None:
        """Have something done once the reply of the operation at work is on its way."""
        self._after = work

    def changed(self, datastore: str) -> None:
        """Tell that the session has changed a datastore other than running as a whole."""
        self._engine.notifications.publish("netconf-config-change", {"changed-by": self.words, "datastore": datastore})

    async def _hello(self, message: bytes) -> bytes | None:
        try:
            self._engine.vocabulary.check(message)
            self.base_1_1 = speaks_1_1(message)
        except Fault as found:
            self._engine.statistics.in_bad_hellos += 1
            self.end_reason = f"the hello was refused: {found}"
            # The client's own words are among it: they must not forge a line.
            said = ascii(self.end_reason)[1:-1][:_LONGEST_WORDS]
            who = f"user '{self.facts.user.name}' from {self.facts.peer.source_host}"
            _LOG.warning("session %d of %s ends: %s", self.session_id, who, said)
            await self.finish("bad-hello")
            return None
        self._engine.began(self)
        return None

    async def _not_xml(self, reason: str) -> bytes | None:
        self.facts.counters.in_bad_rpcs += 1
        if not self.base_1_1:
            # base:1.0 has no word for it (RFC 6241, Appendix A).
            self.end_reason = f"the message is not XML: {reason}"
            await self.finish("dropped")
            return None
        return self._refused(None, fault("malformed-message", f"The message is not XML: {reason}", "rpc"))

    async def _rpc(self, rpc: etree._Element) -> bytes:
        counters = self.facts.counters
        try:
            name, element = _operation_of(rpc)
            operation = OPERATIONS.get(name)
            if operation is None:
                raise _unknown(self._engine, name)
        except Fault as found:
            counters.in_bad_rpcs += 1
            return self._refused(rpc if rpc.tag == f"{{{BASE}}}rpc" else None, found)
        counters.in_rpcs += 1
        try:
            content = await self._allowed(operation, name[1], element)
        except Fault as found:
            self._done(operation, name[1], element, found.errors[0].tag, str(found))
            return self._refused(rpc, found)
        except Exception:  # noqa: BLE001  # one session's bad luck must not end the others
            _LOG.exception("operation %s failed", name[1])
            inside = fault("operation-failed", "The server failed inside; its log has more.", "application")
            self._done(operation, name[1], element, "operation-failed", "internal")
            return self._refused(rpc, inside)
        remark, self.remark = self.remark, None
        self._done(operation, name[1], element, "ok", remark)
        return reply(rpc, content)

    async def _allowed(self, operation: Operation, name: str, element: etree._Element) -> bytes:
        user = self.facts.user
        if operation.writes and not user.read_write:
            raise fault("access-denied", f"User '{user.name}' may only read; <{name}> is not allowed.")
        # What libyang said of something that nobody asked about must not turn up in this answer.
        stored(self._engine.schema)
        if not operation.alone:
            return await operation.run(self._engine, self, element)
        return await self._engine.alone(lambda: operation.run(self._engine, self, element))

    def _refused(self, rpc: etree._Element | None, found: Fault) -> bytes:
        errors: tuple[RpcError, ...] = found.errors
        self.facts.counters.out_rpc_errors += len(errors)
        return reply(rpc, errors)

    def _done(self, operation: Operation, name: str, element: etree._Element, outcome: str, said: str | None) -> None:
        target = element.find(f"{{{BASE}}}target/*")
        self._engine.settings.observe(
            Done(
                session_id=self.session_id,
                user=self.facts.user.name,
                source_host=self.facts.peer.source_host,
                operation=name,
                target=None if target is None else qualified(target)[1],
                changes=operation.changes,
                outcome=outcome,
                message=said,
            )
        )


def _operation_of(rpc: etree._Element) -> tuple[tuple[str, str], etree._Element]:
    namespace, name = qualified(rpc)
    if (namespace, name) != (BASE, "rpc"):
        raise fault("unknown-element", "A message of a client is an <rpc>.", "rpc", bad_element=name)
    number = rpc.get("message-id")
    if number is None:
        raise fault(
            "missing-attribute", "<rpc> needs a message-id.", "rpc", bad_attribute="message-id", bad_element="rpc"
        )
    if len(number) > _LONGEST_ID:
        raise fault(
            "bad-attribute", "message-id is longer than 4095.", "rpc", bad_attribute="message-id", bad_element="rpc"
        )
    found = list(rpc)
    if not found:
        raise fault("missing-element", "<rpc> holds no operation.", "rpc", bad_element="rpc")
    if len(found) > 1:
        raise fault("bad-element", "<rpc> holds one operation.", "rpc", bad_element=qualified(found[1])[1])
    return qualified(found[0]), found[0]


def _unknown(engine: Engine, name: tuple[str, str]) -> Fault:
    if name[0] != BASE and name[0] not in engine.schema.by_namespace:
        return fault(
            "unknown-namespace", f"No module has the namespace '{name[0]}'.", bad_element=name[1], bad_namespace=name[0]
        )
    return fault("operation-not-supported", f"This server has no operation <{name[1]}>.")
