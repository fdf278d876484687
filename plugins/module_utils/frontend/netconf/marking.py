# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose revision a node carries, as a text that its configuration has room for (which leaf, the dialect says).

The mark is part of the configuration: it comes, changes and goes with what it is about, in the same commit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..transport import Mark

_TEXT = re.compile(r"ledger ([0-9A-Fa-f]{1,64}) revision ([0-9]{1,19})\Z")


@dataclass(frozen=True, slots=True)
class Marking:
    """What an edit does with the mark, for its template.

    Attributes:
        text: the mark to write, None to write none.
        remove: take the mark away.
        stays: the node has a mark after the edit.
    """

    text: str | None = None
    remove: bool = False
    stays: bool = False


def to_text(mark: Mark) -> str:
    """The mark as the node keeps it."""
    return f"ledger {mark.ledger_id} revision {mark.revision}"


def from_text(text: str | None) -> Mark | None:
    """The mark that the text is, None for any other text."""
    found = None if text is None else _TEXT.match(text.strip())
    return None if found is None else Mark(found[1], int(found[2]))


def marking(before: Mark | None, after: Mark | None, place: bool = False) -> Marking:
    """What leads from one mark to another.

    Args:
        place: the node has a place for marks, though perhaps an empty one; it goes where no mark stays.
    """
    if after is None:
        return Marking(remove=before is not None or place)
    return Marking(text=None if after == before else to_text(after), stays=True)
