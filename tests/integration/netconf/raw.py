# SPDX-License-Identifier: GPL-3.0-or-later
"""A NETCONF client that shares nothing with ours (PyPI ``netconf-client``), to look at servers, and in the way."""

from __future__ import annotations

import itertools
import time
from contextlib import suppress
from typing import Any, Protocol

from lxml import etree
from netconf_client.connect import connect_ssh
from netconf_client.error import RpcError

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
SPACES = {
    "nc": BASE,
    "if": "urn:ietf:params:xml:ns:yang:ietf-interfaces",
    "ip": "urn:ietf:params:xml:ns:yang:ietf-ip",
    "rt": "urn:ietf:params:xml:ns:yang:ietf-routing",
    "v4": "urn:ietf:params:xml:ns:yang:ietf-ipv4-unicast-routing",
}


class Server(Protocol):
    """What a session needs to know."""

    @property
    def options(self) -> dict[str, Any]:
        """At least ``host``, ``port``, ``username`` and ``private_key_file``."""


class Raw:
    """One session."""

    def __init__(self, server: Server) -> None:
        self._numbers = itertools.count(1)
        for _attempt in range(5):
            self.session = self._connected(server.options)
            # netconfd overlooks an rpc that it reads in one piece with the hello, as it does on a busy machine.
            with suppress(TimeoutError):
                self.rpc('<get-config><source><running/></source><filter type="subtree"/></get-config>', 3)
                return
            self.session.close()
        raise AssertionError("no answer")

    def _connected(self, options: dict[str, Any]) -> Any:
        return connect_ssh(
            host=options["host"],
            port=options["port"],
            username=options["username"],
            key_filename=options["private_key_file"],
        )

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_error: object) -> None:
        self.session.close()

    def rpc(self, operation: str, seconds: float = 60) -> Any:
        """The reply; raises ``RpcError``."""
        message = f'<rpc message-id="{next(self._numbers)}" xmlns="{BASE}">{operation}</rpc>'
        raw, _root = self.session.send_rpc(message.encode()).result(seconds)
        return etree.fromstring(raw)

    def tag(self, operation: str) -> str | None:
        """The error tag of an operation that is refused; None when it is not."""
        try:
            self.rpc(operation)
        except RpcError as error:
            return etree.fromstring(error.reply_raw).findtext(".//{*}error-tag")
        return None

    @property
    def candidate(self) -> bool:
        return any(":candidate:" in one for one in self.session.server_capabilities)

    def edit(self, config: str) -> None:
        """Edits running, by way of the candidate where there is one."""
        target = "candidate" if self.candidate else "running"
        self.rpc(f"<edit-config><target><{target}/></target><config>{config}</config></edit-config>")
        if self.candidate:
            self.rpc("<commit/>")

    def interface(self, name: str, description: str | None = None, address: str | None = None) -> None:
        """Makes an interface."""
        words = "" if description is None else f"<description>{description}</description>"
        host, _slash, length = (address or "").partition("/")
        inside = f"<address><ip>{host}</ip><prefix-length>{length}</prefix-length></address>" if address else ""
        ip = f'<ipv4 xmlns="{SPACES["ip"]}">{inside}</ipv4>' if address else ""
        kind = '<type xmlns:t="urn:ietf:params:xml:ns:yang:iana-if-type">t:ethernetCsmacd</type>'
        item = f"<interface><name>{name}</name>{words}{kind}{ip}</interface>"
        self.edit(f'<interfaces xmlns="{SPACES["if"]}">{item}</interfaces>')

    def remove(self, name: str) -> None:
        """Removes an interface."""
        gone = f'<interface xmlns:nc="{BASE}" nc:operation="delete"><name>{name}</name></interface>'
        self.edit(f'<interfaces xmlns="{SPACES["if"]}">{gone}</interfaces>')

    def running(self) -> Any:
        """Interfaces and routing in running."""
        inside = f'<interfaces xmlns="{SPACES["if"]}"/><routing xmlns="{SPACES["rt"]}"/>'
        return self.rpc(
            f'<get-config><source><running/></source><filter type="subtree">{inside}</filter></get-config>'
        ).find("{*}data")

    def text(self) -> str:
        """The same as canonical text, without containers that hold nothing: they mean nothing in YANG."""
        data = self.running()
        for name in ("static-routes", "control-plane-protocols", "routing", "interfaces"):
            for found in list(data.iter(f"{{*}}{name}")):
                if len(found) == 0:
                    found.getparent().remove(found)
        for found in data.iter():
            found.tail = None
            if len(found):
                found.text = None
        return etree.tostring(data, method="c14n").decode()

    def is_empty(self) -> bool:
        """Whether running has neither interfaces nor routes; empty containers mean nothing in YANG."""
        return self.running().find(".//{*}name") is None

    def check_free(self) -> None:
        """Raises AssertionError where a lock is held, the candidate is dirty, or a commit is pending.

        A server may need a moment to notice that a session is gone.
        """
        stores = ("running", "candidate") if self.candidate else ("running",)
        end = time.monotonic() + 5
        for store in stores:
            while (tag := self.tag(f"<lock><target><{store}/></target></lock>")) is not None:
                assert time.monotonic() < end, f"{store}: {tag}"
                time.sleep(0.1)
        for store in stores:
            self.rpc(f"<unlock><target><{store}/></target></unlock>")

    def clear(self) -> None:
        """Empties running."""
        self.check_free()
        for name, space in (("routing", SPACES["rt"]), ("interfaces", SPACES["if"])):
            gone = f'<{name} xmlns="{space}" xmlns:nc="{BASE}" nc:operation="remove"/>'
            self.edit(gone)
        assert self.is_empty(), self.text()
