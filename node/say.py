# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines for whoever looks at the command or at the service's output."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"shadownet-node: {text}\n")
    sys.stderr.flush()


def answer(text: str) -> None:
    """What a command was asked for, on standard output."""
    sys.stdout.write(text)
