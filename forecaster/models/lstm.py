# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains the LSTM on all workloads together, with quantile (pinball) loss. The only file that imports PyTorch.

Training takes windows out of random series at random times. It is done in stages: a stage sees nothing that was
measured after its end, goes on from where the last one stood, and leaves a network. The number of steps is fixed, so
one seed gives one result, and the time hardly depends on the number of workloads.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from .base import History, Integers
from .lstm_features import AHEAD, CALENDAR, CANDIDATES, INPUTS, Seen
from .lstm_network import HEAD, HIDDEN, LEVELS, SHAPES, Network, Training

_BATCH, _ORIGINS, _AHEAD = 48, 8, 8
"""Windows of one step, origins in each, and slots ahead that are looked at from each."""
_SHORTEST, _LONGEST, _DAYS = 64, 256, 8
"""Slots of a window: so many days, between these."""
_SPEED = 4e-3
_STEEPEST = 1.0


class _Net(nn.Module):
    """The network that `lstm_network.Network` runs, in PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.reader = nn.LSTM(INPUTS, HIDDEN, batch_first=True)
        self.mix = nn.Linear(HIDDEN + CANDIDATES + CALENDAR + AHEAD, HEAD)
        self.out = nn.Linear(HEAD, CANDIDATES + len(LEVELS))
        with torch.no_grad():
            # Begins as the plain mean of the candidates.
            self.out.weight.mul_(0.1)
            self.out.bias.zero_()
            self.out.bias[CANDIDATES + 1 :] = -2.0

    def forward(self, inputs: Tensor, places: Tensor, candidates: Tensor, rest: Tensor) -> Tensor:
        """Quantiles (windows, origins, ahead, levels)."""
        hidden, _last = self.reader(inputs)
        hidden = hidden[torch.arange(len(hidden))[:, None], places]
        hidden = hidden[:, :, None].expand(-1, -1, candidates.shape[2], -1)
        out = self.out(torch.relu(self.mix(torch.cat([hidden, candidates, rest], dim=-1))))
        share = torch.softmax(out[..., :CANDIDATES], dim=-1)
        middle = (share * candidates).sum(-1, keepdim=True) + out[..., CANDIDATES : CANDIDATES + 1]
        steps = nn.functional.softplus(out[..., CANDIDATES + 1 :])
        return torch.cat([middle, middle + torch.cumsum(steps, -1)], dim=-1)


def pinball(found: Tensor, happened: Tensor) -> Tensor:
    """Mean pinball loss over `LEVELS` where something is known; `happened` has no last dimension."""
    levels = torch.tensor(LEVELS)
    known = torch.isfinite(happened)
    beyond = torch.where(known, happened, 0.0)[..., None] - found
    loss = torch.maximum(levels * beyond, (levels - 1) * beyond).mean(-1)
    return (loss * known).sum() / known.sum().clamp(min=1)


def train(
    histories: Sequence[History], stages: Sequence[float], how: Training, begin: Network | None = None
) -> list[Network]:
    """One network a stage, each trained on what was measured before it.

    Args:
        histories: of all workloads, each with its future phases up to the horizon.
        stages: seconds since 1970, ascending.
        begin: where to go on from; without, from a random network.

    Returns:
        As many networks as there are stages with anything to learn from before the time was up.
    """
    torch.set_num_threads(1)
    torch.manual_seed(how.seed)
    torch.use_deterministic_algorithms(True)
    net = _Net()
    if begin is not None:
        net.load_state_dict(_as_torch(begin))
    draw = np.random.default_rng(how.seed)
    windows = _Windows(histories, how.horizon)
    deadline, made = time.monotonic() + how.seconds, list[Network]()
    for until in stages:
        usable = windows.usable(until)
        if not len(usable):
            continue
        fresh = begin is None and not made
        if not _stage(net, windows, usable, draw, how.first if fresh else how.following, fresh, deadline):
            break
        made.append(Network(float(until), _as_numpy(net)))
    return made


def _stage(
    net: _Net, windows: _Windows, usable: Integers, draw: np.random.Generator, steps: int, fresh: bool, deadline: float
) -> bool:
    """Trains; False if the time was up."""
    speed = _SPEED if fresh else _SPEED / 2
    optimizer = torch.optim.Adam(net.parameters(), lr=speed)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=speed, total_steps=steps)
    for _step in range(steps):
        if time.monotonic() > deadline:
            return False
        inputs, places, candidates, rest, happened = windows.sample(usable, draw)
        loss = pinball(net(inputs, places, candidates, rest), happened)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), _STEEPEST)
        optimizer.step()
        schedule.step()
    return True


class _Windows:
    """Windows of all series, and what came after origins in them."""

    def __init__(self, histories: Sequence[History], horizon: int) -> None:
        self._histories = list(histories)
        self._seen = [Seen.of(one) for one in self._histories]
        self._horizon = horizon
        self._ends = np.zeros(len(self._histories), np.int64)
        day = max((one.day for one in self._histories), default=1)
        self._length = min(max(_DAYS * day, _SHORTEST), _LONGEST)

    def usable(self, until: float) -> Integers:
        """Series with two days or more before `until`; nothing later is sampled from now on."""
        slots = [(until - one.begins) // one.interval for one in self._histories]
        self._ends = np.clip(slots, 0, [len(one) for one in self._histories]).astype(np.int64)
        known = [np.isfinite(one.values[:end]).sum() for one, end in zip(self._histories, self._ends, strict=True)]
        return np.flatnonzero(np.array(known) >= [2 * one.day + 2 for one in self._histories])

    def sample(self, usable: Integers, draw: np.random.Generator) -> tuple[Tensor, ...]:
        """Inputs, places of origins, candidates, the rest of what is known, and what came."""
        rows = [self._one(int(series), draw) for series in draw.choice(usable, _BATCH)]
        inputs, places, candidates, rest, happened = (np.stack(one) for one in zip(*rows, strict=True))
        numbers = [torch.from_numpy(one.astype(np.float32)) for one in (inputs, candidates, rest, happened)]
        return numbers[0], torch.from_numpy(places), *numbers[1:]

    def _one(self, series: int, draw: np.random.Generator) -> tuple[np.ndarray, ...]:
        seen, history, end = self._seen[series], self._histories[series], int(self._ends[series])
        length = self._length
        last = int(draw.integers(min(length, end), end + 1))
        first = max(last - length, 0)
        inputs = np.zeros((length, INPUTS), np.float32)
        inputs[: last - first] = seen.inputs[first:last]
        # An origin has seen at least a day, and something comes after it.
        earliest = min(seen.day, last - first - 1)
        places = draw.integers(earliest, last - first, _ORIGINS)
        origins = np.repeat((first + places + 1)[:, None], _AHEAD, axis=1)
        ahead = draw.integers(0, self._horizon, origins.shape)
        at = origins + ahead
        happened = np.where(at < end, history.values[np.minimum(at, end - 1)], np.nan) / seen.scale[origins - 1]
        rest = np.concatenate([seen.calendar[np.minimum(at, len(seen.calendar) - 1)], seen.distance(ahead)], axis=-1)
        return inputs, places, seen.candidates(origins, ahead), rest, np.clip(happened, -20, 20)


def _as_numpy(net: _Net) -> dict[str, np.ndarray]:
    state = {name: value.detach().numpy().copy() for name, value in net.state_dict().items()}
    return {
        "read": state["reader.weight_ih_l0"],
        "recur": state["reader.weight_hh_l0"],
        "read_bias": state["reader.bias_ih_l0"] + state["reader.bias_hh_l0"],
        "mix": state["mix.weight"],
        "mix_bias": state["mix.bias"],
        "out": state["out.weight"],
        "out_bias": state["out.bias"],
    }


def _as_torch(network: Network) -> dict[str, Tensor]:
    given = {name: torch.from_numpy(network.weights[name].copy()) for name in SHAPES}
    return {
        "reader.weight_ih_l0": given["read"],
        "reader.weight_hh_l0": given["recur"],
        "reader.bias_ih_l0": given["read_bias"],
        "reader.bias_hh_l0": torch.zeros_like(given["read_bias"]),
        "mix.weight": given["mix"],
        "mix.bias": given["mix_bias"],
        "out.weight": given["out"],
        "out.bias": given["out_bias"],
    }
