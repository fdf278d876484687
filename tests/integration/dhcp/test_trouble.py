# SPDX-License-Identifier: GPL-3.0-or-later
"""Kea is restarted, silent or refuses, and the node changes, in the middle of creations and deletions."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.kea import KeaServer, open_kea
from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.kea_channel import UnixChannel
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.registry import open_transport
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instance_requests import read_instance
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import DhcpError, NodeError
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.assign_dhcp import DhcpAssigner
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.leases import reconcile_leases
from ansible_collections.shadownet.ipam.tests.integration.dhcp.kea_server import INTERFACE, Kea

from .test_active_routes import Site, site

__all__ = ["site"]

pytestmark = pytest.mark.netns

CALLERS, PATIENCE = 8, 1.5


def mac(number: int) -> str:
    return f"52:54:00:00:02:{number:02x}"


def request(number: int, interface: str = INTERFACE) -> Any:
    """Of four instances the addresses are reserved, of all further ones not."""
    given = {"name": f"web-{number}", "workload": "web", "node": "fe1", "interface": interface, "mac": mac(number)}
    return read_instance({**given, "assign": "dhcp", "fallback": "dhcp", "pools": ["provider"]}, "instance")


def manager_of(site: Site, assigner: DhcpAssigner, background: bool = False) -> ActiveRouteManager:
    node = site.link.lab.names["server"]
    return ActiveRouteManager(
        site.ledger,
        lambda name: open_transport("netlink", netns=node),
        assigners={"dhcp": assigner},
        background=background,
    )


def the_kea(site: Site) -> Kea:
    assert site.link.kea is not None
    return site.link.kea


def assigner_of(site: Site, timeout: float = 10.0) -> DhcpAssigner:
    return DhcpAssigner(site.ledger_id, socket=str(the_kea(site).socket), timeout=timeout)


def wanted(site: Site) -> dict[str, str | None]:
    """Instance by address, as the ledger has it."""
    with site.ledger.snapshot() as transaction:
        found = transaction.instances("wanted = 1 AND assign = 'dhcp'")
        return {str(item.block.start): item.name for item in found}


def check_agreement(site: Site) -> None:
    """After reconciling, ledger, leases and routes have the same instances."""
    server = open_kea(socket=str(the_kea(site).socket))
    reconcile_leases(site.ledger, server, pools=["provider"])
    site.manager.reconcile("fe1")
    assert not reconcile_leases(site.ledger, server, pools=["provider"], check=True).changed
    names = sorted(str(name) for name in wanted(site).values())
    assert sorted(str(name) for name in site.leases().values()) == names
    assert site.routes() == set(site.leases())


def in_use() -> tuple[int, list[str]]:
    """Threads, and open files and sockets, of this process."""
    found = []
    for one in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the folder itself
            found.append(str(one.readlink()).partition("[")[0])
    # SQLite keeps a closed file for the next time that it is opened, while another connection to it is open.
    return threading.active_count(), sorted(one for one in found if not one.endswith(".db"))


def all_at_once(work: Callable[[int], object]) -> list[BaseException | None]:
    with ThreadPoolExecutor(CALLERS) as pool:
        tasks = [pool.submit(work, number) for number in range(CALLERS)]
        return [task.exception(60) for task in tasks]


def test_a_silent_kea_is_waited_for_once_by_all_and_not_by_one_after_the_other(site: Site) -> None:
    process = the_kea(site)._process
    assert process is not None
    check_agreement(site)
    before = in_use()
    with manager_of(site, assigner_of(site, PATIENCE)) as manager:
        manager.reconcile("fe1")
        for step, work in (
            ("created", lambda number: manager.created(request(number))),
            ("deleted", lambda number: manager.deleted(f"web-{number}")),
        ):
            os.kill(process.pid, signal.SIGSTOP)
            try:
                began = time.monotonic()
                errors = all_at_once(work)
                assert time.monotonic() - began < 3 * PATIENCE, step
            finally:
                os.kill(process.pid, signal.SIGCONT)
            assert all(isinstance(one, DhcpError) and "did not answer" in str(one) for one in errors), errors
            assert len(wanted(site)) == CALLERS, "the ledger holds what may have a lease"
            # What it was asked meanwhile, it does late.
            assert all_at_once(work) == [None] * CALLERS
            manager.settle()
            check_agreement(site)
    assert site.leases() == {}
    assert in_use() == before


def test_reconcile_waits_for_a_silent_kea_once(site: Site) -> None:
    process = the_kea(site)._process
    assert process is not None
    with manager_of(site, assigner_of(site, PATIENCE)) as manager:
        manager.reconcile("fe1")
        assert all_at_once(lambda number: manager.created(request(number))) == [None] * CALLERS
        os.kill(process.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            with pytest.raises(DhcpError, match="did not answer"):
                manager.reconcile("fe1")
            assert time.monotonic() - began < 3 * PATIENCE
        finally:
            os.kill(process.pid, signal.SIGCONT)
        manager.reconcile("fe1")
    check_agreement(site)


def test_a_silent_kea_keeps_no_other_node_and_no_confirmation_waiting(site: Site) -> None:
    process = the_kea(site)._process
    assert process is not None
    with manager_of(site, assigner_of(site, PATIENCE), background=True) as manager:
        manager.reconcile("fe1")
        os.kill(process.pid, signal.SIGSTOP)
        try:
            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(manager.created, request(0))
                other = read_instance({"name": "db-1", "workload": "db", "node": "fe1", "interface": INTERFACE}, "i")
                manager.created(other)
                assert not waiting.done()
                assert isinstance(waiting.exception(60), DhcpError)
        finally:
            os.kill(process.pid, signal.SIGCONT)
        manager.deleted("db-1")
        manager.created(request(0))
    check_agreement(site)


@pytest.mark.slow
def test_kea_is_restarted_again_and_again_while_instances_come_and_go(site: Site) -> None:
    kea, stop = the_kea(site), threading.Event()
    problems: list[BaseException] = []

    def restart() -> None:
        while not stop.wait(0.1):
            kea.stop(kill=True)
            kea.start()

    def work(number: int) -> None:
        while not stop.is_set():
            for step in (lambda: manager.created(request(number)), lambda: manager.deleted(f"web-{number}")):
                try:
                    step()
                except DhcpError:
                    time.sleep(0.05)
                except Exception as error:  # noqa: BLE001  # whatever else it is, the test tells it
                    problems.append(error)

    with manager_of(site, assigner_of(site), background=True) as manager, ThreadPoolExecutor(CALLERS + 1) as pool:
        manager.reconcile("fe1")
        tasks = [pool.submit(restart), *(pool.submit(work, number) for number in range(CALLERS))]
        time.sleep(6)
        stop.set()
        for task in tasks:
            task.result(60)
    assert problems == []
    check_agreement(site)


class Interrupted(UnixChannel):
    """Something happens before its n-th command."""

    def __init__(self, path: str, number: int, happens: Callable[[], object]) -> None:
        super().__init__(path)
        self.left, self.happens = number, happens

    def ask(self, command: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        self.left -= 1
        if self.left == 0:
            self.happens()
        return super().ask(command, arguments)


def refusing(kea: Kea) -> None:
    """Restarts Kea without its commands for leases."""
    kea.stop(kill=True)
    kea.lease_commands = False
    kea.start()


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["killed", "refuses"])
def test_trouble_before_any_command_of_a_creation_or_deletion(site: Site, trouble: str) -> None:
    kea = the_kea(site)
    met = {"created": 0, "deleted": 0}
    for step in ("created", "deleted"):
        for number in range(1, 20):
            site.created("web-0", mac(0)) if step == "deleted" else site.manager.deleted("web-0")
            assigner = assigner_of(site)
            happens = (lambda: kea.stop(kill=True)) if trouble == "killed" else (lambda: refusing(kea))
            channel = Interrupted(str(kea.socket), 0, happens)
            assigner.server = KeaServer(channel)
            with manager_of(site, assigner) as manager:
                manager.reconcile("fe1")
                channel.left = number
                problem: Exception | None = None
                try:
                    manager.created(request(0)) if step == "created" else manager.deleted("web-0")
                except DhcpError as error:
                    problem = error
                failed = problem is not None
                if failed:
                    assert any(word in str(problem) for word in ("no socket", "nobody listens", "hook library"))
                channel.left = 0
                kea.stop()
                kea.lease_commands = True
                kea.start()
                if failed:
                    held = list(wanted(site).values())
                    # The last look, after the ledger and the route, finds out what other processes gave meanwhile.
                    assert held == ["web-0"] or step == "deleted", "held while it may have a lease"
                    assert len(site.routes()) == (step == "deleted" and held != []), "no route before the address"
                manager.settle()
            check_agreement(site)
            met[step] += failed
            if not failed:
                break
    assert met["created"] >= 2, met
    assert met["deleted"] >= 2, met


def test_the_interface_goes_while_kea_gives_the_address(site: Site) -> None:
    lab, kea = site.link.lab, the_kea(site)
    lab.run("server", "ip", "link", "add", "tap9", "type", "veth", "peer", "name", "other9")
    lab.run("server", "ip", "link", "set", "tap9", "up")
    assigner = assigner_of(site)
    channel = Interrupted(str(kea.socket), 0, lambda: lab.run("server", "ip", "link", "del", "tap9"))
    assigner.server = KeaServer(channel)
    with manager_of(site, assigner) as manager:
        manager.reconcile("fe1")
        channel.left = 2
        with pytest.raises(NodeError, match="tap9"):
            manager.created(request(0, "tap9"))
        assert site.routes() == set()
        manager.created(request(1))
        manager.settle()
        assert len(site.routes()) == 1, "the others are served"
        assert sorted(str(name) for name in site.leases().values()) == ["web-0", "web-1"]
        manager.deleted("web-0")
        manager.settle()
        assert list(site.leases().values()) == ["web-1"]
    check_agreement(site)
