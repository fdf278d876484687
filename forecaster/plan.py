# SPDX-License-Identifier: GPL-3.0-or-later
"""``shadownet-forecast plan``: reads telemetry, forecasts every workload, and gives what is to be reserved."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..plugins.module_utils.ipam.parsing import check_name
from ..plugins.module_utils.model.errors import InvalidInput, ShadownetError
from .config import Settings, WorkloadSettings
from .demand import WorkloadPlan, plan_workload, remember
from .inputs.source import Context, SourceFailed
from .learning import Told
from .series import Findings, Points, Series
from .series_cleaning import Rules, clean_all
from .state import Memory, shift_of

STAMP = "%Y%m%dT%H%M%SZ"
"""How the beginning of a slot (UTC) stands in its reservation's name."""
_TEMPLATES = ("{{", "{%", "{#")
_FEW = 8
"""So many workloads are done sooner than another process has started."""
_NAMED = 10
"""So many workloads are named to one who asked for another."""


@dataclass
class Telemetry:
    """What the sources gave.

    Attributes:
        series: by workload and signal.
        refused: why a workload's signal has no series.
        failed: sources that could not be read.
    """

    series: dict[str, dict[str, Series]] = field(default_factory=dict)
    findings: dict[tuple[str, str], Findings] = field(default_factory=dict)
    refused: dict[tuple[str, str], str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Plan:
    """Everything that a run decided.

    Attributes:
        now: seconds since 1970.
        told: what became of earlier plans.
    """

    now: float
    workloads: list[WorkloadPlan]
    telemetry: Telemetry
    told: Told = field(default_factory=Told)

    @property
    def refused(self) -> dict[str, str]:
        """Workloads without a forecast, and why."""
        return {one.workload: one.refused for one in self.workloads if one.refused}


def read_telemetry(settings: Settings, now: float) -> Telemetry:
    """Reads all sources; one that fails, or whose options do not fit what it holds, is noted, and the others go on.

    Raises:
        SourceFailed: not one source could be read.
    """
    context = Context(now, settings.interval, settings.history)
    telemetry, table = Telemetry(), list[Points]()
    for source in settings.sources:
        try:
            reading = source.read(context)
        except (SourceFailed, InvalidInput) as error:
            telemetry.failed.append(str(error))
            continue
        table += reading.points
        met = [one.message for one in reading.findings]
        if met and not reading.points:
            telemetry.failed.append(" ".join([f"{source.place}: it gave nothing.", *met]))
        else:
            telemetry.notes += met
    if len(telemetry.failed) == len(settings.sources):
        raise SourceFailed("; ".join(telemetry.failed))
    rules = Rules(interval=settings.interval, now=now, zone=settings.zone, history=settings.history)
    cleaned = clean_all(table, rules)
    telemetry.findings, telemetry.refused = cleaned.findings, cleaned.refused
    for one in cleaned.series:
        telemetry.series.setdefault(one.workload, {})[one.signal] = one
    return telemetry


def reservation_name(workload: str, start: datetime) -> str:
    """The same for a workload and slot in every run; `start` is the slot's beginning."""
    return f"{workload}-{start.astimezone(UTC):{STAMP}}"


def planned_names(settings: Settings, telemetry: Telemetry) -> list[str]:
    """Workloads that a plan tells of, in order: those that are listed, and (unless only these are wanted) all others
    that telemetry has, usable or not."""
    names = set(settings.workloads)
    if not settings.only_listed:
        names |= set(telemetry.series) | {workload for workload, _signal in telemetry.refused}
    return sorted(names)


@dataclass(frozen=True)
class _Task:
    workload: str
    wanted: WorkloadSettings
    series: dict[str, Series]
    slots: int
    models: tuple[str, ...]
    shifts: dict[str, float]
    refused: str
    learned: Mapping[str, Any]
    fed: float


def make_plan(
    settings: Settings,
    telemetry: Telemetry,
    now: float,
    memories: dict[str, Memory],
    step: Callable[[], None] = lambda: None,
    told: Told | None = None,
    learned: Mapping[str, Any] | None = None,
) -> Plan:
    """Plans every workload; one that cannot be predicted is refused with its reason, and the others go on.

    Args:
        memories: what earlier runs stated; is checked, and gets what this run states.
        step: called after each workload.
        told: what became of earlier plans; the memories were corrected by it already.
        learned: what models have learned from all workloads together (`shared.learn`).
    """
    tasks = [_task(name, settings, telemetry, memories, learned or {}) for name in planned_names(settings, telemetry)]
    plans = []
    for plan in _each(tasks):
        remember(plan, memories)
        plans.append(plan)
        step()
    return Plan(now, plans, telemetry, told or Told())


def _task(
    name: str, settings: Settings, telemetry: Telemetry, memories: dict[str, Memory], learned: Mapping[str, Any]
) -> _Task:
    series = telemetry.series.get(name, {})
    fed = memories[name].fed if name in memories else 0.0
    shifts = {}
    for signal, one in series.items():
        memory = memories.get(f"{name}/{signal}")
        if memory is not None:
            memory.check(one)
        shifts[signal] = shift_of(memory, memories.get(name))
    wrong = refused_name(name)
    if wrong:
        return _Task(name, settings.of(name), {}, settings.slots, settings.models, shifts, wrong, learned, fed)
    why = "; ".join(f"{signal}: {text}" for (one, signal), text in telemetry.refused.items() if one == name)
    if not series and not why:
        others = sorted(telemetry.series)
        more = " and others" if len(others) > _NAMED else ""
        has = f" They have: {', '.join(others[:_NAMED])}{more}." if others else ""
        why = f"No source has it.{has}"
    return _Task(name, settings.of(name), series, settings.slots, settings.models, shifts, why, learned, fed)


def refused_name(workload: str) -> str:
    """Why nothing is written of a workload of that name; empty where it is one.

    Names come from labels and from paths that anybody may ask a server for, and the variables go to Ansible, which runs
    templates in them.
    """
    if any(mark in workload for mark in _TEMPLATES):
        return "Its name is a template, which Ansible would run."
    try:
        check_name(reservation_name(workload, datetime.fromtimestamp(0, UTC)), "name")
    except InvalidInput as error:
        return f"The ledger takes no such name: {error.message}"
    return ""


def _each(tasks: list[_Task]) -> Iterator[WorkloadPlan]:
    workers = min(len(os.sched_getaffinity(0)), len(tasks))
    if len(tasks) < _FEW or workers < 2:
        yield from map(_run, tasks)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(_run, tasks, chunksize=max(min(len(tasks) // (workers * 4), 16), 1))


def _run(task: _Task) -> WorkloadPlan:
    if not task.series:
        return WorkloadPlan(task.workload, refused=task.refused)
    try:
        plan = plan_workload(
            task.workload, task.wanted, task.series, task.slots, task.models, task.shifts, task.learned, task.fed
        )
    except ShadownetError as error:
        return WorkloadPlan(task.workload, refused=str(error))
    except Exception as error:  # noqa: BLE001, what nobody thought of in one workload must not cost the others theirs
        return WorkloadPlan(task.workload, refused=f"unexpected {type(error).__name__}: {error}")
    if task.refused:
        plan.reasons.append(f"left out: {task.refused}")
    return plan
