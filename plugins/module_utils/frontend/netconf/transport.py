# SPDX-License-Identifier: GPL-3.0-or-later
"""The NETCONF transport: one session and one commit for each push."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...model.errors import InvalidInput
from ...model.node_config import NodeConfig
from ..change import Change
from ..diff import transition
from ..transport import Current, Mark, Overtaken
from . import operations
from .address import Address
from .canonical import prepare
from .dialect import PARTS, Dialect
from .edit import context, leaves_nothing
from .errors import Lost, NetconfError, NetconfRollbackFailed, Refused
from .explained import is_done, is_explained
from .link import Link, speaks_of_confirming
from .locks import Locks
from .marking import Marking, from_text, marking
from .parse import Reader, is_link_local
from .pending import Pending
from .transaction import Plan, Transaction
from .trees import BadXml, parse, pretty

_IN_THE_WAY = {"in-use", "lock-denied", "resource-denied", "invalid-value", "operation-failed"}
_UNKNOWN_NAMES = {"unknown-namespace", "unknown-element", "bad-element", "invalid-value", "operation-failed"}


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
        save_startup: bool = True,
    ) -> None:
        """
        Args:
            address: of the node; without one nothing can be contacted.
            node: the node's name, for the persist-id; the host when not given.
            revision: of what will be pushed, for the persist-id; a push with a mark says it by itself.
            lock_timeout: seconds to wait for locks.
            confirm_timeout: seconds after which the node takes back what was not confirmed.
            explicit_validate: have the candidate validated as a step of its own, too.
            save_startup: copy running to startup after a push, where the node has a startup datastore.
        """
        self._dialect = dialect or Dialect()
        self._reader = Reader(self._dialect)
        self._link = None if address is None else Link(address)
        if self._link is not None:
            name = node or self._link.address.host
            self._pending = Pending(self._link, name, revision, lambda: self._read().mark)
            self._locks = Locks(self._link, lock_timeout, self._pending.confirm_unlocked)
        self._save_startup = save_startup
        self._confirm_timeout = confirm_timeout
        self._explicit_validate = explicit_validate
        self._desired = NodeConfig()
        self._is_prepared = False
        self._lost: list[str] = []
        self._current = Current(NodeConfig())
        self._before = self._current
        self._mark: Mark | None = None
        self._mark_place = False
        self._unmarked: str | None = None
        self._unsaved: str | None = None
        self._is_read = self._is_committed = self._is_saved = self._in_the_way = False
        self._parts_read: tuple[str, ...] = PARTS
        self._open: Transaction | None = None

    @property
    def guarantees_missing(self) -> list[str]:
        """What this node cannot promise, and what of the last ``prepare`` it will not do."""
        found = list(self._lost)
        if self._link is not None and self._link.known is not None:
            found += self._link.known.missing_guarantees(self._locks.supported, self._is_saved)
        if self._unmarked is not None:
            found.append(f"mark: a later push cannot tell which revision the node carries: {self._unmarked}")
        if self._unsaved is not None:
            found.append(f"saving: running could not be copied to startup: {self._unsaved}")
        return found

    @property
    def left_out(self) -> list[str]:
        """What of the last ``prepare`` this node will not do."""
        return list(self._lost)

    def prepare(self, desired: NodeConfig, parameter: str = "config") -> NodeConfig:
        """See ``Transport.prepare`` and ``canonical.prepare``."""
        self._is_prepared = True
        self._desired, self._lost = prepare(desired, self._dialect, parameter)
        return self._desired

    @contextmanager
    def hold(self, mark: Mark | None = None, takeover: bool = False) -> Iterator[None]:
        """See ``Transport.hold``: locks running and candidate, and settles what an earlier run of ours left pending."""
        link = self._the_link()
        self._pending.expect(mark, takeover)
        self._is_read = self._is_committed = False
        try:
            self._check_writable(link)
            link.insist(self._locks.take)
        except Lost as lost:
            raise NetconfError("The connection was lost before anything was changed.", node_said=str(lost)) from None
        try:
            yield
            self._finish(link)
        finally:
            self._locks.release()

    def _finish(self, link: Link) -> None:
        """What the node carries shall stay, also where nothing had to be changed for it."""
        if not self._is_read:
            return
        try:
            if not self._is_committed and link.announced.persist:
                # A server may grant the lock while a commit of ours is pending (its session is gone). What was read
                # would be taken back when its time is over.
                link.insist(self._settle_read)
        except Lost as lost:
            raise NetconfError(
                "The connection was lost before it was sure that the node keeps what it carries.",
                node_said=str(lost),
                fix="Nothing was changed. Try again.",
            ) from None
        if self._save_startup and link.announced.startup and not self._pending.is_older(self._current.mark):
            self._save(link)

    def _settle_read(self) -> None:
        if not self._locks.held:
            self._locks.take()
        if self._locks.candidate:
            self._pending.confirm(self._current.mark)

    def _save(self, link: Link) -> None:
        """Saves running where startup differs from it in what is ours."""
        try:
            if self._is_committed or self._differs(link):
                link.insist(lambda: link.call(operations.save()))
            self._is_saved = True
        except (Refused, Lost) as error:
            self._unsaved = str(error)

    def _differs(self, link: Link) -> bool:
        query = operations.get_config(self._dialect.filter(self._parts_read), "startup")
        saved = self._reader.read(link.insist(lambda: link.call(query)), link_local=self._asked_link_local())
        return saved.mark != self._current.mark or bool(transition(saved.config, self._current.config))

    def keep_mark(self, mark: Mark | None, coming: bool = False) -> bool:
        """See ``Transport.keep_mark``: it is a part of the node's configuration, written in the commit of the rest."""
        if mark == self._current.mark:
            self._mark = None
            return True
        if mark is not None and not self._has_place():
            return False
        self._mark = mark
        if coming:
            return True
        if mark is not None and self._current.config == NodeConfig():
            return True  # with nothing of ours on the node there is nothing to mark
        return self._write_mark(mark)

    def _has_place(self) -> bool:
        link = self._the_link()
        try:
            if "mark" not in self._dialect.read:
                self._unmarked = f"dialect {self._dialect.name} has no place for it"
            elif link.insist(lambda: link.lacks(self._dialect.needed(("mark",)))):
                self._unmarked = "the node lacks the model"
            else:
                return True
        except Lost as lost:
            raise NetconfError("The connection was lost before anything was changed.", node_said=str(lost)) from None
        return False

    def _write_mark(self, mark: Mark | None) -> bool:
        """Writes a mark and nothing else."""
        before = self._current
        try:
            applied = self._start((), marking(before.mark, mark, self._mark_place), probe=False)
        except NetconfError as error:
            if not self._may_be_the_mark(error):
                raise
            self._unmarked = f"the node refused it: {error.rpc_errors[0]}"
            return False
        try:
            self.read()
        except BaseException:
            applied.undo()
            raise
        applied.confirm()
        return self._current.mark == mark

    def read(self) -> Current:
        """See ``Transport.read``."""
        link = self._the_link()
        try:
            if self._open is None:
                self._check_writable(link)
                self._check_modules(link)
            self._current = link.insist(self._read)
            self._is_read = True
            if self._open is None:
                self._before = self._current
        except Refused as refused:
            raise NetconfError("The node's configuration cannot be read.", rpc_errors=refused.errors) from None
        except Lost as lost:
            raise NetconfError("The connection was lost while reading.", node_said=str(lost)) from None
        return self._current

    def apply(self, changes: Sequence[Change], wanted: NodeConfig | None = None) -> Transaction:
        """See ``Transport.apply``; a server looks at what stays by itself.

        The transaction's ``confirm`` and ``undo`` end it.
        """
        before = self._current
        if leaves_nothing(changes, before.config):
            marked = marking(before.mark, None, self._mark_place)
        else:
            marked = marking(before.mark, self._mark or before.mark)
        try:
            return self._start(changes, marked)
        except NetconfRollbackFailed:
            raise
        except NetconfError as error:
            if marked.text is None or not self._may_be_the_mark(error):
                raise
            applied = self._start(changes, Marking(stays=before.mark is not None))
            self._unmarked = f"the node refused it: {error.rpc_errors[0]}"
            return applied

    def _may_be_the_mark(self, error: NetconfError) -> bool:
        """Whether the node might take the same without the mark."""
        return bool(error.rpc_errors) and self._locks.held and not self._in_the_way

    def _start(self, changes: Sequence[Change], wanted: Marking, probe: bool = True) -> Transaction:
        link = self._the_link()
        before, place = self._current, self._mark_place
        self._in_the_way = False
        try:
            announced = link.insist(lambda: link.announced)
        except Lost as lost:
            raise NetconfError("The connection was lost before anything was changed.", node_said=str(lost)) from None
        marks = wanted.text is not None or wanted.remove
        known = {before.mark, from_text(wanted.text) if marks else before.mark}

        ours: list[Current] = []

        def explained(now: Current) -> None:
            self._check_marks(now, known)
            seen = any(one.mark == now.mark and not transition(one.config, now.config) for one in ours)
            if not seen and not is_explained(before.config, now.config, changes, announced.candidate):
                raise Overtaken(now)

        plan = Plan(
            config=self._config(changes, before.config, announced.base11, wanted),
            persist_id=self._pending.own,
            settle=lambda: self._pending.confirm(before.mark),
            why=self._why,
            way_back=lambda doubt: self._way_back(before, marks, place, explained if doubt else None),
            remember=lambda: ours.append(self._read()),
            holds_changes=self._pending.holds_changes,
            overtaken=lambda: self._check_marks(self._read(), known),
            unchanged=lambda: self._check_unchanged(before),
            arrived=lambda: self._arrived(before, changes, known),
            probe=operations.get_config(self._dialect.names()) if probe else None,
            confirm_timeout=self._confirm_timeout,
            explicit_validate=self._explicit_validate,
            ended=lambda final: self._ended(before, wanted, final),
        )
        transaction = self._open = Transaction(link, self._locks, plan)
        transaction.start()
        return transaction

    def _ended(self, before: Current, wanted: Marking, final: bool) -> None:
        self._open = self._mark = None
        self._is_committed |= final
        if not final:
            self._current = before
        elif wanted.text is not None and self._current.mark != from_text(wanted.text):
            self._unmarked = "the node took it and forgot it"

    def _arrived(self, before: Current, changes: Sequence[Change], known: set[Mark | None]) -> bool:
        now = self._read()
        if now.mark not in known or now.mark != self._current.mark:
            return False
        return is_done(before.config, now.config, changes) and not transition(now.config, self._current.config)

    @staticmethod
    def _check_marks(now: Current, known: set[Mark | None]) -> None:
        if now.mark not in known:
            raise Overtaken(now)

    def _check_unchanged(self, before: Current) -> None:
        now = self._read()
        if now.mark != before.mark or transition(before.config, now.config):
            raise Overtaken(now)

    def _why(self, refused: Refused) -> str | None:
        """What the server seems to mean by refusing a commit; the RFC has no error tag for it."""
        if refused.operation != "commit" or not refused.tags & _IN_THE_WAY:
            return None
        # An error that names a place in the data is about that place.
        guessed = self._pending.answers == {"invalid-value"} and not any(error.path for error in refused.errors)
        if not speaks_of_confirming(refused.errors) and not guessed:
            return None
        self._in_the_way = True
        return "A confirmed commit that is not ours (another persist-id) seems to be pending."

    def render(self, changes: Sequence[Change]) -> list[str]:
        """See ``Transport.render``: the payload, line by line."""
        if not changes:
            return []
        return pretty(self._config(changes, self._before.config, True)).splitlines()

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

    def _config(
        self, changes: Sequence[Change], before: NodeConfig, base11: bool, wanted: Marking | None = None
    ) -> Any:
        remove = "remove" if base11 else "delete"
        shared, mixed = self._reader.shared, self._link is None or bool(self._mixed(self._link))
        return self._dialect.edit(context(changes, before, self._dialect, remove, wanted or Marking(), shared, mixed))

    def _mixed(self, link: Link) -> bool | None:
        """Whether the node has access lists of a type for both families."""
        feature = self._dialect.mixed_feature
        return None if feature is None else link.announced.offers(feature)

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

    def _check_writable(self, link: Link) -> None:
        """Refuses a push to a node that offers no way to change anything. It can be read all the same."""
        if self._is_prepared and not link.insist(lambda: link.announced).writable:
            raise NetconfError(
                "The node announces neither the capability :candidate nor :writable-running: nothing can be changed.",
                fix="Enable one of them in the node's NETCONF server.",
            )

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
            known = self._known_parts(link)
            if known == self._parts_read:
                raise
            reply = link.call(operations.get_config(self._dialect.filter(known)))
            self._parts_read = known
        self._reader.mixed = self._mixed(link)
        names = self._other_names(link) if self._refers_to_others() else ()
        self._mark_place = self._reader.mark_text(reply) is not None
        return self._reader.read(reply, names, self._asked_link_local(), self._guarded())

    def _asked_link_local(self) -> set[str]:
        return {one for item in self._desired.interfaces for one in item.addresses if is_link_local(one)}

    def _guarded(self) -> set[tuple[str, str]]:
        """Interfaces and directions in which an access list of ours is wanted."""
        found = {(item.name, "ingress") for item in self._desired.interfaces if item.ingress}
        return found | {(item.name, "egress") for item in self._desired.interfaces if item.egress}

    def _known_parts(self, link: Link) -> tuple[str, ...]:
        """The parts whose namespaces the server knows: it says so, or answers when it is asked for them alone."""
        known = tuple(part for part in PARTS if not link.lacks(self._dialect.needed((part,))))
        if known != self._parts_read:
            return known
        refused: set[str] = set()
        for group in (("interfaces", "addresses"), ("routes", "routes4", "routes6"), ("access_lists",)):
            try:
                link.call(operations.get_config(self._dialect.filter(group)))
            except Refused as error:
                if not error.tags <= _UNKNOWN_NAMES:
                    raise
                refused.update(group)
        if refused & set(self._parts()):
            return self._parts_read
        return tuple(part for part in known if part not in refused)

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

    def _way_back(
        self, before: Current, marks: bool, place: bool, check: Callable[[Current], None] | None
    ) -> Any | None:
        now = self._read()
        if check is not None:
            check(now)
        changes = transition(now.config, before.config)
        wanted = marking(now.mark, before.mark if marks else now.mark, marks and self._mark_place and not place)
        if not changes and wanted.text is None and not wanted.remove:
            return None
        return self._config(changes, now.config, self._the_link().announced.base11, wanted)


def _nowhere() -> NetconfError:
    return NetconfError("There is no node to contact.", parameter="host", fix="Give its host.")
