# SPDX-License-Identifier: GPL-3.0-or-later
"""Access list entries as nf_tables expressions, both ways (linux/netfilter/nf_tables.h).

An expression is a tuple of its name and values. What the kernel shows becomes an entry only if that entry compiles
to the same expressions, so that whatever a hand changed shows as a difference.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Any

from ...model.node_config import TCP_FLAGS, AccessEntry
from .names import PROTOCOL_NUMBERS
from .wire import nest, pack, pack_text, pairs, parse, text

Expression = tuple[Any, ...]

ACCEPT: Expression = ("verdict", 1, "")
DROP: Expression = ("verdict", 0, "")
REJECT: Expression = ("reject", 2, 3)  # icmpx, administratively prohibited
ACTIONS = {"accept": ACCEPT, "drop": DROP, "reject": REJECT}
JUMP, GOTO = -3 & 0xFFFFFFFF, -4 & 0xFFFFFFFF
COUNTER: Expression = ("counter",)
META_NFPROTO, META_L4PROTO, META_IIFNAME, META_OIFNAME = 15, 16, 6, 7
_NETWORK, _TRANSPORT = 1, 2
_EQUAL, _NOT_EQUAL, _AT_MOST, _AT_LEAST = 0, 1, 3, 5
_CT_STATE = 0
_ESTABLISHED_OR_RELATED = struct.pack("=I", 2 | 4)
_FLAGS_AT = 13
_OFFSETS = {4: (12, 16), 6: (8, 24)}
_FAMILIES = {4: b"\x02", 6: b"\x0a"}
_REGISTER = 1
_NAMES = {number: name for name, number in PROTOCOL_NUMBERS.items()}


def compile_entry(entry: AccessEntry) -> list[Expression]:
    """The expressions of one entry: matches, counter, action."""
    found: list[Expression] = []
    if entry.established:
        found += [("ct", _CT_STATE), ("bitwise", _ESTABLISHED_OR_RELATED, bytes(4)), ("cmp", _NOT_EQUAL, bytes(4))]
    prefix = entry.source or entry.destination
    if prefix is not None:
        version = 6 if ":" in prefix else 4
        found += [("meta", META_NFPROTO), ("cmp", _EQUAL, _FAMILIES[version])]
    if entry.protocol is not None:
        number = PROTOCOL_NUMBERS[entry.protocol] if entry.protocol in PROTOCOL_NUMBERS else int(entry.protocol)
        found += [("meta", META_L4PROTO), ("cmp", _EQUAL, bytes([number]))]
    for side, prefix in enumerate((entry.source, entry.destination)):
        found += _match_prefix(prefix, side)
    for side, ports in enumerate((entry.source_port, entry.destination_port)):
        found += _match_ports(ports, side)
    if entry.tcp_flags is not None:
        mask = bytes([sum(1 << TCP_FLAGS.index(one) for one in entry.tcp_flags.split(","))])
        found += [("payload", _TRANSPORT, _FLAGS_AT, 1), ("bitwise", mask, b"\0"), ("cmp", _EQUAL, mask)]
    return [*found, COUNTER, ACTIONS[entry.action]]


def _match_prefix(prefix: str | None, side: int) -> list[Expression]:
    if prefix is None:
        return []
    network = ipaddress.ip_network(prefix)
    width = network.max_prefixlen // 8
    found: list[Expression] = [("payload", _NETWORK, _OFFSETS[network.version][side], width)]
    if network.prefixlen < network.max_prefixlen:
        found.append(("bitwise", network.netmask.packed, bytes(width)))
    found.append(("cmp", _EQUAL, network.network_address.packed))
    return found


def _match_ports(ports: str | None, side: int) -> list[Expression]:
    if ports is None:
        return []
    low, _dash, high = ports.partition("-")
    first, last = (struct.pack(">H", int(one)) for one in (low, high or low))
    load: Expression = ("payload", _TRANSPORT, 2 * side, 2)
    if first == last:
        return [load, ("cmp", _EQUAL, first)]
    return [load, ("cmp", _AT_LEAST, first), ("cmp", _AT_MOST, last)]


def read_entry(name: str, expressions: list[Expression]) -> AccessEntry:
    """The entry that compiles to ``expressions``; one with an action that nobody can ask for when there is none."""
    try:
        fields = _fields(expressions)
        entry = AccessEntry(name=name, **fields)
        if compile_entry(entry) == expressions:
            return entry
    except (ValueError, KeyError, IndexError, TypeError, StopIteration):
        pass
    return AccessEntry(name=name, action=f"unknown ({' '.join(str(one[0]) for one in expressions)})")


def _fields(expressions: list[Expression]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    steps = iter(expressions)
    for step in steps:
        if step[0] == "ct":
            found["established"] = True
            next(steps), next(steps)
        elif step == ("meta", META_NFPROTO):
            next(steps)
        elif step == ("meta", META_L4PROTO):
            number = next(steps)[2][0]
            found["protocol"] = _NAMES.get(number, str(number))
        elif step[0] == "payload" and step[1] == _NETWORK:
            key = "source" if step[2] in (8, 12) else "destination"
            found[key] = _read_prefix(next(steps), steps)
        elif step == ("payload", _TRANSPORT, _FLAGS_AT, 1):
            mask = next(steps)[1][0]
            found["tcp_flags"] = ",".join(one for bit, one in enumerate(TCP_FLAGS) if mask >> bit & 1)
            next(steps)
        elif step[0] == "payload" and step[1] == _TRANSPORT:
            key = "source_port" if step[2] == 0 else "destination_port"
            first = next(steps)
            low = int.from_bytes(first[2], "big")
            found[key] = str(low) if first[1] == _EQUAL else f"{low}-{int.from_bytes(next(steps)[2], 'big')}"
        elif step == COUNTER:
            continue
        else:
            found["action"] = next(action for action, known in ACTIONS.items() if known == step)
    return found


def _read_prefix(first: Expression, steps: Any) -> str:
    length = 8 * len(first[2])
    if first[0] == "bitwise":
        length = int.from_bytes(first[1], "big").bit_count()
        first = next(steps)
    return f"{ipaddress.ip_address(first[2])}/{length}"


# The attributes of each expression, in order: how the tuple's values are packed and read back.

_DATA_VALUE, _DATA_VERDICT = 1, 2
_COUNTER_OCTETS, _COUNTER_PACKETS = 1, 2
_LIST_ELEMENT, _EXPRESSION_NAME, _EXPRESSION_DATA = 1, 1, 2


def _number(kind: int, value: int) -> bytes:
    return pack(kind, struct.pack(">I", value))


def _value(kind: int, value: bytes) -> bytes:
    return nest(kind, pack(_DATA_VALUE, value))


def verdict(code: int, chain: str) -> bytes:
    """A verdict as data of an immediate or a map's element."""
    parts = [_number(1, code)] + ([pack_text(2, chain)] if chain else [])
    return nest(_DATA_VERDICT, *parts)


def _pack_one(one: Expression) -> tuple[str, bytes]:
    name = one[0]
    into, out_of = _number(1, _REGISTER), _number(2, _REGISTER)
    if name in ("meta", "ct"):
        data = _number(2, one[1]) + into
    elif name == "cmp":
        data = into + _number(2, one[1]) + _value(3, one[2])
    elif name == "bitwise":
        data = into + out_of + _number(3, len(one[1])) + _number(6, 0) + _value(4, one[1]) + _value(5, one[2])
    elif name == "payload":
        data = into + _number(2, one[1]) + _number(3, one[2]) + _number(4, one[3])
    elif name == "reject":
        data = _number(1, one[1]) + pack(2, bytes([one[2]]))
    elif name == "lookup":
        data = pack_text(1, one[1]) + out_of + _number(3, 0)
    elif name == "verdict":
        name, data = "immediate", _number(1, 0) + nest(2, verdict(one[1], one[2]))
    else:
        data = b""
    return name, data


def pack_expressions(expressions: list[Expression]) -> bytes:
    """The payload of NFTA_RULE_EXPRESSIONS."""
    found = []
    for one in expressions:
        name, data = _pack_one(one)
        found.append(nest(_LIST_ELEMENT, pack_text(_EXPRESSION_NAME, name), nest(_EXPRESSION_DATA, data)))
    return b"".join(found)


def unpack_expressions(data: bytes) -> list[Expression]:
    """The same back from the kernel. What we never write comes as ``("other", name, bytes)``."""
    found = []
    for _kind, element in pairs(data):
        attributes = parse(element)
        name = text(attributes.get(_EXPRESSION_NAME, b""))
        found.append(_unpack_one(name, attributes.get(_EXPRESSION_DATA, b"")))
    return found


def counts(data: bytes) -> tuple[int, int] | None:
    """Packets and octets in the payload of NFTA_RULE_EXPRESSIONS; None for a rule without counter."""
    for _kind, element in pairs(data):
        attributes = parse(element)
        if text(attributes.get(_EXPRESSION_NAME, b"")) == "counter":
            numbers = parse(attributes.get(_EXPRESSION_DATA, b""))
            return _big(numbers, _COUNTER_PACKETS), _big(numbers, _COUNTER_OCTETS)
    return None


def _big(attributes: dict[int, bytes], key: int) -> int:
    return int.from_bytes(attributes.get(key, b""), "big")


def _data(attributes: dict[int, bytes], key: int) -> bytes:
    return parse(attributes.get(key, b"")).get(_DATA_VALUE, b"")


def read_verdict(data: bytes) -> tuple[int, str]:
    """Code and chain in the payload of a data attribute."""
    inner = parse(parse(data).get(_DATA_VERDICT, b""))
    return _big(inner, 1), text(inner.get(2, b""))


def _unpack_one(name: str, data: bytes) -> Expression:
    at = parse(data)
    other: Expression = ("other", name, data)
    one = other
    if name == "meta" and _big(at, 1) == _REGISTER:
        one = ("meta", _big(at, 2))
    elif name == "ct" and _big(at, 1) == _REGISTER and 3 not in at:
        one = ("ct", _big(at, 2))
    elif name == "cmp" and _big(at, 1) == _REGISTER:
        one = ("cmp", _big(at, 2), _data(at, 3))
    elif name == "bitwise" and _big(at, 1) == _big(at, 2) == _REGISTER and _big(at, 6) == 0:
        one = ("bitwise", _data(at, 4), _data(at, 5))
    elif name == "payload" and _big(at, 1) == _REGISTER:
        one = ("payload", _big(at, 2), _big(at, 3), _big(at, 4))
    elif name == "counter":
        one = COUNTER
    elif name == "reject":
        one = ("reject", _big(at, 1), _big(at, 2))
    elif name == "lookup" and _big(at, 2) == _REGISTER and _big(at, 3) == 0 and _big(at, 5) == 0:
        one = ("lookup", text(at.get(1, b"")))
    elif name == "immediate" and _big(at, 1) == 0:
        one = ("verdict", *read_verdict(at.get(2, b"")))
    return one
