# SPDX-License-Identifier: GPL-3.0-or-later
"""Real hourly series out of Python packages (scripts/setup fetches them), as files of times and values."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

PLACE = Path(__file__).resolve().parents[2] / ".venv/share/forecast"
NOISY = PLACE.with_name("forecast_noisy")
Row = dict[str, str]


def _rows(name: str) -> Iterator[Row]:
    with (PLACE / name).open(newline="", encoding="utf-8-sig") as file:
        yield from csv.DictReader(file)


def _hourly(rows: Iterator[tuple[datetime, float]], begin: str = "", days: int = 0) -> dict[datetime, float]:
    """Means by the hour, of `days` from `begin` on."""
    first = datetime.fromisoformat(begin) if begin else datetime.min  # noqa: DTZ901
    last = first + timedelta(days=days) if days else datetime.max  # noqa: DTZ901
    found = defaultdict(list)
    for at, value in rows:
        hour = at.replace(minute=0, second=0, tzinfo=None)
        if first <= hour < last:
            found[hour].append(value)
    return {at: sum(values) / len(values) for at, values in sorted(found.items())}


def _table(name: str, time: str, value: str, keep: Callable[[Row], bool] = bool) -> Iterator[tuple[datetime, float]]:
    for row in _rows(name):
        if keep(row) and row[value]:
            yield datetime.fromisoformat(row[time]), float(row[value])


def _pedestrians(place: str) -> Iterator[tuple[datetime, float]]:
    for row in _rows("hourly_counts.csv"):
        hour = row["hour"].split("-")[0]
        if row[place] and hour:
            yield datetime.fromisoformat(row["date"]) + timedelta(hours=int(hour.split(":")[0])), float(row[place])


def write_all(folder: Path) -> list[Path]:
    """Writes one file a series: at most half a year each."""
    made = {
        "bikes": _hourly(_table("hourly_bikesharing.csv", "ts", "count"), "2017-03-01", 180),
        "parking": _hourly(
            _table(
                "hourly_parking.csv",
                "LastUpdated",
                "Occupancy",
                lambda row: row["SystemCodeNumber"] == "BHMBCCMKT01",
            )
        ),
        "road_2013": _hourly(_table("hourly_traffic_volume.csv", "date_time", "traffic_volume"), "2013-05-01", 180),
        "road_2017": _hourly(_table("hourly_traffic_volume.csv", "date_time", "traffic_volume"), "2017-01-01", 180),
        "lanes": _hourly(_table("hourly_sf_traffic.csv", "ts", "y"), "2015-03-01", 180),
        "power": _hourly(_table("hourly_electricity.csv", "ts", "y"), "2013-01-01", 180),
        "power_uk": _hourly(_table("taylor_30_min.csv", "date", "value")),
    }
    for name in ("H10", "H50", "H150", "H410"):
        made[f"m4_{name}"] = _hourly(_table("m4_hourly.csv", "date", "value", lambda row, name=name: row["id"] == name))  # type: ignore[misc]
    for name, place, begin in (
        ("street_1", "210 Queen Street", "2019-03-01"),
        ("street_2", "45 Queen Street", "2023-05-01"),
        ("street_3", "59 High Street", "2019-07-01"),
        ("street_4", "150 K Road", "2022-10-01"),
    ):
        made[name] = _hourly(_pedestrians(place), begin, 150)
    return _written(made, folder)


def _written(made: dict[str, dict[datetime, float]], folder: Path) -> list[Path]:
    paths = []
    for name, values in made.items():
        path = folder / f"{name}.csv"
        lines = [f"{at.isoformat()},{value:.10g}\n" for at, value in values.items()]
        path.write_text("timestamp,value\n" + "".join(lines))
        paths.append(path)
    return paths


def _departures(keep: Callable[[Row], bool], begin: str, days: int) -> dict[datetime, float]:
    """Flights that left in each hour, by the minute of their departure; hours without any are zeros."""
    counted: Counter[datetime] = Counter()
    with zipfile.ZipFile(NOISY / "flights.csv.zip") as packed:
        for name in packed.namelist():
            if name.endswith("flights.csv") and not name.startswith("__"):
                for row in csv.DictReader(io.TextIOWrapper(packed.open(name), encoding="utf-8")):
                    if row["dep_time"] not in ("", "NA") and keep(row):
                        hour = int(float(row["dep_time"])) // 100 % 24
                        counted[datetime(int(row["year"]), int(row["month"]), int(row["day"]), hour)] += 1  # noqa: DTZ001
    first = datetime.fromisoformat(begin)
    return {at: float(counted[at]) for at in (first + timedelta(hours=hour) for hour in range(24 * days))}


def _meter(name: str) -> dict[datetime, float]:
    """Energy of one household by the hour, 120 days."""
    found: dict[datetime, float] = defaultdict(float)
    with gzip.open(NOISY / name, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["value"]:
                found[datetime.fromisoformat(row["start"]).replace(minute=0, tzinfo=None)] += float(row["value"])
    return dict(sorted(found.items())[30 * 24 : 150 * 24])


def write_noisy(folder: Path) -> list[Path]:
    """Writes one file a series: departures, delays, households' meters, a shopping street at Christmas and in 2020."""

    def late(row: Row) -> bool:
        return row["origin"] == "JFK" and row["dep_delay"] not in ("", "NA") and float(row["dep_delay"]) > 15

    made = {
        "departures": _departures(lambda row: row["origin"] == "EWR", "2013-03-01", 120),
        "delays": _departures(late, "2013-05-01", 120),
        "meter_1": _meter("uk-electricity-hdd-only-hourly-sample-0.csv.gz"),
        "meter_2": _meter("uk-electricity-hdd-only-hourly-sample-1.csv.gz"),
        "gas": _meter("uk-gas-hdd-only-hourly-sample-0.csv.gz"),
        "christmas": _hourly(_pedestrians("205 Queen Street"), "2022-11-10", 100),
        "lockdown": _hourly(_pedestrians("30 Queen Street"), "2020-02-20", 140),
    }
    return _written(made, folder)


if __name__ == "__main__":
    import sys

    for one in write_all(Path(sys.argv[1])):
        print(one)
