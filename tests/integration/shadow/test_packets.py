# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic to a shadow address never leaks to the default route, whatever happens: flips, links, a restart."""

from __future__ import annotations

import os
import time

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.saga.active_routes import ActiveRouteManager
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab, wait_for

from .book import Book
from .flood import arrived, catch_all, flood
from .test_active_routes import vm

pytestmark = [pytest.mark.netns, pytest.mark.slow, pytest.mark.serial]

ADDRESS = "10.200.0.0"
FLIPS = int(os.environ.get("SHADOWNET_FLIPS", "5000"))
SECONDS = float(os.environ.get("SHADOWNET_FLIP_SECONDS", "40"))
"""Where the machine is slow, the flips end after this long; at least a tenth of them must have been made."""


@pytest.fixture
def flooded(lab: Lab) -> Lab:
    """``src`` sends through ``fe1``; the instance is ``vm1``; what leaks arrives in ``sink``."""
    lab.add("src")
    lab.join("fe1", "in0", "src", "eth0")
    lab.run("fe1", "ip", "address", "add", "198.51.100.1/24", "dev", "in0")
    lab.run("src", "ip", "address", "add", "198.51.100.2/24", "dev", "eth0")
    lab.run("src", "ip", "route", "add", "default", "via", "198.51.100.1")
    for short in ("vm1", "sink"):
        catch_all(lab, short, "10.200.0.0/16")
    return lab


def test_without_a_floor_the_flood_leaks(flooded: Lab) -> None:
    """The other tests count right: this is what they would see."""
    before = arrived(flooded, "sink")
    with flood(flooded, "src", ADDRESS):
        wait_for(lambda: arrived(flooded, "sink") > before + 100, what="the leak")


def test_no_packet_leaks_through_thousands_of_flips(book: Book, flooded: Lab) -> None:
    book.reserve(1, node="fe1")
    names = flooded.names
    with ActiveRouteManager(book.ledger, lambda name: NetlinkTransport(names[name]), background=False) as manager:
        manager.reconcile("fe1")
        leaked = arrived(flooded, "sink")
        with flood(flooded, "src", ADDRESS) as sent:
            wait_for(lambda: sent.value > 0, what="the flood")
            end, flips, quick = time.monotonic() + SECONDS, 0, 0
            while flips < FLIPS and time.monotonic() < end:
                done = manager.created(vm("web-1"))
                assert done.source == "shadow"
                quick += done.instance["status"] == "pending"
                if flips % 500 == 0:
                    got = arrived(flooded, "vm1")
                    wait_for(lambda: arrived(flooded, "vm1") > got, what="traffic while active")  # noqa: B023
                manager.deleted("web-1")
                if flips % 500 == 0:
                    time.sleep(0.02)
                    got = arrived(flooded, "vm1")
                    time.sleep(0.05)
                    assert arrived(flooded, "vm1") == got, "delivered while inactive"
                if flips % 2:
                    manager.settle()  # the next creation then finds nothing under way, and takes the quick path
                flips += 1
            assert flips >= FLIPS // 10
            assert 0 < quick < flips
        print(f"{flips} flips, {sent.value} datagrams sent, {arrived(flooded, 'vm1')} delivered")
        assert arrived(flooded, "sink") == leaked


def test_no_packet_leaks_when_a_link_goes_down_or_the_node_restarts(book: Book, flooded: Lab) -> None:
    book.reserve(1, node="fe1")
    names = flooded.names
    with ActiveRouteManager(book.ledger, lambda name: NetlinkTransport(names[name]), background=False) as manager:
        manager.reconcile("fe1")
        leaked = arrived(flooded, "sink")
        manager.created(vm("web-1"))
        manager.settle()

        def delivered() -> bool:
            before = arrived(flooded, "vm1")
            time.sleep(0.05)
            return arrived(flooded, "vm1") > before

        with flood(flooded, "src", ADDRESS):
            for _round in range(20):
                flooded.run("fe1", "ip", "link", "set", "tap1", "down")
                assert not delivered()
                flooded.run("fe1", "ip", "link", "set", "tap1", "up")
                manager.reconcile("fe1")
                wait_for(delivered, what="traffic after the link came back")
            # A node that starts has no routes and does not forward yet; it must be reconciled before it does.
            flooded.run("fe1", "sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward")
            flooded.run("fe1", "ip", "route", "flush", "proto", "201")
            assert manager.reconcile("fe1").result.changed
            flooded.run("fe1", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
            wait_for(delivered, what="traffic after the restart")
        assert arrived(flooded, "sink") == leaked
    book.check_agreement("fe1", NetlinkTransport(names["fe1"]))
