# SPDX-License-Identifier: GPL-3.0-or-later
"""DHCP servers by name. A further one is one more line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..model.errors import InvalidInput
from .kea import open_kea
from .server import DhcpServer

DHCP_SERVERS: dict[str, Callable[..., DhcpServer]] = {
    "kea": open_kea,
}


def open_dhcp(name: str = "kea", **options: Any) -> DhcpServer:
    """The server called ``name`` with its own options (for ``kea`` see ``kea.open_kea``). Contacts nothing yet.

    Raises:
        InvalidInput: no server of that name.
    """
    try:
        make = DHCP_SERVERS[name]
    except KeyError:
        raise InvalidInput(
            f"'{name}' is not known.", parameter="server", fix=f"Choose one of {', '.join(DHCP_SERVERS)}."
        ) from None
    return make(**options)
