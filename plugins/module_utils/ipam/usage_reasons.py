# SPDX-License-Identifier: GPL-3.0-or-later
"""Why no reservation served an instance, as one word."""

from __future__ import annotations

from collections.abc import Sequence

RETURNED = "returned"
"""The instance came back while its former address, which was not reserved, still rested, and got that again."""
NONE = "none"
OTHER = "other"
KINDS = ("exhausted", "node", "location", "security_profile", "family", "not_begun", NONE, RETURNED, OTHER)
"""In order of weight: of several reservations that did not serve, the one that came nearest says why."""

_WORDS = {
    "exhausted": "exhausted",
    "node": "node",
    "location": "location",
    "security_profile": "security_profile",
    "family": "family",
    "not begun": "not_begun",
    "none": NONE,
}


def reason_weight(reason: str) -> int:
    """Of the reason of one reservation, ``WORD: explanation``: the less, the nearer it came to serving."""
    return KINDS.index(_WORDS.get(reason.partition(":")[0], OTHER))


def reason_kind(text: str, names: Sequence[str]) -> str:
    """The word for a reason of the event ``unexpected_scaling``.

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
