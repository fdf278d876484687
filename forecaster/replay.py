# SPDX-License-Identifier: GPL-3.0-or-later
"""The past days as they would have been with the plan's quantile: what each slot offered, and what it needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from .decision import Sizing, slot_reservations
from .forecasting import Past
from .models.base import DAY, Floats, History
from .series import Series

_DAYS = 7


@dataclass(frozen=True)
class Replay:
    """Slot after slot; NaN where nothing is known.

    Attributes:
        needed: instances.
        offered: those that ran when the slot began, and what would have been reserved for it.
    """

    start: datetime
    needed: Floats
    offered: Floats


def replay(series: Series, slots: int, past: Past, ahead: int, sizing: Sizing) -> Replay:
    """Puts plans from past origins one behind the other.

    Args:
        slots: horizon of the forecasts.
        past: with two levels: the middle, and the one that is reserved for.
        ahead: slots up to the next plan.
    """
    length = len(History.of(series, slots))
    shown = min(_DAYS * max(DAY // series.interval, 1), length)
    needed, offered = np.full(shown, np.nan), np.full(shown, np.nan)
    expected, upper = (sizing.running_share(past.bounds[:, :, 0]), sizing.share(past.bounds[:, :, -1]))
    came, before = sizing.running(past.happened), sizing.running(past.before)
    reserved = slot_reservations(upper, expected, before)
    running = np.concatenate([before[:, None], came[:, :-1]], axis=1)
    free = length
    while free > length - shown:
        # The plan that was made so many slots earlier, or the nearest one after that, so that no slot is left out.
        place = int(np.searchsorted(past.origins, free - ahead))
        if place == len(past.origins) or past.origins[place] >= free:
            place -= 1
        if place < 0 or past.origins[place] < length - shown:
            break
        origin = int(past.origins[place])
        count = min(free - origin, past.happened.shape[1])
        at = origin - (length - shown)
        needed[at : at + count] = came[place, :count]
        offered[at : at + count] = (running + reserved)[place, :count]
        free = origin
    return Replay(series.end - timedelta(seconds=series.interval * shown), needed, offered)
