# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading requests: from the dictionaries that playbooks write to checked ``Request`` objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..model.errors import InvalidInput
from ..model.pool import FAMILY_BITS, STRATEGIES
from ..model.subnet import Request
from ..model.units import parse_duration, parse_rate
from .parsing import (
    FAMILIES,
    check_distinct,
    check_name,
    check_options,
    choice,
    flag,
    integer,
    name_list,
    parse_prefix,
    read_text_map,
)

OPTIONS = (
    "name",
    "service",
    "addresses",
    "prefix_length",
    "prefix",
    "family",
    "bandwidth",
    "security_profile",
    "location",
    "pools",
    "strategy",
    "node",
    "ttl",
    "renew",
    "labels",
)
NAMES = ("service", "security_profile", "location", "node")
SIZES = ("addresses", "prefix_length", "prefix")
MOST_ADDRESSES = 2**62


def read_requests(items: Sequence[Any], parameter: str = "requests", keep: bool = False) -> list[Request]:
    """Checks a list of requests; with ``keep``, what they leave out stays as subnets that are there have it.

    Raises:
        InvalidInput: naming the place, for example ``requests[2].addresses``; also for a key that is there twice.
    """
    requests = [read_request(item, f"{parameter}[{index}]") for index, item in enumerate(items)]
    check_distinct([request.name for request in requests], parameter)
    if keep:
        for request in requests:
            request.keep = True
    return requests


def read_request(data: Any, parameter: str) -> Request:
    """Checks one request. Raises InvalidInput."""
    data = check_options(data, OPTIONS, parameter)
    given = {key: value for key, value in data.items() if value is not None} if None in data.values() else data
    request = Request(name=check_name(given.get("name"), f"{parameter}.name"), parameter=parameter)
    _read_size(request, given, parameter)
    for key in NAMES:
        if key in given:
            setattr(request, key, check_name(given[key], f"{parameter}.{key}"))
    if "pools" in given:
        request.pools = name_list(given["pools"], f"{parameter}.pools")
    if "bandwidth" in given:
        request.bandwidth = parse_rate(given["bandwidth"], f"{parameter}.bandwidth")
    if "strategy" in given:
        request.strategy = choice(given["strategy"], f"{parameter}.strategy", STRATEGIES)
    if "ttl" in given:
        request.ttl = parse_duration(given["ttl"], f"{parameter}.ttl")
        if request.ttl == 0:
            raise InvalidInput("must be more than zero.", parameter=f"{parameter}.ttl")
    if "renew" in given:
        request.renew = flag(given["renew"], f"{parameter}.renew")
    if request.renew and request.ttl is None:
        raise InvalidInput("needs ttl.", parameter=f"{parameter}.renew", fix="Say for how long.")
    if "labels" in given:
        request.labels = read_text_map(given["labels"], f"{parameter}.labels")
    return request


def _read_size(request: Request, given: Mapping[str, Any], parameter: str) -> None:
    if ("prefix_length" in given) + ("addresses" in given) + ("prefix" in given) != 1:
        sizes = [key for key in SIZES if key in given]
        problem = f"{' and '.join(sizes)} exclude each other" if sizes else "says no size"
        raise InvalidInput(f"{problem}.", parameter=parameter, fix=f"Give one of {', '.join(SIZES)}.")
    family = None
    if "family" in given:
        family = FAMILIES[choice(given["family"], f"{parameter}.family", list(FAMILIES))]
    if "prefix" in given:
        request.prefix = parse_prefix(given["prefix"], f"{parameter}.prefix")
        if family not in (None, request.prefix.family):
            raise InvalidInput(f"{given['prefix']} is not {given['family']}.", parameter=f"{parameter}.family")
        request.family = request.prefix.family
        return
    if "addresses" in given:
        request.family = family or 4
        request.addresses = integer(given["addresses"], f"{parameter}.addresses", 1, MOST_ADDRESSES)
        return
    length = integer(given["prefix_length"], f"{parameter}.prefix_length", 0, FAMILY_BITS[family or 6])
    # Only IPv6 has prefixes longer than 32, so that such a length needs no family beside it.
    request.family = family or (6 if length > FAMILY_BITS[4] else 4)
    request.prefix_length = length


def read_keys(items: Sequence[Any], parameter: str = "requests") -> list[str | int]:
    """For releases: each item's name, or else its id. Raises InvalidInput."""
    keys: list[str | int] = []
    for index, item in enumerate(items):
        place = f"{parameter}[{index}]"
        data = check_options(item, (*OPTIONS, "id"), place)
        name, number = data.get("name"), data.get("id")
        if (name is None) == (number is None):
            raise InvalidInput("names no subnet.", parameter=place, fix="Give its name or its id.")
        keys.append(integer(number, f"{place}.id", 1, 2**62) if name is None else check_name(name, f"{place}.name"))
    check_distinct([f"id {key}" if isinstance(key, int) else key for key in keys], parameter)
    return keys
