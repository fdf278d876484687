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
    plain = [change for change in changes if _gateway(change) is None]
    others = [change for change in changes if _gateway(change) is not None]
    if any(":" in change.subject["prefix"] for change in others):
        others = _by_dependency(others)
    return plain + others


def _gateway(change: Change) -> str | None:
    found: str | None = (change.after or {}).get("next_hop")
    return found


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
            before = [one for one in holders(_gateway(changes[number]) or "") if one not in ordered and one not in seen]
            seen.add(number)
            if before:  # in a circle whoever was asked first comes last
                waiting += before
            else:
                ordered.setdefault(waiting.pop())
    return [changes[number] for number in ordered]
