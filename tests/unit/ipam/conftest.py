# SPDX-License-Identifier: GPL-3.0-or-later
"""A fresh ledger for each test of the allocator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam import pools
from ansible_collections.shadownet.ipam.tests.unit.ipam.desk import Desk


@pytest.fixture(autouse=True)
def every_address_is_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arithmetic breaks at the first and the last address of all, which only pools that nobody may declare reach."""
    monkeypatch.setattr(pools, "UNUSABLE", ())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An empty ledger; at the end of every test the book must still be right."""
    made = Desk(tmp_path / "ledger.db")
    try:
        yield made
        assert made.problems() == []
    finally:
        made.close()
