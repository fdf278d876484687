# SPDX-License-Identifier: GPL-3.0-or-later
"""Node configurations that a dialect can say, for property tests."""

from __future__ import annotations

import ipaddress
from typing import Any

from hypothesis import strategies as st

WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn"), exclude_characters="\u2028\u2029\ufffe\uffff"),
    min_size=1,
    max_size=20,
).filter(lambda text: text == text.strip())
LABELS = WORDS.filter(str.isprintable)
PORTS = st.integers(0, 65535)


def networks(version: int) -> st.SearchStrategy[str]:
    bits = 32 if version == 4 else 128
    make = ipaddress.IPv4Network if version == 4 else ipaddress.IPv6Network

    def network(pair: tuple[int, int]) -> str:
        value, length = pair
        return str(make((value >> (bits - length) << (bits - length), length)))

    return st.tuples(st.integers(0, 2**bits - 1), st.integers(0, bits)).map(network)


def hosts(version: int) -> st.SearchStrategy[str]:
    make = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    last = 2**32 - 2 if version == 4 else 2**128 - 1
    return st.integers(2**24, last).map(make).filter(lambda host: not host.is_multicast).map(str)


def host_address(host: str, length: int) -> str:
    """The host with a prefix length at which it is not the address of the network itself or of all its hosts."""
    found = ipaddress.ip_interface(f"{host}/{length}")
    network = found.network
    if found.ip in (network.network_address, network.broadcast_address):
        return f"{host}/{network.max_prefixlen}"
    return str(found)


def port_ranges() -> st.SearchStrategy[str | None]:
    pairs = st.tuples(PORTS, PORTS).map(sorted).map(lambda pair: f"{pair[0]}-{pair[1]}")
    return st.none() | PORTS.map(str) | pairs


@st.composite
def entries(draw: st.DrawFn, name: str) -> dict[str, Any]:
    version = draw(st.sampled_from([4, 6, None]))
    found: dict[str, Any] = {"name": name, "action": draw(st.sampled_from(["accept", "drop", "reject"]))}
    if version is not None:
        ends = draw(st.sampled_from([("source",), ("destination",), ("source", "destination")]))
        found.update({end: draw(networks(version)) for end in ends})
    kind = draw(st.sampled_from(["any", "established", "ports", "protocol"]))
    if kind == "established":
        found["established"] = True
    elif kind == "ports":
        found["protocol"] = draw(st.sampled_from(["tcp", "udp"]))
        found["source_port"], found["destination_port"] = draw(PORTS.map(str)), draw(port_ranges())
    elif kind == "protocol" and version is not None:
        icmp = "icmp" if version == 4 else "icmpv6"
        found["protocol"] = draw(st.sampled_from(["tcp", "udp", icmp, "gre", "esp", "sctp", "89"]))
    return {key: value for key, value in found.items() if value is not None}


@st.composite
def configs(draw: st.DrawFn, kinds: tuple[str, ...] = ("bridge",)) -> dict[str, Any]:
    lists = draw(st.lists(LABELS, max_size=2, unique=True).map(lambda names: [f"shadownet-{one}" for one in names]))
    names = draw(st.lists(WORDS, max_size=3, unique=True))
    interfaces = []
    used: set[str] = set()
    for name in names:
        addresses = []
        for version in draw(st.lists(st.sampled_from([4, 6]), max_size=3)):
            host = draw(hosts(version))
            if host not in used:
                used.add(host)
                addresses.append(host_address(host, draw(st.integers(1, 32 if version == 4 else 128))))
        item: dict[str, Any] = {
            "name": name,
            "type": draw(st.sampled_from(kinds)),
            "enabled": draw(st.booleans()),
            "description": draw(st.none() | WORDS),
            "mtu": draw(st.none() | st.integers(1280, 9000)),
            "addresses": addresses,
        }
        for direction in ("ingress", "egress"):
            item[direction] = draw(st.sampled_from([[], *([one] for one in lists)]))
        interfaces.append({key: value for key, value in item.items() if value is not None})
    routes = []
    for version in (4, 6):
        for prefix in draw(st.lists(networks(version), max_size=3, unique=True)):
            route: dict[str, Any] = {"prefix": prefix}
            kind = draw(st.sampled_from(["blackhole", "hop", "interface", "both"]))
            if kind == "blackhole" or (kind != "hop" and not names):
                route["type"] = "blackhole"
            else:
                if kind != "hop":
                    route["interface"] = names[0]
                if kind != "interface":
                    route["next_hop"] = draw(hosts(version))
            routes.append(route)
    acls = [
        {
            "name": name,
            "default_action": draw(st.sampled_from(["accept", "drop", "reject"])),
            "entries": [draw(entries(label)) for label in draw(st.lists(LABELS, max_size=4, unique=True))],
        }
        for name in lists
    ]
    return {"interfaces": interfaces, "routes": routes, "access_lists": acls}
