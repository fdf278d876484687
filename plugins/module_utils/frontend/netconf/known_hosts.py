# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host keys are trusted: files in OpenSSH's known_hosts format, with patterns, hashed names, and @revoked.

paramiko's own reader passes over markers, so that a revoked key would stay trusted, knows no patterns, and looks at one
key of each type only.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import NetconfError

_ALGORITHMS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
_BETWEEN = "Until it is clear why, trust nothing that comes from there: somebody may be in between."


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is about the host. ``marker`` is empty, ``@revoked`` or ``@cert-authority``."""

    place: str
    marker: str
    kind: str
    key: bytes


class KnownHosts:
    """What the files say of one host."""

    def __init__(self, files: Sequence[Path], names: Sequence[str], where: str) -> None:
        """A file that is not there says nothing.

        Args:
            names: of the host; one counts where those before it are not known.
            where: the host, for a person.
        """
        self._files = files
        self._name = names[0]
        self._where = where
        self._lines: list[Line] = []
        for name in names:
            self._lines += _lines(files, name)
            if any(not line.marker for line in self._lines):
                break

    def algorithms(self, offered: Sequence[str]) -> tuple[str, ...]:
        """``offered``, those of keys that are known first: a server with several keys then shows one of these."""
        known = [name for line in self._lines if not line.marker for name in _ALGORITHMS.get(line.kind, (line.kind,))]
        first = [name for name in offered if name in known]
        return (*first, *(name for name in offered if name not in first))

    def check(self, key: Any) -> None:
        """Checks a server's key.

        Raises:
            NetconfError: it is revoked, another one than before, or not known.
        """
        blob, seen = key.asbytes(), f"fingerprint {key.fingerprint} ({key.get_name()})"
        found = next((line for line in self._lines if line.marker == "@revoked" and line.key == blob), None)
        if found is not None:
            raise NetconfError(
                f"The host key of {self._where} is revoked in {found.place}.",
                node_said=seen,
                parameter="known_hosts_file",
                fix=_BETWEEN,
            )
        trusted = [line for line in self._lines if not line.marker]
        if any(line.key == blob for line in trusted):
            return
        if trusted:
            places = ", ".join(dict.fromkeys(line.place for line in trusted))
            raise NetconfError(
                f"The host key of {self._where} has changed: it is not one of those in {places}.",
                node_said=seen,
                parameter="known_hosts_file",
                fix=f"{_BETWEEN} Where the node got a new key, compare the fingerprint there and replace the lines.",
            )
        also = ""
        if any(line.marker == "@cert-authority" for line in self._lines):
            also = " Certificates of hosts (@cert-authority) are not supported."
        files = ", ".join(map(str, self._files)) or "no file"
        raise NetconfError(
            f"The host key of {self._where} is not known: {files} has none for {self._name}.{also}",
            node_said=seen,
            parameter="known_hosts_file",
            fix=f"Compare the fingerprint with the node's, then add a line: {self._name} {key.get_name()} "
            f"{key.get_base64()}",
        )


def _lines(files: Sequence[Path], name: str) -> Iterator[Line]:
    for file in files:
        try:
            text = file.read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            fields = line.split()
            marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
            if len(fields) < 3 or fields[0].startswith("#") or not _is_about(fields[0], name):
                continue
            try:
                yield Line(f"{file} line {number}", marker, fields[1], base64.b64decode(fields[2], validate=True))
            except (ValueError, binascii.Error):
                continue


def _is_about(patterns: str, name: str) -> bool:
    if patterns.startswith("|"):
        return _is_hash_of(patterns, name)
    found = False
    for pattern in patterns.lower().split(","):
        if _matches(pattern.removeprefix("!"), name.lower()):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _matches(pattern: str, name: str) -> bool:
    words = (".*" if one == "*" else "." if one == "?" else re.escape(one) for one in pattern)
    return pattern == name or (("*" in pattern or "?" in pattern) and re.fullmatch("".join(words), name) is not None)


def _is_hash_of(text: str, name: str) -> bool:
    parts = text.split("|")
    if len(parts) != 4 or parts[1] != "1":
        return False
    try:
        salt, wanted = base64.b64decode(parts[2]), base64.b64decode(parts[3])
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(hmac.digest(salt, name.lower().encode(), "sha1"), wanted)
