# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading instances: from what playbooks and HTTP clients say to checked ``InstanceRequest`` objects."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..ledger.addresses import format_address
from ..model.errors import InvalidInput
from ..model.pool import FAMILY_BITS
from ..model.reservation import InstanceRequest
from .parsing import (
    FAMILIES,
    check_distinct,
    check_name,
    check_options,
    choice,
    given_options,
    integer,
    name_list,
    parse_address,
)
from .pools import UNUSABLE

OPTIONS = (
    "name",
    "workload",
    "node",
    "interface",
    "next_hop",
    "assign",
    "mac",
    "gateway",
    "netns",
    "instance_interface",
    "location",
    "security_profile",
    "family",
    "prefix_length",
    "pools",
    "fallback",
    "former_name",
)
FALLBACKS = ("ledger", "dhcp", "none")
ASSIGNS = ("none", "netlink", "dhcp")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z")
_LOOPBACK = re.compile(r"(lo|lo0|loopback\d+)\Z", re.IGNORECASE)
_LONGEST_INTERFACE = 64
_LONGEST_PATH = 255


def read_instances(items: Sequence[Any], parameter: str = "instances") -> list[InstanceRequest]:
    """Checks a list of instances that were created.

    Raises:
        InvalidInput: naming the place, for example ``instances[2].mac``; also for a key that is there twice.
    """
    requests = [read_instance(item, f"{parameter}[{index}]") for index, item in enumerate(items)]
    check_distinct([request.name for request in requests], parameter)
    return requests


def read_instance_names(items: Sequence[Any], parameter: str = "instances") -> list[str]:
    """For deletions: each item's name. Raises InvalidInput."""
    names = []
    for index, item in enumerate(items):
        data = check_options(item, OPTIONS, f"{parameter}[{index}]")
        names.append(check_name(data.get("name"), f"{parameter}[{index}].name"))
    check_distinct(names, parameter)
    return names


def read_instance(data: Any, parameter: str) -> InstanceRequest:
    """Checks one instance. Raises InvalidInput."""
    data = check_options(data, OPTIONS, parameter)
    given = given_options(data)
    fallback = choice(given.get("fallback", "ledger"), f"{parameter}.fallback", FALLBACKS)
    assign = choice(given.get("assign", "none"), f"{parameter}.assign", ASSIGNS)
    request = InstanceRequest(
        name=check_name(given.get("name"), f"{parameter}.name"),
        workload=check_name(given.get("workload"), f"{parameter}.workload"),
        dynamic=fallback != "none",
        assign=assign,
        dynamic_assign="dhcp" if fallback == "dhcp" else assign,
        pools=name_list(given.get("pools"), f"{parameter}.pools"),
        parameter=parameter,
    )
    for key in ("node", "location", "security_profile", "former_name"):
        if key in given:
            setattr(request, key, check_name(given[key], f"{parameter}.{key}"))
    _read_family(request, given, parameter)
    _read_way(request, given, parameter)
    _read_assign(request, given, parameter)
    return request


def _read_family(request: InstanceRequest, given: Mapping[str, Any], parameter: str) -> None:
    if "family" in given:
        request.family = FAMILIES[choice(given["family"], f"{parameter}.family", list(FAMILIES))]
    if "prefix_length" in given:
        request.prefix_length = integer(
            given["prefix_length"], f"{parameter}.prefix_length", 1, FAMILY_BITS[request.family]
        )


def _read_way(request: InstanceRequest, given: Mapping[str, Any], parameter: str) -> None:
    """How the node reaches the instance."""
    if "interface" in given:
        request.interface = _interface(given["interface"], f"{parameter}.interface")
    if "next_hop" in given:
        request.next_hop = _next_hop(given["next_hop"], request.family, f"{parameter}.next_hop")
    if "gateway" in given:
        family, value = parse_address(given["gateway"], f"{parameter}.gateway")
        if family != request.family:
            raise InvalidInput(
                f"is of IPv{family}, the instance's address of IPv{request.family}.",
                parameter=f"{parameter}.gateway",
                fix="Give a gateway of the same family.",
            )
        request.gateway = format_address(family, value)
    if (request.interface or request.next_hop) and request.node is None:
        raise InvalidInput("needs the node on which it is.", parameter=f"{parameter}.node")
    if "mac" in given:
        request.mac = _mac(given["mac"], f"{parameter}.mac")


def _interface(value: Any, parameter: str) -> str:
    name = check_name(value, parameter)
    if len(name) > _LONGEST_INTERFACE:
        raise InvalidInput("is no name of an interface.", parameter=parameter)
    if _LOOPBACK.match(name):
        raise InvalidInput(
            f"{name} is the node's loopback, behind which no instance is.",
            parameter=parameter,
            fix="Give the interface at which the instance is, or leave it out for no route.",
        )
    return name


def _next_hop(value: Any, asked: int, parameter: str) -> str:
    family, hop = parse_address(value, parameter)
    if family != asked:
        raise InvalidInput(
            f"is of IPv{family}, the instance's address of IPv{asked}.",
            parameter=parameter,
            fix="Give a next hop of the same family, or an interface.",
        )
    for of, start, length, what in UNUSABLE:
        # A link-local next hop is that of a neighbour.
        if (
            of == family
            and what != "link-local"
            and hop >> (FAMILY_BITS[of] - length) == start >> (FAMILY_BITS[of] - length)
        ):
            raise InvalidInput(
                f"{format_address(family, hop)} is {what} space, and no neighbour of the node.",
                parameter=parameter,
                fix="Give the address of the host behind which the instance is, or only its interface.",
            )
    return format_address(family, hop)


def _mac(value: Any, parameter: str) -> str:
    text = str(value).strip().lower().replace("-", ":")
    if not _MAC.match(text):
        raise InvalidInput(f"'{value}' is not a MAC address.", parameter=parameter, fix="Write 52:54:00:12:34:56.")
    what = {"00:00:00:00:00:00": "no address", "ff:ff:ff:ff:ff:ff": "the broadcast address"}.get(text)
    # The lowest bit of the first octet tells a group from a station (IEEE 802).
    if what is None and int(text[:2], 16) & 1:
        what = "a multicast address"
    if what is not None:
        raise InvalidInput(
            f"{text} is {what}, which no instance can have.",
            parameter=parameter,
            fix="Give the MAC address of the instance's own interface.",
        )
    return text


def _read_assign(request: InstanceRequest, given: Mapping[str, Any], parameter: str) -> None:
    """How the instance comes by its address."""
    for key in ("netns", "instance_interface"):
        if key in given:
            text = str(given[key])
            if not 0 < len(text) <= (_LONGEST_INTERFACE if key == "instance_interface" else _LONGEST_PATH) or (
                not text.isprintable()
            ):
                raise InvalidInput("is no such name.", parameter=f"{parameter}.{key}")
            setattr(request, key, text)
    ways = {request.assign, request.dynamic_assign if request.dynamic else request.assign}
    if "netlink" in ways and request.instance_interface is None:
        raise InvalidInput("is required with assign=netlink.", parameter=f"{parameter}.instance_interface")
    if "dhcp" in ways and request.mac is None:
        raise InvalidInput("is required for DHCP.", parameter=f"{parameter}.mac")
    if "dhcp" in ways and request.family != 4:
        raise InvalidInput("DHCP here is that of IPv4.", parameter=f"{parameter}.family")
