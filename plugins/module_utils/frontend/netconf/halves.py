# SPDX-License-Identifier: GPL-3.0-or-later
"""Access lists of devices that keep one list for each address family: two halves make one of ours.

An entry that is about both families stands in both halves, at the same place. Where the halves do not fit together,
what is read differs from anything that is written, so that the next push writes both anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ...model.node_config import AccessEntry
from .canonical import DEFAULT_ENTRY, family_of

IN_PART = " (in part)"
"""Ends the name of a list of which an interface has one half only."""
_EVERYTHING = {4: "0.0.0.0/0", 6: "::/0"}


class Half(NamedTuple):
    """One list of one family; ``entries`` by their place."""

    name: str
    family: int
    entries: Mapping[int, AccessEntry]


def joined(halves: Iterable[Half]) -> list[tuple[str, list[AccessEntry]]]:
    """Lists by name, each with its entries in order."""
    lists: dict[str, dict[int, Mapping[int, AccessEntry]]] = {}
    for half in halves:
        lists.setdefault(half.name, {})[half.family] = half.entries
    return [(name, _entries(found)) for name, found in lists.items()]


def _entries(halves: Mapping[int, Mapping[int, AccessEntry]]) -> list[AccessEntry]:
    found: list[AccessEntry] = []
    for place in sorted({place for entries in halves.values() for place in entries}):
        there = {family: entries[place] for family, entries in halves.items() if place in entries}
        if len(there) == len(_EVERYTHING) and len(set(there.values())) == 1:
            found.append(next(iter(there.values())))
        else:
            found += [_alone(entry, family) for family, entry in sorted(there.items())]
    return found


def _alone(entry: AccessEntry, family: int) -> AccessEntry:
    """An entry that stands in one half: it says its family, where it does not do so anyway."""
    if family_of(entry) is not None:
        return entry
    name = f"{entry.name} (IPv{family} only)" if entry.name == DEFAULT_ENTRY else entry.name
    return replace(entry, name=name, source=_EVERYTHING[family])


def attached(names: Sequence[str], halves: int) -> tuple[str, ...]:
    """Names of the lists that an interface has, of each of which ``halves`` were found."""
    return tuple(name if names.count(name) >= halves else f"{name}{IN_PART}" for name in dict.fromkeys(names))
