# SPDX-License-Identifier: GPL-3.0-or-later
"""Where instances have their addresses: what has to be taken back before the ledger forgets that place.

For callers that reach an instance through its node, as the playbooks do: there, a network namespace is the node's, and
the same name on another node is another place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..ledger.transaction import Transaction
from ..model.errors import Conflict
from .instance_lifecycle import MovedInstance

_PLACES = {
    "netlink": ("assign", "address", "node", "netns", "instance_interface", "gateway"),
    "dhcp": ("assign", "address", "mac"),
}
"""By the way to assign, what of a shown instance says where its address is. With ``none`` that is not ours to know."""


def former_places(moved: Iterable[MovedInstance]) -> list[dict[str, Any]]:
    """Instances as they were before, where they no longer have their address by the same way in the same place; those
    that are deleted included."""
    return [
        dict(one.before)
        for one in moved
        if one.before is not None
        and one.before["assign"] in _PLACES
        and (not one.instance.wanted or one.after is None or _place(one.before) != _place(one.after))
    ]


def note_shared_ways(transaction: Transaction, former: Iterable[dict[str, Any]]) -> None:
    """Notes in each of ``former_places`` whether its routes to the gateway are those of another instance, too, which
    has its address at the same interface: ``way_shared``. Then only the address is to be taken back."""
    used: dict[tuple[Any, ...], set[str]] = {}
    for item in transaction.instances("assign = 'netlink' AND wanted = 1 AND gateway IS NOT NULL"):
        way = (item.node, item.netns, item.instance_interface, item.gateway)
        used.setdefault(way, set()).add(item.name)
    for one in former:
        way = tuple(one[key] for key in ("node", "netns", "instance_interface", "gateway"))
        one["way_shared"] = one["assign"] == "netlink" and bool(used.get(way, set()) - {one["name"]})


def refuse_overtaken(former: Iterable[Mapping[str, Any]], taken: Iterable[Mapping[str, Any]]) -> None:
    """Refuses to forget a place from which nobody has taken the address.

    Args:
        former: instances, as ``former_places`` has them.
        taken: the same as it was a while ago; there the addresses were taken back meanwhile.

    Raises:
        Conflict: somebody else has changed an instance since.
    """
    done = {(one.get("name"), _place(one)) for one in taken}
    other = sorted(str(one["name"]) for one in former if (one["name"], _place(one)) not in done)
    if other:
        more = f" and {len(other) - 10} more" if len(other) > 10 else ""
        raise Conflict(
            f"somebody else created or moved {', '.join(other[:10])}{more} since it was looked up; "
            "nothing was changed.",
            parameter="taken",
            fix="Look up again where the address is, and take it from there: run the playbook again.",
        )


def _place(shown: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(shown.get(key) for key in _PLACES.get(str(shown.get("assign")), ("assign",)))
