# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses set from outside: in an instance's network namespace, or on an interface of this host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..frontend.change import Change
from ..frontend.netlink.transport import NetlinkTransport
from ..frontend.transport import Transport
from ..model.errors import InvalidInput, NamespaceGone, NodeError
from ..model.node_config import Route

_TRIES = 5
_EVERYTHING = {"ipv4": "0.0.0.0/0", "ipv6": "::/0"}


class NetlinkAssigner:
    """``netlink``: sets the address, and where a gateway is named, the route to it and the default route through it.

    The instance's ``netns`` is a name or path. Without one its ``instance_interface`` is one of this host; that must
    not be the front-end node itself, whose next push would take the address away as one that the ledger does not want
    there. What is set is ours by the kernel's protocol number; nothing else of the namespace is touched.
    """

    many_threads = True

    def give(self, instance: Mapping[str, Any]) -> None:
        """See ``Assigner.give``.

        Raises:
            InvalidInput: the instance names no ``instance_interface``.
            NodeError: there is no such namespace or interface, or its kernel refused.
        """
        address, routes = _wanted(instance)
        self._apply(instance, address, routes, present=True)

    def take(self, instance: Mapping[str, Any]) -> None:
        """See ``Assigner.take``: with its namespace or its interface, the address is gone.

        Raises:
            NodeError: the namespace is there, or may be, and cannot be entered; or its kernel refused.
        """
        address, routes = _wanted(instance)
        try:
            self._apply(instance, address, routes, present=False)
        except NamespaceGone:
            return

    def close(self) -> None:
        """Keeps nothing open: instances come and go, and sockets would keep their namespaces alive."""

    def _apply(self, instance: Mapping[str, Any], address: str, routes: list[Route], *, present: bool) -> None:
        transport = NetlinkTransport(instance["netns"], netfilter=False)
        try:
            for left in reversed(range(_TRIES)):
                try:
                    _bring(transport, instance["instance_interface"], address, routes, present)
                    return
                except NodeError as refused:
                    # Another process may have given or taken the same between our look and our change.
                    if left == 0 or refused.parameter is not None:
                        raise
        finally:
            transport.close()


def _wanted(instance: Mapping[str, Any]) -> tuple[str, list[Route]]:
    interface = instance["instance_interface"]
    if interface is None:
        raise InvalidInput("is required with assign=netlink.", parameter="instance_interface")
    routes = []
    length = 128 if instance["family"] == "ipv6" else 32
    gateway = instance["gateway"]
    if gateway is not None:
        routes = [
            Route(f"{gateway}/{length}", interface=interface),
            Route(_EVERYTHING[instance["family"]], next_hop=gateway, interface=interface),
        ]
    # The prefix is routed to the instance, so that its own address is a host's, whatever else the prefix has.
    return f"{instance['address']}/{length}", routes


def _bring(transport: Transport, interface: str, address: str, routes: list[Route], present: bool) -> None:
    current = transport.read()
    changes = []
    there = {one for item in current.config.interfaces if item.name == interface for one in item.addresses}
    if (address in there) != present:
        subject = {"interface": interface, "address": address}
        changes.append(_change(present, "address", f"{interface} {address}", subject))
    if not present and any(one != address and (":" in one) == (":" in address) for one in there):
        # Another instance has its address there, and needs the way out.
        routes = []
    standing = set(current.config.routes)
    for route in routes:
        if (route in standing) != present:
            # One interface has one way out: that of whoever was given his address last.
            others = [one for one in standing if (one.prefix, one.interface) == (route.prefix, interface)]
            changes += [_change(False, "route", one.prefix, _subject(one)) for one in others if present]
            changes.append(_change(present, "route", route.prefix, _subject(route)))
    if not changes:
        return
    known = {item.name for item in current.config.interfaces} | current.foreign.interfaces
    if present and interface not in known:
        raise NodeError(f"There is no interface {interface} to set {address} on.", parameter="instance_interface")
    # Routes need the address first, and go before it.
    transport.apply(changes if present else changes[::-1]).confirm()


def _subject(route: Route) -> dict[str, Any]:
    subject = {"type": route.type, "prefix": route.prefix, "interface": route.interface or ""}
    if route.next_hop is not None:
        subject["next_hop"] = route.next_hop
    return subject


def _change(present: bool, kind: str, key: str, subject: dict[str, Any]) -> Change:
    return Change("add", kind, key, after=subject) if present else Change("remove", kind, key, before=subject)
