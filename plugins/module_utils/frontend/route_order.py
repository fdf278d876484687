# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes that come, in an order that a node can take: each after those that its gateway may be reached over."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from .change import Change


def in_order(changes: Sequence[Change]) -> list[Change]:
    """Routes without a gateway first, then the others; of those, in IPv6, a route whose prefix holds another's gateway
    before that one. Otherwise the order given.

    In IPv4 no gateway is reached over a route that has one itself, and Linux looks past such routes; in IPv6 it looks
    at the most specific one, and refuses if that has a gateway. In this order the answer does not depend on the order
    in which the routes were written down.
    """
    plain: list[Change] = []
    others: list[Change] = []
    six = False
    for change in changes:
        after = change.after or {}
        if "next_hop" in after:
            others.append(change)
            six = six or ":" in after["prefix"]
        else:
            plain.append(change)
    return plain + (_by_dependency(others) if six else others)


def may_bear(changes: Sequence[Change]) -> bool:
    """Whether any of these changes may concern what the gateway of another route is reached over.

    In IPv6 that can be any route, as it may be in the way.
    """
    for change in changes:
        if change.kind in ("interface", "address"):
            return True
        if change.kind == "route":
            for one in (change.before, change.after):
                if one is not None and (":" in one["prefix"] or ("next_hop" not in one and one["type"] == "unicast")):
                    return True
    return False


def _by_dependency(changes: Sequence[Change]) -> list[Change]:
    below: dict[str, list[int]] = {}
    for number, change in enumerate(changes):
        below.setdefault(change.subject["prefix"], []).append(number)
    lengths = sorted({int(prefix.partition("/")[2]) for prefix in below if ":" in prefix})
    known: dict[str, list[int]] = {}
    ordered: dict[int, None] = {}
    seen: set[int] = set()

    def holders(gateway: str) -> list[int]:
        if ":" not in gateway:
            return []
        if gateway not in known:
            bare = ipaddress.IPv6Address(gateway.partition("%")[0])
            holding = (str(ipaddress.ip_network((bare, length), strict=False)) for length in lengths)
            known[gateway] = [number for prefix in holding for number in below.get(prefix, ())]
        return known[gateway]

    for start in range(len(changes)):
        waiting = [start]
        while waiting:
            number = waiting[-1]
            before = [
                one for one in holders(changes[number].subject["next_hop"]) if one not in ordered and one not in seen
            ]
            seen.add(number)
            if before:  # in a circle whoever was asked first comes last
                waiting += before
            else:
                ordered.setdefault(waiting.pop())
    return [changes[number] for number in ordered]
