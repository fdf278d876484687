# SPDX-License-Identifier: GPL-3.0-or-later
"""Reader ``log``: access logs, counted by workload and interval.

Lines are counted block by block; see `log_formats`. An interval in which a workload has no line, but others have, is
zero: the log was being written. For silence of the whole log see `log_silence`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from math import gcd
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from ...plugins.module_utils.model.errors import InvalidInput
from ..series import Aggregate, Findings, Kind, Points
from ..series_points import CLOCK_TOLERANCE
from .files import find_files, open_bytes
from .log_formats import CommonFormat, Format, JsonFormat, Key, Names, check_field
from .log_silence import Silence, silent_spans
from .log_times import LogTimes
from .source import Context, Reading, SourceFailed, signal_of, zone_of

_BLOCK = 4 << 20
_LONGEST_LINE = 16 << 20
_MOST_WORKLOADS = 10_000
_QUARTER = 900
_JSON_TIMES = ("time", "timestamp", "@timestamp", "ts", "time_local", "datetime", "date")


@dataclass(frozen=True)
class LogOptions:
    """Options of the reader ``log``.

    Attributes:
        path: files, or patterns of files, rotated ones too (``access.log*``); gzip is unpacked.
        format: ``combined`` begins as ``common`` and goes on: both are read alike. ``vhost`` is either with the
            virtual host in front. ``auto`` looks at the first line.
        signal: what is counted; its unit and kind follow from it.
        workload: the name, for logs of one workload.
        workload_field: the field that names it: of JSON any, dotted where it lies deeper; else ``vhost``, ``client``,
            ``user``, ``method``, ``path``, ``status`` or ``line``.
        workload_regex: what of the field (without one, of the path, or of the whole JSON line's ``path``) is the
            name: the group ``workload``, or the first one, or all that matched.
        value_field: a number that is added up in place of lines, such as ``bytes``.
        time_field: of JSON lines; found by the usual names without.
        time_format: as in Python's ``strptime``, where times are neither ISO 8601 nor seconds since 1970.
        zone: of times that have none (IANA name); without, they are UTC.
        silence: what it means that the whole log is silent: ``zero``, ``gap``, or ``auto``, by how likely that is.
    """

    path: tuple[str, ...]
    format: Literal["auto", "common", "combined", "vhost", "json"] = "auto"
    signal: str = "requests"
    workload: str | None = None
    workload_field: str | None = None
    workload_regex: str | None = None
    value_field: str | None = None
    time_field: str | None = None
    time_format: str | None = None
    zone: str | None = None
    silence: Silence = "auto"
    unit: str | None = None
    aggregate: Aggregate | None = None

    def __post_init__(self) -> None:
        zone_of(self.zone)
        if self.workload is not None and (self.workload_field or self.workload_regex):
            raise InvalidInput("both a workload and where to find it are given.", parameter="workload")
        if self.format not in ("json", "auto"):
            check_field(self.workload_field, "workload_field", self.format)
            check_field(self.value_field, "value_field", self.format)
        if self.value_field is not None and self.value_field == self.workload_field:
            raise InvalidInput("is the field of the workload too.", parameter="value_field")
        try:
            re.compile(self.workload_regex or "")
        except re.error as error:
            message = f"'{self.workload_regex}' is no regular expression: {error}."
            raise InvalidInput(message, parameter="workload_regex") from None


@dataclass
class _Tally:
    """What has been counted so far, of all files.

    Attributes:
        sums: by workload and begin of a bucket.
        minutes: begin of the first and the last minute in which there was a line.
        latest: a line of a later time is from the future.
    """

    bucket: int
    sums: dict[str, dict[float, float]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(float)))
    lines: int = 0
    malformed: int = 0
    first_malformed: str = ""
    nameless: int = 0
    latest: float = np.inf
    future: int = 0
    lines_by_bucket: dict[float, int] = field(default_factory=lambda: defaultdict(int))
    minutes: tuple[float, float] = (np.inf, -np.inf)


def read_logs(options: LogOptions, context: Context) -> Reading:
    """Counts of all files, by workload.

    Raises:
        SourceFailed: a file cannot be read, or no line of it can.
        InvalidInput: an option does not fit the log.
    """
    tally = _Tally(gcd(context.interval, _QUARTER), latest=context.now + CLOCK_TOLERANCE)
    times = LogTimes(zone_of(options.zone), options.time_format)
    reading = Reading()
    files = find_files(options.path)
    # While a rotated file is being compressed, it is there twice.
    both = [path for path in files if path.suffix == ".gz" and path.with_suffix("") in files]
    message = f"{both[0].name if both else ''} is there unpacked too: files that are there twice were read once."
    reading.findings.add("duplicates", len(both), message)
    for path in files:
        if path not in both:
            _read_file(path, options, times, tally)
    _describe(tally, times, reading.findings)
    if tally.lines == tally.malformed:
        why = f" First {tally.first_malformed}." if tally.malformed else " All files are empty."
        raise SourceFailed(f"not one line of {', '.join(options.path)} could be read.{why}", parameter="path")
    if not tally.sums:
        words = " ".join(one.message for one in reading.findings)
        raise SourceFailed(f"no line of {', '.join(options.path)} counts. {words}", parameter="path")
    spans, found = silent_spans(tally.lines_by_bucket, tally.bucket, options.silence)
    reading.findings.extend(found)
    reading.points = _to_points(options, tally, (*spans, *times.ambiguous_spans()))
    return reading


def _read_file(path: Path, options: LogOptions, times: LogTimes, tally: _Tally) -> None:
    with open_bytes(path) as stream:
        form: Format | None = None
        number = 0
        names = _names(options)
        for block in _blocks(stream, path):
            if form is None:
                head = block.lstrip(b"\r\n")
                if not head:
                    continue
                form = _find_format(head[: head.find(b"\n")], options, tally.bucket % 60 == 0, path)
            lines = block.count(b"\n")
            read = _count_block(form.count(block, names), times, tally, path)
            blank = 0
            if read != lines:
                blank = len(re.findall(rb"^[ \t\r]*\n", block, re.MULTILINE))
                tally.malformed += lines - blank - read
                if lines - blank > read and not tally.first_malformed:
                    tally.first_malformed = _first_malformed(block, form, times, number, path)
            tally.lines += lines - blank
            number += lines


def _blocks(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    """The file in blocks of whole lines; the last line may lack its end."""
    rest = b""
    while True:
        read = stream.read(_BLOCK)
        if not read:
            if rest:
                yield rest + b"\n"
            return
        end = read.rfind(b"\n") + 1
        if end:
            yield rest + read[:end]
            rest = read[end:]
        else:
            rest += read
            if len(rest) > _LONGEST_LINE:
                raise SourceFailed(f"{path} has a line of more than 16 MiB: it is no log.", parameter="path")


def _find_format(line: bytes, options: LogOptions, whole_minutes: bool, path: Path) -> Format:
    """The format that is asked for, or the one that fits the first line."""
    kind = options.format
    if kind == "auto":
        kind = "json" if line.startswith(b"{") else "common"
        if kind == "common":
            check_field(options.workload_field, "workload_field", kind)
            check_field(options.value_field, "value_field", kind)
            kind = "vhost" if _has_virtual_host(line) else kind
    source = options.workload_field
    if source is None and options.workload_regex is not None:
        source = "path"
    if source is None and options.workload is None:
        source = "vhost" if kind == "vhost" else None
    if kind == "json":
        time = options.time_field or _json_time(line, path)
        return JsonFormat(source, options.value_field, time, whole_minutes)
    if "vhost" in (source, options.value_field) and kind != "vhost":
        message = f"{path} has no virtual host in front of its lines."
        raise InvalidInput(message, parameter="workload_field")
    return CommonFormat(source, options.value_field, whole_minutes, kind == "vhost")


def _has_virtual_host(line: bytes) -> bool:
    """Whether the second word is the client's address, where Common Log Format has the answer of identd (RFC 1413)."""
    words = line.split(b" ", 2)
    try:
        ip_address(words[1].decode())
    except (IndexError, ValueError):
        return False
    return True


def _json_time(line: bytes, path: Path) -> str:
    for name in _JSON_TIMES:
        if f'"{name}"'.encode() in line:
            return name
    fix = "Name it with time_field."
    raise InvalidInput(f"{path} has no field of a usual name for the time.", parameter="time_field", fix=fix)


def _names(options: LogOptions) -> Names:
    """How what the log writes becomes a workload's name."""
    regex = re.compile(options.workload_regex) if options.workload_regex else None
    nothing = "" if options.workload_field is not None else "log"

    def find(source: str) -> str:
        if options.workload is not None:
            return options.workload
        text = source.strip()
        if regex is None:
            return text or nothing
        match = regex.search(text)
        if match is None:
            return ""
        return match["workload" if "workload" in regex.groupindex else min(1, regex.groups)] or ""

    return Names(find)


def _count_block(counted: Counter[Key], times: LogTimes, tally: _Tally, path: Path) -> int:
    """Adds what a block has to the tally; the number of lines whose time (and value) has a meaning."""
    read = 0
    bucket = tally.bucket
    first, last = tally.minutes
    for (name, stamp, zone, value), number in counted.items():
        at = times.of(stamp, zone)
        if at is None:
            continue
        amount = float(number)
        if value:
            try:
                amount = 0.0 if value == "-" else number * float(value)
            except ValueError:
                continue
        read += number
        if at > tally.latest:
            tally.future += number
            continue
        begin = at // bucket * bucket
        first, last = min(first, at), max(last, at)
        tally.lines_by_bucket[begin] += number
        if not name:
            tally.nameless += number
            continue
        tally.sums[name][begin] += amount
    tally.minutes = (first, last)
    if len(tally.sums) > _MOST_WORKLOADS:
        message = f"{path} names more than {_MOST_WORKLOADS} workloads, such as '{next(reversed(tally.sums))[:80]}'."
        raise InvalidInput(message, parameter="workload_field", fix="Take another field, or workload_regex.")
    return read


def _first_malformed(block: bytes, form: Format, times: LogTimes, before: int, path: Path) -> str:
    for number, line in enumerate(block.split(b"\n"), before + 1):
        if line.strip() and not _meant(line, form, times):
            return f"{path.name} line {number}: '{line[:80].decode('utf-8', 'replace')}'"
    return path.name


def _meant(line: bytes, form: Format, times: LogTimes) -> bool:
    """Whether the line is well formed, and its time and value are such."""
    keys = form.count(line + b"\n", Names(lambda _source: ""))
    alone = _Tally(60)
    return bool(keys) and _count_block(keys, times, alone, Path()) == 1


def _describe(tally: _Tally, times: LogTimes, found: Findings) -> None:
    message = (
        f"{tally.malformed} of {tally.lines} lines cannot be read and were left out, first {tally.first_malformed}."
    )
    found.add("dropped_lines", tally.malformed, message)
    message = f"{tally.nameless} of {tally.lines} lines name no workload and were left out."
    found.add("dropped_lines", tally.nameless, message)
    message = f"{tally.future} of {tally.lines} lines are from the future and were left out: check clocks and zone."
    found.add("future", tally.future, message)
    found.add("note", int(times.assumed_utc), "Times without a zone were read as UTC; give the option 'zone' if not.")
    spans = times.ambiguous_spans()
    message = "Lines of an hour that the clock showed twice cannot be told apart: both hours are gaps."
    found.add("dst_repeated", len(spans), message, first=spans[0][0] if spans else None)


def _to_points(options: LogOptions, tally: _Tally, unobserved: tuple[tuple[float, float], ...]) -> list[Points]:
    kind: Kind = "events"
    known = signal_of(options.signal, kind, options.unit, options.aggregate)
    # A line's second was cut off: the last minute was watched to its end.
    covered = (tally.minutes[0], tally.minutes[1] + (59 if tally.bucket % 60 == 0 else 0))
    result = []
    for workload, sums in sorted(tally.sums.items()):
        begins = sorted(sums)
        # A bucket's begin may lie before the first line.
        times = np.maximum(np.array(begins, dtype=np.float64), covered[0])
        values = np.array([sums[begin] for begin in begins], dtype=np.float64)
        result.append(
            Points(workload, options.signal, kind, known.unit, times, values, known.aggregate, covered, unobserved)
        )
    return result
