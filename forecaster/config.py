# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings file of ``plan`` and ``backtest``: where telemetry is, and what each workload is to get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import yaml

from ..plugins.module_utils.model.errors import InvalidInput
from .inputs.options import Duration, read_options
from .inputs.registry import Source, check_source
from .inputs.source import zone_of
from .models.registry import chosen_names

_HOUR, _DAY, _FOUR_WEEKS, _NONE = Duration(3600), Duration(86_400), Duration(28 * 86_400), Duration(0)


@dataclass(frozen=True)
class WorkloadSettings:
    """What a workload is to get.

    Attributes:
        target_hit_rate: share of new instances that shall find a reserved address.
        quantile: instead of a hit rate: the quantile of the demand to reserve for.
        capacity: what one instance carries of a signal, in an interval; without, one instance is one where the signal
            ``instances`` is there, and is learned from load against instances where both are.
        signals: which signals count; without, those with a capacity, else ``instances``, else the only one.
        minimum, maximum: instances.
        headroom: added to the upper demand, as a share of it.
        lead_time: how long before its slot a reservation begins.
        hold: how long after its slot a reservation ends.
        replan: how often ``plan`` is run; the hit rate is reached over the slots up to the next run.
    """

    target_hit_rate: float = 0.95
    quantile: float | None = None
    capacity: Mapping[str, float] = field(default_factory=dict)
    signals: tuple[str, ...] | None = None
    minimum: int = 0
    maximum: int | None = None
    headroom: float = 0.0
    lead_time: Duration = _NONE
    hold: Duration = _NONE
    replan: Duration = _DAY
    prefix_length: int | None = None
    addresses: int | None = None
    family: Literal["ipv4", "ipv6"] | None = None
    location: str | None = None
    security_profile: str | None = None
    pools: tuple[str, ...] | None = None
    node: str | None = None

    def __post_init__(self) -> None:
        for name in ("target_hit_rate", "quantile"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise InvalidInput(f"{value:g} is not between 0 and 1.", parameter=name, fix="Write 0.95 for 95 %.")
        for signal, value in self.capacity.items():
            if value <= 0:
                raise InvalidInput(f"{value:g} is not above 0.", parameter=f"capacity.{signal}")
        if self.maximum is not None and self.maximum < self.minimum:
            raise InvalidInput("is less than minimum.", parameter="maximum")
        if self.prefix_length is not None and self.addresses is not None:
            raise InvalidInput("both prefix_length and addresses are given.", parameter="prefix_length")
        if self.headroom < 0:
            raise InvalidInput("is negative.", parameter="headroom")
        if self.addresses is not None and self.addresses < 1:
            raise InvalidInput("must be at least 1.", parameter="addresses")
        longest = 32 if self.family == "ipv4" else 128
        if self.prefix_length is not None and not 1 <= self.prefix_length <= longest:
            raise InvalidInput(f"{self.prefix_length} is no prefix length.", parameter="prefix_length")


@dataclass(frozen=True)
class _Top:
    """What stands at the top of the file, but for the mappings."""

    interval: Duration = _HOUR
    horizon: Duration = _DAY
    history: Duration = _FOUR_WEEKS
    zone: str = "UTC"
    models: tuple[str, ...] = ("fast",)
    state: Path | None = None
    only_listed: bool = False


@dataclass(frozen=True)
class Settings:
    """The whole file, checked.

    Attributes:
        workloads: by name, with the defaults filled in.
        defaults: of workloads that are not listed.
        only_listed: whether workloads that telemetry has and the file does not are left out.
    """

    interval: int
    slots: int
    history: int
    zone: str
    models: tuple[str, ...]
    state: Path | None
    only_listed: bool
    sources: tuple[Source, ...]
    defaults: WorkloadSettings
    workloads: dict[str, WorkloadSettings]

    def of(self, workload: str) -> WorkloadSettings:
        """What this workload is to get."""
        return self.workloads.get(workload, self.defaults)


def load_settings(path: Path) -> Settings:
    """Reads and checks a settings file; reads no telemetry. Paths in it are relative to the current folder.

    Raises:
        InvalidInput: it is no YAML, or an option is unknown, missing, or has no meaning.
    """
    try:
        given: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot read {path}: {error}.", parameter="--config") from None
    except yaml.YAMLError as error:
        raise InvalidInput(f"{path} is no YAML: {error}.", parameter="--config") from None
    if not isinstance(given, Mapping):
        raise InvalidInput(f"{path} is no mapping.", parameter="--config")
    return read_settings(given)


def read_settings(given: Mapping[str, Any]) -> Settings:
    """See `load_settings`."""
    rest = {name: value for name, value in given.items() if name not in ("sources", "defaults", "workloads")}
    known = {one.name for one in fields(_Top)}
    unknown = [str(name) for name in rest if name not in known]
    if unknown:
        fix = f"There are: sources, defaults, workloads, {', '.join(sorted(known))}."
        if unknown[0] in {one.name for one in fields(WorkloadSettings)}:
            fix = "It is an option of a workload: write it there, or in defaults."
        raise InvalidInput("there is no such option.", parameter=unknown[0], fix=fix)
    top = read_options(_Top, rest)
    zone_of(top.zone)
    sources = given.get("sources")
    if not isinstance(sources, list) or not sources:
        raise InvalidInput("must be a list of at least one source.", parameter="sources")
    slots = top.horizon // top.interval if top.interval else 0
    if not 1 <= slots <= 10_000:
        raise InvalidInput("must be 1 to 10000 intervals.", parameter="horizon")
    defaults = _of_workload(given.get("defaults"), "defaults")
    listed = _mapping(given.get("workloads"), "workloads")
    return Settings(
        interval=top.interval,
        slots=slots,
        history=top.history,
        zone=top.zone,
        models=chosen_names(list(top.models)),
        state=top.state,
        only_listed=top.only_listed,
        sources=tuple(check_source(one, f"sources[{place}]") for place, one in enumerate(sources)),
        defaults=read_options(WorkloadSettings, defaults, "defaults"),
        workloads={
            str(name): read_options(
                WorkloadSettings, {**defaults, **_of_workload(one, f"workloads.{name}")}, f"workloads.{name}"
            )
            for name, one in listed.items()
        },
    )


def _of_workload(given: Any, where: str) -> dict[str, Any]:
    found = _mapping(given, where)
    for name in ("sources", *(one.name for one in fields(_Top))):
        if name in found:
            fix = "It is no option of a workload: write it at the top of the file."
            raise InvalidInput("there is no such option.", parameter=f"{where}.{name}", fix=fix)
    return found


def _mapping(given: Any, where: str) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidInput("must be a mapping.", parameter=where)
    return {str(name): value for name, value in given.items()}
