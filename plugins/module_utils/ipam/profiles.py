# SPDX-License-Identifier: GPL-3.0-or-later
"""Security profiles: what traffic a subnet of that profile may have, and the access lists that follow."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..ledger.addresses import format_block
from ..ledger.rows import to_json
from ..ledger.transaction import Transaction
from ..model.errors import InvalidInput
from ..model.node_config import AccessEntry, AccessList, NodeConfig
from ..model.subnet import Subnet
from .parsing import check_distinct, check_name, check_options, flag

OPTIONS = ("name", "inbound", "outbound", "stateful")
ESTABLISHED = "shadownet-established"
"""Name of the rule that a stateful profile begins with."""
LONGEST_RULE_NAME = 100


def declare_profiles(
    transaction: Transaction, items: Sequence[Any], parameter: str = "profiles"
) -> list[dict[str, Any]]:
    """Makes the rules of every profile as declared.

    Returns:
        For each ``name``, ``before`` (None for a new one) and ``after``.

    Raises:
        InvalidInput: naming the rule.
    """
    rules = {}
    places = [f"{parameter}[{index}]" for index in range(len(items))]
    names = []
    for item, place in zip(items, places, strict=True):
        check_options(item, OPTIONS, place)
        names.append(check_name(item.get("name"), f"{place}.name"))
        rules[names[-1]] = _read(item, place)
    check_distinct(names, parameter)
    return [_set(transaction, name, rules[name]) for name in names]


def remove_profiles(transaction: Transaction, names: Sequence[str]) -> list[dict[str, Any]]:
    """Takes the rules of profiles away; their subnets have no access lists then."""
    check_distinct(names, "profiles")
    return [_set(transaction, name, None) for name in names]


def _set(transaction: Transaction, name: str, rules: dict[str, Any] | None) -> dict[str, Any]:
    stored = transaction.profiles().get(name)
    before = None if stored is None else {"name": name, **stored}
    after = None if rules is None else {"name": name, **rules}
    if before != after:
        transaction.set_profile(name, rules)
        kind = "profile.removed" if after is None else "profile.declared" if before is None else "profile.changed"
        sides = [None if side is None else to_json(side) for side in (before, after)]
        transaction.event(kind, "profile", name, *sides)
        for subnet in transaction.subnets("security_profile = ? AND node IS NOT NULL", (name,)):
            transaction.next_revision(subnet.node or "")
    return {"name": name, "before": before, "after": after}


def _read(item: Mapping[str, Any], place: str) -> dict[str, Any]:
    rules: dict[str, Any] = {"stateful": flag(item.get("stateful", True), f"{place}.stateful")}
    for direction in ("inbound", "outbound"):
        entries = item.get(direction)
        if entries is None:
            rules[direction] = None
            continue
        if isinstance(entries, (str, Mapping)) or not isinstance(entries, Sequence):
            raise InvalidInput("expected a list of rules.", parameter=f"{place}.{direction}")
        named = [
            {"name": f"rule-{index + 1}", **{key: value for key, value in entry.items() if value is not None}}
            if isinstance(entry, Mapping)
            else entry
            for index, entry in enumerate(entries)
        ]
        try:
            config = NodeConfig.from_dict({"access_lists": [{"name": "profile", "entries": named}]}, place)
        except InvalidInput as error:
            # The node configuration's words name a place that the user never wrote.
            error.parameter = (error.parameter or place).replace(".access_lists[0].entries", f".{direction}")
            raise
        rules[direction] = config.to_dict()["access_lists"][0]["entries"]
        for index, entry in enumerate(rules[direction]):
            _check_rule_name(entry["name"], f"{place}.{direction}[{index}].name")
    return rules


def _check_rule_name(name: str, parameter: str) -> None:
    """Nodes keep the name as a comment of the rule."""
    if name == ESTABLISHED or not name.isprintable() or len(name.encode(errors="replace")) > LONGEST_RULE_NAME:
        raise InvalidInput(
            f"{name!r} cannot name a rule.",
            parameter=parameter,
            fix=f"Give printable text of at most {LONGEST_RULE_NAME} octets, other than {ESTABLISHED}.",
        )


def access_lists(subnet: Subnet, rules: Mapping[str, Any]) -> tuple[AccessList, AccessList]:
    """The lists of one subnet: for traffic to it and from it.

    Without rules for a direction everything may pass in it; but what leaves a subnet always bears an address
    of that subnet (BCP 38, RFC 2827).
    """
    prefix, family = format_block(subnet.block), subnet.block.family
    allow = [{"name": "any", "action": "accept"}]
    lists = []
    for direction, suffix in (("inbound", "in"), ("outbound", "out")):
        entries = [AccessEntry(ESTABLISHED, "accept", established=True)] if rules["stateful"] else []
        for raw in allow if rules[direction] is None else rules[direction]:
            entry = _for_family(AccessEntry(**raw), family)
            if entry is not None:
                entries.append(entry)
        bound = tuple(one for entry in entries if (one := _bound(entry, direction, prefix)) is not None)
        lists.append(AccessList(f"shadownet-{subnet.interface}-{suffix}", bound, "drop"))
    return lists[0], lists[1]


def _bound(entry: AccessEntry, direction: str, prefix: str) -> AccessEntry | None:
    """The rule for this subnet only; None where it is about other addresses."""
    if direction == "inbound":
        common = _narrowed(entry.destination, prefix)
        return None if common is None else replace(entry, destination=common)
    common = _narrowed(entry.source, prefix)
    return None if common is None else replace(entry, source=common)


def _narrowed(asked: str | None, prefix: str) -> str | None:
    """The part of the subnet that a rule speaks of; None where it speaks of none of it."""
    if asked is None:
        return prefix
    one, other = ipaddress.ip_network(asked), ipaddress.ip_network(prefix)
    if one.version != other.version or not one.overlaps(other):
        return None
    return asked if one.prefixlen > other.prefixlen else prefix


def _for_family(entry: AccessEntry, family: int) -> AccessEntry | None:
    """The rule as it applies to one address family; None where it is about the other one."""
    ends = [end for end in (entry.source, entry.destination) if end is not None]
    if any((":" in end) != (family == 6) for end in ends):
        return None
    if family == 6 and entry.protocol == "icmp":
        return replace(entry, protocol="icmpv6")
    return None if family == 4 and entry.protocol == "icmpv6" else entry
