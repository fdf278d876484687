# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is let in, by whom, and through what: keys, agents, passwords, SSH servers of other makers, jump hosts."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.address import Address
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.errors import NetconfError, Unreachable
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.link import Link
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.operations import get_config
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput

from .conftest import Node
from .server import Netconfd
from .ssh_servers import Device, Jump, TwoSteps, make_key

pytestmark = pytest.mark.netconf

PASSWORD = "s3cret-Ünd <&> 'quoted'"
HIDDEN = [("Password: ", False)]


def enter(**options: Any) -> None:
    """Makes a session and asks for something over it."""
    link = Link(Address(**options))
    try:
        link.probe(get_config(None))
    finally:
        link.close()


def refused(**options: Any) -> NetconfError:
    """The error of a login that is refused; it must not be said to be a matter of the network."""
    with pytest.raises(NetconfError) as caught:
        enter(**options)
    assert not isinstance(caught.value, Unreachable)
    assert PASSWORD not in str(caught.value) + str(caught.value.details())
    return caught.value


@contextmanager
def agent(place: Path, *keys: Path) -> Iterator[Path]:
    """An ssh-agent that holds keys."""
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(place)], stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 10
        while not place.exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        for key in keys:
            environment = {**os.environ, "SSH_AUTH_SOCK": str(place)}
            subprocess.run(["ssh-add", "-q", str(key)], check=True, env=environment, stderr=subprocess.DEVNULL)
        yield place
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(autouse=True)
def _nobodys_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No keys, agent or configuration of whoever runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def node(candidate_server: Netconfd) -> Node:
    """As it is: nothing here changes it."""
    return Node(candidate_server)


def test_a_password(node: Node, tmp_path: Path) -> None:
    with Device(tmp_path / "device", node.server, password=PASSWORD, banner="Authorised users only\n") as device:
        enter(**device.options(password=PASSWORD))
        assert device.log == [("password", "netops")]
        error = refused(**device.options(password="wrong"))
        assert "the password" in error.details()["node_said"]
        assert error.parameter == "username"
        error = refused(**device.options())
        assert "nothing to try" in error.details()["node_said"]
        assert "It takes password" in error.details()["node_said"]


@pytest.mark.parametrize("prompts", [HIDDEN, [("User: ", True), ("Password: ", False)]], ids=["one", "two"])
def test_a_device_that_only_knows_keyboard_interactive(
    node: Node, tmp_path: Path, prompts: list[tuple[str, bool]]
) -> None:
    with Device(tmp_path / "device", node.server, password=PASSWORD, interactive=prompts) as device:
        enter(**device.options(password=PASSWORD))
        assert device.log == [("keyboard-interactive", "netops")]
        error = refused(**device.options(password="wrong"))
        assert "keyboard-interactive" in error.details()["node_said"]
        assert device.log.count(("keyboard-interactive", "netops")) == 2, "a wrong password is given once"


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
@pytest.mark.parametrize("passphrase", ["", PASSWORD], ids=["plain", "encrypted"])
def test_private_keys(node: Node, tmp_path: Path, kind: str, passphrase: str) -> None:
    key = make_key(tmp_path / "key", kind, passphrase)
    with Device(tmp_path / "device", node.server, keys=[key], password=PASSWORD) as device:
        options = device.options(private_key_file=str(key))
        if not passphrase:
            enter(**options)
            enter(**options, private_key_passphrase="not needed", password="neither")
        else:
            enter(**options, private_key_passphrase=passphrase)
            enter(**options, password=passphrase)  # it unlocks, too
            error = refused(**options)
            assert "is encrypted; give private_key_passphrase" in error.details()["node_said"]
            error = refused(**options, private_key_passphrase="wrong")
            assert "is not unlocked by private_key_passphrase" in error.details()["node_said"]
        assert {method for method, _user in device.log} == {"publickey"}


def test_old_formats_of_private_keys(node: Node, tmp_path: Path) -> None:
    for number, (kind, passphrase) in enumerate([("rsa", ""), ("rsa", PASSWORD), ("ecdsa", PASSWORD)]):
        key = make_key(tmp_path / f"key{number}", kind, passphrase, "-m", "PEM")
        with Device(tmp_path / f"device{number}", node.server, keys=[key]) as device:
            enter(**device.options(private_key_file=str(key), private_key_passphrase=passphrase or None))


def test_a_key_that_is_none(node: Node, tmp_path: Path) -> None:
    good, bad = make_key(tmp_path / "good"), tmp_path / "bad"
    bad.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nnothing\n-----END OPENSSH PRIVATE KEY-----\n")
    with Device(tmp_path / "device", node.server, keys=[good], password=PASSWORD) as device:
        for place in (bad, Path(f"{good}.pub")):
            error = refused(**device.options(private_key_file=str(place)))
            assert f"key {place}: is no private key" in error.details()["node_said"]
        with pytest.raises(InvalidInput, match="private_key_file"):
            enter(**device.options(private_key_file=str(tmp_path / "none")))


def test_a_refused_key_and_then_the_password(node: Node, tmp_path: Path) -> None:
    key = make_key(tmp_path / "key")
    with Device(tmp_path / "device", node.server, keys=[make_key(tmp_path / "other")], password=PASSWORD) as device:
        enter(**device.options(private_key_file=str(key), password=PASSWORD))
        assert device.log == [("publickey", "netops"), ("password", "netops")]
        error = refused(**device.options(private_key_file=str(key), password="wrong"))
        assert str(key) in error.details()["node_said"]
        assert "the password" in error.details()["node_said"]


def test_the_agent_holds_the_key(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [make_key(tmp_path / f"key{number}", kind) for number, kind in enumerate(["ed25519", "rsa", "ecdsa"])]
    with agent(tmp_path / "agent", *keys) as place:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(place))
        for key in keys:
            with Device(tmp_path / f"device-{key.name}", node.server, keys=[key]) as device:
                enter(**device.options())
        with Device(tmp_path / "nobody", node.server, password=PASSWORD) as device:
            enter(**device.options(password=PASSWORD))
            assert "publickey" not in dict(device.log), "servers count attempts: with a password, no agent"


def test_the_agent_unlocked_the_key_that_is_named(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [make_key(tmp_path / f"other{number}") for number in range(4)]
    key = make_key(tmp_path / "key")
    with agent(tmp_path / "agent", *others, key) as place:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(place))
        subprocess.run(
            ["ssh-keygen", "-q", "-p", "-N", PASSWORD, "-f", str(key)], check=True, stdout=subprocess.DEVNULL
        )
        with Device(tmp_path / "device", node.server, keys=[key], attempts=2) as device:
            enter(**device.options(private_key_file=str(key)))
            error = refused(**device.options())
            assert "ended the connection" in error.message
            config = tmp_path / "config"
            config.write_text(f"IdentityFile {key}\nIdentitiesOnly yes\n")
            enter(**device.options(ssh_config_file=str(config)))


def test_two_keys_one_after_the_other(node: Node, tmp_path: Path) -> None:
    keys = [make_key(tmp_path / "one"), make_key(tmp_path / "two", "rsa")]
    options = {"host": "jump", "timeout": 5.0}
    with Jump(tmp_path / "device", "AuthenticationMethods publickey,publickey", keys=keys) as device:
        config = tmp_path / "config"
        config.write_text(device.block("jump", f"IdentityFile {keys[0]}", f"IdentityFile {keys[1]}"))
        with pytest.raises(Unreachable, match="No NETCONF session"):  # let in; but there is no NETCONF
            enter(**options, ssh_config_file=str(config))
        assert device.log.count("Partial publickey") == device.log.count("Accepted publickey") == 1
        error = refused(**options, ssh_config_file=str(config), private_key_file=str(keys[0]))
        assert "taken, but more is asked" in error.details()["node_said"]


@pytest.mark.parametrize("more", ["password", "keyboard-interactive"])
def test_a_key_and_then_the_password(tmp_path: Path, more: str) -> None:
    key = make_key(tmp_path / "key")
    with TwoSteps(PASSWORD, more) as device:
        options = {"host": "127.0.0.1", "port": device.port, "host_key_checking": False, "timeout": 5.0}
        with pytest.raises(Unreachable, match="No NETCONF session"):  # let in; but there is no NETCONF
            enter(**options, private_key_file=str(key), password=PASSWORD)
        assert device.log == ["publickey", more]
        error = refused(**options, private_key_file=str(key))
        assert "taken, but more is asked" in error.details()["node_said"]
        assert more in error.details()["node_said"]
        refused(**options, private_key_file=str(key), password="wrong")


def test_the_usual_keys_of_the_home(node: Node, tmp_path: Path) -> None:
    (tmp_path / "home/.ssh").mkdir(parents=True)
    key = make_key(tmp_path / "home/.ssh/id_ecdsa", "ecdsa")
    with Device(tmp_path / "device", node.server, keys=[key], password=PASSWORD) as device:
        enter(**device.options())
        device.log.clear()
        enter(**device.options(password=PASSWORD))
        assert device.log == [("password", "netops")]


def test_a_wrong_user(node: Node, tmp_path: Path) -> None:
    key = node.server.options["private_key_file"]
    error = refused(**{**node.server.options, "username": "nobody-of-this-name"})
    assert "does not let nobody-of-this-name in" in error.message
    assert f"key {key}" in error.details()["node_said"]


# Host keys


def test_a_changed_key_is_not_an_unknown_key(node: Node, tmp_path: Path) -> None:
    name, known = f"[127.0.0.1]:{node.server.port}", tmp_path / "known_hosts"
    other = Path(f"{make_key(tmp_path / 'other')}.pub").read_text()
    known.write_text("")
    unknown = refused(**{**node.server.options, "known_hosts_file": str(known)})
    assert "is not known" in unknown.message
    known.write_text(f"# comment\n\n{name} {other}")
    changed = refused(**{**node.server.options, "known_hosts_file": str(known)})
    assert "has changed" in changed.message
    assert f"{known} line 3" in changed.message
    assert "in between" in str(changed.fix)
    for error in (unknown, changed):
        assert "SHA256:" in error.details()["node_said"]
        assert error.parameter == "known_hosts_file"
    enter(**{**node.server.options, "known_hosts_file": str(known), "host_key_checking": False})
    # The fix that the error names is one: the line it tells to add is enough.
    known.write_text(str(unknown.fix).partition("add a line: ")[2] + "\n")
    enter(**{**node.server.options, "known_hosts_file": str(known)})


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{name} {other}\n{name} {key}", None),  # a second key of the same type
        ("127.0.0.1 {key}", None),  # known without a port
        ("127.0.0.1 {other}\n{name} {key}", None),
        ("127.0.0.1 {key}\n{name} {other}", "has changed"),
        ("[127.0.0.*]:{port} {key}", None),
        ("!127.0.0.1,!{name},* {key}", "is not known"),
        ("*,!{name},!127.0.0.1 {key}", "is not known"),
        ("example.com,{name},10.0.0.1 {key} with a comment", None),
        ("{name} {key}\n@revoked * {key}", "is revoked"),
        ("@revoked {name} {key}\n{name} {key}", "is revoked"),
        ("@revoked {name} {other}\n{name} {key}", None),
        ("@cert-authority {name} {key}", "not supported"),
        ("@cert-authority {name} {other}\n{name} {key}", None),
        ("{name} ssh-ed25519 no-base64-at-all!\n{name}\n{name} {key}", None),
        ("{name} ssh-dss AAAAB3NzaC1kc3M=\n{name} {key}", None),
        ("# {name} {key}", "is not known"),
        ("\ufeff\udcff\n{name} {key}", None),
        ("[127.0.0.1]:1{port} {key}", "is not known"),
    ],
)
def test_lines_of_known_hosts(node: Node, tmp_path: Path, text: str, match: str | None) -> None:
    key = " ".join((node.server.folder / "host_key.pub").read_text().split()[:2])
    other = " ".join(Path(f"{make_key(tmp_path / 'other')}.pub").read_text().split()[:2])
    words = {"name": f"[127.0.0.1]:{node.server.port}", "port": node.server.port, "key": key, "other": other}
    known = tmp_path / "known_hosts"
    known.write_bytes(text.format(**words).encode("utf-8", "surrogateescape") + b"\n")
    options = {**node.server.options, "known_hosts_file": str(known)}
    if match is None:
        enter(**options)
    else:
        assert match in refused(**options).message


def test_hashed_names(node: Node, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(node.server.known_hosts.read_text())
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(known)], check=True, capture_output=True)
    assert known.read_text().startswith("|1|")
    enter(**{**node.server.options, "known_hosts_file": str(known)})
    known.write_text(known.read_text().replace("|1|", "|1|AAAA", 1))
    refused(**{**node.server.options, "known_hosts_file": str(known)})


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_of_several_host_keys_the_known_one_is_asked_for(node: Node, tmp_path: Path, kind: str) -> None:
    kinds = ("ed25519", "ecdsa", "rsa")
    with Device(tmp_path / "device", node.server, password=PASSWORD, host_keys=kinds) as device:
        known = tmp_path / "known"
        known.write_text(device.known_hosts(kind))
        enter(**device.options(password=PASSWORD, known_hosts_file=str(known)))


def test_ten_thousand_known_hosts_cost_no_time(node: Node, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    key = " ".join((node.server.folder / "host_key.pub").read_text().split()[:2])
    known.write_text("".join(f"host{number}.example.com {key}\n" for number in range(10_000)))
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(known)], check=True, capture_output=True)
    known.write_text(known.read_text() + node.server.known_hosts.read_text())
    start = time.monotonic()
    enter(**{**node.server.options, "known_hosts_file": str(known)})
    assert time.monotonic() - start < 5


# The user's ssh configuration, and what it leads through


@pytest.fixture
def jump(tmp_path: Path) -> Iterator[Jump]:
    with Jump(tmp_path / "jump") as made:
        yield made


def target(node: Node, *more: str, name: str = "router1") -> str:
    """The block of the node itself."""
    options = node.server.options
    lines = ["HostName 127.0.0.1", f"Port {options['port']}", "User root"]
    lines += [f"IdentityFile {options['private_key_file']}", f"UserKnownHostsFile {options['known_hosts_file']}", *more]
    return f"Host {name}\n" + "".join(f"  {line}\n" for line in lines)


def test_the_ssh_configuration_of_the_home(node: Node, tmp_path: Path) -> None:
    folder = tmp_path / "home/.ssh"
    (folder / "more").mkdir(parents=True)
    (folder / "config").write_text(f"Include {folder}/more/*\nHost *\n  User nobody\n  Port 1\n")
    (folder / "more/lab").write_text(target(node, name="router?"))
    enter(host="router7")
    assert Address("elsewhere").route().port == 1
    assert Address("elsewhere", port=830).route().port == 830
    (folder / "config").write_text(f"Match host *.example.com\n  User nobody\n{target(node)}")
    enter(host="router1")
    assert Address("a.example.com").route().user == "nobody"
    assert Address("other.example.org").route().port == 830
    (folder / "config").write_text("Host x\n  NoSuchWord yes\n")
    with pytest.raises(InvalidInput, match=r"ssh_config_file.*nosuchword"):
        enter(host="x")


def test_one_jump(node: Node, tmp_path: Path, jump: Jump) -> None:
    config = tmp_path / "config"
    config.write_text(target(node, "ProxyJump jump") + jump.block("jump"))
    enter(host="router1", ssh_config_file=str(config))
    assert jump.log.count("Accepted publickey") == 1
    node_options = {**node.server.options, "ssh_config_file": str(config)}
    enter(**node_options, ssh_common_args="-J jump")
    enter(**node_options, ssh_common_args="-o ProxyJump=jump")
    assert jump.log.count("Accepted publickey") == 3


@pytest.mark.parametrize(
    "command",
    [
        "ssh -F {config} -W [%h]:%p jump",
        "ssh -F {config} -W %h:%p jump 2>/dev/null",
        'sh -c "ssh -F {config} -W %h:%p jump"',
        "ssh -F {config} -W %h:%p -l %r jump | cat",
    ],
)
def test_a_command_leads_there(node: Node, tmp_path: Path, jump: Jump, command: str) -> None:
    config = tmp_path / "config"
    config.write_text(target(node, f"ProxyCommand {command.format(config=config)}") + jump.block("jump"))
    enter(host="router1", ssh_config_file=str(config))
    assert "Accepted publickey" in jump.log


def test_two_jumps(node: Node, tmp_path: Path, jump: Jump) -> None:
    config = tmp_path / "config"
    with Jump(tmp_path / "second") as second:
        blocks = jump.block("one") + second.block("two")
        config.write_text(target(node, "ProxyJump one,two") + blocks)
        enter(host="router1", ssh_config_file=str(config))
        assert "Accepted publickey" in jump.log
        assert "Accepted publickey" in second.log
        config.write_text(target(node, "ProxyJump two") + second.block("two", "ProxyJump one") + jump.block("one"))
        before = jump.log.count("Accepted publickey")
        enter(host="router1", ssh_config_file=str(config))
        assert jump.log.count("Accepted publickey") == before + 1


def test_why_a_jump_fails(node: Node, tmp_path: Path, jump: Jump) -> None:
    config, closed = tmp_path / "config", tmp_path / "closed"

    def said(text: str, limit: float = 8.0) -> str:
        config.write_text(text)
        start = time.monotonic()
        with pytest.raises(Unreachable, match="by way of") as caught:
            enter(host="router1", ssh_config_file=str(config), timeout=20.0)
        assert time.monotonic() - start < limit
        return str(caught.value.node_said)

    through = target(node, "ProxyJump jump")
    assert "Permission denied" in said(through + jump.block("jump").replace(str(jump.key), str(tmp_path / "none")))
    other = tmp_path / "none"
    assert "Host key verification failed" in said(
        through + jump.block("jump").replace(str(jump.known_hosts), str(other))
    )
    assert "onnection refused" in said(through + jump.block("jump").replace(f"Port {jump.port}", "Port 1"))
    assert "no.such.host.invalid" in said(target(node, "ProxyJump no.such.host.invalid"))
    with Jump(closed, forwarding=False) as shut:
        assert "prohibited" in said(through + shut.block("jump"))
    assert "onnect" in said(through.replace(f"Port {node.server.port}", "Port 1") + jump.block("jump"))
    assert "no-such-program" in said(target(node, "ProxyCommand no-such-program %h"))
    said(target(node, "ProxyCommand true"))
    assert "hello from the way" in said(target(node, "ProxyCommand echo hello from the way >&2; exit 3"))


def test_nothing_stays_of_a_jump(node: Node, tmp_path: Path) -> None:
    config, note = tmp_path / "config", tmp_path / "pid"
    config.write_text(target(node, f"ProxyCommand sh -c 'echo $$ > {note}; exec sleep 300'"))
    start = time.monotonic()
    with pytest.raises(Unreachable):
        enter(host="router1", ssh_config_file=str(config), timeout=1.0)
    assert time.monotonic() - start < 6
    assert not Path(f"/proc/{note.read_text().strip()}").exists()


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "a b", "$(id)", "a;id", "", "a`id`"])
def test_names_that_a_shell_would_misread(host: str) -> None:
    with pytest.raises(InvalidInput, match="host"):
        Address(host).route()


def test_words_for_ssh_that_are_none() -> None:
    for words in ("-o 'ProxyJump", "-F elsewhere", "--no-such-word", "-o NoSuchWord=1"):
        with pytest.raises(InvalidInput, match="ssh_c"):
            Address("router1", ssh_common_args=words).route()


def test_without_the_program_ssh(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    enter(**node.server.options)
    with pytest.raises(InvalidInput, match="The program ssh is needed"):
        enter(**node.server.options, ssh_common_args="-J jump")
