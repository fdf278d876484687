# SPDX-License-Identifier: GPL-3.0-or-later
"""An SSH connection up to the point where the server has let us in. The host key is checked before anything is shown.

ncclient's own way in tries a key with the password as its passphrase only, asks for no key type that is known if that
is RSA, and waits without end for servers that stop in between.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from .address import Address, Route
from .errors import NetconfError
from .known_hosts import KnownHosts
from .needs import SSHTransport, paramiko

_LOG = "shadownet.netconf"
_SERVICE = "ssh-userauth"
_SERVICE_REQUEST = 5
logging.getLogger(_LOG).addHandler(logging.NullHandler())  # else Python prints what paramiko logs


class _Transport(SSHTransport):
    """Asks the server once to begin with authentication (RFC 4253, 10), not at each attempt as paramiko does.

    Some servers end the connection at the second time. paramiko's own remedy, ServiceRequestingTransport, adds 0.1 s
    to each connection and waits without end when the connection is lost.
    """

    _asked = False

    def _send_message(self, data: Any) -> None:
        if data.asbytes()[0] == _SERVICE_REQUEST:
            if self._asked:
                accepted = paramiko.Message()
                accepted.add_string(_SERVICE)
                accepted.rewind()
                self.auth_handler._parse_service_accept(accepted)
                return
            self._asked = True
        super()._send_message(data)


def negotiate(sock: Any, route: Route, seconds: float) -> Any:
    """A transport whose server has proven its host key.

    Raises:
        NetconfError: the key is not to be trusted.
        paramiko.SSHException, OSError, EOFError: no negotiation.
    """
    transport = _Transport(sock)
    try:
        transport.set_log_channel(_LOG)
        transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = seconds
        transport.channel_timeout = seconds
        known = KnownHosts(route.known_hosts, route.known_as, route.where) if route.known_hosts is not None else None
        if known is not None:
            options = transport.get_security_options()
            options.key_types = known.algorithms(options.key_types)
        transport.start_client(timeout=seconds)
        if not transport.initial_kex_done:
            raise paramiko.SSHException(f"no key exchange within {seconds:g} s")
        if known is not None:
            known.check(transport.get_remote_server_key())
    except BaseException:
        transport.close()
        raise
    return transport


class Login:
    """Tries what can be tried, in OpenSSH's order, and remembers what came of it."""

    def __init__(self, transport: Any, route: Route, address: Address) -> None:
        self._transport = transport
        self._route = route
        self._address = address
        self._said: list[str] = []

    def run(self) -> None:
        """Gets in.

        Raises:
            NetconfError: refused; ``node_said`` lists every attempt.
        """
        methods = self._try("no key", lambda: self._transport.auth_none(self._route.user), silent=True)
        if "publickey" in methods:
            for name, key in self._keys():
                methods = self._try(name, partial(self._transport.auth_publickey, self._route.user, key)) or methods
                if self._in or "publickey" not in methods:
                    break
        if not self._in and self._address.password is not None:
            methods = self._with_password(methods)
        if not self._in:
            self._refuse(methods)

    @property
    def _in(self) -> bool:
        return bool(self._transport.is_authenticated())

    def _with_password(self, methods: list[str]) -> list[str]:
        transport, user, password = self._transport, self._route.user, self._address.password
        if "password" in methods:
            more = self._try("the password", lambda: transport.auth_password(user, password, fallback=False))
            methods = more or methods
        if not self._in and "keyboard-interactive" in methods:
            answers = _Answers(str(password))
            self._try("the password, keyboard-interactive", lambda: transport.auth_interactive(user, answers))
        return methods

    def _try(self, what: str, attempt: Callable[[], Any], silent: bool = False) -> list[str]:
        """What the server takes next, as far as it says; nothing after a plain refusal."""
        try:
            more = attempt()
        except paramiko.BadAuthenticationType as error:
            if not silent:
                self._said.append(f"{what}: not taken")
            return list(error.allowed_types)
        except paramiko.AuthenticationException as error:
            self._alive(what)
            self._said.append(f"{what}: {str(error).rstrip('.').lower() if str(error) else 'refused'}")
            return []
        except (paramiko.SSHException, EOFError, OSError) as error:
            self._alive(what)
            self._said.append(f"{what}: {error}")
            return []
        if more:
            self._said.append(f"{what}: taken, but more is asked")
        return list(more or [])

    def _alive(self, what: str) -> None:
        if self._transport.is_active():
            return
        if not self._said:  # it refused nothing: the connection was lost
            raise paramiko.SSHException(f"the connection was lost while {what} was tried")
        said = "; ".join([*self._said, f"{what}: the server ended the connection"])
        raise NetconfError(
            f"{self._route.where} does not let {self._route.user} in: it ended the connection.",
            node_said=said,
            parameter="username",
            fix="A server allows so many attempts only: name the one key by private_key_file, and set IdentitiesOnly.",
        )

    def _keys(self) -> Iterator[tuple[str, Any]]:
        files = list(self._route.keys)
        agent = self._agent() if self._route.agent else []
        public = [blob for one in files if (blob := _public(one))]
        first = [key for key in agent if key.asbytes() in public]
        done = set()
        for file in files:
            key = self._load(file)
            if key is not None:
                done.add(key.asbytes())
                yield f"key {file}", key
        for key in [*first, *(one for one in agent if one not in first and not self._route.keys_only)]:
            if key.asbytes() not in done:
                yield f"key {key.fingerprint} of the agent", key

    def _agent(self) -> list[Any]:
        try:
            return list(paramiko.Agent().get_keys())
        except (paramiko.SSHException, OSError, EOFError) as error:
            self._said.append(f"the agent: {error}")
            return []

    def _load(self, file: Path) -> Any:
        words = (self._address.private_key_passphrase, self._address.password)
        secrets = [None, *(one.encode() for one in words if one)]
        for secret in secrets:
            try:
                return paramiko.PKey.from_path(str(file), secret)
            except (TypeError, paramiko.PasswordRequiredException):
                reason = "is encrypted; give private_key_passphrase, or load it into the agent"
            except paramiko.SSHException as error:
                reason = f"cannot be used: {error or type(error).__name__}"
            except (OSError, ValueError) as error:
                if secret is None:
                    reason = f"is no private key that can be used ({' '.join(str(error).split())[:80]})"
                else:
                    reason = "is not unlocked by private_key_passphrase"
        self._said.append(f"key {file}: {reason}")
        return None

    def _refuse(self, methods: list[str]) -> None:
        tried = "; ".join(self._said) or "there was nothing to try: no key and no password"
        takes = f" It takes {', '.join(methods)}." if methods else ""
        raise NetconfError(
            f"{self._route.where} does not let {self._route.user} in.",
            node_said=tried + "." + takes,
            parameter="username",
            fix="Give private_key_file or password, or load a key into the agent.",
        )


class _Answers:
    """Answers a keyboard-interactive server (RFC 4256): the password, once; a device that asks again refused it."""

    def __init__(self, password: str) -> None:
        self._left = [password]

    def __call__(self, _title: str, _instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
        return [self._left.pop() if self._left and not shown else "" for _prompt, shown in prompts]


def _public(file: Path) -> bytes | None:
    """The public key beside a private one."""
    try:
        kind_and_key = Path(f"{str(file).removesuffix('.pub')}.pub").read_text(encoding="utf-8").split()
        return base64.b64decode(kind_and_key[1])
    except (OSError, ValueError, IndexError):
        return None
