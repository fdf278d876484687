# SPDX-License-Identifier: GPL-3.0-or-later
"""Training across workloads, with PyTorch: what it learns, from when, how often, and what is kept between runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `lstm` is not installed: SETUP_LSTM=yes scripts/setup dev")

from ansible_collections.shadownet.ipam.forecaster import shared, shared_file  # noqa: E402
from ansible_collections.shadownet.ipam.forecaster.forecasting import Forecaster  # noqa: E402
from ansible_collections.shadownet.ipam.forecaster.models import lstm  # noqa: E402
from ansible_collections.shadownet.ipam.forecaster.models.base import History, targets  # noqa: E402
from ansible_collections.shadownet.ipam.forecaster.models.lstm_forecast import Lstm  # noqa: E402
from ansible_collections.shadownet.ipam.forecaster.models.lstm_network import LEVELS, Network, Training  # noqa: E402
from ansible_collections.shadownet.ipam.forecaster.models.naive import seasonal_naive  # noqa: E402
from ansible_collections.shadownet.ipam.forecaster.series import Series  # noqa: E402
from ansible_collections.shadownet.ipam.tests.unit.forecaster.simulated import MONDAY, daily, series  # noqa: E402

CHECKOUT = Path(__file__).resolve().parents[3]
BEGIN = MONDAY.timestamp()
BRIEF = Training(first=25, following=8)
END = BEGIN + 672 * 3600


def fleet(count: int, length: int = 672, seed: int = 5) -> list[Series]:
    """Workloads of many sizes, with weekends and noise."""
    draw = np.random.default_rng(seed)
    made = []
    for number in range(count):
        level = 10 ** draw.uniform(-2, 5)
        weekend = np.where(np.arange(length) // 24 % 7 >= 5, 0.6, 1.0)
        values = level * daily(length, 1.0, draw.uniform(0.2, 0.6)) * weekend * np.exp(0.1 * draw.normal(size=length))
        made.append(replace(series(values), workload=f"w{number:02}"))
    return made


def histories(given: list[Series]) -> list[History]:
    return [History.of(one, 24, longest=10**12) for one in given]


def same(one: Network, other: Network) -> bool:
    return all(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)


def test_numpy_and_pytorch_compute_the_same() -> None:
    torch.manual_seed(3)
    net = lstm._Net()
    with torch.no_grad():
        for one in net.parameters():
            one.add_(0.3 * torch.randn_like(one))
    data = histories(fleet(3))
    windows = lstm._Windows(data, 24)
    inputs, places, candidates, rest, _happened = windows.sample(windows.usable(END), np.random.default_rng(1))
    with torch.no_grad():
        expected = net(inputs, places, candidates, rest).numpy()
    made = Network(0.0, lstm._as_numpy(net))
    from ansible_collections.shadownet.ipam.forecaster.models.lstm_network import HIDDEN, read

    for row in range(0, len(inputs), 7):
        hidden, _cell = read([made], inputs[row].numpy(), np.zeros((1, HIDDEN)), np.zeros((1, HIDDEN)))
        found = made.answer(
            np.repeat(hidden[places[row].numpy(), 0], candidates.shape[2], axis=0),
            candidates[row].reshape(-1, candidates.shape[-1]).numpy(),
            rest[row, ..., :-2].reshape(-1, rest.shape[-1] - 2).numpy(),
            rest[row, ..., -2:].reshape(-1, 2).numpy(),
        )
        assert found == pytest.approx(expected[row].reshape(-1, len(LEVELS)), rel=1e-3, abs=1e-4)


def test_the_loss_is_the_pinball_loss() -> None:
    found = torch.tensor([[[1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 1.0], [9.0, 9.0, 9.0, 9.0]]])
    happened = torch.tensor([[2.5, 0.0, float("nan")]])
    above, below = (0.5 * 1.5 + 0.9 * 0.5 + 0.05 * 0.5 + 0.01 * 1.5) / 4, (0.5 + 0.1 + 0.05 + 0.01) / 4
    assert float(lstm.pinball(found, happened)) == pytest.approx((above + below) / 2)


def test_samples_are_what_the_series_say() -> None:
    """Each target is the value at its slot, relative to the size before the origin; the rest is what comes after."""
    given = fleet(2)
    windows = lstm._Windows(histories(given), 24)
    until = BEGIN + 400 * 3600
    usable = windows.usable(until)
    assert usable.tolist() == [0, 1]
    for _round in range(20):
        _inputs, _places, _candidates, _rest, happened = windows._one(0, np.random.default_rng(_round))
        ratios = happened[np.isfinite(happened)]
        assert len(ratios)
        assert (ratios < 4).all()
    changed = [replace(one, values=np.where(np.arange(672) < 400, one.values, 1e9)) for one in given]
    other = lstm._Windows(histories(changed), 24)
    other.usable(until)
    for seed in range(20):
        pairs = zip(
            windows._one(1, np.random.default_rng(seed)), other._one(1, np.random.default_rng(seed)), strict=True
        )
        assert all(np.array_equal(one, two, equal_nan=True) for one, two in pairs)


@pytest.mark.slow
def test_a_stage_sees_nothing_that_came_after_it() -> None:
    given = fleet(3)
    stages = [BEGIN + 300 * 3600, BEGIN + 400 * 3600]
    changed = [replace(one, values=np.where(np.arange(672) < 400, one.values, 7 * one.values)) for one in given]
    longer = [replace(one, values=np.where(np.arange(672) < 300, one.values, 7 * one.values)) for one in given]
    made = lstm.train(histories(given), stages, BRIEF)
    assert [one.until for one in made] == stages
    again = lstm.train(histories(changed), stages, BRIEF)
    assert all(same(one, two) for one, two in zip(made, again, strict=True))
    third = lstm.train(histories(longer), stages, BRIEF)
    assert same(made[0], third[0])
    assert not same(made[1], third[1])


@pytest.mark.slow
def test_a_seed_gives_one_result_whatever_the_order() -> None:
    given = fleet(3)
    one, two, other = (
        shared.learn(("lstm",), each, replace(BRIEF, seed=seed)).learned["lstm"]
        for each, seed in ((given, 1), (given[::-1], 1), (given, 2))
    )
    assert len(one) == 4
    assert all(same(here, there) for here, there in zip(one, two, strict=True))
    assert not same(one[0], other[0])


def test_training_stops_when_its_time_is_up() -> None:
    found = shared.learn(("lstm",), fleet(2), replace(BRIEF, seconds=0.0))
    assert not found.learned
    assert found.notes == ["lstm: 0 of 4 stages were trained"]


@pytest.mark.slow
def test_what_it_has_learned_is_better_than_yesterday_also_for_a_workload_that_it_has_not_met() -> None:
    given = fleet(9)
    (_first, network) = lstm.train(
        histories(given[:8]), [BEGIN + 300 * 3600, BEGIN + 480 * 3600], Training(first=150, following=60)
    )
    data = history_of(given[8])
    origins = np.arange(480, 640, 5)
    model, naive = Lstm([network]), seasonal_naive()
    model.fit(data)
    naive.fit(data)
    happened = targets(data, origins, 24)
    ours, theirs = (np.nanmean(np.abs(happened - one.rolling(origins, 24))) for one in (model, naive))
    assert ours < 0.85 * theirs
    covered = np.nanmean(happened <= model.quantiles(origins, 24)[..., LEVELS.index(0.95)])
    assert 0.85 < covered <= 1


def history_of(one: Series) -> History:
    return History.of(one, 24)


def test_networks_are_kept_and_added_to_once_a_day(tmp_path: Path) -> None:
    state = tmp_path / "forecast.json"
    given = fleet(3, 720)

    def until(hours: int) -> shared.Shared:
        known = [replace(one, values=one.values[:hours]) for one in given]
        found = shared.learn(("lstm", "last_week"), known, BRIEF, state)
        found.save(state)
        return found

    first, hour_later, day_later, earlier = until(672), until(673), until(697), until(673)
    assert (first.trained, hour_later.trained, day_later.trained, earlier.trained) == (4, 0, 1, 0)
    assert [one.until for one in hour_later.learned["lstm"]] == [one.until for one in first.learned["lstm"]]
    assert day_later.learned["lstm"][-1].until == BEGIN + 697 * 3600
    # A run for an earlier time does not use what was learned later.
    assert earlier.learned["lstm"][-1].until == END
    # The first ends where the backtest begins: its earliest origin is the 265th hour.
    stages = np.linspace(BEGIN + 265 * 3600, END, 4)
    assert [one.until for one in first.learned["lstm"]] == pytest.approx(stages, abs=1)


def test_few_networks_are_kept_and_they_reach_back_over_the_history() -> None:
    day = 86400.0
    networks: tuple[Network, ...] = ()
    for number in range(100):
        end = BEGIN + number * day
        networks = shared._lasting((*networks, Network(end, {})), end)
        assert networks[-1].until == end
        assert len(networks) <= 9
        assert networks[0].until <= max(end - 28 * day, BEGIN)
        gaps = np.diff([one.until for one in networks])
        assert (gaps > 0).all()
        assert (gaps <= 5 * day).all()


def test_a_damaged_file_is_told_and_replaced(tmp_path: Path) -> None:
    state = tmp_path / "forecast.json"
    path = shared_file.networks_file(state)
    path.write_text("not this")
    found = shared.learn(("lstm",), fleet(2), BRIEF, state)
    assert found.trained == 4
    (note,) = found.notes
    assert "trained anew" in note
    found.save(state)
    assert shared.learn(("lstm",), fleet(2), BRIEF, state).trained == 0


def test_too_little_to_learn_from_is_told() -> None:
    found = shared.learn(("lstm",), fleet(2, 100), BRIEF)
    assert not found.learned
    assert "needs 14 days of values" in found.notes[0]


def test_nothing_is_trained_that_nobody_asked_for() -> None:
    assert shared.learn(("last_week",), fleet(2), BRIEF) == shared.Shared()
    assert shared.learn(("lstm",), [], BRIEF) == shared.Shared()


@pytest.mark.slow
def test_it_is_chosen_by_the_same_backtest() -> None:
    """Weekends that last week's value has right and yesterday's has not, and noise that both repeat."""
    given = fleet(6)
    found = shared.learn(("lstm",), given, Training(first=120, following=40))
    made = Forecaster(("seasonal_naive", "lstm"), found.learned)
    made.fit(given[0], 24)
    forecast = made.quantiles()
    assert forecast.model == "lstm"
    assert forecast.losses["lstm"] < 0.9
    assert (np.diff(forecast.values, axis=1) >= 0).all()
    # Taking in an hour later needs no training.
    longer = np.append(given[0].values, given[0].values[-168])
    made.update(replace(given[0], values=longer))
    assert made.quantiles().start == given[0].end + timedelta(hours=1)


def test_other_intervals_can_be_learned() -> None:
    for interval, day in ((900, 96), (86400, 1)):
        length = max(28 * day, 40)
        values = 50 + 20 * np.sin(2 * np.pi * np.arange(length) / max(day, 7))
        given = [replace(series(values + 1, interval=interval), workload=name) for name in "ab"]
        found = shared.learn(("lstm",), given, replace(BRIEF, horizon=max(day, 7)))
        model = Lstm(found.learned["lstm"])
        model.fit(History.of(given[0], max(day, 7), longest=10**12))
        assert np.isfinite(model.rolling(np.array([length]), max(day, 7))).all()


def run(arguments: list[str], before: str = "") -> subprocess.CompletedProcess[str]:
    code = f"import sys; {before}\nfrom ansible_collections.shadownet.ipam.forecaster.cli import main\nsys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, env={**os.environ}
    )


def settings(folder: Path, models: str) -> Path:
    lines = ["time,workload,signal,value\n"]
    for one in fleet(3):
        times = [(one.start + timedelta(hours=at)).isoformat() for at in range(672)]
        lines += [f"{at},{one.workload},requests,{value:.6g}\n" for at, value in zip(times, one.values, strict=True)]
    (folder / "load.csv").write_text("".join(lines))
    (folder / "forecast.yml").write_text(
        f"sources: [{{type: csv, path: {folder}/load.csv}}]\nmodels: [{models}]\nstate: {folder}/forecast.json\n"
        "defaults: {capacity: {requests: 1}}\n"
    )
    return folder / "forecast.yml"


@pytest.mark.slow
def test_plan_trains_once_and_keeps_what_it_has_learned(tmp_path: Path) -> None:
    config = settings(tmp_path, "seasonal_naive, lstm")
    plan = ["plan", "--config", str(config), "-o", str(tmp_path / "out.yml"), "--report", str(tmp_path / "plan.json")]
    done = run([*plan, "--now", "2026-02-02T00:00:00Z"])
    assert done.returncode == 0, done.stderr
    kept = (tmp_path / "forecast.lstm.npz").read_bytes()
    report = (tmp_path / "plan.json").read_text()
    found = json.loads(report)
    assert '"lstm"' in report
    assert not found["notes"]
    # PyTorch cannot be imported here: an hour later nothing has to be learned.
    done = run([*plan, "--now", "2026-02-02T01:00:00Z"], "import builtins; sys.modules['torch._C'] = None")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "forecast.lstm.npz").read_bytes() == kept
    assert not json.loads((tmp_path / "plan.json").read_text())["notes"]


def test_a_training_that_fails_costs_no_plan(tmp_path: Path) -> None:
    config = settings(tmp_path, "last_week, lstm")
    report = tmp_path / "plan.json"
    plan = ["plan", "--config", str(config), "-o", str(tmp_path / "out.yml"), "--report", str(report)]
    done = run([*plan, "--now", "2026-02-02T00:00:00Z"], "sys.modules['torch._C'] = None")
    assert done.returncode == 0, done.stderr
    (note,) = json.loads(report.read_text())["notes"]
    assert "lstm is left out" in note
    assert not (tmp_path / "forecast.lstm.npz").exists()
