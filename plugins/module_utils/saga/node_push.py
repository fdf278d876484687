# SPDX-License-Identifier: GPL-3.0-or-later
"""One node's part of the saga, in one process: what the ledger wants, onto the node, and back how it went.

The order makes every crash harmless: what is to come stands in the ledger (``pending``, ``releasing``) before the
node is touched, and is settled only after the node was read back. Whoever pushes to the node next finishes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from ..frontend.push import PushResult, push
from ..frontend.transport import Mark, Transport
from ..ipam.desired import Wanted, wanted_config
from ..ipam.hold import refuse_held
from ..ipam.instance_lifecycle import MovedInstance
from ..ipam.lifecycle import Moved, expire, node_result
from ..ledger.transaction import Transaction
from ..model.errors import ShadownetError


class Book(Protocol):
    """What is needed of a ``Ledger``."""

    def transaction(self, actor: str = "unknown", *, check: bool = False) -> AbstractContextManager[Transaction]:
        """See ``Ledger.transaction``."""

    def snapshot(self) -> AbstractContextManager[Transaction]:
        """See ``Ledger.snapshot``."""


class NodePush(NamedTuple):
    """``revision`` that was pushed, what it changed on the node, and what moved on in the ledger.

    With ``result.superseded`` a newer push has overtaken this one; whoever made that settles the ledger.
    """

    revision: int
    result: PushResult
    moved: list[Moved]
    instances: list[MovedInstance]


def push_node(
    ledger: Book,
    node: str,
    transport: Transport,
    *,
    attachment: Mapping[str, Any] | None = None,
    actor: str = "saga",
    check: bool = False,
) -> NodePush:
    """Brings a node to what the ledger wants; repairs whatever of ours differs there. Nothing of others is touched.

    An instance whose route the node refuses, for example because its interface is gone, gets status ``error`` with
    the node's words, and the push goes on without it.

    Args:
        attachment: how subnets are attached at the node, see ``ipam.desired.desired_config``.
        check: only find out what would change.

    Raises:
        ShadownetError: the node refused, or could not be reached; the ledger says so (status ``error`` of subnets).
    """
    aside: list[MovedInstance] = []
    while True:
        wanted = _wanted(ledger, node, attachment, actor, check)
        mark = Mark(wanted.ledger_id, wanted.node.revision)
        try:
            result = push(transport, wanted.config, "overridden", check, mark=mark)
            break
        except ShadownetError as error:
            if not wanted.node.revision or check:
                raise
            with ledger.transaction(actor) as transaction:
                answer = node_result(transaction, node, mark.revision, False, str(error), error.routes)
            if not any(one.after and one.after["status"] == "error" for one in answer.instances):
                raise
            aside += answer.instances
    if not wanted.node.revision or result.superseded:
        return NodePush(mark.revision, result, [], aside)
    with ledger.transaction(actor, check=check) as transaction:
        settled = node_result(transaction, node, mark.revision, True)
    return NodePush(mark.revision, result, settled.moved, aside + settled.instances)


def _wanted(ledger: Book, node: str, attachment: Mapping[str, Any] | None, actor: str, check: bool) -> Wanted:
    """What the node shall carry. To read it takes long where much is reserved, so nobody is kept from writing then."""
    with ledger.transaction(actor, check=check) as transaction:
        refuse_held(transaction)
        expire(transaction)
        if check:
            return wanted_config(transaction, node, attachment)
    with ledger.snapshot() as transaction:
        return wanted_config(transaction, node, attachment)
