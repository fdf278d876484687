# SPDX-License-Identifier: GPL-3.0-or-later
"""Forecasts of an LSTM that was trained on all workloads together (see `lstm`).

One network serves every workload, also one that it has not met: it knows no names, only values relative to their size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .base import Floats, History, Integers
from .lstm_features import CANDIDATES, Seen
from .lstm_network import HIDDEN, LEVELS, Network, read


class Lstm:
    """The model of one workload. Each origin is served by the newest network that was trained before it.

    So there is no look-ahead in a backtest. Before the first network there is yesterday's value.
    """

    name = "lstm"

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._given = sorted(networks, key=lambda one: one.until)
        self._networks: list[Network] = []
        self._history: History | None = None
        self._seen: Seen | None = None
        self._hidden: Floats = np.empty(0)
        self._cell: Floats = np.empty(0)

    def shortest(self, history: History) -> int:
        """Three days."""
        return 3 * history.day

    def fit(self, history: History) -> None:
        """Reads the values; what is to be learned was learned from all workloads before.

        Raises:
            ValueError: there is no network that was trained before the newest value.
        """
        usable = [one for one in self._given if one.until <= history.begins + len(history) * history.interval]
        if not usable:
            raise ValueError("no network was trained before the newest value")
        # Of those that were trained before the first value, only the newest will be asked.
        older = sum(one.until <= history.begins for one in usable)
        self._networks = usable[max(older - 1, 0) :]
        self._hidden = np.empty((0, len(self._networks), HIDDEN))
        self._cell = np.zeros((len(self._networks), HIDDEN))
        self.update(history)

    def update(self, history: History) -> None:
        """Reads on from where it stood."""
        self._history = history
        self._seen = Seen.of(history)
        count = len(self._hidden)
        before = self._hidden[-1] if count else np.zeros_like(self._cell)
        more, self._cell = read(self._networks, self._seen.inputs[count:], before, self._cell)
        self._hidden = np.concatenate([self._hidden, more])

    def quantiles(self, origins: Integers, horizon: int) -> Floats:
        """What the networks themselves say: (origins, horizon, `LEVELS`). `calibration` corrects it."""
        history, seen = self._history, self._seen
        if history is None or seen is None:
            raise RuntimeError("rolling() before fit()")
        at = np.repeat(origins[:, None], horizon, axis=1)
        ahead = np.repeat(np.arange(horizon)[None, :], len(origins), axis=0)
        candidates = seen.candidates(at, ahead)
        scale = seen.scale[origins - 1][:, None, None]
        out = np.repeat(candidates[..., :1], len(LEVELS), axis=-1)
        times = history.begins + origins * history.interval
        newest = np.searchsorted([one.until for one in self._networks], times, side="right") - 1
        for place in np.unique(newest[newest >= 0]):
            rows = np.flatnonzero(newest == place)
            hidden = np.repeat(self._hidden[origins[rows] - 1, place], horizon, axis=0)
            flat = (at[rows].ravel(), ahead[rows].ravel())
            found = self._networks[place].answer(
                hidden,
                candidates[rows].reshape(-1, CANDIDATES),
                seen.calendar[flat[0] + flat[1]],
                seen.distance(flat[1]),
            )
            out[rows] = found.reshape(len(rows), horizon, len(LEVELS))
        return np.asarray(out * scale)

    def rolling(self, origins: Integers, horizon: int) -> Floats:
        """See `PointModel`: the middle."""
        return np.asarray(self.quantiles(origins, horizon)[..., 0])
