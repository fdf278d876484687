# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading reservations: from what the forecaster and people write to checked ``ReservationRequest`` objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..model.errors import InvalidInput
from ..model.pool import FAMILY_BITS
from ..model.reservation import ReservationRequest
from .parsing import (
    FAMILIES,
    TIME_FIX,
    check_distinct,
    check_name,
    check_options,
    choice,
    given_options,
    integer,
    name_list,
    parse_time,
)

OPTIONS = (
    "name",
    "workload",
    "instances",
    "addresses",
    "prefix_length",
    "family",
    "pools",
    "node",
    "location",
    "security_profile",
    "starts_at",
    "expires_at",
    "confidence",
    "forecast_id",
    "instance_names",
)
MOST_INSTANCES = 1_000_000
_NAMES = ("node", "location", "security_profile", "forecast_id")


def read_reservations(items: Sequence[Any], parameter: str = "reservations") -> list[ReservationRequest]:
    """Checks a list of reservations.

    Raises:
        InvalidInput: naming the place, for example ``reservations[2].expires_at``; also for a key that is there twice,
            and for an instance that is predicted twice at a time.
    """
    requests = [read_reservation(item, f"{parameter}[{index}]") for index, item in enumerate(items)]
    seen: dict[str, str] = {}
    for request in requests:
        if request.name in seen:
            raise InvalidInput(
                f"'{request.name}' is the name of {seen[request.name]} too.",
                parameter=f"{request.parameter}.name",
                fix="Give each a name of its own; without one, a reservation is named like its workload.",
            )
        seen[request.name] = request.parameter
    _check_predicted(requests)
    return requests


def _check_predicted(requests: Sequence[ReservationRequest]) -> None:
    """An instance can be predicted in several windows, but not twice for the same time and family."""
    found: dict[tuple[str, int], list[ReservationRequest]] = {}
    for request in requests:
        for name in request.instance_names:
            others = found.setdefault((name, request.family), [])
            for other in others:
                if (request.starts_at or 0) < other.expires_at and (other.starts_at or 0) < request.expires_at:
                    raise InvalidInput(
                        f"predicts instance '{name}', which {other.parameter} does for an overlapping time.",
                        parameter=f"{request.parameter}.instance_names",
                        fix="Name each instance once, or let the one reservation begin when the other ends.",
                    )
            others.append(request)


def read_names(items: Sequence[Any], parameter: str = "reservations") -> list[str]:
    """For removals: each item's name. Raises InvalidInput."""
    names = []
    for index, item in enumerate(items):
        data = check_options(item, OPTIONS, f"{parameter}[{index}]")
        names.append(check_name(data.get("name") or data.get("workload"), f"{parameter}[{index}].name"))
    check_distinct(names, parameter)
    return names


def read_reservation(data: Any, parameter: str) -> ReservationRequest:
    """Checks one reservation. Raises InvalidInput."""
    data = check_options(data, OPTIONS, parameter)
    given = given_options(data)
    workload = check_name(given.get("workload"), f"{parameter}.workload")
    family, length = _size(given, parameter)
    if "expires_at" not in given:
        raise InvalidInput("is required.", parameter=f"{parameter}.expires_at", fix=TIME_FIX)
    starts_at = parse_time(given["starts_at"], f"{parameter}.starts_at") if "starts_at" in given else None
    expires_at = parse_time(given["expires_at"], f"{parameter}.expires_at")
    if starts_at is not None and expires_at <= starts_at:
        raise InvalidInput("is not after starts_at.", parameter=f"{parameter}.expires_at")
    instances = integer(given.get("instances", 1), f"{parameter}.instances", 0, MOST_INSTANCES)
    predicted = name_list(given.get("instance_names"), f"{parameter}.instance_names")
    if len(predicted) > instances:
        raise InvalidInput(
            f"names {len(predicted)} instances, but instances is {instances}.",
            parameter=f"{parameter}.instance_names",
        )
    request = ReservationRequest(
        name=check_name(given.get("name", workload), f"{parameter}.name"),
        workload=workload,
        instances=instances,
        prefix_length=length,
        starts_at=starts_at,
        expires_at=expires_at,
        family=family,
        pools=name_list(given.get("pools"), f"{parameter}.pools"),
        confidence=_confidence(given["confidence"], f"{parameter}.confidence") if "confidence" in given else None,
        instance_names=predicted,
        parameter=parameter,
    )
    for key in _NAMES:
        if key in given:
            setattr(request, key, check_name(given[key], f"{parameter}.{key}"))
    return request


def _size(given: Mapping[str, Any], parameter: str) -> tuple[int, int]:
    """Family and prefix length of each instance's prefix; one address where nothing is said."""
    if "addresses" in given and "prefix_length" in given:
        raise InvalidInput("addresses and prefix_length exclude each other.", parameter=parameter)
    family = 4
    if "family" in given:
        family = FAMILIES[choice(given["family"], f"{parameter}.family", list(FAMILIES))]
    if "addresses" in given:
        count = integer(given["addresses"], f"{parameter}.addresses", 1, 2**16)
        return family, FAMILY_BITS[family] - (count - 1).bit_length()
    if "prefix_length" not in given:
        return family, FAMILY_BITS[family]
    length = integer(given["prefix_length"], f"{parameter}.prefix_length", 1, FAMILY_BITS[6])
    if length > FAMILY_BITS[family]:
        if "family" in given:
            raise InvalidInput(f"IPv4 has no /{length}.", parameter=f"{parameter}.prefix_length")
        family = 6
    return family, length


def _confidence(value: Any, parameter: str) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = -1.0
    if isinstance(value, bool) or not 0 <= found <= 1:
        raise InvalidInput(f"'{value}' is not a probability.", parameter=parameter, fix="Give 0 to 1, such as 0.95.")
    return found
