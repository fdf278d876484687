# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept between runs: bounds that were stated, and how much they were corrected since (adaptive conformal).

Each slot that has passed is compared with the bound that was stated for it. A miss raises the level asked of the
calibration a little, a slot within lowers it by much less, so that in the long run the stated share is within,
whatever the demand does. What the ledger counted of a workload is kept beside it; see ``feedback``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..plugins.module_utils.model.errors import InvalidInput
from .series import Series

_VERSION = 1
_SPEED = 0.01
_MOST = 0.04


@dataclass
class Memory:
    """What is remembered of one workload's signal, or (from `reserved` on) of a workload.

    Attributes:
        shift: added to levels above the middle.
        level: of the stated bounds.
        stated: bound by beginning of the slot, in seconds since 1970.
        checked, missed: slots that were compared so far, and those above their bound.
        reserved: instances by name of reservation, as last written.
        fed: added to levels above the middle because of what the ledger counted.
        taken: until when it was counted, milliseconds since 1970; 0 for not yet.
        expected: used share of what it reserves, as a plan expected it, by its forecast id.
        usual: what the ledger usually counts; see ``feedback.Usual``.
    """

    shift: float = 0.0
    level: float = 0.95
    stated: dict[str, float] = field(default_factory=dict)
    checked: int = 0
    missed: int = 0
    reserved: dict[str, int] = field(default_factory=dict)
    fed: float = 0.0
    taken: int = 0
    expected: dict[str, float] = field(default_factory=dict)
    usual: tuple[float, ...] = (0.0, 0.0, 0.0)

    def check(self, series: Series) -> None:
        """Compares what came with what was stated, and forgets what was compared."""
        for at, value in zip(series.times.tolist(), series.values.tolist(), strict=True):
            bound = self.stated.pop(str(at), None)
            if bound is None or not np.isfinite(value):
                continue
            missed = value > bound
            self.checked += 1
            self.missed += int(missed)
            self.shift = _kept(self.shift + _SPEED * (missed - (1 - self.level)))

    def state(self, start: datetime, interval: int, bounds: list[float], level: float) -> None:
        """Remembers new bounds; those of slots before `start` that never got a value are forgotten."""
        first = int(start.timestamp())
        self.level = level
        self.stated = {str(first + interval * step): bound for step, bound in enumerate(bounds)}


def shift_of(signal: Memory | None, workload: Memory | None) -> float:
    """What is added to the levels of a workload's signal."""
    return _kept((signal.shift if signal else 0.0) + (workload.fed if workload else 0.0))


def _kept(shift: float) -> float:
    return min(max(shift, -_MOST), _MOST)


def load_state(path: Path | None) -> dict[str, Memory]:
    """Memories by ``workload/signal``; none if there is no such file yet.

    Raises:
        InvalidInput: the file is something else, or its folder is not there.
    """
    if path is None:
        return {}
    if not path.parent.is_dir():
        raise InvalidInput(f"there is no folder '{path.parent}'.", parameter="state", fix="Make it, or name another.")
    if not path.exists():
        return {}
    try:
        given: Any = json.loads(path.read_text(encoding="utf-8"))
        if given["version"] != _VERSION:
            raise ValueError(f"its version is {given['version']}")
        return {name: _memory(one) for name, one in given["memories"].items()}
    except (ValueError, KeyError, TypeError, UnicodeDecodeError, AttributeError) as error:
        message = f"{path} is no state of the forecaster ({error})."
        raise InvalidInput(message, parameter="state", fix="Remove it: the next run begins anew.") from None


def _memory(given: dict[str, Any]) -> Memory:
    # Earlier releases kept more.
    made = Memory(**{name: one for name, one in given.items() if name != "waste"})
    numbers = [made.shift, made.level, made.checked, made.missed, made.fed, made.taken]
    numbers += [*made.stated.values(), *made.reserved.values(), *made.expected.values(), *made.usual]
    if not all(isinstance(one, (int, float)) and np.isfinite(one) for one in numbers):
        raise ValueError("something in it is no number")
    if len(made.usual) != len(Memory.usual):
        raise ValueError("usual counts are missing")
    return made


def save_state(path: Path, memories: dict[str, Memory]) -> None:
    """Writes all of it in one piece."""
    text = json.dumps({"version": _VERSION, "memories": {name: asdict(memories[name]) for name in sorted(memories)}})
    part = path.with_name(f".{path.name}.part")
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(path)
