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
_SETTLING = 10.0
_SOON = 1.0
_PAUSE = 0.2


@dataclass(frozen=True)
class Plan:
    """What a transaction does.

    Attributes:
        config: the ``config`` element of the edit.
        ids: persist-id of this transaction, then those that earlier ones may have left pending.
        way_back: reads running; the ``config`` element that leads from there to what was before, None if it is that.
        arrived: reads running; whether it is what the edit leads to.
        probe: what the second session asks.
        ended: called when the transaction is over, whichever way.
    """

    config: Any
    ids: Sequence[str]
    way_back: Callable[[], Any | None]
    arrived: Callable[[], bool]
    probe: Any
    ended: Callable[[], None] = lambda: None
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
        self._store = "candidate" if self._server.candidate else "running"
        self._persist = plan.ids[0] if self._server.persist else None

    def start(self) -> None:
        """Everything up to the commit that is still to be confirmed.

        Raises:
            NetconfError: refused, or the connection was lost before the change; the node is as it was.
            NetconfRollbackFailed: refused or lost, and the node may be in between.
        """
        try:
            self._start()
        except BaseException:
            self._end()
            raise

    def _end(self) -> None:
        """The transaction is over."""
        if self._own:
            self._locks.release()
        self._plan.ended()

    def _start(self) -> None:
        edited = False
        try:
            if not self._locks.held:
                self._own = True
                self._locks.take()
            if self._server.candidate:
                self._link.call(operations.discard_changes())
            edited = True
            self._edit(self._plan.config)
            if self._plan.explicit_validate and self._server.validate and self._server.candidate:
                self._link.call(operations.validate("candidate"))
        except Refused as refused:
            self._give_up()
            raise self._refusal(refused) from None
        except Lost as lost:
            if edited and not self._server.candidate:
                return  # whether running has it is for the reading back to tell
            self._settled(f"The connection was lost before anything was changed: {lost}.")
        except BaseException:
            self._give_up()
            raise
        if self._server.candidate:
            self._commit()

    def _edit(self, config: Any) -> None:
        test = self._server.validate
        rollback = self._server.rollback_on_error
        self._link.call(operations.edit_config(self._store, config, test, rollback))

    def _commit(self) -> None:
        timeout = self._plan.confirm_timeout if self._server.confirmed else None
        try:
            self._link.call(operations.commit(confirmed=timeout, persist=self._persist))
        except Refused as refused:
            self._give_up()
            raise self._refusal(refused) from None
        except Lost:
            return  # whether running has it is for the reading back to tell
        except BaseException:
            self._give_up()
            raise

    def _refusal(self, refused: Refused) -> NetconfError | NetconfRollbackFailed:
        """The error for a refused edit or commit, after making sure that running is as it was."""
        first = refused.errors[0]
        text = f"The node refused {refused.operation}: {first}."
        if len(refused.errors) > 1:
            text = f"{text[:-1]}, and {len(refused.errors) - 1} more errors."
        try:
            left = self._restore()
        except (Lost, Refused, NetconfError) as error:
            return NetconfRollbackFailed(f"{text} Going back failed too: {error}.", rpc_errors=refused.errors)
        if left:
            return NetconfRollbackFailed(f"{text} Going back failed: running still differs.", rpc_errors=refused.errors)
        return NetconfError(text, rpc_errors=refused.errors, fix="Nothing was changed.")

    def _give_up(self) -> None:
        """Leaves nothing of ours in the candidate."""
        if self._server.candidate and self._locks.held:
            with suppress(Refused, Lost):
                self._link.call(operations.discard_changes())

    def confirm(self) -> None:
        """Makes the change final, after proving that the node still lets a new session in.

        Raises:
            NetconfError: it does not, or the time was over; the node is as it was before.
            NetconfRollbackFailed: see ``undo``.
        """
        try:
            self._probe_and_confirm()
        finally:
            self._end()

    def _probe_and_confirm(self) -> None:
        try:
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
                if lost:
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
        """
        try:
            self._undo()
        finally:
            self._end()

    def _undo(self) -> None:
        try:
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
            # Version 1.0: the end of the session takes the change back.
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
        while (config := self._link.insist(self._plan.way_back)) is not None and time.monotonic() < end:
            time.sleep(_PAUSE)
        if config is None:
            return False
        if not self._locks.held:
            self._own = True
            self._link.insist(self._locks.take)
            config = self._link.insist(self._plan.way_back)
        if config is not None:
            if self._server.candidate:
                self._link.call(operations.discard_changes())
            self._edit(config)
            if self._server.candidate:
                self._link.call(operations.commit())
        return self._link.insist(self._plan.way_back) is not None

    def _settled(self, text: str) -> None:
        """Ends with the error for a session that was lost before anything was committed."""
        try:
            left = self._restore()
        except (Lost, Refused, NetconfError) as error:
            raise NetconfError(
                f"{text} It could not be reached again to make sure.", node_said=str(error), fix="Try again."
            ) from None
        if left:
            raise self._in_between(text)
        raise NetconfError(text, fix="Try again.")

    def _reconnect(self, when: str) -> None:
        try:
            self._link.again()
        except Lost as lost:
            raise self._in_between(f"the connection was lost {when}: {lost}") from None
