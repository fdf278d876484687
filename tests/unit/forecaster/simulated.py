# SPDX-License-Identifier: GPL-3.0-or-later
"""Series whose future is known in law, for the tests of models and bounds."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from ansible_collections.shadownet.ipam.forecaster.models.base import History
from ansible_collections.shadownet.ipam.forecaster.series import Series

Floats = NDArray[np.float64]
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def series(values: Floats | list[float], interval: int = 3600, non_negative: bool = True) -> Series:
    return Series("web", "requests", "requests", MONDAY, interval, np.asarray(values, float), non_negative)


def history(values: Floats | list[float], horizon: int = 24, non_negative: bool = True) -> History:
    return History.of(series(values, non_negative=non_negative), horizon)


def daily(length: int, level: float = 100.0, swing: float = 50.0) -> Floats:
    """What is expected of each hour."""
    return level + swing * np.sin(2 * np.pi * (np.arange(length) - 9) / 24)


def noise_scale(length: int) -> Floats:
    """Standard deviation by hour: by day four times that of the night."""
    hour = np.arange(length) % 24
    return np.where((hour >= 8) & (hour < 20), 12.0, 3.0)
