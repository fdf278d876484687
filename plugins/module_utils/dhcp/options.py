# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of ``dhcp_lease``, and what the task does with them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from ..model.errors import InvalidInput
from .compare import compare
from .desk import Change
from .guard import Span, guard, merged, read_prefixes, unguard, unguarded, weaknesses
from .lease import INFINITE, Lease, Owner
from .leases import give_all, take_all
from .registry import DHCP_SERVERS
from .server import DhcpServer

_MOST_TOLD = 10
"""So many leases of others have a warning each."""
STATES = ("present", "absent", "overridden", "guarded", "unguarded", "gathered")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z")
REQUIRED_IF = [
    ("state", "present", ["leases"]),
    ("state", "absent", ["leases"]),
    ("state", "overridden", ["leases", "ledger_id"]),
    ("state", "guarded", ["prefixes"]),
    ("state", "unguarded", ["prefixes"]),
]


def argument_spec() -> dict[str, Any]:
    """For ``AnsibleModule``."""
    lease = {
        "address": {"type": "str", "required": True},
        "mac": {"type": "str"},
        "hostname": {"type": "str"},
        "subnet_id": {"type": "int"},
        "valid_lifetime": {"type": "int"},
        "instance": {"type": "str"},
    }
    return {
        "leases": {"type": "list", "elements": "dict", "options": lease},
        "prefixes": {"type": "list", "elements": "str"},
        "ledger_id": {"type": "str"},
        "state": {"type": "str", "choices": list(STATES), "default": "present"},
        "server": {"type": "str", "choices": list(DHCP_SERVERS), "default": "kea"},
        "socket": {"type": "path"},
        "url": {"type": "str"},
        "username": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "ca_file": {"type": "path"},
        "timeout": {"type": "float", "default": 10.0},
    }


def run(server: DhcpServer, options: Mapping[str, Any], check: bool) -> dict[str, Any]:
    """Does what the options say; the module's result.

    Raises:
        ShadownetError: it cannot be done.
    """
    state, ledger = options["state"], options["ledger_id"]
    prefixes = read_prefixes(options["prefixes"] or [])
    if state == "gathered":
        return {"changed": False, **_gathered(server, prefixes, ledger)}
    if state == "guarded":
        return _guarded(server, prefixes, ledger, check)
    if state == "unguarded":
        spans = unguard(server, prefixes, ledger=ledger, check=check)
        text = "".join(f"{span}\n" for span in spans)
        return {"changed": bool(spans), "unguarded": [str(span) for span in spans], "diff": _diff(text, "")}
    try:
        leases = read_leases(options["leases"], ledger, state != "absent")
    except InvalidInput as error:
        error.name_item(options)
        raise
    if state == "absent":
        return _result(take_all(server, leases, ledger, check))
    drift = []
    if state == "overridden":
        drift = compare(server.leases(), {one.address: one for one in leases}, ledger)
    leaked = [one.found for one in drift if one.kind == "leaked" and one.found is not None]
    changes = give_all(server, leases, leaked, check)
    return {**_result(changes), "drift": [one.to_dict() for one in drift]}


def read_leases(items: Sequence[Mapping[str, Any]], ledger: str | None, complete: bool) -> list[Lease]:
    """Checked leases; ``complete`` says that each needs a hardware address.

    Raises:
        InvalidInput: naming the place, for example ``leases[2].mac``; also for an address that is there twice,
            or a client in one subnet.
    """
    found: dict[str, Lease] = {}
    cards = set()
    for number, item in enumerate(items):
        place = f"leases[{number}]"
        lease = _read_lease(item, place, ledger, complete)
        if lease.address in found:
            raise InvalidInput(f"{lease.address} is there twice.", parameter=f"{place}.address")
        if lease.mac and (lease.mac, lease.subnet_id) in cards:
            raise InvalidInput(
                f"{lease.mac} is there twice; in one subnet a client gets one address.",
                parameter=f"{place}.mac",
                fix="Give each its subnet_id, if these are two subnets.",
            )
        found[lease.address] = lease
        cards.add((lease.mac, lease.subnet_id))
    return list(found.values())


def _read_lease(item: Mapping[str, Any], place: str, ledger: str | None, complete: bool) -> Lease:
    try:
        address = str(IPv4Address(item["address"]))
    except ValueError as error:
        raise InvalidInput(f"{error}.", parameter=f"{place}.address", fix="Give one IPv4 address.") from None
    mac = str(item.get("mac") or "").strip().lower().replace("-", ":")
    if not _MAC.match(mac) and (complete or mac):
        raise InvalidInput(
            f"'{item.get('mac') or ''}' is not a MAC address.", parameter=f"{place}.mac", fix="Write 52:54:00:12:34:56."
        )
    lifetime = item.get("valid_lifetime")
    if lifetime is not None and not 0 < lifetime <= INFINITE:
        raise InvalidInput(f"is not between 1 and {INFINITE} seconds.", parameter=f"{place}.valid_lifetime")
    owner = Owner(
        ledger=ledger,
        instance=item.get("instance") or None,
        hostname=item.get("hostname") or "",
        lifetime=INFINITE if lifetime is None else lifetime,
    )
    return Lease(address=address, mac=mac, subnet_id=item.get("subnet_id"), owner=owner)


def _result(changes: Sequence[Change]) -> dict[str, Any]:
    changed = [one for one in changes if one.changed]
    before = "".join(_line(one.before) for one in changed)
    after = "".join(_line(one.after) for one in changed)
    return {
        "changed": bool(changed),
        "changes": [one.to_dict() for one in changed],
        "left_alone": [{"address": one.address, "reason": one.note} for one in changes if one.note],
        "leases": [one.after.to_dict() for one in changes if one.after is not None],
        "diff": _diff(before, after),
    }


def _line(lease: Lease | None) -> str:
    if lease is None:
        return ""
    owner = lease.owner or Owner()
    if owner.placeholder:
        return f"{lease.address} placeholder\n"
    words = [lease.address, lease.mac, owner.hostname, owner.instance or ""]
    return " ".join(word for word in words if word) + "\n"


def _diff(before: str, after: str) -> dict[str, str]:
    return {"before": before, "after": after}


def _gathered(server: DhcpServer, prefixes: Sequence[IPv4Network], ledger: str | None) -> dict[str, Any]:
    """Leases of ours; with prefixes, only theirs, and where the server could give addresses of theirs to others."""
    if prefixes:
        ranges = [(int(one.network_address), int(one.broadcast_address)) for one in prefixes]
        found = {lease.address: lease for first, last in ranges for lease in server.leases(first, last)}
    else:
        found = {lease.address: lease for lease in server.leases()}
    free, strange = unguarded(server, prefixes, ledger=ledger)
    ours = [lease for lease in found.values() if lease.ours(ledger)]
    return {
        "gathered": [lease.to_dict() for lease in ours if lease.owner and not lease.owner.placeholder],
        "placeholders": sum(1 for lease in ours if lease.owner and lease.owner.placeholder),
        "unguarded": [str(span) for span in free],
        "taken": [lease.to_dict() for lease in strange],
        "weaknesses": weaknesses(server, prefixes) if prefixes else [],
    }


def _guarded(server: DhcpServer, prefixes: Sequence[IPv4Network], ledger: str | None, check: bool) -> dict[str, Any]:
    done = guard(server, prefixes, ledger=ledger, check=check)
    found = weaknesses(server, prefixes)
    text = "".join(f"{span}\n" for span in done.added)
    return {
        "changed": done.changed,
        "guarded": [str(span) for span in done.added],
        "taken": [lease.to_dict() for lease in done.taken],
        "weaknesses": found,
        "diff": _diff("", text),
        "warnings": [*_given_away(done.taken), *found],
    }


def _given_away(taken: Sequence[Lease]) -> list[str]:
    """Warnings about leases that are not ours. What another ledger guards is told as a whole."""
    guarded: dict[str | None, list[Span]] = {}
    words = []
    for lease in taken:
        if lease.owner is not None and lease.owner.placeholder:
            span = Span(lease.subnet_id or 0, lease.number, lease.number)
            guarded.setdefault(lease.owner.ledger, []).append(span)
        else:
            words.append(f"{lease.address} was given away already, to {lease.mac or lease.state}.")
    more = [f"{len(words) - _MOST_TOLD} further addresses were given away already, see taken."]
    return [
        *words[:_MOST_TOLD],
        *(more if len(words) > _MOST_TOLD else []),
        *(
            f"{', '.join(map(str, merged(spans)))}: placeholders of the ledger {ledger} keep them. Two ledgers must "
            "not hand out the same addresses."
            for ledger, spans in guarded.items()
        ),
    ]
