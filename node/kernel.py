# SPDX-License-Identifier: GPL-3.0-or-later
"""The Linux kernel as the engine knows it (``contract.Kernel``): what is asked goes to the applier, what is shown is
read here, without any right."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import libyang

from ..plugins.module_utils.frontend.netlink.wire import NETLINK_ROUTE, Wire
from ..plugins.module_utils.frontend.netlink.wire import KernelRefused as NetlinkRefused
from ..plugins.module_utils.model.node_config import Interface, NodeConfig
from . import frames, paths
from .access_mapping import CLOSING_NAMES, DEFAULT_ENTRY
from .contract import Applied, KernelRefused, Part, Refusal
from .links_state import InterfacesState, LinkState, read_links
from .mapping import Mapped, check_values, read_json, read_tree
from .refusals import NOT_SUPPORTED, Refusals
from .routes_state import read_ribs
from .salvage import without_interface

_USUAL_MTU = 1500


async def connect(connection: socket.socket, netns: str | None = None) -> LinuxKernel:
    """The kernel behind an applier.

    Args:
        connection: the server's end of a socket pair, whose other end ``applier.serve`` has.
        netns: name or path of another network namespace to read, the applier's.
    """
    connection.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=connection)
    return LinuxKernel(reader, writer, netns)


class LinuxKernel:
    """Implements ``contract.Kernel``.

    After the applier has ended, everything but ``check`` raises ``frames.BrokenFrame``.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, netns: str | None = None) -> None:
        """
        Args:
            reader, writer: the stream to the applier.
            netns: name or path of another network namespace to read, the applier's.
        """
        self._reader, self._writer = reader, writer
        self._netns = netns
        self._turn = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._wire: Wire | None = None
        self._interfaces = InterfacesState()
        self._now = read_json({})

    def close(self) -> None:
        """Closes the stream, which ends the applier."""
        self._writer.close()
        if self._wire is not None:
            self._wire.close()
        self._wire = None

    async def check(self, after: libyang.DNode | None) -> None:
        """See ``contract.Kernel.check``."""
        mapped = read_tree(after)
        check_values(mapped)
        self._resolve(mapped, self._links(mapped))

    async def apply(
        self, before: libyang.DNode | None, after: libyang.DNode | None, *, reconcile: bool = False
    ) -> Applied:
        """See ``contract.Kernel.apply``. ``before`` is not read: the kernel itself is compared with ``after``."""
        mapped = read_tree(after)
        check_values(mapped)
        links = self._links(mapped)
        config = _with_mtus(self._resolve(mapped, links), links, self._now.config, reconcile)
        answer = await self._ask({"do": "apply", "config": config.to_dict(), "start": reconcile})
        if "refused" in answer:
            raise self._refused(answer["refused"], mapped)
        self._now = mapped
        return Applied(answer["ok"]["changes"], tuple(answer["ok"]["some"]))

    async def apply_most(self, after: libyang.DNode | None, *, reconcile: bool = False) -> tuple[Refusal, ...]:
        """See ``contract.Kernel.apply_most``."""
        mapped = read_tree(after)
        check_values(mapped)
        links = self._links(mapped)
        possible, refused = _possible(mapped, links)
        config = _with_mtus(possible, links, self._now.config, reconcile)
        answer = await self._ask({"do": "apply", "config": config.to_dict(), "start": reconcile, "most": True})
        if "refused" in answer:
            raise self._refused(answer["refused"], mapped)
        self._now = mapped
        return (*refused, *(one for told in answer["ok"] for one in self._refused(told, mapped).errors))

    async def state(self, parts: frozenset[Part]) -> dict[str, Any]:
        """See ``contract.Kernel.state``.

        Raises:
            KernelRefused: it cannot be read.
        """
        found: dict[str, Any] = {}
        if Part.INTERFACES in parts or Part.ROUTES in parts:
            async with self._reading:
                # In a thread of its own: 100,000 routes take a second, and sessions go on in it.
                found.update(await asyncio.to_thread(self._read, parts))
        if Part.ACCESS_LISTS in parts and self._now.config.access_lists:
            answer = await self._ask({"do": "counters"})
            if "refused" in answer:
                raise KernelRefused([Refusal(answer["refused"]["message"])])
            found.update(self._counters(answer["ok"]))
        return found

    async def _ask(self, request: Mapping[str, Any]) -> Any:
        # Shielded: cancelled in between, the answer would be taken for that of the next question.
        return await asyncio.shield(self._exchange(request))

    async def _exchange(self, request: Mapping[str, Any]) -> Any:
        try:
            message = frames.encode(request)
        except ValueError as error:
            raise KernelRefused([Refusal(f"the configuration is too large: {error}", tag="too-big")]) from None
        async with self._turn:
            try:
                self._writer.write(message)
                await self._writer.drain()
            except OSError:
                raise frames.BrokenFrame("the applier ended.") from None
            return await frames.receive_async(self._reader)

    # What is refused

    def _links(self, mapped: Mapped) -> dict[str, LinkState]:
        """The node's interfaces by name, as far as it matters."""
        if not mapped.config.interfaces:
            return {}
        try:
            return {link.name: link for link in read_links(self._open())}
        except (NetlinkRefused, OSError) as refused:
            self._forget()
            raise KernelRefused([Refusal(f"the interfaces cannot be read: {refused}")]) from None

    def _resolve(self, mapped: Mapped, links: Mapping[str, LinkState]) -> NodeConfig:
        """The configuration as this node can have it: interfaces that it had before us are not made.

        RFC 8343 section 3.1: what is configured for an interface of the system is applied to that interface.
        """
        refusals = Refusals()
        found = [
            _resolved(item, mapped.types[item.name], links.get(item.name), refusals)
            for item in mapped.config.interfaces
        ]
        refusals.raise_any()
        return replace(mapped.config, interfaces=tuple(found))

    def _refused(self, told: Mapping[str, Any], mapped: Mapped) -> KernelRefused:
        change, parameter = told.get("change"), told.get("parameter")
        path = None
        if change is not None:
            path = mapped.places.of_change(change) or self._now.places.of_change(change)
        elif parameter is not None:
            path = mapped.places.of_parameter(parameter)
        message = told["message"]
        if told.get("between"):
            message += " The kernel is in between: commit again, or restart the agent."
        return KernelRefused([Refusal(message, path)])

    # What is shown

    def _open(self) -> Wire:
        if self._wire is None:
            self._wire = Wire(NETLINK_ROUTE, self._netns)
        return self._wire

    def _forget(self) -> None:
        if self._wire is not None:
            self._wire.close()
        self._wire = None

    def _read(self, parts: frozenset[Part]) -> dict[str, Any]:
        """Runs in a thread, one at a time, on a socket of its own."""
        configured = {one.name for one in self._now.config.interfaces}
        found: dict[str, Any] = {}
        try:
            wire = Wire(NETLINK_ROUTE, self._netns)
            try:
                if Part.INTERFACES in parts:
                    found.update(self._interfaces.read(wire, configured, self._netns))
                if Part.ROUTES in parts:
                    found.update(read_ribs(wire, {link.index: link.name for link in read_links(wire)}))
            finally:
                wire.close()
        except (NetlinkRefused, OSError) as refused:
            raise KernelRefused([Refusal(f"the node's state cannot be read: {refused}")]) from None
        return found

    def _counters(self, counted: Mapping[str, Mapping[str, list[int]]]) -> dict[str, Any]:
        """Statistics of the configured access lists' entries."""
        lists = []
        for one in self._now.config.access_lists:
            if one.name in CLOSING_NAMES:
                continue
            numbers = counted.get(one.name, {})
            entries = [
                {
                    "name": name or DEFAULT_ENTRY,
                    "statistics": {"matched-packets": str(packets), "matched-octets": str(octets)},
                }
                for name, (packets, octets) in numbers.items()
                if name or one.name in self._now.defaults
            ]
            lists.append({"name": one.name, "aces": {"ace": entries}})
        return {"ietf-access-control-list:acls": {"acl": lists}}


def _possible(mapped: Mapped, links: Mapping[str, LinkState]) -> tuple[NodeConfig, list[Refusal]]:
    """What of a configuration can be asked of this node, and why not the rest."""
    config = mapped.config
    refused: list[Refusal] = []
    for item in mapped.config.interfaces:
        refusals = Refusals()
        found = _resolved(item, mapped.types[item.name], links.get(item.name), refusals)
        if refusals.errors:
            refused += refusals.errors
            config = without_interface(config, item.name)
        else:
            config = replace(config, interfaces=tuple(found if one is item else one for one in config.interfaces))
    return config, refused


def _resolved(item: Interface, kind: str, there: LinkState | None, refusals: Refusals) -> Interface:
    """An interface as this node can have it, beside what is there of that name.

    Args:
        item: as the tree has it.
        kind: its type there.
        there: the node's interface of that name.
        refusals: takes what is wrong.
    """
    place = paths.interface(item.name, "type")
    if there is None:
        if item.type is None:
            what = (
                f"the node has no interface {item.name}, and can only make iana-if-type:bridge and iana-if-type:l2vlan"
            )
            refusals.add(paths.interface(item.name), what, tag="operation-failed")
        return item
    if there.type != kind and not (there.ours and item.type is not None):
        refusals.add(place, f"the node's interface {item.name} is of type {there.type}", tag="invalid-value")
        return item
    if item.type is None or there.ours:
        return item
    if not item.enabled:
        refusals.add(paths.interface(item.name, "enabled"), "the node had this interface before, and cannot disable it")
    if item.mtu is not None:
        what = "the node had this interface before, and cannot set its MTU"
        refusals.add(paths.interface(item.name, "ietf-ip:ipv4/mtu"), what, tag=NOT_SUPPORTED)
    return Interface(item.name, addresses=item.addresses, ingress=item.ingress, egress=item.egress)


def _with_mtus(config: NodeConfig, links: Mapping[str, LinkState], before: NodeConfig, reconcile: bool) -> NodeConfig:
    """With the usual MTU where none is configured and the kernel may still have one that was.

    Args:
        config: as the node can have it.
        links: what is there, by name.
        before: what was applied last.
        reconcile: what was applied last is not known.
    """
    had = {one.name for one in before.interfaces if one.mtu is not None}

    def settled(item: Interface) -> Interface:
        there = links.get(item.name)
        if item.type is None or item.mtu is not None or there is None or not (reconcile or item.name in had):
            return item
        usual = _usual_mtu(item, there, links)
        return item if usual == there.mtu else replace(item, mtu=usual)

    return replace(config, interfaces=tuple(settled(item) for item in config.interfaces))


def _usual_mtu(item: Interface, there: LinkState, links: Mapping[str, LinkState]) -> int:
    """What the kernel itself chooses: a VLAN has its parent's, a bridge the smallest of its ports'."""
    if item.parent is not None:
        return links[item.parent].mtu if item.parent in links else _USUAL_MTU
    return min((one.mtu for one in links.values() if one.master == there.index), default=_USUAL_MTU)
