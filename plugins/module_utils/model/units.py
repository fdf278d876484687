# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations and rates as people write them (``15m``, ``2h``, ``1Gbit``), in seconds and bits per second."""

from __future__ import annotations

import re
from functools import lru_cache

from .errors import InvalidInput

_DURATION_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_RATE_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+\Z")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:bit/?s?|bps|b)?\Z", re.IGNORECASE)
_LONGEST = 100 * 365 * 86400
_SLOWEST, _FASTEST = 8, 10**15


def parse_duration(value: str | int | float, parameter: str = "duration") -> int:
    """Seconds in ``15m``, ``1h30m``, ``2d`` or a plain number of seconds.

    Raises:
        InvalidInput: not a duration, negative, or more than 100 years.
    """
    text = str(value).strip().lower()
    if isinstance(value, bool):
        text = "boolean"
    try:
        seconds = float(text)
    except ValueError:
        if not _DURATION.match(text):
            raise InvalidInput(
                f"'{value}' is not a duration.", parameter=parameter, fix="Write it like 90s, 15m, 2h or 1d."
            ) from None
        seconds = sum(float(number) * _DURATION_UNITS[unit] for number, unit in _DURATION_PART.findall(text))
    if not 0 <= seconds <= _LONGEST:
        raise InvalidInput(
            f"'{value}' is out of range.", parameter=parameter, fix="Give from 0s to 100 years (36500d)."
        )
    return round(seconds)


def format_duration(seconds: int) -> str:
    """The largest exact unit: 600 → ``10m``, 90 → ``90s``, 0 → ``0s``."""
    for unit in ("w", "d", "h", "m"):
        size = _DURATION_UNITS[unit]
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def parse_rate(value: str | int | float, parameter: str = "bandwidth") -> int:
    """Bits per second in ``1Gbit``, ``100Mbit/s``, ``64kbps`` or a plain number of bits per second.

    Units are decimal, as in RFC 8343's ``speed``. ``b`` always means bit.

    Raises:
        InvalidInput: not a rate, less than 8 bit/s (one octet, the kernel's unit), or more than 1000 Tbit/s.
    """
    rate = 0 if isinstance(value, bool) else _read_rate(str(value))
    if not _SLOWEST <= rate <= _FASTEST:
        raise InvalidInput(
            f"'{value}' is not a rate.",
            parameter=parameter,
            fix="Write it like 100Mbit or 1Gbit, from 8bit to 1000Tbit.",
        )
    return round(rate)


@lru_cache
def _read_rate(text: str) -> float:
    """0 for what is no rate. Requests that come together mostly ask for the same few rates."""
    matched = _RATE.match(text.strip())
    return float(matched[1]) * _RATE_UNITS[matched[2].lower()] if matched else 0


def format_rate(bits_per_second: int) -> str:
    """The largest exact unit: 1500000 → ``1500kbit``, 1000000000 → ``1Gbit``."""
    for unit, label in (("t", "Tbit"), ("g", "Gbit"), ("m", "Mbit"), ("k", "kbit")):
        size = _RATE_UNITS[unit]
        if bits_per_second and bits_per_second % size == 0:
            return f"{bits_per_second // size}{label}"
    return f"{bits_per_second}bit"
