# SPDX-License-Identifier: GPL-3.0-or-later
"""Kea's DHCPv4 server by its lease commands (hook library ``libdhcp_lease_cmds.so``)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from ..model.errors import DhcpError, InvalidInput
from .kea_channel import Channel, HttpChannel, UnixChannel
from .lease import ACTIVE, DECLINED, EXPIRED, INFINITE, DhcpPool, Lease, Owner

SOCKET = "/run/kea/kea4-ctrl-socket"
HOOKS = '"hooks-libraries": [{"library": "/usr/lib/x86_64-linux-gnu/kea/hooks/libdhcp_lease_cmds.so"}]'
_GOOD, _UNSUPPORTED, _EMPTY, _CONFLICT = 0, 2, 3, 4
_DECLINED = 1  # a lease's "state"
_PAGE = 2000
_BUSY_TRIES, _BUSY_PAUSE = 50, 0.01
_DEFAULT_LIFETIME = 7200
_RELEASE, _DECLINE = "7", "4"


def open_kea(
    *,
    socket: str | None = None,
    url: str | None = None,
    username: str | None = None,
    password: str | None = None,
    ca_file: str | None = None,
    timeout: float = 10.0,
) -> KeaServer:
    """Kea by its unix socket or, with ``url``, by its control agent; see ``kea_channel``.

    Raises:
        InvalidInput: both were given, or one of them makes no sense.
    """
    if url is None:
        return KeaServer(UnixChannel(socket or SOCKET, timeout))
    if socket is not None:
        raise InvalidInput("stands beside a socket.", parameter="url", fix="Give one of the two.")
    return KeaServer(HttpChannel(url, username, password, ca_file, timeout))


class KeaServer:
    """See ``server.DhcpServer``.

    Args:
        channel: the way to it.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def close(self) -> None:
        """See ``DhcpServer``."""
        self._channel.close()

    # -- leases

    def lease_of(self, address: str) -> Lease | None:
        """See ``DhcpServer``."""
        answer = self._ask("lease4-get", {"ip-address": address})
        return None if answer is None else _lease(answer)

    def leases_of_mac(self, mac: str) -> list[Lease]:
        """See ``DhcpServer``."""
        answer = self._ask("lease4-get-by-hw-address", {"hw-address": mac})
        return [] if answer is None else [_lease(one) for one in answer["leases"]]

    def leases(self, first: int = 0, last: int = 0xFFFFFFFF) -> Iterator[Lease]:
        """See ``DhcpServer``."""
        after = "start" if first == 0 else str(IPv4Address(first - 1))
        while True:
            answer = self._ask("lease4-get-page", {"from": after, "limit": _PAGE})
            page = [] if answer is None else [_lease(one) for one in answer["leases"]]
            for lease in page:
                if lease.number > last:
                    return
                yield lease
            if len(page) < _PAGE:
                return
            after = page[-1].address

    def add(self, lease: Lease) -> bool:
        """See ``DhcpServer``."""
        result, text, _arguments = self._raw("lease4-add", _arguments_of(lease))
        if result == _GOOD:
            return True
        if result == _CONFLICT or "already exists" in text:
            return False
        raise self._refused("lease4-add", result, text, lease)

    def replace(self, lease: Lease) -> bool:
        """See ``DhcpServer``."""
        result, text, _arguments = self._raw("lease4-update", _arguments_of(lease))
        if result == _GOOD:
            return True
        if result in (_EMPTY, _CONFLICT) or "failed to update the lease" in text:
            return False
        raise self._refused("lease4-update", result, text, lease)

    def remove(self, address: str) -> bool:
        """See ``DhcpServer``."""
        return self._ask("lease4-del", {"ip-address": address}) is not None

    # -- configuration

    def pools(self) -> list[DhcpPool]:
        """See ``DhcpServer``."""
        return pools_of(self._config())

    def can_be_released(self) -> bool:
        """See ``DhcpServer``."""
        return can_be_released(self._config())

    def _config(self) -> Mapping[str, Any]:
        answer = self._ask("config-get") or {}
        config = answer.get("Dhcp4")
        if not isinstance(config, Mapping):
            raise DhcpError("this is no DHCPv4 server of Kea: its configuration has no Dhcp4.")
        return config

    # -- commands

    def _ask(self, command: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """What a command gives; None where Kea says that there is nothing."""
        result, text, found = self._raw(command, arguments)
        if result == _EMPTY:
            return None
        if result != _GOOD:
            raise self._refused(command, result, text)
        return found

    def _raw(self, command: str, arguments: Mapping[str, Any] | None) -> tuple[int, str, dict[str, Any]]:
        for _attempt in range(_BUSY_TRIES):
            answer = self._channel.ask(command, arguments)
            text = str(answer.get("text", ""))
            # With threads, Kea refuses a lease that it is just giving to a client.
            if "ResourceBusy" not in text:
                break
            time.sleep(_BUSY_PAUSE)
        found = answer.get("arguments")
        return answer["result"], text, found if isinstance(found, dict) else {}

    def _refused(self, command: str, result: int, text: str, lease: Lease | None = None) -> Exception:
        if result == _UNSUPPORTED and command.startswith("lease4"):
            return DhcpError(
                f"Kea does not know {command}: it has not loaded the hook library libdhcp_lease_cmds.so.",
                server_said=text,
                fix=f"Put into Dhcp4: {HOOKS}, and restart Kea.",
            )
        if lease is not None and "subnet" in text.lower():
            number = "" if lease.subnet_id is None else f" with id {lease.subnet_id}"
            return InvalidInput(
                f"Kea has no subnet{number} for {lease.address} ({text}).",
                parameter="subnet_id",
                fix="Give the id of the subnet4 in Kea's configuration that the address lies in.",
            )
        about = "" if lease is None else f" for {lease.address}"
        return DhcpError(f"Kea refused {command}{about}: {text}.", server_said=text)


def _lease(data: Mapping[str, Any]) -> Lease:
    lifetime, since = int(data["valid-lft"]), int(data["cltt"])
    mac = str(data.get("hw-address", "")).lower()
    owner = Owner.from_mark(data.get("user-context"), mac)
    # Whether a stranger's lease has run out is for Kea to say: its clock may differ from ours.
    ended = owner is not None and lifetime != INFINITE and since + lifetime < int(time.time())
    state = DECLINED if data.get("state") == _DECLINED else EXPIRED if data.get("state") or ended else ACTIVE
    return Lease(
        address=data["ip-address"],
        mac=mac,
        subnet_id=data["subnet-id"],
        hostname=str(data.get("hostname", "")),
        lifetime=lifetime,
        owner=owner,
        state=state,
    )


def _arguments_of(lease: Lease) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ip-address": lease.address,
        "hw-address": lease.mac,
        "valid-lft": lease.lifetime,
        "user-context": (lease.owner or Owner()).to_mark(lease.mac),
    }
    if lease.subnet_id is not None:
        found["subnet-id"] = lease.subnet_id
    if lease.hostname:
        found["hostname"] = lease.hostname
    return found


def pools_of(config: Mapping[str, Any]) -> list[DhcpPool]:
    """The pools in Kea's ``Dhcp4``, those of shared networks too."""
    networks = [config, *config.get("shared-networks", [])]
    found: list[DhcpPool] = []
    for network in networks:
        for subnet in network.get("subnet4", []):
            lifetime = subnet.get("max-valid-lifetime", subnet.get("valid-lifetime", _DEFAULT_LIFETIME))
            by_id = bool(
                subnet.get("match-client-id", network.get("match-client-id", config.get("match-client-id", True)))
            )
            ranges = [_range(pool["pool"]) for pool in subnet.get("pools", [])]
            found.extend(DhcpPool(int(subnet["id"]), first, last, int(lifetime), by_id) for first, last in ranges)
    return sorted(found, key=lambda pool: pool.first)


def _range(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if dash:
        return int(IPv4Address(first.strip())), int(IPv4Address(last.strip()))
    network = IPv4Network(text.strip(), strict=False)
    return int(network.network_address), int(network.broadcast_address)


def can_be_released(config: Mapping[str, Any]) -> bool:
    """Whether Kea's ``Dhcp4`` lacks a class ``DROP`` that takes away the clients' DHCPRELEASE and DHCPDECLINE."""
    tests = [str(one.get("test", "")) for one in config.get("client-classes", []) if one.get("name") == "DROP"]
    text = "".join(" ".join(tests).split())
    return not all(f"pkt4.msgtype=={number}" in text for number in (_RELEASE, _DECLINE))
