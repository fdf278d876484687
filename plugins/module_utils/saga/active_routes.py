# SPDX-License-Identifier: GPL-3.0-or-later
"""The active route manager: what a long-lived process does when instances appear and go.

One durable commit, then one route: that is all that an instance waits for. The reservation holds its address already,
and the blackholes beneath the route catch what is not active, so nothing else is urgent. That the node carries exactly
what the ledger wants is found out by a full push (``push_node``), which is owed from then on and made soon after, one
for many instances; it confirms them in the ledger. Whenever the process dies, the next push of the node, by whomever,
finishes what it began.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from ..frontend.transport import Transport
from ..ipam.hold import refuse_held
from ..ipam.instance_lifecycle import MovedInstance, delete, retry, set_aside, shown
from ..ipam.instances import Created, create
from ..ipam.parsing import check_name
from ..ipam.shadow_routes import active_route, floors_of
from ..ledger.ledger import Ledger
from ..model.errors import Conflict, DhcpUnreachable, NodeError, ShadownetError
from ..model.node_config import Route
from ..model.reservation import Instance, InstanceRequest
from ..model.subnet import ERROR, PENDING, RELEASING
from .activation import Activation, Deactivation, Steps
from .assign import Assigner
from .assigning import Assigning, same_way
from .heirs import Heirs
from .lines import Lines
from .node_push import NodePush, push_node
from .settling import Settler
from .sharing import Shared
from .summaries import Summaries
from .turns import Names, Turns


class _TakeFirst(Exception):
    """Undoes a transaction: the address has to be taken back first. ``before``: from where, as shown."""

    def __init__(self, before: Mapping[str, Any]) -> None:
        super().__init__()
        self.before = before


class ActiveRouteManager:
    """Creates and deletes instances, ledger and routes together. May be used by several threads, and by several
    processes beside each other; after a fork, make a new one."""

    def __init__(
        self,
        ledger: Ledger,
        nodes: Callable[[str], Transport],
        *,
        attachments: Mapping[str, Mapping[str, Any]] | None = None,
        assigners: Mapping[str, Assigner] | None = None,
        actor: str = "instances",
        background: bool = True,
        delay: float = 0.05,
        rest: float = 4.0,
    ) -> None:
        """
        Args:
            ledger: stays the caller's, who must not use it from another thread meanwhile.
            nodes: makes a transport to a node by its name, two for each node; they are kept open. May raise.
            attachments: how subnets are attached, by node; see ``ipam.desired.desired_config``.
            assigners: ways for instances to come by their addresses, by name, instead of those of ``assign``: closed
                with this.
            actor: for the audit trail.
            background: make the full pushes that are owed in a thread. Otherwise only ``settle`` and ``close`` do.
            delay, rest: seconds that a full push waits for others to be saved, and how many times as long as the last
                one took the thread rests. See ``Settler``.
        """
        self._ledger = Turns(ledger)
        self._other = ledger.again()
        self._pushes = Turns(self._other)
        self._summaries = Summaries(ledger)
        self._attachments = attachments or {}
        self._actor = actor
        self._quick, self._full = Lines(nodes), Lines(nodes)
        self._complete: set[str] = set()
        self._heirs = Heirs()
        self._names = Names()
        self._shared = Shared(self._push_alone)
        self._assigning = Assigning(assigners or {})
        self._settler = Settler(self._pay, background=background, delay=delay, rest=rest)

    def __enter__(self) -> ActiveRouteManager:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- instances

    def created(self, request: InstanceRequest) -> Activation:
        """An instance was created: gives it its prefix, the node its route, and it its address.

        Again for the same instance, it changes nothing, and finishes what an earlier call could not. On another node,
        or at another interface, the instance moves: the old node gives the route up before the new one gets it.

        Raises:
            InvalidInput: its address cannot be assigned as it asks; nothing was changed.
            AllocationRefused, Conflict, LedgerError: see ``ipam.instances.create``; nothing was changed.
            Conflict: or the node is another ledger's by now; the instance is ``pending``.
            NodeError: the node refused the route: the instance is in ``error``, and keeps its prefix. Or the node
                cannot be reached: it is ``pending``. Created again it is tried again.
            ShadownetError: the address could not be given to the instance; it is ``pending``, and has no route yet. Or
                the one that it had by another way could not be taken back; nothing else was changed.
        """
        self._assigning.ready(request.assign, request.dynamic_assign)
        with self._names.hold(request.name):
            steps = Steps()
            made, floors, taken = self._enter(request, steps)
            item, moved = made.instance, made.moved
            # Before the route: a packet that finds the route and no host there makes the node's kernel wait a second
            # before it asks for the host again.
            if taken or item.assign != "none":
                self._see_to(item.name, taken)
            steps.done("assign")
            now = moved.after or {}
            if item.leaving is not None:
                now = self._move(item)
            elif item.routed and item.status == PENDING:
                now = self._activate(moved, floors)
            steps.done("route")
        return Activation(now, made.missed, moved.changed, steps.milliseconds)

    def deleted(self, name: str) -> Deactivation:
        """An instance was deleted: takes its address and its route away; its prefix rests once the node confirmed.

        Again, it changes nothing. Where there never was an instance of that name, that is no error either.

        Raises:
            InvalidInput: it is no name.
            LedgerHeld: the ledger was restored and not yet reconciled; nothing was changed.
            ShadownetError: its address could not be taken back; nothing else was changed.
            NodeError: the node cannot be reached, or refuses: the instance is ``releasing``, and its prefix is kept
                until a push has succeeded.
        """
        # As the ledger writes it, or it would find nobody, and leave the route.
        name = check_name(name, "name")
        with self._names.hold(name):
            steps = Steps()
            with self._ledger.snapshot() as transaction:
                refuse_held(transaction)
                found = transaction.instance_named(name)
                before = None if found is None else shown(transaction, found)
            if before is None:
                return Deactivation(name, None, False, steps.milliseconds)
            moved, floors, taken = self._leave_ledger(name, before, steps)
            if moved is None:
                return Deactivation(name, None, False, steps.milliseconds)
            try:
                if moved.after is not None and moved.instance.status == RELEASING:
                    self._deactivate(moved, floors)
                steps.done("route")
            finally:
                if taken["assign"] != "none":
                    # Another process may have given it after it was taken, and before the ledger said so.
                    self._see_to(name, taken)
                    steps.done("assign")
        now = moved.after or {**before, "status": "gone"}
        return Deactivation(name, now, moved.changed, steps.milliseconds)

    # -- nodes

    def reconcile(self, node: str) -> NodePush:
        """Brings a node to what the ledger wants, and gives its instances their addresses again. What the node refused
        earlier is tried again.

        For the start of the process, and for after whatever may have changed the node: link down and up, a restart.

        Raises:
            ShadownetError: see ``push_node``; or, after all others were given theirs, what ``Assigner.give`` said of
                the first instance that could not be given its address. Of those that depend on a server which does not
                answer, only the first is tried.
        """
        with self._ledger.transaction(self._actor) as transaction:
            retry(transaction, node)
        done = self._push(node)
        with self._ledger.snapshot() as transaction:
            items = transaction.instances("node = ? AND wanted = 1 AND assign <> 'none'", (node,))
            told = [shown(transaction, item) for item in items]
        failed: list[Exception] = []
        silent: set[str] = set()
        for one in told:
            if one["assign"] in silent:
                continue
            try:
                with self._names.hold(one["name"]):
                    self._see_to(one["name"], one)
            except (ShadownetError, OSError) as problem:
                failed.append(problem)
                if isinstance(problem, DhcpUnreachable):
                    # To wait for it once more for each of them would take hours.
                    silent.add(one["assign"])
        if failed:
            raise failed[0]
        return done

    def settle(self) -> None:
        """Makes the full pushes that are owed, now.

        Raises:
            ShadownetError: see ``Settler.settle``.
        """
        self._settler.settle()

    @property
    def owed(self) -> list[str]:
        """Nodes to which a full push is owed: their newest instances are not confirmed yet."""
        return self._settler.owed

    @property
    def problems(self) -> dict[str, Exception]:
        """Why the last full push to a node failed, by node."""
        return dict(self._settler.problems)

    def close(self) -> None:
        """Makes the pushes that are owed, and gives back what is open.

        Raises:
            ShadownetError: one failed; the ledger says so, and everything is closed.
        """
        self._settler.close()
        with ExitStack() as everything:  # whatever one of them raises, the others are closed
            for one in (self._other, self._summaries, self._assigning, self._full, self._quick):
                everything.callback(one.close)
            self._settler.settle()

    def _pay(self, node: str) -> bool:
        try:
            return not self._push(node).result.superseded
        finally:
            # Here nobody waits for it, and the settler rests after it.
            self._summaries.keep()

    def _push(self, node: str) -> NodePush:
        """A full push that knows what is in the ledger now. All who wait for one to the same node share it."""
        return self._shared.do(node)

    def _push_alone(self, node: str) -> NodePush:
        attachment = self._attachments.get(node)
        with self._settler.instead(node), self._heirs.of(node) as heirs, self._full.open(node) as transport:
            try:
                done = push_node(self._pushes, node, transport, attachment=attachment, actor=self._actor)
            except Conflict:
                # It may be another ledger's now: no single routes until a full push succeeds again.
                self._complete.discard(node)
                raise
            # What left this node waits for a push at its new one.
            heirs.update(one.instance.node for one in done.instances if one.before and one.before["leaving"] == node)
            if done.result.superseded:
                # Whoever made the newer push may die before he settles it.
                self._heirs.add(node, *heirs)
        # The node's mark is that of our ledger, or the push had been refused.
        self._complete.add(node)
        if done.result.superseded:
            self._settler.owe(node)
            return done
        for heir in heirs - {None, node}:
            self._settler.owe(str(heir))
        return done

    def _leave(self, item: Instance) -> None:
        """The node that an instance moves away from gives it up; then a push to the new one is owed, even where
        somebody else settles the ledger."""
        old = str(item.leaving)
        if item.routed:
            self._heirs.add(old, item.node)
        self._push(old)

    def _enter(self, request: InstanceRequest, steps: Steps) -> tuple[Created, list[Route], Mapping[str, Any]]:
        """The ledger's step of a creation. Also says from where the address was taken before it, if it was.

        What the instance had by another way is taken before the ledger forgets that way: nobody could take it later.
        """
        taken: Mapping[str, Any] = {}
        while True:
            try:
                with self._ledger.transaction(self._actor) as transaction:
                    made = create(transaction, request)
                    before, after = made.moved.before, made.moved.after
                    if before and after and not same_way(before, after) and not same_way(before, taken):
                        raise _TakeFirst(before)
                    floors = floors_of(transaction, made.instance)
                steps.done("ledger")
                return made, floors, taken
            except _TakeFirst as found:
                steps.done("ledger")
                taken = found.before
                self._assigning.take(taken)
                steps.done("assign")

    def _leave_ledger(
        self, name: str, taken: Mapping[str, Any], steps: Steps
    ) -> tuple[MovedInstance | None, list[Route], Mapping[str, Any]]:
        """The ledger's step of a deletion, after the address was taken where the ledger has it. Also says from where.

        Args:
            taken: the instance, as the ledger had it a moment ago.
        """
        while True:
            self._assigning.take(taken)
            steps.done("assign")
            try:
                with self._ledger.transaction(self._actor) as transaction:
                    moved = delete(transaction, name)
                    if moved is not None and moved.before and not same_way(moved.before, taken):
                        raise _TakeFirst(moved.before)
                    floors = [] if moved is None else floors_of(transaction, moved.instance)
                steps.done("ledger")
                return moved, floors, taken
            except _TakeFirst as found:
                taken = found.before
                steps.done("ledger")

    def _see_to(self, name: str, *places: Mapping[str, Any]) -> None:
        """Gives an instance its address as the ledger has it, and takes it where it has it not, until the ledger said
        the same before and after: whichever process comes last then left the world as the ledger has it.

        Args:
            places: instances, as shown, where this process gave or took the address, or another one may have.
        """
        touched = [one for one in places if one]
        while True:
            now = self._wanted(name)
            for place in touched:
                if not same_way(place, now):
                    self._assigning.take(place)
            if now:
                # Also where it was given before: what was taken just now may have been the same lease.
                self._assigning.give(now)
            if same_way(self._wanted(name), now):
                return
            touched += [now] if now else []

    def _wanted(self, name: str) -> Mapping[str, Any]:
        """The instance as shown; empty where the ledger has none, or one that goes."""
        with self._ledger.snapshot() as transaction:
            item = transaction.instance_named(name)
            return shown(transaction, item) if item is not None and item.wanted else {}

    def _activate(self, moved: MovedInstance, floors: list[Route]) -> dict[str, Any]:
        item, before = moved.instance, moved.before
        node = str(item.node)
        # What moved, or is on its way out, may have another route of its prefix there; a full push sorts that out.
        plain = before is None or (before["status"] == PENDING and _way(before) == _way(moved.after or {}))
        if plain and self._at_once(node, item, floors, present=True) and not self._overtaken(item):
            return moved.after or {}
        self._push(node)
        return self._now(item.name)

    def _overtaken(self, item: Instance) -> bool:
        """Whether another process moved or deleted it between our commit and our route, which then has to go."""
        with self._ledger.snapshot() as transaction:
            now = transaction.instance_named(item.name)
        return now is None or not now.carried or (now.id, *_place(now)) != (item.id, *_place(item))

    def _deactivate(self, moved: MovedInstance, floors: list[Route]) -> None:
        item = moved.instance
        if item.leaving is not None:
            self._leave(item)
        if not item.routed:
            return
        node = str(item.node)
        if not self._at_once(node, item, floors, present=False):
            self._push(node)

    def _at_once(self, node: str, item: Instance, floors: list[Route], *, present: bool) -> bool:
        """One route on the open socket, and a full push owed. False where only a full push will do."""
        if node not in self._complete:
            return False
        with self._quick.open(node) as transport:
            quick = getattr(transport, "quick_route", None)
            if quick is None or self._quick.renewed(node):
                return False
            try:
                done: bool = quick(active_route(item), floors, present)
            except NodeError as refused:
                if not present:
                    return False
                # Owed first: where the ledger cannot be written to now, the full push finds it out again.
                self._settler.owe(node)
                with self._ledger.transaction(self._actor) as transaction:
                    set_aside(transaction, node, refused.routes, str(refused))
                raise
        if done:
            # After the route, so that whatever other pushes did meanwhile is put right.
            self._settler.owe(node)
        return done

    def _move(self, item: Instance) -> dict[str, Any]:
        """The old node first: never two routes to one address."""
        self._leave(item)
        if item.routed:
            self._push(str(item.node))
        return self._now(item.name)

    def _now(self, name: str) -> dict[str, Any]:
        """The instance after a full push.

        Raises:
            NodeError: the node refused it.
        """
        with self._ledger.snapshot() as transaction:
            item = transaction.instance_named(name)
            if item is None:
                raise NodeError(f"instance '{name}' was deleted by somebody else while it was created.")
            if item.status == ERROR:
                raise NodeError(str(item.reason), node_said=item.reason, fix="Create it again when that is mended.")
            return shown(transaction, item)


def _place(item: Instance) -> tuple[Any, ...]:
    return item.block, item.node, item.interface, item.next_hop


def _way(told: Mapping[str, Any]) -> tuple[Any, ...]:
    return told.get("node"), told.get("interface"), told.get("next_hop")
