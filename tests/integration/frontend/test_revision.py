# SPDX-License-Identifier: GPL-3.0-or-later
"""Pushes to one node take turns, and an old one cannot undo a newer one."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import struct
import time
from collections.abc import Iterator

import pytest
from pyroute2 import netns as pyroute2_netns

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink import marking
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink import transport as netlink
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.push import push
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.transport import Mark
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import Conflict, NodeError
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab, namespaces

pytestmark = pytest.mark.netns

OLD = NodeConfig.from_dict({"interfaces": [{"name": "sn1", "type": "bridge"}]})
NEW = NodeConfig.from_dict({"interfaces": [{"name": "sn1", "type": "bridge"}, {"name": "sn2", "type": "bridge"}]})
REFUSED = NodeConfig.from_dict({"routes": [{"prefix": "192.0.2.0/24", "next_hop": "198.51.100.1"}]})
NOTHING = NodeConfig()


NOBODY = 65534


@pytest.fixture
def lab() -> Iterator[Lab]:
    with namespaces("node") as made:
        yield made


@pytest.fixture
def node(lab: Lab) -> Iterator[NetlinkTransport]:
    transport = NetlinkTransport(lab.names["node"])
    yield transport
    transport.close()


def mark(revision: int, ledger_id: str = "0123456789abcdef") -> Mark:
    return Mark(ledger_id, revision)


def names(node: NetlinkTransport) -> list[str]:
    return [interface.name for interface in node.read().config.interfaces]


def test_an_older_push_changes_nothing(node: NetlinkTransport) -> None:
    assert push(node, NEW, "overridden", mark=mark(7)).mark == mark(7)
    late = push(node, OLD, "overridden", mark=mark(6))
    assert (late.superseded, late.changed, late.mark) == (True, False, mark(7))
    assert names(node) == ["sn1", "sn2"]
    again = push(node, NEW, "overridden", mark=mark(7))
    assert (again.superseded, again.changed) == (False, False)


def test_another_ledger_is_refused_unless_it_takes_over(node: NetlinkTransport) -> None:
    push(node, NEW, "overridden", mark=mark(7))
    other = mark(9, "fedcba9876543210")
    for check_mode in (True, False):
        with pytest.raises(Conflict, match="another ledger"):
            push(node, OLD, "overridden", check_mode, mark=other)
    assert names(node) == ["sn1", "sn2"]
    push(node, OLD, "overridden", mark=other, takeover=True)
    assert node.read().mark == other
    assert names(node) == ["sn1"]


def test_a_newer_revision_is_kept_even_where_nothing_else_changes(node: NetlinkTransport) -> None:
    push(node, OLD, "overridden", mark=mark(1))
    assert not push(node, OLD, "overridden", mark=mark(2)).changed
    assert node.read().mark == mark(2)


def test_check_mode_and_pushes_without_revision_keep_none(node: NetlinkTransport) -> None:
    push(node, OLD, "overridden", mark=mark(3))
    push(node, NEW, "overridden", check_mode=True, mark=mark(4))
    push(node, NEW, "merged")
    assert node.read().mark == mark(3)


def test_a_refused_push_leaves_the_revision_as_it_was(node: NetlinkTransport) -> None:
    push(node, OLD, "overridden", mark=mark(1))
    with pytest.raises(NodeError):
        push(node, REFUSED, "overridden", mark=mark(2))
    assert node.read().mark == mark(1)
    assert names(node) == ["sn1"]


def test_with_the_last_object_the_revision_goes_too(node: NetlinkTransport) -> None:
    push(node, OLD, "overridden", mark=mark(1))
    push(node, NOTHING, "overridden", mark=mark(2))
    assert node.read().mark is None


def test_a_push_waits_for_the_one_under_way(node: NetlinkTransport) -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with node.hold():
            os.write(writer, b"!")
            time.sleep(0.5)
            push_end = time.monotonic()
            os.write(writer, str(push_end).encode())
        os._exit(0)
    assert os.read(reader, 1) == b"!"
    push(node, OLD, "overridden")
    ended = time.monotonic()
    assert ended >= float(os.read(reader, 100))
    os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)


def test_a_killed_push_holds_nobody_up_and_a_long_one_is_named(
    node: NetlinkTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(netlink, "HOLD_SECONDS", 0.3)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with node.hold():
            os.write(writer, b"!")
            time.sleep(60)
        os._exit(0)
    assert os.read(reader, 1) == b"!"
    with pytest.raises(NodeError, match=r"Another push held this node for more than 0\.3 s"):
        push(node, OLD, "overridden")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert push(node, OLD, "overridden").changed
    os.close(reader)
    os.close(writer)


def _bind_abstract(name: str) -> socket.socket:
    """What any user of the node can do."""
    taken = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    taken.bind(f"\0{name}")
    return taken


def _squat(reader: int, writer: int) -> None:
    """As user nobody where that can be told from root; takes the name until the other end is closed."""
    try:
        os.setgroups([])
        os.setuid(NOBODY)
    except OSError:  # a user namespace with one user only
        pass
    taken = _bind_abstract("shadownet-push")
    os.write(writer, b"!")
    os.read(reader, 1)
    taken.close()


def test_no_other_user_can_hold_pushes_up(lab: Lab, node: NetlinkTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netlink, "HOLD_SECONDS", 0.3)
    up, down = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(down[1])
        pyroute2_netns.setns(lab.names["node"], flags=0)
        _squat(down[0], up[1])
        os._exit(0)
    assert os.read(up[0], 1) == b"!"
    assert push(node, OLD, "overridden").changed
    os.close(down[1])
    os.waitpid(child, 0)
    for descriptor in (*up, down[0]):
        os.close(descriptor)


@pytest.mark.nft
def test_a_push_leaves_no_lock_behind(lab: Lab, node: NetlinkTransport) -> None:
    with node.hold():
        assert "table inet shadownet-push" in lab.run("node", "nft", "list", "ruleset")
    assert lab.run("node", "nft", "list", "ruleset") == ""
    push(node, OLD, "overridden")
    assert lab.run("node", "nft", "list", "ruleset") == ""


def _push_without_privilege(node: NetlinkTransport) -> str:
    capabilities = ctypes.create_string_buffer(24)
    header = struct.pack("=Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3: all sets empty
    assert ctypes.CDLL(None, use_errno=True).capset(header, capabilities) == 0
    try:
        push(node, OLD, "overridden")
    except NodeError as error:
        return str(error)
    return "pushed"


def test_who_may_not_configure_the_node_is_told_so_at_once(lab: Lab) -> None:
    began = time.monotonic()
    said = lab.call("node", _push_without_privilege, NetlinkTransport())
    assert "may not be configured by this user" in said
    assert time.monotonic() < began + 10


def test_a_kernel_without_owned_tables_still_has_turns(node: NetlinkTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netlink, "HOLD_SECONDS", 0.3)
    monkeypatch.setattr(marking, "_OWNER", 0x4000)  # a flag that no kernel knows
    with node.hold(), pytest.raises(NodeError, match="Another push held this node"):
        push(node, OLD, "overridden")
    assert push(node, OLD, "overridden").changed
