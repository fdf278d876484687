# SPDX-License-Identifier: GPL-3.0-or-later
"""What others have put on a link of ours, and would lose if it went.

Ports of a bridge are not among it: they stay, without a master. Whoever plugs machines in need not unplug them before
a subnet is released.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...model.errors import NodeError
from ..change import Change
from . import links, routes
from .links import Link
from .snapshot import Picture
from .wire import OURS

_MOST = 5
_REDIRECT = 1  # RTPROT_REDIRECT: learned by the kernel from packets


def ending(changes: Sequence[Change]) -> dict[str, Change]:
    """By name, the links that go for good or down; one that is made anew gets back what others had put there."""
    coming = {one.key for one in changes if one.kind == "interface" and one.op == "add"}
    found = {}
    for change in changes:
        if change.kind != "interface" or change.before is None or change.key in coming:
            continue
        down = change.after is not None and change.before.get("enabled") and not change.after.get("enabled")
        if change.op == "remove" or down:
            found[change.key] = change
    return found


def rests_on(link: Link, lower: Link) -> bool:
    """Whether a link is a VLAN, macvlan or tunnel over another one, and goes with it."""
    if link.kind == "vxlan":
        return links.lower_of_vxlan(link) == lower.index
    return link.link == lower.index and not link.elsewhere and link.kind not in ("", "veth")


def spare(picture: Picture, going: Mapping[str, Change]) -> None:
    """
    Args:
        picture: the links of ``going`` with what hangs on them.
        going: by name, why.

    Raises:
        NodeError: one of them carries what is not ours.
    """
    by_name = {link.name: link for link in picture.links.values()}
    for name, change in going.items():
        link = by_name.get(name)
        if link is None or not link.ours:
            continue
        removed = change.op == "remove"
        found = list(_guests(picture, link, removed))
        if found:
            more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
            verb = "removed" if removed else "disabled"
            raise NodeError(
                f"Interface {name} cannot be {verb}: it carries what is not ours and would be lost, "
                f"{', '.join(found[:_MOST])}{more}. Take that off it first.",
                fix="Nothing was changed.",
                change=change.to_dict(),
            )


def _guests(picture: Picture, link: Link, removed: bool) -> Iterator[str]:
    taken = picture.take(link)
    for other in picture.links.values():
        if other.ours or other.index == link.index:
            continue
        if rests_on(other, link) and (removed or (other.up and other.kind == "vlan")):
            yield f"interface {other.name}"
    if removed:
        for address in taken.addresses:
            if not (address.ours or address.link_local or address.by_kernel):
                yield f"address {address.text}"
    for body in taken.routes:
        if body[5] not in (OURS, _REDIRECT):
            yield f"route {routes.prefix_of(body)}"
