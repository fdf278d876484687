# SPDX-License-Identifier: GPL-3.0-or-later
"""Reader ``prometheus``: a range query, in pieces that the server answers, and workloads by the series' labels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil, floor
from pathlib import Path
from string import Formatter
from typing import Any, Literal

import numpy as np

from ...plugins.module_utils.model.errors import InvalidInput
from ...plugins.module_utils.model.units import format_duration
from ..series import Aggregate, Findings, Kind, Points
from .options import Duration, read_secret
from .prometheus_http import Access, PrometheusClient, TooManySamples
from .source import Context, Reading, SourceFailed, signal_of

MOST_POINTS = 11_000
"""What a server answers for one series at most."""
_QUOTED = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)""")
_RANGE = re.compile(r"\[\s*((?:\d+(?:ms|[smhdwy]))+)\s*[:\]]")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}

Labels = tuple[tuple[str, str], ...]
_A_MINUTE = Duration(60)


@dataclass(frozen=True)
class PrometheusOptions:
    """Options of the reader ``prometheus``.

    Attributes:
        url: of the server, with the path that it is served under if it has one.
        query: PromQL; ``$interval`` in it stands for the interval (``increase(requests_total[$interval])``).
        signal: what the values are.
        workload: a name, or labels in braces: ``{namespace}/{service}``. Without it, the only label that series have.
        rename: other names for workloads.
        start, end: what to ask for; without, the history up to now.
        interval: distance of values; without, that of the run.
        stamps: whether a value tells of the interval that its time is the ``end`` or the ``start`` of; without, the
            end if the query has a range in brackets.
        username, password, password_file: for basic authentication.
        bearer_token, bearer_token_file: for a token.
        headers: more headers, such as a tenant's ``X-Scope-OrgID``.
        ca_file: what the server's certificate must be signed by; the system's authorities without.
        certificate_file, key_file: this client's, if the server asks.
        timeout: for one try.
        retries: how often a try is repeated that failed for reasons that pass.
        non_negative: false where values below zero are possible.
    """

    url: str
    query: str
    signal: str = "requests"
    workload: str | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    start: datetime | None = None
    end: datetime | None = None
    interval: Duration | None = None
    stamps: Literal["start", "end"] | None = None
    kind: Literal["gauge", "count"] | None = None
    unit: str | None = None
    aggregate: Aggregate | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    bearer_token: str | None = field(default=None, repr=False)
    bearer_token_file: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    timeout: Duration = _A_MINUTE
    retries: int = 5
    non_negative: bool = True

    def __post_init__(self) -> None:
        if self.interval is not None and self.interval < 1:
            raise InvalidInput("must be at least one second.", parameter="interval")
        if self.timeout < 1:
            raise InvalidInput("must be at least one second.", parameter="timeout")
        if self.retries > 20:
            raise InvalidInput(f"{self.retries} is more than 20.", parameter="retries")
        password, token = self.password or self.password_file, self.bearer_token or self.bearer_token_file
        if token and (self.username or password):
            raise InvalidInput("a user and a token are given.", parameter="bearer_token", fix="Give one of them.")
        if bool(self.username) != bool(password):
            raise InvalidInput("username and password go together.", parameter="username")
        if self.key_file and not self.certificate_file:
            raise InvalidInput("is of no use without certificate_file.", parameter="key_file")
        _labels_in(self.workload)


def _labels_in(template: str | None) -> list[str]:
    """Labels that a template for workloads names.

    Raises:
        InvalidInput: its braces do not match, or hold more than a label.
    """
    try:
        parts = list(Formatter().parse(template or ""))
    except ValueError as error:
        raise InvalidInput(f"'{template}': {error}.", parameter="workload") from None
    names = [name for _one, name, _two, _three in parts if name is not None]
    if any(not re.fullmatch(r"[a-zA-Z_]\w*", name) for name in names) or any(
        form or turn for _one, _two, form, turn in parts
    ):
        fix = "Write labels in braces, like {namespace}/{service}."
        raise InvalidInput(f"'{template}' has more than labels in its braces.", parameter="workload", fix=fix)
    return names


def read_prometheus(options: PrometheusOptions, context: Context) -> Reading:
    """What the query gives, from start to end.

    Raises:
        SourceFailed: the server does not answer, or has nothing.
        InvalidInput: the server finds the query wrong, or series cannot be told apart by workload.
    """
    step = options.interval or context.interval
    begin = context.now - context.history if options.start is None else options.start.timestamp()
    finish = context.now if options.end is None else options.end.timestamp()
    start, end = ceil(begin / step) * step, floor(finish / step) * step
    if end < start:
        raise InvalidInput("there is no whole interval between start and end.", parameter="start")
    client = PrometheusClient(_access(options))
    query = options.query.replace("$interval", f"{step}s")
    reading = Reading()
    columns: dict[Labels, tuple[list[float], list[str]]] = {}
    warnings: dict[str, None] = {}
    skipped: set[Labels] = set()
    for answer in _pieces(client, query, start, end, step):
        warnings.update(dict.fromkeys(str(one) for one in answer.get("warnings") or ()))
        for one in _matrix(answer):
            labels = tuple(sorted((str(name), str(value)) for name, value in one.get("metric", {}).items()))
            if "values" not in one:
                skipped.add(labels)
                continue
            times, values = columns.setdefault(labels, ([], []))
            times += [float(pair[0]) for pair in one["values"]]
            values += [pair[1] for pair in one["values"]]
    for warning in warnings:
        reading.findings.add("note", 1, f"The server warned: {warning[:200]}")
    reading.findings.add("dropped_lines", len(skipped), "Series of histograms have no values and were left out.")
    if not columns:
        raise SourceFailed("the query gives nothing for that time.", parameter="query")
    shift = step if (options.stamps or ("end" if _ranges(query) else "start")) == "end" else 0
    names = _workloads(list(columns), options)
    known = signal_of(options.signal, options.kind, options.unit, options.aggregate)
    _check_ranges(query, step, known.kind, reading.findings)
    for labels, (times, texts) in columns.items():
        at = np.array(times, dtype=np.float64) - shift
        values_of = np.array(texts, dtype=np.str_).astype(np.float64)
        reading.points.append(
            Points(
                names[labels],
                options.signal,
                known.kind,
                known.unit,
                at,
                values_of,
                known.aggregate,
                non_negative=options.non_negative,
            )
        )
    return reading


def _access(options: PrometheusOptions) -> Access:
    return Access(
        url=options.url,
        username=options.username,
        password=read_secret(options.password, options.password_file, "password"),
        bearer_token=read_secret(options.bearer_token, options.bearer_token_file, "bearer_token"),
        headers=options.headers,
        ca_file=options.ca_file,
        certificate_file=options.certificate_file,
        key_file=options.key_file,
        timeout=options.timeout,
        retries=options.retries,
    )


def _pieces(client: PrometheusClient, query: str, start: int, end: int, step: int) -> Iterator[dict[str, Any]]:
    """Answers for the whole range, piece by piece; where a piece is too much for the server, by halves of it."""
    most = MOST_POINTS
    while start <= end:
        last = min(end, start + (most - 1) * step)
        try:
            answer = client.query_range(query, start, last, step)
        except TooManySamples:
            if last == start:
                raise
            most = max(1, ((last - start) // step + 1) // 2)
            continue
        yield answer
        start = last + step


def _matrix(answer: dict[str, Any]) -> list[dict[str, Any]]:
    data = answer["data"]
    if data.get("resultType") != "matrix" or not isinstance(data.get("result"), list):
        raise SourceFailed(f"the server answered with {data.get('resultType')}, no range.", parameter="query")
    found: list[dict[str, Any]] = data["result"]
    return found


def _workloads(series: list[Labels], options: PrometheusOptions) -> dict[Labels, str]:
    """The workload of each series; no two have the same."""
    wanted = _labels_in(options.workload)
    names: dict[Labels, str] = {}
    taken: dict[str, Labels] = {}
    for labels in series:
        having = dict(labels)
        name = _name(having, options.workload, wanted)
        name = options.rename.get(name, name)
        if name in taken:
            message = f"two series are '{name}': {_shown(taken[name])} and {_shown(labels)}."
            fix = "Add them up in the query, like sum by (service) (...), or name more labels."
            raise InvalidInput(message, parameter="workload", fix=fix)
        taken[name], names[labels] = labels, name
    return names


def _name(having: Mapping[str, str], template: str | None, wanted: list[str]) -> str:
    if template is None:
        own = {name: value for name, value in having.items() if name != "__name__"}
        if len(own) == 1:
            return next(iter(own.values()))
        message = f"series have {len(own) or 'no'} labels: {', '.join(own) or '{}'}."
        raise InvalidInput(message, parameter="workload", fix="Give a name, or the labels like {namespace}/{service}.")
    lacking = [name for name in wanted if name not in having]
    if lacking:
        message = f"a series has no label {lacking[0]}: {_shown(tuple(having.items()))}."
        raise InvalidInput(message, parameter="workload")
    return template.format(**having) if wanted else template


def _shown(labels: Labels) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels)[:200] + "}"


def _ranges(query: str) -> list[float]:
    """Seconds of the ranges in brackets; 0 for one that is written in another way."""
    bare = _QUOTED.sub("", query)
    found = [
        sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwy])", text))
        for text in _RANGE.findall(bare)
    ]
    return found or ([0.0] if "[" in bare else [])


def _check_ranges(query: str, step: int, kind: Kind, found: Findings) -> None:
    other = [one for one in _ranges(query) if one and one != step]
    if kind == "count" and other:
        back, every = format_duration(int(other[0])), format_duration(step)
        message = f"The query looks back {back} every {every}: counts miss or repeat some. Write [$interval]."
        found.add("note", 1, message)
