# SPDX-License-Identifier: GPL-3.0-or-later
"""Export and import of reservations, instances and floors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..ledger.addresses import format_block
from ..ledger.rows import format_time, to_json
from ..ledger.transaction import Transaction
from ..model.errors import Conflict, InvalidInput, NotFound
from ..model.pool import Block, Pool
from ..model.reservation import DYNAMIC, RESERVED, RESTING, SHADOW, Instance, Reservation, Reserved
from ..model.subnet import ACTIVE, ERROR, PENDING, RELEASING, STATUSES
from .instance_lifecycle import shown as shown_instance
from .instance_requests import read_instance
from .node_space import check_floors, check_prefix
from .parsing import check_name, check_options, choice, integer, parse_prefix
from .pools import named_pool
from .reservation_requests import MOST_INSTANCES, read_reservation
from .reserved import show, told

_STATES = (RESERVED, ACTIVE, RESTING)
_FIELDS = ("name", "workload", "instances", "node", "location", "security_profile", "confidence", "forecast_id")
_RESERVATION = (*_FIELDS, "family", "prefix_length", "pools", "starts_at", "expires_at", "prefixes")
_PREFIX = ("ordinal", "cidr", "pool", "instance", "state")
_WAY = ("node", "interface", "next_hop", "assign", "mac", "gateway", "netns", "instance_interface")
_INSTANCE = ("name", "workload", "cidr", "pool", "source", *_WAY, "location", "security_profile", "status", "leaving")


def export_reservations(transaction: Transaction) -> list[dict[str, Any]]:
    """Reservations with their mapping, by name."""
    found = []
    for item in transaction.reservations(order="name"):
        shown = {key: getattr(item, key) for key in _FIELDS}
        prefixes = [
            {
                "ordinal": one.ordinal,
                "cidr": format_block(one.block),
                "pool": transaction.pool_of(one.pool_id).name,
                "instance": one.predicted,
                "state": one.state,
            }
            for one in transaction.reserved_of(item.id)
        ]
        shown |= {
            "family": f"ipv{item.family}",
            "prefix_length": item.prefix_length,
            "pools": list(item.pools),
            "starts_at": format_time(item.starts_at),
            "expires_at": format_time(item.expires_at),
            "prefixes": [{key: value for key, value in one.items() if value is not None} for one in prefixes],
        }
        found.append({key: value for key, value in shown.items() if value not in (None, [])})
    return found


def export_instances(transaction: Transaction) -> list[dict[str, Any]]:
    """Instances, by name."""
    found = []
    for item in sorted(transaction.instances(), key=lambda one: one.name):
        shown = {key: getattr(item, key) for key in _INSTANCE if hasattr(item, key)}
        shown |= {"cidr": format_block(item.block), "pool": transaction.pool_of(item.pool_id).name}
        shown["status"] = item.status if item.wanted else RELEASING
        found.append({key: shown[key] for key in _INSTANCE if shown[key] is not None})
    return found


def export_floors(transaction: Transaction) -> list[dict[str, str]]:
    """Nodes that have a pool's floors."""
    return [
        {"pool": pool.name, "node": node}
        for pool in transaction.pools().values()
        for node in transaction.floored_nodes(pool.id)
    ]


def import_instance(transaction: Transaction, data: Any, place: str) -> bool:
    """Adds an instance with its address space; False where it is there. Raises as ``import_ledger``."""
    data = check_options(data, _INSTANCE, place)
    block = parse_prefix(data.get("cidr"), f"{place}.cidr")
    options = {key: data[key] for key in ("name", "workload", *_WAY, "location", "security_profile") if key in data}
    request = read_instance({**options, "family": f"ipv{block.family}"}, place)
    status = choice(data.get("status", ACTIVE), f"{place}.status", STATUSES)
    stored = transaction.instance_named(request.name)
    if stored is not None:
        _same_block(stored.block, block, request.name, place)
        return False
    item = Instance(
        name=request.name,
        workload=request.workload,
        source=choice(data.get("source", DYNAMIC), f"{place}.source", (SHADOW, DYNAMIC)),
        pool_id=0,
        block=block,
        node=request.node,
        interface=request.interface,
        next_hop=request.next_hop,
        assign=request.assign,
        mac=request.mac,
        gateway=request.gateway,
        netns=request.netns,
        instance_interface=request.instance_interface,
        location=request.location,
        security_profile=request.security_profile,
        wanted=status != RELEASING,
        created_at=transaction.now,
        updated_at=transaction.now,
    )
    if status == RELEASING and not item.routed:
        raise InvalidInput("only a node can be waited for.", parameter=f"{place}.status", fix="Leave the instance out.")
    if item.routed:
        # What a node carries under another ledger's id must be pushed anew from this one.
        item.status = status if status in (ERROR, RELEASING) else PENDING
        item.reason = "it was so in the ledger that it was exported from" if status == ERROR else None
        item.revision = transaction.next_revision(str(item.node))
    if data.get("leaving") is not None:
        item.leaving = check_name(data["leaving"], f"{place}.leaving")
        item.leaving_revision = transaction.next_revision(item.leaving)
    pool = take(transaction, data.get("pool"), block, place)
    item.pool_id = pool.id
    for option, node in (("node", item.node if item.routed else None), ("leaving", item.leaving)):
        if node is not None:
            check_prefix(transaction, node, pool, block, f"{place}.{option}")
    transaction.save_instance(item)
    transaction.occupy(pool, block, "instance", holder_id=item.id)
    if item.routed and item.source == SHADOW:
        _add_floor(transaction, str(item.node), pool, f"{place}.node")
    transaction.event("instance.imported", "instance", item.name, None, to_json(shown_instance(transaction, item)))
    return True


def import_reservation(transaction: Transaction, data: Any, place: str) -> bool:
    """Adds a reservation with its mapping, once instances and quarantine are there; False where it is there."""
    data = check_options(data, _RESERVATION, place)
    if data.get("starts_at") is None:
        raise InvalidInput("is required.", parameter=f"{place}.starts_at")
    request = read_reservation({key: value for key, value in data.items() if key != "prefixes"}, place)
    prefixes = data.get("prefixes") or []
    if not isinstance(prefixes, list):
        raise InvalidInput("expected a list.", parameter=f"{place}.prefixes")
    if len(prefixes) < request.instances:
        raise InvalidInput(
            f"has {len(prefixes)} prefixes for {request.instances} instances.", parameter=f"{place}.prefixes"
        )
    stored = transaction.reservation_named(request.name)
    if stored is not None:
        held = [one.block for one in transaction.reserved_of(stored.id)]
        wanted = [parse_prefix(one.get("cidr"), f"{place}.prefixes") for one in prefixes if isinstance(one, Mapping)]
        if sorted(held) != sorted(wanted):
            raise Conflict(f"'{request.name}' holds other prefixes in this ledger.", parameter=f"{place}.name")
        return False
    item = Reservation(
        name=request.name,
        workload=request.workload,
        family=request.family,
        prefix_length=request.prefix_length,
        instances=request.instances,
        starts_at=request.starts_at or 0,
        expires_at=request.expires_at,
        pools=list(request.pools),
        node=request.node,
        location=request.location,
        security_profile=request.security_profile,
        confidence=request.confidence,
        forecast_id=request.forecast_id,
        created_at=transaction.now,
        updated_at=transaction.now,
    )
    transaction.save_reservation(item)
    mapped = [
        _import_prefix(transaction, item, one, f"{place}.prefixes[{index}]") for index, one in enumerate(prefixes)
    ]
    if len({one.ordinal for one in mapped}) < len(mapped):
        raise InvalidInput("an ordinal is there twice.", parameter=f"{place}.prefixes")
    transaction.add_reserved(mapped)
    if item.node is not None:
        transaction.next_revision(item.node)
        for pool_id in transaction.pools_reserved(item.id):
            _add_floor(transaction, item.node, transaction.pool_of(pool_id), f"{place}.node")
    after = to_json(told(show(transaction, item)))
    transaction.event("reservation.imported", "reservation", item.name, None, after)
    return True


def import_floor(transaction: Transaction, data: Any, place: str) -> bool:
    """Notes that a node has a pool's floors; False where that is known."""
    data = check_options(data, ("pool", "node"), place)
    pool = named_pool(transaction, str(data.get("pool")), f"{place}.pool")
    node = check_name(data.get("node"), f"{place}.node")
    if pool.kind != "shadow":
        raise InvalidInput("a pool of kind provider has no floors.", parameter=f"{place}.pool")
    if not _add_floor(transaction, node, pool, f"{place}.node"):
        return False
    transaction.next_revision(node)
    return True


def _add_floor(transaction: Transaction, node: str, pool: Pool, place: str) -> bool:
    """Notes that a node has a pool's floors; False where that is known. Raises Conflict, see ``check_floors``."""
    if not transaction.add_floor(node, pool.id):
        return False
    check_floors(transaction, node, pool, place)
    return True


def take(transaction: Transaction, pool_name: Any, block: Block, place: str) -> Pool:
    """Takes a prefix out of a pool's free space. Raises Conflict where it is not free."""
    pool = named_pool(transaction, str(pool_name), f"{place}.pool")
    free = transaction.free_space(pool, block.family)
    length = free.enclosing(block.start, block.prefix_length)
    if length is None:
        raise Conflict(f"{format_block(block)} is not free in pool {pool.name}.", parameter=f"{place}.cidr")
    free.take(block.start, block.prefix_length, length)
    return pool


def _same_block(held: Block, wanted: Block, name: str, place: str) -> None:
    if held != wanted:
        raise Conflict(f"'{name}' holds {format_block(held)} in this ledger.", parameter=f"{place}.name")


def _import_prefix(transaction: Transaction, item: Reservation, data: Any, place: str) -> Reserved:
    data = check_options(data, _PREFIX, place)
    block = parse_prefix(data.get("cidr"), f"{place}.cidr")
    if (block.family, block.prefix_length) != (item.family, item.prefix_length):
        raise InvalidInput("is of another size than the reservation.", parameter=f"{place}.cidr")
    state = choice(data.get("state", RESERVED), f"{place}.state", _STATES)
    predicted = None if data.get("instance") is None else check_name(data["instance"], f"{place}.instance")
    ordinal = integer(data.get("ordinal"), f"{place}.ordinal", 0, 2 * MOST_INSTANCES)
    pool = named_pool(transaction, str(data.get("pool")), f"{place}.pool")
    if pool.kind != "shadow" or block in pool.prefixes:
        raise InvalidInput("no reservation may have that.", parameter=f"{place}.cidr")
    there = transaction.occupied_at(pool.routing_domain_id, block.family, block.start)
    if state == RESTING and (there is None or there.kind != "quarantine"):
        state = RESERVED  # its quarantine is over
    if state == RESERVED:
        take(transaction, pool.name, block, place)
        transaction.occupy(pool, block, "reservation", holder_id=item.id)
    elif there is None or there.block != block or there.kind != ("instance" if state == ACTIVE else "quarantine"):
        raise NotFound(f"nothing there is {state}.", parameter=f"{place}.state")
    elif state == ACTIVE:
        for one in transaction.instances("id = ?", (there.holder_id,)):
            one.reservation_id, one.ordinal = item.id, ordinal
            transaction.save_instance(one)
    return Reserved(item.id, ordinal, pool.id, block, predicted, state)
