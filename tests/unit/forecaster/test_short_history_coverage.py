# SPDX-License-Identifier: GPL-3.0-or-later
"""With one or two weeks of history the bounds must cover as stated, too: nothing may flatter the past."""

from __future__ import annotations

import numpy as np
import pytest

from ansible_collections.shadownet.ipam.forecaster.forecasting import Forecaster
from ansible_collections.shadownet.ipam.forecaster.models.smoothing import SmoothingBank
from ansible_collections.shadownet.ipam.tests.unit.forecaster import simulated


@pytest.mark.parametrize(("days", "least"), [(7, 0.88), (14, 0.91)])
def test_bounds_cover_with_little_history(days: int, least: float) -> None:
    draw = np.random.default_rng(days)
    within = []
    for _repeat in range(24):
        length = (days + 1) * 24
        values = np.maximum(simulated.daily(length) + draw.normal(size=length) * simulated.noise_scale(length), 0)
        made = Forecaster()
        made.fit(simulated.series(values[:-24]), 24)
        within.append(values[-24:] <= made.quantiles().level(0.95))
    assert least <= np.mean(within) <= 0.99


def test_what_a_smoothing_says_from_the_past_knows_nothing_of_what_came_after() -> None:
    draw = np.random.default_rng(3)
    values = simulated.daily(10 * 24) + draw.normal(size=10 * 24) * 5
    changed = values.copy()
    changed[5 * 24 :] *= 3
    origins = np.array([4 * 24, 5 * 24, 10 * 24])
    found = []
    for one in (values, changed):
        bank = SmoothingBank()
        history = simulated.history(one)
        bank.fit(history)
        found.append(bank.rolling(origins, 24)[: len(bank.members) // 2, :2])
    assert np.allclose(found[0], found[1])
