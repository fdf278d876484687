# SPDX-License-Identifier: GPL-3.0-or-later
"""One nf_tables table: reading all of it, and making it another in a single transaction."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...model.errors import NodeError
from .nft_rules import Expression, pack_expressions, read_verdict, unpack_expressions, verdict
from .wire import ACK, APPEND, CREATE, REQUEST, KernelRefused, Wire, nest, pack, pack_text, parse, text

TABLE = "shadownet"
_INET = 1
_SUBSYSTEM = 10 << 8
_NEWTABLE, _GETTABLE, _DELTABLE = 0, 1, 2
_NEWCHAIN, _GETCHAIN, _DELCHAIN = 3, 4, 5
_NEWRULE, _GETRULE, _DELRULE = 6, 7, 8
_NEWSET, _GETSET, _DELSET = 9, 10, 11
_NEWSETELEM, _GETSETELEM, _DELSETELEM = 12, 13, 14
_BATCH_BEGIN, _BATCH_END = 16, 17
_HOOK_FORWARD, _PRIORITY_FILTER = 2, 0
_VERDICT_TYPE, _IFNAME_TYPE, _IFNAME_SIZE = 0xFFFFFF00, 41, 16
_MAP = 0x8
_COMMENT = 0
# The program nft wants to know the order of a key's octets (libnftnl's udata: 0 key, 1 data; 1 means host order).
_MAP_USERDATA = b"\0\4" + struct.pack("=I", 1) + b"\1\4" + bytes(4)
_NO_SUPPORT = (errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.EINVAL, errno.EAFNOSUPPORT)

Hook = tuple[str, int, int, int]
"""Type, hook number, priority, policy of a base chain."""

FORWARD_HOOK: Hook = ("filter", _HOOK_FORWARD, _PRIORITY_FILTER, 1)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; ``raw`` is the kernel's own form with the counter, to put it back as it was."""

    expressions: tuple[Expression, ...]
    comment: str = ""
    raw: bytes | None = field(default=None, compare=False)
    handle: int = field(default=0, compare=False)


@dataclass(slots=True)
class Chain:
    """One chain; ``hook`` is None unless it is a base chain."""

    hook: Hook | None = None
    rules: list[Rule] = field(default_factory=list)


@dataclass(slots=True)
class Table:
    """Everything in the table: chains, verdict maps by interface name (name → element → (code, chain)), and the names
    of sets that we never make."""

    flags: int = 0
    chains: dict[str, Chain] = field(default_factory=dict)
    maps: dict[str, dict[str, tuple[int, str]]] = field(default_factory=dict)
    strange: tuple[str, ...] = ()


def _header(number: int = 0) -> bytes:
    return struct.pack(">BBH", _INET, 0, number)


def _number(kind: int, value: int) -> bytes:
    return pack(kind, struct.pack(">I", value))


def read(wire: Wire) -> Table | None:
    """The table as the kernel has it, None when it is not there or the kernel has no nf_tables.

    Raises:
        KernelRefused: it cannot be read.
    """
    try:
        answer = wire.get(_SUBSYSTEM | _GETTABLE, _header() + pack_text(1, TABLE))
    except KernelRefused as refused:
        if refused.code in _NO_SUPPORT:
            return None
        raise
    if answer is None:
        return None
    table = Table(flags=int.from_bytes(parse(answer, 4).get(2, b""), "big"))
    for attributes in _dump(wire, _GETCHAIN, b""):
        if text(attributes.get(1, b"")) == TABLE:
            table.chains[text(attributes[3])] = Chain(_hook(attributes))
    for attributes in _dump(wire, _GETRULE, pack_text(1, TABLE)):
        chain = table.chains.get(text(attributes.get(2, b"")))
        if text(attributes.get(1, b"")) == TABLE and chain is not None:
            raw = attributes.get(4, b"")
            handle = int.from_bytes(attributes.get(3, b""), "big")
            comment = _comment(attributes.get(7, b""))
            chain.rules.append(Rule(tuple(unpack_expressions(raw)), comment, raw, handle))
    for attributes in _dump(wire, _GETSET, pack_text(1, TABLE)):
        _read_set(wire, table, attributes)
    return table


def _dump(wire: Wire, kind: int, body: bytes) -> Iterator[dict[int, bytes]]:
    for data, start, end in wire.dump(_SUBSYSTEM | kind, _header() + body):
        yield parse(data, start + 4, end)


def _hook(attributes: dict[int, bytes]) -> Hook | None:
    if 4 not in attributes:
        return None
    hook = parse(attributes[4])
    priority = int.from_bytes(hook.get(2, b""), "big", signed=True)
    policy = int.from_bytes(attributes.get(5, b""), "big")
    return text(attributes.get(7, b"")), int.from_bytes(hook.get(1, b""), "big"), priority, policy


def _comment(userdata: bytes) -> str:
    at = 0
    while at + 2 <= len(userdata):
        kind, size = userdata[at], userdata[at + 1]
        if kind == _COMMENT:
            return text(userdata[at + 2 : at + 2 + size])
        at += 2 + size
    return ""


def _read_set(wire: Wire, table: Table, attributes: dict[int, bytes]) -> None:
    name = text(attributes.get(2, b""))
    if text(attributes.get(1, b"")) != TABLE:
        return
    numbers = {key: int.from_bytes(attributes.get(key, b""), "big") for key in (3, 5, 6)}
    if numbers[3] & 0x1:  # anonymous: part of a rule
        return
    if numbers[3] != _MAP or numbers[5] != _IFNAME_SIZE or numbers[6] != _VERDICT_TYPE:
        table.strange += (name,)
        return
    elements = table.maps.setdefault(name, {})
    for answer in _dump(wire, _GETSETELEM, pack_text(1, TABLE) + pack_text(2, name)):
        for element in _elements(answer.get(3, b"")):
            key = parse(element.get(1, b"")).get(1, b"")
            elements[text(key)] = read_verdict(element.get(2, b""))


def _elements(data: bytes) -> Iterator[dict[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        size = struct.unpack_from("=H", data, at)[0]
        yield parse(data, at + 4, at + size)
        at += (max(size, 4) + 3) & ~3


class _Messages:
    """A batch under construction."""

    def __init__(self) -> None:
        self.items: list[tuple[int, int, bytes]] = []

    def add(self, kind: int, *parts: bytes, flags: int = 0) -> None:
        self.items.append((_SUBSYSTEM | kind, flags, _header() + pack_text(1, TABLE) + b"".join(parts)))

    def chain(self, name: str, chain: Chain) -> None:
        parts = [pack_text(3, name)]
        if chain.hook is not None:
            kind, hook, priority, policy = chain.hook
            parts.append(nest(4, _number(1, hook), pack(2, struct.pack(">i", priority))))
            parts += [_number(5, policy), pack_text(7, kind)]
        self.add(_NEWCHAIN, *parts, flags=CREATE)

    def rule(self, chain: str, rule: Rule) -> None:
        parts = [pack_text(2, chain)]
        payload = pack_expressions(list(rule.expressions)) if rule.raw is None else rule.raw
        parts.append(pack(4 | 0x8000, payload))
        if rule.comment:
            comment = rule.comment.encode() + b"\0"
            parts.append(pack(7, bytes([_COMMENT, len(comment)]) + comment))
        self.add(_NEWRULE, *parts, flags=CREATE | APPEND)

    def map(self, name: str, number: int) -> None:
        self.add(
            _NEWSET,
            pack_text(2, name),
            _number(3, _MAP),
            _number(4, _IFNAME_TYPE),
            _number(5, _IFNAME_SIZE),
            _number(6, _VERDICT_TYPE),
            _number(7, 0),
            _number(10, number),
            pack(13, _MAP_USERDATA),
            flags=CREATE,
        )

    def elements(self, kind: int, name: str, elements: dict[str, tuple[int, str]]) -> None:
        """At most 200 to a message: the length of an attribute has 16 bits."""
        items = list(elements.items())
        for start in range(0, len(items), 200):
            packed = []
            for key, (code, chain) in items[start : start + 200]:
                value = nest(1, pack(1, key.encode().ljust(_IFNAME_SIZE, b"\0")))
                if kind == _NEWSETELEM:
                    value += nest(2, verdict(code, chain))
                packed.append(nest(1, value))
            flags = CREATE if kind == _NEWSETELEM else 0
            self.add(kind, pack_text(2, name), nest(3, *packed), flags=flags)


def _make_all(batch: _Messages, table: Table) -> None:
    batch.add(_NEWTABLE, _number(2, table.flags), flags=CREATE)
    _fill(batch, Table(), table)


def _fill(batch: _Messages, have: Table, want: Table) -> None:
    for name, chain in want.chains.items():
        if name not in have.chains:
            batch.chain(name, chain)
    for number, name in enumerate(want.maps, 1):
        if name not in have.maps:
            batch.map(name, number)
    for name, chain in want.chains.items():
        old = have.chains.get(name)
        if old is not None and old.rules == chain.rules:
            continue
        if old is not None and old.rules:
            batch.add(_DELRULE, pack_text(2, name))
        for rule in chain.rules:
            batch.rule(name, rule)
    for name, elements in want.maps.items():
        new = {key: value for key, value in elements.items() if have.maps.get(name, {}).get(key) != value}
        if new:
            batch.elements(_NEWSETELEM, name, new)


def _needs_rebuild(have: Table, want: Table) -> bool:
    hooks = any(have.chains[name].hook != chain.hook for name, chain in want.chains.items() if name in have.chains)
    return hooks or have.flags != want.flags or bool(set(have.strange) - set(want.strange))


def transition(have: Table | None, want: Table | None) -> list[tuple[int, int, bytes]]:
    """The messages that make one table another. Chains whose rules stay are left alone, counters included."""
    batch = _Messages()
    if want is None:
        if have is not None:
            batch.add(_DELTABLE)
        return batch.items
    if have is None:
        _make_all(batch, want)
    elif _needs_rebuild(have, want):
        batch.add(_DELTABLE)
        _make_all(batch, want)
    else:
        for name, elements in have.maps.items():
            old = {key: value for key, value in elements.items() if want.maps.get(name, {}).get(key) != value}
            if old:
                batch.elements(_DELSETELEM, name, old)
        going = [name for name in have.chains if name not in want.chains]
        for name in going:
            if have.chains[name].rules:
                batch.add(_DELRULE, pack_text(2, name))
        _fill(batch, have, want)
        for name in have.maps:
            if name not in want.maps:
                batch.add(_DELSET, pack_text(2, name))
        for name in going:
            batch.add(_DELCHAIN, pack_text(3, name))
    return batch.items


def commit(wire: Wire, items: list[tuple[int, int, bytes]]) -> None:
    """Sends messages as one transaction.

    Raises:
        KernelRefused: nothing was changed.
        NodeError: this kernel has no nf_tables.
    """
    if not items:
        return
    first = wire.reserve(len(items) + 2)
    header = struct.Struct("=IHHII").pack
    batch_header = struct.pack(">BBH", 0, 0, 10)
    messages = [header(20, _BATCH_BEGIN, REQUEST, first, 0) + batch_header]
    for number, (kind, flags, body) in enumerate(items, 1):
        asked = ACK if number == len(items) else 0
        messages.append(header(16 + len(body), kind, REQUEST | flags | asked, first + number, 0) + body)
    messages.append(header(20, _BATCH_END, REQUEST, first + len(items) + 1, 0) + batch_header)
    try:
        wire.transaction(messages, first)
    except KernelRefused as refused:
        if refused.index < 0 and refused.code in _NO_SUPPORT:
            raise NodeError(
                "This node's kernel has no nf_tables, which access lists need.",
                node_said=refused.words,
                fix="Load or build nf_tables, or leave out access_lists.",
            ) from None
        raise
