# SPDX-License-Identifier: GPL-3.0-or-later
"""Reader ``csv``: one row a value (long), one column a workload (wide), or one column a signal."""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...plugins.module_utils.model.errors import InvalidInput
from ..series import Aggregate, Finding, Findings, Floats, Kind, Points
from ..series_points import spacings
from .files import find_files, open_bytes
from .source import Context, Reading, SourceFailed, signal_of, zone_of
from .times import read_time, to_utc

_TIME_NAMES = ("time", "timestamp", "ts", "date", "datetime", "ds")
_VALUE_NAMES = ("value", "y", "count")
_DELIMITERS = ",;\t|"
_REMEMBERED = 100_000
"""Times whose reading is remembered, as rows of many workloads share them."""


@dataclass(frozen=True)
class CsvOptions:
    """Options of the reader ``csv``.

    Attributes:
        path: files, or patterns of files; gzip is unpacked.
        layout: ``long`` has one row a value, ``wide`` one column a workload, ``signals`` one column a signal of the
            row's workload. ``auto`` is long if there is a column of values or one column only beside the time, else
            ``signals`` if a column or an option names the workload, else wide.
        signal: what the values are, unless ``signal_column`` says so in every row.
        workload: the name, for files of one workload; else ``workload_column``, or the file's name.
        columns: of ``wide`` and ``signals``, those to read; without, all beside the time.
        delimiter: one character; found out by the header without.
        zone: of times that have none (IANA name).
        time_format: of times that are neither ISO 8601 nor seconds since 1970, as in Python's ``strptime``.
        stamps: whether a row's time is the ``start`` or the ``end`` of its interval.
        empty: what stands for no value; such a row is a gap.
        covered_from, covered_until: of ``events``, when the source was watching; else from first to last row.
        non_negative: false where values below zero are possible.
    """

    path: tuple[str, ...]
    layout: Literal["auto", "long", "wide", "signals"] = "auto"
    signal: str = "requests"
    workload: str | None = None
    time_column: str | None = None
    value_column: str | None = None
    workload_column: str | None = None
    signal_column: str | None = None
    columns: tuple[str, ...] | None = None
    delimiter: str | None = None
    decimal: Literal[".", ","] = "."
    encoding: str = "utf-8-sig"
    zone: str | None = None
    time_format: str | None = None
    kind: Kind | None = None
    unit: str | None = None
    aggregate: Aggregate | None = None
    stamps: Literal["start", "end"] = "start"
    empty: tuple[str, ...] = ("NA", "N/A", "NaN", "nan", "null", "None", "-")
    covered_from: datetime | None = None
    covered_until: datetime | None = None
    non_negative: bool = True

    def __post_init__(self) -> None:
        zone_of(self.zone)
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise InvalidInput(f"'{self.delimiter}' is not one character.", parameter="delimiter")
        if self.workload is not None and self.workload_column is not None:
            raise InvalidInput("both workload and workload_column are given.", parameter="workload")
        try:
            "".encode(self.encoding)
        except LookupError:
            raise InvalidInput(f"'{self.encoding}' is no encoding.", parameter="encoding") from None


@dataclass
class _Column:
    """Rows of one workload's signal, as they come; packed, as there may be millions of them."""

    times: array[float] = field(default_factory=lambda: array("d"))
    local: bytearray = field(default_factory=bytearray)
    values: array[float] = field(default_factory=lambda: array("d"))


@dataclass
class _Table:
    """What has been read so far, of all files."""

    columns: dict[tuple[str, str], _Column] = field(default_factory=dict)
    dropped: int = 0
    first_dropped: str = ""

    def drop(self, path: Path, line: int, why: str) -> None:
        self.dropped += 1
        self.first_dropped = self.first_dropped or f"{path.name} line {line}: {why}"


@dataclass(frozen=True)
class _Layout:
    """Which cells of a row are what.

    Attributes:
        values: cell of each value, with its workload and its signal; None where the row or an option says so.
    """

    time: int
    values: tuple[tuple[int, str | None, str | None], ...]
    workload: int | None
    signal: int | None

    @property
    def width(self) -> int:
        return max(self.time, self.workload or 0, self.signal or 0, *(one[0] for one in self.values)) + 1


def read_csv(options: CsvOptions, context: Context) -> Reading:
    """All rows of the files.

    Raises:
        SourceFailed: a file cannot be read, or is no table.
        InvalidInput: a column that an option names is not there.
    """
    table = _Table()
    for path in find_files(options.path):
        _read_file(path, options, table)
    reading = Reading()
    message = f"Rows that cannot be read were left out, first {table.first_dropped}."
    reading.findings.add("dropped_lines", table.dropped, message)
    if not table.columns and not table.dropped:
        reading.findings.add("note", 1, "There is no row below the header.")
    for (workload, signal), column in table.columns.items():
        reading.points.append(_to_points(workload, signal, column, options))
    return reading


def _read_file(path: Path, options: CsvOptions, table: _Table) -> None:
    with open_bytes(path) as raw:
        text = io.TextIOWrapper(raw, encoding=options.encoding, newline="")
        try:
            header_line = text.readline()
            while header_line and not header_line.strip():
                header_line = text.readline()
            if not header_line:
                raise SourceFailed(f"{path} is empty.", parameter="path")
            delimiter = options.delimiter or max(_DELIMITERS, key=header_line.count)
            header = [cell.strip() for cell in next(csv.reader([header_line], delimiter=delimiter))]
            layout = _find_layout(header, options, path)
            rows = csv.reader(text, delimiter=delimiter)
            _read_rows(_numbered(rows), layout, options, table, path)
        except UnicodeDecodeError:
            message = f"{path} is no text in {options.encoding}."
            raise SourceFailed(message, parameter="encoding", fix="Name its encoding, like latin-1.") from None
        except csv.Error as error:
            raise SourceFailed(f"{path} is no CSV file: {error}.", parameter="path") from None
        finally:
            text.detach()


def _numbered(rows: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Rows with their lines' numbers, the header being the first."""
    return enumerate(rows, 2)


def _read_rows(
    rows: Iterator[tuple[int, list[str]]], layout: _Layout, options: CsvOptions, table: _Table, path: Path
) -> None:
    empty = {"", *options.empty}
    width, decimal_comma = layout.width, options.decimal == ","
    known: dict[str, tuple[float, bool]] = {}
    default = options.workload or path.name.split(".")[0]
    for line, row in rows:
        if not row or (len(row) == 1 and not row[0].strip()):
            continue
        if len(row) < width:
            table.drop(path, line, f"has {len(row)} cells of {width}")
            continue
        stamp = row[layout.time].strip()
        at = known.get(stamp)
        if at is None:
            try:
                at = read_time(stamp, options.time_format)
            except (ValueError, OverflowError, OSError):
                table.drop(
                    path, line, f"'{stamp[:40]}' is no time like 2026-01-31T23:00:00Z; time_format tells another form"
                )
                continue
            if len(known) >= _REMEMBERED:
                known.clear()
            known[stamp] = at
        row_workload = default if layout.workload is None else row[layout.workload].strip()
        row_signal = options.signal if layout.signal is None else row[layout.signal].strip()
        for cell, named_workload, named_signal in layout.values:
            text = row[cell].strip()
            try:
                value = np.nan if text in empty else float(text.replace(",", ".") if decimal_comma else text)
            except ValueError:
                comma = "" if decimal_comma or "," not in text else " (unless decimal is ',')"
                table.drop(path, line, f"'{text[:40]}' is no number{comma}")
                continue
            workload, signal = named_workload or row_workload, named_signal or row_signal
            if not workload or not signal:
                table.drop(path, line, "names no workload or no signal")
                continue
            column = table.columns.setdefault((workload, signal), _Column())
            column.times.append(at[0])
            column.local.append(at[1])
            column.values.append(value)


def _find_layout(header: Sequence[str], options: CsvOptions, path: Path) -> _Layout:
    lower = [cell.lower() for cell in header]

    def place(option: str, name: str | None, usual: tuple[str, ...]) -> int | None:
        if name is not None:
            if name not in header:
                message = f"{path} has no column '{name}'."
                raise InvalidInput(message, parameter=option, fix=f"Its columns: {', '.join(header)[:200]}.")
            return header.index(name)
        return next((lower.index(one) for one in usual if one in lower), None)

    time = place("time_column", options.time_column, _TIME_NAMES)
    if time is None:
        message = f"{path} has no column of times; its first line is '{', '.join(header)[:200]}'."
        fix = "The first line must name the columns; say which one with time_column."
        raise InvalidInput(message, parameter="time_column", fix=fix)
    value = place("value_column", options.value_column, _VALUE_NAMES)
    signal = place("signal_column", options.signal_column, ("signal",))
    workload = place("workload_column", options.workload_column, () if options.workload else ("workload",))
    others = [cell for cell in range(len(header)) if cell not in (time, signal, workload)]
    if options.columns is not None:
        others = [place("columns", name, ()) or 0 for name in options.columns]
    if not others:
        raise InvalidInput(f"{path} has no column beside the time.", parameter="columns")
    kind = options.layout
    if kind == "auto":
        named = workload is not None or options.workload is not None
        kind = "long" if value is not None or len(others) == 1 else "signals" if named else "wide"
    if kind == "long":
        if value is None and len(others) != 1:
            raise InvalidInput(f"{path} has no column of values.", parameter="value_column")
        return _Layout(time, ((others[0] if value is None else value, None, None),), workload, signal)
    titles = [(cell, header[cell] or f"column {cell + 1}") for cell in others]
    if kind == "signals":
        return _Layout(time, tuple((cell, None, title) for cell, title in titles), workload, None)
    return _Layout(time, tuple((cell, title, None) for cell, title in titles), None, signal)


def _to_points(workload: str, signal: str, column: _Column, options: CsvOptions) -> Points:
    found = Findings()
    zone = zone_of(options.zone)
    local: NDArray[np.bool_] = np.frombuffer(bytes(column.local), dtype=bool)
    times = to_utc(np.array(column.times, dtype=np.float64), local, zone, found)
    values = np.array(column.values, dtype=np.float64)
    # What clocks skipped has been reported, with its time; as rows without a time it would be a second time.
    real = np.isfinite(times)
    times, values = times[real], values[real]
    if options.stamps == "end":
        times = times - _length(times, found)
    known = signal_of(signal, options.kind, options.unit, options.aggregate)
    return Points(
        workload,
        signal,
        known.kind,
        known.unit,
        times,
        values,
        known.aggregate,
        _covered(times, options),
        (),
        options.non_negative,
        tuple[Finding, ...](found),
    )


def _length(times: Floats, found: Findings) -> float:
    """Seconds between rows, by which stamps at the end of an interval are moved to its beginning."""
    apart = spacings(np.unique(times))
    if apart is None:
        found.add("note", 1, "Rows keep no distance: their times were taken as the beginnings of intervals.")
    return 0.0 if apart is None else apart[0]


def _covered(times: Floats, options: CsvOptions) -> tuple[float, float] | None:
    if not times.size or (options.covered_from is None and options.covered_until is None):
        return None
    begin = float(times.min()) if options.covered_from is None else options.covered_from.timestamp()
    end = float(times.max()) if options.covered_until is None else options.covered_until.timestamp()
    return begin, end
