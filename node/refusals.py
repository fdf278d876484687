# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects what cannot be done, so that a client learns all of it at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from . import paths
from .contract import KernelRefused, Refusal

NOT_SUPPORTED = "operation-not-supported"
_MOST = 100
"""Refusals in one answer: enough to work on."""


class Refusals:
    """A list of ``Refusal`` in the making."""

    def __init__(self) -> None:
        self.errors: list[Refusal] = []

    def add(self, path: str, why: str, tag: str = NOT_SUPPORTED) -> None:
        """Refuses one node of the tree."""
        if len(self.errors) < _MOST:
            self.errors.append(Refusal(f"{paths.last_name(path)}: {why}.", path, tag=tag))

    def only(self, item: Mapping[str, Any], known: Collection[str], path: str) -> None:
        """Refuses every member of a container or list entry but the ones known."""
        for name, value in item.items():
            if name not in known and not name.startswith("@") and value not in ({}, []):
                self.add(f"{path}/{name}", "this node cannot do it")

    def raise_any(self) -> None:
        """Raises what was collected.

        Raises:
            KernelRefused: there is something.
        """
        if self.errors:
            raise KernelRefused(self.errors)
