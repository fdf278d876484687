# SPDX-License-Identifier: GPL-3.0-or-later
"""``shadownet-forecast quantiles``: one series in a CSV file, its next quantiles in another."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from ..plugins.module_utils.model.errors import InvalidInput
from .forecasting import LEVELS, Forecast, Forecaster, TooLittle
from .inputs.csv_file import CsvOptions, read_csv
from .inputs.source import Context
from .models.lstm_network import Training
from .models.registry import FAST
from .series import Findings, Points, Series
from .series_cleaning import Rules, clean, joined
from .shared import learn

_ANY_AGE = 10**10
_WORKLOAD = "series"


@dataclass(frozen=True)
class QuantilesRequest:
    """What to forecast.

    Attributes:
        path: a CSV file with a header, of times and values.
        origin: beginning of the last interval that may be known; naive times are of `zone`.
        horizon: how many intervals after it.
        interval: seconds.
    """

    path: Path
    origin: datetime
    horizon: int = 24
    interval: int = 3600
    zone: str = "UTC"
    models: tuple[str, ...] = FAST
    levels: tuple[float, ...] = LEVELS


def forecast_file(request: QuantilesRequest) -> tuple[Forecast, Findings]:
    """The forecast, and what was met in the file. Rows after the origin are not looked at.

    Raises:
        InvalidInput, SourceFailed: the file is no table of times and values.
        TooLittle: it has no value up to the origin.
    """
    series, found = _read(request)
    shared = learn(request.models, [series], Training(request.horizon))
    made = Forecaster(request.models, shared.learned)
    made.fit(series, request.horizon)
    forecast = made.quantiles(request.levels)
    forecast.reasons += shared.notes
    return forecast, found


def _read(request: QuantilesRequest) -> tuple[Series, Findings]:
    origin = _seconds(request.origin, request.zone)
    end = origin + request.interval
    points, found = _points(request.path, request.zone, end, request.interval)
    inside = points.times < end
    if not inside.any() or not np.isfinite(points.values[inside]).any():
        raise TooLittle(
            f"{request.path} has no value up to {request.origin.isoformat()}.",
            parameter="origin",
            fix="Give a later origin or more rows.",
        )
    times = points.times[inside]
    late = (times - origin) % request.interval
    if np.ptp(late) < 1:
        # Rows all come some minutes after intervals begin: they belong to the intervals as the origin has them.
        times = times - late[0]
    points = replace(points, times=times, values=points.values[inside])
    rules = Rules(interval=request.interval, now=end, zone=request.zone, stale=_ANY_AGE)
    series = clean(points, rules, found)
    shift = round(end - series.end.timestamp())
    if shift and abs(shift) < request.interval:
        # Intervals begin where the origin's does, whatever the rows' minutes are.
        series = replace(series, start=datetime.fromtimestamp(series.start.timestamp() + shift, UTC))
    return _signed(series), found


def read_series(path: Path, interval: int, zone: str = "UTC") -> Series:
    """The whole series of a file of times and values.

    Raises:
        InvalidInput, SourceFailed: the file is no table of times and values.
        TooLittle: it has no row.
    """
    points, found = _points(path, zone, 0.0, interval)
    return _signed(clean(points, Rules(interval=interval, zone=zone), found))


def _points(path: Path, zone: str, now: float, interval: int) -> tuple[Points, Findings]:
    options = CsvOptions(path=(str(path),), workload=_WORKLOAD, signal="value", zone=zone, non_negative=False)
    reading = read_csv(options, Context(now=now, interval=interval))
    found = Findings()
    found.extend(reading.findings)
    if not reading.points:
        raise TooLittle(f"{path} has no row.", parameter="path")
    return joined(reading.points), found


def _signed(series: Series) -> Series:
    """Values below zero are impossible where there was none."""
    known = series.values[np.isfinite(series.values)]
    return replace(series, non_negative=bool(known.min() >= 0))


def _seconds(moment: datetime, zone: str) -> float:
    if moment.utcoffset() is not None:
        return moment.timestamp()
    return moment.replace(tzinfo=ZoneInfo(zone)).timestamp()


def as_csv(forecast: Forecast, request: QuantilesRequest) -> str:
    """``ds`` and one column a level; times as the origin was written: with its zone or without one."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["ds", *(f"q{level:g}" for level in forecast.levels)])
    zone = request.origin.tzinfo
    for moment, row in zip(forecast.times, forecast.values.tolist(), strict=True):
        shown = moment.astimezone(zone) if zone else moment.astimezone(ZoneInfo(request.zone)).replace(tzinfo=None)
        writer.writerow([shown.isoformat(), *(f"{value:.10g}" for value in row)])
    return text.getvalue()


def check_levels(levels: Sequence[float]) -> tuple[float, ...]:
    """Ascending levels between 0 and 1, each once, with the middle.

    Raises:
        InvalidInput: one is no probability.
    """
    for level in levels:
        if not 0 < level < 1:
            raise InvalidInput(f"{level:g} is no probability between 0 and 1.", parameter="levels")
    return tuple(sorted({*levels, 0.5}))
