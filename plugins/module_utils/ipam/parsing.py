# SPDX-License-Identifier: GPL-3.0-or-later
"""From what people write to checked values: prefixes, ranges, names, numbers. Addresses are parsed by netaddr."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from ..ledger.addresses import split_range
from ..model.errors import InvalidInput, unknown_options
from ..model.pool import FAMILY_BITS, Block

try:
    import netaddr
except ImportError as error:  # the modules turn this into their own message
    NETADDR_ERROR: ImportError | None = error
else:
    NETADDR_ERROR = None

FAMILIES = {"ipv4": 4, "ipv6": 6}
LONGEST_NAME = 200
"""Octets of UTF-8: together with its mark, a name must fit into a Linux interface's alias (255 octets)."""

_FORBIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"
"""Format characters that scripts and emoji need."""


TIME_FIX = "Write it with its zone, like 2026-11-21T18:00:00Z or 2026-11-21T19:00:00+01:00."
_FIRST_YEAR, _LAST_YEAR = 1970, 9999


def parse_time(value: Any, parameter: str) -> int:
    """Milliseconds since the epoch for ISO 8601 with a zone, or for what YAML made of it.

    Raises:
        InvalidInput: no such text, no zone, or not in the years from 1970 to 9999 in UTC.
    """
    found = value
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value.strip())
        except ValueError:
            found = None
    if isinstance(found, date) and not isinstance(found, datetime):
        raise InvalidInput(f"'{value}' is a day, and no time.", parameter=parameter, fix=TIME_FIX)
    if not isinstance(found, datetime):
        raise InvalidInput(f"'{value}' is not a time.", parameter=parameter, fix=TIME_FIX)
    if found.tzinfo is None:
        raise InvalidInput(f"'{value}' has no zone.", parameter=parameter, fix=TIME_FIX)
    try:
        moment = found.astimezone(UTC)
    except OverflowError:
        moment = None
    # Beyond the last half millisecond comes another year.
    if moment is None or moment.year < _FIRST_YEAR or (moment.year, moment.microsecond) >= (_LAST_YEAR, 999_500):
        raise InvalidInput(
            f"'{value}' is outside the years from {_FIRST_YEAR} to {_LAST_YEAR}.",
            parameter=parameter,
            fix="Give a time within them, such as 9999-12-31T00:00:00Z for one that never comes.",
        )
    return round(moment.timestamp() * 1000)


def parse_prefix(value: Any, parameter: str) -> Block:
    """``10.0.0.0/24`` or ``2001:db8::/48``.

    Raises:
        InvalidInput: no prefix length, host bits set, or not an address.
    """
    text = str(value).strip()
    address, slash, length = text.partition("/")
    if not slash or not (length.isascii() and length.isdigit()):
        raise InvalidInput(
            f"'{text}' is not a prefix.", parameter=parameter, fix="Write it like 10.0.0.0/24 or 2001:db8::/48."
        )
    try:
        network = netaddr.IPNetwork(f"{netaddr.IPAddress(address, flags=netaddr.INET_PTON)}/{int(length)}")
    except (netaddr.AddrFormatError, ValueError):
        raise InvalidInput(
            f"'{text}' is not a prefix.", parameter=parameter, fix="Write it like 10.0.0.0/24 or 2001:db8::/48."
        ) from None
    if network.ip.value != network.first:
        raise InvalidInput(f"'{text}' has host bits set.", parameter=parameter, fix=f"Did you mean {network.cidr}?")
    return Block(network.version, network.first, network.prefixlen)


def parse_address(value: Any, parameter: str) -> tuple[int, int]:
    """Family (4 or 6) and address as an integer. Raises InvalidInput."""
    try:
        address = netaddr.IPAddress(str(value).strip(), flags=netaddr.INET_PTON)
    except (netaddr.AddrFormatError, ValueError):
        raise InvalidInput(f"'{value}' is not an address.", parameter=parameter) from None
    return address.version, address.value


def parse_excluded(value: Any, parameter: str) -> tuple[int, int, int]:
    """A prefix, an address or a range ``10.0.0.1-10.0.0.9`` as (family, first, last). Raises InvalidInput."""
    text = str(value).strip()
    if "/" in text:
        block = parse_prefix(text, parameter)
        return block.family, block.start, block.last
    low, dash, high = text.partition("-")
    family, first = parse_address(low, parameter)
    other, last = parse_address(high, parameter) if dash else (family, first)
    if family != other or last < first:
        raise InvalidInput(f"'{text}' is not a range of addresses.", parameter=parameter, fix="Give the lower first.")
    return family, first, last


def merge_ranges(ranges: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The same addresses as disjoint ranges in order."""
    merged: list[tuple[int, int, int]] = []
    for family, first, last in sorted(ranges):
        if merged and merged[-1][0] == family and first <= merged[-1][2] + 1:
            merged[-1] = (family, merged[-1][1], max(last, merged[-1][2]))
        else:
            merged.append((family, first, last))
    return merged


def range_blocks(family: int, first: int, last: int) -> list[Block]:
    """The fewest aligned blocks that make up a range."""
    return list(split_range(family, first, last))


def check_name(value: Any, parameter: str) -> str:
    """A key in any script, in Unicode normal form C, so that what looks the same is the same.

    Raises:
        InvalidInput: empty, with outer white space, control characters, or over ``LONGEST_NAME`` octets.
    """
    if value is None:
        raise InvalidInput("is required.", parameter=parameter)
    if (
        isinstance(value, str)
        and value.isascii()
        and value.isprintable()
        and 0 < len(value) <= LONGEST_NAME
        and value[0] != " " != value[-1]
    ):
        # As nearly all names are; no question of normal forms.
        return value
    if isinstance(value, (Mapping, list, tuple)):
        raise InvalidInput("expected text.", parameter=parameter)
    text = unicodedata.normalize("NFC", str(value))
    if (
        not text
        or text != text.strip()
        or any(unicodedata.category(char) in _FORBIDDEN for char in text if char not in _JOINERS)
    ):
        raise InvalidInput(
            f"{text!r} is not a name.",
            parameter=parameter,
            fix="Give text without control and invisible characters, line breaks and outer white space.",
        )
    if len(text.encode()) > LONGEST_NAME:
        raise InvalidInput(f"is longer than {LONGEST_NAME} octets of UTF-8.", parameter=parameter)
    return text


def check_options(data: Any, known: Sequence[str], parameter: str) -> Mapping[str, Any]:
    """Refuses what is no dictionary or has unknown keys, so that a typing error cannot pass unseen."""
    # A plain dictionary is known as such four times faster than by the abstract class alone.
    if not isinstance(data, (dict, Mapping)):
        raise InvalidInput(f"expected a dictionary, not {type(data).__name__}.", parameter=parameter)
    unknown = [str(key) for key in data if key not in known]
    if unknown:
        raise unknown_options(unknown, known, parameter)
    return data


def given_options(data: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is null or empty text, which is what an empty template gives: both mean "not given"."""
    return {key: value for key, value in data.items() if value is not None and value != ""}


def integer(value: Any, parameter: str, low: int, high: int) -> int:
    """A whole number within bounds. Raises InvalidInput."""
    try:
        number = value if isinstance(value, int) else int(str(value))
    except ValueError:
        number = low - 1
    if isinstance(value, bool) or not low <= number <= high:
        raise InvalidInput(f"'{value}' is not a whole number from {low} to {high}.", parameter=parameter)
    return number


def flag(value: Any, parameter: str) -> bool:
    """A boolean as YAML, JSON and command lines write it. Raises InvalidInput."""
    text = str(value).lower()
    if text not in ("true", "yes", "1", "false", "no", "0"):
        raise InvalidInput(f"'{value}' is not a boolean.", parameter=parameter)
    return text in ("true", "yes", "1")


def choice(value: Any, parameter: str, choices: Sequence[str]) -> str:
    """One of the choices. Raises InvalidInput."""
    if value not in choices:
        raise InvalidInput(f"'{value}' is not known.", parameter=parameter, fix=f"Choose one of {', '.join(choices)}.")
    return str(value)


def listed(value: Any, parameter: str) -> list[Any]:
    """A list; one text alone counts as a list, None as an empty one. Raises InvalidInput."""
    if value is None or isinstance(value, str):
        return [] if value is None else [value]
    if not isinstance(value, (list, tuple)):
        raise InvalidInput(f"expected a list, not {type(value).__name__}.", parameter=parameter)
    return list(value)


def name_list(value: Any, parameter: str) -> list[str]:
    """A list of distinct names (one name alone counts as a list). Raises InvalidInput."""
    items = listed(value, parameter)
    names = [check_name(item, f"{parameter}[{index}]") for index, item in enumerate(items)]
    check_distinct(names, parameter)
    return names


def check_distinct(names: Sequence[str], parameter: str) -> None:
    """Refuses the same key twice in one call, because one of them would be lost."""
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidInput(f"'{name}' is there twice.", parameter=parameter, fix="Give each once.")
        seen.add(name)


def read_text_map(value: Any, parameter: str, most: int = 64) -> dict[str, str]:
    """Labels: a dictionary of text, sorted by key. Raises InvalidInput."""
    if not isinstance(value, (dict, Mapping)):
        raise InvalidInput("expected a dictionary.", parameter=parameter)
    if len(value) > most:
        raise InvalidInput(f"has more than {most} entries.", parameter=parameter)
    found = {}
    for key, content in value.items():
        name = check_name(key, parameter)
        if not isinstance(content, str) and isinstance(content, (Mapping, list, tuple)):
            raise InvalidInput("expected text.", parameter=f"{parameter}.{name}")
        text = "" if content is None else str(content)
        found[name] = check_name(text, f"{parameter}.{name}") if text else ""
    return dict(sorted(found.items())) if len(found) > 1 else found


def prefix_length_for(family: int, addresses: int, extra: int, parameter: str) -> int:
    """The longest prefix with room for ``addresses`` hosts and ``extra`` reserved ones; a /64 in IPv6 (RFC 4291).

    Raises:
        InvalidInput: more than the family can hold.
    """
    if family == 6:
        if addresses + extra > 2**64:
            raise InvalidInput(f"{addresses} do not fit into a /64.", parameter=parameter, fix="Give prefix_length.")
        return 64
    length = FAMILY_BITS[4] - (addresses + extra - 1).bit_length()
    if length < 0:
        raise InvalidInput(f"{addresses} are more than IPv4 has.", parameter=parameter)
    return length
