# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes that a push keeps while it changes what they rest on.

The kernel looks at a next hop when a route is added and never again. It drops routes with the last address of their
interface, or when that goes down, and leaves others pointing at what is gone. So a push that touches interfaces,
addresses or routes to interfaces adds each next hop once more: EEXIST says that the kernel would take it today.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import Any

from ...model.node_config import NodeConfig, Route
from ..change import Change
from ..diff import route_key, route_plain
from ..route_order import may_bear
from . import links, routes, snapshot
from .undo import Undo
from .wire import KernelRefused, Wire


class Standing:
    """The routes of ours that stay as they are."""

    def __init__(self, wire: Wire, changes: Sequence[Change], wanted: NodeConfig | None) -> None:
        """
        Args:
            wire: a route socket.
            changes: all changes of the push.
            wanted: what the push leads to; None leaves standing routes alone.
        """
        self._wire = wire
        self._moved = any(change.kind in ("interface", "address") for change in changes)
        self.change: Change | None = None
        """The route that is being looked at, for whoever reports a refusal."""
        self._routes: list[Route] = []
        self._new: list[Route] = []
        self._lost: list[routes.Request] = []
        if wanted is not None and may_bear(changes):
            changed = {(one.subject["prefix"], one.subject.get("metric")) for one in changes if one.kind == "route"}
            for route in wanted.routes:
                (self._new if (route.prefix, route.metric) in changed else self._routes).append(route)

    def bring_back_devices(self, index: Callable[[str], int], undo: Undo) -> None:
        """Adds routes again that need no gateway and that the kernel dropped on the way.

        Raises:
            KernelRefused: one cannot come back; ``change`` names it.
        """
        plain = [route for route in self._routes if route.next_hop is None]
        if self._moved and plain:
            there = self._there()
            self._add([one for one in plain if (one.prefix, one.metric) not in there], routes.Encoder(index), undo)

    def check_gateways(self, index: Callable[[str], int], undo: Undo, again: bool = False) -> None:
        """Has the kernel look at the next hops of standing routes, adds those that it dropped, and moves those whose
        gateway is behind another interface now.

        Args:
            index: gives the number of an interface by its name; may raise.
            undo: learns the way back.
            again: the routes that the push added may be gone already too.

        Raises:
            KernelRefused: it would not take one of them today; ``change`` names it.
        """
        kept = [*self._routes, *self._new] if again else self._routes
        kept = [route for route in kept if route.next_hop is not None or again]
        if not kept:
            return
        there = self._there()
        encoder = routes.Encoder(index)
        self._add([one for one in kept if (one.prefix, one.metric) not in there], encoder, undo)
        groups: dict[tuple[str, str | None], list[Route]] = {}
        for route in kept:
            if route.next_hop is not None and (route.prefix, route.metric) in there:
                groups.setdefault((route.next_hop, route.interface), []).append(route)
        # What the kernel says of one next hop holds for all routes that have it.
        self._add([some[0] for some in groups.values()], encoder, undo, standing=True)
        for (next_hop, interface), some in groups.items():
            if interface is None:
                self._follow(self._behind(next_hop), some, there, encoder, undo)

    def bring_back_moved(self) -> None:
        """The last step of the way back: puts the moved routes where they were, once everything below is back.

        Raises:
            KernelRefused: one cannot come back.
        """
        refused, _sent = self._wire.batch(self._lost, keep_going=True)
        for one in refused:
            if one.code != errno.EEXIST:
                raise one

    def _there(self) -> dict[tuple[str, int | None], Route]:
        names = {number: link.name for number, link in links.read(self._wire).items()}
        return {(route.prefix, route.metric): route for route in routes.read(self._wire, names)}

    def _add(self, some: Sequence[Route], encoder: routes.Encoder, undo: Undo, standing: bool = False) -> None:
        requests: list[routes.Request] = []
        for route in some:
            self.change = _keeping(route)
            requests.append(encoder.adding(route_plain(route)))
        if not requests:
            return
        refused, _sent = self._wire.batch(requests, keep_going=True)
        missed = {one.index for one in refused}
        added = [route for number, route in enumerate(some) if number not in missed]
        if added:
            undo.add(lambda: self._delete(added, encoder))
        for one in refused:
            if not (standing and one.code == errno.EEXIST):
                self.change = _keeping(some[one.index])
                raise one

    def _delete(self, some: Sequence[Route], encoder: routes.Encoder) -> None:
        refused, _sent = self._wire.batch([encoder.deleting(route_plain(one)) for one in some], keep_going=True)
        for one in refused:
            if not snapshot.gone(one):
                raise one

    def _behind(self, next_hop: str) -> str | None:
        """The name of the interface that the kernel would send through to reach an address; None if it knows none."""
        try:
            number = routes.interface_to(self._wire, next_hop)
        except KernelRefused:
            return None
        link = links.find(self._wire, index=number) if number else None
        return link.name if link is not None else None

    def _follow(
        self,
        interface: str | None,
        some: Sequence[Route],
        there: dict[tuple[str, int | None], Route],
        encoder: routes.Encoder,
        undo: Undo,
    ) -> None:
        """Moves routes to the interface that their gateway is behind.

        By removing exactly the old one: to replace one could hit somebody else's of the same prefix and metric.
        """
        old = [there[one.prefix, one.metric] for one in some]
        pairs = [(one, new) for one, new in zip(old, some, strict=True) if one.interface != interface]
        if interface is None or not pairs:
            return
        requests: list[routes.Request] = []
        for one, new in pairs:
            requests += (encoder.deleting(route_plain(one)), encoder.adding(route_plain(new)))
        self._lost += (encoder.adding(route_plain(one)) for one, _new in pairs)
        undo.add(lambda: self._delete([new for _one, new in pairs], encoder))
        refused, _sent = self._wire.batch(requests, keep_going=True)
        for one_refused in refused:
            if one_refused.index % 2 or not snapshot.gone(one_refused):
                self.change = _keeping(pairs[one_refused.index // 2][1])
                raise one_refused


def _keeping(route: Route) -> Change:
    plain: dict[str, Any] = route_plain(route)
    return Change("add", "route", route_key(route), after=plain)
