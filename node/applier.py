# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that may configure the network, and what it does for the server.

Requests are dictionaries: ``{"do": "apply", "config": …, "start": …}`` or ``{"do": "counters"}``. An answer is
``{"ok": …}`` or ``{"refused": {"message", "parameter", "change", "between"}}``; that of ``apply`` has the number of
``changes`` and the names of ``some``. Nothing that arrives is trusted: a configuration passes ``NodeConfig.from_dict``,
so that a server that was taken over can make what a node configuration can say, and no more.
"""

from __future__ import annotations

import socket
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..plugins.module_utils.frontend.change import Change
from ..plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ..plugins.module_utils.frontend.push import push
from ..plugins.module_utils.frontend.transport import AGENT, Mark
from ..plugins.module_utils.model.errors import Conflict, InvalidInput, NodeError, RollbackFailed, ShadownetError
from ..plugins.module_utils.model.node_config import NodeConfig
from . import frames
from .counters import read_counters
from .salvage import salvage

_PROBE = Mark("0", 0)
"""Tells whether a node can keep marks. Killed in between, the agent finds a stranger's mark there, and not its own."""
_SOME = 5


def serve(connection: socket.socket, *, takeover: bool = False, lost: Path | None = None) -> None:
    """Answers the requests of a connection until its other side closes it.

    Args:
        takeover, lost: see ``Applier``.

    Raises:
        BrokenFrame: the other side sent something else than requests. Nothing of it was done.
    """
    applier = Applier(takeover=takeover, lost=lost)
    try:
        while True:
            connection.sendall(frames.encode(applier.answer(frames.receive(connection))))
    except (EOFError, BrokenPipeError, ConnectionResetError):  # the server is gone, and will not ask again
        return
    finally:
        applier.close()


class Applier:
    """Brings the kernel to one configuration after the other."""

    def __init__(self, netns: str | None = None, *, takeover: bool = False, lost: Path | None = None) -> None:
        """
        Args:
            netns: another network namespace than the caller's own.
            takeover: the first ``apply`` makes the node the agent's, whoever configured it before. Otherwise one that
                somebody else configured is refused and left alone.
            lost: a startup file that should be there and is not. A node that an agent configured is then refused and
                left alone too.
        """
        self._transport = NetlinkTransport(netns)
        self._netns = netns
        self._takeover = takeover
        self._lost = lost
        self._last: NodeConfig | None = None

    def close(self) -> None:
        """Gives back the sockets."""
        self._transport.close()

    def answer(self, request: Any) -> dict[str, Any]:
        """Does what a request asks; never raises for what it says."""
        try:
            return {"ok": self._do(request)}
        except ShadownetError as error:
            self._transport.close()  # after a lost answer the sockets are not worth keeping
            return {"refused": _told(error)}
        except Exception as error:  # noqa: BLE001  # a defect of ours must not take the network's keeper down
            traceback.print_exc(file=sys.stderr)
            self._transport.close()
            return {"refused": {"message": f"internal error: {error!r}.", "between": False}}

    def _do(self, request: Any) -> Any:
        what = request.get("do") if isinstance(request, Mapping) else None
        if what == "apply":
            config, start = NodeConfig.from_dict(request.get("config")), bool(request.get("start"))
            return self._apply_most(config, start) if request.get("most") else self._apply(config, start)
        if what == "counters":
            return read_counters(self._netns)
        raise InvalidInput("is not a request.", parameter="do")

    def _apply(self, config: NodeConfig, start: bool) -> dict[str, Any]:
        if start and not self._takeover:
            self._refuse_others()
        try:
            changes = self._push(config, takeover=start and self._takeover)
        except RollbackFailed as failed:
            if self._last is None:
                raise
            try:
                self._push(self._last, takeover=False)
            except ShadownetError:
                raise failed from None
            # The second way back was as good as the first should have been.
            raise NodeError(failed.message, node_said=failed.node_said, change=failed.change) from None
        self._last = config
        return {"changes": len(changes), "some": [f"{one.kind} {one.key}" for one in changes[:_SOME]]}

    def _apply_most(self, config: NodeConfig, start: bool) -> list[dict[str, Any]]:
        """Applies what the kernel takes of a configuration; gives what it refused."""

        def attempt(some: NodeConfig) -> None:
            try:
                self._apply(some, start)
            except ShadownetError:
                self._transport.close()
                raise

        refused = salvage(config, attempt, lambda: self._transport.read().config)
        return [{**_told(error, about.get("more", 0)), "change": about} for error, about in refused]

    def _push(self, config: NodeConfig, takeover: bool) -> tuple[Change, ...]:
        return push(self._transport, config, "overridden", mark=AGENT, takeover=takeover).changes

    def _refuse_others(self) -> None:
        """Refuses a node that carries what some other push made: the agent would remove it all."""
        with self._transport.hold():
            current = self._transport.read()
            if self._lost is not None and current.mark == AGENT and current.config != NodeConfig():
                raise _without_startup(self._lost)
            if current.mark is not None or current.config == NodeConfig() or not self._transport.keep_mark(_PROBE):
                return  # a mark of others is refused by the push; without nf_tables nobody can mark anything
            self._transport.keep_mark(None)
        found = current.config
        raise Conflict(
            f"this node carries {len(found.interfaces)} interfaces, {len(found.routes)} routes and "
            f"{len(found.access_lists)} access lists of Shadownet that this agent did not make.",
            fix="Remove them with shadownet.ipam.frontend_config, or start the agent once with --takeover, which "
            "replaces them by the startup configuration.",
        )


def _without_startup(file: Path) -> Conflict:
    return Conflict(
        f"there is no startup file {file}, but an agent has configured this node; an empty startup configuration would "
        "remove all of that.",
        fix="Restore the file from a backup, or correct startup.file in the settings. To begin empty, start the agent "
        "once with --takeover, or write <config xmlns='urn:ietf:params:xml:ns:netconf:base:1.0'/> into that file.",
    )


def _told(error: ShadownetError, more: int = 0) -> dict[str, Any]:
    # Where a change was refused: that nothing was changed is what an rpc-error means anyway.
    refused = isinstance(error, NodeError) and not isinstance(error, RollbackFailed) and error.change is not None
    text = error.message if refused or not error.fix else f"{error.message} {error.fix}"
    if more:
        text = f"With {more} more routes by the same next hop: {text}"
    return {
        "message": text,
        "parameter": error.parameter,
        "change": error.change if isinstance(error, NodeError) else None,
        "between": isinstance(error, RollbackFailed),
    }
