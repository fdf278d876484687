# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of options, and where output goes; what all subcommands share."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import Any

from ..plugins.module_utils.model.errors import NotFound
from .say import answer


def examples(*commands: str) -> dict[str, Any]:
    """What a parser needs to show examples below its options."""
    text = "examples:\n" + "".join(f"  {one}\n" for one in commands)
    return {"epilog": text, "formatter_class": argparse.RawDescriptionHelpFormatter}


def write_text(text: str, path: Path | None) -> None:
    """To the file, in one piece, or to standard output."""
    if path is None or str(path) == "-":
        answer(text)
        return
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return
    if not path.parent.is_dir():
        raise NotFound(f"there is no folder '{path.parent}'.", parameter=str(path), fix="Make it, or name another.")
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def moment(text: str) -> datetime:
    """ISO 8601, with or without a zone."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no time like 2026-01-31T23:00:00") from None


def count(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 1 to 10000")
    return int(text)
