# SPDX-License-Identifier: GPL-3.0-or-later
"""Formats of access logs: how a block of whole lines is counted by workload, time and value."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from itertools import repeat
from operator import itemgetter
from typing import Any, Protocol

from ...plugins.module_utils.model.errors import InvalidInput

Key = tuple[str, str, str, str]
"""What lines are counted by: workload; time (without seconds where the interval has whole minutes) and zone (``+0100``,
or empty) as the log writes them; and the value that is added up, empty where lines are counted."""


_MOST_KNOWN = 200_000


class Names(dict[bytes | str, str]):
    """Workloads' names by what the log writes; each is found out once. The name is empty where there is none.

    Args:
        find: finds a name.
    """

    def __init__(self, find: Callable[[str], str]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, source: bytes | str) -> str:
        if len(self) > _MOST_KNOWN:
            self.clear()
        text = source if isinstance(source, str) else source.decode("utf-8", "replace")
        name = self[source] = self._find(text)
        return name


class Format(Protocol):
    """One kind of log."""

    def count(self, block: bytes, names: Names) -> Counter[Key]:
        """How often which `Key` stands in `block`, which is whole lines; malformed ones are missing."""

    def fits(self, line: bytes) -> bool:
        """Whether a line is well formed."""


# Apache's and nginx's Common Log Format; Combined goes on with referrer and agent, and others with more. The request
# may contain escaped quotes. No part can reach into the next line.
_PARTS = {
    "vhost": r"{vhost} ",
    "client": r"{client} ",
    "user": r"\S+ {user} ",
    "time": r"\[(\d\d/[A-Z][a-z][a-z]/\d{{4}}:\d\d:\d\d{seconds} ([+-]\d{{4}})\] ",
    "request": r'"{request}" ',
    "status": r"{status} ",
    "bytes": r"{bytes}(?:[ \r][^\n]*)?$",
}
_QUOTED = r'[^"\\\n]*+(?:\\.[^"\\\n]*+)*+'
# What stands in for each field, and the same as a group. A request that is no HTTP has neither method nor path.
_FIELDS: dict[str, tuple[str, str]] = {
    "vhost": (r"\S+", r"(\S+)"),
    "client": (r"\S+", r"(\S+)"),
    "user": (r"[^\[\n]+", r"([^\[\n]+)"),
    "method": (_QUOTED, rf"(?:([A-Z]++) )?{_QUOTED}"),
    "path": (_QUOTED, rf'(?:[A-Z]++ ([^ "\\\n?]*+))?{_QUOTED}'),
    "status": (r"\d{3}", r"(\d{3})"),
    "bytes": (r"(?:\d+|-)", r"(\d+|-)"),
    "line": ("", ""),
}
COMMON_FIELDS = tuple(_FIELDS)
_ORDER = ("line", "vhost", "client", "user", "time", "zone", "method", "path", "status", "bytes")


class CommonFormat:
    """Common, Combined and whatever follows them; also with the virtual host in front.

    One regular expression goes through a whole block, with groups only for what is counted by: lines never become
    Python objects of their own.
    """

    def __init__(self, source: str | None, value: str | None, whole_minutes: bool, vhost: bool) -> None:
        fields = {name: plain for name, (plain, _one) in _FIELDS.items()}
        wanted = [one for one in ("time", "zone", source, value) if one is not None]
        for name in {source, value} - {None}:
            fields[str(name)] = _FIELDS[str(name)][1]
        fields["request"] = fields["method"] if source == "method" or value == "method" else fields["path"]
        fields["seconds"] = r"):\d\d" if whole_minutes else r":\d\d)"
        parts = [part for name, part in _PARTS.items() if name != "vhost" or vhost]
        pattern = "".join(parts).format(**fields)
        if "line" in wanted:
            pattern = f"(?=([^\\n]*)){pattern}"
        self._pattern = re.compile(f"^{pattern}".encode(), re.MULTILINE)
        # Groups come in the order of the line.
        order = sorted(wanted, key=_ORDER.index)
        self._places = tuple(order.index(one) if one in order else None for one in (source, "time", "zone", value))

    def count(self, block: bytes, names: Names) -> Counter[Key]:
        found = self._pattern.findall(block)
        if not found:
            return Counter()
        columns = list(zip(*found, strict=True))
        source, time, zone, value = (None if one is None else columns[one] for one in self._places)
        # Column by column, so that no line is touched by Python code.
        workloads = repeat(names[b""], len(found)) if source is None else map(names.__getitem__, source)
        values = repeat(b"", len(found)) if value is None else value
        counted = Counter(zip(workloads, time or (), zone or (), values, strict=True))
        return Counter(
            {(name, at.decode(), of.decode(), one.decode()): count for (name, at, of, one), count in counted.items()}
        )

    def fits(self, line: bytes) -> bool:
        return self._pattern.match(line) is not None


class JsonFormat:
    """JSON lines: one object a line. Fields may lie deeper: ``http.host``."""

    def __init__(self, source: str | None, value: str | None, time: str, whole_minutes: bool) -> None:
        self._source = None if source is None else _getter(source)
        self._value = None if value is None else _getter(value)
        self._time = _getter(time)
        self._whole_minutes = whole_minutes
        self._scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]

    def count(self, block: bytes, names: Names) -> Counter[Key]:
        found = []
        # Everything that every line needs is a local name: this loop is what reading JSON lines costs.
        scan, get_time, get_source, get_value = self._scan, self._time, self._source, self._value
        cut = 16 if self._whole_minutes else 19
        for line in block.decode("utf-8", "replace").split("\n"):
            try:
                thing, end = scan(line, 0)
                stamp = get_time(thing)
                source = "" if get_source is None else get_source(thing)
                value = "" if get_value is None else get_value(thing)
                if end != len(line) and line[end:].strip():
                    continue
                if stamp[-1] == "Z" and stamp[13] == ":":
                    found.append((source, stamp[:cut], "Z", value))
                else:
                    found.append((source, *self._split(stamp), value))
            except (StopIteration, LookupError, TypeError):
                # A number has no letters: seconds since 1970.
                if (other := self._unusual(line)) is not None:
                    found.append(other)
            except (ValueError, RecursionError):
                continue
        return Counter((names[_text(source)], time, zone, _text(value)) for source, time, zone, value in found)

    def fits(self, line: bytes) -> bool:
        return bool(self.count(line, Names(lambda _source: "")))

    def _unusual(self, line: str) -> tuple[Any, str, str, Any] | None:
        try:
            thing, end = self._scan(line, 0)
            stamp = self._time(thing)
            source = "" if self._source is None else self._source(thing)
            value = "" if self._value is None else self._value(thing)
        except (StopIteration, LookupError, TypeError, ValueError, RecursionError):
            return None
        good = isinstance(stamp, str | int | float) and not line[end:].strip()
        return (source, str(stamp), "", value) if good else None

    def _split(self, stamp: str) -> tuple[str, str]:
        """Time and zone. What is no ISO 8601 stays whole: nothing can be cut from it."""
        if len(stamp) < 16 or stamp[4] != "-" or stamp[13] != ":":
            return stamp, ""
        end = len(stamp)
        if end > 19:
            end -= 6 if stamp[-6] in "+-" else 5 if stamp[-5] in "+-" else 0
        return stamp[: 16 if self._whole_minutes else min(end, 19)], stamp[end:]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _getter(field: str) -> Callable[[Any], Any]:
    """What takes a field, dotted or not, out of an object; raises KeyError or TypeError where it is not."""
    # A field whose own name has dots, as in ECS written flat, is found first.
    parts = field.split(".")

    def deep(found: Any) -> Any:
        if field in found:
            return found[field]
        for part in parts:
            found = found[part]
        return found

    return itemgetter(field) if len(parts) == 1 else deep


def check_field(name: str | None, option: str, formats: str) -> None:
    """Refuses a field that Common Log Format has not."""
    if formats != "json" and name is not None and name not in COMMON_FIELDS:
        message = f"'{name}' is no field of the format '{formats}'."
        raise InvalidInput(message, parameter=option, fix=f"There are: {', '.join(COMMON_FIELDS)}.")
