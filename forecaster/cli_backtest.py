# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments of ``shadownet-forecast backtest``."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cli_values import count, examples, write_text
from .say import Progress, say

if TYPE_CHECKING:
    from .backtest import Protocol, Result
    from .decision import Sizing
    from .series import Series


def add_backtest(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``backtest``."""
    made = commands.add_parser(
        "backtest",
        help="how good forecasts and plans would have been",
        description="Forecasts from origins of the past: accuracy, coverage, hit rate and waste, against plans that "
        "need no forecaster.",
        **examples(
            "shadownet-forecast backtest web.csv vm.csv",
            "shadownet-forecast backtest web.csv --capacity 500 --target 0.95 --origins 12 --json web.json",
        ),
    )
    made.add_argument("inputs", type=Path, nargs="+", metavar="INPUT.csv", help="one file a series: times and values")
    made.add_argument("--origins", type=count, default=24, metavar="N", help="from where to forecast (%(default)s)")
    made.add_argument("--horizon", type=count, default=24, metavar="N", help="how many intervals (%(default)s)")
    made.add_argument("--interval", default="1h", metavar="TIME", help="of one value (%(default)s)")
    made.add_argument("--history", default="28d", metavar="TIME", help="to learn from, at most 28d (%(default)s)")
    made.add_argument("--zone", default="UTC", help="IANA name, of times without a zone (%(default)s)")
    made.add_argument("--models", default="fast", help="names of models, or fast or all (%(default)s)")
    made.add_argument("--capacity", type=float, metavar="X", help="of an instance; without, a tenth of the mean")
    made.add_argument("--target", type=float, default=0.95, help="hit rate of the daily plan (%(default)s)")
    made.add_argument("--hourly-target", type=float, default=0.99, help="of planning every interval (%(default)s)")
    made.add_argument("-o", "--output", type=Path, metavar="FILE", help="a table in Markdown (standard output)")
    made.add_argument("--json", type=Path, metavar="FILE", help="also all figures as JSON")
    made.set_defaults(run=_backtest)


def _backtest(given: argparse.Namespace) -> int:
    from ..plugins.module_utils.model.errors import InvalidInput, ShadownetError  # noqa: PLC0415
    from ..plugins.module_utils.model.units import parse_duration  # noqa: PLC0415
    from .backtest import Protocol  # noqa: PLC0415
    from .backtest_report import as_document, as_markdown  # noqa: PLC0415
    from .inputs.source import zone_of  # noqa: PLC0415
    from .models.lstm_network import Training  # noqa: PLC0415
    from .models.registry import chosen_names  # noqa: PLC0415
    from .quantiles import read_series  # noqa: PLC0415
    from .shared import learn_for_backtest  # noqa: PLC0415

    zone_of(given.zone, "--zone")
    for name in ("target", "hourly_target"):
        if not 0 < getattr(given, name) < 1:
            raise InvalidInput("must be between 0 and 1.", parameter=f"--{name.replace('_', '-')}")
    if given.capacity is not None and not given.capacity > 0:
        raise InvalidInput("must be above 0.", parameter="--capacity")
    protocol = Protocol(
        given.origins,
        given.horizon,
        given.target,
        given.hourly_target,
        chosen_names(given.models.split(",")),
        history=parse_duration(given.history, "--history"),
    )
    interval = parse_duration(given.interval, "--interval")
    tasks, unreadable = [], 0
    for path in given.inputs:
        try:
            series = read_series(path, interval, given.zone)
        except ShadownetError as error:
            say(f"{path}: {error}")
            unreadable += 1
            continue
        tasks.append((path.name.split(".")[0], series, _sizing(series, given.capacity), protocol))
    shared = learn_for_backtest(protocol.models, [task[1] for task in tasks], Training(given.horizon))
    for note in shared.notes:
        say(note)
    results = _run([(*task, shared.learned) for task in tasks])
    write_text(as_markdown(results, protocol), given.output)
    if given.json:
        write_text(json.dumps(as_document(results), indent=1) + "\n", given.json)
    empty = [one for one in results if not one.origins]
    for one in empty:
        say(f"{one.name}: not tested, {one.reason}")
    if len(empty) == len(results):
        return 1
    return 3 if empty or unreadable else 0


def _sizing(series: Series, capacity: float | None) -> Sizing:
    import numpy as np  # noqa: PLC0415

    from .decision import Sizing as Made  # noqa: PLC0415

    mean = float(np.nanmean(np.abs(series.values)))
    return Made(capacity if capacity is not None else mean / 10 or 1.0)


def _run(tasks: list[tuple[str, Series, Sizing, Protocol, Mapping[str, Any]]]) -> list[Result]:
    from .backtest import backtest_series  # noqa: PLC0415

    progress, results = Progress(len(tasks), "testing"), []
    workers = min(len(os.sched_getaffinity(0)), len(tasks))
    if workers < 2:
        for task in tasks:
            results.append(backtest_series(*task))
            progress.step()
        return results
    with ProcessPoolExecutor(workers) as pool:
        for one in pool.map(backtest_series, *zip(*tasks, strict=True)):
            results.append(one)
            progress.step()
    return results
