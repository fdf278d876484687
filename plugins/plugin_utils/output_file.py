# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that ledger modules write on the controller."""

from __future__ import annotations

from pathlib import Path

from ..module_utils.model.errors import LedgerUnusable


def write_file(path: Path, text: str, parameter: str = "file") -> None:
    """Replaces a file as a whole or not at all; readable by its owner only.

    Raises:
        LedgerUnusable: it cannot be written.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        new.touch(mode=0o600)
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise LedgerUnusable(f"{path}: {error.strerror}.", parameter=parameter) from None
