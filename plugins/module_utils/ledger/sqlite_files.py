# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger as a file: is there one, is it ours, may it lie there. Looks only, changes nothing."""

from __future__ import annotations

import os
import re
import stat
import struct
from pathlib import Path

from ..model.errors import InvalidInput, LedgerMissing, LedgerNewer, LedgerUnusable
from .sqlite_schema import APPLICATION_ID, SCHEMA_VERSION

NETWORK_FILE_SYSTEMS = frozenset(
    "nfs nfs4 cifs smb3 smbfs ncpfs afs 9p ceph lustre gpfs ocfs2 gfs2 beegfs glusterfs fuse.sshfs fuse.glusterfs "
    "fuse.s3fs fuse.rclone fuse.ceph fuse.gvfsd-fuse davfs fuse.davfs2 virtiofs".split()
)
"""Types, as ``/proc/self/mountinfo`` names them, on which hosts do not share SQLite's WAL index (its memory map)."""

_HEADER = struct.Struct(">16s44xI4xI28x")
_MAGIC = b"SQLite format 3\0"


def user_path(text: str, parameter: str) -> Path:
    """The absolute path that a user wrote. Raises InvalidInput for what names none."""
    try:
        os.fsencode(text)
        if "\0" in text or not text.strip():
            raise ValueError("is not a path")
        return Path(text).expanduser().absolute()
    except (ValueError, RuntimeError) as error:
        raise InvalidInput(
            f"{error}.", parameter=parameter, fix="Give the path of a file on the controller's local disk."
        ) from None


def file_system_type(path: Path, mountinfo: str | None = None) -> str:
    """Type of the file system that holds ``path`` (proc(5), ``/proc/pid/mountinfo``); empty where unknown."""
    if mountinfo is None:
        try:
            mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return ""
    place = os.path.realpath(path)
    found, kind = "", ""
    for line in mountinfo.rstrip("\n").split("\n"):
        left, right = line.split(" - ", 1)
        # Blanks and backslashes are written in octal (proc(5)).
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), left.split(" ")[4])
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        # Later lines lie over earlier ones at the same mount point.
        if inside and len(point) >= len(found):
            found, kind = point, right.split(" ")[0]
    return kind


def check_place(path: Path) -> None:
    """May a ledger lie at ``path``?

    Raises:
        LedgerUnusable: a folder, no regular file, a missing parent folder, or a network file system.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    except OSError as error:
        raise LedgerUnusable(f"{path}: {error.strerror}.", parameter="ledger") from None
    if stat.S_ISDIR(mode):
        raise LedgerUnusable(f"{path} is a folder.", parameter="ledger", fix="Name a file in it.")
    if not stat.S_ISREG(mode):
        raise LedgerUnusable(f"{path} is not a regular file.", parameter="ledger", fix="Name a file.")
    # A symbolic link lies where it points to.
    if (kind := file_system_type(path)) in NETWORK_FILE_SYSTEMS:
        raise LedgerUnusable(
            f"{path} lies on a network file system ({kind}), where SQLite's write-ahead log is unsafe.",
            parameter="ledger",
            fix="Use a local disk of the controller.",
        )


def check_file(path: Path) -> None:
    """Is there a ledger of ours at ``path``, of a version that this release reads?

    Raises:
        LedgerMissing: no file, or an empty one.
        LedgerUnusable: not a Shadownet ledger, or not readable.
        LedgerNewer: a newer schema version.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER.size)
    except FileNotFoundError:
        header = b""
    except OSError as error:
        raise LedgerUnusable(f"{path}: {error.strerror}.", parameter="ledger") from None
    if not header:
        raise LedgerMissing(
            f"there is no ledger at {path}.",
            parameter="ledger",
            fix="Declare a pool with shadownet.ipam.pool, or create it with shadownet.ipam.ledger.",
        )
    if len(header) < _HEADER.size:
        raise LedgerUnusable(f"{path} is damaged: it ends inside its header.", parameter="ledger", fix=_RESTORE)
    magic, version, application = _HEADER.unpack(header)
    if magic != _MAGIC or application != APPLICATION_ID or not version:
        raise LedgerUnusable(f"{path} is not a Shadownet ledger.", parameter="ledger", fix=_RESTORE)
    check_version(path, version)


def check_version(path: Path, version: int) -> None:
    """Raises LedgerNewer for a schema version that this release does not know."""
    if version > SCHEMA_VERSION:
        raise LedgerNewer(
            f"{path} has schema version {version}; this release of shadownet.ipam knows {SCHEMA_VERSION}.",
            parameter="ledger",
            fix="Upgrade the collection on this controller.",
        )


_RESTORE = "Name another file, or move this one away and restore a backup with shadownet.ipam.ledger."
