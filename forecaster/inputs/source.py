# SPDX-License-Identifier: GPL-3.0-or-later
"""What all readers share: what they are told of the run, what they give, and options that several have."""

from __future__ import annotations

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ...plugins.module_utils.model.errors import InvalidInput, ShadownetError
from ..series import Aggregate, Findings, Kind, Points, Signal, known_signal


class SourceFailed(ShadownetError):
    """A source cannot be read, though its options are right: no such file, no answer, no right to it."""


@dataclass(frozen=True)
class Context:
    """The run that reads.

    Attributes:
        now: seconds since 1970 (UTC).
        interval: seconds of one value, as wanted.
        history: seconds before now that are wanted; readers that can ask for less than everything do.
    """

    now: float
    interval: int = 3600
    history: int = 28 * 86400


@dataclass
class Reading:
    """What a source gave.

    Attributes:
        findings: what concerns the source as a whole; what concerns one workload's signal is with its points.
    """

    points: list[Points] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)


def signal_of(name: str, kind: Kind | None, unit: str | None, aggregate: Aggregate | None) -> Signal:
    """What is known of the signal `name`, where the options do not say otherwise."""
    known = known_signal(name)
    return Signal(kind or known.kind, known.unit if unit is None else unit, aggregate or known.aggregate)


def zone_of(name: str | None, option: str = "zone") -> ZoneInfo | None:
    """The time zone of that IANA name.

    Raises:
        InvalidInput: there is none.
    """
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"'{name}' is no time zone."
        raise InvalidInput(message, parameter=option, fix="Give an IANA name like Europe/Berlin or UTC.") from None
