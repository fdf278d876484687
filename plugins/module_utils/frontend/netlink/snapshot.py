# SPDX-License-Identifier: GPL-3.0-or-later
"""A link with everything that hangs on it, so that it can come back exactly as it was."""

from __future__ import annotations

import errno
from collections.abc import Collection
from dataclasses import dataclass

from . import addresses, links, routes, shaping
from .links import Link
from .wire import KernelRefused, Wire

_GONE = (errno.ENODEV, errno.EADDRNOTAVAIL, errno.ESRCH, errno.ENOENT)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One link, its addresses, routes, rate limit and ports; of a veth pair in one namespace both ends."""

    link: Link
    addresses: list[addresses.Address]
    routes: list[bytes]
    rate: int | None
    ports: tuple[int, ...]
    peer: Snapshot | None = None


class Picture:
    """Links of one moment with what hangs on them. Taken once for all links that go, or each would cost all others."""

    def __init__(self, wire: Wire, names: Collection[str]) -> None:
        """
        Args:
            wire: a route socket.
            names: the links that may go.

        Raises:
            KernelRefused: a link vanished.
        """
        self.links = links.read(wire)
        self.names = {index: one.name for index, one in self.links.items()}
        some = {index for index, one in self.links.items() if one.name in names}
        some |= {peer.index for index in some if (peer := self._peer(self.links[index])) is not None}
        self._limits = shaping.read(wire) if some else {}
        self._addresses: dict[int, list[addresses.Address]] = {}
        for address in addresses.read(wire, next(iter(some)) if len(some) == 1 else 0):
            self._addresses.setdefault(address.index, []).append(address)
        self._routes = routes.dump_through(wire, some)
        self._ports: dict[int, list[int]] = {}
        for one in self.links.values():
            self._ports.setdefault(one.master, []).append(one.index)

    def _peer(self, link: Link) -> Link | None:
        return self.links.get(link.link) if link.kind == "veth" and not link.elsewhere else None

    def take(self, link: Link) -> Snapshot:
        """What ``restore`` needs to put one of the links back."""
        peer = self._peer(link)
        return self._take(link, None if peer is None else self._take(peer, None))

    def _take(self, link: Link, peer: Snapshot | None) -> Snapshot:
        limit = self._limits.get(link.index)
        return Snapshot(
            link,
            self._addresses.get(link.index, []),
            self._routes.get(link.index, []),
            limit.rate if limit else None,
            tuple(self._ports.get(link.index, ())),
            peer,
        )

    def restore_routes(self, wire: Wire) -> None:
        """Adds routes again that are missing, once all links are back: a route may need several.

        Raises:
            KernelRefused: one cannot come back.
        """
        every = dict.fromkeys(body for some in self._routes.values() for body in some)
        hanging(wire, [], routes.gateways_last(every))


def restore(wire: Wire, old: Snapshot, names: dict[int, str]) -> None:
    """Puts a link back: makes it again where it is gone, then sets what differs and adds what is missing but routes.

    Args:
        wire: a route socket.
        old: the link as it was.
        names: names of all links of that time by number.

    Raises:
        KernelRefused: it cannot be put back.
    """
    if links.find(wire, index=old.link.index) is None:
        if old.link.kind == "veth" and old.peer is None:
            raise KernelRefused(errno.ENODEV, "the other end was in another network namespace")
        numbers = {name: index for index, name in names.items()}
        words = links.attributes(old.link, names)
        wire.talk(*links.making(words, numbers.__getitem__, old.link, old.peer.link if old.peer else None))
    for one in (old, old.peer):
        if one is not None:
            _attributes(wire, one)
    for port in old.ports:
        found = links.find(wire, index=port)
        if found is not None and found.master != old.link.index:
            wire.talk(*links.changing(port, master=old.link.index))
    for one in (old, old.peer):
        if one is not None:
            hanging(wire, one.addresses, [])
            _rate(wire, one)


def _attributes(wire: Wire, old: Snapshot) -> None:
    now = links.find(wire, index=old.link.index)
    if now is None:
        raise KernelRefused(errno.ENODEV)
    if now.mac != old.link.mac and any(old.link.mac):
        wire.talk(*links.changing(now.index, mac=old.link.mac))
    wire.talk(
        *links.changing(
            now.index,
            mtu=old.link.mtu if now.mtu != old.link.mtu else None,
            alias=old.link.alias if now.alias != old.link.alias else None,
            master=old.link.master if now.master != old.link.master else None,
            up=old.link.up if now.up != old.link.up else None,
            grown=now.newborn,
        )
    )


def _rate(wire: Wire, old: Snapshot) -> None:
    limit = shaping.read(wire).get(old.link.index)
    now = limit.rate if limit else None
    if now == old.rate:
        return
    wire.talk(*(shaping.lifting(old.link.index) if old.rate is None else shaping.setting(old.link.index, old.rate)))


def hanging(wire: Wire, wanted: list[addresses.Address], through: list[bytes], forgiving: bool = False) -> None:
    """Adds addresses and routes again that are missing; ``forgiving`` leaves out routes that the kernel refuses.

    Raises:
        KernelRefused: one cannot come back.
    """
    for address in wanted:
        if not address.link_local:
            _again(wire, addresses.replay(address.body), forgiving=False)
    for request in routes.replay(through):
        _again(wire, request, forgiving)


def _again(wire: Wire, request: routes.Request, forgiving: bool) -> None:
    try:
        wire.talk(*request)
    except KernelRefused as refused:
        if refused.code != errno.EEXIST and not forgiving:
            raise


def gone(refused: KernelRefused) -> bool:
    """Whether a removal was refused because there is nothing left to remove."""
    return refused.code in _GONE
