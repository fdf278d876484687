# SPDX-License-Identifier: GPL-3.0-or-later
"""Reader ``ledger``: what the ledger itself saw, straight from it. Nothing in it is changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...plugins.module_utils.ipam.usage import Window
from ...plugins.module_utils.ipam.usage_history import Interval, usage_history
from ...plugins.module_utils.ledger.ledger import Ledger
from ...plugins.module_utils.model.errors import InvalidInput, ShadownetError
from ..series import Points, known_signal
from .history import HistorySignal
from .source import Context, Reading, SourceFailed

_OF = {"creations": "created", "deletions": "deleted", "instances": "instances_max"}


@dataclass(frozen=True)
class LedgerOptions:
    """Options of the reader ``ledger``.

    Attributes:
        path: the file; without, that of the environment variable ``SHADOWNET_LEDGER``, then the usual one.
        signals: which signals to read.
        feedback: whether what became of earlier plans corrects the next one.
    """

    path: str | None = None
    signals: tuple[HistorySignal, ...] = ("creations", "deletions", "instances")
    feedback: bool = True


def open_ledger(options: LedgerOptions, now: float) -> Ledger:
    """The ledger, as if it were that time (seconds since 1970).

    Raises:
        SourceFailed: there is none, or it cannot be used.
    """
    try:
        return Ledger(options.path, clock=lambda: now)
    except ShadownetError as error:
        raise SourceFailed(error.message, parameter="path", fix=error.fix) from None


def read_ledger(options: LedgerOptions, context: Context) -> Reading:
    """Instances by workload over the history that is wanted; whole intervals only.

    Raises:
        SourceFailed: there is no ledger, or it cannot be used.
    """
    with open_ledger(options, context.now) as ledger, ledger.snapshot() as transaction:
        last = transaction.now
        window = Window(max(last - context.history * 1000, 0), last, False)
        try:
            rows = usage_history(transaction, window, context.interval * 1000)
        except InvalidInput as error:
            raise SourceFailed(error.message, fix="Ask for a shorter history or a longer interval.") from None
    by_workload: dict[str, dict[int, list[Interval]]] = {}
    several = False
    for row in rows:
        found = by_workload.setdefault(row.workload, {}).setdefault(row.time, [])
        several = several or bool(found)
        found.append(row)
    reading = Reading()
    if several and "instances" in options.signals:
        message = "Instances of several locations were added up: the most at once is at most that."
        reading.findings.add("note", 1, message)
    for workload, times in by_workload.items():
        reading.points += _points(workload, times, options)
    return reading


def _points(workload: str, times: dict[int, list[Interval]], options: LedgerOptions) -> list[Points]:
    ordered = sorted(times)
    # Before its first instance a workload is not known to have needed none: it was not there.
    first = next((at for at in ordered if any(row.instances_max for row in times[at])), None)
    if first is None:
        return []
    kept = [at for at in ordered if at >= first]
    stamps = np.array(kept, np.float64) / 1000
    found = []
    for signal in options.signals:
        known = known_signal(signal)
        values = np.array([sum(getattr(row, _OF[signal]) for row in times[at]) for at in kept], np.float64)
        found.append(Points(workload, signal, known.kind, known.unit, stamps, values, known.aggregate))
    return found
