# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of users and of the server: which are taken, and which files are not trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

asyncssh = pytest.importorskip("asyncssh", reason="needs the extra node")

from ansible_collections.shadownet.ipam.node.host_keys import read_host_keys  # noqa: E402
from ansible_collections.shadownet.ipam.node.keys import accounts, server_keys  # noqa: E402
from ansible_collections.shadownet.ipam.node.settings import UserSettings  # noqa: E402
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput  # noqa: E402

KEY = asyncssh.generate_private_key("ssh-ed25519")
OTHER = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
LINE = KEY.export_public_key().decode().strip()


def user(*lines: str, file: Path | None = None) -> UserSettings:
    return UserSettings("ada", "read-only", lines, file)


def test_only_the_users_own_key_is_accepted() -> None:
    account = accounts([user(f"{LINE} ada@desk")])["ada"]
    assert account.accepts(KEY.public_data, "192.0.2.1")
    assert not account.accepts(OTHER.public_data, "192.0.2.1")


@pytest.mark.parametrize(
    ("source", "accepted"),
    [
        ("192.0.2.9", True),
        ("::ffff:192.0.2.9", True),
        ("192.0.3.1", False),
        ("2001:db8::1", True),
        ("fe80::1%eth0", False),
    ],
)
def test_from_limits_where_a_key_may_come_from(source: str, accepted: bool) -> None:
    account = accounts([user(f'restrict,from="192.0.2.0/24,2001:db8::/32",no-pty {LINE}')])["ada"]
    assert account.accepts(KEY.public_data, source) is accepted


@pytest.mark.parametrize(
    "options", ['from="192.0.2.1",from="198.51.100.1"', 'from="192.0.2.1",no-pty,from="192.0.2.1"']
)
def test_two_from_are_refused_as_openssh_does(options: str) -> None:
    with pytest.raises(InvalidInput, match="from= is there twice"):
        accounts([user(f"{options} {LINE}")])


@pytest.mark.parametrize(
    "line",
    [
        "ssh-ed25519 AAAA",
        f'command="true" {LINE}',
        f"cert-authority {LINE}",
        f'expiry-time="20200101" {LINE}',
        f'from="*.example.org" {LINE}',
        f'from="" {LINE}',
        f'from="192.0.2.1",command="true" {LINE}',
        KEY.export_private_key().decode().replace("\n", " "),
    ],
    # The key is another one in each process, and a test's name must not be.
    ids=["short", "command", "authority", "expiry", "pattern", "empty", "two", "private"],
)
def test_a_line_that_is_not_understood_is_refused(line: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        accounts([user(line)])
    assert caught.value.parameter == "users[0].authorized_keys[0]"


def test_a_file_of_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# ada's\n\n{LINE}\n{OTHER.export_public_key().decode()}")
    file.chmod(0o644)
    assert len(accounts([user(file=file)])["ada"].keys) == 2
    file.write_text(f"{LINE}\nrubbish\n")
    with pytest.raises(InvalidInput, match=r"line 2"):
        accounts([user(file=file)])
    file.write_text("# nobody\n")
    with pytest.raises(InvalidInput, match="no key"):
        accounts([user(file=file)])
    file.chmod(0o666)
    with pytest.raises(InvalidInput, match="chmod go-w"):
        accounts([user(file=file)])
    with pytest.raises(InvalidInput, match="cannot be read"):
        accounts([user(file=tmp_path / "none")])


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_host_key_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "host_key"
    KEY.write_private_key(file)
    file.chmod(mode)
    with pytest.raises(InvalidInput, match=f"mode 0{mode:o}.*chmod 600"):
        read_host_keys([file])
    file.chmod(0o600)
    assert server_keys(read_host_keys([file]))[0].public_data == KEY.public_data


def test_host_keys_must_be_keys_of_different_types(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="ssh-keygen"):
        read_host_keys([tmp_path / "none"])
    with pytest.raises(InvalidInput, match="without a passphrase"):
        server_keys([b"rubbish"])
    with pytest.raises(InvalidInput, match="without a passphrase"):
        server_keys([KEY.export_private_key(passphrase="x")])
    with pytest.raises(InvalidInput) as caught:
        server_keys([KEY.export_private_key(), asyncssh.generate_private_key("ssh-ed25519").export_private_key()])
    assert caught.value.parameter == "host_keys[1]"
