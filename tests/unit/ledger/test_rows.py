# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written by hand for speed is what the JSON encoder writes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.addresses import format_block
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.rows import format_time, subnet_event, to_json
from ansible_collections.shadownet.ipam.plugins.module_utils.model.pool import Block
from ansible_collections.shadownet.ipam.plugins.module_utils.model.subnet import STATUSES, Subnet

TEXT = st.none() | st.text()
NUMBER = st.none() | st.integers(0, 2**62)
BLOCKS = st.sampled_from((Block(4, 0, 0), Block(4, 0xC0A80180, 25), Block(4, 2**32 - 1, 32), Block(6, 2**127, 64)))


@given(
    subnet=st.builds(
        Subnet,
        name=st.text(),
        pool_id=st.integers(1),
        block=BLOCKS,
        service=TEXT,
        addresses=NUMBER,
        bandwidth=NUMBER,
        security_profile=TEXT,
        location=TEXT,
        node=TEXT,
        labels=st.dictionaries(st.text(), st.text()),
        expires_at=st.none() | st.integers(0, 2**42),
        status=st.sampled_from(STATUSES),
        reason=TEXT,
        id=st.integers(0),
    )
)
def test_a_subnets_event_is_compact_json_in_order_of_keys_without_what_is_empty(subnet: Subnet) -> None:
    keys = ("service", "addresses", "bandwidth", "security_profile", "location", "node", "labels", "reason")
    expected: dict[str, Any] = {key: getattr(subnet, key) for key in keys if getattr(subnet, key)}
    expected |= {"id": subnet.id, "pool_id": subnet.pool_id, "cidr": format_block(subnet.block)}
    expected["status"] = subnet.status
    if subnet.expires_at is not None:
        expected["expires_at"] = format_time(subnet.expires_at)
    assert subnet_event(subnet) == to_json(expected)
    assert subnet_event(subnet, to_json(subnet.labels)) == to_json(expected)
