# SPDX-License-Identifier: GPL-3.0-or-later
"""A link with Kea at one end and clients at the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.kea import KeaServer, open_kea
from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.lease import Lease, Owner
from ansible_collections.shadownet.ipam.tests.integration.dhcp import kea_server
from ansible_collections.shadownet.ipam.tests.integration.dhcp.clients import BareClient
from ansible_collections.shadownet.ipam.tests.integration.dhcp.kea_server import INTERFACE, SERVER, Kea
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab, namespaces, wait_for

CLIENT_LINK = "eth0"
LEDGER = "11111111-aaaa"
# No client of the shadow subnet gives its address back to Kea: what docs/dhcp.md advises.
DROP = {
    "name": "DROP",
    "test": "(pkt4.msgtype == 7 and substring(pkt4.ciaddr, 0, 2) == 0x0a50) or "
    "(pkt4.msgtype == 4 and substring(option[50].hex, 0, 2) == 0x0a50)",
}


def owned(address: str, mac: str, instance: str | None = None, ledger: str | None = LEDGER, **more: Any) -> Lease:
    """A lease to give."""
    return Lease(address=address, mac=mac, owner=Owner(ledger=ledger, instance=instance, **more))


class Link:
    """Kea in the namespace ``server``, a client's interface in ``client``."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self.kea: Kea | None = None
        self._opened: list[KeaServer] = []

    def start(self, subnets: list[dict[str, Any]] | None = None, **more: Any) -> Kea:
        """Starts Kea, and ends it with the test."""
        self.kea = Kea(self.lab.names["server"], self.folder / "kea", subnets, **more)
        self.kea.start()
        return self.kea

    @property
    def server(self) -> KeaServer:
        """Our client of its control channel."""
        assert self.kea is not None
        return open_kea(socket=str(self.kea.socket))

    def bare(self, work: Callable[[BareClient], Any]) -> Any:
        """What ``work`` returns for a bare client."""

        def inside() -> Any:
            client = BareClient(CLIENT_LINK)
            try:
                return work(client)
            finally:
                client.close()

        return self.lab.call("client", inside)

    def mac(self) -> str:
        """The hardware address of the client's interface."""
        return str(self.lab.json("client", "ip", "-j", "link", "show", CLIENT_LINK)[0]["address"])

    def addresses(self) -> list[str]:
        """IPv4 addresses of the client's interface."""
        found = self.lab.json("client", "ip", "-j", "-4", "address", "show", CLIENT_LINK)
        return [one["local"] for link in found for one in link.get("addr_info", [])]


@pytest.fixture
def link(tmp_path: Path) -> Iterator[Link]:
    """A link without a server yet."""
    if (reason := kea_server.why_not()) is not None:
        pytest.skip(reason)
    with namespaces("server", "client") as lab:
        lab.join("server", INTERFACE, "client", CLIENT_LINK)
        lab.run("server", "ip", "address", "add", f"{SERVER}/16", "dev", INTERFACE)
        # Kea binds to what it finds when it starts.
        wait_for(lambda: "LOWER_UP" in lab.run("server", "ip", "link", "show", INTERFACE), what="the link")
        found = Link(lab, tmp_path)
        try:
            yield found
        finally:
            if found.kea is not None:
                with suppress(ProcessLookupError):
                    found.kea.stop()
