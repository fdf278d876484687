# SPDX-License-Identifier: GPL-3.0-or-later
"""How a DHCP server's leases differ from those that a ledger wants: missing, changed, leaked or foreign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..model.errors import Conflict
from .desk import settle
from .lease import Lease


class Finding(NamedTuple):
    """One difference.

    ``kind`` is ``missing`` (wanted, and not there), ``changed`` (there, and not as wanted), ``leaked`` (this ledger's,
    and not wanted) or ``foreign`` (not ours, where one of ours is wanted).
    """

    kind: str
    address: str
    wanted: Lease | None
    found: Lease | None

    def to_dict(self) -> dict[str, Any]:
        """As modules return it."""
        return {
            "kind": self.kind,
            "address": self.address,
            "wanted": None if self.wanted is None else self.wanted.to_dict(),
            "found": None if self.found is None else self.found.to_dict(),
        }


def compare(leases: Iterable[Lease], wanted: Mapping[str, Lease], ledger: str) -> list[Finding]:
    """The differences, in order of address. What others have elsewhere is none, nor are placeholders.

    Args:
        leases: all that the server has.
        wanted: by address.
        ledger: id of the ledger that wants them; leases of other ledgers, or of none, are never leaked.
    """
    found = {lease.address: lease for lease in leases}
    differences = []
    for address, lease in wanted.items():
        there = found.get(address)
        try:
            good = there is not None and settle(there, lease) == there
        except Conflict:
            differences.append(Finding("foreign", address, lease, there))
            continue
        if there is None or (not good and there.owner is not None and there.owner.placeholder):
            differences.append(Finding("missing", address, lease, there))
        elif not good:
            differences.append(Finding("changed", address, lease, there))
    for address, there in found.items():
        owner = there.owner
        if owner is not None and owner.ledger == ledger and not owner.placeholder and address not in wanted:
            differences.append(Finding("leaked", address, None, there))
    return sorted(differences, key=lambda one: (one.wanted or one.found).number)  # type: ignore[union-attr]
