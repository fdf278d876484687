# SPDX-License-Identifier: GPL-3.0-or-later
"""The conformance table names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
TABLE = (CHECKOUT / "docs/node-conformance.md").read_text()
NAMED = re.findall(r"`(test_\w+\.py)::(test_\w+)`", TABLE)


def test_every_test_that_is_named_exists() -> None:
    missing = [
        f"{file}::{name}"
        for file, name in NAMED
        if not any(f"def {name}(" in found.read_text() for found in (CHECKOUT / "tests/unit/node").rglob(file))
    ]
    assert missing == []


def test_every_line_names_a_test() -> None:
    lines = [line for line in TABLE.splitlines() if line.startswith("|") and not line.startswith(("| what", "|---"))]
    assert lines
    assert [line for line in lines if not re.search(r"`test_\w+\.py::test_\w+`", line)] == []
