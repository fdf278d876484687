# SPDX-License-Identifier: GPL-3.0-or-later
"""running, candidate and startup, and the way from one to the other: validate, kernel, startup file, running."""

from __future__ import annotations

import errno
import logging

from ..contract import Applied, Kernel, KernelRefused, Refusal, StartupMode
from .complaints import checked
from .errors import Fault, RpcError, fault
from .paths import to_xml
from .schema import Schema
from .startup import StartupFile, text_of
from .tree import Tree

_LOG = logging.getLogger(__name__)


class Datastores:
    """What the node is told to be. The caller sees to it that no two changes run at a time."""

    def __init__(self, schema: Schema, kernel: Kernel, file: StartupFile, mode: StartupMode) -> None:
        self.schema = schema
        self.explicit_startup = mode == "explicit"
        self._kernel = kernel
        self._file = file
        self.missing: tuple[Refusal, ...] = ()
        """What of running the kernel does not carry, because it refused to."""
        self.running = Tree(schema.context)
        self.startup = Tree(schema.context)
        # None: the same as running.
        self._candidate: Tree | None = None
        self.modified_by: int | None = None

    async def start(self) -> None:
        """Load startup and make it running; the kernel is reconciled with it, as far as it takes it.

        Raises:
            StartupUnusable.
            KernelRefused: the kernel would take nothing.
        """
        startup = self._file.load(self.schema)
        try:
            await self._kernel.apply(None, startup.dnode(), reconcile=True)
        except KernelRefused:
            self.missing = tuple(await self._kernel.apply_most(startup.dnode(), reconcile=True))
        self.running = startup
        self.startup = startup.copy() if self.explicit_startup else Tree(self.schema.context)

    def stop(self) -> None:
        """Free everything."""
        self.running.free()
        self.startup.free()
        self.discard()

    def read(self, name: str) -> Tree:
        """A datastore to look at; it must not be changed or freed."""
        if name == "running":
            return self.running
        if name == "candidate":
            return self.running if self._candidate is None else self._candidate
        if self.explicit_startup and name == "startup":
            return self.startup
        raise AssertionError(name)

    @property
    def modified(self) -> bool:
        """Whether candidate has changes that are neither committed nor discarded."""
        return self._candidate is not None

    def set_candidate(self, content: Tree, session_id: int) -> None:
        """Put `content`, which is owned from now on, in candidate."""
        if self._candidate is not None:
            self._candidate.free()
        self._candidate = content
        self.modified_by = session_id

    def discard(self) -> None:
        """<discard-changes>: candidate is running again."""
        if self._candidate is not None:
            self._candidate.free()
        self._candidate = None
        self.modified_by = None

    def validated(self, name: str) -> Tree:
        """A copy of a datastore that has passed validation.

        Raises:
            Fault: it has not.
        """
        content = self.read(name).copy()
        self.check(content)
        return content

    def check(self, content: Tree) -> None:
        """Validate a tree, which may be changed by it (defaults are added).

        Raises:
            Fault: it is not valid.
        """
        checked(self.schema, content.validate, content)

    async def possible(self, content: Tree) -> None:
        """Ask the kernel side whether it could be done.

        Raises:
            Fault: it could not.
        """
        try:
            await self._kernel.check(content.dnode())
        except KernelRefused as refused:
            raise self._refusals(refused) from None

    async def repair(self) -> Applied:
        """Make the kernel carry running again, whatever somebody else has changed of it.

        Raises:
            Fault: the kernel would not; it is as it was.
        """
        now = self.running.dnode()
        try:
            applied = await self._kernel.apply(now, now)
        except KernelRefused as refused:
            raise self._refusals(refused) from None
        self.missing = ()
        return applied

    async def make_up(self) -> None:
        """Try again to have the kernel carry all of running.

        Raises:
            KernelRefused: see ``Kernel.apply_most``.
        """
        self.missing = tuple(await self._kernel.apply_most(self.running.dnode()))

    async def make_running(self, content: Tree, *, lasting: bool, most: bool = False) -> Tree:
        """Make `content`, valid and owned from now on, running and the kernel's configuration. All or nothing.

        Args:
            lasting: it is written to the startup file too (where the mode says so).
            most: what the kernel refuses is left out there, and told by `missing`.

        Returns:
            What running was before, owned by the caller.

        Raises:
            Fault: the kernel or the disk would not; everything is as it was.
        """
        save = lasting and not self.explicit_startup
        if save:
            self._prepare(content)
        try:
            if most:
                self.missing = tuple(await self._kernel.apply_most(content.dnode()))
            else:
                await self._kernel.apply(self.running.dnode(), content.dnode())
                self.missing = ()
        except KernelRefused as refused:
            self._file.discard()
            raise self._refusals(refused) from None
        except BaseException:
            self._file.discard()
            raise
        if save:
            try:
                self._file.finish()
            except OSError as error:
                self._file.discard()
                await self._take_back(content)
                raise _not_written(error) from None
        before, self.running = self.running, content
        return before

    async def _take_back(self, content: Tree) -> None:
        """The kernel has `content`, which shall not be after all."""
        try:
            await self._kernel.apply(content.dnode(), self.running.dnode())
        except KernelRefused as refused:
            _LOG.error("the kernel would not go back, reconciling it: %s", refused)
            try:
                await self._kernel.apply(None, self.running.dnode(), reconcile=True)
            except KernelRefused as again:
                _LOG.critical("the kernel does not hold running: %s", again)

    def save_running(self) -> None:
        """Bring the startup file up to running, where the mode says so (a confirmed commit was confirmed).

        Raises:
            Fault: the disk would not.
        """
        if not self.explicit_startup:
            self._write(self.running)

    def set_startup(self, content: Tree) -> None:
        """Put `content`, owned from now on, in startup.

        Raises:
            Fault: the disk would not; startup is as it was.
        """
        self._write(content)
        self.startup.free()
        self.startup = content

    def delete_startup(self) -> None:
        """
        Raises:
            Fault: the disk would not; startup is as it was.
        """
        try:
            self._file.clear()
        except OSError as error:
            raise _not_written(error) from None
        self.startup.free()

    def _prepare(self, content: Tree) -> None:
        try:
            self._file.prepare(text_of(content))
        except OSError as error:
            raise _not_written(error) from None

    def _write(self, content: Tree) -> None:
        self._prepare(content)
        try:
            self._file.finish()
        except OSError as error:
            self._file.discard()
            raise _not_written(error) from None

    def _refusals(self, refused: KernelRefused) -> Fault:
        errors = []
        for refusal in refused.errors:
            path, namespaces = to_xml(self.schema, refusal.path) if refusal.path else (None, {})
            errors.append(
                RpcError(
                    refusal.tag, refusal.message, app_tag=refusal.app_tag, path=path or None, namespaces=namespaces
                )
            )
        return Fault(*errors) if errors else fault("operation-failed", "The kernel refused.", "application")


def _not_written(error: OSError) -> Fault:
    return fault(
        "resource-denied" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "operation-failed",
        f"The startup file could not be written: {error.strerror}. Nothing was changed.",
        "application",
    )
