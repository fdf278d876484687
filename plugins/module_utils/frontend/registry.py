# SPDX-License-Identifier: GPL-3.0-or-later
"""Transports by name. A further one is one more line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..model.errors import InvalidInput
from .netlink.transport import NetlinkTransport
from .transport import Transport

TRANSPORTS: dict[str, Callable[..., Transport]] = {
    "netlink": NetlinkTransport,
}


def open_transport(name: str, **options: Any) -> Transport:
    """The transport called ``name`` with its own options (for ``netlink``: ``netns``).

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
