# SPDX-License-Identifier: GPL-3.0-or-later
"""The NETCONF transport: one session and one commit for each push."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...model.errors import InvalidInput
from ...model.node_config import NodeConfig
from ..change import Change
from ..diff import transition
from ..transport import Current, Mark
from . import operations
from .address import Address
from .canonical import prepare
from .dialect import PARTS, Dialect
from .edit import context
from .errors import Lost, NetconfError, Refused
from .link import Link
from .locks import Locks, persist_ids
from .parse import Reader
from .transaction import Plan, Transaction
from .trees import BadXml, parse, pretty


class NetconfTransport:
    """Implements ``Transport``. Not for use by several threads at once."""

    def __init__(
        self,
        address: Address | None = None,
        dialect: Dialect | None = None,
        node: str | None = None,
        revision: int | None = None,
        *,
        lock_timeout: float = 30.0,
        confirm_timeout: int = 120,
        explicit_validate: bool = False,
    ) -> None:
        """
        Args:
            address: of the node; without one nothing can be contacted.
            node: the node's name, for the persist-id; the host when not given.
            revision: of what will be pushed, for the persist-id.
            lock_timeout: seconds to wait for locks.
            confirm_timeout: seconds after which the node takes back what was not confirmed.
            explicit_validate: have the candidate validated as a step of its own, too.
        """
        self._dialect = dialect or Dialect()
        self._reader = Reader(self._dialect)
        self._link = None if address is None else Link(address)
        self._node = node or (address.host if address else "")
        self._revised = revision is not None
        self._ids = persist_ids(self._node, revision)
        self._locks = None if self._link is None else Locks(self._link, self._ids, lock_timeout)
        self._confirm_timeout = confirm_timeout
        self._explicit_validate = explicit_validate
        self._desired = NodeConfig()
        self._lost: list[str] = []
        self._current = Current(NodeConfig())
        self._before = NodeConfig()
        self._parts_read: tuple[str, ...] = PARTS
        self._open: Transaction | None = None

    @property
    def guarantees_missing(self) -> list[str]:
        """What this node cannot promise, and what of the last ``prepare`` it will not do."""
        found = list(self._lost)
        if self._link is not None and self._link.known is not None:
            found += self._link.known.missing_guarantees(self._locks is None or self._locks.supported)
        return found

    @property
    def left_out(self) -> list[str]:
        """What of the last ``prepare`` this node will not do."""
        return list(self._lost)

    def prepare(self, desired: NodeConfig, parameter: str = "config") -> NodeConfig:
        """See ``Transport.prepare`` and ``canonical.prepare``."""
        self._desired, self._lost = prepare(desired, self._dialect, parameter)
        return self._desired

    @contextmanager
    def hold(self) -> Iterator[None]:
        """See ``Transport.hold``: locks running and candidate, and settles what an earlier run of ours left pending."""
        if self._link is None or self._locks is None:
            raise _nowhere()
        try:
            self._link.insist(self._locks.take)
        except Lost as lost:
            raise NetconfError("The connection was lost before anything was changed.", node_said=str(lost)) from None
        try:
            yield
        finally:
            self._locks.release()

    def keep_mark(self, mark: Mark | None) -> bool:
        """See ``Transport.keep_mark``: no model of ours has room for it. It only gives the persist-id its revision."""
        if mark is not None and not self._revised:
            self._ids = persist_ids(self._node, mark.revision)
        return False

    def read(self) -> Current:
        """See ``Transport.read``."""
        link = self._the_link()
        try:
            if self._open is None:
                self._check_modules(link)
            self._current = link.insist(self._read)
            if self._open is None:
                self._before = self._current.config
        except Refused as refused:
            raise NetconfError("The node's configuration cannot be read.", rpc_errors=refused.errors) from None
        except Lost as lost:
            raise NetconfError("The connection was lost while reading.", node_said=str(lost)) from None
        return self._current

    def apply(self, changes: Sequence[Change]) -> Transaction:
        """See ``Transport.apply``. The transaction's ``confirm`` and ``undo`` end it."""
        link = self._the_link()
        before = self._current.config
        try:
            announced = link.insist(lambda: link.announced)
        except Lost as lost:
            raise NetconfError("The connection was lost before anything was changed.", node_said=str(lost)) from None
        plan = Plan(
            config=self._config(changes, before, announced.base11),
            ids=self._ids,
            way_back=lambda: self._way_back(before),
            arrived=lambda: not transition(self._read().config, self._current.config),
            probe=operations.get_config(self._dialect.names()),
            confirm_timeout=self._confirm_timeout,
            explicit_validate=self._explicit_validate,
            ended=self._ended,
        )
        transaction = self._open = Transaction(link, self._locks or Locks(link, self._ids, 0.0), plan)
        transaction.start()
        return transaction

    def _ended(self) -> None:
        self._open = None

    def render(self, changes: Sequence[Change]) -> list[str]:
        """See ``Transport.render``: the payload, line by line."""
        if not changes:
            return []
        return pretty(self._config(changes, self._before, True)).splitlines()

    def parse(self, text: str) -> NodeConfig:
        """What is ours in a configuration that somebody has read.

        Raises:
            InvalidInput: it is no XML.
        """
        try:
            return self._reader.read(parse(text.encode())).config
        except (BadXml, UnicodeEncodeError) as error:
            raise InvalidInput(f"is not a NETCONF configuration: {error}.", parameter="running_config") from None

    def close(self) -> None:
        """See ``Transport.close``."""
        if self._link is not None:
            self._link.close()

    # Inside

    def _the_link(self) -> Link:
        if self._link is None:
            raise _nowhere()
        return self._link

    def _config(self, changes: Sequence[Change], before: NodeConfig, base11: bool) -> Any:
        return self._dialect.edit(context(changes, before, self._dialect, "remove" if base11 else "delete"))

    def _parts(self) -> tuple[str, ...]:
        """The parts that the desired configuration needs."""
        found = []
        if any(item.type is not None for item in self._desired.interfaces):
            found.append("interfaces")
        if any(item.addresses or item.mtu for item in self._desired.interfaces):
            found.append("addresses")
        if self._desired.routes:
            found.append("routes")
        found += sorted({f"routes{6 if ':' in route.prefix else 4}" for route in self._desired.routes})
        if self._desired.access_lists or any(item.ingress or item.egress for item in self._desired.interfaces):
            found.append("access_lists")
        return tuple(found)

    def _check_modules(self, link: Link) -> None:
        """Refuses, before anything is changed, what the node has no model for."""
        parts = self._parts()
        missing = link.insist(lambda: link.lacks(self._dialect.needed(parts)))
        if missing:
            which = [part for part in parts if set(self._dialect.needed((part,))) & set(missing)]
            words = sorted({part.rstrip("46").replace("_", " ") for part in which})
            raise NetconfError(
                f"The node does not have the YANG modules {', '.join(missing)}, which {', '.join(words)} need.",
                fix="Nothing was changed. Use a dialect that the node knows, or leave these out.",
            )

    def _read(self) -> Current:
        link = self._the_link()
        try:
            reply = link.call(operations.get_config(self._dialect.filter(self._parts_read)))
        except Refused:
            # A filter with a namespace that the server does not know should find nothing; some servers refuse it.
            known = tuple(part for part in PARTS if not link.lacks(self._dialect.needed((part,))))
            if known == self._parts_read:
                raise
            reply = link.call(operations.get_config(self._dialect.filter(known)))
            self._parts_read = known
        names = self._other_names(link) if self._refers_to_others() else ()
        return self._reader.read(reply, names)

    def _refers_to_others(self) -> bool:
        made = {item.name for item in self._desired.interfaces if item.type is not None}
        named = {item.name for item in self._desired.interfaces}
        named |= {item.parent for item in self._desired.interfaces if item.parent is not None}
        named |= {route.interface for route in self._desired.routes if route.interface is not None}
        return bool(named - made)

    def _other_names(self, link: Link) -> list[str]:
        """Names of interfaces that the node has without their being configured."""
        try:
            return self._reader.names(link.call(operations.get(self._dialect.names())))
        except Refused:
            return []

    def _way_back(self, before: NodeConfig) -> Any | None:
        now = self._read().config
        changes = transition(now, before)
        return self._config(changes, now, self._the_link().announced.base11) if changes else None


def _nowhere() -> NetconfError:
    return NetconfError("There is no node to contact.", parameter="host", fix="Give its host.")
