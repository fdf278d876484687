# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode of a whole play: what the tasks before this one would have done, done again in the same transaction.

Check mode rolls every task's transaction back, so that a later task would not know what an earlier one foretold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..ledger.transaction import Transaction
from .allocate import allocate
from .instance_lifecycle import delete
from .instance_requests import read_instance_names, read_instances
from .instances import create
from .lifecycle import release
from .parsing import check_options
from .pools import declare_pools
from .profiles import declare_profiles
from .requests import read_keys, read_requests
from .reservation_requests import read_reservations
from .reservations import reserve

OPTIONS = ("security_profiles", "pools", "requests", "released", "reservations", "instances", "deleted")


def assume(transaction: Transaction, data: Mapping[str, Any], parameter: str = "assume") -> None:
    """Declares, allocates and releases; the caller rolls back.

    Args:
        data: lists as the modules ``security_profile``, ``pool``, ``subnet``, ``reservation`` and ``instance`` take
            them, by the names of ``OPTIONS``.

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
    if lists["reservations"]:
        reserve(transaction, read_reservations(lists["reservations"], f"{parameter}.reservations"))
    for request in read_instances(lists["instances"], f"{parameter}.instances"):
        create(transaction, request)
    for name in read_instance_names(lists["deleted"], f"{parameter}.deleted"):
        delete(transaction, name)
