# SPDX-License-Identifier: GPL-3.0-or-later
"""One push: read the node, decide, apply all or nothing, read back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from ..model.errors import Conflict, InvalidInput, NodeError, NotFound
from ..model.node_config import NodeConfig, Route
from .change import Change
from .check import check
from .diff import transition
from .drift import from_changes
from .foreseen import foreseen
from .route_order import may_bear
from .target import target
from .transport import AGENT, Foreign, Mark, Overtaken, Transport


@dataclass(frozen=True, slots=True)
class PushResult:
    """What a push did, or would do in check mode.

    Attributes:
        before, after: what is ours on the node, before and after.
        changes: what was done, in order.
        changed: whether anything was.
        foreign: what is not ours and could be in the way.
        mark: whose revision the node carries now, None where none is known.
        superseded: the node carries a newer revision, so that nothing was done, or nothing of it is left.
    """

    before: NodeConfig
    after: NodeConfig
    changes: tuple[Change, ...] = ()
    changed: bool = False
    foreign: Foreign = field(default_factory=Foreign)
    mark: Mark | None = None
    superseded: bool = False

    @property
    def drift(self) -> list[dict[str, Any]]:
        """How the node differed from what the push leads to, as ``drift.classify`` has it."""
        return from_changes(self.changes, self.foreign)


def push(
    transport: Transport,
    desired: NodeConfig,
    state: str = "merged",
    check_mode: bool = False,
    parameter: str = "config",
    mark: Mark | None = None,
    takeover: bool = False,
) -> PushResult:
    """Makes the node carry ``desired`` in the sense of ``state``; a second push changes nothing.

    Pushes to one node take turns. With a ``mark``, a push that is older than what the node carries changes nothing,
    because a newer one has overtaken it; and one of another ledger is refused. A node that its NETCONF agent
    configures refuses every push but the agent's.

    Args:
        transport: the way to the node.
        desired: what is asked, as ``NodeConfig.from_dict`` gives it.
        state: ``merged``, ``replaced``, ``overridden`` or ``deleted``, see ``target.target``.
        check_mode: decide and check, but change nothing.
        parameter: what the caller calls ``desired``, for error messages.
        mark: which ledger's revision this is; the node keeps it.
        takeover: whatever mark the node has, this push is the one that counts.

    Raises:
        InvalidInput, NotFound, Conflict: found before anything was changed.
        NodeError: the node refused a change, or reads back differently; it is as it was before.
        RollbackFailed: and the way back failed too.
        Overtaken: somebody else changed the node while the connection to it was lost; it was left alone.
    """
    desired = _prepare(transport, desired, parameter)
    try:
        return _push(transport, desired, state, check_mode, parameter, mark, takeover)
    except Overtaken as overtaken:
        there = overtaken.current.mark
        if mark is None or there is None or takeover:
            raise
        if there.ledger_id != mark.ledger_id or there.revision < mark.revision:
            raise
        # A push of the same ledger, and no older one: to this one, it is as if that had been first.
        return _push(transport, desired, state, check_mode, parameter, mark, takeover)


def _push(
    transport: Transport,
    desired: NodeConfig,
    state: str,
    check_mode: bool,
    parameter: str,
    mark: Mark | None,
    takeover: bool,
) -> PushResult:
    with nullcontext() if check_mode else transport.hold(mark, takeover):
        current = transport.read()
        if current.mark is not None and not takeover:
            _check_owner(current.mark, mark)
            if mark is not None and current.mark.revision > mark.revision:
                return PushResult(
                    current.config, current.config, foreign=current.foreign, mark=current.mark, superseded=True
                )
        wanted = target(current.config, desired, state)
        changes = transition(current.config, wanted)
        try:
            check(current, desired if state != "deleted" else NodeConfig(), wanted, parameter)
        except (Conflict, NotFound) as found:
            found.drift = from_changes(changes, current.foreign)
            raise
        if check_mode:
            after = foreseen(current.config, wanted) if changes else current.config
            return PushResult(current.config, after, tuple(changes), bool(changes), current.foreign, current.mark)
        # Kept before the changes or with them, so that whatever happens an older push cannot undo them.
        kept = mark is not None and mark != current.mark and transport.keep_mark(mark, coming=bool(changes))
        try:
            bound = _free(wanted, desired, changes)
            after = _apply(transport, changes, current.config, bound, mark is not None) if changes else current.config
        except Overtaken:
            raise
        except BaseException:
            if kept:
                transport.keep_mark(current.mark)
            raise
        if after == NodeConfig() and (mark is not None or current.mark is not None):
            transport.keep_mark(None)
        return PushResult(current.config, after, tuple(changes), bool(changes), current.foreign, mark or current.mark)


def _prepare(transport: Transport, desired: NodeConfig, parameter: str) -> NodeConfig:
    """``desired`` in the terms of the node. An error about a route names all the routes that have the same fault."""
    try:
        return transport.prepare(desired, parameter)
    except (InvalidInput, Conflict) as found:
        if not found.routes and (found.parameter or "").startswith(f"{parameter}.routes["):
            found.routes = tuple(
                route.prefix for route in desired.routes if _fault(transport, route, parameter) == found.message
            )
        raise


def _fault(transport: Transport, route: Route, parameter: str) -> str | None:
    """What is wrong with one route by itself."""
    try:
        transport.prepare(NodeConfig(routes=(route,)), parameter)
    except (InvalidInput, Conflict) as found:
        return found.message
    return None


def _check_owner(there: Mark, mark: Mark | None) -> None:
    if there == AGENT and mark != AGENT:
        raise Conflict(
            "the node is configured by its NETCONF agent, shadownet-node.",
            parameter="transport",
            fix="Push over NETCONF; or stop the agent for good and push with takeover.",
        )
    if mark is not None and there.ledger_id != mark.ledger_id:
        raise Conflict(
            f"the node is configured from another ledger ({there.ledger_id}, this one is {mark.ledger_id}).",
            parameter="ledger_id",
            fix="Check which ledger is used. If it was replaced on purpose, push with takeover "
            "(shadownet.ipam.reconcile with shadownet_adopt=true).",
        )


def _free(wanted: NodeConfig, desired: NodeConfig, changes: Sequence[Change]) -> NodeConfig:
    """``wanted`` with gateways free to be behind another interface than now, where nobody asked for that one."""
    if wanted.routes is desired.routes or not may_bear(changes):
        return wanted
    asked = {route for route in desired.routes if route.next_hop is not None}

    def settled(route: Route) -> Route:
        if route.interface is None or route.next_hop is None or route in asked or route.next_hop.startswith("fe80:"):
            return route
        return replace(route, interface=None)

    return replace(wanted, routes=tuple(settled(route) for route in wanted.routes))


def _apply(
    transport: Transport, changes: Sequence[Change], before: NodeConfig, wanted: NodeConfig, managed: bool
) -> NodeConfig:
    """Applies changes and reads back; what the node carries then.

    Args:
        managed: the node is a ledger's. Where the transport has ``quick_route``, active route managers then add and
            remove single routes beside this push, each of which owes the node a later push, so that routes which
            differ by now are nothing that went wrong.
    """
    applied = transport.apply(changes, wanted)
    try:
        after = transport.read().config
        left = transition(after, wanted)
        if managed and hasattr(transport, "quick_route"):
            left = [one for one in left if one.kind != "route"]
    except BaseException:
        applied.undo()
        raise
    if left:
        applied.undo()
        first = left[0]
        shown = "reads back differently" if transition(after, before) else "its running does not show any"
        raise NodeError(
            f"The node answered that it took every change, yet {shown}: {first.kind} {first.key}.",
            node_said=f"{len(left)} objects differ after the push",
            change=first.to_dict(),
            fix="Something else may be changing this node; try again.",
        )
    applied.confirm()
    return after
