# SPDX-License-Identifier: GPL-3.0-or-later
"""A desired configuration in the terms of the Linux kernel, and what the kernel could never carry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ...model.errors import InvalidInput
from ...model.node_config import PROTOCOLS, AccessEntry, AccessList, Interface, NodeConfig, Route
from ..wording import some

PROTOCOL_NUMBERS = dict(zip(PROTOCOLS, (6, 17, 1, 58, 132, 47, 50), strict=True))
"""IANA protocol numbers of the model's names."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,14}\Z")
_NAMES = (
    "Use 1 to 15 letters, digits, '_', '-', '.', '@' or '+', beginning with a letter, digit or '_'; "
    "not all, default or lo."
)
_RESERVED = ("all", "default", "lo")
_LONGEST_MARK = 255 - len("shadownet:")
_LONGEST_NAME = 100
_IPV6_METRIC = 1024
_SMALLEST_RATE = 8


def canonical(desired: NodeConfig, parameter: str = "config") -> NodeConfig:
    """``desired`` as the kernel will read it back.

    Rates become multiples of 8 bit/s (the kernel counts octets), IPv6's default metric None, protocol numbers
    names where they have one.

    Raises:
        InvalidInput: a name, description or rate beyond the kernel's limits. One about routes is about all of them.
    """
    return NodeConfig(
        tuple(_interface(item, f"{parameter}.interfaces[{i}]") for i, item in enumerate(desired.interfaces)),
        _routes(desired.routes, f"{parameter}.routes"),
        tuple(_list(item, f"{parameter}.access_lists[{i}]") for i, item in enumerate(desired.access_lists)),
    )


def check_name(name: str | None, parameter: str, create: bool = False) -> None:
    """Refuses what is no interface name (``dev_valid_name`` of net/core/dev.c, and what tools cannot write).

    Raises:
        InvalidInput: see above.
    """
    if name is None:
        return
    if not _NAME.match(name) or (create and name in _RESERVED):
        raise InvalidInput(f"'{name}' is no interface name on Linux.", parameter=parameter, fix=_NAMES)


def _interface(item: Interface, place: str) -> Interface:
    check_name(item.name, f"{place}.name", create=item.type is not None)
    check_name(item.parent, f"{place}.parent")
    check_name(item.bridge, f"{place}.bridge")
    check_name(item.peer, f"{place}.peer", create=True)
    for key in ("parent", "bridge", "peer"):
        if getattr(item, key) == item.name:
            raise InvalidInput("is the interface itself.", parameter=f"{place}.{key}")
    if item.description is not None and len(item.description.encode()) > _LONGEST_MARK:
        raise InvalidInput(f"is longer than {_LONGEST_MARK} bytes.", parameter=f"{place}.description")
    for key in ("ingress", "egress"):
        for number, name in enumerate(getattr(item, key)):
            _check_label(name, f"{place}.{key}[{number}]")
    if item.rate_limit is not None and item.rate_limit < _SMALLEST_RATE:
        raise InvalidInput("is below 8 bit/s, the least that Linux can limit to.", parameter=f"{place}.rate_limit")
    hosts = [address.partition("/")[0] for address in item.addresses]
    for number, host in enumerate(hosts):
        if host in hosts[:number]:
            raise InvalidInput(f"{host} is there twice.", parameter=f"{place}.addresses[{number}]")
    rate = item.rate_limit
    return replace(item, rate_limit=None if rate is None else rate // 8 * 8)


def _routes(items: Sequence[Route], place: str) -> tuple[Route, ...]:
    bad = [at for at, item in enumerate(items) if item.interface is not None and not _NAME.match(item.interface)]
    if not bad:
        return tuple(_route(item) for item in items)
    names = some(f"'{items[at].interface}'" for at in bad)
    found = InvalidInput(f"no interface name on Linux: {names}.", parameter=f"{place}[{bad[0]}].interface", fix=_NAMES)
    found.routes = tuple(items[at].prefix for at in bad)
    raise found


def _route(item: Route) -> Route:
    if item.metric == _IPV6_METRIC and ":" in item.prefix:
        return replace(item, metric=None)
    return item


def _check_label(name: str, place: str) -> None:
    if not name or len(name.encode(errors="replace")) > _LONGEST_NAME or not name.isprintable():
        raise InvalidInput(f"'{name}' is not 1 to {_LONGEST_NAME} bytes of printable text.", parameter=place)


def _list(item: AccessList, place: str) -> AccessList:
    _check_label(item.name, f"{place}.name")
    return replace(item, entries=tuple(_entry(one, f"{place}.entries[{i}]") for i, one in enumerate(item.entries)))


def _entry(item: AccessEntry, place: str) -> AccessEntry:
    _check_label(item.name, f"{place}.name")
    numbers = {str(number): name for name, number in PROTOCOL_NUMBERS.items()}
    if item.protocol is None or item.protocol in PROTOCOL_NUMBERS:
        return item
    plain = str(int(item.protocol))
    return replace(item, protocol=numbers.get(plain, plain))
