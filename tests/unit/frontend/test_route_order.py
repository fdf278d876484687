# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which routes are added, against a kernel's rule: what a gateway is reached over must be there."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.change import Change
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.route_order import in_order


def adding(prefix: str, next_hop: str | None = None, **more: str) -> Change:
    after = {"prefix": prefix, "type": "unicast", **({"next_hop": next_hop} if next_hop else {}), **more}
    return Change("add", "route", prefix, after=after)


def test_without_gateways_the_order_given_stays() -> None:
    some = [
        adding("10.2.0.0/16", interface="a"),
        adding("10.1.0.0/16", type="blackhole"),
        adding("::/0", interface="b"),
    ]
    assert in_order(some) == some


def test_a_long_chain_and_a_circle_end() -> None:
    chain = [adding(f"2001:db8:{n:x}::/48", f"2001:db8:{n + 1:x}::1") for n in range(3000)]
    assert in_order(chain) == chain[::-1]
    circle = [adding("2001:db8:1::/48", "2001:db8:2::1"), adding("2001:db8:2::/48", "2001:db8:1::1")]
    assert sorted(one.key for one in in_order(circle)) == ["2001:db8:1::/48", "2001:db8:2::/48"]
    own = [adding("2001:db8:1::/48", "2001:db8:1::1")]
    assert in_order(own) == own


@given(
    st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(0, 5), st.booleans()), unique_by=lambda one: one[0])
)
def test_nothing_comes_before_what_holds_its_gateway(routes: list[tuple[int, int | None, bool]]) -> None:
    # Gateways are of higher numbers only, so that there is no circle.
    some = [
        adding(
            f"2001:db8:{n}::/48" if six else f"10.{n}.0.0/16",
            None if to is None or to <= n else f"2001:db8:{to}::1" if six else f"10.{to}.0.1",
        )
        for n, to, six in routes
    ]
    ordered = in_order(some)
    assert sorted(ordered, key=repr) == sorted(some, key=repr)
    seen: list[Change] = []
    for change in ordered:
        gateway = change.subject.get("next_hop")
        holders = [
            one
            for one in some
            if gateway and ipaddress.ip_address(gateway) in ipaddress.ip_network(one.subject["prefix"])
        ]
        needed = [one for one in holders if ":" in one.key or "next_hop" not in one.subject]
        assert all(one in seen for one in needed)
        seen.append(change)
