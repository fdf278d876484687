# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the server could write its files: looked at as the user, and with the rights, that it will have."""

from __future__ import annotations

import os
from pathlib import Path

from ..plugins.module_utils.model.errors import InvalidInput
from .privileges import Owner, PrivilegeError, confine
from .say import say
from .settings import Settings

_CANNOT_TELL = 255


def check_writable(settings: Settings, owner: Owner | None) -> None:
    """Looks at the startup file, its folder, and the audit log's file. Nothing is written.

    Args:
        owner: the user of the settings; None where they name none.

    Raises:
        InvalidInput: one of them cannot be used by the server.
    """
    if owner is None and os.geteuid() == 0:
        say("startup.file: whether it can be written was not looked at, as the settings name no user. Run check as "
            "the user that the server will run as.")  # fmt: skip
        return
    places = _places(settings)
    found = _look_as(owner, [(path, mode) for path, mode, _parameter, _what in places])
    if found == _CANNOT_TELL:
        say(f"startup.file: only root or {settings.user} itself can look whether {settings.user} may write it.")
        return
    if found < len(places):
        path, _mode, parameter, what = places[found]
        who = settings.user or "this user"
        raise InvalidInput(
            f"{who} cannot {what} {path}.",
            parameter=parameter,
            fix=f"Give it to the user that the server runs as: chown {settings.user or 'USER'} {path}",
        )


def _places(settings: Settings) -> list[tuple[Path, int, str, str]]:
    """Path, access mode, key of the settings, and words for what the server does there."""
    file = settings.startup.file
    # The file is replaced, so its folder is what is written; and it is opened to have the new name on the disk.
    found = [(file.parent, os.R_OK | os.W_OK | os.X_OK, "startup.file", "write to the folder")]
    if file.exists():
        found.append((file, os.R_OK, "startup.file", "read"))
    audit = settings.audit
    if isinstance(audit, Path):
        if audit.exists():
            found.append((audit, os.W_OK, "audit", "write"))
        else:
            found.append((audit.parent, os.W_OK | os.X_OK, "audit", "make a file in"))
    return found


def _look_as(owner: Owner | None, wanted: list[tuple[Path, int]]) -> int:
    """The number of the first that cannot be accessed, or how many there are; ``_CANNOT_TELL`` if nobody can say."""
    child = os.fork()
    if child:
        _pid, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)
    try:
        confine((), owner)
        found = next((at for at, (path, mode) in enumerate(wanted) if not os.access(path, mode)), len(wanted))
    except PrivilegeError:
        found = _CANNOT_TELL
    except BaseException:  # noqa: BLE001  # nothing of the parent's stack may run in the child
        found = _CANNOT_TELL
    os._exit(found)
