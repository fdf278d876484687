# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a log that is silent had nothing to say, or was not being written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from ..series import Finding, Findings, Floats

Silence = Literal["auto", "zero", "gap"]

_SURPRISING = 20.0
"""Lines expected in a silence that nobody believes: by Poisson's law it happens by chance once in 500 million times."""
_DAY = 86400
_DAYS_TO_COMPARE = 3


def silent_spans(
    lines: Mapping[float, int], bucket: int, rule: Silence
) -> tuple[tuple[tuple[float, float], ...], list[Finding]]:
    """From when to when the log was not being written.

    A bucket's expected lines are their mean at the same time of other days, where the log has at least three days,
    or else their mean over the whole log. A silence in which more than twenty lines were expected is a gap.

    Args:
        lines: number of lines by begin of a bucket; buckets without lines are not there.
        bucket: seconds.
    """
    found = Findings()
    if len(lines) < 2 or rule == "zero":
        return (), []
    begins = np.array(sorted(lines))
    start = float(begins[0])
    counts = np.zeros(int((begins[-1] - start) // bucket) + 1)
    counts[((begins - start) // bucket).astype(np.int64)] = [lines[one] for one in begins.tolist()]
    silent = counts == 0
    edges = np.flatnonzero(np.diff(np.concatenate(([0], silent.astype(np.int8), [0]))))
    expected = np.concatenate(([0.0], np.cumsum(_expected(counts, bucket))))
    spans = []
    for first, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if rule == "gap" or expected[stop] - expected[first] > _SURPRISING:
            spans.append((start + first * bucket, start + stop * bucket))
    if spans:
        hours = sum(end - begin for begin, end in spans) / 3600
        message = (
            f"The whole log is silent {len(spans)} times, {hours:.1f} hours together, when lines were to be expected: "
            "gaps now (option 'silence')."
        )
        found.add("unobserved", len(spans), message, first=spans[0][0])
    return tuple(spans), list(found)


def _expected(counts: Floats, bucket: int) -> Floats:
    per_day = _DAY // bucket
    mean = counts.sum() / max(1, counts.size)
    if _DAY % bucket or counts.size < _DAYS_TO_COMPARE * per_day:
        return np.full(counts.size, mean)
    slots = np.arange(counts.size) % per_day
    means = np.bincount(slots, counts, per_day) / np.bincount(slots, minlength=per_day)
    result: Floats = means[slots]
    return result
