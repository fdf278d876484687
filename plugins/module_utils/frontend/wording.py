# SPDX-License-Identifier: GPL-3.0-or-later
"""How messages name many things at once."""

from __future__ import annotations

from collections.abc import Iterable

_MOST = 5


def some(names: Iterable[str]) -> str:
    """The first few of some names, each once, and how many others there are: ``a, b and 3 others``."""
    every = list(dict.fromkeys(names))
    text = ", ".join(every[:_MOST])
    left = len(every) - _MOST
    return text if left <= 0 else f"{text} and {left} other{'s' * (left > 1)}"
