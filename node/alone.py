# SPDX-License-Identifier: GPL-3.0-or-later
"""One agent for each kernel (network namespace): a second one would replace the configuration of the first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from ..plugins.module_utils.frontend.netlink.marking import Held, Lock
from ..plugins.module_utils.model.errors import Conflict

NAME = "shadownet-agent"
"""The lock's name; the kernel shows it as an nf_tables table while an agent runs."""

_PATIENCE = 3.0
"""Seconds for an agent that was ended just now."""


@contextmanager
def alone() -> Iterator[None]:
    """Holds the kernel for the length of a ``with``. Needs CAP_NET_ADMIN; the kernel lets go when the process ends.

    Raises:
        Conflict: another agent holds it.
        NodeError: this process may not configure the network.
    """
    with closing(Lock(None, NAME)) as lock, ExitStack() as holding:
        try:
            holding.enter_context(lock.hold(_PATIENCE))
        except Held:
            raise Conflict(
                "another shadownet-node configures this kernel already.",
                fix="Stop that one (systemctl stop shadownet-node), or run this one in another network namespace.",
            ) from None
        yield
