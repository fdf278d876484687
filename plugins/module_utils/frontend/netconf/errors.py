# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between a NETCONF client and a server.

::

    Exception
    ├── Refused           the server answered rpc-error; for the inside of this folder
    └── Lost              the session is gone, or no answer came in time; for the inside of this folder
    NodeError
    ├── NetconfError      what the caller gets; ``rpc_errors`` has every rpc-error of the server
    │   └── Unreachable   no session can be had now; it may be had later
    └── RollbackFailed
        └── NetconfRollbackFailed   the same, and the node may be in between
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...model.errors import NodeError, RollbackFailed

CLOSED = "the connection was closed"
"""What is said of a server that let us in and left."""


@dataclass(frozen=True, slots=True)
class RpcError:
    """One rpc-error (RFC 6241, 4.3).

    Attributes:
        session_id: of the holder, where a lock was denied.
    """

    type: str | None = None
    tag: str | None = None
    severity: str | None = None
    app_tag: str | None = None
    path: str | None = None
    message: str | None = None
    session_id: str | None = None

    def __str__(self) -> str:
        where = f" at {self.path}" if self.path else ""
        what = f": {self.message}" if self.message else ""
        return f"{self.type or 'error'} {self.tag or 'unknown'}{where}{what}"

    def to_dict(self) -> dict[str, str]:
        """JSON values, without what the server did not say."""
        return {key: value for key, value in asdict(self).items() if value is not None}


class Refused(Exception):
    """The server answered an operation with at least one error."""

    def __init__(self, operation: str, errors: Sequence[RpcError]) -> None:
        super().__init__(f"{operation}: {'; '.join(map(str, errors))}")
        self.operation = operation
        self.errors = tuple(errors)

    @property
    def tags(self) -> set[str | None]:
        """The error tags."""
        return {error.tag for error in self.errors}


class Lost(Exception):
    """The session ended, or the server did not answer in time (then the session was ended by us)."""


class NetconfError(NodeError):
    """The node refused, or could not be reached; it is as it was before."""

    def __init__(self, message: str, *, rpc_errors: Sequence[RpcError] = (), **details: Any) -> None:
        super().__init__(message, **_said(rpc_errors, details))
        self.rpc_errors = tuple(rpc_errors)

    def details(self) -> dict[str, Any]:
        return {**super().details(), **_listed(self.rpc_errors)}


class Unreachable(NetconfError):
    """No session can be had now. Nothing of this has to do with keys and passwords."""


class NetconfRollbackFailed(RollbackFailed):
    """What was done could not be taken back, or not be proven to be taken back."""

    def __init__(self, message: str, *, rpc_errors: Sequence[RpcError] = (), **details: Any) -> None:
        super().__init__(message, **_said(rpc_errors, details))
        self.rpc_errors = tuple(rpc_errors)

    def details(self) -> dict[str, Any]:
        return {**super().details(), **_listed(self.rpc_errors)}


def _said(errors: Sequence[RpcError], details: dict[str, Any]) -> dict[str, Any]:
    words = "; ".join(map(str, errors)) or None
    return {"node_said": words, **details}


def _listed(errors: Sequence[RpcError]) -> dict[str, Any]:
    return {"rpc_errors": [error.to_dict() for error in errors]} if errors else {}
