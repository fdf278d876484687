# SPDX-License-Identifier: GPL-3.0-or-later
"""A fresh ledger for each test of the allocator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.tests.unit.ipam.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An empty ledger; at the end of every test the book must still be right."""
    made = Desk(tmp_path / "ledger.db")
    try:
        yield made
        assert made.problems() == []
    finally:
        made.close()
