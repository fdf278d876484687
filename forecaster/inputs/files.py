# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that readers open: found by pattern, unpacked, and refused when they are no text."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import BinaryIO, cast

from .options import reason
from .source import SourceFailed

GZIP_MAGIC = b"\x1f\x8b"
_LOOKED_AT = 8192
UNREADABLE = (OSError, EOFError, zlib.error)
"""What reading may raise in the middle of a file; a cut gzip file gives EOFError."""


def find_files(patterns: tuple[str, ...], option: str = "path") -> list[Path]:
    """All files that the patterns name (``access.log*``, ``**`` too), each once, sorted by name.

    Raises:
        SourceFailed: a pattern names nothing.
    """
    found: set[Path] = set()
    for pattern in patterns:
        expanded = str(Path(pattern).expanduser())
        named = [Path(one) for one in glob(expanded, recursive=True)]  # noqa: PTH207, Path.glob takes no absolute patterns
        # A file whose own name has brackets is that file.
        named = [Path(expanded)] if Path(expanded).exists() else named
        if not named:
            fix = None if Path(expanded).is_absolute() else f"Paths are relative to the current folder, {Path.cwd()}."
            raise SourceFailed(f"there is no file '{pattern}'.", parameter=option, fix=fix)
        found.update(one for one in named if not one.is_dir())
        if all(one.is_dir() for one in named):
            raise SourceFailed(f"'{pattern}' is a folder.", parameter=option, fix="Add a pattern, like /*.csv.")
    return sorted(found)


@contextmanager
def open_bytes(path: Path, option: str = "path") -> Iterator[BinaryIO]:
    """The file's bytes, unpacked if it begins as gzip does, whatever its name.

    Raises:
        SourceFailed: it cannot be opened or read, is damaged, or is no text.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            stream = gzip.GzipFile(fileobj=raw) if packed else raw
            with io.BufferedReader(cast("io.RawIOBase", stream), 1 << 20) as buffered:
                if b"\0" in buffered.peek(_LOOKED_AT)[:_LOOKED_AT]:
                    raise SourceFailed(f"{path} is a binary file, no text.", parameter=option)
                yield cast("BinaryIO", buffered)
    except UNREADABLE as error:
        raise SourceFailed(f"cannot read {path}: {reason(error)}.", parameter=option) from None
