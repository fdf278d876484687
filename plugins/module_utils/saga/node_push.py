# SPDX-License-Identifier: GPL-3.0-or-later
"""One node's part of the saga, in one process: what the ledger wants, onto the node, and back how it went.

The order makes every crash harmless: what is to come stands in the ledger (``pending``, ``releasing``) before the
node is touched, and is settled only after the node was read back. Whoever pushes to the node next finishes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..frontend.push import PushResult, push
from ..frontend.transport import Mark, Transport
from ..ipam.desired import desired_config
from ..ipam.lifecycle import Moved, node_result
from ..ledger.ledger import Ledger
from ..model.errors import ShadownetError


class NodePush(NamedTuple):
    """``revision`` that was pushed, what it changed on the node, and the subnets that moved on in the ledger.

    With ``result.superseded`` a newer push has overtaken this one; whoever made that settles the ledger.
    """

    revision: int
    result: PushResult
    moved: list[Moved]


def push_node(
    ledger: Ledger,
    node: str,
    transport: Transport,
    *,
    attachment: Mapping[str, Any] | None = None,
    actor: str = "saga",
    check: bool = False,
) -> NodePush:
    """Brings a node to what the ledger wants; repairs whatever of ours differs there. Nothing of others is touched.

    Args:
        attachment: how subnets are attached at the node, see ``ipam.desired.desired_config``.
        check: only find out what would change.

    Raises:
        ShadownetError: the node refused, or could not be reached; the ledger says so (status ``error``).
    """
    with ledger.transaction(actor, check=check) as transaction:
        desired = desired_config(transaction, node, attachment)
    try:
        result = push(
            transport, desired.config, "overridden", check, mark=Mark(desired.ledger_id, desired.node.revision)
        )
    except ShadownetError as error:
        if desired.node.revision and not check:
            with ledger.transaction(actor) as transaction:
                node_result(transaction, node, desired.node.revision, False, str(error))
        raise
    moved: list[Moved] = []
    if desired.node.revision and not result.superseded:
        with ledger.transaction(actor, check=check) as transaction:
            moved = node_result(transaction, node, desired.node.revision, True).moved
    return NodePush(desired.node.revision, result, moved)
