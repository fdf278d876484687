# SPDX-License-Identifier: GPL-3.0-or-later
"""Kea's control channel: JSON commands over the server's unix socket, or over HTTP by its control agent."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from ..model.errors import DhcpError, DhcpUnreachable, InvalidInput

_AGENT_PORT = 8000
_DENIED = (401, 403)


class Channel(Protocol):
    """A way to Kea."""

    def ask(self, command: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Kea's answer to one command: ``result`` (0 is good), ``text`` and ``arguments``.

        Raises:
            DhcpError: it could not be asked.
        """

    def close(self) -> None:
        """Gives back sockets."""


class UnixChannel:
    """The socket that ``control-socket`` names in Kea's configuration.

    Args:
        path: of the socket.
        timeout: seconds to wait for Kea.
    """

    def __init__(self, path: str, timeout: float = 10.0) -> None:
        self.path = path
        self.timeout = timeout

    def ask(self, command: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """See ``Channel``. Kea closes the connection after each command."""
        message = {"command": command} if arguments is None else {"command": command, "arguments": dict(arguments)}
        parts = []
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
                wire.settimeout(self.timeout)
                wire.connect(self.path)
                wire.sendall(json.dumps(message).encode())
                while part := wire.recv(1 << 16):
                    parts.append(part)
        except OSError as error:
            raise self._explained(error, command) from error
        return _parsed(b"".join(parts), f"the socket {self.path}")

    def _explained(self, error: OSError, command: str) -> DhcpError:
        said = error.strerror or str(error)
        if isinstance(error, FileNotFoundError):
            what, fix = (
                f"there is no socket {self.path}.",
                "Start Kea, and give Dhcp4 a control-socket with this socket-name.",
            )
        elif isinstance(error, PermissionError):
            what, fix = (
                f"the socket {self.path} may not be used.",
                "Use become, or a user of the group that owns it and its folder.",
            )
        elif isinstance(error, ConnectionRefusedError):
            what, fix = f"nobody listens at the socket {self.path}.", "Start Kea."
        elif isinstance(error, TimeoutError):
            what, fix = f"Kea did not answer {command} within {self.timeout:g} s.", "Look into its log."
        else:
            what, fix = f"Kea's socket {self.path} cannot be used: {said}.", None
        return DhcpUnreachable(what, parameter="socket", server_said=said, fix=fix)

    def close(self) -> None:
        """Nothing stays open."""


class HttpChannel:
    """Kea's control agent. Connections stay open from one command to the next; each thread that asks at once has one.

    Args:
        url: ``http://host:8000/`` or ``https://…``.
        username, password: for basic authentication (RFC 7617).
        ca_file: certificates by which the agent's is verified; the system's when not given.
        timeout: seconds to wait for the agent.

    Raises:
        InvalidInput: not such a URL, or the certificates cannot be read.
    """

    def __init__(
        self,
        url: str,
        username: str | None = None,
        password: str | None = None,
        ca_file: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname or "", parts.port or _AGENT_PORT
        except ValueError as error:
            raise InvalidInput(f"is no URL ({error}).", parameter="url") from None
        if parts.scheme not in ("http", "https") or not self._host:
            raise InvalidInput("is no URL of Kea's control agent.", parameter="url", fix="Write http://host:8000/.")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise InvalidInput(
                "has more than host, port and path.", parameter="url", fix="Use the options username and password."
            )
        self.url, self.timeout = url, timeout
        self._path = parts.path or "/"
        self._tls = _verifying(ca_file) if parts.scheme == "https" else None
        self._headers = {"Content-Type": "application/json"}
        if username is not None:
            login = base64.b64encode(f"{username}:{password or ''}".encode()).decode()
            self._headers["Authorization"] = f"Basic {login}"
        self._idle: list[http.client.HTTPConnection] = []

    def ask(self, command: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """See ``Channel``."""
        message: dict[str, Any] = {"command": command, "service": ["dhcp4"]}
        if arguments is not None:
            message["arguments"] = dict(arguments)
        body = json.dumps(message).encode()
        while True:
            kept = self._kept()
            connection = kept or self._connection()
            try:
                status, data = self._exchange(connection, body)
                break
            except (ConnectionError, http.client.RemoteDisconnected) as error:
                connection.close()
                # An agent that was restarted, or tired of waiting, has closed the connections of earlier commands. All
                # our commands may be said twice: whoever asks looks at what is there.
                if kept is None:
                    raise self._explained(error) from error
                self.close()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                raise self._explained(error) from error
            except BaseException:
                connection.close()
                raise
        self._idle.append(connection)
        if status in _DENIED:
            raise DhcpError(
                f"{self.url} refuses this user (HTTP {status}).",
                parameter="username",
                server_said=str(status),
                fix="Give the username and password that the control agent's configuration has.",
            )
        return _parsed(data, self.url)

    def _kept(self) -> http.client.HTTPConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self.timeout)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self.timeout, context=self._tls)

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
        connection.request("POST", self._path, body, self._headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def _explained(self, error: Exception) -> DhcpError:
        if isinstance(error, ssl.SSLCertVerificationError):
            return DhcpUnreachable(
                f"the certificate of {self.url} is not trusted.",
                parameter="ca_file",
                server_said=error.verify_message,
                fix="Give the certificate of whoever signed it, and the host's name as the certificate has it.",
            )
        said = str(error) or type(error).__name__
        return DhcpUnreachable(
            f"Kea's control agent at {self.url} cannot be asked ({said}).",
            parameter="url",
            server_said=said,
            fix="Start kea-ctrl-agent, and look at http-host and http-port of its configuration.",
        )

    def close(self) -> None:
        """See ``Channel``."""
        while (kept := self._kept()) is not None:
            kept.close()


def _verifying(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise InvalidInput(f"{ca_file} cannot be read as certificates ({error}).", parameter="ca_file") from None


def _parsed(data: bytes, place: str) -> dict[str, Any]:
    """A control agent answers with one object for each service that was asked, a server's socket with the object."""
    try:
        answer = json.loads(data)
    except ValueError:
        answer = None
    if isinstance(answer, list) and answer:
        answer = answer[0]
    if not isinstance(answer, dict) or not isinstance(answer.get("result"), int):
        said = data[:200].decode(errors="replace").strip()
        raise DhcpError(f"{place} does not answer as Kea does.", server_said=said or "nothing")
    return answer
