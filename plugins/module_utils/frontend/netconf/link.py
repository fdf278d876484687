# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to one server that outlives its sessions: connects when needed, and again after a loss."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .address import Address
from .announced import Announced, library_query
from .errors import Lost, Refused, RpcError, Unreachable
from .session import Session
from .trees import NC, element

_PAUSE = 0.2


class Link:
    """Sessions with one server, one at a time."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._session: Session | None = None
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
            self._session = Session(self.address)
        return self._session

    def call(self, operation: Any, timeout: float | None = None) -> Any:
        """One operation on the working session. Raises Refused and Lost; a lost session is forgotten."""
        try:
            return self.session().call(operation, timeout)
        except Lost:
            self._session = None
            raise
        except Unreachable as error:
            if self._announced is None:
                raise  # it never was there
            raise Lost(str(error.node_said or error.message)) from None

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
        """Modules that the server does not have; YANG 1.1 modules may be absent from the hello."""
        missing = self.announced.lacks(modules)
        if missing and self.announced.library:
            try:
                self.announced.learn(self.call(library_query()))
            except Refused:
                return missing
            missing = self.announced.lacks(modules)
        return missing

    def holder(self, errors: tuple[RpcError, ...]) -> str:
        """Who holds a lock, as far as the server says."""
        number = next((error.session_id for error in errors if error.session_id), None)
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
        second = Session(self.address)
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
