# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server tells about itself: netconf-state (RFC 6022), event streams (RFC 5277), yang-library (RFC 8525)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from _libyang import lib

from ..contract import Peer, User
from . import tree
from .locks import Locks
from .message import timestamp
from .notify import STREAM
from .schema import Schema
from .tree import Tree
from .yang_library import library

MODULES = ("ietf-netconf-monitoring", "nc-notifications", "ietf-yang-library")


@dataclass(slots=True)
class Counters:
    """Of one session, and summed up for all (RFC 6022, 2.1.5)."""

    in_rpcs: int = 0
    in_bad_rpcs: int = 0
    out_rpc_errors: int = 0
    out_notifications: int = 0

    def add(self, other: Counters) -> None:
        """Add what another has counted."""
        self.in_rpcs += other.in_rpcs
        self.in_bad_rpcs += other.in_bad_rpcs
        self.out_rpc_errors += other.out_rpc_errors
        self.out_notifications += other.out_notifications

    def told(self) -> dict[str, int]:
        """As JSON values."""
        return {
            "in-rpcs": self.in_rpcs,
            "in-bad-rpcs": self.in_bad_rpcs,
            "out-rpc-errors": self.out_rpc_errors,
            "out-notifications": self.out_notifications,
        }


@dataclass(slots=True)
class SessionFacts:
    """One session that is open."""

    session_id: int
    user: User
    peer: Peer
    login: datetime
    counters: Counters = field(default_factory=Counters)


@dataclass(slots=True)
class Statistics:
    """Since the server's start."""

    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    in_bad_hellos: int = 0
    in_sessions: int = 0
    dropped_sessions: int = 0
    ended: Counters = field(default_factory=Counters)


class Monitoring:
    """Makes the trees."""

    def __init__(self, schema: Schema, capabilities: list[str], *, startup: bool, log_began: datetime) -> None:
        self._schema = schema
        self._capabilities = capabilities
        self._startup = startup
        self._log_began = log_began
        self._library: bytes | None = None

    def data(self, modules: set[str], sessions: Iterable[SessionFacts], statistics: Statistics, locks: Locks) -> Tree:
        """The nodes of those of `modules` that are of this file."""
        made = Tree(self._schema.context)
        if "ietf-yang-library" in modules:
            if self._library is None:
                self._library = json.dumps(library(self._schema, startup=self._startup)).encode()
            made.swallow(self._parse(self._library))
        own: dict[str, Any] = {}
        if "ietf-netconf-monitoring" in modules:
            own["ietf-netconf-monitoring:netconf-state"] = self._state(list(sessions), statistics, locks)
        if "nc-notifications" in modules:
            own["nc-notifications:netconf"] = {
                "streams": {
                    "stream": [
                        {
                            "name": STREAM,
                            "description": "Changes of the configuration, confirmed commits and sessions (RFC 6470)",
                            "replaySupport": True,
                            "replayLogCreationTime": timestamp(self._log_began),
                        }
                    ]
                }
            }
        if own:
            made.swallow(self._parse(json.dumps(own).encode()))
        return made

    def _parse(self, text: bytes) -> Tree:
        return tree.parse(self._schema.context, text, lib.LYD_PARSE_STRICT, lib.LYD_JSON)

    def _state(self, sessions: list[SessionFacts], statistics: Statistics, locks: Locks) -> dict[str, Any]:
        total = Counters()
        total.add(statistics.ended)
        for session in sessions:
            total.add(session.counters)
        return {
            "capabilities": {"capability": self._capabilities},
            "datastores": {"datastore": self._datastores(locks)},
            "schemas": {
                "schema": [
                    {
                        "identifier": module.name,
                        "version": module.revision,
                        "format": "ietf-netconf-monitoring:yang",
                        "namespace": module.namespace,
                        "location": ["NETCONF"],
                    }
                    for module in self._schema.announced
                ]
            },
            "sessions": {"session": [_told(session) for session in sessions]},
            "statistics": {
                "netconf-start-time": timestamp(statistics.started),
                "in-bad-hellos": statistics.in_bad_hellos,
                "in-sessions": statistics.in_sessions,
                "dropped-sessions": statistics.dropped_sessions,
                **total.told(),
            },
        }

    def _datastores(self, locks: Locks) -> list[dict[str, Any]]:
        found = []
        for name in ("running", "candidate", *(["startup"] if self._startup else [])):
            one: dict[str, Any] = {"name": name}
            lock = locks.held.get(name)
            if lock is not None:
                one["locks"] = {
                    "global-lock": {"locked-by-session": lock.session_id, "locked-time": timestamp(lock.since)}
                }
            found.append(one)
        return found


def _told(session: SessionFacts) -> dict[str, Any]:
    return {
        "session-id": session.session_id,
        "transport": f"ietf-netconf-monitoring:{session.peer.transport}",
        "username": session.user.name,
        "source-host": session.peer.source_host,
        "login-time": timestamp(session.login),
        **session.counters.told(),
    }
