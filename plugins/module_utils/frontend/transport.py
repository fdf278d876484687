# SPDX-License-Identifier: GPL-3.0-or-later
"""What every transport to a front-end node offers, and what it reports."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from ..model.errors import InvalidInput, NodeError
from ..model.node_config import NodeConfig
from .change import Change

_LEDGER_ID = re.compile(r"[0-9A-Fa-f]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class Foreign:
    """What the node has that is not ours, as far as it can stand in our way.

    Attributes:
        interfaces: names of the interfaces that are not ours.
        addresses: host address (no prefix length) to the names of the interfaces that carry it, where not ours.
        shaped: names of our interfaces whose sending somebody else limits.
    """

    interfaces: frozenset[str] = frozenset()
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shaped: frozenset[str] = frozenset()


class Mark(NamedTuple):
    """Whose configuration a node carries: the id of a ledger (hexadecimal), and the revision in that ledger's count."""

    ledger_id: str
    revision: int

    @classmethod
    def checked(cls, ledger_id: str | None, revision: int | None) -> Mark | None:
        """A mark of what a user gave; None where either is missing.

        Raises:
            InvalidInput: no ledger has such an id, or counts to such a revision.
        """
        if ledger_id is None or revision is None:
            return None
        if not _LEDGER_ID.match(ledger_id):
            raise InvalidInput("is not the id of a ledger: 1 to 64 hexadecimal digits.", parameter="ledger_id")
        if not 0 <= revision < 2**63:
            raise InvalidInput("is not a number from 0 to 2**63-1.", parameter="revision")
        return cls(ledger_id, revision)


AGENT = Mark(b"shadownet-node".hex(), 0)
"""The mark of a node that its NETCONF agent configures. It is no ledger's: theirs are random."""


@dataclass(frozen=True, slots=True)
class Current:
    """A node as it is: ``config`` holds what is ours only; ``mark`` tells what it was told to carry last."""

    config: NodeConfig
    foreign: Foreign = field(default_factory=Foreign)
    mark: Mark | None = None


class Overtaken(NodeError):
    """Somebody else configured the node while this push had lost it. What the node carries was left alone.

    Args:
        current: what it carries.
    """

    def __init__(self, current: Current) -> None:
        whose = "without a mark"
        if current.mark is not None:
            whose = f"of ledger {current.mark.ledger_id}, revision {current.mark.revision}"
        super().__init__(
            f"Somebody else configured the node while this push had no lock on it. What it carries now ({whose}) is "
            "neither what was there before nor what this push made; it was left as it is.",
            fix="Read the node, and push again if it is not as it should be.",
        )
        self.current = current


class Applied(Protocol):
    """Changes that the node has taken and that can still be taken back."""

    def confirm(self) -> None:
        """Makes them final.

        Raises:
            Overtaken: somebody else changed the node meanwhile.
        """

    def undo(self) -> None:
        """Puts the node back as it was.

        Raises:
            RollbackFailed: the node refused the way back.
            Overtaken: somebody else changed the node meanwhile; it was left alone.
        """


class Transport(Protocol):
    """The way to one node. Making one contacts nothing; the first ``read`` or ``apply`` does."""

    def prepare(self, desired: NodeConfig, parameter: str = "config") -> NodeConfig:
        """``desired`` as this kind of node will read it back (rates, metrics and names in its own terms).

        Contacts nothing.

        Raises:
            InvalidInput: the node could never carry this; names the parameter.
        """

    def hold(self, mark: Mark | None = None, takeover: bool = False) -> AbstractContextManager[object]:
        """Keeps other pushes off the node for the length of a ``with``; waits for one that is under way.

        Args:
            mark: whose push it is, where that is known: what is left of others' pushes is not touched.
            takeover: it is.

        Raises:
            NodeError: it took too long.
        """

    def keep_mark(self, mark: Mark | None, coming: bool = False) -> bool:
        """Has the node remember whose revision it carries; None forgets. False where the node cannot.

        Args:
            coming: changes follow by ``apply``; a node that changes all at once gets the mark with them.
        """

    def read(self) -> Current:
        """The node as it is now.

        Raises:
            NodeError: it could not be read.
        """

    def apply(self, changes: Sequence[Change], wanted: NodeConfig | None = None) -> Applied:
        """All changes or none, in one commit or one by one as the node's kind has it.

        Args:
            changes: in an order that the node can take.
            wanted: what they lead to, for nodes that do not look by themselves whether what stays still works. A
                route's ``interface`` is there where somebody asked for it.

        Raises:
            NodeError: the node refused a change and is as it was before.
            RollbackFailed: it refused a change and the way back too.
            Overtaken: somebody else changed the node meanwhile; it was left alone.
        """

    def render(self, changes: Sequence[Change]) -> list[str]:
        """The changes in words that an engineer knows. Contacts nothing."""

    def close(self) -> None:
        """Gives back sockets and sessions."""
