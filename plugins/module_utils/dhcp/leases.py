# SPDX-License-Identifier: GPL-3.0-or-later
"""A list of leases, given or taken one after the other. Where one fails, the error says which, and what became of the
others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ..model.errors import ShadownetError
from .desk import Change, give, refuse_unreachable, take
from .lease import Lease
from .server import DhcpServer

MOST_NAMED = 10
"""So many addresses an error lists."""


def give_all(server: DhcpServer, leases: Sequence[Lease], leaked: Sequence[Lease], check: bool) -> list[Change]:
    """Gives leases, after taking away those that are ``leaked``. All are checked before any is changed, so that a
    mistake in the list changes nothing.

    Args:
        check: only say what would change.

    Raises:
        Conflict: one cannot be given; nothing was changed.
        DhcpError: one lies in no pool of the server, and nothing was changed; or the server refused, or does not
            answer. Then ``changes`` says what was changed before.
    """
    pools = server.pools()
    found = [take(server, one.address, ledger=_ledger(one), instance=_instance(one), check=True) for one in leaked]
    gone = [one.address for one in found if one.changed]
    planned: list[Change] = []
    refused: list[tuple[int, ShadownetError]] = []
    for number, lease in enumerate(leases):
        try:
            refuse_unreachable(pools, lease)
            planned.append(give(server, lease, check=True, gone=gone))
        except ShadownetError as error:
            refused.append((number, error))
            if error.parameter is None:
                break  # not about this lease: the server does not answer
    if refused:
        raise _explained(refused[0][1], leases, [number for number, _error in refused])
    if check:
        return [*found, *planned]
    away = [(one, partial(take, server, one.address, ledger=_ledger(one), instance=_instance(one))) for one in leaked]
    return _one_by_one([*away, *((one, partial(give, server, one)) for one in leases)])


def take_all(server: DhcpServer, leases: Sequence[Lease], ledger: str | None, check: bool) -> list[Change]:
    """Takes leases away; see ``desk.take``.

    Raises:
        DhcpError: the server refused, or does not answer; ``changes`` says what was changed before.
    """
    away = partial(take, server, ledger=ledger, check=check)
    return _one_by_one(
        [(one, partial(away, one.address, instance=_instance(one), mac=one.mac or None)) for one in leases]
    )


def _one_by_one(steps: Sequence[tuple[Lease, Callable[[], Change]]]) -> list[Change]:
    done: list[Change] = []
    for lease, act in steps:
        try:
            done.append(act())
        except ShadownetError as error:
            changed = [one.address for one in done if one.changed]
            left = [one.address for one, _act in steps[len(done) + 1 :]]
            words = [f"This was the lease of {_called(lease)}."] if len(steps) > 1 or _instance(lease) else []
            if changed:
                words.append(f"Changed before it: {_listed(changed)}.")
            if left:
                words.append(f"Not tried any more: {_listed(left)}.")
            if len(steps) > 1:
                words.append("Repeat it to do the rest.")
            if words:
                error.add(" ".join(words))
            error.changes = [one.to_dict() for one in done if one.changed]
            raise
    return done


def _explained(error: ShadownetError, leases: Sequence[Lease], refused: Sequence[int]) -> ShadownetError:
    """The first refusal, with its place in the list, the further ones, and what that means for the others."""
    words = []
    if error.parameter and (len(leases) > 1 or _instance(leases[0])):
        words.append(f"This is leases[{refused[0]}] ({_called(leases[refused[0]])}).")
    if others := [f"leases[{number}] ({_called(leases[number])})" for number in refused[1:]]:
        words.append(f"Refused too: {_listed(others)}.")
    if len(leases) > 1:
        words.append(f"None of the {len(leases)} leases was changed.")
    if words:
        error.add(" ".join(words))
    error.changes = []
    return error


def _called(lease: Lease) -> str:
    name = _instance(lease)
    return f"{lease.address}, instance '{name}'" if name else lease.address


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - MOST_NAMED} more" if len(words) > MOST_NAMED else ""
    return ", ".join(words[:MOST_NAMED]) + more


def _instance(lease: Lease) -> str | None:
    return None if lease.owner is None else lease.owner.instance


def _ledger(lease: Lease) -> str | None:
    return None if lease.owner is None else lease.owner.ledger
