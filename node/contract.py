# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine, the kernel side and the SSH front know of one another, and nothing else.

::

    SSH front ──(messages)──> Engine/Session ──(before, after)──> Kernel
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import libyang

StartupMode = Literal["automatic", "explicit"]


class Part(Enum):
    """A part of the operational state, so that asking for interfaces does not dump every route."""

    INTERFACES = "interfaces"  # /ietf-interfaces:interfaces/interface: its state leaves, and interfaces not configured
    ROUTES = "routes"  # /ietf-routing:routing/ribs
    ACCESS_LISTS = "access-lists"  # /ietf-access-control-list:acls: statistics


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that the kernel, or the mapping to it, would not do.

    Attributes:
        message: in the kernel's own words where they are its.
        path: instance-identifier of the node in the data tree with module names as prefixes
            (``/ietf-interfaces:interfaces/interface[name='x']``), None where it concerns no one node.
        app_tag: error-app-tag, if any.
        tag: error-tag of RFC 6241, Appendix A: ``operation-failed`` for the kernel's refusals,
            ``operation-not-supported`` for what the models can say and this node cannot do.
    """

    message: str
    path: str | None = None
    app_tag: str | None = None
    tag: str = "operation-failed"


@dataclass(frozen=True, slots=True)
class Applied:
    """What was changed in the kernel: how many objects, and the names of some of them."""

    changes: int = 0
    some: tuple[str, ...] = ()


class KernelRefused(Exception):
    """The kernel stays as it was, because of at least one refusal."""

    def __init__(self, errors: Sequence[Refusal]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = tuple(errors)


class Kernel(Protocol):
    """The kernel that running is realised in. The engine never calls two of `apply` at a time.

    Trees are libyang's, the first of the top-level siblings, or None for an empty datastore. They are valid,
    hold default values as nodes with the default flag, belong to the engine, and must not be changed or kept.
    """

    async def check(self, after: libyang.DNode | None) -> None:
        """Tell whether `after` can be said to the kernel at all, without touching it (``validate``, RFC 6241, 8.6).

        Raises:
            KernelRefused: with what cannot be mapped.
        """

    async def apply(
        self, before: libyang.DNode | None, after: libyang.DNode | None, *, reconcile: bool = False
    ) -> Applied:
        """Make the kernel go from running `before` to `after`, all or nothing, and tell what was changed in it.

        The kernel itself is compared with `after`, so what somebody else changed of ours is repaired too.

        Args:
            reconcile: what the kernel holds is unknown (start, or after a crash): bring it to `after` whatever
                it holds of ours.

        Raises:
            KernelRefused: the kernel is as it was.
        """

    async def apply_most(self, after: libyang.DNode | None, *, reconcile: bool = False) -> Sequence[Refusal]:
        """Make the kernel carry as much of `after` as it takes, where all of it was refused and there is no other way.

        Returns:
            What it did not take, with what hangs on that left out too.

        Raises:
            KernelRefused: nothing could be left out that would help; the kernel is as it was.
        """

    async def state(self, parts: frozenset[Part]) -> dict[str, Any]:
        """Operational data of the parts asked for, as a JSON value of RFC 7951 with module names on top-level members.

        Only nodes with ``config false``, and the containers and list keys that lead to them.
        """


@dataclass(frozen=True, slots=True)
class User:
    """Who is logged in. Without `read_write` everything that changes or locks is ``access-denied``."""

    name: str
    read_write: bool


@dataclass(frozen=True, slots=True)
class Peer:
    """The transport below a session (RFC 6022: ``transport``, ``source-host``)."""

    source_host: str
    transport: str = "netconf-ssh"


@dataclass(frozen=True, slots=True)
class Done:
    """One operation and how it ended, for the audit log.

    Attributes:
        changes: the operation may change a datastore, a lock or a session: what an audit log must hold.
        outcome: ``ok`` or the first error-tag.
    """

    session_id: int
    user: str
    source_host: str
    operation: str
    target: str | None
    changes: bool
    outcome: str
    message: str | None = None


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How the engine shall behave.

    Attributes:
        startup_file: XML file that holds startup. Its folder must be writable: the file is replaced, not changed.
        startup_mode: ``automatic`` writes it at every commit for good; ``explicit`` announces ``:startup``.
        confirm_timeout: seconds that a confirmed commit waits where the client does not say.
        observe: called after every operation.
    """

    startup_file: Path
    startup_mode: StartupMode = "automatic"
    confirm_timeout: int = 600
    observe: Callable[[Done], None] = lambda _done: None


class Session(Protocol):
    """One NETCONF session inside the engine. The front calls `receive` for one message after the other."""

    session_id: int
    hello: bytes
    """The server's <hello>, to be sent first, with end-of-message framing."""
    base_1_1: bool | None
    """None until the client's <hello> was received, then whether chunked framing is spoken from now on."""
    ended: bool
    """Nothing more may be received: send what there is to send, then close the channel."""
    end_reason: str | None
    """Why the engine ended it, where the client did something wrong."""

    async def receive(self, message: bytes) -> bytes | None:
        """Takes one message without its framing; gives the reply without framing, None where there is none to send.

        Never raises for what a client may send. The first message must be the client's <hello>.
        """

    async def closed(self) -> None:
        """The channel is gone: locks, candidate and a confirmed commit without persist go with it. May be repeated."""


class Opener(Protocol):
    """The part of the engine that the front sees."""

    async def start(self) -> None:
        """Load startup, and reconcile the kernel with it.

        Raises:
            KernelRefused: the kernel would not take startup.
            StartupUnusable: the startup file cannot be read or is not valid.
        """

    def open(self, user: User, peer: Peer, send: Callable[[bytes], None], end: Callable[[str], None]) -> Session:
        """A new session.

        Args:
            send: takes a notification, without framing; must not block.
            end: the engine ends the session (kill-session, shutdown) with a reason; the front closes the channel.
        """

    async def stop(self) -> None:
        """End all sessions and free what the engine holds. The kernel keeps running's configuration, except that a
        pending confirmed commit is rolled back."""


class StartupUnusable(Exception):
    """The startup file cannot be read, or what it says is not valid. The message names the file and the place."""
