# SPDX-License-Identifier: GPL-3.0-or-later
"""Address space in use, as the ledger keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..model.pool import Block
from .addresses import unpack


class Occupied(NamedTuple):
    """Address space in use. ``name``, ``until`` (milliseconds) and ``last_kind`` belong to quarantine.

    ``holder_id`` is the id of the subnet, reservation or instance that the kind tells of. ``last_kind`` is ``subnet``
    or ``instance``, whatever it rests after; None where that is not known.
    """

    routing_domain_id: int
    block: Block
    pool_id: int
    kind: str
    holder_id: int | None
    name: str | None
    until: int | None
    last_kind: str | None = None

    @property
    def subnet_id(self) -> int | None:
        """Id of the subnet that holds it, None where it is none."""
        return self.holder_id if self.kind == "subnet" else None


OCCUPIED_COLUMNS = "routing_domain_id, family, start, prefix_length, pool_id, kind, holder_id, name, until, last_kind"


def read_occupied(row: Sequence[Any]) -> Occupied:
    """From a row of these columns."""
    return Occupied(row[0], Block(row[1], unpack(row[2]), row[3]), *row[4:10])
