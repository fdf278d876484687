# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets into a running node, what an SSH client can have there, and what the processes may do."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("libyang", reason="needs the extra node")
pytest.importorskip("asyncssh", reason="needs the extra node")
paramiko = pytest.importorskip("paramiko", reason="needs the extra netconf")

from ansible_collections.shadownet.ipam.node.unit import unit  # noqa: E402
from ansible_collections.shadownet.ipam.tests.integration.namespaces import namespaces, wait_for  # noqa: E402

from .front_node import FrontNode, real_root  # noqa: E402
from .wire import Wire, connection  # noqa: E402

pytestmark = pytest.mark.netns


@pytest.fixture(scope="module")
def node() -> Iterator[FrontNode]:
    with namespaces("node") as lab:
        made = FrontNode(lab)
        try:
            yield made.start()
        finally:
            made.remove()


def ssh(node: FrontNode, *words: str) -> subprocess.CompletedProcess[str]:
    """OpenSSH's client as ada."""
    options = [
        "-F",
        "none",
        "-o",
        "BatchMode=yes",
        "-o",
        f"UserKnownHostsFile={node.known_hosts}",
        "-p",
        str(node.port),
    ]
    command = ["ssh", *options, "-i", str(node.key("ada")), "-o", "IdentitiesOnly=yes", *words]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["ada@"], "shell"),
        (["-tt", "ada@"], "shell"),
        (["ada@", "id"], "command id"),
        (["-s", "ada@", "sftp"], "subsystem sftp"),
        (["-s", "ada@", "netconf2"], "subsystem netconf2"),
    ],
)
def test_openssh_gets_neither_shell_nor_command_nor_other_subsystem(
    node: FrontNode, words: list[str], what: str
) -> None:
    done = ssh(node, *(f"{word}{node.address}" if word == "ada@" else word for word in words))
    assert done.returncode == 255
    assert "request failed" in done.stderr
    assert "uid=" not in done.stdout
    assert node.audit("refused", user="ada", what=what)


def test_scp_copies_nothing(node: FrontNode, tmp_path: Path) -> None:
    for flag in ("-s", "-O"):
        command = ["scp", flag, "-F", "none", "-B", "-o", f"UserKnownHostsFile={node.known_hosts}"]
        command += ["-P", str(node.port), "-i", str(node.key("ada"))]
        done = subprocess.run(
            [*command, f"ada@{node.address}:/etc/hostname", str(tmp_path)], check=False, capture_output=True, timeout=30
        )
        assert done.returncode != 0
        assert not list(tmp_path.iterdir())


def test_nothing_is_forwarded(node: FrontNode) -> None:
    transport = connection(node)
    try:
        with pytest.raises(paramiko.ChannelException):
            transport.open_channel("direct-tcpip", ("127.0.0.1", node.port), ("127.0.0.1", 1), timeout=10)
        with pytest.raises(paramiko.SSHException):
            transport.request_port_forward("127.0.0.1", 0)
        for kind in ("direct-streamlocal@openssh.com", "tun@openssh.com", "x11", "auth-agent@openssh.com"):
            with pytest.raises((paramiko.ChannelException, paramiko.SSHException)):
                transport.open_channel(kind, timeout=10)
    finally:
        transport.close()


@pytest.mark.parametrize("request_name", ["auth-agent-req@openssh.com", "x11-req", "pty-req", "env"])
def test_neither_agent_nor_display_nor_terminal_nor_variable(node: FrontNode, request_name: str) -> None:
    transport = connection(node)
    try:
        channel = transport.open_session()
        message = paramiko.Message()
        message.add_byte(paramiko.common.cMSG_CHANNEL_REQUEST)
        message.add_int(channel.remote_chanid)
        message.add_string(request_name)
        message.add_boolean(True)
        if request_name == "x11-req":
            message.add_boolean(False)
            message.add_string("MIT-MAGIC-COOKIE-1")
            message.add_string("00" * 16)
            message.add_int(0)
        elif request_name == "pty-req":
            message.add_string("vt100")
            for number in (80, 24, 0, 0):
                message.add_int(number)
            message.add_string(b"\0")
        elif request_name == "env":
            message.add_string("LANG")
            message.add_string("C")
        channel._event_pending()
        transport._send_user_message(message)
        with pytest.raises(paramiko.SSHException):
            channel._wait_for_event()
    finally:
        transport.close()


@pytest.mark.parametrize(
    ("user", "key"), [("ada", "eve"), ("ada", "bob"), ("eve", "eve"), ("root", "ada"), ("", "ada")]
)
def test_a_key_opens_only_its_own_users_door(node: FrontNode, user: str, key: str) -> None:
    with pytest.raises(paramiko.AuthenticationException):
        connection(node, user, key)
    assert node.audit("login-refused", user=user, source=node.here)


def test_only_public_keys_are_offered(node: FrontNode) -> None:
    transport = paramiko.Transport(socket.create_connection((node.address, node.port), 10))
    try:
        transport.start_client(timeout=10)
        with pytest.raises(paramiko.BadAuthenticationType) as caught:
            transport.auth_none("ada")
        assert caught.value.allowed_types == ["publickey"]
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_password("ada", "ada", fallback=False)
    finally:
        transport.close()


def test_a_signature_with_sha_1_is_refused(node: FrontNode) -> None:
    key = paramiko.RSAKey.generate(2048)
    settings = node.settings["users"]
    settings.append({"name": "old", "access": "read-only", "authorized_keys": [f"{key.get_name()} {key.get_base64()}"]})
    reload(node)
    try:
        for disabled, good in (({"pubkeys": ["rsa-sha2-256", "rsa-sha2-512"]}, False), ({}, True)):
            transport = paramiko.Transport(
                socket.create_connection((node.address, node.port), 10), disabled_algorithms=disabled
            )
            try:
                transport.start_client(timeout=10)
                if good:
                    transport.auth_publickey("old", key)
                else:
                    with pytest.raises(paramiko.SSHException):
                        transport.auth_publickey("old", key)
            finally:
                transport.close()
    finally:
        settings.pop()
        reload(node)


def reload(node: FrontNode, outcome: str = "ok") -> None:
    """SIGHUP with the settings as they are now."""
    before = len(node.audit("reload"))
    node.write_settings()
    node.signal(signal.SIGHUP)
    wait_for(lambda: len(node.audit("reload")) > before, 10, "the reload")
    assert node.audit("reload")[-1]["outcome"] == outcome


def test_hangup_reads_users_again_and_ends_those_who_are_gone(node: FrontNode) -> None:
    users = node.settings["users"]
    with Wire(node) as ada, Wire(node, "bob") as bob:
        bob_settings = users.pop()
        reload(node)
        assert bob.ended()
        assert b"<ok" in ada.rpc("<discard-changes/>")
        with pytest.raises(paramiko.AuthenticationException):
            connection(node, "bob")
        users.append({**bob_settings, "access": "all"})
        reload(node, "failed")
        assert b"<ok" in ada.rpc("<discard-changes/>")
        assert "users[1].access" in node.said()
        users[-1] = bob_settings
        reload(node)
        with Wire(node, "bob") as again:
            assert b"access-denied" in again.rpc("<lock><target><running/></target></lock>")


def test_the_audit_log_has_what_was_changed_and_refused(node: FrontNode) -> None:
    with Wire(node) as ada:
        number = node.audit("session-start")[-1]["session"]
        ada.rpc("<lock><target><candidate/></target></lock>")
        ada.rpc("<get-config><source><running/></source></get-config>")
        ada.rpc("<unlock><target><running/></target></unlock>")
        ada.rpc("<close-session/>")
        assert ada.ended()
    wait_for(lambda: bool(node.audit("session-end", session=number)), 5, "the end of the session")
    lines = node.audit(session=number)
    said = [(line["event"], line.get("operation"), line.get("outcome")) for line in lines]
    assert said[0] == ("session-start", None, None)
    assert ("operation", "lock", "ok") in said
    assert ("operation", "get-config", "ok") not in said, "reading is not logged"
    refused = next(line for line in lines if line.get("operation") == "unlock")
    assert (refused["outcome"], refused["target"], refused["user"]) == ("operation-failed", "running", "ada")
    assert lines[-1]["event"] == "session-end"
    assert all(line["source"] == node.here for line in lines)


def status(process: int) -> dict[str, str]:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return {key: value.strip() for key, _colon, value in (line.partition(":") for line in lines)}


def test_the_parent_keeps_one_capability_and_the_child_none(node: FrontNode) -> None:
    parent, child = (status(process) for process in node.processes())
    net_admin = f"{1 << 12:016x}"
    for name in ("CapPrm", "CapEff", "CapBnd"):
        assert (parent[name], child[name]) == (net_admin, "0" * 16), name
    for one in (parent, child):
        assert (one["CapInh"], one["CapAmb"], one["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")
    if real_root():
        assert child["Uid"].split() == ["65534"] * 4
        assert child["Gid"].split() == ["65534"] * 4
        assert child["Groups"] == ""


def running(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def test_parent_and_child_end_together() -> None:
    with namespaces("node") as lab:
        node = FrontNode(lab)
        try:
            for victim in (0, 1):
                node.start()
                numbers = node.processes()
                os.kill(numbers[victim], signal.SIGKILL)
                assert node.process is not None
                assert (node.process.wait(10) == -9) if victim == 0 else (node.process.wait(10) == 1)
                wait_for(lambda both=numbers: not any(map(running, both)), 10, "both to end")  # type: ignore[misc]
                node.process = None
            node.start()
            with Wire(node) as session:
                assert node.stop() == 0
                assert session.ended()
            assert node.audit()[-1]["event"] == "stop"
        finally:
            node.remove()


@pytest.mark.skipif(not real_root(), reason="needs real root: becomes another system user")
def test_starts_without_root_as_the_systemd_unit_has_it() -> None:
    version = "{}.{}".format(*sys.version_info)
    python = shutil.which(f"python{version}", path="/usr/bin")
    if python is None:
        pytest.skip(f"needs a Python {version} that other users may read, in /usr/bin")
    text = unit(Path("/bin/true"), Path("/dev/null"), "nobody")
    (words,) = {line.partition("=")[2] for line in text.splitlines() if "Capabilit" in line and "Set" in line}
    some = ",".join(["-all", *(f"+{word.lower().removeprefix('cap_')}" for word in words.split())])
    with namespaces("node") as lab:
        node = FrontNode(lab)
        try:
            del node.settings["user"]
            node.write_settings()
            shutil.chown(node.folder / "host_key", "nobody")
            place = str(node.folder / "notify")
            heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            heard.bind(place)
            heard.settimeout(10)
            Path(place).chmod(0o777)
            node.extra = {"NOTIFY_SOCKET": place}
            sets = (f"--{name}={some}" for name in ("inh-caps", "ambient-caps", "bounding-set"))
            node.through = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *sets)
            node.python = python
            node.start()
            parent, child = (status(process) for process in node.processes())
            assert (parent["CapPrm"], child["CapPrm"]) == (f"{1 << 12:016x}", "0" * 16)
            with Wire(node) as session:
                assert b"<ok" in session.rpc("<discard-changes/>")
            assert heard.recv(100) == b"READY=1"
            assert node.stop() == 0
            assert heard.recv(100) == b"STOPPING=1"
            heard.close()
        finally:
            node.remove()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"host_keys": ["ada.pub"]}, "host_keys[0]"),
        ({"host_keys": ["none"]}, "ssh-keygen"),
        ({"listen": [{"address": "0.0.0.0", "prot": 1}]}, "listen[0].prot"),
        ({"user": "nobody-of-that-name"}, "useradd"),
        ({"startup": {"file": "nowhere/startup.xml"}}, "startup.file"),
    ],
)
def test_what_is_wrong_with_the_settings_is_said_by_check_and_run(change: dict[str, Any], said: str) -> None:
    with namespaces("node") as lab:
        node = FrontNode(lab, **change)
        node.settings.update(change)
        node.write_settings()
        try:
            for word in ("check", "run"):
                done = subprocess.run(
                    node.command(word, "--config", str(node.config)),
                    env=node.environment,
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=60,
                    cwd="/",
                )
                assert done.returncode == 1, done.stderr
                assert said in done.stderr
                assert "Traceback" not in done.stderr
        finally:
            node.remove()


def test_a_startup_configuration_that_cannot_be_read_is_said() -> None:
    with namespaces("node") as lab:
        node = FrontNode(lab)
        try:
            (node.folder / "state/startup.xml").write_text("<config")
            node.start(wait=False)
            assert node.process is not None
            assert node.process.wait(30) == 1
            node.process = None
            assert "startup.xml" in node.said()
            assert "Traceback" not in node.said()
            assert (node.folder / "state/startup.xml").read_text() == "<config"
        finally:
            node.remove()


def test_check_says_who_may_log_in(node: FrontNode) -> None:
    done = subprocess.run(
        node.command("check", "--config", str(node.config)),
        env=node.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd="/",
    )
    assert "ada (read-write, 2 keys), bob (read-only, 2 keys)" in done.stdout


def test_a_taken_port_is_named(node: FrontNode) -> None:
    done = subprocess.run(
        node.command("run", "--config", str(node.config)),
        env=node.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd="/",
    )
    assert done.returncode == 1
    assert "listen[0]: 0.0.0.0 port 830 cannot be bound: Address already in use." in done.stderr
