# SPDX-License-Identifier: GPL-3.0-or-later
"""Which version this is, and of what it depends on most."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from .say import answer

_ROOT = Path(__file__).resolve().parent.parent
_PARTS = ("libyang", "asyncssh")


def version(root: Path = _ROOT) -> str:
    """The collection's version, of an installed collection, a checkout or a wheel."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((root / "MANIFEST.json").read_text())["collection_info"]["version"])
    with suppress(OSError, yaml.YAMLError, KeyError, TypeError):
        return str(yaml.safe_load((root / "galaxy.yml").read_text())["version"])
    return _package("shadownet-ipam") or "unknown"


def _package(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


class ShowVersion(argparse.Action):
    """``--version``: one line, and no command is needed."""

    def __init__(self, option_strings: Sequence[str], dest: str, **_more: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version, and those of libyang and asyncssh")

    def __call__(self, parser: argparse.ArgumentParser, *_arguments: Any) -> None:
        """Prints and ends."""
        parts = ", ".join(f"{name} {_package(name) or 'is not installed'}" for name in _PARTS)
        answer(f"{parser.prog} {version()} ({parts})\n")
        parser.exit()
