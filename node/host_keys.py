# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's private keys, read by the process that may, and only where nobody else can read them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from ..plugins.module_utils.model.errors import InvalidInput

_LARGEST = 2**20


def read_host_keys(paths: Iterable[Path], owner: int | None = None) -> tuple[bytes, ...]:
    """The content of these files.

    Args:
        owner: number of a user who may own them, beside root and whoever calls.

    Raises:
        InvalidInput: a file cannot be read, belongs to somebody else, or others may open it.
    """
    return tuple(_read(path, owner, f"host_keys[{at}]") for at, path in enumerate(paths))


def _read(path: Path, owner: int | None, where: str) -> bytes:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            data = file.read(_LARGEST)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror}.",
            parameter=where,
            fix=f"Make a key: ssh-keygen -q -t ed25519 -N '' -f {path}",
        ) from None
    if found.st_uid not in (0, os.geteuid(), owner):
        raise InvalidInput(f"{path} belongs to another user.", parameter=where, fix=f"chown root {path}")
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise InvalidInput(
            f"others than its owner may open {path} (mode {mode:04o}).", parameter=where, fix=f"chmod 600 {path}"
        )
    return data
