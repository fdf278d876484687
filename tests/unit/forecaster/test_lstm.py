# SPDX-License-Identifier: GPL-3.0-or-later
"""The LSTM as it runs: against a computation number by number, without a look ahead, and from files of any content."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from ansible_collections.shadownet.ipam.forecaster import shared_file
from ansible_collections.shadownet.ipam.forecaster.forecasting import Forecaster
from ansible_collections.shadownet.ipam.forecaster.models import registry
from ansible_collections.shadownet.ipam.forecaster.models.lstm_features import AHEAD, CALENDAR, CANDIDATES, Seen
from ansible_collections.shadownet.ipam.forecaster.models.lstm_forecast import Lstm
from ansible_collections.shadownet.ipam.forecaster.models.lstm_network import HIDDEN, LEVELS, SHAPES, Network, read
from ansible_collections.shadownet.ipam.tests.unit.forecaster.simulated import MONDAY, daily, history, series

RANDOM = np.random.default_rng(31)
WEEKS = daily(672) * np.exp(RANDOM.normal(size=672) * 0.1)
BEGIN = MONDAY.timestamp()


def network(seed: int, until: float = BEGIN) -> Network:
    draw = np.random.default_rng(seed)
    weights = {name: draw.normal(size=shape, scale=0.3).astype(np.float32) for name, shape in SHAPES.items()}
    return Network(until, weights)


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def slow_cell(weights: dict[str, np.ndarray], row: list[float], hidden: list[float], cell: list[float]) -> None:
    """One slot of an LSTM (Hochreiter and Schmidhuber, with a forget gate), number by number; changes its state."""
    gates = [
        sum(float(w) * x for w, x in zip(weights["read"][at], row, strict=True))
        + sum(float(w) * h for w, h in zip(weights["recur"][at], hidden, strict=True))
        + float(weights["read_bias"][at])
        for at in range(4 * HIDDEN)
    ]
    for at in range(HIDDEN):
        enters, keeps = sigmoid(gates[at]), sigmoid(gates[HIDDEN + at])
        cell[at] = keeps * cell[at] + enters * math.tanh(gates[2 * HIDDEN + at])
        hidden[at] = sigmoid(gates[3 * HIDDEN + at]) * math.tanh(cell[at])


def slow_answer(weights: dict[str, np.ndarray], known: list[float], candidates: list[float]) -> list[float]:
    middle_layer = [
        max(sum(float(w) * x for w, x in zip(row, known, strict=True)) + float(bias), 0.0)
        for row, bias in zip(weights["mix"], weights["mix_bias"], strict=True)
    ]
    out = [
        sum(float(w) * x for w, x in zip(row, middle_layer, strict=True)) + float(bias)
        for row, bias in zip(weights["out"], weights["out_bias"], strict=True)
    ]
    share = [math.exp(one) for one in out[:CANDIDATES]]
    found = [sum(a * b for a, b in zip(share, candidates, strict=True)) / sum(share) + out[CANDIDATES]]
    for one in out[CANDIDATES + 1 :]:
        found.append(found[-1] + math.log1p(math.exp(one)))
    return found


def test_the_network_is_an_lstm_number_by_number() -> None:
    values = WEEKS[:40].copy()
    data = history(values)
    one = network(1)
    model = Lstm([one])
    model.fit(data)
    seen = Seen.of(data)
    hidden, cell = [0.0] * HIDDEN, [0.0] * HIDDEN
    for row in seen.inputs[:30]:
        slow_cell(one.weights, [float(x) for x in row], hidden, cell)
    found = model.quantiles(np.array([30]), 26)[0]
    # The 26th slot ahead: yesterday is two days before it, no week is known, and the mean has one day only.
    for ahead, yesterday in ((0, values[6]), (25, values[30 + 25 - 48])):
        size = np.mean(values[:30]) * 1.05 + 1e-12
        days = [
            values[at] if (at := 30 + ahead - 24 * (1 + ahead // 24 + back)) >= 0 else yesterday for back in range(4)
        ]
        candidates = [yesterday / size, yesterday / size, np.mean(days) / size, values[29] / size]
        hour = 2 * math.pi * ((30 + ahead) % 24) / 24
        week = 2 * math.pi * (30 + ahead) / 168
        calendar = [wave(turn * times) for turn in (hour, week) for times in (1, 2) for wave in (math.sin, math.cos)]
        known = [*hidden, *candidates, *calendar, (ahead + 1) / 24, 1 / (ahead + 1)]
        assert len(known) == HIDDEN + CANDIDATES + CALENDAR + AHEAD
        expected = [size * one for one in slow_answer(one.weights, known, candidates)]
        assert found[ahead] == pytest.approx(expected, rel=1e-5)


def test_what_is_read_is_relative_to_the_week_before() -> None:
    values = np.arange(1.0, 201.0)
    values[50] = np.nan
    seen = Seen.of(history(values))
    assert seen.values[50] == values[26]  # yesterday's
    week = [*values[32:50], values[26], *values[51:]]
    assert seen.scale[-1] == pytest.approx(np.mean(week) + 0.05 * np.mean([*values[:50], 27.0, *values[51:]]))
    assert seen.inputs[199, 0] == pytest.approx(math.asinh(200 / seen.scale[-1]), rel=1e-6)
    assert seen.inputs[199, 1] == pytest.approx(24 / seen.scale[-1], rel=1e-6)
    assert seen.inputs[199, 2] == pytest.approx(168 / seen.scale[-1], rel=1e-6)
    assert seen.inputs[[49, 50, 51], 3].tolist() == [1, 0, 1]


def test_units_do_not_matter() -> None:
    found = []
    for factor in (1.0, 1e6):
        model = Lstm([network(1)])
        model.fit(history(WEEKS * factor))
        found.append(model.rolling(np.array([672]), 24) / factor)
    assert found[0] == pytest.approx(found[1], rel=1e-5)


@pytest.mark.parametrize("values", [np.zeros(672), np.full(672, 1e15), np.where(np.arange(672) == 500, 1e15, 0.0)])
def test_numbers_stay_finite(values: np.ndarray) -> None:
    model = Lstm([network(1)])
    model.fit(history(values))
    assert np.isfinite(model.rolling(np.arange(300, 673), 24)).all()


def test_each_origin_gets_the_newest_network_that_was_trained_before_it() -> None:
    early, late, future = (network(seed, BEGIN + hours * 3600) for seed, hours in ((1, 300), (2, 400), (3, 673)))
    model = Lstm([future, late, early])
    model.fit(history(WEEKS))
    found = model.rolling(np.array([299, 300, 399, 400, 672]), 24)
    alone = {}
    for name, one in (("early", early), ("late", late)):
        single = Lstm([Network(BEGIN, one.weights)])
        single.fit(history(WEEKS))
        alone[name] = single.rolling(np.array([299, 300, 399, 400, 672]), 24)
    assert found[0] == pytest.approx(WEEKS[275:299])  # nobody had learned anything: yesterday
    assert found[1:3] == pytest.approx(alone["early"][1:3])
    assert found[3:] == pytest.approx(alone["late"][3:])


def test_a_network_that_knows_the_future_is_not_used() -> None:
    model = Lstm([network(1, BEGIN + 673 * 3600)])
    with pytest.raises(ValueError, match="no network"):
        model.fit(history(WEEKS))
    made = Forecaster(("lstm", "last_week"), {"lstm": [network(1, BEGIN + 673 * 3600)]})
    made.fit(series(WEEKS), 24)
    assert made.quantiles().model == "last_week"
    assert "lstm failed: no network was trained before the newest value" in made.reasons


def test_a_forecast_does_not_know_what_came_after() -> None:
    changed = WEEKS.copy()
    changed[600:] = np.nan
    changed[650:] = 1e6
    rows = []
    for values in (WEEKS, changed):
        model = Lstm([network(1, BEGIN + 200 * 3600)])
        model.fit(history(values))
        rows.append(model.quantiles(np.array([250, 600]), 48))
    assert rows[0].tolist() == rows[1].tolist()


def test_an_update_reads_on_and_gives_what_reading_all_gives() -> None:
    parts, whole = Lstm([network(1), network(2)]), Lstm([network(1), network(2)])
    parts.fit(history(WEEKS[:600]))
    for end in (601, 602, 650):
        parts.update(history(WEEKS[:end]))
    whole.fit(history(WEEKS[:650]))
    now = np.array([650])
    assert parts.rolling(now, 24) == pytest.approx(whole.rolling(now, 24), rel=1e-12)


def test_quantiles_of_the_network_rise() -> None:
    model = Lstm([network(4)])
    model.fit(history(WEEKS))
    found = model.quantiles(np.array([400, 672]), 24)
    assert found.shape == (2, 24, len(LEVELS))
    assert (np.diff(found, axis=-1) > 0).all()


def test_networks_read_side_by_side_as_they_do_alone() -> None:
    inputs = Seen.of(history(WEEKS[:50])).inputs
    both, _cell = read([network(1), network(2)], inputs, np.zeros((2, HIDDEN)), np.zeros((2, HIDDEN)))
    alone, _cell = read([network(2)], inputs, np.zeros((1, HIDDEN)), np.zeros((1, HIDDEN)))
    assert both[:, 1] == pytest.approx(alone[:, 0], rel=1e-12)


KEPT = shared_file.Kept(3600, 24, (network(1, 100.0), network(2, 200.0)))


def test_a_file_gives_back_what_was_kept(tmp_path: Path) -> None:
    path = shared_file.networks_file(tmp_path / "forecast.json")
    assert path == tmp_path / "forecast.lstm.npz"
    assert shared_file.load_networks(path) == (None, "")
    shared_file.save_networks(path, KEPT)
    found, why = shared_file.load_networks(path)
    assert why == ""
    assert found is not None
    assert [one.until for one in found.networks] == [100.0, 200.0]
    assert found.networks[1].weights["read"].tolist() == KEPT.networks[1].weights["read"].tolist()
    assert found.fits(3600, 24)
    assert not found.fits(3600, 25)
    assert not found.fits(900, 24)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"\x00" * 100,
        lambda data: data[:3000],
        lambda data: data[:200] + b"\xff" * 50 + data[250:],
        lambda data: data.replace(
            b"\x22\x00\x00\x00v\x00\x00\x00e\x00\x00\x00r", b"\x22\x00\x00\x00V\x00\x00\x00e\x00\x00\x00r"
        ),
        lambda data: b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
    ],
    ids=["empty", "zeros", "cut", "overwritten", "no version", "a pickle"],
)
def test_a_damaged_file_is_told_and_not_used(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "forecast.lstm.npz"
    shared_file.save_networks(path, KEPT)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    found, why = shared_file.load_networks(path)
    assert found is None
    assert "trained anew" in why
    assert str(path) in why


def test_arrays_of_another_shape_or_without_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "forecast.lstm.npz"
    for change in (lambda one: one[1:], lambda one: one * np.float32("nan"), lambda one: one.astype(float)):
        weights = {**KEPT.networks[0].weights}
        weights["mix"] = change(weights["mix"])
        shared_file.save_networks(path, shared_file.Kept(3600, 24, (Network(1.0, weights),)))
        found, why = shared_file.load_networks(path)
        assert found is None
        assert "0.mix" in why


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "forecast.lstm.npz"
    np.savez(path, about=np.array(json.dumps({"version": 2})))
    assert "version is 2" in shared_file.load_networks(path)[1]


def without_torch(folder: Path, models: str) -> subprocess.CompletedProcess[str]:
    """The command in a Python that has no PyTorch, whatever this one has."""
    lines = [f"{(MONDAY + timedelta(hours=at)).isoformat()},{value:.6g}\n" for at, value in enumerate(WEEKS[:200])]
    (folder / "load.csv").write_text("timestamp,value\n" + "".join(lines))
    code = (
        "import sys; sys.modules['torch'] = None\nfrom ansible_collections.shadownet.ipam.forecaster.cli import main\n"
    )
    origin = ["--origin", "2026-01-13T07:00:00", "--models", models, "--explain"]
    command = [sys.executable, "-c", f"{code}sys.exit(main())", "quantiles", str(folder / "load.csv"), *origin]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_without_pytorch_its_name_is_an_error_that_names_the_extra(tmp_path: Path) -> None:
    done = without_torch(tmp_path, "last_week,lstm")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "model 'lstm' needs torch. Install it: pip install 'shadownet-ipam[lstm]'." in done.stderr


def test_without_pytorch_all_models_are_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    assert registry.chosen_names(["all"]) == tuple(name for name in registry.SETS["all"] if name != "lstm")
    monkeypatch.setattr(registry, "find_spec", lambda name: object())
    assert registry.chosen_names(["all"]) == registry.SETS["all"]
    assert "lstm" not in registry.chosen_names(["fast"])
