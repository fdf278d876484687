# SPDX-License-Identifier: GPL-3.0-or-later
"""How subnets are shown to users, and searched; which address of a subnet is whose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..ledger.addresses import format_address, format_block
from ..ledger.rows import format_time
from ..ledger.transaction import Transaction
from ..model.errors import NotFound
from ..model.pool import FAMILY_BITS, Block, Pool
from ..model.subnet import RELEASING, STATUSES, Subnet
from .parsing import check_name, check_options, choice, integer, parse_address, read_text_map

FILTERS = ("names", "ids", "status", "pool", "service", "location", "security_profile", "node", "labels", "address")
_NAMES_AT_ONCE = 500
FIELDS = (
    "name",
    "id",
    "cidr",
    "network",
    "prefix_length",
    "netmask",
    "family",
    "gateway",
    "ip_address",
    "first_host",
    "last_host",
    "dns_servers",
    "pool",
    "node",
    "interface",
    "status",
    "reason",
    "service",
    "addresses",
    "bandwidth",
    "security_profile",
    "location",
    "labels",
    "expires_at",
    "created_at",
    "updated_at",
    "revision",
)


def gateway_address(block: Block) -> int:
    """The subnet's first usable address.

    Point-to-point prefixes use every address (RFC 3021: /31, RFC 6164: /127); elsewhere the first one is the
    network's (IPv4) or the subnet-router anycast address (RFC 4291, section 2.6.1).
    """
    return block.start if block.size <= 2 else block.start + 1


def node_address(block: Block, gateway: str) -> int:
    """The node's own address: the gateway's, or the one after it where the provider's router is the gateway."""
    return gateway_address(block) + (1 if gateway == "router" else 0)


def host_range(block: Block, gateway: str) -> tuple[int, int] | None:
    """First and last address that the service may give to its hosts; None where none is left."""
    first = node_address(block, gateway) + 1
    last = block.last if block.family == 6 or block.size <= 2 else block.last - 1
    return (first, last) if first <= last else None


def show_subnet(subnet: Subnet, pool: Pool, now: int) -> dict[str, Any]:
    """A subnet as modules, lookup and HTTP return it; ``bandwidth`` in bit/s, times in ISO 8601."""
    block = subnet.block
    family, bits = block.family, FAMILY_BITS[block.family]
    hosts = host_range(block, subnet.gateway)
    return {
        "name": subnet.name,
        "id": subnet.id,
        "cidr": format_block(block),
        "network": format_address(family, block.start),
        "prefix_length": block.prefix_length,
        "netmask": format_address(family, (1 << bits) - block.size),
        "family": f"ipv{family}",
        "gateway": format_address(family, gateway_address(block)),
        "ip_address": format_address(family, node_address(block, subnet.gateway)),
        "first_host": format_address(family, hosts[0]) if hosts else None,
        "last_host": format_address(family, hosts[1]) if hosts else None,
        "dns_servers": list(pool.dns_servers),
        "pool": pool.name,
        "node": subnet.node,
        "interface": subnet.interface,
        "status": effective_status(subnet, now),
        "reason": subnet.reason,
        "service": subnet.service,
        "addresses": subnet.addresses,
        "bandwidth": subnet.bandwidth,
        "security_profile": subnet.security_profile,
        "location": subnet.location,
        "labels": dict(subnet.labels),
        "expires_at": format_time(subnet.expires_at),
        "created_at": format_time(subnet.created_at),
        "updated_at": format_time(subnet.updated_at),
        "revision": subnet.revision,
    }


def effective_status(subnet: Subnet, now: int) -> str:
    """The status as of now: an expired subnet is being released, even before a transaction has met it."""
    expired = subnet.wanted and subnet.expires_at is not None and subnet.expires_at <= now
    return RELEASING if expired else subnet.status


def find_subnets(
    transaction: Transaction, filters: Mapping[str, Any], limit: int | None = None
) -> list[dict[str, Any]]:
    """Subnets that meet all filters (those that are None are ignored), in order of id.

    Raises:
        InvalidInput: a filter has no meaning. NotFound: a pool of that name does not exist.
    """
    given = {key: value for key, value in check_options(filters, FILTERS, "filters").items() if value is not None}
    conditions, values = _conditions(transaction, given)
    # Labels and status are settled below, so that a limit can only be applied afterwards.
    late = "labels" in given or "status" in given
    names = [check_name(item, "names") for item in _list(given.get("names", ()))]
    found: list[Subnet] = []
    for at in range(0, max(len(names), 1), _NAMES_AT_ONCE):
        part = names[at : at + _NAMES_AT_ONCE]
        named = [f"name IN ({', '.join('?' * len(part))})"] if "names" in given else []
        where = " AND ".join([*conditions, *named]) or "1 = 1"
        found += transaction.subnets(where, [*values, *part], -1 if late or limit is None else limit)
    found.sort(key=lambda one: one.id)
    if "labels" in given:
        labels = read_text_map(given["labels"], "labels")
        found = [one for one in found if labels.items() <= one.labels.items()]
    shown = [show_subnet(one, transaction.pool_of(one.pool_id), transaction.now) for one in found]
    if "status" in given:
        wanted = {choice(item, "status", STATUSES) for item in _list(given["status"])}
        shown = [one for one in shown if one["status"] in wanted]
    return shown if limit is None else shown[:limit]


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def _conditions(transaction: Transaction, given: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    for key in ("service", "location", "security_profile", "node"):
        if key in given:
            conditions.append(f"{key} = ?")
            values.append(check_name(given[key], key))
    if "ids" in given:
        ids = [integer(item, "ids", 1, 2**62) for item in _list(given["ids"])]
        conditions.append(f"id IN ({', '.join('?' * len(ids))})")
        values += ids
    if "pool" in given:
        if given["pool"] not in transaction.pools():
            raise NotFound(f"there is no pool '{given['pool']}'.", parameter="pool")
        conditions.append("pool_id = ?")
        values.append(transaction.pools()[given["pool"]].id)
    if "address" in given:
        ids = _holders(transaction, given["address"])
        conditions.append(f"id IN ({', '.join('?' * len(ids))})")
        values += ids
    return conditions, values


def _holders(transaction: Transaction, address: Any) -> list[int]:
    """Ids of the subnets, one for each routing domain at most, that hold an address."""
    family, value = parse_address(address, "address")
    domains = {pool.routing_domain_id for pool in transaction.pools().values()}
    held = (transaction.occupied_at(domain, family, value) for domain in domains)
    return [item.subnet_id for item in held if item is not None and item.subnet_id is not None]


def named_subnets(transaction: Transaction, names: Sequence[Any], parameter: str) -> list[dict[str, Any]]:
    """The subnets of these names, in their order.

    Raises:
        NotFound: a name that holds none.
    """
    keys = [check_name(name, f"{parameter}[{index}]") for index, name in enumerate(names)]
    found = transaction.subnets_named(keys)
    missing = [key for key in keys if key not in found]
    if missing:
        raise NotFound(f"no subnet is held by '{missing[0]}'.", parameter=parameter, fix="Request it first.")
    return [show_subnet(found[key], transaction.pool_of(found[key].pool_id), transaction.now) for key in keys]


def count_by_status(transaction: Transaction) -> dict[str, int]:
    """Number of subnets by status."""
    return {**dict.fromkeys(STATUSES, 0), **transaction.count_subnets()}
