# SPDX-License-Identifier: GPL-3.0-or-later
"""What the active route manager answers, and how long each of its steps took."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any


class Steps:
    """A stop watch; ``milliseconds`` has each step by name."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}
        self._at = time.perf_counter()

    def done(self, step: str) -> None:
        """What passed since the last call, or since the beginning, was this step."""
        now = time.perf_counter()
        self.milliseconds[step] = self.milliseconds.get(step, 0.0) + 1000 * (now - self._at)
        self._at = now


@dataclass(frozen=True, slots=True)
class Activation:
    """An instance was created.

    Attributes:
        instance: as ``ipam.instance_lifecycle.show_instance`` has it. ``pending`` until its node was read back.
        missed: why no reservation served it; None where one did, or where it was there before.
        changed: False where everything was so already.
        milliseconds: by step: ``ledger``, ``assign``, ``route``.
    """

    instance: dict[str, Any]
    missed: str | None
    changed: bool
    milliseconds: dict[str, float] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """``shadow`` (reserved) or ``dynamic``."""
        return str(self.instance["source"])

    @property
    def address(self) -> str:
        """Its address."""
        return str(self.instance["address"])

    @property
    def prefix(self) -> str:
        """Its prefix, which the node routes to it."""
        return str(self.instance["cidr"])

    @property
    def gateway(self) -> str | None:
        """Its default router, where one was named."""
        return self.instance["gateway"]  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Deactivation:
    """An instance was deleted.

    Attributes:
        instance: as it was found, with the status that it has now: ``releasing`` until its node was read back, or
            ``gone``. None where the ledger knows no instance of that name.
        changed: False where it had been deleted before.
        milliseconds: by step: ``assign``, ``ledger``, ``route``.
    """

    name: str
    instance: dict[str, Any] | None
    changed: bool
    milliseconds: dict[str, float] = field(default_factory=dict)
