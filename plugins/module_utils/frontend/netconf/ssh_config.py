# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user's ssh configuration says of a host. OpenSSH reads it (``ssh -G``): only so do Include, Match, patterns
and the words of ``ssh_common_args`` mean here what they mean to the user's own ``ssh``.
"""

from __future__ import annotations

import getpass
import os
import pwd
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...model.errors import InvalidInput

DEFAULT_PORT = 830
_USERS = Path("~/.ssh/config")
_SYSTEMS = Path("/etc/ssh/ssh_config")
_USUAL_KEYS = ("~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519")
_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_SYSTEMS_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_SECONDS = 30
_FIX = "Compare with what `ssh -G` says of this host."
# What a shell reads must not come from a name. OpenSSH refuses the same since release 9.6.
_UNSAFE = re.compile(r"^-|[\s'\"`$\\;&<>|(){}\x00]")


@dataclass(frozen=True, slots=True)
class Said:
    """What the configuration says of one host.

    Attributes:
        keys: files that exist.
        usual_keys: they are those that everybody has, nobody named them.
        keys_only: of the agent's keys, take none but these.
        known_as: the name in known_hosts, where it is not the host's.
        proxy: the shell's command that leads to the node; None where nothing is in between.
    """

    host: str
    port: int
    user: str
    keys: tuple[Path, ...] = ()
    usual_keys: bool = True
    keys_only: bool = False
    known_hosts: tuple[Path, ...] = ()
    known_as: str | None = None
    proxy: str | None = None


def ask(
    host: str, user: str | None = None, port: int | None = None, file: str | None = None, arguments: str | None = None
) -> Said:
    """Asks OpenSSH.

    Args:
        user, port: given elsewhere; they win.
        file: the only configuration to read; without it the user's, then the system's.
        arguments: further words of ssh's command line; they win over files.

    Raises:
        InvalidInput: the program, the file, or the words cannot be used.
    """
    if not host or _UNSAFE.search(host):
        raise InvalidInput(f"{host!r} is no name or address of a host.", parameter="host")
    words = _words(arguments)
    mine = Path(file).expanduser() if file else _USERS.expanduser()
    if file or mine.exists():
        _readable(mine)
    places = [mine] if file else [mine, *([_SYSTEMS] if _trusted(_SYSTEMS) else [])]
    program = shutil.which("ssh")
    if program is None:
        if file or words or mine.exists():
            raise InvalidInput(
                "The program ssh is needed to read an ssh configuration.",
                parameter="ssh_common_args" if words else "ssh_config_file",
                fix="Install OpenSSH's client on the controller.",
            )
        keys = tuple(found for one in _USUAL_KEYS if (found := Path(one).expanduser()).exists())
        files = tuple(Path(one).expanduser() for one in (*_KNOWN_HOSTS, *_SYSTEMS_KNOWN_HOSTS))
        return Said(host, port or DEFAULT_PORT, user or getpass.getuser(), keys, known_hosts=files)
    command = [program, "-T", "-G", "-F", "/dev/stdin", *words]
    command += ["-l", user] if user else []
    command += ["-p", str(port)] if port else []
    # Of several values the first counts, so defaults come last: the port of NETCONF, and the home that HOME names.
    known = " ".join(f'"{Path(one).expanduser()}"' for one in _KNOWN_HOSTS)
    text = "".join(f'Include "{one}"\n' for one in places)
    text += f"Match all\nPort {DEFAULT_PORT}\nUserKnownHostsFile {known}\n"
    said = _values(_run([*command, "--", host], text))
    return _said(host, said, _jump(file, mine))


def _words(arguments: str | None) -> list[str]:
    try:
        words = shlex.split(arguments or "")
    except ValueError as error:
        raise InvalidInput(f"{error}.", parameter="ssh_common_args") from None
    if any(word.startswith("-F") for word in words):
        raise InvalidInput("-F is not for here.", parameter="ssh_common_args", fix="Use ssh_config_file.")
    return words


def _readable(place: Path) -> None:
    try:
        with place.open("rb"):
            return
    except OSError as error:
        raise InvalidInput(f"{place} cannot be read: {error.strerror}.", parameter="ssh_config_file") from None


def _trusted(place: Path) -> bool:
    """Whether OpenSSH would read the system's file: in a user namespace it belongs to nobody, and ssh ends there."""
    try:
        return place.stat().st_uid in (0, os.getuid())
    except OSError:
        return False


def _run(command: list[str], text: str) -> str:
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"The ssh configuration cannot be read: {error}.", parameter="ssh_config_file", fix=_FIX
        ) from None
    if done.returncode != 0:
        words = " ".join(done.stderr.split())[-1000:]
        raise InvalidInput(f"OpenSSH refuses the configuration: {words}.", parameter="ssh_config_file", fix=_FIX)
    return done.stdout


def _values(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _space, value = line.partition(" ")
        found.setdefault(key, []).append(value)
    return found


def _jump(file: str | None, mine: Path) -> list[str]:
    """The words by which an ``ssh`` that leads to a jump host reads the same file.

    OpenSSH looks for the user's file in the home of the password database, and not where HOME says.
    """
    try:
        elsewhere = mine != Path(pwd.getpwuid(os.getuid()).pw_dir, ".ssh/config") and mine.exists()
    except KeyError:
        elsewhere = mine.exists()
    return ["-F", str(mine)] if file or elsewhere else []


def _said(name: str, found: Mapping[str, list[str]], jump: list[str]) -> Said:
    one = {key: values[0] for key, values in found.items()}
    host, port, user = one.get("hostname", name), int(one.get("port", DEFAULT_PORT)), one["user"]
    here = socket.gethostname()
    tokens = {"%": "%", "h": host, "n": name, "p": str(port), "r": user}
    tokens |= {"d": str(Path.home()), "u": getpass.getuser(), "i": str(os.getuid())}
    tokens |= {"l": here, "L": here.partition(".")[0]}
    files = [text for text in found.get("identityfile", []) if text != "none"]
    keys = (Path(_replaced(text, tokens)).expanduser() for text in files)
    places = [*_files(one.get("userknownhostsfile", "")), *_files(one.get("globalknownhostsfile", ""))]
    return Said(
        host=host,
        port=port,
        user=user,
        keys=tuple(key for key in keys if key.exists()),
        # Without any IdentityFile, OpenSSH lists all that it knows.
        usual_keys=set(files) >= set(_USUAL_KEYS),
        keys_only=one.get("identitiesonly") == "yes",
        known_hosts=tuple(Path(_replaced(text, tokens)).expanduser() for text in places if text != "none"),
        known_as=one.get("hostkeyalias"),
        proxy=_proxy(one, tokens, jump),
    )


def _files(text: str) -> list[str]:
    """Paths that OpenSSH lists without quotes."""
    usual = [str(Path(one).expanduser()) for one in _KNOWN_HOSTS]
    return usual if text == " ".join(usual) else text.split()


def _replaced(text: str, tokens: Mapping[str, str]) -> str:
    """Text with ssh's %-tokens replaced; those that are not known here stay."""
    return re.sub("%(.)", lambda found: tokens.get(found[1], found[0]), text)


def _proxy(one: Mapping[str, str], tokens: Mapping[str, str], jump: list[str]) -> str | None:
    """The shell's command that leads to the node, None where nothing is in between."""
    command, jumps = one.get("proxycommand", "none"), one.get("proxyjump", "none")
    if command != "none":
        if _UNSAFE.search(tokens["h"]) or _UNSAFE.search(tokens["r"]):
            raise InvalidInput("names a host or user that a shell would misread.", parameter="ssh_config_file")
        return _replaced(command, tokens)
    if jumps == "none":
        return None
    *before, last = jumps.split(",")
    host = tokens["h"]
    target = f"[{host}]:{tokens['p']}" if ":" in host else f"{host}:{tokens['p']}"
    # Nobody is there to be asked for a password.
    words = ["ssh", *jump, "-o", "BatchMode=yes", *(["-J", ",".join(before)] if before else []), "-W", target]
    return shlex.join([*words, last if last.startswith("ssh://") else f"ssh://{last}"])
