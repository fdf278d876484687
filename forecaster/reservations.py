# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as variables of the playbook ``reserve``: what module ``reservation`` takes, in a stable order."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from ..plugins.module_utils.model.errors import ShadownetError
from .config import Settings
from .demand import WorkloadPlan
from .feedback import Running
from .plan import STAMP, Plan, reservation_name
from .state import Memory

SCHEMA = Path(__file__).with_name("reservations.schema.json")


class InvalidPlan(ShadownetError):
    """The variables do not fit their published schema: a defect of this program."""


def reservations(plan: Plan, settings: Settings, memories: dict[str, Memory]) -> list[dict[str, Any]]:
    """One reservation a workload and slot, by workload and time.

    A slot has the same name in every run, so that a later plan moves the reservation instead of adding one. A slot
    that an earlier run reserved for and this one does not is written with no instances, which gives its prefixes back,
    but for those that instances have: the ledger never takes these.
    """
    found = []
    for one in plan.workloads:
        if not one.refused:
            memory = memories.setdefault(one.workload, Memory())
            running = plan.told.running.get(one.workload)
            found += _of_workload(one, plan.now, settings, memory, running)
    return found


def _of_workload(
    plan: WorkloadPlan, now: float, settings: Settings, memory: Memory, running: Running | None
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    names: dict[str, int] = {}
    before = dict(memory.reserved)
    for start, additional in zip(plan.starts, plan.additional, strict=True):
        name, count = reservation_name(plan.workload, start), int(additional)
        if start.timestamp() <= now and running is not None:
            # What runs beside this reservation is known; those that came for it already are part of it.
            beside = running.total - running.of.get(name, 0)
            count = max(int(max(plan.upper[0], running.total)) - beside, 0)
        if count:
            names[name] = count
        if before.pop(name, 0) or count:
            found.append(_entry(plan, settings, name, start, count))
    for name in before:
        # What no slot of this plan stands for any more: the horizon is shorter, or slots begin at other times.
        begin = _start_of(name)
        if begin is not None and begin.timestamp() > now:
            found.append(_entry(plan, settings, name, begin, 0))
    memory.reserved = names
    return sorted(found, key=lambda one: str(one["name"]))


def _start_of(name: str) -> datetime | None:
    try:
        return datetime.strptime(name.rpartition("-")[2], STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _entry(plan: WorkloadPlan, settings: Settings, name: str, start: datetime, count: int) -> dict[str, Any]:
    wanted = settings.of(plan.workload)
    entry: dict[str, Any] = {"name": name, "workload": plan.workload, "instances": count}
    for option in ("prefix_length", "addresses", "family", "location", "security_profile", "pools", "node"):
        value = getattr(wanted, option)
        if value is not None:
            entry[option] = list(value) if isinstance(value, tuple) else value
    entry["starts_at"] = _text(start - timedelta(seconds=wanted.lead_time))
    entry["expires_at"] = _text(start + timedelta(seconds=settings.interval + wanted.hold))
    entry["confidence"] = plan.confidence
    entry["forecast_id"] = plan.forecast_id
    return entry


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def as_yaml(found: list[dict[str, Any]]) -> str:
    """The vars file; checked against the schema.

    Raises:
        InvalidPlan: it does not fit.
    """
    check({"shadow_reservations": found})
    head = "# Written by shadownet-forecast; ansible-playbook shadownet.ipam.reserve -e @THIS_FILE\n"
    return head + yaml.safe_dump({"shadow_reservations": found}, sort_keys=False, width=120)


def check(document: dict[str, Any]) -> None:
    """Whether `document` fits the published schema.

    Raises:
        InvalidPlan: it does not.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415  # only plans need it

    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    for error in Draft202012Validator(schema).iter_errors(document):
        raise InvalidPlan(f"{'.'.join(map(str, error.absolute_path))}: {error.message}")
