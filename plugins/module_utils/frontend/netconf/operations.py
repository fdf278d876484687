# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of RFC 6241 as elements."""

from __future__ import annotations

from typing import Any

from .trees import element


def lock(datastore: str) -> Any:
    """Locks ``running`` or ``candidate``."""
    return element("lock", element("target", element(datastore)))


def unlock(datastore: str) -> Any:
    """Unlocks."""
    return element("unlock", element("target", element(datastore)))


def edit_config(datastore: str, config: Any, test: bool, rollback: bool) -> Any:
    """Edits a datastore.

    Args:
        config: the ``config`` element.
        test: ask for ``test-then-set``.
        rollback: ask for ``rollback-on-error``.
    """
    made = element("edit-config", element("target", element(datastore)))
    if test:
        made.append(element("test-option", text="test-then-set"))
    if rollback:
        made.append(element("error-option", text="rollback-on-error"))
    made.append(config)
    return made


def validate(datastore: str) -> Any:
    """Validates a datastore."""
    return element("validate", element("source", element(datastore)))


def commit(*, confirmed: int | None = None, persist: str | None = None, persist_id: str | None = None) -> Any:
    """Commits the candidate, or confirms.

    Args:
        confirmed: seconds after which the server goes back.
        persist: the id of a confirmed commit that outlives its session.
        persist_id: the id of the commit that this one confirms.
    """
    made = element("commit")
    if confirmed is not None:
        made.append(element("confirmed"))
        made.append(element("confirm-timeout", text=str(confirmed)))
    if persist is not None:
        made.append(element("persist", text=persist))
    if persist_id is not None:
        made.append(element("persist-id", text=persist_id))
    return made


def cancel_commit(persist_id: str | None) -> Any:
    """Takes a confirmed commit back."""
    made = element("cancel-commit")
    if persist_id is not None:
        made.append(element("persist-id", text=persist_id))
    return made


def discard_changes() -> Any:
    """Makes the candidate what running is."""
    return element("discard-changes")


def get_config(filtered: Any | None, datastore: str = "running") -> Any:
    """Reads a datastore.

    Args:
        filtered: the ``filter`` element; without one a server may tell secrets.
    """
    made = element("get-config", element("source", element(datastore)))
    if filtered is not None:
        made.append(filtered)
    return made


def nothing() -> Any:
    """Reads nothing of running: whatever the server holds, an empty filter selects none of it (RFC 6241, 6.4.2)."""
    empty = element("filter")
    empty.set("type", "subtree")
    return get_config(empty)


def save() -> Any:
    """Copies running to startup (RFC 6241, 8.7)."""
    return element("copy-config", element("target", element("startup")), element("source", element("running")))


def get(filtered: Any) -> Any:
    """Reads running and state."""
    return element("get", filtered)
