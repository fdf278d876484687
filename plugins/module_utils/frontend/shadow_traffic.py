# SPDX-License-Identifier: GPL-3.0-or-later
"""Counters of packets towards shadow addresses, in an nftables table of their own on a Linux node.

Each prefix is an element with a counter in two sets: one that all arriving packets meet right before the routing
decision, and one that only packets meet which the node forwards. The difference met an inactive route or a floor.
Nothing here has to change when an instance is activated, and no packet is ever dropped or changed.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, NamedTuple, Union

from ..model.errors import InvalidInput, NodeError, NotFound

TABLE = "shadownet_traffic"
FAMILY = "inet"
KINDS = ("prefixes", "floors")
_SETS = {"prefixes": "reserved", "floors": "floor"}
_SINCE = "counting since "
_PLACES = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin"
_TIMEOUT = 120
# Behind destination NAT (-100), right before the routing decision; and before whatever filters what is forwarded.
_CHAINS = {"arriving": ("prerouting", 300), "forwarding": ("forward", -400)}

Prefix = Union[IPv4Network, IPv6Network]  # noqa: UP007 - ansible-test's pylint knows no other way


class Count(NamedTuple):
    """Packets since counting began: all that arrived for a prefix, and those of them that were forwarded."""

    arrived: int
    forwarded: int


class Traffic(NamedTuple):
    """What a node counted.

    Attributes:
        since: names this run of the counters: another text means that they began anew, with the node or by hand.
        prefixes, floors: counts by prefix. A packet to one of ``prefixes`` is not counted for a floor around it.
        whole: False where somebody has changed the table, so that it must be made again.
    """

    since: str
    prefixes: dict[str, Count]
    floors: dict[str, Count]
    whole: bool = True

    def to_dict(self) -> dict[str, Any]:
        """As modules return it."""
        return {
            "since": self.since,
            **{
                kind: [{"prefix": prefix, **count._asdict()} for prefix, count in getattr(self, kind).items()]
                for kind in KINDS
            },
        }


class TrafficTable:
    """The counters of one node.

    Args:
        netns: name or path of a network namespace of this host; None for the one in which this runs.
    """

    def __init__(self, netns: str | None = None) -> None:
        self._prefix = [] if netns is None else ["nsenter", f"--net={_namespace(netns)}"]

    def read(self) -> Traffic | None:
        """The counters, None where nothing is counted.

        Raises:
            NodeError: there is no ``nft``, or it refuses.
        """
        tables = [item["table"] for item in self._list("tables") if "table" in item]
        if not any((one["family"], one["name"]) == (FAMILY, TABLE) for one in tables):
            return None
        return _parsed(self._list("table", FAMILY, TABLE))

    def count(self, prefixes: Sequence[str], floors: Sequence[str], have: Traffic | None) -> None:
        """Counts for exactly these, in one transaction. What was counted already goes on.

        Args:
            have: what ``read`` returned.

        Raises:
            InvalidInput: one of them is no prefix, or two in one list overlap.
            NodeError: the node refuses; nothing was changed.
        """
        wanted = {"prefixes": checked(prefixes, "prefixes"), "floors": checked(floors, "floors")}
        commands: list[dict[str, Any]] = []
        if have is None or not have.whole:
            if have is not None:
                commands.append({"delete": {"table": {"family": FAMILY, "name": TABLE}}})
            commands += [{"add": item} for item in _frame(_run_name())]
            have = Traffic("", {}, {})
        for kind in KINDS:
            old: dict[str, Count] = getattr(have, kind)
            commands += _elements("delete", kind, [one for one in old if one not in wanted[kind]])
            commands += _elements("add", kind, [one for one in wanted[kind] if one not in old])
        if commands:
            self._nft(["-f", "-"], json.dumps({"nftables": commands}))

    def remove(self) -> None:
        """Counts no longer. Raises NodeError."""
        self._nft(["-f", "-"], json.dumps({"nftables": [{"delete": {"table": {"family": FAMILY, "name": TABLE}}}]}))

    def _list(self, *what: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self._nft(["list", *what]))["nftables"]
        return found

    def _nft(self, arguments: list[str], text: str | None = None) -> str:
        program = shutil.which("nft") or shutil.which("nft", path=_PLACES)
        if program is None:
            raise NodeError(
                "This node has no program nft, which counts the traffic to shadow addresses.",
                fix="Install it, on Debian from the package nftables.",
            )
        try:
            done = subprocess.run(
                [*self._prefix, program, "-j", *arguments],
                input=text,
                capture_output=True,
                text=True,
                check=False,
                timeout=_TIMEOUT,
                env={**os.environ, "LC_ALL": "C"},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NodeError("nft cannot be run.", node_said=str(error)) from None
        if done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise NodeError(
                "nft refuses the counters of the traffic to shadow addresses.",
                node_said=said.splitlines()[0] if said else f"exit status {done.returncode}",
                fix="It takes root (CAP_NET_ADMIN), a kernel with nf_tables, and nftables 1.0 or later.",
            )
        return done.stdout


def checked(texts: Iterable[str], parameter: str) -> list[str]:
    """Distinct prefixes in their canonical form, none inside another.

    Raises:
        InvalidInput: naming the place.
    """
    found: dict[Prefix, str] = {}
    for index, text in enumerate(texts):
        try:
            found[ip_network(str(text).strip())] = f"{parameter}[{index}]"
        except ValueError:
            raise InvalidInput(f"'{text}' is not a prefix.", parameter=f"{parameter}[{index}]") from None
    before: Prefix | None = None
    for one in sorted(found, key=lambda item: (item.version, int(item.network_address), item.prefixlen)):
        same = before is not None and one.version == before.version
        if before is not None and same and int(one.network_address) <= int(before.broadcast_address):
            raise InvalidInput(f"{one} overlaps {before}.", parameter=found[one])
        before = one
    return [str(one) for one in found]


def _namespace(netns: str) -> Path:
    path = Path(netns) if "/" in netns else Path("/run/netns") / netns
    if not path.exists():
        raise NotFound(f"there is no network namespace '{netns}'.", parameter="netns")
    return path


def _run_name() -> str:
    return f"{datetime.now(UTC).isoformat(timespec='seconds').replace('+00:00', 'Z')} {secrets.token_hex(4)}"


def _set_name(kind: str, family: int, chain: str) -> str:
    return f"{_SETS[kind]}{family}_{chain}"


def _frame(run: str) -> list[dict[str, Any]]:
    """Table, sets, chains and rules, without elements. The sets of what arrived come first, so that they are read
    first: a packet that comes between the two readings may be missing, but is never taken for one that was stopped."""
    place = {"family": FAMILY, "table": TABLE}
    items: list[dict[str, Any]] = [{"table": {"family": FAMILY, "name": TABLE}}]
    for chain in _CHAINS:
        for kind in KINDS:
            for family in (4, 6):
                options: dict[str, Any] = {
                    "type": f"ipv{family}_addr",
                    "flags": ["interval"],
                    "stmt": [{"counter": None}],
                }
                items.append({"set": {**place, "name": _set_name(kind, family, chain), **options}})
    for chain, (hook, priority) in _CHAINS.items():
        options = {"type": "filter", "hook": hook, "prio": priority, "policy": "accept"}
        items.append({"chain": {**place, "name": chain, **options}})
        rules: list[dict[str, Any]] = [_rule(chain, kind, family) for kind in KINDS for family in (4, 6)]
        if chain == "arriving":
            # What ends here by its hop limit would be taken for stopped.
            rules = [_expiring("ip", "ttl"), _expiring("ip6", "hoplimit"), *rules]
            rules[0]["comment"] = f"{_SINCE}{run}"
        items += [{"rule": {**place, "chain": chain, **rule}} for rule in rules]
    return items


def _expiring(protocol: str, field: str) -> dict[str, Any]:
    left = {"payload": {"protocol": protocol, "field": field}}
    return {"expr": [{"match": {"op": "<=", "left": left, "right": 1}}, {"accept": None}]}


def _rule(chain: str, kind: str, family: int) -> dict[str, Any]:
    left = {"payload": {"protocol": "ip" if family == 4 else "ip6", "field": "daddr"}}
    right = f"@{_set_name(kind, family, chain)}"
    return {"expr": [{"match": {"op": "==", "left": left, "right": right}}, {"accept": None}]}


def _elements(verb: str, kind: str, prefixes: Sequence[str]) -> list[dict[str, Any]]:
    commands = []
    for family in (4, 6):
        elements = [_element(one) for one in prefixes if (":" in one) == (family == 6)]
        for chain in _CHAINS if elements else ():
            place = {"family": FAMILY, "table": TABLE, "name": _set_name(kind, family, chain)}
            commands.append({verb: {"element": {**place, "elem": elements}}})
    return commands


def _element(prefix: str) -> Any:
    address, _slash, length = prefix.partition("/")
    return {"prefix": {"addr": address, "len": int(length)}}


def _parsed(items: Sequence[Mapping[str, Any]]) -> Traffic:
    sets = {item["set"]["name"]: _counters(item["set"].get("elem", ())) for item in items if "set" in item}
    since = next(
        (
            comment.removeprefix(_SINCE)
            for item in items
            if (comment := item.get("rule", {}).get("comment", "")).startswith(_SINCE)
        ),
        "",
    )
    whole = _shape(items) == _shape(_frame(""))
    found: dict[str, dict[str, Count]] = {}
    for kind in KINDS:
        found[kind] = {}
        for family in (4, 6):
            arrived = sets.get(_set_name(kind, family, "arriving"), {})
            forwarded = sets.get(_set_name(kind, family, "forwarding"), {})
            whole = whole and arrived.keys() == forwarded.keys()
            for prefix, number in arrived.items():
                found[kind][prefix] = Count(number, forwarded.get(prefix, 0))
    return Traffic(since, found["prefixes"], found["floors"], whole)


def _counters(elements: Iterable[Any]) -> dict[str, int]:
    found = {}
    for one in elements:
        inner = one.get("elem", one) if isinstance(one, dict) else one
        value = inner.get("val", inner) if isinstance(inner, dict) else inner
        packets = inner.get("counter", {}).get("packets", 0) if isinstance(inner, dict) else 0
        if isinstance(value, dict) and "prefix" in value:
            found[f"{value['prefix']['addr']}/{value['prefix']['len']}"] = packets
        elif isinstance(value, dict) and "range" in value:
            found["-".join(value["range"])] = packets
        else:
            found[f"{value}/{128 if ':' in str(value) else 32}"] = packets
    return found


def _shape(items: Sequence[Mapping[str, Any]]) -> set[str]:
    """Everything but elements, counters and handles, as text that can be compared."""
    skipped = ("handle", "elem", "comment")
    found = set()
    numbers: dict[str, int] = {}
    for item in items:
        for word, value in item.items():
            if word in ("set", "chain", "rule"):
                kept = {key: part for key, part in value.items() if key not in skipped}
                if word == "rule":
                    kept["number"] = numbers[value["chain"]] = numbers.get(value["chain"], 0) + 1
                found.add(json.dumps({word: kept}, sort_keys=True))
    return found
