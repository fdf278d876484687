# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of subnets: release, the node's answer, expiry, quarantine, free again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..ledger.addresses import format_block
from ..ledger.occupied import Occupied
from ..ledger.rows import subnet_event, to_json
from ..ledger.transaction import Transaction
from ..model.errors import InvalidInput, NotFound
from ..model.reservation import RESERVED
from ..model.subnet import ACTIVE, ERROR, RELEASING, Subnet
from .instance_lifecycle import MovedInstance, set_aside, settle_instances
from .reserved import close, kept, sweep
from .space import give_back

FAILED = "the push failed"
SWEEP = 512
"""Expired items that one call moves on before it does its own work."""
SHORT_SWEEP = 64
"""The same for a call that somebody waits for by the millisecond."""


class Moved(NamedTuple):
    """A subnet that went on: as JSON before and after; ``after`` is None when it is gone (quarantine)."""

    subnet: Subnet
    before: str
    after: str | None


def release(transaction: Transaction, keys: Sequence[str | int]) -> list[Moved | None]:
    """Releases subnets by name or id; for one that is not there (any more) the answer is None.

    A subnet on a node becomes ``releasing`` until the node has confirmed; one without a node goes to
    quarantine at once.
    """
    expire(transaction)
    named = transaction.subnets_named([key for key in keys if isinstance(key, str)])
    # One subnet may be meant by its name and by its id in the same call; it goes only once.
    known = {subnet.id: subnet for subnet in named.values()}
    results: list[Moved | None] = []
    for key in keys:
        subnet = named.get(key) if isinstance(key, str) else known.get(key) or transaction.subnet_of(key)
        if subnet is None:
            results.append(None)
        elif not subnet.wanted:
            shown = subnet_event(subnet)
            results.append(Moved(subnet, shown, shown))
        else:
            results.append(_release(transaction, subnet, "subnet.released"))
    return results


class Answer(NamedTuple):
    """Whether something new was learned of a node, and the subnets and instances that moved on."""

    changed: bool
    moved: list[Moved]
    instances: list[MovedInstance]


def node_result(
    transaction: Transaction,
    node: str,
    revision: int,
    ok: bool,
    message: str | None = None,
    routes: Sequence[str] = (),
) -> Answer:
    """Takes note of how the push of ``revision`` to ``node`` ended.

    Good: ``pending → active``, ``releasing → gone`` (quarantine), and what was in error likewise. Bad:
    ``error`` with the node's words. What changed in the ledger after that revision stays as it is.

    Args:
        routes: destinations of the routes that the node refused. Where they are those of instances, these instances
            alone are in error, and leave the node's configuration: push it again, for the others.

    Raises:
        NotFound: the ledger knows no such node. InvalidInput: a revision that it never made.
    """
    nodes = transaction.nodes()
    if node not in nodes:
        known = ", ".join(list(nodes)[:10]) or "none"
        raise NotFound(f"the ledger has no node '{node}'.", parameter="node", fix=f"Known are: {known}.")
    newest = nodes[node].revision
    if not 0 <= revision <= newest:
        raise InvalidInput(
            f"{revision} was never made for node {node}; the newest is {newest}.",
            parameter="revision",
            fix="Give the revision that node_config_info returned.",
        )
    if not ok and routes:
        aside = set_aside(transaction, node, routes, message or FAILED)
        if aside:
            return Answer(True, [], aside)
    subnets = transaction.subnets("node = ? AND revision <= ? AND status != ?", (node, revision, ACTIVE))
    moved = [_settle(transaction, subnet, ok, message) for subnet in subnets]
    instances = settle_instances(transaction, node, revision, ok, message or FAILED)
    late = ok and revision < nodes[node].applied_revision
    if late and not _carries(transaction, node):
        # The newer push took everything off the node, its mark included, so that it could not refuse this older one.
        ok, message = False, f"a push of revision {revision} came late and may have put back what was removed"
        revision = nodes[node].applied_revision
    if ok:
        changed = transaction.confirm_revision(node, revision)
    else:
        changed = transaction.refuse_revision(node, revision, message or FAILED)
    if changed:
        after = {"revision": revision} if ok else {"revision": revision, "reason": message or FAILED}
        transaction.event("node.confirmed" if ok else "node.failed", "node", node, None, to_json(after))
    return Answer(changed, [item for item in moved if item.before != item.after], instances)


def _carries(transaction: Transaction, node: str) -> bool:
    """Whether the ledger wants anything of the node."""
    return bool(
        transaction.subnets("node = ? AND wanted = 1", (node,), limit=1)
        or transaction.floors(node)
        or transaction.instances("node = ? AND wanted = 1", (node,))
    )


def expire(transaction: Transaction, limit: int | None = SWEEP) -> int:
    """Moves on what ran out: subnets by ttl, reservations, prefixes whose quarantine ended. Returns how many.

    While the clock lies behind the ledger's last event by more than a minute, nothing runs out.

    Args:
        limit: of each of them, and of the prefixes of ended reservations that are given back; None for everything.
            However much ran out, the call pays for no more than that.
    """
    if not transaction.anything_ended():
        return 0
    most = -1 if limit is None else limit
    if transaction.clock_behind:
        return sweep(transaction, most)
    subnets = transaction.subnets_expired(most)
    for subnet in subnets:
        _release(transaction, subnet, "subnet.expired")
    reservations = transaction.reservations("expires_at <= ?", (transaction.now,), "expires_at, id", most)
    for reservation in reservations:
        close(transaction, reservation)
    swept = sweep(transaction, most)
    ended = transaction.quarantine_ended(most)
    for item in ended:
        rested(transaction, item)
    return len(subnets) + len(reservations) + swept + len(ended)


def rested(transaction: Transaction, item: Occupied) -> None:
    """A quarantine is over: the prefix goes back to its reservation if that still wants it, else it is free."""
    pool = transaction.pool_of(item.pool_id)
    mapped = kept(transaction, pool.id, item.block)
    before = to_json({"pool": pool.name, "last": item.name})
    if mapped is None:
        give_back(transaction, pool, item.block)
        transaction.event("prefix.freed", "prefix", format_block(item.block), before, None)
        return
    transaction.hand_over(pool, item.block, "reservation", mapped.reservation_id)
    transaction.change_reserved(mapped, RESERVED)
    after = to_json({"pool": pool.name, "reservation": mapped.reservation_id})
    transaction.event("prefix.reserved", "prefix", format_block(item.block), before, after)


def _release(transaction: Transaction, subnet: Subnet, kind: str) -> Moved:
    before = subnet_event(subnet)
    subnet.wanted = False
    subnet.expires_at = None
    if subnet.node is None:
        return _retire(transaction, subnet, before, kind)
    subnet.status, subnet.reason = RELEASING, None
    subnet.revision = transaction.next_revision(subnet.node)
    transaction.update_subnet(subnet)
    after = subnet_event(subnet)
    transaction.event(kind, "subnet", subnet.name, before, after)
    return Moved(subnet, before, after)


def _settle(transaction: Transaction, subnet: Subnet, ok: bool, message: str | None) -> Moved:
    before = subnet_event(subnet)
    if ok and not subnet.wanted:
        return _retire(transaction, subnet, before, "subnet.removed")
    status, reason = (ACTIVE, None) if ok else (ERROR, message or FAILED)
    if (subnet.status, subnet.reason) == (status, reason):
        return Moved(subnet, before, before)
    subnet.status, subnet.reason = status, reason
    transaction.update_subnet(subnet)
    after = subnet_event(subnet)
    transaction.event("subnet.activated" if ok else "subnet.failed", "subnet", subnet.name, before, after)
    return Moved(subnet, before, after)


def _retire(transaction: Transaction, subnet: Subnet, before: str, kind: str) -> Moved:
    """The subnet is gone from its node: its prefix rests in quarantine, or is free at once without one."""
    pool = transaction.pool_of(subnet.pool_id)
    transaction.delete_subnet(subnet)
    if pool.quarantine:
        until = transaction.now + pool.quarantine * 1000
        transaction.rest(pool, subnet.block, "subnet", subnet.name, until)
    else:
        give_back(transaction, pool, subnet.block)
    if subnet.bandwidth:
        pool.bandwidth_used -= subnet.bandwidth
        transaction.touch_pool(pool)
    transaction.event(kind, "subnet", subnet.name, before, None)
    return Moved(subnet, before, None)
