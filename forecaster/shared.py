# SPDX-License-Identifier: GPL-3.0-or-later
"""What is learned once from all workloads together, before any of them is planned: the networks of `models.lstm`.

Training is done in stages, in a process of its own, so that PyTorch stays out of the processes that plan. The first
stage ends where backtests begin, the last one with the newest values; a forecast from an origin of the past uses the
network of the newest stage that had ended there. Networks are kept beside the state, so that most runs only use them:
one stage is added when the last is a day old.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .models.base import DAY, LONGEST_HISTORY, History
from .models.lstm_network import Network, Training
from .models.registry import LSTM
from .shared_file import Kept, load_networks, networks_file, save_networks

if TYPE_CHECKING:
    from .series import Series

_STAGES = 4
_FEWEST_DAYS = 14
"""Days of values, of all series together, before the first stage: a network cannot learn from less."""
_REFRESH = DAY
_SPAN = 5 * DAY
"""One network is kept of each span, beside the newest: every one costs time in every forecast."""


@dataclass
class Shared:
    """What models learned from all workloads together.

    Attributes:
        learned: by name of the model, as `models.registry.make_model` takes it.
        notes: what a person should know of it.
        trained: networks that this run made.
    """

    learned: Mapping[str, tuple[Network, ...]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    trained: int = 0
    _kept: Kept | None = None

    def save(self, state: Path | None) -> None:
        """Keeps what this run has trained beside the state file."""
        if state is not None and self.trained and self._kept is not None:
            save_networks(networks_file(state), self._kept)


def learn(models: Iterable[str], series: Iterable[Series], how: Training, state: Path | None = None) -> Shared:
    """Trains what `models` need, or takes what earlier runs have kept.

    Args:
        series: of all workloads, with one interval.
        how: to train, and how many slots ahead.
        state: the state file; networks are looked for beside it.
    """
    given = [one for one in series if np.isfinite(one.values).any()]
    if LSTM not in models or not given:
        return Shared()
    shared = Shared()
    end = _newest(given)
    interval = given[0].interval
    kept = None
    if state is not None:
        kept, why = load_networks(networks_file(state))
        shared.notes += [why] if why else []
    # A run for an earlier time must not know what came later.
    old = tuple(one for one in kept.networks if one.until <= end) if kept and kept.fits(interval, how.horizon) else ()
    if old and end - old[-1].until < _REFRESH:
        shared.learned = {LSTM: old}
        return shared
    stages = [end] if old else _stages(given, end)
    if not old and _days_before(given, stages[0]) < _FEWEST_DAYS:
        shared.notes.append(f"{LSTM} is left out: it needs {_FEWEST_DAYS} days of values, of all workloads together")
        return shared
    made = _trained(given, stages, how, old[-1] if old else None, shared)
    networks = _lasting((*old, *made), end)
    shared.trained = len(made)
    shared.learned = {LSTM: networks} if networks else {}
    shared._kept = Kept(interval, how.horizon, networks)
    return shared


def learn_for_backtest(models: Iterable[str], series: Iterable[Series], how: Training, stages: int = 24) -> Shared:
    """Networks for origins all over the series: one for each of so many equal shares of all values, by time."""
    given = [one for one in series if np.isfinite(one.values).any()]
    if LSTM not in models or not given:
        return Shared()
    shared = Shared()
    ends = np.sort(np.concatenate([one.times[np.isfinite(one.values)] + one.interval for one in given]))
    # Four in a hundred values are there before the first: two weeks of a year.
    places = np.linspace(0.04, 1, stages) * (len(ends) - 1)
    cuts = sorted({float(ends[int(place)]) for place in places})
    made = _trained(given, cuts, how, None, shared)
    shared.trained, shared.learned = len(made), {LSTM: tuple(made)} if made else {}
    return shared


def _newest(series: list[Series]) -> float:
    """The end of what is known of all series that are still told of."""
    ends = [one.end.timestamp() for one in series]
    return min(end for end in ends if end >= max(ends) - _REFRESH)


def _stages(series: list[Series], end: float) -> list[float]:
    """Ends of the stages: the first where the backtest of most series begins (see `forecasting.backtest_origins`)."""
    from .forecasting import backtest_origins  # noqa: PLC0415  # it imports the models' registry, as this file does

    firsts = []
    for one in series:
        history = History.of(one, 1)
        firsts.append(history.begins + int(backtest_origins(history)[0]) * one.interval)
    first = min(max(float(np.median(firsts)), end - LONGEST_HISTORY), end)
    return sorted(set(np.linspace(first, end, _STAGES).tolist()))


def _days_before(series: list[Series], until: float) -> float:
    return sum(float((np.isfinite(one.values) & (one.times < until)).sum()) * one.interval / DAY for one in series)


def _lasting(networks: tuple[Network, ...], end: float) -> tuple[Network, ...]:
    """Those that some origin of the models' history still needs: the first of each span, and the newest."""
    begin = end - LONGEST_HISTORY
    older = [one for one in networks if one.until <= begin]
    spans: dict[int, Network] = {}
    for one in (*older[-1:], *(one for one in networks if one.until > begin)):
        spans.setdefault(int(one.until // _SPAN), one)
    return tuple(
        sorted({id(one): one for one in (*spans.values(), *networks[-1:])}.values(), key=lambda one: one.until)
    )


def _trained(
    series: list[Series], stages: list[float], how: Training, begin: Network | None, shared: Shared
) -> list[Network]:
    """Trains in a process of its own; whatever goes wrong there costs this model only."""
    # The order in which telemetry came must not change the result.
    ordered = sorted(series, key=lambda one: (one.workload, one.signal))
    histories = [History.of(one, how.horizon, longest=10**12) for one in ordered]
    try:
        with ProcessPoolExecutor(1) as pool:
            made = pool.submit(_train, histories, stages, how, begin).result()
    except (BrokenProcessPool, RuntimeError, ValueError, ArithmeticError, MemoryError, OSError, ImportError) as error:
        shared.notes.append(f"{LSTM} is left out, as its training failed: {type(error).__name__}: {error}")
        return []
    if len(made) < len(stages):
        shared.notes.append(f"{LSTM}: {len(made)} of {len(stages)} stages were trained")
    return made


def _train(histories: list[History], stages: list[float], how: Training, begin: Network | None) -> list[Network]:
    from .models.lstm import train  # noqa: PLC0415  # PyTorch, only here and only when asked for

    return train(histories, stages, how, begin)
