# SPDX-License-Identifier: GPL-3.0-or-later
"""A link with everything that hangs on it, so that it can come back exactly as it was."""

from __future__ import annotations

import errno
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


def take(wire: Wire, link: Link, everything: dict[int, Link] | None = None) -> Snapshot:
    """What ``restore`` needs. ``everything``: all links, where ports and peers matter because the link may go.

    Raises:
        KernelRefused: the link vanished.
    """
    peer = None
    if everything is not None and link.kind == "veth" and not link.elsewhere and link.link in everything:
        peer = take(wire, everything[link.link])
    limit = shaping.read(wire).get(link.index)
    return Snapshot(
        link,
        addresses.read(wire, link.index),
        routes.dump_through(wire, link.index),
        limit.rate if limit else None,
        tuple(one.index for one in (everything or {}).values() if one.master == link.index),
        peer,
    )


def restore(wire: Wire, old: Snapshot, attributes: dict[str, object], names: dict[int, str]) -> None:
    """Puts a link back: makes it again where it is gone, then sets what differs and adds what is missing.

    Args:
        wire: a route socket.
        old: the link as it was.
        attributes: the same in the words of the model.
        names: names of all links of that time by number.

    Raises:
        KernelRefused: it cannot be put back.
    """
    numbers = {name: index for index, name in names.items()}
    if links.find(wire, index=old.link.index) is None:
        if old.link.kind == "veth" and old.peer is None:
            raise KernelRefused(errno.ENODEV, "the other end was in another network namespace")
        wire.talk(*links.making(attributes, numbers.__getitem__, old.link, old.peer.link if old.peer else None))
    for one in (old, old.peer):
        if one is not None:
            _attributes(wire, one)
    for port in old.ports:
        found = links.find(wire, index=port)
        if found is not None and found.master != old.link.index:
            wire.talk(*links.changing(port, master=old.link.index))
    for one in (old, old.peer):
        if one is not None:
            hanging(wire, one.addresses, one.routes)
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
