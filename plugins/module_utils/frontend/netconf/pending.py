# SPDX-License-Identifier: GPL-3.0-or-later
"""Confirmed commits that an earlier run of ours began, and neither confirmed nor took back.

They are confirmed, not cancelled: they carry what the ledger wanted then, confirming interrupts no traffic, and the
push that follows reads the node, repairs what differs from what is wanted now, and proves that the node can still be
reached. A confirming commit is also the safer question: a server refuses it while a run that is alive holds the locks
(RFC 6241, 7.5), which it need not do with ``cancel-commit``.

A commit takes the candidate with it. So nothing is confirmed unless the candidate is known to hold no change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..transport import Mark
from . import operations
from .errors import Lost, Refused
from .link import Link
from .trees import canonical

_EARLIER = 16


def persist_id(node: str, revision: int | None) -> str:
    """The persist-id of a run that pushes this revision to this node."""
    return f"shadownet-{node}" if revision is None else f"shadownet-{node}-{revision}"


class Pending:
    """What may be pending of ours on one node."""

    def __init__(self, link: Link, node: str, revision: int | None, look: Callable[[], Mark | None]) -> None:
        """
        Args:
            revision: of this run.
            look: reads the mark in running. A pending commit has written it already, so it tells the persist-id.
        """
        self._link = link
        self._node = node
        self._revision = revision
        self._look = look
        self._ledger_id: str | None = None
        self.answers: set[str | None] = set()

    def expect(self, mark: Mark | None, takeover: bool) -> None:
        """Whose push this is. What another ledger left pending is not ours, unless this one takes the node over."""
        if mark is not None:
            self._revision = mark.revision
            self._ledger_id = None if takeover else mark.ledger_id

    def is_older(self, there: Mark | None) -> bool:
        """Whether a newer push than this one has been there."""
        if there is None or self._ledger_id is None or self._revision is None:
            return False
        return there.ledger_id == self._ledger_id and there.revision > self._revision

    @property
    def own(self) -> str:
        """The persist-id of this run."""
        return persist_id(self._node, self._revision)

    def confirm(self, there: Mark | None) -> bool:
        """Confirms what is pending of ours; whether anything was. The candidate must hold no change.

        Args:
            there: the mark in running. Without one, earlier revisions are tried.
        """
        self.answers = set()
        if not self._link.announced.persist:
            return False
        if there is not None and self._ledger_id is not None and there.ledger_id != self._ledger_id:
            return False
        for one in self._ids(there):
            try:
                self._link.call(operations.commit(persist_id=one))
            except Refused as refused:
                self.answers |= refused.tags
                continue
            return True
        return False

    def _ids(self, there: Mark | None) -> list[str]:
        revisions = [self._revision, None] if there is None else [there.revision, self._revision, None]
        if there is None and self._revision is not None:
            revisions += range(self._revision - 1, max(-1, self._revision - 1 - _EARLIER), -1)
        return list(dict.fromkeys(persist_id(self._node, revision) for revision in revisions))

    def confirm_unlocked(self) -> bool:
        """The same without the lock of running, which a server denies while a commit is pending (RFC 6241, 7.5)."""
        if not self._link.announced.persist:
            return False
        there = None
        with suppress(Refused):
            there = self._look()
        with self._unchanged_candidate() as unchanged:
            return unchanged and self.confirm(there)

    @contextmanager
    def _unchanged_candidate(self) -> Iterator[bool]:
        try:
            self._link.call(operations.lock("candidate"))
        except Refused as refused:
            # Some servers deny this lock, too, while a commit is pending. Then nobody is named as its holder.
            yield not any(error.session_id for error in refused.errors) and self._same()
            return
        try:
            yield True
        finally:
            with suppress(Refused, Lost):
                self._link.call(operations.unlock("candidate"))

    def _same(self) -> bool:
        """Whether candidate and running are the same, all of them: a change of anybody counts."""
        try:
            candidate, running = (self._all(datastore) for datastore in ("candidate", "running"))
        except Refused:
            return False
        return candidate == running

    def holds_changes(self) -> bool:
        """Whether the candidate differs from running, as far as the server shows both."""
        try:
            return self._all("candidate") != self._all("running")
        except Refused:
            return False

    def _all(self, datastore: str) -> bytes:
        reply = self._link.call(operations.get_config(None, datastore))
        data: Any = reply.find("{*}data")
        return b"" if data is None else canonical(data)
