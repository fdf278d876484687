# SPDX-License-Identifier: GPL-3.0-or-later
"""The forecaster on real hourly series that ``scripts/setup`` fetches: limits that it must keep.

A part of the series and few origins, for time; docs/forecast.md has figures from 24 a series.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ansible_collections.shadownet.ipam.forecaster.backtest import Protocol, Result, backtest_series
from ansible_collections.shadownet.ipam.forecaster.decision import Sizing
from ansible_collections.shadownet.ipam.forecaster.quantiles import read_series
from ansible_collections.shadownet.ipam.tests.benchmarks import real_series

pytestmark = [
    pytest.mark.skipif(
        not (real_series.PLACE.is_dir() and real_series.NOISY.is_dir()), reason="series are fetched by make setup"
    ),
    pytest.mark.slow,
]

PROTOCOL = Protocol(origins=4, replan=False)


def run(write: Callable[[Path], list[Path]], every: int, folder: Path) -> list[Result]:
    found = []
    for path in write(folder)[::every]:
        series = read_series(path, 3600)
        found.append(backtest_series(path.stem, series, Sizing(float(np.nanmean(series.values)) / 10), PROTOCOL))
        assert found[-1].origins >= 4, f"{path.stem}: {found[-1].reason}"
    return found


def mean(results: list[Result], attribute: str) -> float:
    return float(np.mean([getattr(one, attribute) for one in results]))


@pytest.mark.parametrize(
    ("write", "every", "naive_share", "pinball"),
    [(real_series.write_all, 3, 0.80, 0.19), (real_series.write_noisy, 2, 0.90, 0.24)],
    ids=["regular", "noisy"],
)
def test_accuracy_coverage_and_hits(
    write: Callable[[Path], list[Path]], every: int, naive_share: float, pinball: float, tmp_path: Path
) -> None:
    results = run(write, every, tmp_path)
    covered = float(np.mean([one.coverage[0.95] for one in results]))
    hits = float(np.mean([one.plans["daily"].hit_rate for one in results]))
    assert mean(results, "mase") <= 0.95
    assert mean(results, "mase") <= naive_share * mean(results, "naive_mase")
    assert mean(results, "pinball") <= pinball
    # With four days a series, coverage itself varies by some hundredths.
    assert 0.90 <= covered <= 0.99
    assert hits >= 0.88
