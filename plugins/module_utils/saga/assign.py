# SPDX-License-Identifier: GPL-3.0-or-later
"""How an instance comes by its address: the ways by name. A further one is a class and a line in ``ASSIGNERS``.

The order keeps ledger and world together whenever a process dies. Created: the ledger first, then ``give``, then
the route; so whatever was given, the ledger holds. Deleted, or created again with another way: ``take`` first, then the
ledger, then the route; so nothing is left behind that the ledger does not know any more. Whoever repeats the call, or
reconciles, finishes it, because both are idempotent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol, cast

from ..model.errors import InvalidInput


class Assigner(Protocol):
    """One way to give instances their addresses. Used by one thread at a time, unless it has an attribute
    ``many_threads`` that is true: then an instance that waits for an answer keeps no other waiting."""

    def give(self, instance: Mapping[str, Any]) -> None:
        """Gives an instance its address. What is so already stays so.

        Args:
            instance: as ``ipam.instance_lifecycle.show_instance`` has it: ``name``, ``address``, ``prefix_length``,
                ``cidr``, ``family`` (``ipv4``), ``gateway``, ``mac``, ``netns``, ``instance_interface``, ``pool`` ...
                What is not known is None.

        Raises:
            ShadownetError: it cannot be given; for an option that is missing, InvalidInput.
        """

    def take(self, instance: Mapping[str, Any]) -> None:
        """Takes it back. No error where it never was given, or where the instance is gone with it.

        Raises:
            ShadownetError: it may still be there.
        """

    def close(self) -> None:
        """Gives back sockets."""


class NoAssigner:
    """``none``: whoever creates the instance gives it its address."""

    def give(self, instance: Mapping[str, Any]) -> None:
        """Nothing."""

    def take(self, instance: Mapping[str, Any]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def _netlink(**options: Any) -> Assigner:
    return cast(Assigner, import_module(".assign_netlink", __package__).NetlinkAssigner(**options))


def _dhcp(**options: Any) -> Assigner:
    return cast(Assigner, import_module(".assign_dhcp", __package__).DhcpAssigner(**options))


ASSIGNERS: dict[str, Callable[..., Assigner]] = {
    "none": NoAssigner,
    "netlink": _netlink,
    "dhcp": _dhcp,
}
"""By the name that an instance's option ``assign`` has."""


def open_assigner(name: str, **options: Any) -> Assigner:
    """The way called ``name``, with its own options (the address of a server, for example). Contacts nothing yet.

    Raises:
        InvalidInput: there is none of that name.
    """
    if name not in ASSIGNERS:
        raise InvalidInput(f"'{name}' is not known.", parameter="assign", fix=f"Choose one of {', '.join(ASSIGNERS)}.")
    return ASSIGNERS[name](**options)
