# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes in the words of ``ip``, ``tc`` and ``nft``. Nothing of this is run: it is for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...model.units import format_rate
from ..change import Change


def words(changes: Sequence[Change]) -> list[str]:
    """One or more lines for each change, in its order."""
    found: list[str] = []
    for change in changes:
        found += _WORDS[change.kind](change)
    return found


def _link(change: Change) -> list[str]:
    if change.after is None:
        return [f"ip link delete dev {change.key}"]
    wanted, old = change.after, change.before or {}
    found = [_making(wanted)] if change.op == "add" else []
    start = f"ip link set dev {change.key}"
    if change.op == "add" or wanted.get("description") != old.get("description"):
        found.append(f"{start} alias 'shadownet:{wanted.get('description', '')}'")
    if wanted.get("mtu") != old.get("mtu") and wanted.get("mtu"):
        found.append(f"{start} mtu {wanted['mtu']}")
    if wanted.get("bridge") != old.get("bridge"):
        found.append(f"{start} master {wanted['bridge']}" if wanted.get("bridge") else f"{start} nomaster")
    if wanted["enabled"] != old.get("enabled", False):
        found.append(f"{start} {'up' if wanted['enabled'] else 'down'}")
    return found


def _making(wanted: dict[str, Any]) -> str:
    start = f"ip link add name {wanted['name']}"
    kind = wanted["type"]
    if kind in ("macvlan", "vlan") or (kind == "vxlan" and wanted.get("parent")):
        parent = "dev" if kind == "vxlan" else "link"
        if parent == "link":
            start = f"ip link add link {wanted['parent']} name {wanted['name']}"
    found = f"{start} type {kind}"
    if kind == "veth":
        found += f" peer name {wanted['peer']}"
    elif kind == "macvlan":
        found += f" mode {wanted.get('mode') or 'bridge'}"
    elif kind == "vlan":
        found += f" id {wanted['vlan_id']}"
    elif kind == "vxlan":
        found += f" id {wanted['vni']} dstport {wanted.get('port') or 4789}"
        for key, word in (("parent", "dev"), ("local", "local"), ("remote", "remote")):
            found += f" {word} {wanted[key]}" if wanted.get(key) else ""
    return found


def _address(change: Change) -> list[str]:
    what = change.subject
    verb = "add" if change.op == "add" else "delete"
    mark = " proto 201" if change.op == "add" else ""
    return [f"ip address {verb} {what['address']} dev {what['interface']}{mark}"]


def _route(change: Change) -> list[str]:
    found = []
    for verb, route in (("delete", change.before), ("add", change.after)):
        if route is None:
            continue
        kind = "" if route["type"] == "unicast" else f"{route['type']} "
        via = f" via {route['next_hop']}" if route.get("next_hop") else ""
        dev = f" dev {route['interface']}" if route.get("interface") else ""
        metric = f" metric {route['metric']}" if route.get("metric") is not None else ""
        found.append(f"ip route {verb} {kind}{route['prefix']}{via}{dev}{metric} proto 201")
    return found


def _rate(change: Change) -> list[str]:
    name = change.subject["interface"]
    if change.after is None:
        return [f"tc qdisc delete dev {name} root"]
    return [f"tc qdisc replace dev {name} root handle 5ad0: tbf rate {format_rate(change.after['rate_limit'])}"]


def _list(change: Change) -> list[str]:
    chain = f"inet shadownet acl-{change.key}"
    if change.after is None:
        return [f"nft delete chain {chain}"]
    found = [f"nft add chain {chain}" if change.op == "add" else f"nft flush chain {chain}"]
    found += [f"nft add rule {chain} {_entry(entry)}" for entry in change.after["entries"]]
    return [*found, f"nft add rule inet shadownet end-{change.key} counter {change.after['default_action']}"]


def _entry(entry: dict[str, Any]) -> str:
    parts = ["ct state established,related"] if entry.get("established") else []
    family = "ip6" if any(":" in (entry.get(key) or "") for key in ("source", "destination")) else "ip"
    protocol = entry.get("protocol")
    ports = [(entry.get(key), word) for key, word in (("source_port", "sport"), ("destination_port", "dport"))]
    if protocol and not any(value for value, _word in ports) and not entry.get("tcp_flags"):
        parts.append(f"meta l4proto {protocol}")
    parts += [
        f"{family} {word} {entry[key]}"
        for key, word in (("source", "saddr"), ("destination", "daddr"))
        if entry.get(key)
    ]
    parts += [f"{protocol} {word} {value}" for value, word in ports if value]
    if entry.get("tcp_flags"):
        flags = entry["tcp_flags"].replace(",", "|")
        parts.append(f"tcp flags & ({flags}) == {flags}")
    return " ".join([*parts, "counter", entry["action"], f'comment "{entry["name"]}"'])


def _attachment(change: Change) -> list[str]:
    what = change.subject
    direction = what["direction"]
    chain = f"{'in' if direction == 'ingress' else 'out'}-{what['interface']}"
    element = f'inet shadownet {direction} {{ "{what["interface"]}" }}'
    if change.after is None:
        return [f"nft delete element {element}", f"nft delete chain inet shadownet {chain}"]
    names = what["access_lists"]
    jumps = [f"nft add rule inet shadownet {chain} jump acl-{name}" for name in names]
    jumps.append(f"nft add rule inet shadownet {chain} goto end-{names[-1]}")
    if change.op == "change":
        return [f"nft flush chain inet shadownet {chain}", *jumps]
    full = f'inet shadownet {direction} {{ "{what["interface"]}" : jump {chain} }}'
    return [f"nft add chain inet shadownet {chain}", *jumps, f"nft add element {full}"]


_WORDS = {
    "interface": _link,
    "address": _address,
    "route": _route,
    "rate_limit": _rate,
    "access_list": _list,
    "attachment": _attachment,
}
