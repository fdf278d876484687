# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving leases to instances and taking them back. What is not ours is never touched."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..model.errors import Conflict, DhcpError
from .lease import ACTIVE, DECLINED, EXPIRED, INFINITE, PLACEHOLDER_MAC, DhcpPool, Lease, Owner
from .server import DhcpServer

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one address's lease; None for none. ``note`` says why something was left alone."""

    address: str
    before: Lease | None
    after: Lease | None
    note: str | None = None

    @property
    def changed(self) -> bool:
        """Did anything change?"""
        return self.before != self.after

    def to_dict(self) -> dict[str, Any]:
        """As modules return it."""
        return {
            "address": self.address,
            "before": None if self.before is None else self.before.to_dict(),
            "after": None if self.after is None else self.after.to_dict(),
            "note": self.note,
        }


def give(server: DhcpServer, wanted: Lease, *, check: bool = False, gone: Collection[str] = ()) -> Change:
    """Makes the lease of ``wanted.address`` the one that is wanted, whose ``owner`` says for whom. Repeating it changes
    nothing. A placeholder is turned over to its owner at once, so that the address is free at no time.

    Args:
        check: only say what would change.
        gone: addresses whose leases count as taken away already.

    Raises:
        Conflict: the address has a lease that is not ours, or the hardware address has another one in that subnet, so
            that the server would go on giving that to the client. Nothing was changed.
        DhcpError: the server refused, or does not answer.
    """
    for _attempt in range(_TRIES):
        found = server.lease_of(wanted.address)
        target = settle(found, wanted)
        if target == found:
            return Change(wanted.address, found, found)
        _refuse_second(server, target, gone)
        if check:
            return Change(wanted.address, found, target)
        done = server.add(target) if found is None else server.replace(target)
        if done:
            return Change(
                wanted.address, found, server.lease_of(wanted.address) if target.subnet_id is None else target
            )
    raise DhcpError(f"the lease of {wanted.address} changes faster than it can be written.", fix="Try again.")


def take(
    server: DhcpServer,
    address: str,
    *,
    ledger: str | None = None,
    instance: str | None = None,
    mac: str | None = None,
    check: bool = False,
) -> Change:
    """Takes a lease of ours back: the address gets its placeholder again if it had one, else it has no lease.

    With ``instance`` or ``mac``, only if it is theirs: taken late, it may be another's by now. Nothing that is not
    ours is touched, nor is it an error: then there is nothing to take.

    Raises:
        DhcpError: the server refused, or does not answer.
    """
    for _attempt in range(_TRIES):
        found = server.lease_of(address)
        note = _not_to_take(found, ledger, instance, mac)
        if found is None or found.owner is None or note is not None:
            return Change(address, found, found, note)
        target = placeholder(address, found.subnet_id, found.owner.ledger) if found.owner.guarded else None
        if check:
            return Change(address, found, target)
        done = server.remove(address) if target is None else server.replace(target)
        if done:
            return Change(address, found, target)
    raise DhcpError(f"the lease of {address} changes faster than it can be taken.", fix="Try again.")


def placeholder(address: str, subnet_id: int | None, ledger: str | None) -> Lease:
    """A lease that keeps an address from everybody."""
    owner = Owner(ledger=ledger, placeholder=True)
    return Lease(address=address, mac=PLACEHOLDER_MAC, subnet_id=subnet_id, lifetime=INFINITE, owner=owner)


def refuse_unreachable(pools: Sequence[DhcpPool], wanted: Lease) -> None:
    """Refuses a lease that would be of no use: what lies in no pool of the server is never given to its client.

    Raises:
        DhcpError: it lies in none.
    """
    if not any(pool.first <= wanted.number <= pool.last for pool in pools):
        raise DhcpError(
            "lies in no pool of the server, which would never give it to its client; nothing was changed.",
            parameter=f"lease {wanted.address}",
            fix="Add it to a pool in the server's configuration, and guard it (state=guarded).",
        )


def settle(found: Lease | None, wanted: Lease) -> Lease:
    """The lease that an address is to have, given the one that it has; that one itself if it is good.

    Raises:
        Conflict: it is not ours to change.
    """
    owner = wanted.owner or Owner()
    asked = replace(wanted, hostname=owner.hostname, lifetime=owner.lifetime, owner=owner)
    if found is None:
        return asked
    if asked.subnet_id is None:
        asked = replace(asked, subnet_id=found.subnet_id)
    if found.owner is None and found.state == EXPIRED:
        return asked
    if found.owner is None or not found.ours(owner.ledger):
        raise Conflict(_held(found), parameter=f"lease {found.address}", fix=_advice(found))
    guarded = found.owner.placeholder or found.owner.guarded
    asked = replace(asked, owner=replace(owner, guarded=guarded, ledger=owner.ledger or found.owner.ledger))
    if found.owner.placeholder:
        return asked
    same = found.owner.instance == owner.instance and (owner.instance is not None or found.mac == wanted.mac)
    if not same and (owner.ledger is None or found.owner.ledger != owner.ledger):
        raise Conflict(_held(found), parameter=f"lease {found.address}", fix="Take that one away first.")
    good = (found.mac, found.owner, found.subnet_id, found.state) == (asked.mac, asked.owner, asked.subnet_id, ACTIVE)
    return found if good else asked


def _whose(found: Lease) -> str:
    if found.owner is None:
        return "not ours"
    what = "placeholder" if found.owner.placeholder else f"instance {found.owner.instance or 'without name'}"
    return f"{what} of ledger {found.owner.ledger}" if found.owner.ledger else what


def _held(found: Lease) -> str:
    who = f"the hardware address {found.mac}" if found.mac else "nobody"
    if found.owner is not None:
        return f"is held for {who} ({_whose(found)}); nothing was changed."
    if found.state == DECLINED:
        return "was declined: a client found the address in use by somebody else; nothing was changed."
    return (
        f"is held by {who}, and is not ours: the server gave it by itself, or somebody added it; nothing was changed."
    )


def _advice(found: Lease) -> str:
    if found.owner is not None:
        return "Let that ledger give it up, or name the ledger that holds the address."
    return "Guard the addresses that the ledger hands out (state=guarded) before the server can give them to strangers."


def _refuse_second(server: DhcpServer, wanted: Lease, gone: Collection[str]) -> None:
    """Raises Conflict for a lease whose hardware address has another one in its subnet."""
    away = {wanted.address, *gone}
    others = [one for one in server.leases_of_mac(wanted.mac) if one.address not in away and one.state == ACTIVE]
    if not others:
        return
    subnet = wanted.subnet_id
    if subnet is None:
        pools = server.pools()
        subnet = next((pool.subnet_id for pool in pools if pool.first <= wanted.number <= pool.last), None)
    for other in others:
        if other.subnet_id == subnet:
            raise Conflict(
                f"{wanted.mac} has the lease of {other.address} already ({_whose(other)}), and the server would go on "
                "giving it that one; nothing was changed.",
                parameter=f"lease {wanted.address}",
                fix="Let the client release it, or remove that lease.",
            )


def _not_to_take(found: Lease | None, ledger: str | None, instance: str | None, mac: str | None) -> str | None:
    """Why a lease is left as it is; None where it is to be taken, or there is none."""
    if found is None:
        return None
    if found.owner is None or not found.ours(ledger):
        return "not ours"
    if found.owner.placeholder:
        return "a placeholder"
    if instance is not None and found.owner.instance is not None and found.owner.instance != instance:
        return f"of instance {found.owner.instance}"
    if instance is None and mac is not None and found.mac != mac:
        return f"of {found.mac}"
    return None
