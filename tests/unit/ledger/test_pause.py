# SPDX-License-Identifier: GPL-3.0-or-later
"""The garbage collector pauses during a transaction, and never longer."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger


def test_the_collector_is_on_again_after_a_transaction_however_it_ends(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db", create=True) as ledger:
        with ledger.transaction("test"):
            assert not gc.isenabled()
        assert gc.isenabled()
        with pytest.raises(KeyError), ledger.transaction("test"):
            raise KeyError
        assert gc.isenabled()


def test_a_collector_that_was_off_stays_off(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db", create=True) as ledger:
        gc.disable()
        try:
            with ledger.transaction("test"):
                pass
            assert not gc.isenabled()
        finally:
            gc.enable()
