# SPDX-License-Identifier: GPL-3.0-or-later
"""Further real SSH servers on loopback: one that is not OpenSSH's (PyPI ``asyncssh``), and OpenSSH as a jump host."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import asyncssh
import paramiko

from .server import PATH, Netconfd, free_port

Script = Callable[[Any], Awaitable[None]]


def make_key(place: Path, kind: str = "ed25519", passphrase: str = "", *more: str) -> Path:
    """A key pair of OpenSSH's making."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(place), *more]
    subprocess.run(command, check=True)
    return place


def public(key: Path) -> str:
    """Type and key, without the comment."""
    return " ".join(Path(f"{key}.pub").read_text().split()[:2])


class Device:
    """A device with an SSH server of its own, which leads to a netconfd or to a script.

    Attributes:
        log: what clients tried: (method, user).
    """

    def __init__(
        self,
        folder: Path,
        behind: Netconfd | Script,
        *,
        password: str | None = None,
        interactive: Sequence[tuple[str, bool]] = (),
        keys: Sequence[Path] = (),
        banner: str | None = None,
        host_keys: Sequence[str] = ("ed25519",),
        attempts: int = 100,
    ) -> None:
        """
        Args:
            password: taken by method password; with ``interactive``, only as the answer to its first hidden prompt.
            interactive: prompts of method keyboard-interactive, and whether what is typed is shown.
            keys: private keys whose public parts are let in.
            attempts: failures after which the connection is ended.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.behind = behind
        self.password = password
        self.interactive = list(interactive)
        self.banner = banner
        self.attempts = attempts
        self.log: list[tuple[str, str]] = []
        self.connections: list[Any] = []
        self.port = 0
        self.keys = [public(key) for key in keys]
        self.host_keys = [make_key(folder / f"host_{kind}", kind) for kind in host_keys]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def known_hosts(self, *kinds: str, name: str | None = None) -> str:
        """Lines for known_hosts."""
        name = name or f"[127.0.0.1]:{self.port}"
        chosen = [key for key in self.host_keys if not kinds or key.name.removeprefix("host_") in kinds]
        return "".join(f"{name} {public(key)}\n" for key in chosen)

    def options(self, **more: Any) -> dict[str, Any]:
        """Options of an address that fits."""
        known = self.folder / "known_hosts"
        known.write_text(self.known_hosts())
        empty = self.folder / "ssh_config"
        empty.touch()
        given = {"host": "127.0.0.1", "port": self.port, "username": "netops", "timeout": 20.0}
        return {**given, "known_hosts_file": str(known), "ssh_config_file": str(empty), **more}

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(self, *_error: object) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _start(self) -> None:
        self._server = await asyncssh.create_server(
            lambda: _Guard(self),
            "127.0.0.1",
            0,
            server_host_keys=[str(one) for one in self.host_keys],
            process_factory=self._serve,
            encoding=None,
            allow_scp=False,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        for connection in self.connections:
            connection.abort()
            await connection.wait_closed()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        if tasks:
            await asyncio.wait(tasks, timeout=5)

    async def _serve(self, process: Any) -> None:
        with suppress(asyncssh.Error, OSError, asyncio.CancelledError):
            if not isinstance(self.behind, Netconfd):
                await self.behind(process)
                process.exit(0)
                return
            command = ["/usr/sbin/netconf-subsystem", f"--ncxserver-sockname={_ncx(self.behind)}"]
            environment = {"PATH": PATH, "USER": "root", "HOME": "/"}
            environment["SSH_CONNECTION"] = f"127.0.0.1 1 127.0.0.1 {self.behind.port}"
            with subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=self.folder
            ) as child:
                try:
                    await process.redirect(stdin=child.stdin, stdout=child.stdout)
                    await process.wait_closed()
                finally:
                    child.terminate()


def _ncx(server: Netconfd) -> str:
    return f"{server.port}@{server.folder}/ncx.sock"


class _Guard(asyncssh.SSHServer):
    def __init__(self, device: Device) -> None:
        self._device = device
        self._failures = 0

    def connection_made(self, conn: Any) -> None:
        self._connection = conn
        self._device.connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        if self._device.banner:
            self._connection.send_auth_banner(self._device.banner)
        return True

    def public_key_auth_supported(self) -> bool:
        return bool(self._device.keys)

    def validate_public_key(self, username: str, key: Any) -> bool:
        self._device.log.append(("publickey", username))
        text = key.export_public_key().decode().split()
        return self._count(" ".join(text[:2]) in self._device.keys)

    def password_auth_supported(self) -> bool:
        return self._device.password is not None and not self._device.interactive

    def validate_password(self, username: str, password: str) -> bool:
        self._device.log.append(("password", username))
        return self._count(password == self._device.password)

    def kbdint_auth_supported(self) -> bool:
        return bool(self._device.interactive)

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        self._device.log.append(("keyboard-interactive", username))
        return "Login", "Speak, friend", "en", self._device.interactive

    def validate_kbdint_response(self, username: str, responses: Any) -> bool:
        hidden = [one for one, (_prompt, shown) in zip(responses, self._device.interactive, strict=True) if not shown]
        return self._count(hidden[0] == self._device.password and not any(hidden[1:]))

    def _count(self, right: bool) -> bool:
        self._failures += not right
        if self._failures >= self._device.attempts:
            self._connection.disconnect(asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "Too many attempts")
        return right


_JUMP = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
LogLevel VERBOSE
AllowTcpForwarding {forwarding}
"""


class Jump:
    """An OpenSSH server that only forwards."""

    def __init__(self, folder: Path, *more: str, keys: Sequence[Path] = (), forwarding: bool = True) -> None:
        """
        Args:
            more: further lines of its configuration.
            keys: private keys whose public parts are let in, beside its own.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port = folder, free_port()
        make_key(folder / "host_key")
        self.key = make_key(folder / "client_key")
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public(folder / 'host_key')}\n")
        text = _JUMP.format(port=self.port, folder=folder, forwarding="yes" if forwarding else "no")
        (folder / "sshd_config").write_text("\n".join([text, *more, ""]))
        (folder / "authorized_keys").write_text("".join(f"{public(key)}\n" for key in (self.key, *keys)))

    def block(self, name: str, *more: str) -> str:
        """The ``Host`` block of a client's configuration."""
        lines = [
            "HostName 127.0.0.1",
            f"Port {self.port}",
            "User root",
            f"IdentityFile {self.key}",
            "IdentitiesOnly yes",
        ]
        lines += [f"UserKnownHostsFile {self.known_hosts}", *more]
        return f"Host {name}\n" + "".join(f"  {line}\n" for line in lines)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def __enter__(self) -> Self:
        Path("/run/sshd").mkdir(exist_ok=True)
        command = [str(shutil.which("sshd", path=PATH)), "-D", "-e", "-f", str(self.folder / "sshd_config")]
        with (self.folder / "log").open("ab") as out:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            time.sleep(0.02)
        raise AssertionError(f"sshd did not start: {self.log}")

    def __exit__(self, *_error: object) -> None:
        self._process.terminate()
        self._process.wait(10)


class TwoSteps(paramiko.ServerInterface):
    """A server (paramiko's) that wants a key and then the password; of NETCONF it knows nothing.

    ``stalls`` says where it stops to answer: at the ``key``, or at the ``subsystem``.
    """

    def __init__(self, password: str = "", second: str = "password", stalls: str | None = None) -> None:
        self._password = password
        self._second = second
        self._stalls = stalls
        self._end = threading.Event()
        self._first_done = False
        self.log: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._key = paramiko.ECDSAKey.generate()
        self._transports: list[Any] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        self._listener.close()
        for transport in self._transports:
            transport.close()

    def _serve(self) -> None:
        with suppress(OSError, EOFError, paramiko.SSHException):
            while True:
                client, _address = self._listener.accept()
                self._first_done = False
                transport = paramiko.Transport(client)
                self._transports.append(transport)
                transport.add_server_key(self._key)
                transport.start_server(server=self)

    def get_allowed_auths(self, username: str) -> str:
        return self._second if self._first_done else "publickey"

    def check_auth_publickey(self, username: str, key: Any) -> int:
        self.log.append("publickey")
        if self._stalls == "key":
            self._end.wait(60)
        self._first_done = True
        return int(paramiko.AUTH_SUCCESSFUL if self._stalls else paramiko.AUTH_PARTIALLY_SUCCESSFUL)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED)

    def check_channel_subsystem_request(self, channel: Any, name: str) -> bool:
        if self._stalls == "subsystem":
            self._end.wait(60)
        return False

    def check_auth_password(self, username: str, password: str) -> int:
        self.log.append("password")
        return self._verdict(password)

    def check_auth_interactive(self, username: str, submethods: str) -> Any:
        self.log.append("keyboard-interactive")
        return paramiko.InteractiveQuery("", "", ("Password: ", False))

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        return self._verdict(responses[0])

    def _verdict(self, password: str) -> int:
        good = self._first_done and password == self._password
        return int(paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED)
