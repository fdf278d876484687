# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode of a whole play: what the tasks before this one would have done, done again in the same transaction.

Check mode rolls every task's transaction back, so that a later task would not know what an earlier one foretold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..ledger.transaction import Transaction
from .allocate import allocate
from .instance_lifecycle import delete, set_aside
from .instance_requests import read_instance_names, read_instances
from .instances import create
from .lifecycle import node_result, release
from .parsing import check_name, check_options, listed, name_list
from .pools import declare_pools
from .profiles import declare_profiles
from .requests import read_keys, read_requests
from .reservation_requests import read_reservations
from .reservations import reserve, withdraw

OPTIONS = (
    "security_profiles",
    "pools",
    "requests",
    "released",
    "ended",
    "reservations",
    "instances",
    "deleted",
    "refused",
    "confirmed",
)
_REFUSAL = ("node", "routes", "reason")


def assume(transaction: Transaction, data: Mapping[str, Any], parameter: str = "assume") -> None:
    """Declares, allocates and releases; the caller rolls back.

    Args:
        data: lists as the modules ``security_profile``, ``pool``, ``subnet``, ``reservation`` and ``instance`` take
            them, by the names of ``OPTIONS``. ``ended`` are names of reservations, ``refused`` the routes that nodes
            would refuse, as ``node_result`` takes them, and ``confirmed`` nodes that would take all the rest.

    Raises:
        ShadownetError: as those would.
    """
    given = check_options(data, OPTIONS, parameter)
    lists = {key: given.get(key) or [] for key in OPTIONS}
    declare_profiles(transaction, lists["security_profiles"], f"{parameter}.security_profiles")
    declare_pools(transaction, lists["pools"], f"{parameter}.pools")
    if lists["requests"]:
        allocate(transaction, read_requests(lists["requests"], f"{parameter}.requests"))
    if lists["released"]:
        release(transaction, read_keys(lists["released"], f"{parameter}.released"))
    if lists["ended"]:
        withdraw(transaction, name_list(lists["ended"], f"{parameter}.ended"))
    if lists["reservations"]:
        reserve(transaction, read_reservations(lists["reservations"], f"{parameter}.reservations"))
    for request in read_instances(lists["instances"], f"{parameter}.instances"):
        create(transaction, request)
    for name in read_instance_names(lists["deleted"], f"{parameter}.deleted"):
        delete(transaction, name)
    _push(transaction, lists, parameter)


def _push(transaction: Transaction, lists: Mapping[str, Any], parameter: str) -> None:
    """What pushes to the nodes would have led to."""
    for index, item in enumerate(lists["refused"]):
        place = f"{parameter}.refused[{index}]"
        data = check_options(item, _REFUSAL, place)
        routes = [str(route) for route in listed(data.get("routes") or [], f"{place}.routes")]
        set_aside(transaction, check_name(data.get("node"), f"{place}.node"), routes, str(data.get("reason") or ""))
    for node in name_list(lists["confirmed"], f"{parameter}.confirmed"):
        known = transaction.nodes().get(node)
        if known is not None:
            node_result(transaction, node, known.revision, True)
