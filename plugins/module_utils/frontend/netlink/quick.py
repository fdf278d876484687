# SPDX-License-Identifier: GPL-3.0-or-later
"""One route at once, without reading the node: two or three messages in one send."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any

from ...model.errors import NodeError
from ...model.node_config import Route
from . import routes, snapshot
from .wire import KernelRefused, Wire


def add(wire: Wire, route: Route, floors: Sequence[Route]) -> bool:
    """Adds a route of ours, after the blackholes beneath it, most of which are there.

    Returns:
        False when another route of its prefix and metric is there already.

    Raises:
        NodeError: the kernel refused it. OSError: the socket failed.
    """
    plain = _plain(route)
    try:
        encoder = routes.Encoder(wire.index)
        requests = [*(encoder.adding(_plain(floor)) for floor in floors), encoder.adding(plain)]
        refused, _sent = wire.batch(requests)
    except KernelRefused as found:
        raise _refusal("add", route, plain, found) from None
    taken = False
    for one in refused:
        at_floor = one.index < len(floors)
        if one.code != errno.EEXIST:
            raise _refusal("add", floors[one.index] if at_floor else route, plain, one)
        taken = taken or not at_floor
    # A full push may have been faster: if this very route is there, it can be removed, and added again in one send.
    return not taken or not wire.batch([encoder.deleting(plain), requests[-1]], keep_going=True)[0]


def remove(wire: Wire, route: Route, floors: Sequence[Route]) -> None:
    """Removes exactly this route of ours, after it was made sure that the blackholes are beneath it.

    Raises:
        NodeError: the kernel refused it. OSError: the socket failed.
    """
    plain = _plain(route)
    encoder = routes.Encoder(wire.index)
    requests = [encoder.adding(_plain(floor)) for floor in floors]
    try:
        requests.append(encoder.deleting(plain))
    except KernelRefused as found:
        if not snapshot.gone(found):
            raise _refusal("remove", route, plain, found) from None  # with its interface, the route went too
    refused = wire.batch(requests)[0] if requests else []
    for one in refused:
        if one.index < len(floors) and one.code != errno.EEXIST:
            raise _refusal("add", floors[one.index], plain, one)
        if one.index >= len(floors) and not snapshot.gone(one):
            raise _refusal("remove", route, plain, one)


def _plain(route: Route) -> dict[str, Any]:
    return {
        "prefix": route.prefix,
        "type": route.type,
        "next_hop": route.next_hop,
        "interface": route.interface,
        "metric": route.metric,
    }


def _refusal(op: str, route: Route, plain: dict[str, Any], refused: KernelRefused) -> NodeError:
    subject = {key: value for key, value in plain.items() if value is not None}
    return NodeError(
        f"The node refused to {op} route {route.prefix}: {refused.words}.",
        node_said=refused.words,
        change={"op": op, "kind": "route", "key": route.prefix, "after" if op == "add" else "before": subject},
    )
