# SPDX-License-Identifier: GPL-3.0-or-later
"""One step between two node configurations, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

KINDS = ("route", "address", "rate_limit", "interface", "access_list", "attachment")
"""What a change can be about. An attachment is the ordered access lists of one interface in one direction."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is done to one object.

    Attributes:
        op: ``add``, ``change`` or ``remove``.
        kind: one of ``KINDS``.
        key: names the object among those of its kind, for a reader (``10.0.0.0/24 metric 5``).
        before: the object as it is now, JSON values; None when it is added.
        after: the object as it will be, JSON values; None when it is removed.
    """

    op: str
    kind: str
    key: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None

    @property
    def subject(self) -> dict[str, Any]:
        """``after``, or ``before`` where the object goes."""
        return self.after if self.after is not None else self.before or {}

    def to_dict(self) -> dict[str, Any]:
        """JSON values, for a module's result."""
        return {"op": self.op, "kind": self.kind, "key": self.key, "before": self.before, "after": self.after}
