# SPDX-License-Identifier: GPL-3.0-or-later
"""One edit, brought into running so that it can be taken back until it is confirmed.

With a candidate and confirmed commits: lock, discard, edit, commit confirmed; the caller reads back; probe, confirm,
unlock. With less, the same as far as the server goes: what it cannot take back by itself is taken back by an edit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from . import operations
from .errors import Lost, NetconfError, NetconfRollbackFailed, Refused, RpcError
from .link import Link
from .locks import Locks

_BUSY = {"in-use", "lock-denied", "resource-denied"}
_NOT_READ = {"unknown-element", "operation-not-supported", "bad-element"}
_SETTLING = 10.0
_SOON = 1.0
_PAUSE = 0.2


@dataclass(frozen=True)
class Plan:
    """What a transaction does.

    Attributes:
        config: the ``config`` element of the edit.
        persist_id: of this transaction's confirmed commit.
        settle: called with an unchanged candidate: ends what an earlier run of ours left pending; whether it was there.
        why: what may be in the way of a refused commit, besides what the server says.
        way_back: reads running; the ``config`` element that leads from there to what was before, None if it is that.
            Asked to doubt, it raises ``Overtaken`` where running is not explained by this edit.
        remember: reads running under the locks of this edit: what is there is this edit's work, whatever it is.
        overtaken: reads running; raises ``Overtaken`` where it carries somebody else's mark.
        unchanged: reads running; raises ``Overtaken`` where it is not what the edit was made for.
        holds_changes: whether the candidate differs from running; asked where it cannot be locked.
        arrived: reads running; whether it is what the edit leads to.
        probe: what the second session asks; None for a change that cannot lock anybody out.
        ended: called when the transaction is over, with whether the change is final.
    """

    config: Any
    persist_id: str
    settle: Callable[[], bool]
    why: Callable[[Refused], str | None]
    way_back: Callable[[bool], Any | None]
    remember: Callable[[], None]
    overtaken: Callable[[], None]
    unchanged: Callable[[], None]
    holds_changes: Callable[[], bool]
    arrived: Callable[[], bool]
    probe: Any | None
    ended: Callable[[bool], None] = lambda final: None
    confirm_timeout: int = 120
    explicit_validate: bool = False


class Transaction:
    """Implements ``Applied`` of the transport protocol."""

    def __init__(self, link: Link, locks: Locks, plan: Plan) -> None:
        """
        Args:
            locks: held already, or taken and released by the transaction.
        """
        self._link = link
        self._plan = plan
        self._server = link.announced
        self._locks = locks
        self._own = False
        self._final = False
        self._begun: object = None
        self._store = "candidate" if self._server.candidate else "running"
        self._persist = plan.persist_id if self._server.persist else None

    def start(self) -> None:
        """Everything up to the commit that is still to be confirmed.

        Raises:
            NetconfError: refused, or the connection was lost before the change; the node is as it was.
            NetconfRollbackFailed: refused or lost, and the node may be in between.
            Overtaken: somebody else changed the node since it was read.
        """
        try:
            self._lock()
            self._begun = self._link.current
            self._bring_or_settle()
        except BaseException:
            self._end()
            raise

    def _end(self) -> None:
        """The transaction is over."""
        if self._own:
            self._locks.release()
        self._plan.ended(self._final)

    def _lock(self) -> None:
        if self._locks.held:
            return
        self._own = True
        try:
            self._locks.take()
            # What the edit was made for was read without these locks.
            self._plan.unchanged()
        except (Lost, Refused) as error:
            raise self._nothing_sent(error) from None

    def _bring_or_settle(self) -> None:
        """Brings the change into running; once more where something pending of ours was in its way.

        RFC 6241 (7.5) has a server deny the lock of running while a commit is pending, but only to other sessions than
        that which began it: where that is gone, a server may grant the lock and refuse the commit.
        """
        try:
            self._bring()
        except Refused as refused:
            clean = self._give_up()
            in_the_way = refused.operation == "commit" or bool(refused.tags & _BUSY)
            if not (clean and in_the_way and self._plan.settle()):
                raise self._refusal(refused) from None
        else:
            return
        try:
            self._bring()
        except Refused as refused:
            self._give_up()
            if self._persist is not None:
                # Some servers arm the way back of a confirmed commit that they refuse.
                with suppress(Refused, Lost):
                    self._link.call(operations.cancel_commit(self._persist))
            raise self._refusal(refused) from None

    def _bring(self) -> None:
        sent = False
        try:
            if self._server.candidate:
                if not self._locks.supported and self._plan.holds_changes():
                    raise NetconfError(
                        "The candidate holds changes that somebody has not committed, and this node knows no locks.",
                        fix="Nothing was changed. Commit or discard them, and try again.",
                    )
                self._link.call(operations.discard_changes())
            sent = not self._server.candidate
            self._edit(self._plan.config)
            if self._server.candidate:
                if self._plan.explicit_validate and self._server.validate:
                    self._link.call(operations.validate("candidate"))
                sent = True
                timeout = self._plan.confirm_timeout if self._server.confirmed else None
                self._link.call(operations.commit(confirmed=timeout, persist=self._persist))
        except Lost as lost:
            if not sent:
                raise self._nothing_sent(lost) from None
            # Otherwise, whether running has it is for the reading back to tell.
        except (Refused, NetconfError):
            raise
        except BaseException:
            self._give_up()
            raise

    def _edit(self, config: Any) -> None:
        test, rollback = self._server.validate, self._server.rollback_on_error
        try:
            self._link.call(operations.edit_config(self._store, config, test, rollback))
        except Refused as refused:
            # Not every server that announces an option knows its parameter.
            named = any(option in str(refused) for option in ("test-option", "error-option"))
            if not (test or rollback) or not refused.tags <= _NOT_READ or not (self._server.candidate or named):
                raise
            self._link.call(operations.edit_config(self._store, config, False, False))

    def _refusal(self, refused: Refused) -> NetconfError | NetconfRollbackFailed:
        """The error for a refused edit or commit, after making sure that running is as it was."""
        first = refused.errors[0]
        text = f"The node refused {refused.operation}: {str(first).rstrip('.')}."
        if len(refused.errors) > 1:
            text = f"{text[:-1]}, and {len(refused.errors) - 1} more errors."
        if (why := self._plan.why(refused)) is not None:
            text = f"{text} {why}"
        try:
            left = self._restore()
        except (Lost, Refused, NetconfError) as error:
            return NetconfRollbackFailed(f"{text} Going back failed too: {error}.", rpc_errors=refused.errors)
        if left:
            return NetconfRollbackFailed(f"{text} Going back failed: running still differs.", rpc_errors=refused.errors)
        return NetconfError(text, rpc_errors=refused.errors, fix="Nothing was changed.")

    def _give_up(self) -> bool:
        """Leaves nothing of ours in the candidate; whether it is certain that nobody's change is in there."""
        if not self._server.candidate or (self._locks.supported and not self._locks.candidate):
            return False
        try:
            self._link.call(operations.discard_changes())
        except (Refused, Lost):
            return False
        return True

    def confirm(self) -> None:
        """Makes the change final, after proving that the node still lets a new session in.

        Raises:
            NetconfError: it does not, or the time was over; the node is as it was before.
            NetconfRollbackFailed: see ``undo``.
        """
        try:
            self._probe_and_confirm()
            if self._was_lost and not self._arrived_in_time():
                self._unconfirmed(())
            self._final = True
        finally:
            self._end()

    def _probe_and_confirm(self) -> None:
        try:
            if self._plan.probe is not None:
                self._link.probe(self._plan.probe)
        except (NetconfError, Refused, Lost) as error:
            words = str(error.node_said or error.message) if isinstance(error, NetconfError) else str(error)
            self._undo()
            raise NetconfError(
                "With the change, the node lets no second session in; it was taken back.",
                node_said=words,
                rpc_errors=error.errors if isinstance(error, Refused) else (),
            ) from None
        except BaseException:
            self._undo()
            raise
        if self._server.confirmed:
            self._confirm()

    def _confirm(self) -> None:
        lost = False
        end = time.monotonic() + _SETTLING
        while True:
            try:
                self._link.call(operations.commit(persist_id=self._persist))
            except Lost:
                lost = True
                self._reconnect("before the change was confirmed")
                if self._persist is None:
                    break  # the server took it back when the session ended, unless it was confirmed
                continue
            except Refused as refused:
                # The lock of a lost session may outlive it for a moment.
                if lost and refused.tags & _BUSY and time.monotonic() < end:
                    time.sleep(_PAUSE)
                    continue
                # A server may have taken the commit for one that follows an earlier one of ours, and kept its id.
                if lost or (self._persist is not None and self._give_up() and self._plan.settle()):
                    break
                self._unconfirmed(refused.errors)
            else:
                return
        # After a loss nothing is pending any more: either the confirmation had arrived, or the server has gone back.
        if not self._arrived_in_time():
            self._unconfirmed(())

    def _arrived_in_time(self) -> bool:
        try:
            return bool(self._link.insist(self._plan.arrived))
        except (Lost, Refused):
            return False

    def _unconfirmed(self, errors: Sequence[RpcError]) -> None:
        """Ends with the error for a change that could not be confirmed."""
        text = "The node did not take the confirmation of the change (was its time over?)"
        try:
            self._undo()
        except NetconfRollbackFailed as failed:
            raise NetconfRollbackFailed(f"{text}. {failed.message}", rpc_errors=errors, fix=failed.fix) from None
        raise NetconfError(f"{text}; the node is as it was before.", rpc_errors=errors, fix="Try again.")

    def undo(self) -> None:
        """Puts the node back as it was.

        Raises:
            NetconfRollbackFailed: that failed, or could not be proven.
            NetconfError: it succeeded; the connection was lost, which explains why the change is not there.
            Overtaken: running is somebody else's by now, and was left alone.
        """
        lost = self._was_lost
        try:
            self._undo()
            if lost:
                raise NetconfError(self._why_gone(), fix="Try again.")
        finally:
            self._end()

    def _undo(self) -> None:
        try:
            if self._was_lost:
                self._link.insist(self._plan.overtaken)
            self._cancel()
            left = self._restore()
        except (Lost, NetconfError) as error:
            raise self._in_between(str(error)) from None
        except Refused as refused:
            raise self._in_between(str(refused), refused.errors) from None
        if left:
            raise self._in_between("running still differs from what it was")

    def _in_between(self, words: str, errors: Sequence[RpcError] = ()) -> NetconfRollbackFailed:
        fix = "Push again, or run reconcile."
        if self._server.confirmed:
            fix = f"The node goes back by itself within {self._plan.confirm_timeout} s. {fix}"
        return NetconfRollbackFailed(f"The way back failed: {words}.", rpc_errors=errors, node_said=words, fix=fix)

    def _cancel(self) -> None:
        """Takes a confirmed commit back; nothing where none is pending."""
        if not self._server.confirmed:
            return
        if self._persist is None:
            # Version 1.0: the end of the session takes the change back. Its locks end, too.
            if self._locks.held and not self._was_lost:
                with suppress(Refused, Lost):
                    self._plan.remember()
            self._link.forget()
            return
        end = time.monotonic() + _SETTLING
        while True:
            try:
                self._link.call(operations.cancel_commit(self._persist))
            except Lost:
                self._reconnect("on the way back")
            except Refused as refused:
                if not (refused.tags & _BUSY) or time.monotonic() >= end:
                    return  # nothing is pending, or running tells
                time.sleep(_PAUSE)
            else:
                return

    def _restore(self) -> bool:
        """Makes running what it was, by an edit where the server did not do so itself; whether it still differs."""
        wait = 0.0 if not self._server.confirmed else _SOON if self._server.persist else _SETTLING
        end = time.monotonic() + wait
        while (left := self._link.insist(self._differs)) and time.monotonic() < end:
            time.sleep(_PAUSE)
        if not left:
            return False
        self._link.insist(self._go_back)
        return bool(self._link.insist(self._differs))

    def _differs(self) -> bool:
        return self._plan.way_back(False) is not None

    def _go_back(self) -> None:
        """The way back by an edit.

        Where the locks of the change were lost, others may have changed running since: only what this change explains
        is touched.
        """
        if not self._locks.held:
            self._own = True
            self._locks.take()
        alone = self._locks.held and not self._was_lost
        config = self._plan.way_back(not alone)
        if config is None:
            return
        if self._server.candidate:
            self._link.call(operations.discard_changes())
        self._edit(config)
        if self._server.candidate:
            self._commit_for_good()

    @property
    def _was_lost(self) -> bool:
        """Whether the session that began this is gone, and its locks with it."""
        return self._link.current is not self._begun

    def _commit_for_good(self) -> None:
        try:
            self._link.call(operations.commit())
        except Refused:
            # Ours is pending still, where a server does not know how to cancel it.
            if self._persist is None:
                raise
            self._link.call(operations.commit(persist_id=self._persist))

    @staticmethod
    def _nothing_sent(error: Lost | Refused) -> NetconfError:
        errors = error.errors if isinstance(error, Refused) else ()
        return NetconfError(
            "The session was lost before this push had changed anything.",
            node_said=str(error),
            rpc_errors=errors,
            fix="Try again.",
        )

    def _why_gone(self) -> str:
        if self._server.confirmed and self._persist is None:
            return (
                "The connection was lost before the change was confirmed. This node knows confirmed commits of version "
                "1.0 only, and took the change back as the session ended."
            )
        return "The connection was lost before the change was confirmed; the node is as it was before."

    def _reconnect(self, when: str) -> None:
        try:
            self._link.again()
        except Lost as lost:
            raise self._in_between(f"the connection was lost {when}: {lost}") from None
