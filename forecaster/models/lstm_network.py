# SPDX-License-Identifier: GPL-3.0-or-later
"""The LSTM's network: its shape, its weights, how it is to be trained, and how it runs, on NumPy alone.

It reads a series slot by slot, and mixes simple forecasts by what it has read, with a correction of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .base import Floats
from .lstm_features import AHEAD, CALENDAR, CANDIDATES, INPUTS, Small

LEVELS = (0.5, 0.9, 0.95, 0.99)
"""Quantiles that the network is trained for."""
HIDDEN, HEAD = 40, 48
SHAPES: dict[str, tuple[int, ...]] = {
    "read": (4 * HIDDEN, INPUTS),
    "recur": (4 * HIDDEN, HIDDEN),
    "read_bias": (4 * HIDDEN,),
    "mix": (HEAD, HIDDEN + CANDIDATES + CALENDAR + AHEAD),
    "mix_bias": (HEAD,),
    "out": (CANDIDATES + len(LEVELS), HEAD),
    "out_bias": (CANDIDATES + len(LEVELS),),
}
"""Arrays of a network. Gates are in PyTorch's order: input, forget, cell, output."""


@dataclass(frozen=True)
class Network:
    """Trained weights.

    Attributes:
        until: seconds since 1970; nothing that was measured later was used for training.
        weights: by the names in `SHAPES`.
    """

    until: float
    weights: dict[str, Small]

    def answer(self, hidden: Floats, candidates: Floats, calendar: Floats, distance: Floats) -> Floats:
        """Quantiles by `LEVELS` (rows, levels), relative to the scale, from (rows, ...) of each."""
        weights = self.weights
        known = np.concatenate([hidden, candidates, calendar, distance], axis=-1)
        out = np.maximum(known @ weights["mix"].T + weights["mix_bias"], 0) @ weights["out"].T + weights["out_bias"]
        share = np.exp(out[:, :CANDIDATES] - out[:, :CANDIDATES].max(axis=1, keepdims=True))
        middle = (share * candidates).sum(axis=1) / share.sum(axis=1) + out[:, CANDIDATES]
        steps = np.logaddexp(out[:, CANDIDATES + 1 :], 0)
        return np.asarray(np.concatenate([middle[:, None], middle[:, None] + np.cumsum(steps, axis=1)], axis=1))


def read(networks: Sequence[Network], inputs: Small, hidden: Floats, cell: Floats) -> tuple[Floats, Floats]:
    """Lets all networks read at once: hidden states after each slot (slots, networks, HIDDEN), and the last cells.

    Args:
        hidden, cell: where each network stands before (networks, HIDDEN).
    """
    weights = {name: np.stack([one.weights[name] for one in networks]) for name in ("read", "recur", "read_bias")}
    drive = np.einsum("ti,nki->tnk", inputs, weights["read"]) + weights["read_bias"]
    recur = np.ascontiguousarray(weights["recur"].transpose(0, 2, 1), float)
    found = np.empty((len(inputs), *hidden.shape))
    for slot, row in enumerate(drive):
        gates = row + (hidden[:, None, :] @ recur)[:, 0]
        # A sigmoid by way of tanh cannot overflow.
        opened = 0.5 + 0.5 * np.tanh(0.5 * gates)
        fresh = opened[:, :HIDDEN] * np.tanh(gates[:, 2 * HIDDEN : 3 * HIDDEN])
        cell = opened[:, HIDDEN : 2 * HIDDEN] * cell + fresh
        hidden = opened[:, 3 * HIDDEN :] * np.tanh(cell)
        found[slot] = hidden
    return found, cell


@dataclass(frozen=True)
class Training:
    """How to train.

    Attributes:
        horizon: slots ahead.
        seed: of all that is random.
        seconds: training stops there, whatever it has reached; far more than it takes, as else runs would differ.
        first, following: steps of the first stage, and of each that goes on from another.
    """

    horizon: int = 24
    seed: int = 6
    seconds: float = 600.0
    first: int = 400
    following: int = 120
