# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases and the ledger: what the ledger wants of a DHCP server, and repairing what differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..dhcp.compare import Finding, compare
from ..dhcp.desk import give, take
from ..dhcp.guard import Guarded, guard, read_prefixes
from ..dhcp.lease import Lease
from ..dhcp.server import DhcpServer
from ..ipam.dhcp import guarded_prefixes, leased_instances
from ..ledger.ledger import Ledger
from ..ledger.transaction import Transaction
from ..model.errors import Conflict
from .assign_dhcp import wanted_lease


class Leases(NamedTuple):
    """What differed, for which addresses and why it could not be repaired, and what guarding the pools did."""

    findings: list[Finding]
    refused: dict[str, str]
    guarded: Guarded

    @property
    def changed(self) -> bool:
        """Was, or would anything be, repaired?"""
        return self.guarded.changed or any(one.address not in self.refused for one in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """As the manager and modules return it."""
        return {
            "drift": [one.to_dict() for one in self.findings],
            "refused": dict(self.refused),
            "guarded": [span.to_dict() for span in self.guarded.added],
            "taken": [lease.to_dict() for lease in self.guarded.taken],
        }


def wanted_leases(transaction: Transaction, subnet_id: int | None = None) -> dict[str, Lease]:
    """By address, the leases of all instances that get theirs by DHCP."""
    ledger_id = transaction.ledger_id()
    return {item["address"]: wanted_lease(item, ledger_id, subnet_id) for item in leased_instances(transaction)}


def reconcile_leases(
    ledger: Ledger,
    server: DhcpServer,
    *,
    pools: Sequence[str] = (),
    subnet_id: int | None = None,
    check: bool = False,
) -> Leases:
    """Makes the server's leases those that the ledger wants, and guards what the ledger may hand out. What is not ours
    is reported and left alone.

    Safe beside instances that come and go: the server is read first, and the ledger after it, so that an instance of
    which a lease was read is in the ledger, unless it was deleted; and before a lease is taken or given, the ledger is
    asked once more.

    Args:
        pools: provider pools to guard, beside all shadow pools: those from which instances get addresses by DHCP.
        subnet_id: as the instances' leases are given, see ``assign_dhcp.DhcpAssigner``.
        check: only say what differs.

    Raises:
        DhcpError: the server refused, or does not answer.
    """
    leases = list(server.leases())
    with ledger.snapshot() as transaction:
        ledger_id = transaction.ledger_id()
        wanted = wanted_leases(transaction, subnet_id)
        prefixes = read_prefixes(guarded_prefixes(transaction, pools))
    findings = compare(leases, wanted, ledger_id)
    refused = {one.address: "not ours" for one in findings if one.kind == "foreign"}
    # What is too much goes first: an instance's lease at its former address would keep it from its new one.
    for finding in [] if check else sorted(findings, key=lambda one: one.kind != "leaked"):
        try:
            _repair(ledger, server, finding, ledger_id, subnet_id)
        except Conflict as error:
            refused[finding.address] = str(error)
    return Leases(findings, refused, guard(server, prefixes, ledger=ledger_id, check=check))


def _repair(ledger: Ledger, server: DhcpServer, finding: Finding, ledger_id: str, subnet_id: int | None) -> None:
    with ledger.snapshot() as transaction:
        now = wanted_leases(transaction, subnet_id).get(finding.address)
    if now is not None:
        give(server, now)
    elif finding.found is not None and finding.found.owner is not None:
        take(server, finding.address, ledger=ledger_id, instance=finding.found.owner.instance)
