# SPDX-License-Identifier: GPL-3.0-or-later
"""Forecasts: seconds a workload against fitting statsmodels' ETSModel alone, and accuracy and plans on real hourly
series, regular and noisy ones apart.

``BENCH_WORKLOADS=1000`` for more workloads; ``BENCH_ORIGINS`` for fewer origins of the accuracy part, and
``BENCH_HISTORY=14d`` for less to learn from.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))

import harness  # noqa: E402
import real_series  # noqa: E402

WORKLOADS = int(os.environ.get("BENCH_WORKLOADS", "100"))
ORIGINS = os.environ.get("BENCH_ORIGINS", "24")
HISTORY = os.environ.get("BENCH_HISTORY", "28d")
HOURS = 28 * 24


def telemetry(folder: Path, count: int) -> Path:
    """Four weeks of hourly load of many workloads, and the settings to plan them."""
    draw = np.random.default_rng(6)
    times = np.datetime64("2026-01-05T00:00:00") + np.arange(HOURS) * np.timedelta64(1, "h")
    curve = 100 + 50 * np.sin(2 * np.pi * (np.arange(HOURS) - 9) / 24)
    lines = ["time,workload,signal,value\n"]
    for number in range(count):
        values = curve * np.exp(0.1 * draw.normal(size=HOURS))
        for at, value in zip(times, values, strict=True):
            lines.append(f"{at}Z,w{number:04},requests,{value:.3f}\n")
    (folder / "load.csv").write_text("".join(lines))
    settings = folder / "forecast.yml"
    source = f"sources: [{{type: csv, path: {folder}/load.csv}}]\n"
    settings.write_text(f"{source}defaults: {{capacity: {{requests: 10}}}}\n")
    return settings


def plan_seconds(folder: Path, count: int) -> float:
    """One whole run of ``plan`` in a process of its own would add the start of Python; this is the work."""
    from ansible_collections.shadownet.ipam.forecaster.cli import main

    settings = telemetry(folder, count)
    out = str(folder / "out.yml")
    arguments = ["plan", "--config", str(settings), "-o", out, "--now", "2026-02-02T00:00:00Z"]
    if main(arguments) != 0:
        raise SystemExit("a workload was not planned")
    return harness.middle(harness.seconds(lambda: main(arguments)) for _one in range(3 if count < 10 else 1))


def ets_seconds(count: int) -> float:
    """Fitting ETSModel to one such series."""
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    draw = np.random.default_rng(6)
    curve = 100 + 50 * np.sin(2 * np.pi * (np.arange(HOURS) - 9) / 24)

    def fit() -> None:
        values = curve * np.exp(0.1 * draw.normal(size=HOURS))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ETSModel(values, error="add", seasonal="add", seasonal_periods=24).fit(disp=False)

    fit()
    return harness.middle(harness.seconds(fit) for _one in range(count))


def update_milliseconds() -> float:
    """A new hour taken in and the next 24 forecast, without a new fit."""
    from datetime import UTC, datetime

    from ansible_collections.shadownet.ipam.forecaster.forecasting import Forecaster
    from ansible_collections.shadownet.ipam.forecaster.series import Series

    values = 100 + 50 * np.sin(2 * np.pi * np.arange(HOURS + 48) / 24)
    values += np.random.default_rng(6).normal(size=len(values))

    def until(length: int) -> Series:
        return Series("w", "requests", "requests", datetime(2026, 1, 5, tzinfo=UTC), 3600, values[:length])

    made = Forecaster()
    made.fit(until(HOURS), 24)
    taken = []
    for hour in range(1, 49):
        begin = time.perf_counter()
        made.update(until(HOURS + hour))
        made.quantiles()
        taken.append(1000 * (time.perf_counter() - begin))
    return harness.middle(taken)


def accuracy(folder: Path, write: Callable[[Path], list[Path]]) -> dict[str, float]:
    """Means of ``backtest`` over real series; prints its table."""
    from ansible_collections.shadownet.ipam.forecaster.cli import main

    folder.mkdir()
    paths = [str(path) for path in write(folder)]
    found = folder / "accuracy.json"
    main(["backtest", *paths, "--origins", ORIGINS, "--history", HISTORY, "--json", str(found)])
    total: dict[str, float] = json.loads(found.read_text())["total"]
    return total


def of_group(group: str, total: dict[str, float]) -> list[harness.Result]:
    """Lines of one group of series; hourly plans have targets on regular ones only."""
    naive, covered, asked = total["naive_mase"], total["coverage_0.95"], group == "regular"
    pinball = total["pinball"]
    off = abs(covered - 0.95)
    lines = [
        harness.Result(f"{group}: MASE, 24 h ahead; peer: yesterday", total["mase"], naive, "", total["mase"], 0.95),
        harness.Result(f"{group}: pinball at 0.95, scaled", pinball, naive, "", pinball, 0.19),
        harness.Result(f"{group}: coverage of the 95 % bound, off by", covered, 0.95, "", off, 0.015),
    ]
    for plan, target in (("daily", 0.95), ("hourly", 0.99)):
        hits, waste = total[f"{plan}_hit_rate"], total[f"{plan}_waste"]
        held_hits, held = total["static_max_of_last_week_hit_rate"], total["static_max_of_last_week_waste"]
        name = f"{group}: {plan} plan"
        lines += [
            harness.Result(
                f"{name}, hit rate; peer: most of last week, held",
                hits,
                held_hits,
                "",
                hits,
                target if asked or plan == "daily" else None,
                "higher",
            ),
            harness.Result(f"{name}, waste", waste, held, "", waste, 0.5 if asked or plan == "daily" else None),
        ]
    return lines


def measure(folder: Path) -> list[harness.Result]:
    """All lines."""
    ets = ets_seconds(5)
    one, many = plan_seconds(folder, 1), plan_seconds(folder, WORKLOADS)
    update = update_milliseconds()
    lines = [
        harness.compare("plan of 1 workload, all models; peer: one ETSModel fit", one, ets, "s", None),
        harness.compare(f"plan of {WORKLOADS}, for each; peer: one ETSModel fit", many / WORKLOADS, ets, "s", None),
        harness.limit("hourly update without refit", update, 1000 * ets, "ms", 50),
    ]
    for group, write in (("regular", real_series.write_all), ("noisy", real_series.write_noisy)):
        lines += of_group(group, accuracy(folder / group, write))
    return lines


def main() -> int:
    """Measures and prints; 0 when every target was reached."""
    with tempfile.TemporaryDirectory() as name:
        harness.as_collection(Path(name))
        return harness.report(measure(Path(name)))


if __name__ == "__main__":
    sys.exit(main())
