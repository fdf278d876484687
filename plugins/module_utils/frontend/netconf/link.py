# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to one server that outlives its sessions: connects when needed, and again after a loss."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from . import operations
from .address import Address
from .announced import Announced, library_query, schemas_query
from .errors import CLOSED, Lost, Refused, RpcError, Unreachable
from .session import Session
from .trees import NC, element, local_name

_PAUSE = 0.2
# A server that reads our hello and our first rpc in one piece may never answer (yuma123, when the machine is busy): it
# still looks for the framing of NETCONF 1.0. Whoever speaks first asks what does no harm when it is asked again.
_FIRST_ANSWER = (2.0, 5.0, 15.0)
_AFTER_A_DROP = (0.2, 2.0)
_HARMLESS = {"lock", "get", "get-config"}


class Link:
    """Sessions with one server, one at a time."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._session: Session | None = None
        self._answered: Session | None = None
        self._sources = [library_query, schemas_query]
        self._announced: Announced | None = None

    @property
    def announced(self) -> Announced:
        """What the server offers."""
        if self._announced is None:
            self._announced = self.session().announced
        return self._announced

    @property
    def known(self) -> Announced | None:
        """The same, as far as it is known without asking."""
        return self._announced

    @property
    def current(self) -> object:
        """The working session as it is, None where there is none."""
        return self._session

    def session(self) -> Session:
        """The working session, connected at the first use and after a loss."""
        if self._session is None:
            self._session = self._connected()
        return self._session

    def _connected(self) -> Session:
        for pause in _AFTER_A_DROP:
            try:
                return Session(self.address)
            except Unreachable as error:
                # A busy server may drop a session before its hello, and serve the next one.
                if error.node_said != CLOSED:
                    raise
                time.sleep(pause)
        return Session(self.address)

    def call(self, operation: Any, timeout: float | None = None) -> Any:
        """One operation on the working session. Raises Refused and Lost; a lost session is forgotten."""
        try:
            if self._answered is None or self._answered is not self._session:
                return self._first(operation, timeout)
            return self.session().call(operation, timeout)
        except Lost:
            self._session = None
            raise
        except Unreachable as error:
            if self._announced is None:
                raise  # it never was there
            raise Lost(str(error.node_said or error.message)) from None

    def _first(self, operation: Any, timeout: float | None) -> Any:
        """The first operation of a session, on a further session where the server takes no notice of it."""
        if local_name(operation) not in _HARMLESS:
            with suppress(Refused):
                self._first(operations.nothing(), None)
            return self._spoken(self.session(), operation, timeout)
        for patience in _FIRST_ANSWER:
            if timeout is not None or patience >= self.address.timeout:
                break
            session = self.session()
            asked = time.monotonic()
            try:
                return self._spoken(session, operation, patience)
            except Lost:
                if time.monotonic() < asked + patience:
                    raise
                self._session = None
        return self._spoken(self.session(), operation, timeout)

    def _spoken(self, session: Session, operation: Any, timeout: float | None) -> Any:
        try:
            reply = session.call(operation, timeout)
        except Refused:
            self._answered = session
            raise
        self._answered = session
        return reply

    def insist(self, operation: Callable[[], Any], patience: float = 10.0) -> Any:
        """Does what has no effect, or the same effect again, over a new session when the old one is lost.

        Raises:
            Lost: no session within ``patience`` seconds.
            Unreachable: the server was not there in the first place.
            Refused: by the server.
        """
        end = time.monotonic() + patience
        while True:
            try:
                return operation()
            except Lost:
                if time.monotonic() > end:
                    raise
            time.sleep(_PAUSE)

    def again(self) -> None:
        """Connects again after a loss.

        Raises:
            Lost: not within ``insist``'s time.
        """
        self.insist(self._again)

    def _again(self) -> None:
        try:
            self.session()
        except Unreachable as error:
            raise Lost(str(error.node_said or error.message)) from None

    def lacks(self, modules: tuple[str, ...]) -> list[str]:
        """Modules that the server does not have.

        Those of YANG 1.1 need not be in the hello (RFC 7950, 5.6.4): the YANG library tells, or the list of schemas
        (RFC 6022) of servers without one.
        """
        missing = self.announced.lacks(modules)
        while missing and self._sources:
            with suppress(Refused):
                self.announced.learn(self.call(self._sources[0]()))
            del self._sources[0]
            missing = self.announced.lacks(modules)
        # A server that names no module at all, wherever it is asked, is taken at what it does.
        return missing if self.announced.modules else []

    def holder(self, errors: tuple[RpcError, ...]) -> str:
        """Who holds a lock, as far as the server says."""
        number = next((error.session_id for error in errors if error.session_id), None)
        if number is None and speaks_of_confirming(errors):
            return "a pending confirmed commit that is not ours (another persist-id), or of a run that is still alive"
        if number is None:
            return "another session, or an uncommitted or unconfirmed change"
        if number == "0":
            return "somebody who is not on NETCONF (session 0)"
        if "ietf-netconf-monitoring" not in self.announced.modules:
            return f"session {number}"
        return f"session {number}{self._who(number)}"

    def _who(self, number: str) -> str:
        space = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
        query = element("get", element("filter"))
        query[0].set("type", "subtree")
        state = query.makeelement(f"{{{space}}}netconf-state", nsmap={None: space})
        query[0].append(state)
        entry = state.makeelement(f"{{{space}}}session")
        sessions = state.makeelement(f"{{{space}}}sessions")
        state.append(sessions)
        sessions.append(entry)
        key = entry.makeelement(f"{{{space}}}session-id")
        key.text = number
        entry.append(key)
        try:
            reply = self.call(query)
        except (Refused, Lost):
            return ""
        said = []
        for word, leaf in (("user", "username"), ("from", "source-host"), ("since", "login-time")):
            found = reply.findtext(f".//m:session/m:{leaf}", namespaces={"m": space, **NC})
            if found:
                said.append(f"{word} {found.strip()}")
        return f" ({', '.join(said)})" if said else ""

    def probe(self, operation: Any) -> None:
        """Proves that a further session can be had, and that it is served.

        Raises:
            NetconfError, Refused, Lost: it cannot.
        """
        second = Link(self.address)
        try:
            second.call(operation)
        finally:
            second.close()

    def forget(self) -> None:
        """Ends the working session without a word: what hangs on it is taken back by the server."""
        if self._session is not None:
            self._session.abandon()
            self._session = None

    def close(self) -> None:
        """Ends the working session."""
        if self._session is not None:
            self._session.close()
            self._session = None


def speaks_of_confirming(errors: Iterable[RpcError]) -> bool:
    """Whether a server's own words name a confirmed commit: the RFCs have no tag for a pending one."""
    words = " ".join(f"{one.app_tag} {one.message} {one.path}" for one in errors).lower()
    return any(word in words for word in ("confirm", "persist"))
