# SPDX-License-Identifier: GPL-3.0-or-later
"""The startup file: replaced as a whole, never changed in place, so that a crash leaves the old one or the new one."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path

from _libyang import lib
from lxml import etree

from ..contract import StartupUnusable
from . import tree
from .complaints import checked, fault_of
from .duplicates import check_duplicates
from .edit_text import named
from .edit_text import text_of as text_in
from .errors import BASE, Fault
from .matches import check_matches
from .message import NotXml, read
from .schema import Schema
from .tree import LibyangRefused, Tree

_MODE = 0o600


class StartupFile:
    """One file with a <config> element."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._temporary = path.with_name(f".{path.name}.new")
        self._old = path.with_name(f".{path.name}.old")

    def load(self, schema: Schema) -> Tree:
        """What the file says, valid and with defaults; an empty configuration where there is no file.

        Raises:
            StartupUnusable: see there.
        """
        # Left by a crash in between: the one was never in force, the other was replaced.
        for left in (self._temporary, self._old):
            with suppress(OSError):
                left.unlink(missing_ok=True)
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            text = f'<config xmlns="{BASE}"/>'.encode()
        except OSError as error:
            raise StartupUnusable(f"{self.path}: {error.strerror}. Make it readable for the server's user.") from None
        try:
            root = read(text)
        except NotXml as error:
            raise StartupUnusable(f"{self.path}: not XML: {error}. Restore it from a backup, or remove it.") from None
        if root.tag != f"{{{BASE}}}config":
            raise StartupUnusable(f"{self.path}: the first element must be <config xmlns='{BASE}'>.")
        try:
            found = parse_config(schema, root)
            checked(schema, found.validate, found)
            return found
        except Fault as fault:
            first = fault.errors[0]
            where = f" ({first.path})" if first.path else ""
            raise StartupUnusable(f"{self.path}: {first.message}{where} Correct it, or remove the file.") from None

    def prepare(self, text: bytes, owner: tuple[int, int] | None = None) -> None:
        """Write the next content beside the file, and have it on the disk. `text` is the content of <config>.

        Args:
            owner: user and group that it shall belong to; None for who writes it.

        Raises:
            OSError: it could not be; nothing was changed.
        """
        data = b"".join((f'<config xmlns="{BASE}">\n'.encode(), text, b"</config>\n"))
        try:
            handle = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, _MODE)
            try:
                if owner is not None:
                    os.fchown(handle, *owner)
                view = memoryview(data)
                while view:
                    view = view[os.write(handle, view) :]
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError:
            self.discard()
            raise

    def finish(self) -> None:
        """Put what `prepare` has written in the file's place.

        Raises:
            OSError: the old content still stands.
        """
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            had = self._keep_old()
            try:
                self._temporary.replace(self.path)
                _sync(folder)
            except OSError:
                self._put_back(had)
                raise
            with suppress(OSError):
                self._old.unlink(missing_ok=True)
        finally:
            os.close(folder)

    def _keep_old(self) -> bool:
        """Have the file under a second name too; whether there is one."""
        with suppress(OSError):
            self._old.unlink(missing_ok=True)
        try:
            os.link(self.path, self._old, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError:  # a file system without hard links
            shutil.copy2(self.path, self._old)
        return True

    def _put_back(self, had: bool) -> None:
        # After a failed fsync(2) nobody knows what a crash would leave. What is read until then must be the old file.
        with suppress(OSError):
            if had:
                self._old.replace(self.path)
                # Renaming a file to another name of its own does nothing, and leaves both.
                self._old.unlink(missing_ok=True)
            else:
                self.path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Forget what `prepare` has written."""
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def clear(self) -> None:
        """Make the file an empty configuration. It is not removed: a file that is not there was lost.

        Raises:
            OSError: the old content still stands.
        """
        try:
            self.prepare(b"")
            self.finish()
        except OSError:
            self.discard()
            raise


def _sync(folder: int) -> None:
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # what a file system cannot do is not what failed
            raise


def parse_config(schema: Schema, config: etree._Element) -> Tree:
    """The content of a <config> element as a tree, not yet validated.

    Raises:
        Fault: it is not what the models say.
    """
    text = text_in(config)
    check_duplicates(schema, config)
    try:
        found = tree.parse(schema.context, text, lib.LYD_PARSE_STRICT | lib.LYD_PARSE_NO_STATE)
    except LibyangRefused:
        raise named(fault_of(schema), config) from None
    check_matches(schema, found, config)
    return found


def text_of(content: Tree) -> bytes:
    """A tree as the file holds it: what was set explicitly, one line for each node."""
    return content.print(options=lib.LYD_PRINT_WITHSIBLINGS)
