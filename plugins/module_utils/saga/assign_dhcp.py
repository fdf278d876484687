# SPDX-License-Identifier: GPL-3.0-or-later
"""``assign: dhcp``: the address is leased to the instance's hardware address, and the instance obtains it by DHCP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..dhcp.desk import give, refuse_unreachable, take
from ..dhcp.lease import INFINITE, DhcpPool, Lease, Owner
from ..dhcp.registry import open_dhcp
from ..dhcp.server import DhcpServer
from ..model.errors import InvalidInput

_ONE_ADDRESS = 32


class DhcpAssigner:
    """See ``assign.Assigner``.

    Args:
        ledger_id: the ledger's, by which its leases are told from those of others. Required.
        server: name of the kind of server.
        subnet_id: the server's number of the subnet; by the address when not given.
        lifetime: of leases in seconds; until they are taken back when not given. A client's renewal gives its lease
            the lifetime of the server's subnet.
        options: of the server: ``socket``, ``url`` and so on.
    """

    many_threads = True
    """A server that does not answer is waited for by all at once, and not by one after the other."""

    def __init__(
        self,
        ledger_id: str | None = None,
        server: str = "kea",
        subnet_id: int | None = None,
        lifetime: int | None = None,
        **options: Any,
    ) -> None:
        if not ledger_id:
            raise InvalidInput("the way to give addresses by DHCP needs the ledger's id.", parameter="ledger_id")
        self._ledger_id = ledger_id
        self._subnet_id = subnet_id
        self._lifetime = lifetime
        self.server: DhcpServer = open_dhcp(server, **options)
        self._pools: list[DhcpPool] = []

    def give(self, instance: Mapping[str, Any]) -> None:
        """See ``Assigner``.

        Raises:
            Conflict: the address or the hardware address has a lease that is not ours; nothing was changed.
            DhcpError: the address lies in no pool of the server; or it refused, or does not answer.
        """
        wanted = wanted_lease(instance, self._ledger_id, self._subnet_id, self._lifetime)
        # The server's configuration is asked for once, and again where it might have changed since.
        if not any(pool.first <= wanted.number <= pool.last for pool in self._pools):
            self._pools = self.server.pools()
            refuse_unreachable(self._pools, wanted)
        give(self.server, wanted)

    def take(self, instance: Mapping[str, Any]) -> None:
        """See ``Assigner``. A lease that has become another's stays."""
        if instance["family"] == "ipv4":
            take(self.server, instance["address"], ledger=self._ledger_id, instance=instance["name"])

    def close(self) -> None:
        """See ``Assigner``."""
        self.server.close()


def wanted_lease(
    instance: Mapping[str, Any], ledger_id: str, subnet_id: int | None = None, lifetime: int | None = None
) -> Lease:
    """The lease that an instance is to have.

    Raises:
        InvalidInput: it has no hardware address, or what it has is not one IPv4 address.
    """
    name = instance["name"]
    if instance["family"] != "ipv4" or instance["prefix_length"] != _ONE_ADDRESS:
        raise InvalidInput(
            f"instance '{name}' has {instance['cidr']}; by DHCP it can be given one IPv4 address.",
            parameter="assign",
            fix="Use netlink or none, or reserve prefixes of /32.",
        )
    if not instance["mac"]:
        raise InvalidInput(f"is required to give instance '{name}' its address by DHCP.", parameter="mac")
    owner = Owner(ledger=ledger_id, instance=name, lifetime=INFINITE if lifetime is None else lifetime)
    return Lease(address=instance["address"], mac=instance["mac"], subnet_id=subnet_id, owner=owner)
