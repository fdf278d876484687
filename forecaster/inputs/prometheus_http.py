# SPDX-License-Identifier: GPL-3.0-or-later
"""Range queries to a server with Prometheus's HTTP API: authentication, TLS, and tries that are repeated."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import random
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...plugins.module_utils.model.errors import InvalidInput
from .options import reason
from .source import SourceFailed

_LONGEST_WAIT = 30.0
_RETRIED = {429, 500, 502, 503, 504}


class TooManySamples(SourceFailed):
    """The server will not load that many samples for one answer; a shorter range may do."""


@dataclass(frozen=True)
class Access:
    """How to reach a server.

    Attributes:
        url: of the server, with the path that it is served under if it has one.
        headers: more of them, such as a tenant's ``X-Scope-OrgID``; secrets too, so not shown.
        ca_file: certificates that the server's must be signed by; those of the system without.
        certificate_file, key_file: of this client, for servers that ask for one.
        timeout: seconds for one try.
        retries: how often a try that failed for reasons that pass is repeated.
        first_wait: seconds before the first repetition; doubled for each further one.
    """

    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    bearer_token: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    timeout: float = 60.0
    retries: int = 5
    first_wait: float = 0.5


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the credentials to another server."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


class PrometheusClient:
    """One server.

    Raises:
        InvalidInput: the URL or a file of the TLS options has no meaning.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._url = _api_url(access.url)
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if self._url.startswith("https:"):
            handlers.append(urllib.request.HTTPSHandler(context=_tls(access)))
        self._opener = urllib.request.build_opener(*handlers)
        self._headers = _headers(access)

    def query_range(self, query: str, start: int, end: int, step: int) -> dict[str, Any]:
        """The server's answer: ``data`` and, where it has some, ``warnings``. Times in seconds.

        Raises:
            InvalidInput: the server finds the query wrong.
            TooManySamples: the range is too long for the server.
            SourceFailed: no answer after all tries, or one that no try will change.
        """
        form = {"query": query, "start": str(start), "end": str(end), "step": str(step)}
        body = urllib.parse.urlencode(form).encode()
        wait = self._access.first_wait
        for tries_left in range(self._access.retries, -1, -1):
            try:
                return self._once(body)
            except _Passing as error:
                if not tries_left:
                    tries = self._access.retries + 1
                    message = f"no answer after {tries} tries: {error}"
                    raise SourceFailed(message, parameter="url", fix="Is the server running?") from None
                # A little chance keeps many clients from coming back at once.
                pause = error.retry_after if error.retry_after is not None else wait * random.uniform(0.75, 1.25)  # noqa: S311
                time.sleep(min(pause, _LONGEST_WAIT))
                wait *= 2
        raise AssertionError("the last try returns or raises")

    def _once(self, body: bytes) -> dict[str, Any]:
        request = urllib.request.Request(self._url, body, self._headers, method="POST")  # noqa: S310, checked: http or https
        try:
            with self._opener.open(request, timeout=self._access.timeout) as response:
                content = _unpacked(response.read(), response.headers.get("Content-Encoding"))
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error) from None
        except urllib.error.URLError as error:
            cause = error.reason
            _refuse_tls(cause)
            raise _Passing(reason(cause) if isinstance(cause, Exception) else str(cause)) from None
        except ssl.SSLError as error:
            # TLS 1.3 servers look at a client's certificate after the handshake.
            _refuse_tls(error)
            raise _Passing(reason(error)) from None
        except (OSError, http.client.HTTPException, EOFError, zlib.error) as error:
            raise _Passing(reason(error)) from None
        answer = _json(content)
        if answer is None or answer.get("status") != "success" or not isinstance(answer.get("data"), dict):
            raise SourceFailed("what answers there is no Prometheus.", parameter="url")
        return answer

    def _refusal(self, error: urllib.error.HTTPError) -> Exception:
        try:
            content = _unpacked(error.read(), error.headers.get("Content-Encoding"))
        except (OSError, http.client.HTTPException, EOFError, zlib.error):
            content = b""
        said = (_json(content) or {}).get("error") or f"{error.code} {error.reason}"
        if error.code in (301, 302, 303, 307, 308):
            return SourceFailed(f"the server has moved to {error.headers.get('Location')}.", parameter="url")
        if error.code in (401, 403):
            option = "bearer_token" if self._access.bearer_token else "username"
            return SourceFailed(f"the server refuses the credentials ({said}).", parameter=option)
        if error.code == 404:
            return SourceFailed("there is no Prometheus API.", parameter="url", fix="Does its path need a prefix?")
        if error.code == 422 and "too many samples" in said:
            return TooManySamples(f"the server said: {said}.", parameter="query")
        if error.code in (400, 422) and content.lstrip().startswith(b"{"):
            return InvalidInput(f"the server said: {said}.", parameter="query")
        if error.code in _RETRIED:
            after = error.headers.get("Retry-After", "")
            return _Passing(str(said), float(after) if after.isdigit() else None)
        return SourceFailed(f"the server said: {said}.", parameter="url")


def _refuse_tls(cause: object) -> None:
    """Raises what no further try will change."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        message = f"the server's certificate is not trusted: {cause.verify_message}."
        fix = "Give the CA that signed it, and the name that it is for."
        raise SourceFailed(message, parameter="ca_file", fix=fix) from None
    if isinstance(cause, ssl.SSLError) and "WRONG_VERSION_NUMBER" in str(cause):
        message = "the server does not speak TLS."
        raise SourceFailed(message, parameter="url", fix="Is it http:// instead of https://?") from None
    if isinstance(cause, ssl.SSLError) and "alert" in str(cause).lower():
        message = f"the server ends the TLS handshake: {reason(cause)}."
        raise SourceFailed(message, parameter="certificate_file", fix="Does it want a certificate of this client?")


class _Passing(Exception):
    """A failure that another try may not have."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def _api_url(url: str) -> str:
    try:
        parts = urllib.parse.urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInput(f"'{url}' is no URL: {error}.", parameter="url") from None
    if parts.scheme not in ("http", "https") or not host:
        fix = "Write it like https://prometheus.example:9090."
        raise InvalidInput(f"'{url}' is no URL of a server.", parameter="url", fix=fix)
    if parts.username or parts.password:
        raise InvalidInput("has credentials in it.", parameter="url", fix="Give username and password_file instead.")
    if parts.query or parts.fragment:
        raise InvalidInput(f"'{url}' goes on after the path.", parameter="url")
    path = parts.path.rstrip("/").removesuffix("/api/v1/query_range").removesuffix("/api/v1")
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc, f"{path}/api/v1/query_range", "", ""))


def _headers(access: Access) -> dict[str, str]:
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "shadownet-forecast",
        **access.headers,
    }
    for name, value in headers.items():
        if any(ord(sign) < 32 or ord(sign) > 255 for sign in name + value):
            raise InvalidInput(f"the header '{name}' has signs that no header may have.", parameter="headers")
    if access.bearer_token is not None:
        headers["Authorization"] = f"Bearer {access.bearer_token}"
    elif access.username is not None:
        pair = f"{access.username}:{access.password or ''}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"  # RFC 7617, 2
    return headers


def _tls(access: Access) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=access.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise InvalidInput(f"cannot read {access.ca_file}: {reason(error)}.", parameter="ca_file") from None
    if access.certificate_file is not None:
        try:
            # Never asks for a passphrase at the terminal.
            context.load_cert_chain(access.certificate_file, access.key_file, password=lambda: "")
        except (OSError, ssl.SSLError) as error:
            message = f"cannot use {access.certificate_file} and its key: {reason(error)}."
            raise InvalidInput(message, parameter="certificate_file") from None
    return context


def _unpacked(content: bytes, encoding: str | None) -> bytes:
    return gzip.decompress(content) if encoding == "gzip" else content


def _json(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
