# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets and octets that each entry of each access list matched, on all interfaces together."""

from __future__ import annotations

from collections.abc import Iterator

from ..plugins.module_utils.frontend.netlink import nft_table
from ..plugins.module_utils.frontend.netlink.access import list_of_chain
from ..plugins.module_utils.frontend.netlink.nft_rules import counts
from ..plugins.module_utils.frontend.netlink.wire import NETLINK_NETFILTER, KernelRefused, Wire
from ..plugins.module_utils.model.errors import NodeError

Counters = dict[str, dict[str, list[int]]]
"""Access list to entry to [packets, octets]; the default action under the name of no entry, ``""``."""


def read_counters(netns: str | None = None) -> Counters:
    """The counters of all access lists; empty where the kernel has no nf_tables. Needs CAP_NET_ADMIN.

    Raises:
        NodeError: they cannot be read.
    """
    found: Counters = {}
    try:
        wire = Wire(NETLINK_NETFILTER, netns)
    except OSError:
        return found
    try:
        for name, entry, numbers in _rules(wire):
            found.setdefault(name, {})[entry] = numbers
    except (KernelRefused, OSError) as refused:
        raise NodeError("The counters of access lists cannot be read.", node_said=str(refused)) from None
    finally:
        wire.close()
    return found


def _rules(wire: Wire) -> Iterator[tuple[str, str, list[int]]]:
    table = nft_table.read(wire)
    for chain_name, chain in table.chains.items() if table is not None else ():
        place = list_of_chain(chain_name)
        if place is None:
            continue
        name, is_default = place
        for rule in chain.rules:
            numbers = counts(rule.raw or b"")
            if numbers is not None:
                yield name, "" if is_default else rule.comment, list(numbers)
