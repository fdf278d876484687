# SPDX-License-Identifier: GPL-3.0-or-later
"""The netlink transport: the Linux kernel of this host, or of one of its network namespaces."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from ...model.errors import NodeError
from ...model.node_config import Interface, NodeConfig, Route
from ..change import Change
from ..transport import Current, Foreign, Mark
from . import access, addresses, links, marking, nft_table, quick, routes, shaping
from .apply import Run
from .links import Link
from .names import canonical
from .undo import Undo
from .wire import NETLINK_NETFILTER, NETLINK_ROUTE, KernelRefused, Wire, namespace_identity
from .words import words

HOLD_SECONDS = 60.0
"""How long a push waits for another one on the same node."""


class NetlinkTransport:
    """Implements ``Transport``. Not for use by several threads at once."""

    def __init__(self, netns: str | None = None, *, netfilter: bool = True) -> None:
        """
        Args:
            netns: name (under ``/run/netns``) or path of a network namespace of this host to serve instead of the
                caller's own. A short-lived thread enters it to open the sockets; the caller stays where it is.
            netfilter: False for hosts whose access lists are not ours to see. Closing a netfilter socket takes the
                kernel many milliseconds. Without them there is no mark either, and ``hold`` is not to be used.
        """
        self._netns = netns
        self._netfilter = netfilter
        self._route_wire: Wire | None = None
        self._nft_wire: Wire | None = None
        self._lock = marking.Lock(netns)
        self._opened_in: tuple[int, int] | None = None

    def prepare(self, desired: NodeConfig, parameter: str = "config") -> NodeConfig:
        """See ``Transport.prepare`` and ``names.canonical``."""
        return canonical(desired, parameter)

    def read(self) -> Current:
        """See ``Transport.read``."""
        try:
            return self._read()
        except (KernelRefused, OSError) as refused:
            raise NodeError("The node's configuration cannot be read.", node_said=str(refused)) from None

    def hold(self, mark: Mark | None = None, takeover: bool = False) -> AbstractContextManager[object]:
        """See ``Transport.hold`` and ``marking.Lock``."""
        return self._lock.hold(HOLD_SECONDS)

    def keep_mark(self, mark: Mark | None, coming: bool = False) -> bool:
        """See ``Transport.keep_mark``: at once."""
        try:
            return marking.keep(self._nft(), mark)
        except NodeError:
            return False

    def apply(self, changes: Sequence[Change], wanted: NodeConfig | None = None) -> Undo:
        """See ``Transport.apply``."""
        return Run(self._route(), self._nft, wanted).all(changes)

    def quick_route(self, route: Route, floors: Sequence[Route], present: bool) -> bool:
        """Adds or removes one route of ours at once; nothing is read, held or marked, so a ``push`` must follow.

        Args:
            route: in the kernel's terms (see ``names.canonical``).
            floors: blackholes that must lie beneath it, before it comes and when it has gone.

        Returns:
            False when another route of its prefix and metric may be in its place: then only a ``push`` can tell.

        Raises:
            NodeError: the kernel refused.
        """
        try:
            if present:
                return quick.add(self._route(), route, floors)
            quick.remove(self._route(), route, floors)
        except OSError as error:
            self.close()
            raise NodeError("The node's kernel does not answer.", node_said=str(error)) from None
        return True

    def stale(self) -> bool:
        """Whether open sockets lead to a network namespace that is not the one of that name any more."""
        return self._opened_in is not None and self._opened_in != namespace_identity(self._netns)

    def render(self, changes: Sequence[Change]) -> list[str]:
        """See ``Transport.render``."""
        return words(changes)

    def close(self) -> None:
        """See ``Transport.close``."""
        for wire in (self._route_wire, self._nft_wire):
            if wire is not None:
                wire.close()
        self._route_wire = self._nft_wire = None
        self._opened_in = None
        self._lock.close()

    def _route(self) -> Wire:
        if self._route_wire is None:
            identity = namespace_identity(self._netns)
            self._route_wire = _wire(NETLINK_ROUTE, self._netns)
            self._opened_in = identity
        return self._route_wire

    def _nft(self) -> Wire:
        if not self._netfilter:
            raise NodeError("Access lists are left alone here.")
        if self._nft_wire is None:
            try:
                self._nft_wire = _wire(NETLINK_NETFILTER, self._netns)
            except OSError as error:
                raise NodeError(
                    "This node's kernel has no netfilter netlink, which access lists need.", node_said=str(error)
                ) from None
        return self._nft_wire

    def _read(self) -> Current:
        wire = self._route()
        every = links.read(wire)
        names = {index: link.name for index, link in every.items()}
        limits = shaping.read(wire)
        ours: dict[int, list[str]] = {}
        foreign: dict[str, tuple[str, ...]] = {}
        for address in addresses.read(wire):
            if address.ours:
                ours.setdefault(address.index, []).append(address.text)
            elif not address.link_local and address.index in names:
                foreign[address.host] = (*foreign.get(address.host, ()), names[address.index])
        lists, attached = access.decode_table(self._table())
        interfaces = []
        for index, link in every.items():
            limit = limits.get(index)
            there = tuple(ours.get(index, ()))
            rate = limit.rate if limit is not None and link.ours else None
            interface = _interface(link, names, there, rate, attached)
            if interface is not None:
                interfaces.append(interface)
        interfaces += _orphans(attached, set(names.values()))
        config = NodeConfig(tuple(interfaces), tuple(routes.read(wire, names)), tuple(lists.values()))
        shaped = frozenset(names[index] for index, limit in limits.items() if limit.rate is None and index in names)
        others = frozenset(link.name for link in every.values() if not link.ours)
        mark = None if self._nft_wire is None else marking.read(self._nft_wire)
        return Current(config, Foreign(others, foreign, shaped), mark)

    def _table(self) -> nft_table.Table | None:
        try:
            wire = self._nft()
        except NodeError:
            if self._netns is not None and self._route_wire is None:
                raise
            return None
        return nft_table.read(wire)


def _wire(protocol: int, netns: str | None) -> Wire:
    return Wire(protocol, netns)


def _interface(
    link: Link, names: dict[int, str], there: tuple[str, ...], rate: int | None, attached: access.Attachments
) -> Interface | None:
    """What is ours of a link; None when nothing is."""
    ingress = attached.get((link.name, "ingress"), ())
    egress = attached.get((link.name, "egress"), ())
    if link.ours:
        return Interface(
            **links.attributes(link, names), addresses=there, rate_limit=rate, ingress=ingress, egress=egress
        )
    if there or ingress or egress:
        return Interface(link.name, addresses=there, ingress=ingress, egress=egress)
    return None


def _orphans(attached: access.Attachments, names: set[str]) -> list[Interface]:
    """Attachments to interfaces that the node no longer has."""
    return [
        Interface(name, ingress=attached.get((name, "ingress"), ()), egress=attached.get((name, "egress"), ()))
        for name in sorted({interface for interface, _direction in attached} - names)
    ]
