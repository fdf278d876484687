# SPDX-License-Identifier: GPL-3.0-or-later
"""Between rows of the database and the data classes of the model; and the form in which both are shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from json.encoder import encode_basestring
from typing import Any

from ..model.pool import Block, Pool
from ..model.subnet import Subnet
from .addresses import format_block, pack, unpack

SUBNET_COLUMNS = (
    "id, name, pool_id, family, start, prefix_length, service, addresses, bandwidth, security_profile, location, "
    "node, gateway, labels, expires_at, status, wanted, reason, revision, created_at, updated_at"
)
POOL_COLUMNS = (
    "id, name, kind, routing_domain_id, excluded, location, security_profiles, bandwidth, bandwidth_used, strategy, "
    "quarantine, gateway, lend, workload_cap, dns_servers, turn, cursor4, cursor6"
)


_ENCODER = json.JSONEncoder(separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def to_json(value: Any) -> str:
    """Compact JSON with stable order."""
    return _ENCODER.encode(value)


def labels_json(labels: dict[str, str]) -> str:
    """Labels as ``to_json`` would write them."""
    pairs = [f"{encode_basestring(key)}:{encode_basestring(value)}" for key, value in sorted(labels.items())]
    return f"{{{','.join(pairs)}}}"


def format_time(milliseconds: int | None) -> str | None:
    """ISO 8601 in UTC with zone, to the millisecond."""
    if milliseconds is None:
        return None
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def subnet_row(subnet: Subnet) -> tuple[Any, ...]:
    """Values in the order of ``SUBNET_COLUMNS``."""
    return (
        subnet.id,
        subnet.name,
        subnet.pool_id,
        subnet.block.family,
        pack(subnet.block.start),
        subnet.block.prefix_length,
        subnet.service,
        subnet.addresses,
        subnet.bandwidth,
        subnet.security_profile,
        subnet.location,
        subnet.node,
        subnet.gateway,
        labels_json(subnet.labels),
        subnet.expires_at,
        subnet.status,
        int(subnet.wanted),
        subnet.reason,
        subnet.revision,
        subnet.created_at,
        subnet.updated_at,
    )


def read_subnet(row: Sequence[Any]) -> Subnet:
    """The reverse of ``subnet_row``."""
    return Subnet(
        id=row[0],
        name=row[1],
        pool_id=row[2],
        block=Block(row[3], unpack(row[4]), row[5]),
        service=row[6],
        addresses=row[7],
        bandwidth=row[8],
        security_profile=row[9],
        location=row[10],
        node=row[11],
        gateway=row[12],
        labels=json.loads(row[13]) if row[13] != "{}" else {},
        expires_at=row[14],
        status=row[15],
        wanted=bool(row[16]),
        reason=row[17],
        revision=row[18],
        created_at=row[19],
        updated_at=row[20],
    )


def subnet_event(subnet: Subnet, labels: str | None = None) -> str:
    """What the audit trail keeps of a subnet; as ``to_json`` would write it, but faster: every allocation needs it.

    Args:
        labels: the subnet's labels as JSON, where the caller has them.
    """
    shown = []
    if subnet.addresses:
        shown.append(f'"addresses":{subnet.addresses}')
    if subnet.bandwidth:
        shown.append(f'"bandwidth":{subnet.bandwidth}')
    shown.append(f'"cidr":"{format_block(subnet.block)}"')
    if subnet.expires_at is not None:
        shown.append(f'"expires_at":"{format_time(subnet.expires_at)}"')
    shown.append(f'"id":{subnet.id}')
    if subnet.labels:
        shown.append(f'"labels":{labels or labels_json(subnet.labels)}')
    if subnet.location:
        shown.append(f'"location":{encode_basestring(subnet.location)}')
    if subnet.node:
        shown.append(f'"node":{encode_basestring(subnet.node)}')
    shown.append(f'"pool_id":{subnet.pool_id}')
    if subnet.reason:
        shown.append(f'"reason":{encode_basestring(subnet.reason)}')
    if subnet.security_profile:
        shown.append(f'"security_profile":{encode_basestring(subnet.security_profile)}')
    if subnet.service:
        shown.append(f'"service":{encode_basestring(subnet.service)}')
    shown.append(f'"status":"{subnet.status}"')
    return f"{{{','.join(shown)}}}"


def pool_row(pool: Pool) -> tuple[Any, ...]:
    """Values in the order of ``POOL_COLUMNS``."""
    return (
        pool.id,
        pool.name,
        pool.kind,
        pool.routing_domain_id,
        to_json(pool.excluded),
        pool.location,
        to_json(pool.security_profiles),
        pool.bandwidth,
        pool.bandwidth_used,
        pool.strategy,
        pool.quarantine,
        pool.gateway,
        int(pool.lend),
        pool.workload_cap,
        to_json(pool.dns_servers),
        pool.turn,
        pack(pool.cursors[4]),
        pack(pool.cursors[6]),
    )


def read_pool(row: Sequence[Any], routing_domain: str, prefixes: list[Block]) -> Pool:
    """The reverse of ``pool_row``, with what lies in other tables."""
    return Pool(
        id=row[0],
        name=row[1],
        kind=row[2],
        routing_domain_id=row[3],
        routing_domain=routing_domain,
        prefixes=prefixes,
        excluded=json.loads(row[4]),
        location=row[5],
        security_profiles=json.loads(row[6]),
        bandwidth=row[7],
        bandwidth_used=row[8],
        strategy=row[9],
        quarantine=row[10],
        gateway=row[11],
        lend=bool(row[12]),
        workload_cap=row[13],
        dns_servers=json.loads(row[14]),
        turn=row[15],
        cursors={4: unpack(row[16]), 6: unpack(row[17])},
    )
