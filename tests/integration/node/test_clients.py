# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign clients change a real kernel through a running ``shadownet-node``."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("libyang", reason="needs the extra node")
pytest.importorskip("asyncssh", reason="needs the extra node")

from ansible_collections.shadownet.ipam.tests.integration.namespaces import namespaces, wait_for

from .clients import CLIENTS, PACKAGES, Client, Rejected, gone
from .front_node import FrontNode

pytestmark = pytest.mark.netns

IF = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
RT = "urn:ietf:params:xml:ns:yang:ietf-routing"
V4 = "urn:ietf:params:xml:ns:yang:ietf-ipv4-unicast-routing"
NC = 'xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"'


def routes(*prefixes: str, operation: str = "merge") -> str:
    """Blackhole routes as ietf-routing says them."""
    items = "".join(
        f'<route nc:operation="{operation}"><destination-prefix>{prefix}</destination-prefix>'
        "<next-hop><special-next-hop>blackhole</special-next-hop></next-hop></route>"
        for prefix in prefixes
    )
    return (
        f'<routing xmlns="{RT}" {NC}><control-plane-protocols><control-plane-protocol>'
        f"<type>static</type><name>clients</name><static-routes>"
        f'<ipv4 xmlns="{V4}">{items}</ipv4></static-routes>'
        "</control-plane-protocol></control-plane-protocols></routing>"
    )


ROUTING = f'<routing xmlns="{RT}"/>'


@pytest.fixture(scope="module")
def node() -> Iterator[FrontNode]:
    with namespaces("node") as lab:
        made = FrontNode(lab)
        try:
            yield made.start()
        finally:
            made.remove()


@pytest.fixture
def connect(node: FrontNode, request: pytest.FixtureRequest) -> Iterator[Callable[..., Client]]:
    """Opens sessions of the client under test, and closes them; afterwards running is empty again."""
    kind = CLIENTS[request.param]
    if find_spec(PACKAGES.get(request.param, "os")) is None:
        pytest.skip(f"needs the package {request.param}")
    opened: list[Client] = []

    def one(**options: Any) -> Client:
        opened.append(kind(node, **options))
        return opened[-1]

    yield one
    for client in opened:
        if not gone(client):
            client.close()
    last = CLIENTS["ours"](node)
    last.discard()
    last.edit("candidate", f'<routing xmlns="{RT}" {NC} nc:operation="remove"/>')
    last.commit()
    last.close()
    assert kernel(node) == set()


def kernel(node: FrontNode) -> set[str]:
    """The blackholes that the kernel has."""
    return {route["dst"] for route in node.lab.json("node", *"ip -j route show type blackhole".split()) or ()}


every_client = pytest.mark.parametrize("connect", list(CLIENTS), indirect=True)


@every_client
def test_edit_commit_and_get(connect: Callable[..., Client], node: FrontNode) -> None:
    client = connect()
    client.edit("candidate", routes("10.70.0.0/16", "10.71.0.0/16"))
    assert kernel(node) == set()
    client.validate("candidate")
    client.commit()
    assert kernel(node) == {"10.70.0.0/16", "10.71.0.0/16"}
    config = client.get_config("running", ROUTING)
    assert [one.text for one in config.iter("{*}destination-prefix")] == ["10.70.0.0/16", "10.71.0.0/16"]
    state = client.get(f'<interfaces-state xmlns="{IF}"/>')
    found = {one.findtext("{*}name"): one.findtext("{*}oper-status") for one in state.iter("{*}interface")}
    assert found["mgmt0"] == "up"
    client.edit("candidate", routes("10.70.0.0/16", operation="delete"))
    client.commit()
    assert kernel(node) == {"10.71.0.0/16"}


@every_client
def test_refusals_are_understood(connect: Callable[..., Client], node: FrontNode) -> None:
    client = connect()
    with pytest.raises(Rejected) as caught:
        client.edit("candidate", routes("10.70.0.0/16", operation="delete"))
    assert caught.value.tags == ["data-missing"]
    with pytest.raises(Rejected):
        client.edit("candidate", routes("nonsense"))
    client.discard()
    reader = connect(user="bob")
    assert reader.get_config("running", ROUTING) is not None
    for forbidden in (
        lambda: reader.edit("candidate", routes("10.72.0.0/16")),
        lambda: reader.lock("running"),
        reader.commit,
    ):
        with pytest.raises(Rejected) as caught:
            forbidden()
        assert caught.value.tags == ["access-denied"]
    assert kernel(node) == set()


@every_client
def test_confirmed_commit_confirmed_cancelled_and_timed_out(connect: Callable[..., Client], node: FrontNode) -> None:
    client = connect()
    client.edit("candidate", routes("10.73.0.0/16"))
    client.commit(confirmed=True, timeout=30)
    assert kernel(node) == {"10.73.0.0/16"}
    client.cancel_commit()
    assert kernel(node) == set()
    client.edit("candidate", routes("10.73.0.0/16"))
    client.commit(confirmed=True, timeout=30)
    client.commit()
    assert kernel(node) == {"10.73.0.0/16"}
    client.edit("candidate", routes("10.74.0.0/16"))
    client.commit(confirmed=True, timeout=1)
    assert kernel(node) == {"10.73.0.0/16", "10.74.0.0/16"}
    wait_for(lambda: kernel(node) == {"10.73.0.0/16"}, 5, "the time-out of the confirmed commit")


@every_client
def test_a_persistent_confirmed_commit_outlives_its_session(connect: Callable[..., Client], node: FrontNode) -> None:
    first = connect()
    first.edit("candidate", routes("10.75.0.0/16"))
    first.commit(confirmed=True, timeout=60, persist="ours")
    first.close()
    second = connect()
    assert kernel(node) == {"10.75.0.0/16"}
    with pytest.raises(Rejected):
        second.cancel_commit("another")
    second.commit(persist_id="ours")
    assert kernel(node) == {"10.75.0.0/16"}


@every_client
def test_a_session_that_goes_takes_its_confirmed_commit_back(connect: Callable[..., Client], node: FrontNode) -> None:
    client = connect()
    client.edit("candidate", routes("10.76.0.0/16"))
    client.commit(confirmed=True, timeout=60)
    assert kernel(node) == {"10.76.0.0/16"}
    client.close()
    wait_for(lambda: kernel(node) == set(), 5, "the roll-back")


@every_client
def test_locks_belong_to_one_session(connect: Callable[..., Client]) -> None:
    first, second = connect(), connect()
    first.lock("candidate")
    for forbidden in (
        lambda: second.lock("candidate"),
        lambda: second.edit("candidate", routes("10.77.0.0/16")),
        second.commit,
    ):
        with pytest.raises(Rejected) as caught:
            forbidden()
        assert caught.value.tags[0] in ("lock-denied", "in-use")
    first.unlock("candidate")
    second.lock("candidate")
    second.unlock("candidate")


@every_client
def test_kill_session_frees_what_it_held(connect: Callable[..., Client], node: FrontNode) -> None:
    victim, killer = connect(), connect()
    victim.lock("running")
    with pytest.raises(Rejected):
        killer.lock("running")
    number = str(node.audit("session-start")[-2]["session"])
    killer.kill(number)
    wait_for(lambda: gone(victim), 10, "the end of the victim")
    killer.lock("running")
    killer.unlock("running")


@pytest.mark.parametrize("connect", [name for name, kind in CLIENTS.items() if kind.notifications], indirect=True)
def test_notifications_of_a_change(connect: Callable[..., Client]) -> None:
    listener, writer = connect(), connect()
    listener.subscribe()
    writer.edit("candidate", routes("10.78.0.0/16"))
    writer.commit()
    seen = []
    end = time.monotonic() + 10
    while time.monotonic() < end and "netconf-config-change" not in seen:
        notification = listener.notification(1.0)
        if notification is not None:
            seen += [one.tag.rpartition("}")[2] for one in notification]
    assert "netconf-config-change" in seen, seen


def console(node: FrontNode, *words: str, text: str | None = None) -> str:
    """netconf-console2, one call. Gives what it prints."""
    program = Path(sys.executable).with_name("netconf-console2")
    if not program.exists():
        pytest.skip("needs the package netconf-console2")
    # Without a file for OpenSSH it would try the password `admin`.
    config = node.folder / "ssh_config"
    config.write_text(f"Host *\n  IdentityFile {node.key('ada')}\n")
    command = [str(program), "--host", node.address, "--port", str(node.port), "-u", "ada"]
    command += ["--ssh-config", str(config), *words]
    environment = {**os.environ, "HOME": str(node.folder)}
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_netconf_console2(node: FrontNode, version: str) -> None:
    force = ("-v", version)
    assert "urn:ietf:params:netconf:base:1.1" in console(node, *force, "--hello")
    edit = node.folder / "edit.xml"
    edit.write_text(routes("10.79.0.0/16"))
    assert "<ok" in console(node, *force, "--db", "candidate", f"--edit-config={edit}")
    assert kernel(node) == set()
    assert "<ok" in console(node, *force, "--commit")
    assert kernel(node) == {"10.79.0.0/16"}
    said = console(node, *force, "--get-config", "-x", "/rt:routing", "-N", f"rt={RT}")
    assert "10.79.0.0/16" in said
    assert "module ietf-interfaces" in console(node, *force, "--get-schema", "ietf-interfaces")
    edit.write_text(f'<routing xmlns="{RT}" {NC} nc:operation="delete"/>')
    console(node, *force, "--db", "candidate", f"--edit-config={edit}")
    console(node, *force, "--commit")
    assert kernel(node) == set()
