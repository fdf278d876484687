# SPDX-License-Identifier: GPL-3.0-or-later
"""Transports by name. A further one is one more line here."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from ..model.errors import InvalidInput
from .netlink.transport import NetlinkTransport
from .transport import Transport


def _netconf(**options: Any) -> Transport:
    """Imported when it is asked for, and by name: what it needs is on the controller only, so nodes never get it."""
    return cast(Transport, import_module(".netconf.transport", __package__).NetconfTransport(**options))


TRANSPORTS: dict[str, Callable[..., Transport]] = {
    "netlink": NetlinkTransport,
    "netconf": _netconf,
}


def open_transport(name: str, **options: Any) -> Transport:
    """The transport called ``name`` with its own options (for ``netlink``: ``netns``; for ``netconf`` see its class).

    Raises:
        InvalidInput: no transport of that name.
    """
    try:
        make = TRANSPORTS[name]
    except KeyError:
        raise InvalidInput(
            f"'{name}' is not known.", parameter="transport", fix=f"Choose one of {', '.join(TRANSPORTS)}."
        ) from None
    return make(**options)
