# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine with a real libyang context, a kernel in memory that can refuse (the real one is in tests/integration),
and clients that talk to it without a transport."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

# Imported by a test module, this skips the module.
pytest.importorskip("libyang", reason="needs the extra 'node'")

from lxml import etree

from ansible_collections.shadownet.ipam.node.contract import (
    Applied,
    EngineSettings,
    KernelRefused,
    Part,
    Peer,
    Refusal,
    User,
)
from ansible_collections.shadownet.ipam.node.engine import Engine

NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
NAMESPACES = {
    "nc": NC,
    "if": "urn:ietf:params:xml:ns:yang:ietf-interfaces",
    "ip": "urn:ietf:params:xml:ns:yang:ietf-ip",
    "rt": "urn:ietf:params:xml:ns:yang:ietf-routing",
    "v4": "urn:ietf:params:xml:ns:yang:ietf-ipv4-unicast-routing",
    "acl": "urn:ietf:params:xml:ns:yang:ietf-access-control-list",
    "t": "urn:ietf:params:xml:ns:yang:iana-if-type",
    "yang": "urn:ietf:params:xml:ns:yang:1",
    "wd": "urn:ietf:params:xml:ns:netconf:default:1.0",
    "ncwd": "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults",
    "ncm": "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring",
    "ncn": "urn:ietf:params:xml:ns:yang:ietf-netconf-notifications",
    "ev": "urn:ietf:params:xml:ns:netconf:notification:1.0",
    "me": "urn:ietf:params:xml:ns:netmod:notification",
    "yl": "urn:ietf:params:xml:ns:yang:ietf-yang-library",
}
_DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())


class MemoryKernel:
    """Holds what was applied last, as JSON; refuses on demand."""

    def __init__(self) -> None:
        self.holds: Any = None
        self.applied = 0
        self.reconciled = 0
        self.drifted = Applied()
        self.refuse: list[Refusal] = []
        self.leaves_out = False  # what it refuses, it can do without
        self.state_data: dict[str, Any] = {}
        self.asked: list[frozenset[Part]] = []
        self.pause: Callable[[], Awaitable[None]] | None = None

    async def check(self, after: Any) -> None:
        if self.refuse:
            raise KernelRefused(self.refuse)

    async def apply(self, before: Any, after: Any, *, reconcile: bool = False) -> Applied:
        if self.pause is not None:
            await self.pause()
        if self.refuse:
            raise KernelRefused(self.refuse)
        if not reconcile:
            assert _plain(before) == self.holds, "running is not what the kernel holds"
        self.holds = _plain(after)
        self.applied += 1
        self.reconciled += reconcile
        found, self.drifted = self.drifted, Applied()
        return found

    async def apply_most(self, after: Any, *, reconcile: bool = False) -> Sequence[Refusal]:
        if not self.leaves_out:
            raise KernelRefused(self.refuse)
        self.holds = _plain(after)
        return tuple(self.refuse)

    async def state(self, parts: frozenset[Part]) -> dict[str, Any]:
        self.asked.append(parts)
        if self.refuse:
            raise KernelRefused(self.refuse)
        return self.state_data


def _plain(node: Any) -> Any:
    return None if node is None else json.loads(node.print_mem("json", with_siblings=True))


class Client:
    """One session as a client sees it."""

    def __init__(self, engine: Engine, user: User) -> None:
        self.notifications: list[etree._Element] = []
        self.killed: list[str] = []
        self._numbers = itertools.count(1)
        self.session = engine.open(
            user, Peer("192.0.2.7"), lambda m: self.notifications.append(etree.fromstring(m)), self.killed.append
        )

    async def hello(self, *versions: str) -> Client:
        told = "".join(f"<capability>urn:ietf:params:netconf:base:{v}</capability>" for v in versions or ("1.0", "1.1"))
        text = f'<hello xmlns="{NC}"><capabilities>{told}</capabilities></hello>'
        assert await self.session.receive(text.encode()) is None
        return self

    async def rpc(self, operation: str) -> etree._Element:
        number = next(self._numbers)
        text = f'<rpc xmlns="{NC}" {_DECLARED} message-id="{number}">{operation}</rpc>'
        answer = await self.session.receive(text.encode())
        assert answer is not None
        root = etree.fromstring(answer)
        assert root.tag == f"{{{NC}}}rpc-reply"
        assert root.get("message-id") == str(number)
        await asyncio.sleep(0)
        return root

    async def ok(self, operation: str) -> None:
        root = await self.rpc(operation)
        assert [etree.QName(child).localname for child in root] == ["ok"], etree.tostring(root).decode()

    async def error(self, operation: str) -> dict[str, str]:
        """The only error of the reply: its elements' text by name, those of error-info too."""
        errors = await self.errors(operation)
        assert len(errors) == 1, errors
        return errors[0]

    async def errors(self, operation: str) -> list[dict[str, str]]:
        root = await self.rpc(operation)
        found = []
        for error in root:
            assert error.tag == f"{{{NC}}}rpc-error", etree.tostring(root).decode()
            one = {}
            for item in error.iter():
                if not len(item) and item.text:
                    one[etree.QName(item).localname] = item.text
                if item.tag == f"{{{NC}}}error-path":
                    # Every prefix of the path must be declared where it stands.
                    etree.XPath(item.text, namespaces={k: v for k, v in item.nsmap.items() if k})
            assert one["error-severity"] == "error"
            found.append(one)
        return found

    async def data(self, operation: str) -> etree._Element:
        root = await self.rpc(operation)
        assert [etree.QName(child).localname for child in root] == ["data"], etree.tostring(root).decode()
        return root[0]

    async def edit(self, config: str, options: str = "") -> None:
        await self.ok(edit(config, options))

    async def running(self) -> str:
        return text(await self.data("<get-config><source><running/></source></get-config>"))

    async def candidate(self) -> str:
        return text(await self.data("<get-config><source><candidate/></source></get-config>"))

    def events(self, name: str) -> list[etree._Element]:
        return [found for one in self.notifications for found in one.iter(f"{{*}}{name}")]


def edit(config: str, options: str = "") -> str:
    """An <edit-config> of candidate."""
    return f"<edit-config><target><candidate/></target>{options}<config>{config}</config></edit-config>"


def interfaces(*content: str) -> str:
    return f'<interfaces xmlns="{NAMESPACES["if"]}">{"".join(content)}</interfaces>'


def interface(name: str, more: str = "<type>t:bridge</type>", attributes: str = "") -> str:
    return f"<interface {attributes}><name>{name}</name>{more}</interface>"


def routes(*content: str) -> str:
    return (
        f'<routing xmlns="{NAMESPACES["rt"]}"><control-plane-protocols><control-plane-protocol>'
        f"<type>rt:static</type><name>shadownet</name><static-routes>"
        f'<ipv4 xmlns="{NAMESPACES["v4"]}">{"".join(content)}</ipv4>'
        "</static-routes></control-plane-protocol></control-plane-protocols></routing>"
    )


def route(prefix: str, hop: str = "<special-next-hop>blackhole</special-next-hop>", attributes: str = "") -> str:
    return f"<route {attributes}><destination-prefix>{prefix}</destination-prefix><next-hop>{hop}</next-hop></route>"


def text(element: etree._Element) -> str:
    """The children of an element as canonical XML."""
    return b"".join(etree.tostring(child, method="c14n", exclusive=True) for child in element).decode()


def values(element: etree._Element, path: str) -> list[str | None]:
    """Text of what an XPath selects."""
    return [found.text for found in element.xpath(path, namespaces=NAMESPACES)]


READ_WRITE = User("admin", read_write=True)
READ_ONLY = User("viewer", read_write=False)
LOCK = "<lock><target><{}/></target></lock>"
UNLOCK = "<unlock><target><{}/></target></unlock>"


class Lab:
    """An engine that has started, and its clients."""

    def __init__(self, engine: Engine, kernel: MemoryKernel) -> None:
        self.engine = engine
        self.kernel = kernel

    async def client(self, user: User = READ_WRITE) -> Client:
        return await Client(self.engine, user).hello()


async def started(kernel: MemoryKernel, settings: EngineSettings) -> Lab:
    engine = Engine(kernel, settings)
    await engine.start()
    return Lab(engine, kernel)
