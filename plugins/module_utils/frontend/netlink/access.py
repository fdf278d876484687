# SPDX-License-Identifier: GPL-3.0-or-later
"""Access lists in the table ``inet shadownet``.

::

    map ingress { "sn1" : jump in-sn1 }      map egress { "sn1" : jump out-sn1 }
    chain forward-in  { type filter hook forward; iifname vmap @ingress }
    chain forward-out { type filter hook forward; oifname vmap @egress }
    chain in-sn1   { jump acl-web; jump acl-base; goto end-base }    the lists of one interface, in order
    chain acl-web  { tcp dport 80 counter accept; ... }              the entries of one list
    chain end-base { counter drop }                                  its default action

Two base chains, because ``accept`` ends only the chain of its own hook registration: a packet from one subnet to
another passes the first one's ingress lists and then the second one's egress lists. A list that several interfaces
use is there once. The default action of the last list of an interface decides when no entry did; those of the lists
before it are not used there.
"""

from __future__ import annotations

import re
from typing import Any

from ...model.node_config import AccessEntry, AccessList
from .nft_rules import (
    ACTIONS,
    COUNTER,
    GOTO,
    JUMP,
    META_IIFNAME,
    META_OIFNAME,
    compile_entry,
    read_entry,
)
from .nft_table import FORWARD_HOOK, Chain, Rule, Table

Attachments = dict[tuple[str, str], tuple[str, ...]]
"""(interface, ``ingress`` or ``egress``) to names of lists."""

_BASE = {"ingress": ("forward-in", META_IIFNAME), "egress": ("forward-out", META_OIFNAME)}
_SHORT = {"ingress": "in", "egress": "out"}
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+\Z")
_STRANGE = "(nft) "
BY_HAND = ("(nft) by hand",)
"""What an attachment reads as that does not work as ``compile_table`` makes it."""


def _chain(prefix: str, name: str) -> str:
    """A chain name that the program nft can read; other names than plain ones in hexadecimal."""
    return f"{prefix}-{name}" if _PLAIN.match(name) else f"{prefix}x-{name.encode().hex()}"


def _unchain(chain: str) -> tuple[str, str]:
    """(prefix, name) of a chain name, ("", chain) if it is none of ours."""
    prefix, dash, rest = chain.partition("-")
    if dash and prefix in ("acl", "end", "in", "out") and _PLAIN.match(rest):
        return prefix, rest
    if dash and prefix in ("aclx", "endx", "inx", "outx"):
        try:
            return prefix[:-1], bytes.fromhex(rest).decode()
        except ValueError:
            pass
    return "", chain


def list_of_chain(chain: str) -> tuple[str, bool] | None:
    """Name of the access list that a chain holds, and whether it is its default action's; None for other chains."""
    prefix, name = _unchain(chain)
    return (name, prefix == "end") if prefix in ("acl", "end") else None


def compile_table(lists: dict[str, AccessList], attached: Attachments, have: Table | None) -> Table | None:
    """The table that enforces ``lists`` where they are ``attached``; None when there is nothing to enforce.

    Args:
        lists: access lists by name. One whose name says that it is somebody's own chain is taken over from ``have``.
        attached: where they apply.
        have: the table as it is.
    """
    attached = {place: names for place, names in attached.items() if names}
    if not lists and not attached:
        return None
    table = Table()
    for direction, (base, field) in _BASE.items():
        table.chains[base] = Chain(FORWARD_HOOK, [Rule((("meta", field), ("lookup", direction)))])
        table.maps[direction] = {}
    for acl in lists.values():
        if have is not None and acl.name.startswith(_STRANGE):
            _keep(table, have, acl.name.removeprefix(_STRANGE))
            continue
        old = have.chains.get(_chain("acl", acl.name)) if have is not None else None
        rules = [_rule(number, entry, old) for number, entry in enumerate(acl.entries)]
        table.chains[_chain("acl", acl.name)] = Chain(None, rules)
        if acl.default_action in ACTIONS:
            table.chains[_chain("end", acl.name)] = Chain(None, [Rule((COUNTER, ACTIONS[acl.default_action]))])
        elif have is not None and (end := have.chains.get(_chain("end", acl.name))) is not None:
            table.chains[_chain("end", acl.name)] = end
    for (interface, direction), names in attached.items():
        chain = _chain(_SHORT[direction], interface)
        if names == BY_HAND:
            _keep_attachment(table, have or Table(), interface, direction)
        else:
            table.chains[chain] = Chain(None, _dispatch(names))
            table.maps[direction][interface] = (JUMP, chain)
    return table


def _keep_attachment(table: Table, have: Table, interface: str, direction: str) -> None:
    chain = _chain(_SHORT[direction], interface)
    code, target = have.maps.get(direction, {}).get(interface, (0, ""))
    for name in (chain, target):
        if name in have.chains and name not in table.chains:
            table.chains[name] = have.chains[name]
    if target in table.chains:
        table.maps[direction][interface] = (code, target)


def _rule(number: int, entry: AccessEntry, old: Chain | None) -> Rule:
    """The rule of an entry; one that only a hand can have made, and that nobody asked to repair, stays as it is."""
    if entry.action in ACTIONS:
        return Rule(tuple(compile_entry(entry)), entry.name)
    if old is not None and number < len(old.rules):
        return old.rules[number]
    return Rule((COUNTER,), entry.name)


def _keep(table: Table, have: Table, name: str) -> None:
    if name in have.chains:
        table.chains[name] = have.chains[name]
    elif name in have.strange:
        table.strange += (name,)


def _dispatch(names: tuple[str, ...]) -> list[Rule]:
    rules = [Rule((("verdict", JUMP, _chain("acl", name)),)) for name in names]
    return [*rules, Rule((("verdict", GOTO, _chain("end", names[-1])),))]


def decode_table(table: Table | None) -> tuple[dict[str, AccessList], Attachments]:
    """What a table enforces in truth: lists by name, and where they apply.

    A dispatch that does not work as ``compile_table`` makes it attaches nothing. Chains and sets that are not ours
    show as lists whose name begins with ``(nft)``.
    """
    lists: dict[str, AccessList] = {}
    attached: Attachments = {}
    if table is None:
        return lists, attached
    for name, chain in table.chains.items():
        prefix, label = _unchain(name)
        if prefix == "acl" and chain.hook is None:
            lists[label] = _decode_list(label, chain, table.chains.get(_chain("end", label)))
        elif _is_strange(table, name, prefix, label):
            lists[_STRANGE + name] = AccessList(_STRANGE + name, (), "unknown")
    for name in (*table.strange, *(name for name in table.maps if name not in _BASE)):
        lists[_STRANGE + name] = AccessList(_STRANGE + name, (), "unknown")
    for direction in _BASE:
        _decode_direction(table, direction, attached)
    return lists, attached


def _is_strange(table: Table, name: str, prefix: str, label: str) -> bool:
    """Whether a chain, acl- chains aside, is none that ``compile_table`` would make beside the others."""
    if prefix == "end":
        return _chain("acl", label) not in table.chains
    if prefix in ("in", "out") and table.chains[name].hook is None:
        return False  # shows as an attachment
    for direction, (base, _field) in _BASE.items():
        if name == base:
            return not table.maps.get(direction) and not _works(table, direction)
    return True


def _works(table: Table, direction: str) -> bool:
    """Whether packets get to the map of a direction, and nowhere else."""
    base, field = _BASE[direction]
    chain = table.chains.get(base)
    look = [Rule((("meta", field), ("lookup", direction)))]
    return table.flags == 0 and chain is not None and chain.hook == FORWARD_HOOK and chain.rules == look


def _decode_list(name: str, chain: Chain, end: Chain | None) -> AccessList:
    entries = []
    for rule in chain.rules:
        label = rule.comment or f"(nft) handle {rule.handle}"
        entries.append(read_entry(label, list(rule.expressions)))
    default = "unknown"
    if end is not None and end.hook is None and len(end.rules) == 1:
        expressions = end.rules[0].expressions
        for action, verdict in ACTIONS.items():
            if expressions == (COUNTER, verdict):
                default = action
    return AccessList(name, tuple(entries), default)


def _decode_direction(table: Table, direction: str, attached: Attachments) -> None:
    working = _works(table, direction)
    for interface, (code, target) in table.maps.get(direction, {}).items():
        names = _decode_dispatch(table, target) if working and code == JUMP else None
        attached[interface, direction] = names or BY_HAND
    for name in table.chains:
        prefix, interface = _unchain(name)
        if prefix == _SHORT[direction]:
            attached.setdefault((interface, direction), BY_HAND)


def _decode_dispatch(table: Table, name: str) -> tuple[str, ...] | None:
    """The lists that a dispatch chain applies; None if it does anything else as well."""
    chain = table.chains.get(name)
    if chain is None or not chain.rules:
        return None
    verdicts = [rule.expressions[0] for rule in chain.rules if len(rule.expressions) == 1]
    names = tuple(_unchain(str(one[2]))[1] for one in verdicts[:-1] if one[0] == "verdict")
    return names if names and chain.rules == _dispatch(names) else None


def from_plain(data: dict[str, Any]) -> AccessList:
    """The access list of a change's ``before`` or ``after``."""
    entries = tuple(AccessEntry(**entry) for entry in data["entries"])
    return AccessList(data["name"], entries, data["default_action"])
