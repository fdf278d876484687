# SPDX-License-Identifier: GPL-3.0-or-later
"""``shadownet-forecast quantiles`` and ``backtest``: files in, files out, and no way to make them crash."""

from __future__ import annotations

import csv
import json
import random
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from ansible_collections.shadownet.ipam.forecaster.cli import main
from ansible_collections.shadownet.ipam.tests.unit.forecaster.simulated import daily

ORIGIN = datetime(2026, 1, 31, 23)  # noqa: DTZ001, as the user writes it
LENGTH = 500
TIMES = [ORIGIN - timedelta(hours=LENGTH - 1 - at) for at in range(LENGTH)]
# The clock of the series: the last value is that of 23:00.
VALUES = daily(LENGTH + 24 * 30)[24 * 30 - LENGTH % 24 :][:LENGTH] + np.random.default_rng(1).normal(size=LENGTH) * 5
GOOD = [(time.isoformat(), f"{value:.4f}") for time, value in zip(TIMES, VALUES, strict=True)]


def run(folder: Path, rows: list[tuple[str, str]], *options: str) -> list[dict[str, str]]:
    path, out = folder / "in.csv", folder / "out.csv"
    path.write_text("timestamp,value\n" + "".join(f"{time},{value}\n" for time, value in rows))
    assert main(["quantiles", str(path), "--origin", ORIGIN.isoformat(), "-o", str(out), *options]) == 0
    return list(csv.DictReader(out.open()))


def middle(found: list[dict[str, str]]) -> np.ndarray:
    return np.array([float(row["q0.5"]) for row in found])


def test_the_file_is_as_documented(tmp_path: Path) -> None:
    found = run(tmp_path, GOOD, "--horizon", "24", "--interval", "1h")
    assert list(found[0]) == ["ds", "q0.5", "q0.9", "q0.95", "q0.99"]
    assert [row["ds"] for row in found] == [(ORIGIN + timedelta(hours=1 + at)).isoformat() for at in range(24)]
    for row in found:
        quantiles = [float(value) for name, value in row.items() if name != "ds"]
        assert quantiles == sorted(quantiles)
    expected = daily(24 * 60)[24 * 30 - LENGTH % 24 + LENGTH :][:24]
    assert middle(found) == pytest.approx(expected, abs=8)


def test_order_duplicates_and_spellings_of_times_do_not_matter(tmp_path: Path) -> None:
    plain = middle(run(tmp_path, GOOD))
    mixed = GOOD + GOOD[::5]
    random.Random(3).shuffle(mixed)
    assert middle(run(tmp_path, mixed)) == pytest.approx(plain)
    assert middle(run(tmp_path, [(time.replace("T", " "), value) for time, value in GOOD])) == pytest.approx(plain)
    assert middle(run(tmp_path, [(f"{time}Z", value) for time, value in GOOD])) == pytest.approx(plain)
    late = [((time + timedelta(minutes=7)).isoformat(), row[1]) for time, row in zip(TIMES, GOOD, strict=True)]
    assert middle(run(tmp_path, late)) == pytest.approx(plain)


def test_rows_after_the_origin_are_not_looked_at(tmp_path: Path) -> None:
    plain = middle(run(tmp_path, GOOD))
    later = [((ORIGIN + timedelta(hours=at)).isoformat(), "99999") for at in range(1, 40)]
    assert middle(run(tmp_path, GOOD + later)) == pytest.approx(plain)


def test_empty_values_are_gaps_and_the_tail_may_be_missing(tmp_path: Path) -> None:
    plain = middle(run(tmp_path, GOOD))
    gaps = [(time, "" if at % 9 == 0 or 200 < at < 240 else value) for at, (time, value) in enumerate(GOOD)]
    assert middle(run(tmp_path, gaps[:-20])) == pytest.approx(plain, abs=15)


@pytest.mark.parametrize("count", [1, 2, 5, 30, 80, 100, 200])
def test_short_histories_give_all_rows(tmp_path: Path, count: int) -> None:
    assert len(run(tmp_path, GOOD[-count:])) == 24


@pytest.mark.parametrize("value", ["0", "7", "-3.5"])
def test_constants_stay(tmp_path: Path, value: str) -> None:
    found = run(tmp_path, [(time, value) for time, _one in GOOD])
    assert {row[name] for row in found for name in row if name != "ds"} == {value}


def test_an_origin_with_a_zone_is_answered_in_it(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("timestamp,value\n" + "".join(f"{time}Z,{value}\n" for time, value in GOOD))
    out = tmp_path / "out.csv"
    assert main(["quantiles", str(path), "--origin", "2026-02-01T00:00:00+01:00", "-o", str(out)]) == 0
    assert out.read_text().splitlines()[1].startswith("2026-02-01T01:00:00+01:00,")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"timestamp,value\n", "no row"),
        (bytes(range(256)) * 20, "binary"),
        (b"timestamp,value\n2026-01-31T23:00:00,\n", "no value up to"),
        (b"timestamp,value\n2027-01-31T23:00:00,5\n", "no value up to"),
        (b"timestamp,value\nyesterday,5\n", "no"),
    ],
)
def test_what_is_no_series_is_an_error_in_words(
    tmp_path: Path, content: bytes, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    path.write_bytes(content)
    assert main(["quantiles", str(path), "--origin", ORIGIN.isoformat(), "-o", str(out)]) == 1
    assert said in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    "options", [["--levels", "2"], ["--models", "oracle"], ["--zone", "Mars"], ["--interval", "x"]]
)
def test_a_wrong_option_is_named(tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "in.csv"
    path.write_text("timestamp,value\n2026-01-31T23:00:00,5\n")
    assert main(["quantiles", str(path), "--origin", ORIGIN.isoformat(), *options]) == 1
    assert options[1] in capsys.readouterr().err


def test_the_backtest_tells_accuracy_coverage_hits_and_waste(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, short = tmp_path / "web.csv", tmp_path / "short.csv"
    path.write_text("timestamp,value\n" + "".join(f"{time},{value}\n" for time, value in GOOD))
    short.write_text("timestamp,value\n" + "".join(f"{time},{value}\n" for time, value in GOOD[:40]))
    options = ["--origins", "3", "--models", "combination", "--json", str(tmp_path / "out.json")]
    assert main(["backtest", str(path), str(short), *options]) == 3
    captured = capsys.readouterr()
    assert "short: not tested" in captured.err
    assert "| web |" in captured.out
    total = json.loads((tmp_path / "out.json").read_text())["total"]
    # Noise of one size around a curve: yesterday's values err by the square root of two of what the curve does.
    assert total["mase"] == pytest.approx(0.75, abs=0.12)
    assert total["naive_mase"] == pytest.approx(1, abs=0.2)
    assert total["coverage_0.95"] == pytest.approx(0.95, abs=0.06)
    assert total["static_max_of_last_week_hit_rate"] > 0.95
    assert total["static_max_of_last_week_waste"] > 2 * total["daily_waste"]
