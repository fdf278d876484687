# SPDX-License-Identifier: GPL-3.0-or-later
"""Reader ``history``: what the ledger itself saw, in the CSV form that ``ledger_info`` writes.

One row an interval, workload and location: how many instances were created and deleted in it, and the most that there
were at once. Columns that are not needed here are passed over.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ...plugins.module_utils.model.errors import InvalidInput
from ..series import Points, known_signal
from .files import find_files, open_bytes
from .source import Context, Reading, SourceFailed
from .times import read_time

# The signal's column by the names that it may have.
_COLUMNS = {
    "creations": ("created", "creations"),
    "deletions": ("deleted", "deletions"),
    "instances": ("instances_max", "instances"),
}
HistorySignal = Literal["creations", "deletions", "instances"]


@dataclass(frozen=True)
class HistoryOptions:
    """Options of the reader ``history``.

    Attributes:
        path: files, or patterns of files; gzip is unpacked.
        signals: which signals to read.
        by_location: whether ``web`` in fra1 is a workload of its own, ``web@fra1``; else locations are added up.
    """

    path: tuple[str, ...]
    signals: tuple[HistorySignal, ...] = ("creations", "deletions", "instances")
    by_location: bool = False


_Sums = dict[tuple[str, str], dict[float, float]]


def read_history(options: HistoryOptions, context: Context) -> Reading:
    """All rows of the ledger's history.

    Raises:
        SourceFailed: a file cannot be read.
        InvalidInput: a file is no history, or a row has no meaning (the ledger writes none such).
    """
    sums: _Sums = {}
    seen: set[tuple[float, str, str]] = set()
    reading = Reading()
    repeated, added = 0, False
    for path in find_files(options.path):
        with open_bytes(path) as raw:
            text = io.TextIOWrapper(raw, encoding="utf-8", newline="")
            try:
                again, several = _read_file(path, text, options, sums, seen)
            except (UnicodeDecodeError, csv.Error):
                raise SourceFailed(f"{path} is no CSV file.", parameter="path") from None
            finally:
                text.detach()
        repeated, added = repeated + again, added or several
    message = "Rows that came more than once (by time, workload and location) were counted once."
    reading.findings.add("duplicates", repeated, message)
    if added and "instances" in options.signals:
        message = "Instances of several locations were added up: the most at once is at most that."
        reading.findings.add("note", 1, message)
    reading.points = [_to_points(workload, signal, column) for (workload, signal), column in sums.items()]
    return reading


def _read_file(
    path: Path, text: io.TextIOWrapper, options: HistoryOptions, sums: _Sums, seen: set[tuple[float, str, str]]
) -> tuple[int, bool]:
    """Adds a file's rows to `sums`; how many had been there already, and whether locations were added up."""
    rows = csv.DictReader(text)
    header = rows.fieldnames or []
    columns = {signal: next((one for one in _COLUMNS[signal] if one in header), "") for signal in options.signals}
    lacking = [name for name in ("time", "workload") if name not in header]
    lacking += [signal for signal, column in columns.items() if not column]
    if lacking:
        message = f"{path} is no history of a ledger: it has no column for {', '.join(lacking)}."
        raise InvalidInput(message, parameter="path", fix="Let ledger_info write it (option history.file).")
    repeated, several = 0, False
    for row in rows:
        location = row.get("location") or ""
        try:
            at, local = read_time(row["time"])
            values = {signal: float(row[column]) for signal, column in columns.items()}
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"{path} line {rows.line_num}: {error}.", parameter="path") from None
        if local:
            message = f"{path} line {rows.line_num}: the time has no zone."
            raise InvalidInput(message, parameter="path", fix="Write it like 2026-01-31T23:00:00Z.")
        if (at, row["workload"], location) in seen:
            repeated += 1
            continue
        seen.add((at, row["workload"], location))
        name = f"{row['workload']}@{location}" if options.by_location and location else row["workload"]
        for signal, value in values.items():
            column = sums.setdefault((name, signal), {})
            several = several or at in column
            column[at] = column.get(at, 0.0) + value
    return repeated, several


def _to_points(workload: str, signal: str, column: dict[float, float]) -> Points:
    known = known_signal(signal)
    times = np.array(list(column), dtype=np.float64)
    values = np.array(list(column.values()), dtype=np.float64)
    return Points(workload, signal, known.kind, known.unit, times, values, known.aggregate)
