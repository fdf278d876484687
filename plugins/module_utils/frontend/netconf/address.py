# SPDX-License-Identifier: GPL-3.0-or-later
"""How to reach a node: the task's options, completed by the user's ssh configuration."""

from __future__ import annotations

import select
import shlex
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...model.errors import InvalidInput
from .needs import paramiko

DEFAULT_PORT = 830
_KNOWN_HOSTS = (Path("~/.ssh/known_hosts"), Path("/etc/ssh/ssh_known_hosts"))
_SSH_CONFIG = Path("~/.ssh/config")
_ATTEMPTS = 3
_FIRST_WORD = 5.0


@dataclass(frozen=True, slots=True)
class Route:
    """Where to connect and with what, after the ssh configuration had its say."""

    host: str
    port: int
    username: str | None
    keys: tuple[Path, ...]
    known_hosts: tuple[Path, ...]
    proxy: str | None
    timeout: float

    def socket(self) -> Any:
        """A connection to the node, through the jump host where there is one."""
        if self.proxy is not None:
            return paramiko.ProxyCommand(self.proxy)
        for _attempt in range(_ATTEMPTS):
            made = socket.create_connection((self.host, self.port), self.timeout)
            # An SSH server speaks first. A busy one may accept a connection and then forget or drop it.
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if select.select([made], [], [], min(_FIRST_WORD, self.timeout))[0] and _peek(made):
                return made
            made.close()
        raise OSError("the server accepts connections, but says nothing")


@dataclass(frozen=True, slots=True)
class Address:
    """Options of a connection; None leaves it to the ssh configuration, then to the defaults.

    Attributes:
        timeout: seconds to connect, and for each answer.
    """

    host: str
    port: int | None = None
    username: str | None = None
    password: str | None = None
    private_key_file: str | None = None
    known_hosts_file: str | None = None
    host_key_checking: bool = True
    ssh_config_file: str | None = None
    timeout: float = 60.0

    def __repr__(self) -> str:
        return f"Address({self.host!r}, {self.port!r}, {self.username!r})"

    def route(self) -> Route:
        """See ``Route``.

        Raises:
            InvalidInput: a file that cannot be read.
        """
        config, place = self._ssh_config()
        port = self.port or int(config.get("port", DEFAULT_PORT))
        host = config.get("hostname", self.host)
        keys = [self.private_key_file] if self.private_key_file else config.get("identityfile", [])
        if self.private_key_file:
            _readable(self.private_key_file, "private_key_file")
        return Route(
            host=host,
            port=port,
            username=self.username or config.get("user"),
            keys=tuple(found for one in keys if (found := Path(one).expanduser()).exists()),
            known_hosts=self._known_hosts(config),
            proxy=_proxy(config, place, host, port),
            timeout=self.timeout,
        )

    def _ssh_config(self) -> tuple[dict[str, Any], Path | None]:
        if self.ssh_config_file:
            place = _readable(self.ssh_config_file, "ssh_config_file")
        else:
            place = _SSH_CONFIG.expanduser()
            if not place.exists():
                return {}, None
        try:
            return dict(paramiko.SSHConfig.from_path(str(place)).lookup(self.host)), place
        except (OSError, ValueError, paramiko.SSHException) as error:
            raise InvalidInput(f"{place} cannot be used: {error}.", parameter="ssh_config_file") from None

    def _known_hosts(self, config: dict[str, Any]) -> tuple[Path, ...]:
        if not self.host_key_checking:
            return ()
        if self.known_hosts_file:
            return (_readable(self.known_hosts_file, "known_hosts_file"),)
        if config.get("userknownhostsfile"):
            named = [Path(one).expanduser() for one in shlex.split(config["userknownhostsfile"])]
            return tuple(one for one in named if one.exists())
        return tuple(found for one in _KNOWN_HOSTS if (found := one.expanduser()).exists())


def _peek(made: socket.socket) -> bytes:
    """The first octet, left where it is; nothing where the connection was closed at once."""
    try:
        return made.recv(1, socket.MSG_PEEK)
    except OSError:
        return b""


def _readable(place: str, parameter: str) -> Path:
    path = Path(place).expanduser()
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.", parameter=parameter) from None


def _proxy(config: dict[str, Any], place: Path | None, host: str, port: int) -> str | None:
    """The command that leads to the node; paramiko knows ProxyCommand, but not the newer ProxyJump."""
    command = config.get("proxycommand")
    if command and command != "none":
        return str(command).replace("%h", host).replace("%p", str(port))
    jumps = str(config.get("proxyjump") or "none")
    if jumps == "none":
        return None
    *before, last = jumps.split(",")
    words = ["ssh", "-o", "BatchMode=yes"]
    words += ["-F", str(place)] if place else []
    words += ["-J", ",".join(before)] if before else []
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return shlex.join([*words, "-W", target, last if last.startswith("ssh://") else f"ssh://{last}"])
