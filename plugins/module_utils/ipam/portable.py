# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger as plain data (for YAML): export, and import into a ledger by the same rules as any other write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..ledger.addresses import format_block
from ..ledger.rows import format_time, to_json
from ..ledger.transaction import Transaction
from ..model.errors import AllocationRefused, Conflict, InvalidInput
from ..model.subnet import ACTIVE, PENDING, RELEASING, STATUSES, Subnet
from .hold import refuse_held
from .matching import bandwidth_refused
from .node_space import check_prefix
from .parsing import check_distinct, check_name, check_options, choice, integer, parse_prefix, parse_time
from .pools import declare_pools, named_pool, show_pool
from .portable_shadow import (
    export_floors,
    export_instances,
    export_reservations,
    import_floor,
    import_instance,
    import_reservation,
    take,
)
from .profiles import declare_profiles
from .requests import MOST_ADDRESSES, read_request
from .views import show_subnet

FORMAT = 2
FORMATS = (1, 2)
"""Format 1 has no reservations, instances and floors."""

LAST_KINDS = ("subnet", "instance")
"""What a prefix in quarantine rests after; one that does not say rests for nobody in particular."""

_LISTS = ("pools", "security_profiles", "subnets", "quarantine", "instances", "reservations", "floors")
SECTIONS = ("format", "exported_at", *_LISTS)
_SUBNET_OPTIONS = (
    "name",
    "cidr",
    "pool",
    "service",
    "addresses",
    "bandwidth",
    "security_profile",
    "location",
    "node",
    "labels",
    "status",
    "expires_at",
)


def export_ledger(transaction: Transaction) -> dict[str, Any]:
    """Pools, profiles, subnets, quarantine, instances, reservations and floors as plain data, in stable order.

    Subnets on their way out (``releasing``) are exported as they are; times of creation, ids and the audit
    trail are not (a backup keeps those).
    """
    subnets, quarantine = [], []
    for subnet in transaction.subnets():
        shown = show_subnet(subnet, transaction.pool_of(subnet.pool_id), transaction.now)
        # As it is stored: what expired goes its way in the other ledger as it would have here.
        shown["status"] = subnet.status if subnet.wanted else RELEASING
        subnets.append({key: shown[key] for key in _SUBNET_OPTIONS if shown[key] not in (None, {}, [])})
    for pool in transaction.pools().values():
        quarantine += [
            {
                "pool": pool.name,
                "cidr": format_block(item.block),
                "name": item.name,
                **({"kind": item.last_kind} if item.last_kind else {}),
                "until": format_time(item.until),
            }
            for item in transaction.occupied_of(pool)
            if item.kind == "quarantine"
        ]
    return {
        "format": FORMAT,
        "exported_at": format_time(transaction.now),
        "pools": [show_pool(pool) for pool in transaction.pools().values()],
        "security_profiles": [{"name": name, **rules} for name, rules in transaction.profiles().items()],
        "subnets": sorted(subnets, key=lambda item: item["name"]),
        "quarantine": quarantine,
        "instances": export_instances(transaction),
        "reservations": export_reservations(transaction),
        "floors": export_floors(transaction),
    }


def import_ledger(transaction: Transaction, data: Any, parameter: str = "content") -> dict[str, int]:
    """Adds what ``export_ledger`` wrote; what is there already and the same stays as it is.

    Returns:
        Number of entries that were new or changed, by section.

    Raises:
        InvalidInput: not such data. Conflict: a name or a prefix that is in use for something else.
        LedgerHeld: the ledger was restored and not yet reconciled.
    """
    data = check_options(data, SECTIONS, parameter)
    if data.get("format") not in FORMATS:
        raise InvalidInput(f"format {data.get('format')} is not known.", parameter=f"{parameter}.format")
    refuse_held(transaction)
    pools = declare_pools(transaction, _section(data, "pools", parameter), f"{parameter}.pools")
    profiles = declare_profiles(
        transaction, _section(data, "security_profiles", parameter), f"{parameter}.security_profiles"
    )
    subnets = _section(data, "subnets", parameter)
    check_distinct([str(item.get("name")) for item in subnets if isinstance(item, Mapping)], f"{parameter}.subnets")
    return {
        "pools": sum(item["before"] != item["after"] for item in pools),
        "security_profiles": sum(item["before"] != item["after"] for item in profiles),
        "subnets": sum(
            _import_subnet(transaction, item, f"{parameter}.subnets[{index}]") for index, item in enumerate(subnets)
        ),
        "quarantine": sum(
            _import_quarantine(transaction, item, f"{parameter}.quarantine[{index}]", data["format"])
            for index, item in enumerate(_section(data, "quarantine", parameter))
        ),
        **{
            key: sum(
                load(transaction, item, f"{parameter}.{key}[{index}]")
                for index, item in enumerate(_section(data, key, parameter))
            )
            for key, load in _SHADOW.items()
        },
    }


_SHADOW = {"instances": import_instance, "reservations": import_reservation, "floors": import_floor}
"""In this order: a reservation's mapping refers to instances and quarantine."""


def _section(data: Mapping[str, Any], key: str, parameter: str) -> Sequence[Any]:
    value = data.get(key) or []
    if isinstance(value, (str, Mapping)) or not isinstance(value, Sequence):
        raise InvalidInput("expected a list.", parameter=f"{parameter}.{key}")
    return value


def _import_subnet(transaction: Transaction, item: Any, place: str) -> bool:
    item = check_options(item, _SUBNET_OPTIONS, place)
    wanted = {key: item.get(key) for key in ("name", "service", "bandwidth", "security_profile", "location", "node")}
    block = parse_prefix(item.get("cidr"), f"{place}.cidr")
    request = read_request({**wanted, "labels": item.get("labels"), "prefix": format_block(block)}, place)
    status = choice(item.get("status", "active"), f"{place}.status", STATUSES)
    if status == RELEASING and request.node is None:
        raise InvalidInput("only a node can be waited for.", parameter=f"{place}.status", fix="Leave the subnet out.")
    addresses = item.get("addresses")
    stored = transaction.subnets_named([request.name]).get(request.name)
    if stored is not None:
        if stored.block != block:
            raise Conflict(
                f"'{request.name}' holds {format_block(stored.block)} in this ledger.", parameter=f"{place}.name"
            )
        return False
    pool = take(transaction, item.get("pool"), block, place)
    reason = (
        "kind: it is a shadow pool, and does not lend"
        if pool.kind == "shadow" and not pool.lend
        else bandwidth_refused(pool, request.bandwidth or 0)
    )
    if reason is not None:
        raise AllocationRefused("cannot be imported", pools=[(pool.name, reason)], parameter=place)
    if request.node is not None:
        check_prefix(transaction, request.node, pool, block, f"{place}.node")
    expires = item.get("expires_at")
    subnet = Subnet(
        name=request.name,
        pool_id=pool.id,
        block=block,
        service=request.service,
        addresses=None if addresses is None else integer(addresses, f"{place}.addresses", 1, MOST_ADDRESSES),
        bandwidth=request.bandwidth,
        security_profile=request.security_profile,
        location=request.location,
        node=request.node,
        gateway=pool.gateway,
        labels=request.labels,
        expires_at=None if expires is None else parse_time(expires, f"{place}.expires_at"),
        # What a node carries under another ledger's id must be pushed anew from this one.
        status=_imported_status(status, request.node),
        wanted=status != RELEASING,
        revision=0 if request.node is None else transaction.next_revision(request.node),
        created_at=transaction.now,
        updated_at=transaction.now,
    )
    transaction.insert_subnet(subnet, pool, "subnet.imported")
    pool.bandwidth_used += request.bandwidth or 0
    transaction.touch_pool(pool)
    return True


def _imported_status(status: str, node: str | None) -> str:
    """Without a node there is nothing to wait for; on one, what another ledger pushed must be pushed anew."""
    if node is None:
        return ACTIVE
    return PENDING if status == ACTIVE else status


def _import_quarantine(transaction: Transaction, item: Any, place: str, version: int) -> bool:
    item = check_options(item, ("pool", "cidr", "name", "kind", "until"), place)
    name, block = check_name(item.get("name"), f"{place}.name"), parse_prefix(item.get("cidr"), f"{place}.cidr")
    until = parse_time(item.get("until"), f"{place}.until")
    if until <= transaction.now:
        return False
    kind = "subnet" if version == 1 else None
    if item.get("kind") is not None:
        kind = choice(item["kind"], f"{place}.kind", LAST_KINDS)
    pool = named_pool(transaction, str(item.get("pool")), f"{place}.pool")
    there = transaction.occupied_at(pool.routing_domain_id, block.family, block.start)
    if there is not None and (there.block, there.kind, there.name) == (block, "quarantine", name):
        return False
    take(transaction, pool.name, block, place)
    transaction.occupy(pool, block, "quarantine", name=name, until=until, last_kind=kind)
    after = to_json({"pool": pool.name, "last": name, "until": format_time(until)})
    transaction.event("prefix.imported", "prefix", format_block(block), None, after)
    return True
