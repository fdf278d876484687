# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments of ``shadownet-forecast report``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .cli_values import examples, write_text
from .say import Progress


def add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``report``."""
    made = commands.add_parser(
        "report",
        help="a plan as a page with plots",
        description="Makes a page (HTML, or Markdown with an SVG folder beside it) of what plan --report wrote.",
        **examples(
            "shadownet-forecast report plan.json -o plan.html",
            "shadownet-forecast report plan.json -o plan.md --workload web --workload db",
        ),
    )
    made.add_argument("plan", type=Path, metavar="PLAN.json", help="what plan --report wrote")
    made.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="a name with .html or .md")
    made.add_argument("--workload", action="append", metavar="NAME", help="only this one; can be given again")
    made.set_defaults(run=_report)


def _report(given: argparse.Namespace) -> int:
    from ..plugins.module_utils.model.errors import InvalidInput  # noqa: PLC0415
    from .report import as_html, as_markdown  # noqa: PLC0415

    try:
        document = json.loads(given.plan.read_text(encoding="utf-8"))
        workloads = document["workloads"]
        if document["version"] != 1 or not isinstance(workloads, dict):
            raise ValueError("of another version")
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{given.plan} is no report of a plan ({error}).", parameter="PLAN.json") from None
    if given.workload:
        unknown = [name for name in given.workload if name not in workloads]
        if unknown:
            fix = f"There are: {', '.join(sorted(workloads)) or 'none'}."
            raise InvalidInput(f"no workload '{unknown[0]}' in it.", parameter="--workload", fix=fix)
        document["workloads"] = {name: workloads[name] for name in given.workload}
    progress = Progress(len(document["workloads"]), "drawing")
    if given.output.suffix.lower() in (".html", ".htm"):
        write_text(as_html(document, progress.step), given.output)
        return 0
    if given.output.suffix.lower() != ".md":
        raise InvalidInput(f"'{given.output}' ends in neither .html nor .md.", parameter="--output")
    folder = given.output.with_name(f"{given.output.stem}_files")
    text, plots = as_markdown(document, folder.name, progress.step)
    if plots:
        folder.mkdir(exist_ok=True)
    for name, svg in plots.items():
        write_text(svg, folder / name)
    write_text(text, given.output)
    return 0
