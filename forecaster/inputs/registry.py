# SPDX-License-Identifier: GPL-3.0-or-later
"""Readers by the name that a source's ``type`` gives. A further one is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ...plugins.module_utils.model.errors import InvalidInput
from .csv_file import CsvOptions, read_csv
from .history import HistoryOptions, read_history
from .ledger import LedgerOptions, read_ledger
from .logs import LogOptions, read_logs
from .options import read_options
from .prometheus import PrometheusOptions, read_prometheus
from .source import Context, Reading, SourceFailed


class Reader(NamedTuple):
    """Options of a kind of source, and what reads it."""

    options: type[Any]
    read: Callable[[Any, Context], Reading]


READERS: dict[str, Reader] = {
    "csv": Reader(CsvOptions, read_csv),
    "history": Reader(HistoryOptions, read_history),
    "ledger": Reader(LedgerOptions, read_ledger),
    "log": Reader(LogOptions, read_logs),
    "prometheus": Reader(PrometheusOptions, read_prometheus),
}


class Source(NamedTuple):
    """A source whose options have been checked.

    Attributes:
        place: where the user wrote it.
    """

    type: str
    options: Any
    place: str

    def read(self, context: Context) -> Reading:
        """What it gives.

        Raises:
            InvalidInput: the options do not fit the source; ``parameter`` has the option and its place.
            SourceFailed: it cannot be read.
        """
        try:
            return READERS[self.type].read(self.options, context)
        except InvalidInput as error:
            raise InvalidInput(error.message, parameter=self._at(error.parameter), fix=error.fix) from None
        except SourceFailed as error:
            raise SourceFailed(error.message, parameter=self._at(error.parameter), fix=error.fix) from None

    def _at(self, parameter: str | None) -> str:
        return ".".join(one for one in (self.place, parameter) if one)


def check_source(given: Mapping[str, Any], place: str = "") -> Source:
    """A source as a user writes it: ``type``, and the options of that reader. Reads nothing.

    Args:
        place: what stands before an option's name in messages (``sources[2]``).

    Raises:
        InvalidInput: the type or an option is unknown, missing, or has no meaning.
    """
    at = f"{place}." if place else ""
    if not isinstance(given, Mapping):
        raise InvalidInput("must be a mapping with a type.", parameter=place or "source")
    kind = given.get("type")
    if kind not in READERS:
        said = "is required." if kind is None else f"'{kind}' is no type of source."
        raise InvalidInput(said, parameter=f"{at}type", fix=f"Choose one of: {', '.join(READERS)}.")
    rest = {name: value for name, value in given.items() if name != "type"}
    return Source(kind, read_options(READERS[kind].options, rest, place), place)
