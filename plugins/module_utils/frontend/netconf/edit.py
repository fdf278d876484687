# SPDX-License-Identifier: GPL-3.0-or-later
"""What a dialect's edit template is given: one item for each object, with its operation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ...model.node_config import AccessEntry, Interface, NodeConfig
from ..change import Change
from ..diff import route_key
from .canonical import DEFAULT_ENTRY, MARK, PROTOCOL_NUMBERS, family_of
from .dialect import Dialect
from .halves import IN_PART
from .marking import Marking
from .parse import families

_UNMARKED = Marking()
_DIRECTIONS = ("ingress", "egress")


def context(
    changes: Sequence[Change],
    before: NodeConfig,
    dialect: Dialect,
    remove: str = "remove",
    marking: Marking = _UNMARKED,
    shared: Collection[str] = (),
    mixed: bool = True,
) -> dict[str, Any]:
    """The variables of ``edit.xml.j2``.

    Args:
        changes: what is to be done.
        before: what of ours the node has now.
        remove: the operation that removes: ``delete`` for servers of NETCONF 1.0.
        marking: what is done with the mark.
        shared: interfaces that have access lists of others, too.
        mixed: the node has access lists of a type for both families.
    """
    return {
        "remove": remove,
        "mixed": mixed,
        "mark": marking.text,
        "unmark": marking.remove,
        "marked": marking.stays,
        "interfaces": _interfaces(changes, before, dialect, remove),
        "routes": _routes(changes, remove),
        "no_route_left": _no_route_left(changes, before),
        "access_lists": [_access_list(change, remove) for change in changes if change.kind == "access_list"],
        "attachments": _attachments(changes, before, remove, shared),
    }


def _interfaces(changes: Sequence[Change], before: NodeConfig, dialect: Dialect, remove: str) -> list[dict[str, Any]]:
    have = {item.name: item for item in before.interfaces}
    items: dict[str, dict[str, Any]] = {}
    standing: dict[str, set[str]] = {}
    for change in changes:
        if change.kind not in ("interface", "address"):
            continue
        name = change.key if change.kind == "interface" else change.subject["interface"]
        there = standing.setdefault(name, set(have[name].addresses if name in have else ()))
        item = items.setdefault(name, _empty(name))
        if change.kind == "address":
            if item["op"] != remove:
                _add_address(item["addresses"], _address(change, remove))
            (there.add if change.after is not None else there.discard)(change.subject["address"])
        elif change.after is None:
            there.clear()
            item.update(_empty(name), op=remove)
        else:
            item["op"] = "replace" if item["op"] == remove else "merge"
            _set(item, change, dialect)
    for name, item in items.items():
        if item["op"] != remove:
            _set_mtu(item, have.get(name), changes, standing[name])
    return list(items.values())


def _empty(name: str) -> dict[str, Any]:
    base, _dot, unit = name.rpartition(".")
    is_unit = bool(base) and unit.isdecimal()
    return {
        "name": name,
        "base": base if is_unit else name,
        "unit": unit if is_unit else None,
        "op": "merge",
        "type": None,
        "description": None,
        "enabled": None,
        "vlan_id": None,
        "parent": None,
        "mtu": {4: None, 6: None},
        "mtu_value": None,
        "addresses": [],
    }


def _set(item: dict[str, Any], change: Change, dialect: Dialect) -> None:
    after, old = change.after or {}, change.before or {}
    if change.op == "add" or after.get("description") != old.get("description"):
        item["description"] = f"{MARK}{after.get('description', '')}"
    if change.op == "add" or after["enabled"] != old.get("enabled"):
        item["enabled"] = after["enabled"]
    item["mtu_value"] = after.get("mtu")
    if change.op == "add":
        item["type"] = dialect.types.get(after["type"], after["type"])
        item["vlan_id"], item["parent"] = after.get("vlan_id"), after.get("parent")


def _set_mtu(item: dict[str, Any], have: Interface | None, changes: Sequence[Change], addresses: set[str]) -> None:
    """Sets the MTU of each family that the interface will use, where it changes or the family is new."""
    touched = any(change.kind == "interface" and change.key == item["name"] for change in changes)
    old = have.mtu if have is not None and item["op"] == "merge" else None
    value = item["mtu_value"] if touched else old
    if value is None:
        return
    known = families(have.addresses) if have is not None and value == old else []
    for family in families(addresses):
        if family not in known:
            item["mtu"][family] = value


def _add_address(addresses: list[dict[str, Any]], address: dict[str, Any]) -> None:
    """Adds an item; one host address cannot be removed and made in one edit, so it is replaced."""
    for other in addresses:
        if other["ip"] == address["ip"] and other["gone"] and not address["gone"]:
            other.update(address, op="replace", old_prefix_length=other["prefix_length"])
            return
    addresses.append(address)


def _address(change: Change, remove: str) -> dict[str, Any]:
    host, _slash, length = change.subject["address"].partition("/")
    gone = change.after is None
    return {
        "op": remove if gone else "merge",
        "gone": gone,
        "family": 6 if ":" in host else 4,
        "ip": host,
        "prefix_length": int(length),
        "old_prefix_length": None,
    }


def _routes(changes: Sequence[Change], remove: str) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for change in changes:
        if change.kind != "route":
            continue
        subject = change.subject
        prefix = subject["prefix"]
        gone = change.after is None
        if gone and prefix in found:
            continue
        op = remove if gone else "replace" if prefix in found or change.op == "change" else "merge"
        found[prefix] = {
            "op": op,
            "gone": gone,
            "family": 6 if ":" in prefix else 4,
            "prefix": prefix,
            "type": subject["type"],
            "next_hop": subject.get("next_hop"),
            "interface": subject.get("interface"),
        }
    return list(found.values())


def _no_route_left(changes: Sequence[Change], before: NodeConfig) -> bool:
    left = {route.prefix for route in before.routes}
    for change in changes:
        if change.kind == "route":
            (left.discard if change.after is None else left.add)(change.subject["prefix"])
    return not left


def leaves_nothing(changes: Sequence[Change], before: NodeConfig) -> bool:
    """Whether nothing of ours is left after the changes."""
    left = {("interface", item.name) for item in before.interfaces if item.type is not None}
    left |= {("route", route_key(route)) for route in before.routes}
    left |= {("access_list", item.name) for item in before.access_lists}
    left |= {
        ("attachment", f"{item.name} {direction}")
        for item in before.interfaces
        for direction in _DIRECTIONS
        if getattr(item, direction)
    }
    for change in changes:
        if change.kind in ("interface", "route", "access_list", "attachment"):
            (left.discard if change.after is None else left.add)((change.kind, change.key))
    return not left


def _access_list(change: Change, remove: str) -> dict[str, Any]:
    gone = change.after is None
    wanted = change.after or {"entries": [], "default_action": "drop"}
    entries = [_entry(entry) for entry in wanted["entries"]]
    if not gone:
        entries.append(_entry({"name": DEFAULT_ENTRY, "action": wanted["default_action"]}))
    return {"name": change.key, "op": remove if gone else "replace", "gone": gone, "entries": entries}


def _entry(data: Mapping[str, Any]) -> dict[str, Any]:
    entry = AccessEntry(**data)
    protocol = entry.protocol
    number = PROTOCOL_NUMBERS.get(protocol, protocol) if protocol is not None else None
    return {
        "name": entry.name,
        "action": entry.action,
        "family": family_of(entry),
        "protocol": protocol,
        "protocol_number": None if number is None else int(number),
        "source": entry.source,
        "destination": entry.destination,
        "source_port": _port(entry.source_port),
        "destination_port": _port(entry.destination_port),
        "established": entry.established,
    }


def _port(text: str | None) -> dict[str, int] | None:
    if text is None:
        return None
    low, dash, high = text.partition("-")
    return {"low": int(low), "high": int(high if dash else low)}


def _attachments(
    changes: Sequence[Change], before: NodeConfig, remove: str, shared: Collection[str]
) -> list[dict[str, Any]]:
    items: dict[str, dict[str, Any]] = {}
    have = {item.name: item for item in before.interfaces}
    left: dict[str, dict[str, Any]] = {}
    removed = {change.key for change in changes if change.kind == "interface" and change.after is None}
    removed -= {change.key for change in changes if change.kind == "interface" and change.after is not None}
    for change in changes:
        if change.kind != "attachment":
            continue
        subject = change.subject
        name = subject["interface"]
        item = items.setdefault(name, {"interface": name, "op": "merge", "gone": False, "directions": []})
        whole = change.before["access_lists"] if change.before else []
        new = change.after["access_lists"] if change.after else []
        old = [one.removesuffix(IN_PART) for one in whole]
        sets = [{"name": one, "op": remove} for one in old if one not in new]
        sets += [{"name": one, "op": "merge"} for one in new if one not in whole]
        item["directions"].append({"name": subject["direction"], "sets": sets, "lists": new})
        there = {direction: getattr(have.get(name), direction, ()) for direction in _DIRECTIONS}
        left.setdefault(name, there)[subject["direction"]] = new
    for name in removed & set(shared):
        items.setdefault(name, {"interface": name, "op": remove, "gone": True, "directions": []})
    for name, item in items.items():
        # What is left of the attachments of an interface of ours refers to it, and would forbid its removal later.
        ours = name in have and have[name].type is not None
        if name in removed or (ours and name not in shared and not any(left[name].values())):
            item.update(op=remove, gone=True)
    return list(items.values())
