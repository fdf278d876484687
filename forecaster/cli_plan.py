# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments of ``shadownet-forecast plan``."""

from __future__ import annotations

import argparse
import time
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from .cli_values import examples, moment, write_text
from .say import Progress, answer, say

if TYPE_CHECKING:
    from .config import Settings
    from .plan import Plan
    from .shared import Shared
    from .state import Memory

PARTLY = 3
"""Exit status when some workloads could not be predicted while the others were."""


def add_plan(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``plan`` and ``schema``."""
    made = commands.add_parser(
        "plan",
        help="what to reserve, as variables of the playbook reserve",
        description="Reads telemetry, forecasts every workload, and writes variables of the playbook reserve.",
        **examples(
            "shadownet-forecast plan --config forecast.yml -o reservations.yml --report plan.json",
            "shadownet-forecast plan --config forecast.yml --explain web",
            "shadownet-forecast plan --config forecast.yml --forecast-only -o plan.json",
        ),
    )
    made.add_argument("--config", type=Path, required=True, metavar="FILE", help="settings (YAML)")
    made.add_argument("-o", "--output", type=Path, metavar="FILE", help="the vars file (standard output)")
    made.add_argument("--report", type=Path, metavar="FILE", help="also write all that was decided, as JSON")
    made.add_argument("--forecast-only", action="store_true", help="write the JSON in place of variables; no state")
    made.add_argument("--explain", metavar="WORKLOAD", help="tell in words how this one's plan came about; no output")
    made.add_argument(
        "--feedback", type=Path, metavar="FILE", help="hits and misses by workload, from the ledger (JSON)"
    )
    made.add_argument("--dry-run", action="store_true", help="write the output, but leave the state as it is")
    made.add_argument("--now", type=moment, metavar="TIME", help="plan as if it were that time (ISO 8601)")
    made.set_defaults(run=_plan)
    made = commands.add_parser(
        "schema",
        help="print the JSON schema of the variables that plan writes",
        **examples("shadownet-forecast schema > reservations.schema.json"),
    )
    made.set_defaults(run=_schema)


def _schema(given: argparse.Namespace) -> int:
    from .reservations import SCHEMA  # noqa: PLC0415

    answer(SCHEMA.read_text(encoding="utf-8"))
    return 0


def _plan(given: argparse.Namespace) -> int:
    from .config import load_settings  # noqa: PLC0415
    from .demand import told  # noqa: PLC0415
    from .learning import ask_ledger, read_feedback, words  # noqa: PLC0415
    from .models.lstm_network import Training  # noqa: PLC0415
    from .plan import make_plan, planned_names, read_telemetry  # noqa: PLC0415
    from .shared import learn  # noqa: PLC0415
    from .state import load_state  # noqa: PLC0415

    settings = load_settings(given.config)
    now = time.time() if given.now is None else (given.now.replace(tzinfo=given.now.tzinfo or UTC)).timestamp()
    memories = load_state(settings.state)
    if given.feedback:
        learned = read_feedback(given.feedback, settings, memories)
    else:
        learned = ask_ledger(settings, memories, now)
    telemetry = read_telemetry(settings, now)
    names = planned_names(settings, telemetry)
    _check_named(given.explain, names)
    signals = [one for by_signal in telemetry.series.values() for one in by_signal.values()]
    shared = learn(settings.models, signals, Training(settings.slots), settings.state)
    telemetry.notes += shared.notes
    progress = Progress(len(names), "forecasting")
    plan = make_plan(settings, telemetry, now, memories, progress.step, learned, shared.learned)
    if given.explain is not None:
        (one,) = [one for one in plan.workloads if one.workload == given.explain]
        lines = told(one) + [f"Note: {text}." for text in words(one.workload, learned, memories.get(one.workload))]
        answer("\n".join(lines) + "\n")
        return 1 if one.refused else 0
    _write(given, plan, settings, memories, shared)
    if learned.failed:
        say(f"feedback not read: {learned.failed}")
    for name in learned.counted:
        for line in words(name, learned, memories.get(name)):
            say(f"{name}: {line}")
    return _said(plan)


def _check_named(workload: str | None, names: list[str]) -> None:
    from ..plugins.module_utils.model.errors import NotFound  # noqa: PLC0415

    if workload is not None and workload not in names:
        fix = f"There are: {', '.join(names) or 'none'}."
        raise NotFound(f"no workload '{workload}'.", parameter="--explain", fix=fix)


def _write(
    given: argparse.Namespace, plan: Plan, settings: Settings, memories: dict[str, Memory], shared: Shared
) -> None:
    from .learning import begin_counting  # noqa: PLC0415
    from .report_json import as_document, as_json  # noqa: PLC0415
    from .reservations import as_yaml, reservations  # noqa: PLC0415
    from .state import save_state  # noqa: PLC0415

    document = as_document(plan, settings, memories)
    if given.report:
        write_text(as_json(document), given.report)
    if given.forecast_only:
        write_text(as_json(document), given.output)
        return
    if len(plan.refused) == len(plan.workloads):
        # The variables of an earlier run are better than none.
        return
    write_text(as_yaml(reservations(plan, settings, memories)), given.output)
    if settings.state is not None and not given.dry_run:
        begin_counting(plan, settings, memories)
        save_state(settings.state, memories)
        shared.save(settings.state)


def _said(plan: Plan) -> int:
    """Says what went wrong; the exit status."""
    for failed in plan.telemetry.failed:
        say(f"source not read: {failed}")
    for name, why in plan.refused.items():
        say(f"{name}: not predicted. {why}")
    if not plan.workloads or len(plan.refused) == len(plan.workloads):
        say("no workload could be predicted")
        return 1
    return PARTLY if plan.refused or plan.telemetry.failed or plan.told.failed else 0
