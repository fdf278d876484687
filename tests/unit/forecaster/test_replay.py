# SPDX-License-Identifier: GPL-3.0-or-later
"""The past days of a report: plans one behind the other, with no slot left out."""

from __future__ import annotations

import numpy as np
import pytest

from ansible_collections.shadownet.ipam.forecaster.decision import Sizing
from ansible_collections.shadownet.ipam.forecaster.forecasting import Forecaster
from ansible_collections.shadownet.ipam.forecaster.replay import replay
from ansible_collections.shadownet.ipam.tests.unit.forecaster.simulated import daily, series

VALUES = daily(672) + np.random.default_rng(4).normal(size=672) * 5


@pytest.mark.parametrize("ahead", [1, 6, 24])
@pytest.mark.parametrize("length", [500, 672])
def test_every_slot_is_there_once(ahead: int, length: int) -> None:
    made = Forecaster(("last_week",))
    known = series(VALUES[:length])
    made.fit(known, 24)
    past, sizing = made.past((0.5, 0.95)), Sizing(10)
    assert past is not None
    found = replay(known, 24, past, ahead, sizing)
    first = int(np.flatnonzero(np.isfinite(found.needed))[0])
    # The first plan that is shown may begin some slots into the week.
    assert first <= max(ahead, 4)
    assert found.needed[first:].tolist() == sizing.running(VALUES[length - 168 + first : length]).tolist()
    assert np.isfinite(found.offered[first:]).all()
    assert np.mean(found.offered[first:] >= found.needed[first:]) > 0.85
