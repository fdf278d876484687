# SPDX-License-Identifier: GPL-3.0-or-later
"""Why no reservation served an instance: a code that is counted, and words for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

EXHAUSTED = "exhausted"
NOT_BEGUN = "not_begun"
NONE = "none"
RETURNED = "returned"
"""The instance came back while its former address, which was not reserved, still rested, and got that again."""
OTHER = "other"
KINDS = (EXHAUSTED, "node", "location", "security_profile", "family", NOT_BEGUN, NONE, RETURNED, OTHER)
"""All codes, in order of weight: of several reservations that did not serve, the one that came nearest says why."""

_SPOKEN = {NOT_BEGUN: "not begun"}


class Reason(NamedTuple):
    """Why one reservation did not serve, or (``none``) why none did. ``words`` explain the code, without it."""

    code: str
    words: str

    @property
    def weight(self) -> int:
        """The less, the nearer it came to serving."""
        return KINDS.index(self.code)

    def __str__(self) -> str:
        return f"{_SPOKEN.get(self.code, self.code)}: {self.words}"


def read_reason(data: Mapping[str, Any]) -> tuple[str, str]:
    """Code and words of an event ``unexpected_scaling``.

    A code that a newer release wrote reads as ``other``. Events of releases that wrote no code had the words as
    ``reason``, from which the code is read.
    """
    if "words" in data:
        return (data["reason"] if data["reason"] in KINDS else OTHER), data["words"]
    return _read_words(data["reason"], [one["name"] for one in data["reservations"]]), data["reason"]


_WORDS = {_SPOKEN.get(one, one): one for one in KINDS if one not in (RETURNED, OTHER)}


def _read_words(text: str, names: Sequence[str]) -> str:
    """The code for the words of an old event.

    Args:
        text: ``NAME: WORD: explanation`` for each reservation that is listed, joined by semicolons, and how many more
            there are; or ``none: explanation``.
        names: of these reservations, in that order. A name may contain anything, so it is not searched for but
            expected.
    """
    found = set()
    rest = text
    for number, name in enumerate(names):
        if not rest.startswith(f"{name}: "):
            break
        rest = rest[len(name) + 2 :]
        following = f"; {names[number + 1]}: " if number + 1 < len(names) else None
        reason, _following, after = rest.partition(following) if following else (rest, "", "")
        found.add(_WORDS.get(reason.partition(":")[0], OTHER))
        rest = names[number + 1] + ": " + after if following else ""
    if not names:
        found.add(_WORDS.get(text.partition(":")[0], OTHER))
    return min(found or {OTHER}, key=KINDS.index)
