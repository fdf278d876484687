# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of instances: deletion, the node's answer, and the way of their prefixes back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..ledger.addresses import format_address, format_block
from ..ledger.rows import format_time, to_json
from ..ledger.transaction import Transaction
from ..model.pool import FAMILY_BITS, Block
from ..model.reservation import RESERVED, RESTING, Instance
from ..model.subnet import ACTIVE, ERROR, PENDING, RELEASING
from .hold import refuse_held
from .reserved import kept
from .space import give_back

RENAMED = "instance.renamed"
"""Kind of the audit event of an instance that got another name; ``before`` has the former one."""


class MovedInstance(NamedTuple):
    """An instance that went on; as it was before and is now, None for what is not there."""

    instance: Instance
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def changed(self) -> bool:
        """Did anything change?"""
        return self.before != self.after


def show_instance(item: Instance, pool: str, now: int) -> dict[str, Any]:
    """An instance as modules and HTTP return it."""
    del now
    return {
        "name": item.name,
        "id": item.id,
        "workload": item.workload,
        "status": item.status,
        "reason": item.reason,
        "source": item.source,
        "cidr": format_block(item.block),
        "address": format_address(item.block.family, _own_address(item.block)),
        "prefix_length": item.block.prefix_length,
        "family": f"ipv{item.block.family}",
        "pool": pool,
        "reservation_id": item.reservation_id,
        "node": item.node,
        "interface": item.interface,
        "next_hop": item.next_hop,
        "assign": item.assign,
        "mac": item.mac,
        "gateway": item.gateway,
        "netns": item.netns,
        "instance_interface": item.instance_interface,
        "leaving": item.leaving,
        "location": item.location,
        "security_profile": item.security_profile,
        "revision": item.revision,
        "created_at": format_time(item.created_at),
    }


def _own_address(block: Block) -> int:
    """The instance's own address: of a prefix of several, the first that a host can have (RFC 3021, RFC 4291 2.6.1)."""
    return block.start if FAMILY_BITS[block.family] - block.prefix_length < 2 else block.start + 1


def shown(transaction: Transaction, item: Instance) -> dict[str, Any]:
    """``show_instance`` inside a transaction."""
    return show_instance(item, transaction.pool_of(item.pool_id).name, transaction.now)


def delete(transaction: Transaction, name: str) -> MovedInstance | None:
    """Deletes an instance: its node must give up the route first, where it has one. None if there is none.

    Raises:
        LedgerHeld: the ledger was restored and not yet reconciled; the instance may be another one by now.
    """
    refuse_held(transaction)
    item = transaction.instance_named(name)
    if item is None:
        return None
    before = shown(transaction, item)
    if not item.wanted:
        return MovedInstance(item, before, before)
    item.wanted = False
    if not item.routed and item.leaving is None:
        return _retire(transaction, item, before, "instance.deleted")
    item.status, item.reason = RELEASING, None
    if item.routed:
        item.revision = transaction.next_revision(str(item.node))
    return _changed(transaction, item, before, "instance.deleted")


def settle_instances(transaction: Transaction, node: str, revision: int, ok: bool, message: str) -> list[MovedInstance]:
    """Takes note of how the push of ``revision`` to ``node`` ended for the instances on it.

    Bad: they stay what they are, ``pending`` or ``releasing``, with the node's words; the next push tries again. Those
    that a node refused one by one (``set_aside``) are not concerned.
    """
    moved = [
        _left(transaction, item) if ok else _noted(transaction, item, message)
        for item in transaction.instances("leaving = ? AND leaving_revision <= ?", (node, revision))
    ]
    items = transaction.instances(
        "node = ? AND revision <= ? AND status <> ? AND leaving IS NULL", (node, revision, ACTIVE)
    )
    known = {one.instance.id for one in moved}
    for item in items:
        if item.id in known or not item.routed or (item.wanted and item.status == ERROR):
            continue
        moved.append(_settled(transaction, item) if ok else _noted(transaction, item, message))
    return [one for one in moved if one.changed]


def set_aside(transaction: Transaction, node: str, prefixes: Sequence[str], reason: str) -> list[MovedInstance]:
    """Takes instances out of a node's configuration, because it refused their routes: one bad interface must not keep
    all the others waiting. They come back when they are created again, or by ``retry``.

    Args:
        prefixes: destinations of the routes that it refused. What is no instance's is left alone.
    """
    asked = set(prefixes)
    moved = []
    for item in transaction.instances("node = ? AND wanted = 1", (node,)):
        if item.carried and format_block(item.block) in asked:
            before = shown(transaction, item)
            item.status, item.reason = ERROR, reason
            item.revision = transaction.next_revision(node)
            moved.append(_changed(transaction, item, before, "instance.failed"))
    return moved


def retry(transaction: Transaction, node: str) -> list[MovedInstance]:
    """Takes instances that a node refused (``set_aside``) back into its configuration: what was wrong, a link that was
    down or an interface that was missing, may be mended. The next push finds out, and sets aside what is not.

    Raises:
        LedgerHeld: the ledger was restored, and not yet reconciled.
    """
    refuse_held(transaction)
    moved = []
    for item in transaction.instances("node = ? AND wanted = 1 AND status = ?", (node, ERROR)):
        if item.routed:
            before = shown(transaction, item)
            item.status = PENDING
            item.revision = transaction.next_revision(node)
            moved.append(_changed(transaction, item, before, "instance.retried"))
    return moved


def _settled(transaction: Transaction, item: Instance) -> MovedInstance:
    before = shown(transaction, item)
    if not item.wanted:
        return _retire(transaction, item, before, "instance.removed")
    item.status, item.reason = ACTIVE, None
    return _changed(transaction, item, before, "instance.activated")


def _noted(transaction: Transaction, item: Instance, message: str) -> MovedInstance:
    before = shown(transaction, item)
    item.reason = message
    return _changed(transaction, item, before, "instance.delayed")


def _left(transaction: Transaction, item: Instance) -> MovedInstance:
    """The node that an instance moved away from has given it up: its new one may take it."""
    before = shown(transaction, item)
    item.leaving, item.leaving_revision, item.reason = None, 0, None
    if item.routed:
        item.revision = transaction.next_revision(str(item.node))
    elif not item.wanted:
        return _retire(transaction, item, before, "instance.removed")
    else:
        item.status = ACTIVE
    return _changed(transaction, item, before, "instance.left")


def _changed(transaction: Transaction, item: Instance, before: dict[str, Any], kind: str) -> MovedInstance:
    after = shown(transaction, item)
    if after == before:
        return MovedInstance(item, before, before)
    item.updated_at = transaction.now
    transaction.save_instance(item)
    transaction.event(kind, "instance", item.name, to_json(before), to_json(after))
    return MovedInstance(item, before, after)


def _retire(transaction: Transaction, item: Instance, before: dict[str, Any], kind: str) -> MovedInstance:
    """The instance is gone: its prefix rests, then goes back to its reservation, or is free."""
    pool = transaction.pool_of(item.pool_id)
    transaction.delete_instance(item)
    mapped = kept(transaction, pool.id, item.block)
    if pool.quarantine:
        until = transaction.now + pool.quarantine * 1000
        transaction.rest(pool, item.block, "instance", item.name, until)
        if mapped is not None:
            transaction.change_reserved(mapped, RESTING)
    elif mapped is not None:
        transaction.hand_over(pool, item.block, "reservation", mapped.reservation_id)
        transaction.change_reserved(mapped, RESERVED)
    else:
        give_back(transaction, pool, item.block)
    transaction.event(kind, "instance", item.name, to_json(before), None)
    return MovedInstance(item, before, None)
