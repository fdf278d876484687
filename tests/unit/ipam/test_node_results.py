# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger learns of a node, in whatever order the outcomes of its pushes arrive."""

from __future__ import annotations

from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.records import Node
from ansible_collections.shadownet.ipam.tests.unit.ipam.desk import Desk


def told(desk: Desk, *outcomes: tuple[int, str | None]) -> Node:
    """What is known of fe1, after three revisions were made and these outcomes told: (revision, reason of failure)."""
    desk.pool("p", "10.0.0.0/24")
    for name in "abc":
        desk.get(name, 28, node="fe1")
    with desk.ledger.transaction("test") as transaction:
        transaction.next_revision("fe1")
    for revision, reason in outcomes:
        desk.answer("fe1", revision, reason is None, reason)
    with desk.ledger.snapshot() as transaction:
        return transaction.nodes()["fe1"]


def test_a_good_push_mends_the_failure_before_it(desk: Desk) -> None:
    assert told(desk, (3, "no"), (4, None)) == Node(4, 4)


def test_a_failure_of_the_revision_that_the_node_carries_is_kept(desk: Desk) -> None:
    known = told(desk, (4, None), (4, "drift cannot be repaired"))
    assert (known.applied_revision, known.reason, known.in_sync) == (4, "drift cannot be repaired", False)


def test_a_late_failure_says_nothing_of_what_is_newer(desk: Desk) -> None:
    assert told(desk, (4, None), (2, "late")) == Node(4, 4)


def test_a_late_success_does_not_hide_a_newer_failure(desk: Desk) -> None:
    assert told(desk, (4, "no"), (2, None)) == Node(4, 2, 4, "no")
