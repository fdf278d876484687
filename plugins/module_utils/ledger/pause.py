# SPDX-License-Identifier: GPL-3.0-or-later
"""A pause for the garbage collector while a call makes many objects that all live on."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Without the cyclic garbage collector, which would walk over the new objects again and again and find nothing.

    Whatever happens, and however many threads pause it at once, afterwards it is on again if it was on before.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
