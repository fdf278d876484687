# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings file of ``shadownet-node``: YAML, read so that a typing error is no default."""

from __future__ import annotations

import ipaddress
import re
import stat
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from ..plugins.module_utils.model.errors import InvalidInput
from ..plugins.module_utils.model.units import parse_duration

Access = Literal["read-write", "read-only"]
StartupMode = Literal["automatic", "explicit"]

STANDARD_PORT = 830  # RFC 6242, 6
_SIZE = re.compile(r"(\d+)\s*(|KiB|MiB|GiB)\Z")
_UNITS = {"": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_USER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}\Z")
_SYSTEM_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")


@dataclass(frozen=True)
class Listen:
    """One address that the server listens on."""

    address: str
    port: int = STANDARD_PORT


@dataclass(frozen=True)
class UserSettings:
    """Who may log in.

    Attributes:
        access: ``read-write`` for everything, ``read-only`` for what neither changes nor locks anything.
        authorized_keys: public keys, one line each as in OpenSSH's authorized_keys.
        authorized_keys_file: a file of such lines; read again on SIGHUP.
    """

    name: str
    access: Access
    authorized_keys: tuple[str, ...] = ()
    authorized_keys_file: Path | None = None


@dataclass(frozen=True)
class Startup:
    """Where the configuration lies that a start begins with."""

    file: Path = Path("/var/lib/shadownet-node/startup.xml")
    mode: StartupMode = "automatic"


@dataclass(frozen=True)
class Limits:
    """What one client, or all of them, may take. Times in seconds, sizes in octets.

    Attributes:
        sessions: NETCONF sessions at a time.
        sessions_per_user: the same, of one user.
        unauthenticated: connections that have not logged in yet; one more pushes out the oldest of the address that
            has most of them.
        login_time: for a connection to log in.
        hello_time: for a session to begin, from its channel's opening to the client's hello.
        idle_time: without a request; 0 for no limit. Sessions with a subscription, and those whose request is being
            worked on, are not idle.
        message_size: of one message from a client. All messages that have begun and not ended may have four times as
            much.
        send_queue: notifications that wait for a client that does not read.
        send_time: without a client taking anything of what waits for it.
    """

    sessions: int = 100
    sessions_per_user: int = 50
    unauthenticated: int = 50
    login_time: int = 30
    hello_time: int = 30
    idle_time: int = 900
    message_size: int = 16 * 2**20
    send_queue: int = 16 * 2**20
    send_time: int = 60


@dataclass(frozen=True)
class Settings:
    """What the settings file says.

    Attributes:
        user: system user that the server runs as when it is started as root; None for no change of user.
        audit: ``stderr``, ``syslog``, or a file.
    """

    listen: tuple[Listen, ...]
    host_keys: tuple[Path, ...]
    users: tuple[UserSettings, ...]
    user: str | None = None
    startup: Startup = field(default_factory=Startup)
    limits: Limits = field(default_factory=Limits)
    audit: Literal["stderr", "syslog"] | Path = "stderr"


# Least values with which a client can still work; and the key's kind.
_LIMITS: dict[str, tuple[str, int]] = {
    "sessions": ("number", 1),
    "sessions_per_user": ("number", 1),
    "unauthenticated": ("number", 1),
    "login_time": ("duration", 1),
    "hello_time": ("duration", 1),
    "idle_time": ("duration", 0),
    "message_size": ("size", 4096),
    "send_queue": ("size", 4096),
    "send_time": ("duration", 1),
}


def load_settings(path: Path) -> Settings:
    """Reads a settings file.

    Raises:
        InvalidInput: it cannot be read, or says something wrong; ``parameter`` is the key, as ``users[2].access``.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{path} cannot be read: {error}.",
            parameter="--config",
            fix="Name a file that this user may read; `shadownet-node sample-config` prints one to start with.",
        ) from None
    if mode & 0o022:
        raise InvalidInput(
            f"others than its owner may write {path}, and so make themselves users.",
            parameter="--config",
            fix=f"chmod go-w {path}",
        )
    return parse_settings(text, path.parent.absolute())


def parse_settings(text: str, folder: Path) -> Settings:
    """The settings in a YAML text; relative paths in it begin at ``folder``.

    Raises:
        InvalidInput: as ``load_settings``.
    """
    try:
        data = yaml.load(text, _StrictLoader)  # noqa: S506  # a SafeLoader that refuses a key given twice
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where is not None else ""
        said = getattr(error, "problem", None) or str(error)
        raise InvalidInput(f"the settings are not YAML: {said}{line}.", parameter="--config") from None
    except RecursionError:
        raise _too_deep() from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:  # a tag, date or number that is none
        raise InvalidInput(
            f"the settings hold a value that YAML cannot read: {error}.",
            parameter="--config",
            fix="Put texts in quotes, and use no tags (!!).",
        ) from None
    try:
        return _Reader(folder).settings(data)
    except RecursionError:  # what is wrong is shown, and that takes its depth again
        raise _too_deep() from None


def _too_deep() -> InvalidInput:
    return InvalidInput(
        "the settings are nested too deeply.",
        parameter="--config",
        fix="Keep to the keys of `shadownet-node sample-config`.",
    )


class _StrictLoader(yaml.SafeLoader):
    """YAML lets the last of two equal keys win, silently; a second `users` must not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key '{key.value}' is there twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def settings(self, data: Any) -> Settings:
        found = _mapping(data, Settings, "")
        listen = tuple(_listen(one, at) for one, at in _items(found, "listen"))
        users = tuple(self._user(one, at) for one, at in _items(found, "users"))
        _unique([(one.name, f"users[{at}].name") for at, one in enumerate(users)])
        _unique([(f"{one.address} port {one.port}", f"listen[{at}]") for at, one in enumerate(listen)])
        keys = tuple(self._path(one, at) for one, at in _items(found, "host_keys"))
        made: dict[str, Any] = {"listen": listen, "users": users, "host_keys": keys}
        if "user" in found:
            made["user"] = _text(found["user"], "user", _SYSTEM_USER, "Give the name of a system user.")
        if "startup" in found:
            made["startup"] = self._startup(found["startup"])
        if "limits" in found:
            made["limits"] = _limits(found["limits"])
        if "audit" in found:
            made["audit"] = self._audit(found["audit"])
        return Settings(**made)

    def _user(self, data: Any, where: str) -> UserSettings:
        found = _mapping(data, UserSettings, where)
        name = _text(found["name"], f"{where}.name", _USER_NAME, "Use letters, digits and . _ @ + -, 64 at most.")
        access = _choice(found["access"], f"{where}.access", get_args(Access))
        lines: list[str] = []
        for one, at in _items(found, "authorized_keys", where) if "authorized_keys" in found else ():
            if not isinstance(one, str) or not one.strip() or "\n" in one.strip():
                raise InvalidInput(
                    "it is not one line of text.",
                    parameter=at,
                    fix="Give a public key as ssh-keygen writes it to *.pub.",
                )
            lines.append(one.strip())
        file = None
        if "authorized_keys_file" in found:
            file = self._path(found["authorized_keys_file"], f"{where}.authorized_keys_file")
        if not lines and file is None:
            raise InvalidInput(
                "the user has no key and could never log in.",
                parameter=where,
                fix="Give authorized_keys or authorized_keys_file.",
            )
        return UserSettings(name, access, tuple(lines), file)

    def _startup(self, data: Any) -> Startup:
        found = _mapping(data, Startup, "startup")
        made: dict[str, Any] = {}
        if "file" in found:
            made["file"] = self._path(found["file"], "startup.file")
        if "mode" in found:
            made["mode"] = _choice(found["mode"], "startup.mode", get_args(StartupMode))
        return Startup(**made)

    def _audit(self, data: Any) -> Any:
        if isinstance(data, str) and (data in ("stderr", "syslog") or "/" in data):
            return data if "/" not in data else self._path(data, "audit")
        raise InvalidInput(
            f"{data!r} is no place for the audit log.", parameter="audit", fix="Give stderr, syslog, or a file's path."
        )

    def _path(self, data: Any, where: str) -> Path:
        if not isinstance(data, str) or not data or "\0" in data:
            raise InvalidInput(f"{data!r} is not a path.", parameter=where, fix="Give the path of a file.")
        return self._folder / data


def _limits(data: Any) -> Limits:
    found = _mapping(data, Limits, "limits")
    made = {}
    for key, value in found.items():
        kind, least = _LIMITS[key]
        where = f"limits.{key}"
        if kind == "duration":
            made[key] = parse_duration(value, where)
        elif kind == "size":
            made[key] = _size(value, where)
        elif isinstance(value, int) and not isinstance(value, bool):
            made[key] = value
        else:
            raise InvalidInput(f"{value!r} is not a number.", parameter=where, fix="Give a whole number.")
        if not least <= made[key] <= 2**31:
            raise InvalidInput(f"{value!r} is out of range.", parameter=where, fix=f"Give at least {least}.")
    return Limits(**made)


def _listen(data: Any, where: str) -> Listen:
    found = _mapping(data, Listen, where)
    try:
        address = str(ipaddress.ip_address(found["address"] if isinstance(found["address"], str) else ""))
    except ValueError:
        raise InvalidInput(
            f"{found['address']!r} is not an IP address.",
            parameter=f"{where}.address",
            fix="Give an IPv4 or IPv6 address in quotes; '::' is every address of both.",
        ) from None
    port = found.get("port", STANDARD_PORT)
    if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= 65535:
        raise InvalidInput(
            f"{port!r} is not a port.", parameter=f"{where}.port", fix="Give 1 to 65535, or 0 for any that is free."
        )
    return Listen(address, port)


def _mapping(data: Any, shape: type, where: str) -> dict[str, Any]:
    """``data`` as keys of a data class: all that it needs, none that it has not."""
    names = [one.name for one in fields(shape)]
    if not isinstance(data, dict):
        raise InvalidInput(
            "a mapping is needed here.", parameter=where or "--config", fix=f"Its keys are: {', '.join(names)}."
        )
    for key in data:
        if key not in names:
            raise InvalidInput(
                "there is no such key.", parameter=_below(where, str(key)), fix=f"Keys here: {', '.join(names)}."
            )
    for one in fields(shape):
        if one.default is MISSING and one.default_factory is MISSING and one.name not in data:
            raise InvalidInput("it is missing.", parameter=_below(where, one.name), fix="Add this key.")
    return data


def _items(found: dict[str, Any], key: str, where: str = "") -> list[tuple[Any, str]]:
    at = _below(where, key)
    items = found[key]
    if not isinstance(items, list) or not items:
        raise InvalidInput(
            "a list with at least one item is needed here.", parameter=at, fix="Begin each item with a dash."
        )
    return [(one, f"{at}[{number}]") for number, one in enumerate(items)]


def _below(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _text(value: Any, where: str, pattern: re.Pattern[str], fix: str) -> str:
    if not isinstance(value, str) or not pattern.match(value):
        raise InvalidInput(f"{value!r} is no name.", parameter=where, fix=fix)
    return value


def _choice(value: Any, where: str, choices: tuple[str, ...]) -> Any:
    if value not in choices:
        raise InvalidInput(f"{value!r} is unknown.", parameter=where, fix=f"Give {' or '.join(choices)}.")
    return value


def _size(value: Any, where: str) -> int:
    match = _SIZE.match(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    if match is None:
        raise InvalidInput(f"{value!r} is not a size.", parameter=where, fix="Write it like 65536, 512KiB or 64MiB.")
    return int(match[1]) * _UNITS[match[2]]


def _unique(pairs: list[tuple[str, str]]) -> None:
    seen = set()
    for value, where in pairs:
        if value in seen:
            raise InvalidInput(f"{value} is there twice.", parameter=where, fix="Leave one of them out.")
        seen.add(value)
