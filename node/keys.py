# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys: those that users log in with, and the server's own once they are read."""

from __future__ import annotations

import ipaddress
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from ..plugins.module_utils.model.errors import InvalidInput
from .settings import Access, UserSettings

_OPTION = r'(?:restrict|no-[a-z0-9-]+|from="[^"]*")'
# An option that is not understood would be a limit that does not hold, so every other one is refused.
_OPTIONS = re.compile(rf"({_OPTION}(?:,{_OPTION})*)\s+")
_FROM = re.compile(r'from="([^"]*)"')

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Key:
    """One public key.

    Attributes:
        data: in SSH's binary form.
        sources: where its holder may come from; empty for anywhere.
    """

    data: bytes
    sources: tuple[Network, ...] = ()


@dataclass(frozen=True)
class Account:
    """A user who may log in."""

    name: str
    access: Access
    keys: tuple[Key, ...]

    def accepts(self, data: bytes, source: str) -> bool:
        """Whether this public key, from this address, is the user's."""
        address = plain_address(source)
        return any(
            key.data == data and (not key.sources or any(address in network for network in key.sources))
            for key in self.keys
        )


def accounts(users: Iterable[UserSettings]) -> dict[str, Account]:
    """The users by name, with their keys as they are now.

    Raises:
        InvalidInput: a key, or a file of keys, cannot be used.
    """
    return {user.name: _account(user, f"users[{at}]") for at, user in enumerate(users)}


def server_keys(contents: Sequence[bytes]) -> list[asyncssh.SSHKey]:
    """The server's own keys.

    Raises:
        InvalidInput: there is no key in a content, it has a passphrase, or two keys are of one type.
    """
    keys: list[asyncssh.SSHKey] = []
    for at, content in enumerate(contents):
        where = f"host_keys[{at}]"
        try:
            key = asyncssh.import_private_key(content)
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as error:
            raise InvalidInput(
                f"the file has no private key without a passphrase: {error}.",
                parameter=where,
                fix="Make one: ssh-keygen -q -t ed25519 -N '' -f FILE",
            ) from None
        if any(one.algorithm == key.algorithm for one in keys):
            raise InvalidInput(
                "there is a key of this type already.", parameter=where, fix="Give one key of each type (ed25519, rsa)."
            )
        keys.append(key)
    return keys


def _account(user: UserSettings, where: str) -> Account:
    lines = [(line, f"{where}.authorized_keys[{at}]") for at, line in enumerate(user.authorized_keys)]
    if user.authorized_keys_file is not None:
        lines += _lines(user.authorized_keys_file, f"{where}.authorized_keys_file")
    if not lines:
        raise InvalidInput("there is no key in it.", parameter=f"{where}.authorized_keys_file", fix="Add a public key.")
    return Account(user.name, user.access, tuple(_key(line, at) for line, at in lines))


def _lines(path: Path, where: str) -> list[tuple[str, str]]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{path} cannot be read: {error}.", parameter=where, fix="Let the user that the server runs as read it."
        ) from None
    if mode & 0o022:
        raise InvalidInput(f"others than its owner may write {path}.", parameter=where, fix=f"chmod go-w {path}")
    numbered = enumerate((line.strip() for line in text.splitlines()), 1)
    return [(line, f"{where} (line {number})") for number, line in numbered if line and not line.startswith("#")]


def _key(line: str, where: str) -> Key:
    options = _OPTIONS.match(line)
    try:
        key = asyncssh.import_public_key(line[options.end() :] if options else line)
    except (asyncssh.KeyImportError, ValueError):
        shown = line if len(line) < 40 else f"{line[:36]} ..."
        raise InvalidInput(
            f"'{shown}' is no public key that this server takes.",
            parameter=where,
            fix='Give a line of *.pub. Only from="PREFIX,...", restrict and no-... may stand before it.',
        ) from None
    if options and len(_FROM.findall(options[1])) > 1:
        # OpenSSH refuses it too; taken together they would allow more than each of them.
        raise InvalidInput(
            "from= is there twice.", parameter=where, fix='Give all prefixes in one: from="PREFIX,PREFIX".'
        )
    words = [word for value in _FROM.findall(options[1] if options else "") for word in value.split(",")]
    try:
        return Key(key.public_data, tuple(ipaddress.ip_network(word) for word in words))
    except ValueError as error:
        raise InvalidInput(
            f"in from=: {error}.",
            parameter=where,
            fix="Give addresses and prefixes, as 192.0.2.0/24, without patterns.",
        ) from None


def plain_address(source: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address as its own family writes it, without zone."""
    address = ipaddress.ip_address(source.split("%", maxsplit=1)[0])
    # On a socket for both families IPv4 clients come as ::ffff:192.0.2.1.
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address
