# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies changes to the kernel one after the other, and knows the way back from each."""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ...model.errors import NodeError, RollbackFailed
from ...model.node_config import NodeConfig
from ..change import Change
from ..route_order import in_order
from ..wording import some
from . import access, addresses, guests, links, nft_table, routes, shaping, snapshot
from .links import Link
from .standing import Standing
from .undo import Undo
from .wire import OURS, KernelRefused, Wire

_EXCLUSIVE = ("vxlan", "vlan", "macvlan")
"""Kinds of which a new one may need what an old one holds (VNI, VLAN): the old ones go first."""

_HINTS = {
    ("route", errno.EEXIST): "A route to this prefix with this metric is already there that is not ours.",
    ("route", errno.ENETUNREACH): "The next hop is not reachable from any address of the node.",
    ("address", errno.EEXIST): "The address is already there and not ours.",
    ("interface", errno.EEXIST): "An interface of this name, VNI or VLAN is already there.",
    ("interface", errno.EOPNOTSUPP): "This node's kernel does not have this type of interface.",
}


class Run:
    """One application of changes."""

    def __init__(self, wire: Wire, nft: Callable[[], Wire], wanted: NodeConfig | None = None) -> None:
        """
        Args:
            wire: a route socket.
            nft: gives a netfilter socket, when access lists are touched.
            wanted: what the changes lead to, so that routes that stay are looked at too.
        """
        self._wanted = wanted
        self._wire = wire
        self._nft = nft
        self._undo = Undo()
        self._numbers: dict[str, int] = {}
        self._removed: dict[str, snapshot.Snapshot] = {}
        self._late: dict[str, Change] = {}
        self._going: set[str] = set()
        self._picture: snapshot.Picture | None = None
        self._limits: dict[int, shaping.Limit] | None = None
        self._change: Change | None = None
        self._alike: list[str] = []
        self._standing: Standing | None = None
        self._disabled: list[Change] = []
        self._strangers: list[bytes] = []
        self._steps: dict[tuple[str, str], Callable[[Change], None]] = {
            ("interface", "add"): self._add_link,
            ("interface", "change"): self._change_link,
            ("interface", "remove"): self._remove_link,
            ("address", "add"): self._add_address,
            ("address", "remove"): self._remove_address,
        }

    def all(self, changes: Sequence[Change]) -> Undo:
        """Applies all changes in their order; links that go without leaving their place to another go last, and each
        route comes after those that its gateway is reached over.

        Raises:
            NodeError, RollbackFailed: see ``Transport.apply``.
        """
        changes = _routes_in_order(changes)
        try:
            self._going = {one.key for one in changes if one.kind == "interface" and one.op == "remove"}
            coming = [one.after for one in changes if one.kind == "interface" and one.op == "add" and one.after]
            standing = self._standing = Standing(self._wire, changes, self._wanted)
            self._undo.add(standing.bring_back_moved)
            self._spare_others(changes)
            early: list[Change] = []
            down: list[Change] = []
            for change in changes:
                (down if _can_wait(change, coming) else early).append(change)
            first = next((at for at, change in enumerate(early) if change.kind != "route"), len(early))
            last = next((at for at in range(len(early), first, -1) if early[at - 1].kind != "route"), first)
            self._some(early[:first])
            for change in down:
                self._change = change
                self._take_down(change)
            self._picture = None
            self._some(early[first:last])
            standing.bring_back_devices(self._index, self._undo)
            self._some(early[last:])
            for change in self._disabled:
                self._change = change
                self._disable(change)
            standing.check_gateways(self._index, self._undo, again=bool(self._disabled))
            self._return_strangers()
            standing.change = None
            self._some(list(self._late.values()))
        except KernelRefused as refused:
            raise self._back(refused) from None
        except OSError as error:
            raise self._back(KernelRefused(error.errno or errno.ETIMEDOUT, "netlink socket")) from None
        except BaseException:
            self._undo.undo()
            raise
        return self._undo

    def _back(self, refused: KernelRefused) -> NodeError:
        kept = self._standing.change if self._standing is not None else None
        change = kept or self._change
        verb = "keep" if kept else change.op if change else ""
        what = f"to {verb} {change.kind} {change.key}" if change else "a change"
        alike = () if kept else tuple(self._alike)
        if len(alike) > 1:
            what = f"to {verb} routes {some(alike)}"
        hint = _HINTS.get((change.kind, refused.code)) if change and change.op != "remove" else None
        if kept:
            hint = "What its next hop is reached by is changed by this push. Remove the route too, or give it another."
        details: dict[str, Any] = {
            "node_said": refused.words,
            "change": change.to_dict() if change else None,
        }
        try:
            self._undo.undo()
        except RollbackFailed as failed:
            error: NodeError = RollbackFailed(
                f"The node refused {what}: {refused.words}. Going back failed too: {failed.node_said}.",
                fix=failed.fix,
                **details,
            )
        else:
            text = f"The node refused {what}: {refused.words}."
            error = NodeError(f"{text} {hint}" if hint else text, fix="Nothing was changed.", **details)
        error.routes = alike or error.routes
        return error

    def _some(self, changes: Sequence[Change]) -> None:
        at = 0
        while at < len(changes):
            end = at
            group = _group(changes[at])
            while end < len(changes) and _group(changes[end]) == group:
                end += 1
            some = changes[at:end]
            self._change = some[0]
            if group == "route":
                self._routes(some)
            elif group == "access":
                self._access(some)
            else:
                for change in some:
                    self._change = change
                    self._forget_pictures(change)
                    step = self._rate if change.kind == "rate_limit" else self._steps[change.kind, change.op]
                    step(change)
            at = end

    def _index(self, name: str) -> int:
        if name not in self._numbers:
            link = links.find(self._wire, name)
            if link is None:
                raise KernelRefused(errno.ENODEV, f"interface {name}")
            self._numbers[name] = link.index
        return self._numbers[name]

    # Routes

    def _routes(self, changes: Sequence[Change]) -> None:
        encoder = routes.Encoder(self._index)
        requests: list[routes.Request] = []
        owners: list[Change] = []
        for change in changes:
            self._change = change
            if change.before is not None:
                requests.append(encoder.deleting(change.before))
                owners.append(change)
            if change.after is not None:
                requests.append(encoder.adding(change.after))
                owners.append(change)
        sent = 0
        found: list[tuple[Change, KernelRefused]] = []
        while sent < len(requests):
            # A send with a refusal is the last of its batch. The rest follows whatever it was: where many routes are
            # refused, all are named at once, for whoever tries again without them.
            start = sent
            try:
                refused, count = self._wire.batch(requests[start:] if start else requests)
            except OSError:  # what of it was done is unknown: the way back takes all of it
                self._undo_routes(encoder, requests, owners, range(start, len(requests)), set())
                raise
            sent = start + count
            self._undo_routes(encoder, requests, owners, range(start, sent), {one.index + start for one in refused})
            for one in refused:
                at = one.index + start
                if requests[at][0] == routes.DELROUTE and snapshot.gone(one):
                    continue
                if one.code == errno.EEXIST and self._there_already(encoder, owners[at], requests[at]):
                    continue
                found.append((owners[at], one))
        if found:
            self._change, first = found[0]
            same = [change for change, one in found if one.code == first.code and change.op == self._change.op]
            self._alike = list(dict.fromkeys(str(change.subject["prefix"]) for change in same))
            raise first

    def _there_already(self, encoder: routes.Encoder, change: Change, adding: routes.Request) -> bool:
        """Whether this very route of ours has come since the node was read, from an active route manager.

        Then it can be removed, and added again in the same send.
        """
        return not self._wire.batch([encoder.deleting(change.after or {}), adding], keep_going=True)[0]

    def _undo_routes(
        self,
        encoder: routes.Encoder,
        requests: list[routes.Request],
        owners: list[Change],
        done: range,
        refused: set[int],
    ) -> None:
        """The messages of the way back are only packed when it is taken."""

        def back() -> None:
            reverse = []
            for at in reversed(done):
                if at in refused:
                    continue
                if requests[at][0] == routes.DELROUTE:
                    reverse.append(encoder.adding(owners[at].before or {}))
                else:
                    reverse.append(encoder.deleting(owners[at].after or {}))
            failed, _sent = self._wire.batch(reverse, keep_going=True)
            for one in failed:
                if one.code != errno.EEXIST and not snapshot.gone(one):
                    raise one

        self._undo.add(back)

    # Links

    def _spare_others(self, changes: Sequence[Change]) -> None:
        """Refuses to take what others have put on a link of ours.

        Raises:
            NodeError: others have.
        """
        ending = guests.ending(changes)
        if not ending:
            return
        picture = self._picture = self._look({*self._going, *ending})
        guests.spare(picture, ending)

    def _return_strangers(self) -> None:
        """Routes of others that went with an address come back where they can."""
        snapshot.hanging(self._wire, [], routes.gateways_last(self._strangers), forgiving=True)

    def _forget_pictures(self, change: Change) -> None:
        """What was read of the node stands only while changes of one kind follow each other."""
        if (change.kind, change.op) != ("interface", "remove"):
            self._picture = None
        if change.kind != "rate_limit":
            self._limits = None

    def _look(self, names: Collection[str]) -> snapshot.Picture:
        picture = snapshot.Picture(self._wire, names)
        self._undo.add(lambda: picture.restore_routes(self._wire))
        return picture

    def _snapshot(self, link: Link, picture: snapshot.Picture | None = None) -> snapshot.Snapshot:
        """Remembers a link and how to put it back."""
        picture = picture or self._look((link.name,))
        taken = picture.take(link)
        self._undo.add(lambda: snapshot.restore(self._wire, taken, picture.names))
        return taken

    def _snapshot_of_many(self, link: Link) -> snapshot.Snapshot:
        """The same, from one picture of all links that go."""
        if self._picture is None:
            self._picture = self._look(self._going)
        return self._snapshot(link, self._picture)

    def _take_down(self, change: Change) -> None:
        link = links.find(self._wire, change.key)
        if link is None:
            return
        if not link.ours:
            raise KernelRefused(errno.EPERM, f"interface {change.key} is no longer ours")
        self._snapshot_of_many(link)
        self._wire.talk(*links.changing(link.index, up=False))
        self._late[change.key] = change

    def _remove_link(self, change: Change) -> None:
        link = links.find(self._wire, change.key)
        if link is None:  # gone with its parent or its peer
            return
        if not link.ours:
            raise KernelRefused(errno.EPERM, f"interface {change.key} is no longer ours")
        if change.key not in self._late:  # those have been remembered while they were up
            self._removed[change.key] = self._snapshot_of_many(link)
        self._numbers.clear()
        self._wire.talk(*links.deleting(link.index))

    def _add_link(self, change: Change) -> None:
        wanted = change.after or {}
        name = wanted["name"]
        there = links.find(self._wire, name)
        if there is not None:
            peer = links.find(self._wire, index=there.link) if there.kind == "veth" and not there.elsewhere else None
            if wanted["type"] != "veth" or peer is None or peer.name != wanted.get("peer"):
                raise KernelRefused(errno.EEXIST, f"interface {name}")
            self._snapshot(there)
            self._set(there, wanted)
            return
        old = self._removed.get(name)
        like = old.link if old is not None else None
        peer_like = old.peer.link if old is not None and old.peer is not None else None
        self._wire.talk(*links.making(wanted, self._index, like, peer_like if wanted["type"] == "veth" else None))
        made = links.find(self._wire, name)
        if made is None:
            raise KernelRefused(errno.ENODEV, f"interface {name}")
        self._numbers.pop(name, None)
        self._undo.add(lambda: self._delete(links.deleting(made.index)))
        self._set(made, wanted)
        if wanted["type"] == "veth" and made.link:
            self._wire.talk(*links.changing(made.link, up=True))
        if old is not None:
            self._return_foreign(old, made, wanted["type"])

    def _return_foreign(self, old: snapshot.Snapshot, made: Link, kind: str) -> None:
        """A link that had to be made anew gets back what others had put there."""
        others = [address for address in old.addresses if not address.ours]
        strangers = [body for body in old.routes if body[5] != OURS]
        snapshot.hanging(self._wire, others, strangers, forgiving=True)
        for port in old.ports if kind == "bridge" else ():
            found = links.find(self._wire, index=port)
            if found is not None and not found.ours:
                self._wire.talk(*links.changing(port, master=made.index))

    def _delete(self, request: routes.Request) -> None:
        """Deletes what may be gone already."""
        try:
            self._wire.talk(*request)
        except KernelRefused as refused:
            if not snapshot.gone(refused):
                raise

    def _set(self, link: Link, wanted: dict[str, Any]) -> None:
        alias = links.MARK + wanted.get("description", "")
        mtu, bridge = wanted.get("mtu"), wanted.get("bridge")
        master = self._index(bridge) if bridge else 0
        self._wire.talk(
            *links.changing(
                link.index,
                alias=alias if alias != link.alias else None,
                mtu=mtu if mtu is not None and mtu != link.mtu else None,
                grown=link.newborn,
            )
        )
        if master != link.master:
            self._wire.talk(*links.changing(link.index, master=master))
        if wanted["enabled"] != link.up:
            self._wire.talk(*links.changing(link.index, up=wanted["enabled"]))

    def _change_link(self, change: Change) -> None:
        link = links.find(self._wire, change.key)
        if link is None or not link.ours:
            raise KernelRefused(errno.ENODEV, f"interface {change.key}")
        self._snapshot(link)
        wanted = change.after or {}
        if link.up and not wanted.get("enabled", True):
            self._disabled.append(change)
            wanted = {**wanted, "enabled": True}
        self._set(link, wanted)

    def _disable(self, change: Change) -> None:
        """Takes a link down when everything else is done: then most refusals do not interrupt it.

        With it go its VLANs, which the way back must bring up again.
        """
        link = links.find(self._wire, change.key)
        if link is None or not link.ours:
            raise KernelRefused(errno.ENODEV, f"interface {change.key}")
        above = [
            one for one in links.read(self._wire).values() if one.link == link.index and guests.rests_on(one, link)
        ]
        picture = self._look({link.name, *(one.name for one in above)})
        taken = [self._snapshot(one, picture) for one in (*above, link)]
        self._wire.talk(*links.changing(link.index, up=False))
        for one in taken:
            snapshot.hanging(self._wire, one.addresses, [])  # IPv6 addresses vanish when a link goes down

    # Addresses and rates

    def _add_address(self, change: Change) -> None:
        wanted = change.after or {}
        index = self._index(wanted["interface"])
        self._wire.talk(*addresses.adding(wanted["address"], index))
        self._undo.add(lambda: self._wire.talk(*addresses.deleting(wanted["address"], index)))

    def _remove_address(self, change: Change) -> None:
        """Deletes one address, and puts back what the kernel drops with it: secondary addresses, routes."""
        going = change.before or {}
        link = links.find(self._wire, going["interface"])
        if link is None:
            return
        there = addresses.read(self._wire, link.index)
        before = [one for one in there if one.text == going["address"] and one.ours]
        if not before:
            return
        through = routes.dump_through(self._wire, (link.index,)).get(link.index, [])
        others = [one for one in there if one.text != going["address"]]
        # From the first to the last: then primary and secondary addresses keep their order.
        self._undo.add(lambda: self._address_back(link.index, there, through))
        self._delete(addresses.deleting(going["address"], link.index))
        snapshot.hanging(self._wire, others, through, forgiving=True)
        self._strangers += (body for body in through if body[5] != OURS)

    def _address_back(self, index: int, there: list[addresses.Address], through: list[bytes]) -> None:
        family_order = [one for one in there if ":" not in one.text]
        now = [one.text for one in addresses.read(self._wire, index) if ":" not in one.text]
        if now and now != [one.text for one in family_order][: len(now)]:
            for text in now:
                self._delete(addresses.deleting(text, index))
        snapshot.hanging(self._wire, there, through)

    def _rate(self, change: Change) -> None:
        index = self._index(change.subject["interface"])
        if self._limits is None:
            self._limits = shaping.read(self._wire)
        now = self._limits.get(index)
        if now is not None and now.rate is None:
            raise KernelRefused(errno.EEXIST, f"a {now.kind} queue that is not ours")
        old = now.rate if now is not None else None
        new = change.after["rate_limit"] if change.after is not None else None
        if old is not None:
            back = shaping.setting(index, old)
        elif new is not None:
            back = shaping.lifting(index)
        else:
            return
        self._wire.talk(*(shaping.lifting(index) if new is None else shaping.setting(index, new)))
        self._undo.add(lambda: self._wire.talk(*back))

    # Access lists

    def _access(self, changes: Sequence[Change]) -> None:
        nft = self._nft()
        have = nft_table.read(nft)
        lists, attached = access.decode_table(have)
        for change in changes:
            if change.kind == "attachment":
                place = (change.subject["interface"], change.subject["direction"])
                attached[place] = tuple(change.after["access_lists"]) if change.after else ()
            elif change.after is None:
                lists.pop(change.key, None)
            else:
                lists[change.key] = access.from_plain(change.after)
        want = access.compile_table(lists, attached, have)
        nft_table.commit(nft, nft_table.transition(have, want))
        self._undo.add(lambda: nft_table.commit(nft, nft_table.transition(nft_table.read(nft), have)))


def _can_wait(change: Change, coming: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a link that goes may stay, down, until everything else is done: then no refusal costs it.

    Args:
        change: the change in question.
        coming: the links that come.
    """
    if change.kind != "interface" or change.op != "remove" or change.before is None:
        return False
    for other in coming:
        taken = {change.key, change.before.get("peer")} & {other["name"], other.get("peer")}
        if taken - {None} or (other["type"] in _EXCLUSIVE and change.before["type"] in _EXCLUSIVE):
            return False
        if change.key in (other.get("parent"), other.get("bridge")):
            return False
    return True


def _group(change: Change) -> str:
    if change.kind == "route":
        return "route"
    return "access" if change.kind in ("access_list", "attachment") else "single"


def _routes_in_order(changes: Sequence[Change]) -> list[Change]:
    """The same, with the routes that come in such an order; all else stays in its place."""
    found = list(changes)
    places = [at for at, change in enumerate(found) if change.kind == "route" and change.after is not None]
    for at, change in zip(places, in_order([found[at] for at in places]), strict=True):
        found[at] = change
    return found
