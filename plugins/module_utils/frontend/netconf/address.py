# SPDX-License-Identifier: GPL-3.0-or-later
"""How to reach a node: the task's options, completed by the user's ssh configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...model.errors import InvalidInput
from . import ssh_config

_SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class Route:
    """Where to connect and with what, after the ssh configuration had its say.

    Attributes:
        keys: files of private keys, in the order to try.
        keys_only: of the agent's keys, take none but these.
        agent: whether the agent's keys are tried.
        known_hosts: files of trusted host keys; None trusts every key.
        known_as: names of the host in them.
        proxy: the shell's command that leads to the node.
    """

    host: str
    port: int
    user: str
    keys: tuple[Path, ...]
    keys_only: bool
    agent: bool
    known_hosts: tuple[Path, ...] | None
    known_as: tuple[str, ...]
    proxy: str | None

    @property
    def where(self) -> str:
        """For a person."""
        return f"{self.host} port {self.port}"


@dataclass(frozen=True, slots=True)
class Address:
    """Options of a connection; None leaves it to the ssh configuration, then to the defaults.

    Attributes:
        private_key_passphrase: where it is None, the password is tried.
        ssh_config_file: the only ssh configuration that counts; without it the user's, then the system's.
        ssh_common_args: words of ssh's command line, such as ``-J jump``; they win over the configuration.
        timeout: seconds to connect, and for each answer.
    """

    host: str
    port: int | None = None
    username: str | None = None
    password: str | None = None
    private_key_file: str | None = None
    private_key_passphrase: str | None = None
    known_hosts_file: str | None = None
    host_key_checking: bool = True
    ssh_config_file: str | None = None
    ssh_common_args: str | None = None
    timeout: float = 60.0

    def __repr__(self) -> str:
        return f"Address({self.host!r}, {self.port!r}, {self.username!r})"

    def route(self) -> Route:
        """See ``Route``.

        Raises:
            InvalidInput: a file that cannot be read, or an ssh configuration that OpenSSH refuses.
        """
        said = ssh_config.ask(self.host, self.username, self.port, self.ssh_config_file, self.ssh_common_args)
        names = (said.host,) if said.port == _SSH_PORT else (f"[{said.host}]:{said.port}", said.host)
        known: tuple[Path, ...] | None = said.known_hosts
        if self.known_hosts_file:
            known = (_readable(self.known_hosts_file, "known_hosts_file"),)
        return Route(
            host=said.host,
            port=said.port,
            user=said.user,
            keys=self._keys(said),
            keys_only=said.keys_only,
            # Servers allow so many attempts only, and some lock an account after them.
            agent=self.password is None,
            known_hosts=known if self.host_key_checking else None,
            known_as=(said.known_as,) if said.known_as else names,
            proxy=said.proxy,
        )

    def _keys(self, said: ssh_config.Said) -> tuple[Path, ...]:
        if self.private_key_file:
            return (_readable(self.private_key_file, "private_key_file"),)
        return () if self.password is not None and said.usual_keys else said.keys


def _readable(place: str, parameter: str) -> Path:
    path = Path(place).expanduser()
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.", parameter=parameter) from None
