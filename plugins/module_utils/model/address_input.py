# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses and prefixes as people write them, checked and in their canonical form."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from .errors import InvalidInput

_LIMITED_BROADCAST = 2**32 - 1


def _without_zone(value: Any, parameter: str) -> str:
    text = str(value)
    if "%" in text:
        raise InvalidInput(
            "must not name a zone (%).", parameter=parameter, fix="A route names its outgoing interface in interface."
        )
    return text


# A node that is configured again and again meets the same addresses again and again.
@lru_cache(maxsize=1 << 10)
def _canonical_address(text: str) -> str:
    return str(ipaddress.ip_address(text))


@lru_cache(maxsize=1 << 16)
def _canonical_prefix(text: str) -> str:
    return str(ipaddress.ip_network(text))


def read_address(value: Any, parameter: str) -> str:
    """An IPv4 or IPv6 address, canonical.

    Raises:
        InvalidInput: it is none; names ``parameter``.
    """
    try:
        return _canonical_address(_without_zone(value, parameter))
    except ValueError as error:
        raise InvalidInput(f"{error}.", parameter=parameter) from None


def read_prefix(value: Any, parameter: str) -> str:
    """A prefix whose host bits are zero, canonical.

    Raises:
        InvalidInput: it is none; names ``parameter``.
    """
    try:
        return _canonical_prefix(_without_zone(value, parameter))
    except ValueError as error:
        raise InvalidInput(
            f"{error}.", parameter=parameter, fix="Give the network address, like 10.0.0.0/24."
        ) from None


def read_optional_address(data: Mapping[str, Any], key: str, parameter: str) -> str | None:
    """The same of a member of ``data`` that may be missing.

    Raises:
        InvalidInput: it is none; names ``parameter``.
    """
    return None if data.get(key) is None else read_address(data[key], f"{parameter}.{key}")


def read_interface_address(value: Any, parameter: str) -> str:
    """An address that a host can have, with its prefix length, canonical.

    Raises:
        InvalidInput: it is none; names ``parameter``.
    """
    try:
        if "/" not in _without_zone(value, parameter):
            raise ValueError(f"'{value}' has no prefix length")
        found = ipaddress.ip_interface(str(value))
    except ValueError as error:
        raise InvalidInput(f"{error}.", parameter=parameter, fix="Write it like 10.0.0.1/24.") from None
    why = _no_host(found)
    if why is not None:
        raise InvalidInput(f"{found} is {why}.", parameter=parameter, fix="Give an address that a host can have.")
    return str(found)


def _no_host(address: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> str | None:
    """Why no host can have this address; None if one can."""
    network, host = address.network, address.ip
    if host.is_multicast:
        return "a multicast address"
    if host.is_unspecified or (host.version == 4 and int(host) == _LIMITED_BROADCAST):
        return "no address of an interface"
    if network.prefixlen == 0:
        return "without a network: its prefix length is 0"
    if network.max_prefixlen - network.prefixlen < 2:  # RFC 3021, RFC 6164
        return None
    if host == network.network_address:
        return "the address of the network itself" if host.version == 4 else "the anycast address of all its routers"
    if host.version == 4 and host == network.broadcast_address:
        return "the broadcast address of its network"
    return None
